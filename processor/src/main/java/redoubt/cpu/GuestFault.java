package redoubt.cpu;

/**
 * An exception of the guest on its way to delivery. One preallocated instance per {@link Cpu}, without stack trace: get it
 * from {@link Cpu#fault}, {@link Cpu#generalProtection} and their like and throw it at once.
 */
public final class GuestFault extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Vector, 0 to 31. */
    public int vector;
    /** Error code, or -1 when the vector pushes none. */
    public int errorCode;
    /** CR2 for a page fault. */
    public long address;
    /** For #GP that becomes #SS when the instruction's operand is addressed through the stack segment. */
    public boolean nonCanonical;
    /** Injected by a hypervisor after a VM exit: an enclave has been left by then, and its SSA frame names no vector. */
    public boolean afterExit;
    /** Found after a task switch: RIP and all else are already the new task's. */
    public boolean committed;

    GuestFault() {
        super(null, null, false, false);
    }

    @Override
    public String getMessage() {
        return String.format("vector=%d, errorCode=0x%x, address=0x%x", vector, errorCode, address);
    }
}
