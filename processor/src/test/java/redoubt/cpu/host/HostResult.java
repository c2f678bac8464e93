package redoubt.cpu.host;

/** What the host processor made of a {@link Case}. Reused. */
public final class HostResult {
    public final CpuState state = new CpuState();
    public final Outcome outcome = new Outcome();

    /** The signal that ended the run, and its {@code si_code}. */
    public int signal;

    public int signalCode;
}
