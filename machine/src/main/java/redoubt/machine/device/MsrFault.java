package redoubt.machine.device;

/** An MSR access that the processor answers with #GP(0). */
public final class MsrFault extends RuntimeException {
    private static final long serialVersionUID = 1;
    private static final MsrFault INSTANCE = new MsrFault();

    private MsrFault() {
        super("#GP(0)", null, false, false);
    }

    /** The one instance; it has no stack trace. */
    public static MsrFault generalProtection() {
        return INSTANCE;
    }
}
