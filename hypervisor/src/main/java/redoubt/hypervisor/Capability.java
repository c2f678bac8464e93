package redoubt.hypervisor;

/** What can be asked of and enabled in a {@link Vm}: KVM_CHECK_EXTENSION, KVM_ENABLE_CAP (Documentation/virt/kvm/api.rst). */
public enum Capability {
    /** KVM_CAP_SGX_ATTRIBUTE, 7.25 in api.rst: the guest may make enclaves with the attribute that a handle stands for. */
    SGX_ATTRIBUTE(196);

    private final int number;

    Capability(int number) {
        this.number = number;
    }

    /** KVM's number. */
    public int number() {
        return number;
    }
}
