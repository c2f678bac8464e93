package redoubt.cpu;

/** Something this processor does not implement or a bug of ours: ends the run with a message, never computes on. */
public final class UnimplementedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** With what happened, for a person. */
    public UnimplementedException(String message) {
        super(message);
    }
}
