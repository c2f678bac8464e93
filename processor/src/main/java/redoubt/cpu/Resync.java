package redoubt.cpu;

/** Thrown by the dispatcher when the code it is executing has been rewritten: continue at the same address, decoding anew. */
public final class Resync extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The one instance. */
    public static final Resync INSTANCE = new Resync();

    private Resync() {
        super(null, null, false, false);
    }
}
