package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.sgx.SgxRig.AEP;
import static redoubt.sgx.SgxRig.BASE;
import static redoubt.sgx.SgxRig.PAGEINFO;
import static redoubt.sgx.SgxRig.address;
import static redoubt.sgx.SgxRig.faultOf;

import org.junit.jupiter.api.Test;
import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;
import redoubt.cpu.Engine;
import redoubt.cpu.Flags;

class EnclaveExecutionTest {
    private static final long MODE64 = Attributes.MODE64BIT;
    private static final long DATA = BASE + 0x3000;
    private static final long CODE = BASE + 0x4000;

    private final SgxRig rig = new SgxRig().standardEnclave(MODE64);
    private final Cpu c = rig.c;

    @Test
    void enteringSwitchesToTheEnclaveAndLeavingRestores() {
        c.r[4] = 0x7000;
        c.r[5] = 0x7100;
        c.segmentBase(4, 0x1234);
        c.segmentBase(5, 0x5678);
        c.selector[4] = 0x53;
        c.flags |= Flags.TF;
        rig.eenter(0);
        assertThat(rig.unit.inEnclave()).isTrue();
        assertThat(c.rip).isEqualTo(CODE);
        assertThat(c.r[0]).isZero();
        assertThat(c.r[1]).isEqualTo(AEP + 3);
        assertThat(c.segmentBase[4]).isEqualTo(BASE);
        assertThat(c.selector[4]).isEqualTo(0x0B);
        assertThat(c.flags & Flags.TF).isZero();
        assertThat(faultOf(() -> rig.eenter(0x5000))).isEqualTo("#GP");
        c.r[4] = 0x9999;
        rig.eexit();
        assertThat(rig.unit.inEnclave()).isFalse();
        assertThat(c.rip).isEqualTo(AEP + 0x100);
        assertThat(c.r[1]).isEqualTo(AEP);
        assertThat(c.r[4]).isEqualTo(0x9999);
        assertThat(c.segmentBase[4]).isEqualTo(0x1234);
        assertThat(c.segmentBase[5]).isEqualTo(0x5678);
        assertThat(c.selector[4]).isEqualTo(0x53);
        assertThat(c.flags & Flags.TF).isNotZero();
        assertThat(faultOf(() -> rig.enclu(4, 0, 0, 0))).isEqualTo("#GP");
    }

    @Test
    void onlyTheEnclaveSeesItsPages() {
        c.cpl(3);
        rig.store(DATA, 7);
        assertThat(rig.load(DATA)).isEqualTo(-1);
        rig.eenter(0);
        assertThat(rig.load(DATA)).isZero();
        rig.store(DATA, 0x4242);
        assertThat(rig.load(DATA)).isEqualTo(0x4242);
        rig.eexit();
        assertThat(rig.load(DATA)).isEqualTo(-1);
    }

    /** Sets a page table entry without telling the processor: only a flush makes it see the new one. */
    private void mapBehindItsBack(long offset, long entry) {
        rig.put(0x103000 + (offset >> 12) * 8, entry);
    }

    @Test
    void entryAndExitKeepTheTranslationsOfBothSides() {
        long outside = BASE + 0x20000;
        c.cpl(3);
        mapBehindItsBack(0x20000, SgxRig.SOURCE | 7);
        rig.load(outside);
        rig.eenter(0);
        rig.load(DATA);
        rig.eexit();
        mapBehindItsBack(0x20000, 0);
        mapBehindItsBack(0x3000, 0);
        rig.load(outside);
        rig.eenter(0);
        rig.load(DATA);
        assertThat(faultOf(() -> rig.load(outside))).isEqualTo("#PF 4 100020000"); // of this side: never translated
    }

    @Test
    void aPageBlockedWhileNobodyIsInsideIsGoneAtTheNextEntry() {
        c.cpl(3);
        rig.eenter(0);
        rig.load(DATA);
        rig.eexit();
        assertThat(rig.encls(9, 0, address(4), 0)).isZero(); // EBLOCK
        c.cpl(3);
        rig.eenter(0);
        assertThat(faultOf(() -> rig.load(DATA))).isEqualTo("#PF 8005 100003000");
    }

