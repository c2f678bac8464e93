package redoubt.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static redoubt.hypervisor.TestGuest.AEP;
import static redoubt.hypervisor.TestGuest.BASE;
import static redoubt.hypervisor.TestGuest.EPC;
import static redoubt.hypervisor.TestGuest.MMIO;
import static redoubt.hypervisor.TestGuest.PAGEINFO;
import static redoubt.hypervisor.TestGuest.SECINFO;
import static redoubt.hypervisor.TestGuest.SIGSTRUCT;
import static redoubt.hypervisor.TestGuest.SIZE;
import static redoubt.hypervisor.TestGuest.SOURCE;
import static redoubt.hypervisor.TestGuest.TOKEN;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import redoubt.cpu.CpuModel;
import redoubt.cpu.Platform;
import redoubt.sgx.SgxCapabilities;
import redoubt.x86.CpuidBit;
import redoubt.x86.Feature;

/**
 * What each of the 21 patches of "x86/sgx: KVM: Add SGX virtualization" makes observable, by number. Where mainline came out
 * differently, mainline's behaviour is expected. Of patches 9, 11 and 19 the part for nested guests is not there yet.
 */
class SgxSeriesTest {
    private static final int[] RETURN = {0x48, 0x89, 0xCB, 0xB8, 4, 0, 0, 0, 0x0F, 0x01, 0xD7};
    private static final long MODE64 = 4;
    private static final long DEBUG = 2;
    private static final long PROVISIONKEY = 0x10;
    private static final long KSS = 0x80;

    private final HostSgx host = TestGuest.host(1024);

    private static byte[] secs(long attributes, long xfrm) {
        return new SignedEnclave(BASE, SIZE, attributes, xfrm).secs();
    }

    private static byte[] with(byte[] secs, int offset, long value) {
        ByteBuffer.wrap(secs).order(ByteOrder.LITTLE_ENDIAN).putLong(offset, value);
        return secs;
    }

    /** MOV reg, imm64; the number is the opcode's register, R8 to R15 with {@code rex} 0x49. */
    private static int[] mov(int rex, int register, long value) {
        int[] code = new int[10];
        code[0] = rex;
        code[1] = 0xB8 + register;
        for (int i = 0; i < 8; i++) {
            code[2 + i] = (int) (value >>> 8 * i) & 0xFF;
        }
        return code;
    }

    private static int[] join(int[]... parts) {
        return java.util.Arrays.stream(parts)
                .flatMapToInt(java.util.Arrays::stream)
                .toArray();
    }

    /** MOV R10, RCX ... MOV RBX, R10; EEXIT. */
    private static int[] body(int[]... parts) {
        return join(
                new int[] {0x49, 0x89, 0xCA}, join(parts), new int[] {0x4C, 0x89, 0xD3, 0xB8, 4, 0, 0, 0, 0x0F, 1, 0xD7
                });
    }

