package redoubt.machine.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.LocalDateTime;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;
import redoubt.machine.VirtualClock;

/** Plays Linux' rtc-cmos.c. Oracle: Motorola MC146818 data sheet, and java.time for the calendar. */
class RtcTest {
    private static final long SECOND = 1_000_000_000L;

    private final VirtualClock clock = new VirtualClock();
    private boolean line;
    private final Rtc rtc = new Rtc(
            clock,
            level -> line = level,
            LocalDateTime.of(2026, 2, 28, 23, 59, 58).toEpochSecond(ZoneOffset.UTC));

    private int in(int register) {
        rtc.write(0, 1, register);
        return (int) rtc.read(1, 1);
    }

    private void out(int register, int value) {
        rtc.write(0, 1, register);
        rtc.write(1, 1, value);
    }

    private String shown() {
        return String.format(
                "%02x%02x-%02x-%02x %02x:%02x:%02x wd%x", in(0x32), in(9), in(8), in(7), in(4), in(2), in(0), in(6));
    }

    @Test
    void showsTheGivenDateInBcdAndCountsOverTheMonthsEnd() {
        assertThat(shown()).isEqualTo("2026-02-28 23:59:58 wd7");
        clock.advanceBy(2 * SECOND);
        assertThat(shown()).isEqualTo("2026-03-01 00:00:00 wd1");
        assertThat(in(13)).as("battery").isEqualTo(0x80);
        assertThat(in(11)).isEqualTo(2);
    }

    @Test
    void showsBinaryAndTwelveHours() {
        out(11, 0x06);
        assertThat(in(0)).isEqualTo(58);
        assertThat(in(4)).isEqualTo(23);
        out(11, 0x00);
        assertThat(in(4)).as("11 PM").isEqualTo(0x91);
        clock.advanceBy(2 * SECOND);
        assertThat(in(4)).as("12 AM").isEqualTo(0x12);
    }

    @Test
    void timeIsSetWhileTheSetBitHoldsItStill() {
        out(11, 0x82);
        clock.advanceBy(10 * SECOND);
        assertThat(in(0)).isEqualTo(0x58);
        out(0, 0x30);
        out(2, 0x15);
        out(4, 0x08);
        out(7, 0x31);
        out(8, 0x12);
        out(9, 0x99);
        out(0x32, 0x19);
        out(11, 0x02);
        clock.advanceBy(SECOND);
        assertThat(shown()).isEqualTo("1999-12-31 08:15:31 wd6");
    }

    @Test
    void theUpdateBitRisesShortlyBeforeTheSecond() {
        clock.advanceTo(SECOND - 300_000);
        assertThat(in(10) & 0x80).isZero();
        clock.advanceTo(SECOND - 100_000);
        assertThat(in(10) & 0x80).isEqualTo(0x80);
        clock.advanceTo(SECOND);
        assertThat(in(10) & 0x80).isZero();
        assertThat(in(0)).isEqualTo(0x59);
    }

    @Test
    void theUpdateInterruptComesEachSecondUntilRegisterCIsRead() {
        in(12);
        out(11, 0x12);
        clock.advanceTo(SECOND - 1);
        assertThat(line).isFalse();
        clock.advanceTo(SECOND);
        assertThat(line).isTrue();
        assertThat(in(12) & 0x90).isEqualTo(0x90);
        assertThat(line).isFalse();
        assertThat(in(12) & 0x10).isZero();
        clock.advanceTo(2 * SECOND);
        assertThat(line).isTrue();
    }

    @Test
    void theAlarmComesAtItsTimeAndWithWildcards() {
        out(1, 0x05);
        out(3, 0x00);
        out(5, 0x00);
        in(12);
        out(11, 0x22);
        clock.advanceTo(7 * SECOND - 1);
        assertThat(line).isFalse();
        clock.advanceTo(7 * SECOND);
        assertThat(line).isTrue();
        assertThat(in(12) & 0xA0).isEqualTo(0xA0);
        out(3, 0xC0);
        out(5, 0xFF);
        clock.advanceTo(66 * SECOND);
        assertThat(line).isFalse();
        clock.advanceTo(67 * SECOND);
        assertThat(line).as("each minute at second 5").isTrue();
    }

    @Test
    void thePeriodicInterruptHasItsRate() {
        out(10, 0x26);
        out(11, 0x42);
        int interrupts = 0;
        in(12);
        while (clock.nextDeadline() < SECOND) {
            clock.skipToNextEvent();
            assertThat(line).isTrue();
            assertThat(in(12) & 0x40).isEqualTo(0x40);
            interrupts++;
        }
        assertThat(interrupts).as("rate 6 is 1024 Hz").isBetween(1023, 1024);
    }

    @Test
    void ramKeepsWhatIsWritten() {
        out(0x40, 0xA5);
        assertThat(in(0x40)).isEqualTo(0xA5);
        assertThat(clock.nextDeadline())
                .as("nothing waits without an interrupt")
                .isEqualTo(Long.MAX_VALUE);
    }
}
