package redoubt.memory;

/**
 * An access that whoever backs the memory cannot serve: the instruction has not happened and may be tried again. What the
 * host's SIGBUS is to KVM, which leaves the guest with KVM_EXIT_MEMORY_FAULT.
 */
public final class MemoryFaultException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Address of the page in the guest. */
    private final long guestPhysical;

    /** With what is missing, for a person. */
    public MemoryFaultException(String message, long guestPhysical) {
        super(message, null, false, false);
        this.guestPhysical = guestPhysical;
    }

    /** Address of the page in the guest. */
    public long guestPhysical() {
        return guestPhysical;
    }
}
