package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.sgx.SgxRig.BASE;
import static redoubt.sgx.SgxRig.PAGEINFO;
import static redoubt.sgx.SgxRig.address;
import static redoubt.sgx.SgxRig.faultOf;

import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import redoubt.cpu.Flags;

class EnclsLeafTest {
    private static final long MODE64 = Attributes.MODE64BIT;
    private static final long DEBUG64 = Attributes.MODE64BIT | Attributes.DEBUG;

    static List<Vectors.Case> cases() {
        return Vectors.cases().stream().filter(c -> c.size() < 1L << 36).toList();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void theLeavesMeasureAsTheVectorsSay(Vectors.Case vector) {
        SgxRig rig = new SgxRig();
        byte[] secs = SgxRig.secs(MODE64);
        Bytes.put64(secs, Secs.SIZE, vector.size());
        Bytes.put32(secs, Secs.SSAFRAMESIZE, vector.ssaFrameSize());
        rig.ecreate(0, secs);
        java.util.Map<Long, Integer> pages = new java.util.HashMap<>();
        for (Vectors.Step step : vector.steps()) {
            long page = step.offset() & -4096;
            if (step.content() == null) {
                byte[] content = vector.steps().stream()
                        .filter(s -> s.content() != null && (s.offset() & -4096) == page)
                        .findFirst()
                        .map(Vectors.Step::content)
                        .orElse(new byte[4096]);
                int number = pages.size() + 1;
                pages.put(page, number);
                rig.eadd(0, number, page, step.flags(), content);
            } else {
                rig.encls(
                        6,
                        address(0),
                        address(java.util.Objects.requireNonNull(pages.get(page))) + (step.offset() & 4095),
                        0);
            }
        }
        assertThat(HexFormat.of().formatHex(Measurement.load(rig.epc.host(0)).digest()))
                .isEqualTo(vector.mrenclave());
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0x11000", // SIZE not a power of two
        "0, 0x1000", // SIZE too small
        "0, 0x1000000000", // SIZE of the maximum
        "8, 0x100001000", // BASEADDR not aligned to SIZE
        "8, 0x800000000000", // BASEADDR not canonical
        "16, 0", // SSA frame too small
        "20, 2", // MISCSELECT not supported
        "48, 5", // INIT
        "48, 0x44", // CET
        "56, 1", // XFRM without SSE
        "56, 7", // XFRM beyond CPUID
        "96, 1",
        "192, 1", // CONFIGID without KSS
        "4088, 1"
    })
    void ecreateRefusesAnIllegalSecs(int offset, String value) {
        SgxRig rig = new SgxRig();
        byte[] secs = SgxRig.secs(MODE64);
        if (offset == 16 || offset == 20) {
            Bytes.put32(secs, offset, Integer.decode(value));
        } else {
            Bytes.put64(secs, offset, Long.decode(value));
        }
        assertThat(faultOf(() -> rig.ecreate(0, secs))).isEqualTo("#GP");
        assertThat(rig.epc.valid(0)).isFalse();
    }

    @Test
    void anOperandOutsideEpcOrInUseFaultsWithTheSgxBitAndItsFullAddress() {
        SgxRig rig = new SgxRig();
        rig.pageInfo(0, SgxRig.SOURCE, SgxRig.SECINFO, 0);
        assertThat(faultOf(() -> rig.encls(0, PAGEINFO, 0x20000, 0))).isEqualTo("#PF 8003 20000");
        assertThat(faultOf(() -> rig.encls(0xA, 3, address(SgxRig.EPC_PAGES), 0)))
                .isEqualTo("#PF 8003 40040000");
        assertThat(rig.encls(0xA, 3, address(2), 0)).isEqualTo(0xA);
        assertThat(faultOf(() -> rig.encls(0xA, 3, address(2), 0))).isEqualTo("#PF 8003 40002000");
        assertThat(faultOf(() -> rig.encls(0xA, 2, address(3), 0))).isEqualTo("#GP");
        assertThat(faultOf(() -> rig.encls(0xA, 3, address(3) + 8, 0))).isEqualTo("#GP");
    }

    @Test
    void leavesAreCountedUnlessTheyFault() {
        SgxRig rig = new SgxRig();
        rig.encls(0xA, 3, address(2), 0);
        assertThat(faultOf(() -> rig.encls(0xA, 3, address(2), 0))).startsWith("#PF");
        SgxUsage one = rig.platform.usage();
        assertThat(one.validPages()).isEqualTo(1);
        assertThat(one.encls(0xA)).isEqualTo(1);
        rig.encls(SgxUsage.EREMOVE, 0, address(2), 0);
        SgxUsage none = rig.platform.usage();
        assertThat(none.validPages()).isZero();
        assertThat(none.encls(SgxUsage.EREMOVE)).isEqualTo(1);
        assertThat(none.enclu(SgxUsage.ERESUME)).isZero();
    }