    @Test
    void theEpcMapForbidsWhatItDoesNotGrant() {
        rig.eenter(0);
        assertThat(faultOf(() -> rig.store(CODE, 1))).isEqualTo("#PF 8007 100004000");
        assertThat(faultOf(() -> rig.unit.epcHostAddress(c, DATA, 4, EnclaveUnit.FETCH)))
                .isEqualTo("#PF 8015 100003000");
        assertThat(faultOf(() -> rig.load(BASE + 8))).isEqualTo("#PF 8005 100000008");
        rig.map(0x3000, 2); // the operating system maps another page of the enclave here
        assertThat(faultOf(() -> rig.load(DATA))).isEqualTo("#PF 8005 100003000");
        rig.map(0x3000, -1);
        assertThat(faultOf(() -> rig.load(DATA))).isEqualTo("#PF 4 100003000");
    }

    @Test
    void initLeavesTheEnclaveByAnAsynchronousExitFirst() {
        rig.eenter(0);
        c.r[8] = 0x77;
        c.rip = CODE + 0x33;
        c.signalInit();
        new Engine(c).run(1);
        assertThat(rig.unit.inEnclave()).isFalse();
        assertThat(Host.get64(rig.epc.host(2) + 4096 - 184 + Gprsgx.RIP)).isEqualTo(CODE + 0x33);
        assertThat(Host.get64(rig.epc.host(2) + 4096 - 184 + 8 * 8)).isEqualTo(0x77); // R8
        assertThat(Host.get32(rig.epc.host(1) + Tcs.CSSA)).isEqualTo(1);
        assertThat(c.r[8]).isZero();
        assertThat(c.cr0).isEqualTo(0x10);
    }

    @Test
    void anAsynchronousExitHidesTheStateAndResumingRestoresIt() {
        c.r[4] = 0x7000;
        c.r[5] = 0x7100;
        rig.eenter(0);
        for (int i = 0; i < 16; i++) {
            c.r[i] = 0x1000L + i;
        }
        c.x[0] = 0xABCD;
        c.mxcsr = 0x1F81;
        c.rip = CODE + 0x33;
        c.rflags(Flags.CF | Flags.DF | Flags.IF);
        c.segmentBase(5, 0x777000);
        rig.unit.asynchronousExit(c, 14, 0x8007, DATA + 5);
        assertThat(rig.unit.inEnclave()).isFalse();
        assertThat(c.r[0]).isEqualTo(3);
        assertThat(c.r[3]).isEqualTo(BASE);
        assertThat(c.r[1]).isEqualTo(AEP);
        assertThat(c.rip).isEqualTo(AEP);
        assertThat(c.r[4]).isEqualTo(0x7000);
        assertThat(c.r[5]).isEqualTo(0x7100);
        assertThat(new long[] {c.r[2], c.r[6], c.r[7], c.r[8], c.r[15]}).containsOnly(0);
        assertThat(c.x[0]).isZero();
        assertThat(c.mxcsr).isEqualTo(0x1FB0);
        assertThat(c.rflags() & (Flags.CF | Flags.DF)).isEqualTo(Flags.DF);
        long frame = rig.epc.host(2);
        assertThat(Host.get64(frame + 4096 - 184 + Gprsgx.RIP)).isEqualTo(CODE + 0x33);
        assertThat(Host.get32(frame + 4096 - 184 + Gprsgx.EXITINFO)).isZero(); // MISCSELECT.EXINFO is off
        assertThat(Host.get32(rig.epc.host(1) + Tcs.CSSA)).isEqualTo(1);

        c.rip = AEP + 3;
        rig.enclu(3, BASE, AEP, 0);
        for (int i = 0; i < 16; i++) {
            assertThat(c.r[i]).isEqualTo(0x1000 + i);
        }
        assertThat(c.x[0]).isEqualTo(0xABCD);
        assertThat(c.mxcsr).isEqualTo(0x1F81);
        assertThat(c.rip).isEqualTo(CODE + 0x33);
        assertThat(c.rflags() & (Flags.CF | Flags.DF)).isEqualTo(Flags.CF | Flags.DF);
        assertThat(c.segmentBase[5]).isEqualTo(0x777000);
        assertThat(Host.get32(rig.epc.host(1) + Tcs.CSSA)).isZero();
    }

