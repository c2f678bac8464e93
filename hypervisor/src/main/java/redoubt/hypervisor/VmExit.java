package redoubt.hypervisor;

/**
 * Why {@link Vcpu#run} came back, as KVM's {@code kvm_run.exit_reason} tells it. Devices of this process ({@link Vm#addMmio},
 * ports that the VM's platform handles) are called where the access happens and do not appear here.
 */
public sealed interface VmExit {
    /** The instructions asked for have been executed, or somebody wants a turn ({@link Vcpu#kick}). */
    record Budget() implements VmExit {
        static final Budget INSTANCE = new Budget();
    }

    /** The guest spins with PAUSE, see {@link Vcpu#exitOnPause}: whatever it waits for needs the thread more. */
    record Pause() implements VmExit {
        static final Pause INSTANCE = new Pause();
    }

    /**
     * An access to a port that the VM's platform does not handle (KVM_EXIT_IO, one element of a repeated instruction at a
     * time). Of a read, the caller gives the data to {@link Vcpu#complete} before it runs on; a write has been executed.
     *
     * @param size in bytes: 1, 2 or 4
     * @param value what is written
     */
    record PortIo(int port, int size, boolean in, int value) implements VmExit {}

    /**
     * An access to a guest-physical address where nothing is (KVM_EXIT_MMIO), with the rules of {@link PortIo}. An access of
     * more than eight bytes, or across a page, comes in parts.
     *
     * @param size in bytes: 1, 2, 4 or 8
     * @param value what is written
     */
    record Mmio(long address, int size, boolean write, long value) implements VmExit {}

    /** HLT or the wait for a start-up IPI, with nothing to deliver: only a signal helps (KVM_EXIT_HLT). */
    record Halt() implements VmExit {
        static final Halt INSTANCE = new Halt();
    }

    /** A fault while a double fault was delivered: the processor has stopped (KVM_EXIT_SHUTDOWN). */
    record Shutdown(String state) implements VmExit {}

    /** {@link Vcpu#interrupt} (KVM_EXIT_INTR). */
    record Interrupted() implements VmExit {
        static final Interrupted INSTANCE = new Interrupted();
    }

    /**
     * Memory that the host cannot provide, as EPC when the pool is exhausted (KVM_EXIT_MEMORY_FAULT). The instruction has not
     * happened; running again tries again.
     */
    record MemoryFault(long guestPhysical, long bytes, String message) implements VmExit {}

    /** What the guest did is not implemented, or a bug of ours: never computed on (KVM_EXIT_INTERNAL_ERROR). */
    record InternalError(String message) implements VmExit {}
}
