package redoubt.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import redoubt.cpu.CpuGeneration;
import redoubt.cpu.CpuModel;
import redoubt.cpu.GuestFault;
import redoubt.cpu.Msrs;
import redoubt.sgx.RootKey;
import redoubt.x86.Feature;

/** What the guest of a machine finds in IA32_FEATURE_CONTROL and the launch key's hash: SDM vol. 3D 34.7.1, 35.1.4. */
class LaunchControlTest {
    private static final long INTEL = 0xa6053e051270b7acL;
    private static final long SGX = 1 << 18;
    private static final long LC = 1 << 17;
    private static final long LOCK = 1;

    private static Machine machine(CpuGeneration generation, LaunchControl launch) {
        SgxSetup sgx = new SgxSetup(
                List.of(new SgxSetup.Section(8192, true)), launch, false, Optional.of(RootKey.of(new byte[32])));
        return new Machine(
                Machine.Setup.of(64L << 20, 0)
                        .with(new CpuModel(generation, generation.features(), 1))
                        .with(sgx),
                List.of());
    }

    private static boolean refuses(Runnable access) {
        try {
            access.run();
            return false;
        } catch (GuestFault fault) {
            return fault.vector == 13;
        }
    }

    @Test
    void guestChoosesTheKeyUnlessItIsLocked() {
        try (Machine machine = machine(CpuGeneration.COFFEELAKE, LaunchControl.UNLOCKED)) {
            Msrs msrs = machine.vcpu().cpu().msrs;
            assertThat(msrs.read(Msrs.FEATURE_CONTROL)).isEqualTo(LOCK | SGX | LC);
            assertThat(msrs.read(Msrs.SGX_LE_PUBKEY_HASH0)).isEqualTo(INTEL);
            assertThat(refuses(() -> msrs.write(Msrs.SGX_LE_PUBKEY_HASH0, 5))).isFalse();
            assertThat(refuses(() -> msrs.write(Msrs.FEATURE_CONTROL, 0))).isTrue();
        }
    }

    @Test
    void lockedHashCanBeReadAndNotWritten() {
        byte[] hash = new byte[32];
        hash[0] = 1;
        hash[31] = 2;
        try (Machine machine = machine(CpuGeneration.ICELAKE_SERVER, LaunchControl.ofHash(hash, true))) {
            Msrs msrs = machine.vcpu().cpu().msrs;
            assertThat(msrs.read(Msrs.FEATURE_CONTROL)).isEqualTo(LOCK | SGX);
            assertThat(msrs.read(Msrs.SGX_LE_PUBKEY_HASH0)).isEqualTo(1);
            assertThat(msrs.read(Msrs.SGX_LE_PUBKEY_HASH0 + 3)).isEqualTo(2L << 56);
            assertThat(refuses(() -> msrs.write(Msrs.SGX_LE_PUBKEY_HASH0, 5))).isTrue();
        }
        assertThatThrownBy(() -> LaunchControl.ofHash(new byte[31], true)).hasMessageContaining("31 bytes");
    }

    @Test
    void processorWithoutLaunchControlHasNoHashAndNoBitForIt() {
        try (Machine machine = machine(CpuGeneration.SKYLAKE_SGX1, LaunchControl.UNLOCKED)) {
            Msrs msrs = machine.vcpu().cpu().msrs;
            assertThat(msrs.read(Msrs.FEATURE_CONTROL)).isEqualTo(LOCK | SGX);
            assertThat(refuses(() -> msrs.read(Msrs.SGX_LE_PUBKEY_HASH0))).isTrue();
        }
    }

    @Test
    void withoutEpcThereIsNoSgx() {
        try (Machine machine = new Machine(Machine.Setup.of(64L << 20, 0), List.of())) {
            CpuModel model = machine.vcpu().cpu().model;
            Set<Feature> sgx = EnumSet.copyOf(model.features());
            sgx.removeIf(feature -> !feature.name().startsWith("SGX"));
            assertThat(sgx).isEmpty();
            assertThat(machine.vcpu().cpu().msrs.read(Msrs.FEATURE_CONTROL)).isEqualTo(LOCK);
        }
    }
}