    @Test
    void anAsynchronousExitKeepsTheUpperHalvesOfAnEnclaveWithAvx() {
        SgxRig avx = new SgxRig(SgxCapabilities.standard(7), "boot");
        Cpu cpu = avx.c;
        cpu.xcr0 = 7;
        avx.standardEnclave(MODE64, 7);
        cpu.x[4 * 15 + 3] = 0x77;
        avx.eenter(0);
        assertThat(cpu.xcr0).isEqualTo(7);
        for (int i = 0; i < 64; i++) {
            cpu.x[i] = 0x5000L + i;
        }
        avx.unit.asynchronousExit(cpu, -1, 0, 0);
        assertThat(java.util.Arrays.copyOf(cpu.x, 64)).containsOnly(0);
        long xsave = avx.epc.host(2);
        assertThat(Host.get64(xsave + XsaveArea.XSTATE_BV) & 6).isEqualTo(6);
        assertThat(Host.get64(xsave + 576 + 16 * 15 + 8)).isEqualTo(0x503F); // YMM_Hi128: SDM vol. 1, 13.5.3
        cpu.rip = AEP + 3;
        avx.enclu(3, BASE, AEP, 0);
        for (int i = 0; i < 64; i++) {
            assertThat(cpu.x[i]).isEqualTo(0x5000 + i);
        }
    }

    @Test
    void anEnclaveWithoutAvxCannotUseItAndNeedsItNotEnabled() {
        c.xcr0 = 7;
        rig.eenter(0);
        assertThat(faultOf(c::checkAvx)).isEqualTo("#UD");
        rig.eexit();
        assertThat(faultOf(c::checkAvx)).isEqualTo("none");
        SgxRig avx = new SgxRig(SgxCapabilities.standard(7), "boot");
        avx.standardEnclave(MODE64, 7);
        assertThat(faultOf(() -> avx.eenter(0))).isEqualTo("#GP"); // XCR0 is 3
    }

    @Test
    void theExitInformationNamesTheException() {
        for (int[] row : new int[][] {{6, 0x80000306}, {0, 0x80000300}, {3, 0x80000603}, {-1, 0}, {13, 0}, {7, 0}}) {
            SgxRig fresh = new SgxRig().standardEnclave(MODE64);
            fresh.eenter(0);
            fresh.unit.asynchronousExit(fresh.c, row[0], 0, 0);
            assertThat(Host.get32(fresh.epc.host(2) + 4096 - 184 + Gprsgx.EXITINFO))
                    .as("vector %d", row[0])
                    .isEqualTo(row[1]);
        }
    }

    @Test
    void aThreadThatIsInsideOrHasNoFrameLeftCannotBeEntered() {
        rig.eenter(0x5000);
        rig.unit.asynchronousExit(c, -1, -1, 0);
        assertThat(faultOf(() -> rig.eenter(0x5000))).isEqualTo("#GP"); // NSSA is 1
        rig.eenter(0);
        SgxUnit other = new SgxUnit(rig.platform);
        rig.unit.asynchronousExit(c, -1, -1, 0);
        rig.enclu(3, BASE, AEP, 0);
        c.enclave = other;
        assertThat(faultOf(() -> {
                    c.r[0] = 3;
                    c.r[3] = BASE;
                    other.enclu(c);
                }))
                .isEqualTo("#GP");
    }

    @Test
    void evictionWaitsForThreadsThatMaySeeThePage() {
        rig.eenter(0);
        SgxUnit inside = rig.unit;
        SgxUnit outside = new SgxUnit(rig.platform);
        c.enclave = outside;
        c.cpl(0);
        c.r[0] = 9;
        c.r[1] = address(4);
        outside.encls(c);
        rig.enclsElsewhere(outside, 0xA, 3, address(30), 0);
        rig.pageInfo(0, SgxRig.BACKING, SgxRig.PCMD, 0);
        assertThat(rig.enclsElsewhere(outside, 3, 0, address(4), 0)).isEqualTo(ErrorCode.ENCLAVE_ACT);
        assertThat(rig.enclsElsewhere(outside, 0xB, PAGEINFO, address(4), address(30)))
                .isEqualTo(ErrorCode.NOT_TRACKED);
        assertThat(rig.enclsElsewhere(outside, 0xC, 0, address(0), 0)).isZero();
        assertThat(rig.enclsElsewhere(outside, 0xC, 0, address(0), 0)).isEqualTo(ErrorCode.PREV_TRK_INCMPL);
        assertThat(rig.enclsElsewhere(outside, 0xB, PAGEINFO, address(4), address(30)))
                .isEqualTo(ErrorCode.NOT_TRACKED);
        c.enclave = inside;
        c.cpl(3);
        inside.asynchronousExit(c, -1, -1, 0);
        assertThat(rig.encls(0xB, PAGEINFO, address(4), address(30))).isZero();
    }

