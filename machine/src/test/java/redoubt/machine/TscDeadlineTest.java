package redoubt.machine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import redoubt.cpu.Msrs;

/** The local APIC's TSC-deadline timer and the guest's own idea of the TSC: SDM vol. 3A 10.5.4.1 and 17.17.3. */
class TscDeadlineTest {
    private static final int X2APIC_SPURIOUS = 0x80F;
    private static final int X2APIC_LVT_TIMER = 0x832;
    private static final long TSC_DEADLINE_MODE = 0x400EC;

    @Test
    void deadlineIsReachedByTheTscThatTheGuestHasWritten() {
        try (Machine machine = new Machine(Machine.Setup.of(64L << 20, 0), List.of())) {
            Msrs msrs = machine.vcpu().cpu().msrs;
            msrs.write(Msrs.APIC_BASE, msrs.read(Msrs.APIC_BASE) | 1 << 10);
            msrs.write(X2APIC_SPURIOUS, 0x1FF);
            msrs.write(X2APIC_LVT_TIMER, TSC_DEADLINE_MODE);
            msrs.write(Msrs.TSC, 0x1_0000_0000L);
            msrs.write(Msrs.TSC_DEADLINE, 0x1_0000_0000L + 5000);
            VirtualClock clock = (VirtualClock) machine.clock();

            clock.advanceBy(4000);
            assertThat(machine.board().lapic(0).pending()).isFalse();
            clock.advanceBy(1500);
            assertThat(machine.board().lapic(0).pending()).isTrue();
        }
    }
}
