package redoubt.machine.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import redoubt.machine.VirtualClock;

/** Plays ACPICA's hardware layer. Oracle: ACPI 6.4, 4.8. */
class AcpiPowerTest {
    private final VirtualClock clock = new VirtualClock();
    private final List<String> asked = new ArrayList<>();
    private boolean sci;
    private final AcpiPower power = new AcpiPower(clock, level -> sci = level, 5, new AcpiPower.Requests() {
        @Override
        public void powerOff() {
            asked.add("off");
        }

        @Override
        public void reset() {
            asked.add("reset");
        }
    });

    @Test
    void softOffThroughPm1ControlNeedsTypeAndEnable() {
        assertThat(power.controlPorts().read(0, 2) & 1).as("in ACPI mode").isEqualTo(1);
        power.controlPorts().write(0, 2, 5 << 10);
        power.controlPorts().write(0, 2, 3 << 10 | 1 << 13);
        assertThat(asked).isEmpty();
        power.controlPorts().write(0, 2, 5 << 10 | 1 << 13);
        assertThat(asked).containsExactly("off");
    }

    @Test
    void softOffThroughTheSleepControlRegister() {
        power.sleepPorts().write(0, 1, 5 << 2);
        power.sleepPorts().write(0, 1, 1 << 2 | 0x20);
        power.sleepPorts().write(1, 1, 0x80);
        assertThat(asked).isEmpty();
        power.sleepPorts().write(0, 1, 5 << 2 | 0x20);
        assertThat(asked).containsExactly("off");
    }

    @Test
    void theResetRegisterResetsOnARiseButNotThroughAPciAddress() {
        power.resetPorts().write(0, 4, 0x8000_FF00L);
        power.resetPorts().write(1, 1, 2);
        assertThat(asked).isEmpty();
        assertThat((int) power.resetPorts().read(0, 4)).isEqualTo(-1);
        power.resetPorts().write(1, 1, 6);
        power.resetPorts().write(1, 1, 6);
        assertThat(asked).containsExactly("reset");
    }

    @Test
    void theFastResetOfPort92() {
        assertThat(power.systemControlPort().read(0, 1)).as("A20 is open").isEqualTo(2);
        power.systemControlPort().write(0, 1, 3);
        assertThat(asked).containsExactly("reset");
    }

    @Test
    void thePowerButtonInterruptsOnceEnabledAndIsClearedByWritingOne() {
        power.pressPowerButton();
        assertThat(sci).isFalse();
        power.eventPorts().write(2, 2, 0x100);
        assertThat(sci).isTrue();
        assertThat(power.eventPorts().read(0, 2)).isEqualTo(0x100L | 0x100L << 16);
        power.eventPorts().write(0, 2, 0);
        assertThat(sci).isTrue();
        power.eventPorts().write(0, 2, 0x100);
        assertThat(sci).isFalse();
        assertThat(power.eventPorts().read(2, 2)).isEqualTo(0x100);
    }

    @Test
    void thePmTimerRunsAtItsFrequencyAndWraps() {
        clock.advanceTo(1_000_000_000L);
        assertThat(power.timerPorts().read(0, 4)).isEqualTo(3_579_545);
        clock.advanceTo(1_200L * 1_000_000_000L);
        assertThat(power.timerPorts().read(0, 4)).isEqualTo(1_200L * 3_579_545 % (1L << 32));
    }
}