    @Test
    void aReportVerifiesWithTheTargetsKeyOnly() {
        rig.eenter(0);
        byte[] target = new byte[512];
        long secs = rig.epc.host(0);
        System.arraycopy(Host.bytes(secs + Secs.MRENCLAVE, 32), 0, target, TargetInfo.MEASUREMENT, 32);
        System.arraycopy(Host.bytes(secs + Secs.ATTRIBUTES, 16), 0, target, TargetInfo.ATTRIBUTES, 16);
        Operands.write(c, DATA, target);
        rig.store(DATA + 0x200, 0x1234567);
        rig.enclu(0, DATA, DATA + 0x200, DATA + 0x400);
        byte[] report = Operands.read(c, DATA + 0x400, Report.SIZE);
        assertThat(Bytes.get64(report, Report.REPORTDATA)).isEqualTo(0x1234567);
        assertThat(Bytes.get64(report, Report.ATTRIBUTES)).isEqualTo(MODE64 | Attributes.INIT);
        assertThat(Bytes.get16(report, Report.ISVSVN)).isEqualTo(3);
        byte[] request = new byte[512];
        Bytes.put16(request, KeyRequest.KEYNAME, KeyRequest.REPORT_KEY);
        System.arraycopy(report, Report.KEYID, request, KeyRequest.KEYID, 32);
        assertThat(key(rig, request)).isEqualTo(0);
        byte[] key = Operands.read(c, DATA + 0x800, 16);
        assertThat(Cmac.mac(key, report, Report.MACED)).isEqualTo(Bytes.slice(report, Report.MAC, 16));

        target[0] ^= 1;
        Operands.write(c, DATA, target);
        rig.enclu(0, DATA, DATA + 0x200, DATA + 0x400);
        byte[] forAnother = Operands.read(c, DATA + 0x400, Report.SIZE);
        assertThat(Cmac.mac(key, forAnother, Report.MACED)).isNotEqualTo(Bytes.slice(forAnother, Report.MAC, 16));
        rig.store(DATA + 128, 1);
        assertThat(faultOf(() -> rig.enclu(0, DATA, DATA + 0x200, DATA + 0x400)))
                .isEqualTo("#GP");
        assertThat(faultOf(() -> rig.enclu(0, DATA, DATA + 0x200, CODE))).isEqualTo("#GP");
    }

    private static long key(SgxRig rig, byte[] request) {
        Operands.write(rig.c, DATA + 0xA00, request);
        return rig.enclu(1, DATA + 0xA00, DATA + 0x800, 0);
    }

    private static byte[] sealKey(SgxRig rig, int policy, int svn) {
        byte[] request = new byte[512];
        Bytes.put16(request, KeyRequest.KEYNAME, KeyRequest.SEAL_KEY);
        Bytes.put16(request, KeyRequest.KEYPOLICY, policy);
        Bytes.put16(request, KeyRequest.ISVSVN, svn);
        assertThat(key(rig, request)).isZero();
        return Operands.read(rig.c, DATA + 0x800, 16);
    }

    @Test
    void aSealKeySurvivesARebootAndDependsOnIdentityAndVersion() {
        SgxRig rebooted = new SgxRig(SgxCapabilities.standard(3), "another boot").standardEnclave(MODE64);
        SgxRig debug = new SgxRig().standardEnclave(MODE64 | Attributes.DEBUG);
        rig.eenter(0);
        rebooted.eenter(0);
        debug.eenter(0);
        assertThat(sealKey(rebooted, 1, 3)).isEqualTo(sealKey(rig, 1, 3));
        assertThat(sealKey(debug, 1, 3)).isNotEqualTo(sealKey(rig, 1, 3));
        assertThat(sealKey(rig, 2, 3)).isNotEqualTo(sealKey(rig, 1, 3));
        assertThat(sealKey(rig, 1, 2)).isNotEqualTo(sealKey(rig, 1, 3));
        assertThat(rebooted.platform.reportKeyId).isNotEqualTo(rig.platform.reportKeyId);
        byte[] request = new byte[512];
        Bytes.put16(request, KeyRequest.KEYNAME, KeyRequest.SEAL_KEY);
        Bytes.put16(request, KeyRequest.ISVSVN, 4);
        assertThat(key(rig, request)).isEqualTo(ErrorCode.INVALID_ISVSVN);
        Bytes.put16(request, KeyRequest.KEYNAME, KeyRequest.PROVISION_KEY);
        assertThat(key(rig, request)).isEqualTo(ErrorCode.INVALID_ATTRIBUTE);
        Bytes.put16(request, KeyRequest.KEYNAME, 5);
        assertThat(key(rig, request)).isEqualTo(ErrorCode.INVALID_KEYNAME);
    }

