package redoubt.image;

import org.jspecify.annotations.Nullable;

/** A guest could not be made or read. The message is one line that says what was tried and what would help. */
public class ImageException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public ImageException(String message) {
        super(message);
    }

    public ImageException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
