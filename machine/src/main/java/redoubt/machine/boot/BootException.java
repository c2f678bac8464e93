package redoubt.machine.boot;

/** The guest cannot be started from what was given: one line that names the file, the value and what would be right. */
public final class BootException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public BootException(String message) {
        super(message);
    }

    public BootException(String message, Throwable cause) {
        super(message, cause);
    }
}
