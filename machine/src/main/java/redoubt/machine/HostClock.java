package redoubt.machine;

/** The host's time, for a person at a terminal or a real network; runs are not repeatable under it. */
public final class HostClock extends Clock {
    private final long start = System.nanoTime();

    /** Makes a clock whose time zero is now. */
    public HostClock() {}

    @Override
    public long nanos() {
        return System.nanoTime() - start;
    }

    @Override
    public void runDue() {
        // One reading for the whole turn, or a periodic timer that lags behind could hold the processor for ever.
        long now = nanos();
        for (Runnable action = takeDue(now); action != null; action = takeDue(now)) {
            action.run();
        }
    }
}