    @Test
    void theCommonChecksComeInOrder() {
        SgxRig rig = new SgxRig();
        assertThat(faultOf(() -> rig.encls(0x10, 0, 0, 0))).isEqualTo("#GP");
        rig.c.msrs.set(0x3A, 1);
        assertThat(faultOf(() -> rig.encls(3, 0, address(0), 0))).isEqualTo("#GP");
        boolean[] asked = new boolean[1];
        rig.unit.intercept((c, leaf) -> asked[0] = leaf == 3);
        rig.encls(3, 0, address(0), 0);
        assertThat(asked[0]).isTrue();
        rig.unit.intercept(null);
        rig.c.cpl(3);
        assertThat(faultOf(() -> rig.unit.encls(rig.c))).isEqualTo("#UD");
        rig.c.cr0 |= 8;
        assertThat(faultOf(() -> rig.enclu(2, 0, 0, 0))).isEqualTo("#NM");
        SgxRig none = new SgxRig(new SgxCapabilities(0, 0, 0, 0, 0), "boot");
        assertThat(faultOf(() -> none.encls(3, 0, address(0), 0))).isEqualTo("#UD");
        SgxRig first = new SgxRig(new SgxCapabilities(1, 0, 0x241F, 0x36, 3), "boot");
        assertThat(faultOf(() -> first.encls(0xD, PAGEINFO, address(0), 0))).isEqualTo("#GP");
    }

    @Test
    void eremoveCountsChildren() {
        SgxRig rig = new SgxRig().standardEnclave(MODE64);
        assertThat(rig.encls(3, 0, address(20), 0)).isZero();
        assertThat(rig.encls(3, 0, address(0), 0)).isEqualTo(ErrorCode.CHILD_PRESENT);
        assertThat(rig.c.rflags() & Flags.ZF).isNotZero();
        for (int i = 1; i <= 7; i++) {
            assertThat(rig.encls(3, 0, address(i), 0)).isZero();
            assertThat(rig.c.rflags() & Flags.ZF).isZero();
        }
        assertThat(rig.encls(3, 0, address(0), 0)).isZero();
        assertThat(rig.epc.valid(0)).isFalse();
    }

    @Test
    void einitGivesTheCodeOfTheFirstFailingCheck() {
        SgxRig rig = new SgxRig();
        rig.ecreate(0, SgxRig.secs(MODE64));
        byte[] good = rig.sign(0, MODE64);
        byte[] broken = good.clone();
        broken[24] = 0;
        assertThat(rig.einit(0, broken)).isEqualTo(ErrorCode.INVALID_SIG_STRUCT);
        broken = good.clone();
        broken[Sigstruct.ISVSVN] ^= 1;
        assertThat(rig.einit(0, broken)).isEqualTo(ErrorCode.INVALID_SIGNATURE);
        assertThat(rig.einit(0, SgxRig.sign(new byte[32], MODE64, 0, 0))).isEqualTo(ErrorCode.INVALID_MEASUREMENT);
        assertThat(rig.einit(0, rig.sign(0, DEBUG64))).isEqualTo(ErrorCode.INVALID_ATTRIBUTE);
        byte[] measurement = Measurement.load(rig.epc.host(0)).digest();
        assertThat(rig.einit(0, SgxRig.sign(SgxRig.SIGNER, measurement, MODE64, 7, 0, 0, 0)))
                .isEqualTo(ErrorCode.INVALID_ATTRIBUTE);
        assertThat(rig.einit(0, SgxRig.sign(SgxRig.SIGNER, measurement, MODE64, 3, 1, 0, 0)))
                .isEqualTo(ErrorCode.INVALID_ATTRIBUTE);
        assertThat(rig.einit(0, good)).isEqualTo(ErrorCode.INVALID_EINITTOKEN);
        rig.launchKey(good);
        assertThat(rig.einit(0, good)).isZero();
        assertThat(faultOf(() -> rig.einit(0, good))).isEqualTo("#GP");
        assertThat(faultOf(() -> rig.eadd(0, 1, 0, 0x203, new byte[4096]))).isEqualTo("#GP");
    }

    @Test
    void debugAccessWorksOnDebugEnclavesOnly() {
        SgxRig debug = new SgxRig().standardEnclave(DEBUG64);
        debug.encls(5, 0x1122334455667788L, address(5) + 16, 0);
        assertThat(debug.encls(4, 0, address(5) + 16, 0)).isZero();
        assertThat(debug.c.r[3]).isEqualTo(0x1122334455667788L);
        assertThat(faultOf(() -> debug.encls(5, 1, address(1) + 16, 0))).isEqualTo("#GP");
        assertThat(debug.encls(5, 1, address(1) + 8, 0)).isZero();
        assertThat(faultOf(() -> debug.encls(4, 0, address(0), 0))).isEqualTo("#PF 8001 40000000");
        SgxRig production = new SgxRig().standardEnclave(MODE64);
        assertThat(faultOf(() -> production.encls(4, 0, address(4), 0))).isEqualTo("#GP");
    }

