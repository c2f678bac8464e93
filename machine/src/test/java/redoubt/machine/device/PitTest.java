package redoubt.machine.device;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import redoubt.machine.VirtualClock;

/** Plays Linux' i8253.c and the calibration loops of tsc.c. Oracle: Intel 8254 data sheet. */
class PitTest {
    private final VirtualClock clock = new VirtualClock();
    private int rises;
    private boolean level;
    private final Pit pit = new Pit(clock, now -> {
        rises += now && !level ? 1 : 0;
        level = now;
    });

    private void load(int counter, int control, int count) {
        pit.write(3, 1, control);
        pit.write(counter, 1, count & 0xFF);
        pit.write(counter, 1, count >> 8);
    }

    private int count(int counter) {
        return (int) (pit.read(counter, 1) | pit.read(counter, 1) << 8);
    }

    private boolean output2() {
        return (pit.controlPort().read(0, 1) & 0x20) != 0;
    }

    @Test
    void modeTwoInterruptsPeriodically() {
        load(0, 0x34, 4773);
        clock.advanceTo(1_000_000_000L);
        assertThat(rises).as("1193182 / 4773 = 249.9").isEqualTo(249);
    }

    @Test
    void modeThreeCountsByTwosAndInterruptsOnceAPeriod() {
        load(0, 0x36, 1000);
        clock.advanceTo(420_000); // half a period is 419 us
        pit.write(3, 1, 0);
        assertThat(count(0)).isBetween(990, 1000);
        clock.advanceTo(1_000_000_000L);
        assertThat(rises).isEqualTo(1193);
    }

    @Test
    void modeFourInterruptsOnce() {
        load(0, 0x38, 11932);
        clock.advanceTo(9_990_000);
        assertThat(rises).isZero();
        clock.advanceTo(10_010_000);
        assertThat(rises).isEqualTo(1);
        clock.advanceTo(1_000_000_000L);
        assertThat(rises).isEqualTo(1);
        load(0, 0x38, 11932);
        clock.advanceBy(10_010_000);
        assertThat(rises).isEqualTo(2);
    }

    @Test
    void modeZeroOnTheSpeakerGateMeasuresTenMilliseconds() {
        pit.controlPort().write(0, 1, 1);
        load(2, 0xB0, 11932);
        assertThat(output2()).isFalse();
        clock.advanceTo(9_990_000);
        assertThat(output2()).isFalse();
        clock.advanceTo(10_010_000);
        assertThat(output2()).isTrue();
    }

    @Test
    void theGateStopsTheCount() {
        pit.controlPort().write(0, 1, 1);
        load(2, 0xB0, 0xFFFF);
        clock.advanceTo(1_000_000);
        pit.controlPort().write(0, 1, 0);
        int stopped = count(2);
        assertThat(stopped).isBetween(0xFFFF - 1194, 0xFFFF - 1191);
        clock.advanceTo(5_000_000);
        assertThat(count(2)).isEqualTo(stopped);
        pit.controlPort().write(0, 1, 1);
        clock.advanceTo(6_000_000);
        assertThat(count(2)).isBetween(0xFFFF - 2390, 0xFFFF - 2384);
        assertThat(pit.controlPort().read(0, 1) & 3).isEqualTo(1);
    }

    @Test
    void theQuickCalibrationSeesTheHighByteFallInStep() {
        pit.controlPort().write(0, 1, 1);
        load(2, 0xB0, 0xFFFF);
        clock.advanceTo(50_000);
        for (int high = 0xFF; high > 0xF0; high--) {
            clock.advanceTo((long) ((0xFFFF - high * 256 - 128) * 1e9 / 1193182));
            pit.read(2, 1);
            assertThat(pit.read(2, 1)).isEqualTo(high);
        }
    }

    @Test
    void aLatchedCountStandsStillUntilItIsRead() {
        load(0, 0x34, 0xFFFF);
        clock.advanceTo(1_000_000);
        pit.write(3, 1, 0x00);
        clock.advanceTo(2_000_000);
        assertThat(count(0)).isBetween(0xFFFF - 1194, 0xFFFF - 1192);
        assertThat(count(0)).isBetween(0xFFFF - 2387, 0xFFFF - 2385);
    }

    @Test
    void readBackGivesStatusThenCount() {
        load(0, 0x34, 1000);
        pit.write(3, 1, 0xC2);
        assertThat(pit.read(0, 1)).isEqualTo(0xB4);
        assertThat(count(0)).isEqualTo(1000);
        pit.write(3, 1, 0x34);
        pit.write(3, 1, 0xE2);
        assertThat(pit.read(0, 1) & 0x40).as("no count loaded yet").isEqualTo(0x40);
    }

    @Test
    void bcdCountsInTens() {
        load(0, 0x35, 0x1000);
        clock.advanceTo(84_000); // 100 ticks
        pit.write(3, 1, 0);
        assertThat(count(0)).isEqualTo(0x900);
    }

    @Test
    void modeOneWaitsForItsTrigger() {
        load(2, 0xB2, 1193);
        clock.advanceTo(5_000_000);
        assertThat(output2()).isTrue();
        pit.controlPort().write(0, 1, 1);
        clock.advanceTo(5_500_000);
        assertThat(output2()).isFalse();
        clock.advanceTo(6_100_000);
        assertThat(output2()).isTrue();
    }
}
