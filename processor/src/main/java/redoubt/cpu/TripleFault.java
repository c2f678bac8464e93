package redoubt.cpu;

/** Thrown when a fault occurs while #DF is being delivered: the processor enters shutdown (SDM vol. 3A 6.15). */
public final class TripleFault extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The one instance. */
    public static final TripleFault INSTANCE = new TripleFault();

    private TripleFault() {
        super(null, null, false, false);
    }
}