    @Test
    void anAugmentedPageIsUsableOnceAccepted() {
        rig.pageInfo(BASE + 0x8000, 0, 0, address(0));
        rig.encls(0xD, PAGEINFO, address(42), 0);
        rig.map(0x8000, 42);
        rig.eenter(0);
        assertThat(faultOf(() -> rig.store(BASE + 0x8000, 1))).isEqualTo("#PF 8007 100008000");
        rig.store(DATA, 0x203 | Epc.PENDING);
        assertThat(rig.enclu(5, DATA, BASE + 0x8000, 0)).isZero();
        rig.store(BASE + 0x8000, 1);
        assertThat(rig.enclu(5, DATA, BASE + 0x8000, 0)).isEqualTo(ErrorCode.PAGE_ATTRIBUTES_MISMATCH);
    }

    @Test
    void restrictingPermissionsNeedsTrackingAndExtendingThemDoesNot() {
        rig.secinfo(1);
        assertThat(rig.encls(0xE, SgxRig.SECINFO, address(4), 0)).isZero();
        rig.map(0x8000, 7); // only to have another writable page: wrong address, so not usable
        rig.eenter(0);
        long ssa = BASE + 0x6000;
        rig.store(ssa, 0x201 | Epc.PR);
        assertThat(rig.enclu(5, ssa, DATA, 0)).isEqualTo(ErrorCode.NOT_TRACKED);
        rig.eexit();
        assertThat(rig.encls(0xC, 0, address(0), 0)).isZero();
        rig.eenter(0);
        assertThat(rig.enclu(5, ssa, DATA, 0)).isZero();
        assertThat(rig.load(DATA)).isZero();
        assertThat(faultOf(() -> rig.store(DATA, 1))).isEqualTo("#PF 8007 100003000");
        rig.store(ssa, 0x203);
        rig.enclu(6, ssa, DATA, 0);
        rig.store(DATA, 1);
        assertThat(rig.load(DATA)).isEqualTo(1);
    }

    @Test
    void aTrimmedPageCanBeRemovedWhileThreadsAreInside() {
        rig.secinfo(0x400);
        assertThat(rig.encls(0xF, SgxRig.SECINFO, address(4), 0)).isZero();
        assertThat(rig.encls(0xC, 0, address(0), 0)).isZero();
        rig.eenter(0);
        assertThat(faultOf(() -> rig.load(DATA))).isEqualTo("#PF 8005 100003000");
        long ssa = BASE + 0x6000;
        rig.store(ssa, 0x400 | Epc.MODIFIED);
        assertThat(rig.enclu(5, ssa, DATA, 0)).isZero();
        assertThat(faultOf(() -> rig.load(DATA))).isEqualTo("#PF 8005 100003000");
        SgxUnit outside = new SgxUnit(rig.platform);
        assertThat(rig.enclsElsewhere(outside, 3, 0, address(4), 0)).isZero();
        assertThat(rig.enclsElsewhere(outside, 3, 0, address(7), 0)).isEqualTo(ErrorCode.ENCLAVE_ACT);
    }

    @Test
    void acceptCopyFillsAPendingPage() {
        rig.pageInfo(BASE + 0x8000, 0, 0, address(0));
        rig.encls(0xD, PAGEINFO, address(42), 0);
        rig.map(0x8000, 42);
        rig.eenter(0);
        rig.store(DATA + 8, 0x99);
        long ssa = BASE + 0x6000;
        rig.store(ssa, 0x205);
        assertThat(rig.enclu(7, ssa, BASE + 0x8000, DATA)).isZero();
        assertThat(rig.load(BASE + 0x8008)).isEqualTo(0x99);
        assertThat(rig.epc.permissions(42)).isEqualTo(Epc.R | Epc.X);
        assertThat(rig.enclu(7, ssa, BASE + 0x8000, DATA)).isEqualTo(ErrorCode.PAGE_ATTRIBUTES_MISMATCH);
    }

    @Test
    void decrementingTheFrameIndexGoesBackToTheInterruptedFrame() {
        rig.eenter(0);
        assertThat(faultOf(() -> rig.enclu(9, 0, 0, 0))).isEqualTo("#GP");
        rig.unit.asynchronousExit(c, 6, -1, 0);
        rig.eenter(0);
        assertThat(c.r[0]).isEqualTo(1);
        rig.enclu(9, 0, 0, 0);
        assertThat(Host.get32(rig.epc.host(1) + Tcs.CSSA)).isZero();
        c.rip = CODE + 0x77;
        rig.unit.asynchronousExit(c, -1, -1, 0);
        assertThat(Host.get64(rig.epc.host(2) + 4096 - 184 + Gprsgx.RIP)).isEqualTo(CODE + 0x77);
    }
}