    @Test
    void aPageSurvivesEvictionAndReloadOnce() {
        SgxRig rig = new SgxRig().standardEnclave(DEBUG64);
        rig.encls(5, 0x5151515151515151L, address(4) + 64, 0);
        rig.encls(0xA, 3, address(30), 0);
        rig.pageInfo(0, SgxRig.BACKING, SgxRig.PCMD, 0);
        assertThat(rig.encls(0xB, PAGEINFO, address(4), address(30))).isEqualTo(ErrorCode.PAGE_NOT_BLOCKED);
        assertThat(rig.encls(9, 0, address(4), 0)).isZero();
        assertThat(rig.encls(9, 0, address(4), 0)).isEqualTo(ErrorCode.BLKSTATE);
        assertThat(rig.c.rflags() & (Flags.CF | Flags.ZF)).isEqualTo(Flags.CF);
        assertThat(rig.encls(0xB, PAGEINFO, address(4), address(30))).isEqualTo(ErrorCode.NOT_TRACKED);
        assertThat(rig.encls(0xC, 0, address(0), 0)).isZero();
        assertThat(rig.encls(0xB, PAGEINFO, address(4), address(30))).isZero();
        assertThat(rig.epc.valid(4)).isFalse();
        assertThat(rig.get(PAGEINFO)).isEqualTo(BASE + 0x3000);
        assertThat(rig.get(SgxRig.PCMD)).isEqualTo(0x203);
        assertThat(rig.get(SgxRig.BACKING + 64)).isNotEqualTo(0x5151515151515151L);
        assertThat(rig.encls(4, 0, address(30), 0)).isZero();
        assertThat(rig.c.r[3]).isEqualTo(-1);

        // one flipped bit anywhere, another address, another slot: refused, and nothing is used up
        for (long place : new long[] {
            SgxRig.BACKING, SgxRig.BACKING + 4088, SgxRig.PCMD, SgxRig.PCMD + 80, SgxRig.PCMD + 112, PAGEINFO
        }) {
            rig.pageInfo(BASE + 0x3000, SgxRig.BACKING, SgxRig.PCMD, address(0));
            long flip = place == SgxRig.PCMD ? 4 : place == PAGEINFO ? 0x1000 : 1;
            rig.put(place, rig.get(place) ^ flip);
            assertThat(rig.encls(8, PAGEINFO, address(40), address(30)))
                    .as("flip at %x", place)
                    .isEqualTo(ErrorCode.MAC_COMPARE_FAIL);
            rig.put(place, rig.get(place) ^ flip);
        }
        rig.pageInfo(BASE + 0x3000, SgxRig.BACKING, SgxRig.PCMD, address(0));
        assertThat(rig.encls(8, PAGEINFO, address(40), address(30) + 8)).isEqualTo(ErrorCode.MAC_COMPARE_FAIL);
        assertThat(rig.encls(8, PAGEINFO, address(40), address(30))).isZero();
        rig.encls(4, 0, address(40) + 64, 0);
        assertThat(rig.c.r[3]).isEqualTo(0x5151515151515151L);
        assertThat(rig.epc.secinfoFlags(40)).isEqualTo(0x203);
        assertThat(rig.epc.blocked(40)).isFalse();
        // the same copy again is a replay
        assertThat(rig.encls(8, PAGEINFO, address(41), address(30))).isEqualTo(ErrorCode.MAC_COMPARE_FAIL);
    }

    @Test
    void anEvictedSecsKeepsItsIdentity() {
        SgxRig rig = new SgxRig();
        rig.ecreate(0, SgxRig.secs(MODE64));
        rig.eadd(0, 1, 0x3000, 0x203, new byte[4096]);
        rig.encls(0xA, 3, address(30), 0);
        rig.pageInfo(0, SgxRig.BACKING, SgxRig.PCMD, 0);
        assertThat(rig.encls(0xB, PAGEINFO, address(0), address(30))).isEqualTo(ErrorCode.CHILD_PRESENT);
        assertThat(rig.encls(3, 0, address(1), 0)).isZero();
        byte[] signed = rig.sign(0, MODE64);
        rig.launchKey(signed);
        assertThat(rig.encls(0xB, PAGEINFO, address(0), address(30))).isZero();
        assertThat(rig.get(PAGEINFO)).isZero();
        assertThat(rig.encls(8, PAGEINFO, address(9), address(30))).isZero();
        assertThat(rig.einit(9, signed)).isZero();
    }
}
