package redoubt.cpu;

/** Thrown by an MSR's owner outside the processor when an access must raise #GP(0). */
public final class MsrFault extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The one instance. */
    public static final MsrFault INSTANCE = new MsrFault();

    private MsrFault() {
        super(null, null, false, false);
    }
}
