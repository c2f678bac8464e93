package redoubt.machine;

import java.util.function.LongSupplier;

/**
 * Virtual time: one retired instruction is one nanosecond, and a halted machine jumps to its next event. Nothing of the
 * host's time comes in, so that the same inputs give the same run.
 */
public final class VirtualClock extends Clock {
    private long now;
    private LongSupplier progress = () -> 0;

    /** Makes a clock at time zero. */
    public VirtualClock() {}

    /**
     * Tells where to ask how many instructions have retired since the last {@link #advanceTo}; lets devices see the exact
     * time within an engine's turn. Whoever calls {@code advanceTo} must have that count start anew.
     */
    public void progress(LongSupplier instructionsSinceAdvance) {
        this.progress = instructionsSinceAdvance;
    }

    @Override
    public long nanos() {
        return now + progress.getAsLong();
    }

    /**
     * Moves time on to {@code nanos} and runs what falls due on the way; each action sees the clock at its own deadline.
     *
     * @throws IllegalArgumentException if that is in the past
     */
    public void advanceTo(long nanos) {
        if (nanos < now) {
            throw new IllegalArgumentException("time cannot go back from " + now + " to " + nanos);
        }
        LongSupplier live = progress;
        progress = () -> 0;
        try {
            while (nextDeadline() <= nanos) {
                now = Math.max(now, nextDeadline());
                Runnable action = takeDue(now);
                if (action != null) {
                    action.run();
                }
            }
            now = nanos;
        } finally {
            progress = live;
        }
    }

    /** Moves time on by {@code nanos}, see {@link #advanceTo}. */
    public void advanceBy(long nanos) {
        advanceTo(now + nanos);
    }

    /** Jumps to the next event and runs it, as a machine does whose processors all wait; false if there is none. */
    public boolean skipToNextEvent() {
        long next = nextDeadline();
        if (next == Long.MAX_VALUE) {
            return false;
        }
        advanceTo(Math.max(now, next));
        return true;
    }

    @Override
    public void runDue() {
        advanceTo(now);
    }
}
