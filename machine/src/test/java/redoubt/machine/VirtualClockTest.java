package redoubt.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class VirtualClockTest {
    private final VirtualClock clock = new VirtualClock();
    private final List<String> log = new ArrayList<>();

    private void note(String what) {
        log.add(what + "@" + clock.nanos());
    }

    @Test
    void eventsHappenInOrderAndSeeTheirOwnTime() {
        clock.schedule(30, () -> note("c"));
        clock.schedule(10, () -> note("a"));
        clock.schedule(20, () -> note("b"));
        clock.advanceTo(25);
        assertThat(log).containsExactly("a@10", "b@20");
        assertThat(clock.nanos()).isEqualTo(25);
        assertThat(clock.nextDeadline()).isEqualTo(30);
    }

    @Test
    void eventsOfOneDeadlineHappenInTheOrderTheyWereScheduledIn() {
        for (int i = 0; i < 20; i++) {
            String name = "e" + i;
            clock.schedule(5, () -> note(name));
        }
        clock.advanceTo(5);
        for (int i = 0; i < 20; i++) {
            assertThat(log.get(i)).isEqualTo("e" + i + "@5");
        }
    }

    @Test
    void aCancelledEventDoesNotHappen() {
        Clock.Timer timer = clock.schedule(10, () -> note("never"));
        assertThat(timer.isWaiting()).isTrue();
        timer.cancel();
        assertThat(timer.isWaiting()).isFalse();
        assertThat(clock.nextDeadline()).isEqualTo(Long.MAX_VALUE);
        clock.advanceTo(100);
        assertThat(log).isEmpty();
        assertThat(clock.skipToNextEvent()).isFalse();
    }

    @Test
    void anEventMayScheduleTheNextWithinTheSameAdvance() {
        clock.schedule(10, () -> clock.schedule(clock.nanos() + 10, () -> note("second")));
        clock.advanceTo(100);
        assertThat(log).containsExactly("second@20");
    }

    @Test
    void aDeadlineInThePastIsDueAtTheNextAdvanceAndTimeDoesNotGoBack() {
        clock.advanceTo(50);
        clock.schedule(10, () -> note("late"));
        assertThat(log).isEmpty();
        clock.runDue();
        assertThat(log).containsExactly("late@50");
        assertThatThrownBy(() -> clock.advanceTo(49)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theListenerHearsOnlyOfEarlierDeadlines() {
        clock.whenEarlier(() -> note("earlier"));
        clock.schedule(100, () -> {});
        clock.schedule(200, () -> {});
        clock.schedule(50, () -> {});
        assertThat(log).containsExactly("earlier@0", "earlier@0");
    }

    @Test
    void progressWithinATurnShowsInTheTime() {
        long[] retired = {7};
        clock.progress(() -> retired[0]);
        clock.schedule(105, () -> note("event"));
        assertThat(clock.nanos()).isEqualTo(7);
        retired[0] = 0;
        clock.advanceTo(110);
        assertThat(log).containsExactly("event@105");
        retired[0] = 3;
        assertThat(clock.nanos()).isEqualTo(113);
    }

    @Test
    void theHostClockRunsWhatIsDue() {
        var host = new HostClock();
        host.schedule(0, () -> log.add("due"));
        host.schedule(Long.MAX_VALUE - 1, () -> log.add("not due"));
        host.runDue();
        assertThat(log).containsExactly("due");
        assertThat(host.nanos()).isNotNegative();
    }
}
