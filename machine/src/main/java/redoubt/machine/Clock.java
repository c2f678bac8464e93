package redoubt.machine;

import org.jspecify.annotations.Nullable;

/**
 * The machine's one clock: the time-stamp counter, the local APIC timers, PIT, RTC and PM timer all tell this time, in
 * nanoseconds since the machine was made, and everything that happens later is scheduled here.
 *
 * <p>Used only on the thread that runs the virtual processors.
 */
public abstract class Clock {
    /**
     * Ticks of the time-stamp counter a second. One tick is one nanosecond, and in virtual time one retired instruction,
     * so that no conversion rounds. It is also the frequency of the core crystal that CPUID 15H tells, and with it the
     * input of the local APIC timers before their divider.
     */
    public static final long TSC_HERTZ = 1_000_000_000L;

    /** Something scheduled. */
    public interface Timer {
        /** Forgets it; without effect once it has happened. */
        void cancel();

        /** Says if it is still to happen. */
        boolean isWaiting();

        /** When it is to happen or happened. */
        long deadlineNanos();
    }

    private final EventQueue events = new EventQueue();
    private Runnable whenEarlier = () -> {};

    /** Makes a clock that has nothing scheduled. */
    protected Clock() {}

    /** The present time. */
    public abstract long nanos();

    /**
     * Schedules an action. A deadline that has passed is due at once, but never runs within this call.
     *
     * @return to cancel it with
     */
    public final Timer schedule(long deadlineNanos, Runnable action) {
        long before = events.nextDeadline();
        Timer timer = events.add(deadlineNanos, action);
        if (deadlineNanos < before) {
            whenEarlier.run();
        }
        return timer;
    }

    /** When the next thing happens; {@link Long#MAX_VALUE} if nothing is scheduled. */
    public final long nextDeadline() {
        return events.nextDeadline();
    }

    /**
     * Asks to be told when something was scheduled before everything else, so that an engine that runs until {@link
     * #nextDeadline()} can look again.
     */
    public final void whenEarlier(Runnable listener) {
        this.whenEarlier = listener;
    }

    /**
     * Runs all that is due by now. Actions may schedule more; what of that is due runs too.
     */
    public abstract void runDue();

    /** Takes the next action if it is due at {@code nanos}. */
    final @Nullable Runnable takeDue(long nanos) {
        return events.takeDue(nanos);
    }
}
