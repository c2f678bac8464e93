/** The hypervisor of the 2019 series "x86/sgx: KVM: Add SGX virtualization", over the software processor. */
module redoubt.hypervisor {
    requires transitive redoubt.processor;
    requires static org.jspecify;

    exports redoubt.hypervisor;
}
