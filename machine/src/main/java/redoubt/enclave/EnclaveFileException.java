package redoubt.enclave;

/** A file that is not an enclave, or a damaged one; the message names the file, what is wrong and what would be right. */
public final class EnclaveFileException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** With a message of one line. */
    public EnclaveFileException(String message) {
        super(message);
    }
}
