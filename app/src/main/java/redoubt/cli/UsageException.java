package redoubt.cli;

/** The command line asks for something that cannot be: exit status 2. The message names option, value and what is right. */
final class UsageException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    UsageException(String message) {
        super(message);
    }
}
