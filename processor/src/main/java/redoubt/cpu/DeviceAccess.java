package redoubt.cpu;

/**
 * A hypervisor's say before it emulates an access to memory-mapped registers, which a processor under VMX leaves the guest
 * for (EPT violation or misconfiguration).
 */
@FunctionalInterface
public interface DeviceAccess {
    /** Everything is emulated. */
    DeviceAccess ALLOWED = c -> {};

    /** Throws the exception that the guest gets instead, or returns. */
    void before(Cpu c);
}
