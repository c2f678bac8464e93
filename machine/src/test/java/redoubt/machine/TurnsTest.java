package redoubt.machine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import redoubt.cpu.CpuGeneration;
import redoubt.cpu.CpuModel;
import redoubt.cpu.Platform;
import redoubt.hypervisor.Vcpu;
import redoubt.hypervisor.Vm;
import redoubt.hypervisor.VmExit;
import redoubt.machine.device.AcpiPower;
import redoubt.machine.device.UnconnectedPins;

/** Processors in real mode that execute, spin or halt, and the virtual time they make. */
class TurnsTest {
    private static final String RUN = "ebfe"; // jmp to itself
    private static final String SPIN = "f390ebfc"; // pause, jmp back
    private static final String HALT = "f4";

    private final VirtualClock clock = new VirtualClock();
    private final Vm vm =
            new Vm(new CpuModel(CpuGeneration.DEFAULT, CpuGeneration.DEFAULT.features(), 2), Platform.NONE, null);
    private final Board board = new Board(
            MachineConfig.of(new MemoryLayout(4L << 20, 0), 2),
            clock,
            java.util.List.of(new UnconnectedPins(), new UnconnectedPins()),
            java.util.List.of(),
            new AcpiPower.Requests() {
                @Override
                public void powerOff() {}

                @Override
                public void reset() {}
            });

    @BeforeEach
    void map() {
        vm.setMemslot(0, vm.allocate(1 << 20));
    }

    @AfterEach
    void close() {
        vm.close();
    }

    private Turns turns(String... programs) {
        for (int i = 0; i < programs.length; i++) {
            vm.memory().write((8 + i) << 12, HexFormat.of().parseHex(programs[i]));
            Vcpu vcpu = vm.createVcpu(i, board.lapic(i));
            vcpu.waitForStartup();
            vcpu.cpu().signalStartup(8 + i);
        }
        return new Turns(vm.vcpus(), clock, clock);
    }

    private long instructions(int vcpu) {
        return vm.vcpus().get(vcpu).instructions();
    }

    @Test
    void twoThatExecuteEachRetireAnInstructionANanosecond() {
        Turns turns = turns(RUN, RUN);
        for (int i = 0; i < 20; i++) {
            turns.next();
        }
        assertThat(instructions(0)).isEqualTo(100_000);
        assertThat(instructions(1)).isEqualTo(100_000);
        assertThat(clock.nanos()).isEqualTo(100_000);
    }

    @Test
    void oneThatSpinsGivesItsTurnAwayAndHardlyTakesTimeFromTheOther() {
        Turns turns = turns(RUN, SPIN);
        for (int i = 0; i < 20; i++) {
            turns.next();
        }
        assertThat(instructions(0)).isBetween(99_990L, 100_000L);
        assertThat(instructions(1)).isEqualTo(10 * 2 - 1);
        assertThat(clock.nanos()).isBetween(95_000L, 100_100L);
    }

    @Test
    void oneThatHaltsLeavesTheTimeToTheOther() {
        Turns turns = turns(RUN, HALT);
        for (int i = 0; i < 11; i++) {
            turns.next();
        }
        assertThat(instructions(1)).isEqualTo(1);
        assertThat(instructions(0)).isBetween(99_990L, 100_000L);
        assertThat(clock.nanos()).isBetween(95_000L, 100_000L);
    }

    @Test
    void aTurnEndsAtTheNextEvent() {
        Turns turns = turns(RUN, RUN);
        clock.schedule(1234, () -> {});
        turns.next();
        assertThat(instructions(0)).isEqualTo(2 * 1234);
        assertThat(clock.nanos()).isEqualTo(1234);
        turns.next();
        assertThat(instructions(1)).isEqualTo(10_000);
    }

    @Test
    void nobodyRunsWhenAllHaveHalted() {
        Turns turns = turns(HALT, HALT);
        assertThat(turns.next()).isInstanceOf(VmExit.Halt.class);
        assertThat(turns.next()).isInstanceOf(VmExit.Halt.class);
        assertThat(turns.next()).isNull();
        board.lapic(1).lint1(); // an NMI by the unconfigured pin goes nowhere: masked
        assertThat(turns.next()).isNull();
        vm.vcpus().get(1).cpu().signalNmi();
        assertThat(turns.next()).isNotNull();
        assertThat(turns.index()).isEqualTo(1);
    }
}
