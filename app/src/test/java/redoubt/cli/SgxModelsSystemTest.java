package redoubt.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import redoubt.cpu.CpuGeneration;
import redoubt.cpu.CpuModel;
import redoubt.machine.LaunchControl;
import redoubt.machine.Machine;
import redoubt.machine.NumaTopology;
import redoubt.machine.SgxSetup;

/** What Debian's kernel makes of other processors than the default, and of other EPC. */
class SgxModelsSystemTest {
    private static final String LOOK = "grep -o -w 'sgx\\|sgx_lc' /proc/cpuinfo | sort -u; ls /dev | grep sgx;"
            + " cat /sys/devices/system/node/node*/x86/sgx_total_bytes; true";

    private static Machine.Setup machine(CpuGeneration generation) {
        return Machine.Setup.of(256L << 20, 1L << 20).with(new CpuModel(generation, generation.features(), 1));
    }

    @Test
    void skylakeHasSgxAndNoLaunchControlSoThatTheDriverStaysAway() {
        var run = DefaultGuestSystemTest.run(machine(CpuGeneration.SKYLAKE_SGX1), DefaultGuestSystemTest.guest(LOOK));
        assertThat(run.out()).isEqualTo("sgx\n1048576\n");
        assertThat(run.console())
                .contains("SGX launch control CPU feature is not available, /dev/sgx_enclave disabled");
    }

    @Test
    void everyEpcSectionIsFoundInItsNodeFromOnePageToMoreThanRam() {
        var sgx = new SgxSetup(
                List.of(new SgxSetup.Section(4096, false), new SgxSetup.Section(512L << 20, false)),
                LaunchControl.UNLOCKED,
                false,
                Optional.empty());
        var numa = new NumaTopology(
                List.of(new NumaTopology.Node(0, Set.of(0), Set.of(0)), new NumaTopology.Node(1, Set.of(), Set.of(1))));
        var run = DefaultGuestSystemTest.run(
                machine(CpuGeneration.MAX).with(sgx).with(numa), DefaultGuestSystemTest.guest(LOOK));
        assertThat(run.out()).isEqualTo("sgx\nsgx_lc\nsgx_enclave\nsgx_provision\n4096\n536870912\n");
        assertThat(run.console())
                .contains("sgx: EPC section 0x10000000-0x10000fff")
                .contains("sgx: EPC section 0x10200000-0x301fffff")
                .doesNotContain("Firmware Bug");
    }
}
