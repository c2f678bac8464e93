package redoubt.hypervisor;

/**
 * An open {@code /dev/sgx_provision}: whoever holds it may let guests use the provisioning key, see {@link
 * Vm#enableCapability}. A permission once given outlives the handle. Source: {@code arch/x86/kernel/cpu/sgx/driver.c}.
 */
public final class ProvisionHandle implements AutoCloseable {
    private final HostSgx host;
    private volatile boolean open = true;

    ProvisionHandle(HostSgx host) {
        this.host = host;
    }

    /** Whether this grants the use of that host's provisioning key. */
    boolean grants(HostSgx other) {
        return open && host == other;
    }

    @Override
    public void close() {
        open = false;
    }
}