    @Test
    void patch01TheHostListsItsDevicesByNumber() {
        assertThat(host.devices())
                .containsExactly(HostSgx.Device.ENCLAVE, HostSgx.Device.PROVISION, HostSgx.Device.VIRTUAL_EPC);
        for (int minor = 0; minor < 3; minor++) {
            assertThat(host.device(minor).minor()).isEqualTo(minor);
        }
        assertThatThrownBy(() -> host.device(3)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void patch02TheOtherDevicesDoNotNeedTheDriverOfNativeEnclaves() {
        var withoutDriver = new HostSgx(host.platform(), false, true);
        assertThat(withoutDriver.devices()).containsExactly(HostSgx.Device.PROVISION, HostSgx.Device.VIRTUAL_EPC);
        assertThat(withoutDriver.openVirtualEpc(4096).bytes()).isEqualTo(4096);

        var nothing = new HostSgx(host.platform(), false, false);
        assertThat(nothing.devices()).isEmpty();
        assertThatThrownBy(nothing::openProvision).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> nothing.openVirtualEpc(4096)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void patch03OnlyAnOpenHandleOfTheProvisioningDeviceGrants() {
        try (var guest = new TestGuest(host, SIZE)) {
            ProvisionHandle closed = host.openProvision();
            closed.close();
            var file = new ByteArrayInputStream(new byte[1]);
            for (Object wrong : List.of(closed, file)) {
                assertThatThrownBy(() -> guest.vm.enableCapability(Capability.SGX_ATTRIBUTE, wrong))
                        .isInstanceOf(IllegalArgumentException.class);
                assertThat(guest.vm.mayUseProvisionKey()).isFalse();
            }
            try (ProvisionHandle handle = host.openProvision()) {
                guest.vm.enableCapability(Capability.SGX_ATTRIBUTE, handle);
            }
            assertThat(guest.vm.mayUseProvisionKey()).isTrue(); // survives the handle
        }
    }

    @Test
    void patch04VirtualEpcIsGivenAtFirstTouchAndComesBackClean() {
        try (var guest = new TestGuest(host, SIZE)) {
            guest.enclave(MODE64, RETURN);
            assertThat(host.freePages()).isEqualTo(1024 - 6);
        }
        assertThat(host.freePages()).isEqualTo(1024);
        for (int page = 0; page < 6; page++) {
            assertThat(host.pool().valid(page)).isFalse();
        }
    }

    @Test
    void patch05GuestHostAndOfflineToolsAgreeOnTheStructures() throws IOException {
        int[] report = body(
                mov(0x48, 3, BASE + 0x3000), // RBX: TARGETINFO
                mov(0x48, 1, BASE + 0x3200), // RCX: REPORTDATA
                mov(0x48, 2, BASE + 0x3400), // RDX: REPORT
                new int[] {0x31, 0xC0, 0x0F, 0x01, 0xD7}); // EREPORT
        try (var guest = new TestGuest(host, SIZE)) {
            SignedEnclave enclave = guest.enclave(MODE64 | DEBUG, report);
            assertThat(guest.eenter()).isEqualTo("#GP");
            ByteBuffer measured = ByteBuffer.wrap(enclave.mrenclave()).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < 32; i += 8) {
                assertThat(guest.epc.debugRead(0x3400 + 64 + i)).isEqualTo(measured.getLong(i)); // REPORT.MRENCLAVE
            }
            assertThat(guest.epc.debugRead(0x3400 + 48)).isEqualTo(MODE64 | DEBUG | 1); // ATTRIBUTES with INIT
            assertThat(guest.epc.debugRead(16)).isEqualTo(0x1000); // TCS.OSSA
        }
    }

    @Test
    void patch06FeaturesOfLeaf12AreFoundByTheirHardwareBits() {
        assertThat(CpuidPolicy.feature(0x12, 0, CpuidBit.EAX, 0)).contains(Feature.SGX1);
        assertThat(CpuidPolicy.feature(0x12, 0, CpuidBit.EAX, 1)).contains(Feature.SGX2);
        CpuidPolicy policy = CpuidPolicy.supported(TestGuest.model(), host).without(Feature.SGX2);
        try (var guest = new TestGuest(host, policy.model(), SIZE)) {
            assertThat(guest.cpuid(0x12, 0)[0] & 3).isEqualTo(1);
            guest.build(SignedEnclave.standard(BASE, SIZE, MODE64, new byte[0]));
            assertThat(guest.encls(0xD, PAGEINFO, EPC + 0x6000, 0)).isEqualTo("#GP"); // EAUG
            assertThat(guest.vcpu.exitInformation().reason()).isEqualTo(ExitInformation.ENCLS);
        }
    }

    @Test
    void patch07SubLeavesAreEnumeratedFromIndexZeroOnly() {
        CpuidPolicy policy = CpuidPolicy.supported(TestGuest.model(), host);
        assertThat(policy.entries(7, 0)).hasSize(1);
        assertThat(policy.entries(0x12, 0)).extracting(CpuidPolicy.Entry::index).containsExactly(0, 1);
        assertThat(policy.entries(0x12, 0)).allMatch(CpuidPolicy.Entry::significantIndex);
        assertThat(policy.entries()).filteredOn(entry -> entry.function() == 7).hasSize(1);
        assertThatThrownBy(() -> policy.entries(7, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> policy.entries(0x12, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThat(policy.set(policy.entries()).entries()).isEqualTo(policy.entries());
    }

    @Test
    void patch08NothingIsEmulatedForAnEnclave() {
        var device = new TestGuest.CountingDevice();
        try (var guest = new TestGuest(host, SIZE)) {
            guest.vm.addMmio(MMIO, 4096, device);
            for (int store : new int[] {0x8B, 0x89}) { // MOV EAX, [RDI]; MOV [RDI], EAX
                guest.vm.resetVirtualEpc();
                guest.enclave(MODE64, join(mov(0x48, 7, MMIO), new int[] {store, 0x07}));
                assertThat(guest.eenter()).isEqualTo("#UD");
            }
            assertThat(device.accesses).isZero();
            assertThat(guest.vcpu.emulations()).isZero();

            guest.kernel();
            guest.put(TestGuest.CODE + 0x100, new byte[] {(byte) 0x8B, 0x07, (byte) 0xF4});
            guest.c.r[7] = MMIO;
            assertThat(guest.run(TestGuest.CODE + 0x100)).isEqualTo("none");
            assertThat(guest.c.r[0]).isEqualTo(0x55);
            assertThat(guest.vcpu.emulations()).isEqualTo(1);
        }
    }

    @Test
    void patch09AnExitFromAnEnclaveIsToldAndSeenAtTheAep() throws IOException {
        var device = new TestGuest.CountingDevice();
        try (var guest = new TestGuest(host, SIZE)) {
            guest.vm.addMmio(MMIO, 4096, device);
            guest.enclave(MODE64 | DEBUG, join(mov(0x48, 7, MMIO), new int[] {0x8B, 0x07}));
            assertThat(guest.eenter()).isEqualTo("#UD");
            assertThat(guest.pushedRip(false)).isEqualTo(AEP);
            assertThat(guest.vcpu.exitInformation().reason()).isEqualTo(0x08000031);
            assertThat(guest.vcpu.exitInformation().interruptibility()).isEqualTo(0x10);
            assertThat(guest.epc.debugRead(0x2000 - 184 + 136)).isEqualTo(BASE + 0x4000 + 10); // GPRSGX.RIP
            assertThat((int) guest.epc.debugRead(0x2000 - 184 + 160)).isZero(); // no vector in EXITINFO

            guest.vm.resetVirtualEpc();
            guest.enclave(MODE64, 0xEB, 0xFE); // JMP $
            assertThat(guest.eenterFor(100)).isInstanceOf(VmExit.Budget.class);
            guest.vcpu.interrupt();
            assertThat(guest.vcpu.run(100)).isInstanceOf(VmExit.Interrupted.class);
            assertThat(guest.vcpu.exitInformation().reason()).isEqualTo(0x08000001);
            assertThat(guest.vcpu.exitInformation().basicReason()).isEqualTo(ExitInformation.EXTERNAL_INTERRUPT);
            assertThat(guest.c.rip).isEqualTo(AEP);
            assertThat(guest.c.r[0]).isEqualTo(3); // as ERESUME wants it

            guest.vcpu.interrupt();
            guest.vcpu.run(100); // outside the enclave
            assertThat(guest.vcpu.exitInformation().reason()).isEqualTo(1);
        }
    }

    @Test
    void patch10TheHypervisorWalksTheGuestsTablesAsTheGuestWould() {
        try (var guest = new TestGuest(host, SIZE)) {
            byte[] secs = secs(MODE64, 3);
            guest.put(SOURCE, secs);
            guest.put(SECINFO, new byte[64]);
            guest.pageInfo(0, SOURCE, SECINFO, 0);
            guest.enclaveTableEntry(511, EPC + 0x1F_F000 | 5); // not writable
            assertThat(guest.encls(0, PAGEINFO, BASE + 0x1F_F000, 0))
                    .isEqualTo(String.format("#PF 3 %x", BASE + 0x1F_F000));
            assertThat(guest.pushedRip(true)).isEqualTo(TestGuest.CODE);
            guest.pageTableEntry(PAGEINFO, 0);
            assertThat(guest.encls(0, PAGEINFO, guest.secs(), 0)).isEqualTo("#PF 0 10000");
            assertThat(guest.encls(0, PAGEINFO + 8, guest.secs(), 0)).isEqualTo("#GP"); // alignment comes first
        }
    }

    @Test
    void patch11AFaultOfThatWalkIsTheGuestsOwn() {
        try (var guest = new TestGuest(host, SIZE)) {
            var enclave = SignedEnclave.standard(BASE, SIZE, MODE64, new byte[0]);
            guest.build(enclave);
            guest.pageTableEntry(SIGSTRUCT, 0);
            assertThat(guest.encls(2, SIGSTRUCT, guest.secs(), TOKEN)).isEqualTo("#PF 0 13000");
            guest.pageTableEntry(TOKEN, 0);
            assertThat(guest.encls(2, SIGSTRUCT, guest.secs(), TOKEN)).isEqualTo("#PF 0 14000");
            assertThat(guest.vcpu.exitInformation().reason()).isEqualTo(ExitInformation.ENCLS);
        }
    }

    @Test
    void patch12AFaultOfTheEpcmCarriesBit15() {
        try (var guest = new TestGuest(host, SIZE)) {
            guest.enclave(MODE64, 0x48, 0x8B, 0x03); // MOV RAX, [RBX]: the TCS
            assertThat(guest.eenter()).isEqualTo(String.format("#PF 8005 %x", BASE));
            guest.vm.resetVirtualEpc();
            guest.enclave(MODE64, join(mov(0x48, 7, BASE + 0x4000), new int[] {0x89, 0x07})); // the code page
            assertThat(guest.eenter()).isEqualTo(String.format("#PF 8007 %x", BASE + 0x4000));
        }
    }

    @Test
    void patch13EinitIsTriedAgainWhenTheProcessorHasLostTheLaunchKey() {
        try (var guest = new TestGuest(host, SIZE)) {
            guest.enclave(MODE64, RETURN);
            assertThat(guest.vcpu.launchKeyRetries()).isZero();
            for (int i = 0; i < 4; i++) {
                guest.c.msrs.set(0x8C + i, 0); // suspend to RAM
            }
            guest.vm.resetVirtualEpc();
            guest.enclave(MODE64, RETURN);
            assertThat(guest.vcpu.launchKeyRetries()).isEqualTo(1);
            guest.vm.resetVirtualEpc();
            guest.enclave(MODE64, RETURN);
            assertThat(guest.vcpu.launchKeyRetries()).isEqualTo(1);
        }
    }

    @Test
    void patch14ALeafRunByTheHypervisorEndsInACodeOrInAFault() {
        try (var guest = new TestGuest(host, SIZE)) {
            SignedEnclave enclave = guest.enclave(MODE64, RETURN);
            assertThat(guest.ecreate(enclave.secs())).isEqualTo(String.format("#PF 8003 %x", guest.secs())); // in use
            assertThat(guest.einit(enclave)).isEqualTo("#GP"); // has its INIT

            guest.vm.resetVirtualEpc();
            guest.build(enclave);
            byte[] forged = enclave.sigstruct();
            forged[600] ^= 1;
            guest.put(SIGSTRUCT, forged);
            guest.put(TOKEN, new byte[304]);
            assertThat(guest.encls(2, SIGSTRUCT, guest.secs(), TOKEN)).isEqualTo("rax 8");
            assertThat(guest.c.rflags() & 0x8D5).isEqualTo(0x40); // ZF alone
        }
        CpuidPolicy noSgx2 = CpuidPolicy.supported(TestGuest.model(), host).without(Feature.SGX2);
        try (var guest = new TestGuest(host, noSgx2.model(), SIZE)) {
            guest.ecreate(secs(MODE64, 3));
            assertThat(guest.ecreate(secs(MODE64, 3))).isEqualTo("#GP"); // as on a processor without SGX2
        }
    }

    @Test
    void patch15EcreateIsLimitedToTheGuestsCpuid() {
        CpuidPolicy all = CpuidPolicy.supported(TestGuest.model(), host);
        CpuidPolicy narrow = all.without(Feature.SGX_KSS, Feature.SGX_EXINFO).withEnclaveLimits(0x1615, 3);
        try (var wide = new TestGuest(host, all.model(), SIZE);
                var guest = new TestGuest(host, narrow.model(), SIZE)) {
            List<byte[]> refused = List.of(
                    secs(MODE64, 7),
                    secs(MODE64 | KSS, 3),
                    with(secs(MODE64, 3), 16, 1 | 1L << 32), // MISCSELECT.EXINFO
                    with(secs(MODE64, 3), 0, 1 << 22));
            for (byte[] secs : refused) {
                assertThat(guest.ecreate(secs)).isEqualTo("#GP");
                assertThat(wide.ecreate(secs)).isEqualTo("rax 0");
                wide.vm.resetVirtualEpc();
            }
            assertThat(guest.ecreate(secs(MODE64, 3))).isEqualTo("rax 0");
            assertThat(guest.ecreate(secs(MODE64 | PROVISIONKEY, 3))).isEqualTo("#GP");
        }
    }

    @Test
    void patch16TheLaunchKeyRegistersAreTheGuestsOwn() {
        try (var guest = new TestGuest(host, SIZE)) {
            guest.vcpu.msr(0x3A, 0);
            assertThat(guest.rdmsr(0x8C)).isEqualTo("a6053e051270b7ac");
            assertThat(guest.rdmsr(0x8F)).isEqualTo("d4f8c05909f9bb3b");
            assertThat(guest.wrmsr(0x8C, 5)).isEqualTo("none"); // unlocked: KVM's rule, not the processor's
            assertThat(guest.rdmsr(0x8C)).isEqualTo("5");
            assertThat(guest.wrmsr(0x3A, 1 << 20)).isEqualTo("#GP"); // no such bit
            assertThat(guest.wrmsr(0x3A, 1 | 1 << 18)).isEqualTo("none");
            assertThat(guest.wrmsr(0x3A, 1 | 1 << 18)).isEqualTo("#GP"); // locked
            assertThat(guest.wrmsr(0x8C, 6)).isEqualTo("#GP");
            assertThat(guest.rdmsr(0x8C)).isEqualTo("5");
        }
        try (var guest = new TestGuest(host, SIZE)) { // locked with bit 17
            assertThat(guest.wrmsr(0x8D, 7)).isEqualTo("none");
            assertThat(guest.rdmsr(0x8D)).isEqualTo("7");
            assertThat(guest.c.msrs.get(0x8D)).isNotEqualTo(7); // the host's register is another
        }
        try (var guest = new TestGuest(host, TestGuest.without(Feature.SGX_LC), SIZE)) {
            assertThat(guest.rdmsr(0x8C)).isEqualTo("#GP");
            guest.vcpu.msr(0x3A, 0);
            assertThat(guest.wrmsr(0x3A, 1 | 1 << 17)).isEqualTo("#GP");
            assertThat(guest.wrmsr(0x300, 0)).isEqualTo("#GP"); // the owner epoch is the host's
            assertThat(guest.rdmsr(0x301)).isEqualTo("#GP");
        }
    }

    @Test
    void patch17EinitUsesTheGuestsHashWhateverTheHostHolds() {
        try (var one = new TestGuest(host, SIZE);
                var two = new TestGuest(host, SIZE)) {
            var enclave = SignedEnclave.standard(BASE, SIZE, MODE64, new byte[0]);
            one.launchKey(enclave.launchKeyHash());
            two.launchKey(new SignedEnclave(BASE, SIZE, MODE64, 3, SignedEnclave.newKey()).launchKeyHash());
            one.build(enclave);
            two.build(enclave);
            assertThat(two.einit(enclave)).isEqualTo("rax 16");
            assertThat(two.c.rflags() & 0x8D5).isEqualTo(0x40);
            one.c.r[9] = 0;
            assertThat(one.einit(enclave)).isEqualTo("rax 0");
            assertThat(one.c.rflags() & 0x8D5).isZero();
            assertThat(one.encls(2, SIGSTRUCT + 0x400, one.secs(), TOKEN)).isEqualTo("#GP");
            assertThat(one.encls(2, SIGSTRUCT, one.secs(), TOKEN + 0x100)).isEqualTo("#GP");
        }
    }

    @Test
    void patch18XfrmFollowsTheGuestsXcr0() {
        CpuidPolicy all = CpuidPolicy.supported(TestGuest.model(), host);
        List<CpuidPolicy.Entry> entries = all.entries().stream()
                .map(entry -> entry.function() == 0xD && entry.index() == 0
                        ? entry.with(CpuidBit.EAX, entry.eax() & ~4)
                        : entry)
                .toList();
        assertThat(entries)
                .filteredOn(e -> e.function() == 0x12 && e.index() == 1)
                .allMatch(e -> (e.ecx() & 7) == 7);
        try (var guest = new TestGuest(host, all.set(entries).model(), SIZE)) {
            assertThat(guest.cpuid(0x12, 1)[2] & 7).isEqualTo(3);
            assertThat(guest.ecreate(secs(MODE64, 7))).isEqualTo("#GP");
            assertThat(guest.ecreate(secs(MODE64, 3))).isEqualTo("rax 0");
        }
        assertThatThrownBy(() -> all.without(Feature.SGX2).set(all.entries())).hasMessageContaining("SGX2");
    }

    @Test
    void patch19CpuidMsrsAndBitmapAgreeForEveryCombination() {
        for (int combination = 0; combination < 8; combination++) {
            boolean sgx1 = (combination & 1) != 0;
            boolean sgx2 = sgx1 && (combination & 2) != 0;
            boolean launchControl = (combination & 4) != 0;
            Set<Feature> absent = new java.util.HashSet<>();
            if (!sgx1) {
                absent.add(Feature.SGX1);
            }
            if ((combination & 2) == 0) {
                absent.add(Feature.SGX2);
            }
            if (!launchControl) {
                absent.add(Feature.SGX_LC);
            }
            CpuModel model = CpuidPolicy.supported(TestGuest.model(), host)
                    .without(absent.toArray(Feature[]::new))
                    .model();
            try (var guest = new TestGuest(host, model, SIZE)) {
                assertThat(guest.cpuid(7, 0)[1] >> 2 & 1).isEqualTo(1);
                assertThat(guest.cpuid(7, 0)[2] >> 30 & 1).isEqualTo(launchControl ? 1 : 0);
                assertThat(guest.cpuid(0x12, 0)[0] & 3).isEqualTo((sgx1 ? 1 : 0) | (sgx2 ? 2 : 0));
                assertThat(guest.rdmsr(0x8C)).isEqualTo(launchControl ? "a6053e051270b7ac" : "#GP");
                long bitmap = -1;
                bitmap &= sgx1 ? ~0x1FFAL : -1; // all but ECREATE, which is gated, and EINIT
                bitmap &= sgx2 ? ~0xE000L : -1;
                assertThat(guest.vcpu.enclsExitingBitmap()).isEqualTo(bitmap);
                assertThat(guest.encls(3, 0, EPC, 0)).isEqualTo(sgx1 ? "rax 0" : "#UD");
                assertThat(guest.encls(0xE, SECINFO, EPC, 0)).isEqualTo(sgx1 ? sgx2 ? pendingEmodpr() : "#GP" : "#UD");
                assertThat(guest.encls(0x40, 0, EPC, 0)).isEqualTo(sgx1 ? "#GP" : "#UD");
                guest.vcpu.msr(0x3A, 0);
                assertThat(guest.vcpu.enclsExitingBitmap()).isEqualTo(-1);
                assertThat(guest.encls(3, 0, EPC, 0)).isEqualTo(sgx1 ? "#GP" : "#UD");
            }
        }
        try (var guest = new TestGuest(host, TestGuest.without(Feature.SGX), SIZE)) {
            for (int leaf = 0; leaf < 70; leaf++) {
                assertThat(guest.encls(leaf, 0, EPC, 0)).isEqualTo("#UD");
            }
        }
    }

    /** EMODPR with a SECINFO that asks for nothing, of a page that is not valid. */
    private static String pendingEmodpr() {
        return String.format("#PF 8003 %x", EPC);
    }

    @Test
    void patch20TheHypervisorGrantsWithTheHandleOfItsOwnHost() {
        try (var guest = new TestGuest(host, SIZE);
                var foreign = TestGuest.host(8).openProvision();
                var own = host.openProvision()) {
            assertThatThrownBy(() -> guest.vm.enableCapability(Capability.SGX_ATTRIBUTE, foreign))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(guest.ecreate(secs(MODE64 | PROVISIONKEY, 3))).isEqualTo("#GP");
            guest.vm.enableCapability(Capability.SGX_ATTRIBUTE, own);
            assertThat(guest.ecreate(secs(MODE64 | PROVISIONKEY, 3))).isEqualTo("rax 0");
        }
    }

    @Test
    void patch21TheProvisioningKeyIsDeniedUntilTheCapabilityIsEnabled() throws IOException {
        int[] getKey = body(
                mov(0x48, 3, BASE + 0x3000), // RBX: KEYREQUEST
                new int[] {0x66, 0xC7, 0x03, 1, 0}, // KEYNAME: PROVISION
                mov(0x48, 1, BASE + 0x3200), // RCX: the key
                new int[] {0xB8, 1, 0, 0, 0, 0x0F, 0x01, 0xD7, 0x49, 0x89, 0xC5}); // EGETKEY; MOV R13, RAX
        assertThat(Capability.SGX_ATTRIBUTE.number()).isEqualTo(196);
        try (var plain = new Vm(TestGuest.without(Feature.SGX), Platform.NONE, null);
                var handle = host.openProvision();
                var guest = new TestGuest(host, SIZE)) {
            assertThat(plain.checkExtension(Capability.SGX_ATTRIBUTE)).isFalse();
            assertThatThrownBy(() -> plain.enableCapability(Capability.SGX_ATTRIBUTE, handle))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(guest.vm.checkExtension(Capability.SGX_ATTRIBUTE)).isTrue();
            assertThat(guest.cpuid(0x12, 1)[0] & PROVISIONKEY).isEqualTo(PROVISIONKEY);
            assertThat(guest.ecreate(secs(MODE64 | PROVISIONKEY, 3))).isEqualTo("#GP");
            assertThat(guest.vcpu.enclsExitingBitmap() & 1).isEqualTo(1);
            guest.vm.enableCapability(Capability.SGX_ATTRIBUTE, handle);
            assertThat(guest.vcpu.enclsExitingBitmap() & 1).isZero(); // nothing left to check
            guest.enclave(MODE64 | DEBUG | PROVISIONKEY, getKey);
            assertThat(guest.eenter()).isEqualTo("#GP");
            assertThat(guest.c.r[13]).isZero();
            assertThat(guest.epc.debugRead(0x3200)).isNotZero();
        }
    }

    @Test
    void aPolicyOffersWhatThePackageHasAndNoMore() {
        var modest = TestGuest.host(8, new SgxCapabilities(1, 0, 0x1F1F, 0x36, 3));
        CpuidPolicy policy = CpuidPolicy.supported(TestGuest.model(), modest);
        CpuidPolicy.Entry capabilities = policy.entries(0x12, 0).getFirst();
        assertThat(capabilities.eax()).isEqualTo(1);
        assertThat(capabilities.ebx()).isZero();
        assertThat(capabilities.edx()).isEqualTo(0x1F1F);
        assertThat(policy.entries(0x12, 0).get(1).ecx()).isEqualTo(3);
        assertThat(CpuidPolicy.supported(TestGuest.model(), null)
                        .entries(0x12, 0)
                        .getFirst()
                        .eax())
                .isZero();
    }
}
