package redoubt.hypervisor;

/**
 * Why {@link Vcpu#run} came back, as KVM's {@code kvm_run.exit_reason} tells it. Port and memory-mapped I/O does not appear
 * here: all devices are in this process and are called where the access happens.
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
