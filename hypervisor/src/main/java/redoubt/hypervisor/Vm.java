package redoubt.hypervisor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import redoubt.cpu.CodeCache;
import redoubt.cpu.CpuModel;
import redoubt.cpu.LocalApic;
import redoubt.cpu.Platform;
import redoubt.memory.HostMemory;
import redoubt.memory.PhysicalMemory;
import redoubt.sgx.SgxPackage;
import redoubt.sgx.SgxUnit;

/**
 * One virtual machine: a guest-physical address space made of memory slots, and the processors that share it.
 *
 * <p>Its RAM lies outside Java's heap and is given back by {@link #close}; after that nothing of the VM may be used, so
 * close it only when no processor runs.
 */
public final class Vm implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final PhysicalMemory memory = new PhysicalMemory();
    private final CodeCache code = new CodeCache();
    private final List<Vcpu> vcpus = new ArrayList<>();
    private final CpuModel model;
    private final Platform platform;
    private final @Nullable SgxPackage sgx;
    private boolean provisionKey;
    private long enclsExits;

    /**
     * An empty machine whose processors are of this model and reach ports, time and randomness through {@code platform}.
     *
     * @param sgx the package whose SGX the processors have; null for processors without
     */
    public Vm(CpuModel model, Platform platform, @Nullable SgxPackage sgx) {
        this.model = model;
        this.platform = platform;
        this.sgx = sgx;
    }

    /** Lets the guest make enclaves with the PROVISIONKEY attribute; denied at first (KVM_CAP_SGX_ATTRIBUTE). */
    public void allowProvisionKey() {
        provisionKey = true;
    }

    boolean mayUseProvisionKey() {
        return provisionKey;
    }

    void countEnclsExit() {
        enclsExits++;
    }

    /** How many ENCLS leaves came to the hypervisor (VM exit reason 60) so far. */
    public long enclsExits() {
        return enclsExits;
    }

    /**
     * RAM that belongs to this VM, zeroed; map it with {@link #setMemslot}.
     *
     * @throws OutOfMemoryError if the host has not that much
     */
    public MemorySegment allocate(long bytes) {
        return HostMemory.allocate(arena, bytes);
    }

    /** Puts RAM at a guest-physical address (KVM_SET_USER_MEMORY_REGION); native, whole pages, disjoint from all else. */
    public void setMemslot(long guestPhysical, MemorySegment ram) {
        memory.addRam(guestPhysical, ram);
    }

    /** Puts a device's registers at a guest-physical address. */
    public void addMmio(long guestPhysical, long bytes, PhysicalMemory.Mmio device) {
        memory.addMmio(guestPhysical, bytes, device);
    }

    /** Puts enclave page cache at a guest-physical address, as mapping {@code /dev/sgx_vepc} into a memslot does. */
    public void addVirtualEpc(long guestPhysical, VirtualEpc epc) {
        memory.addEpc(guestPhysical, epc.bytes(), epc);
    }

    /** Adds a processor in its state after RESET (KVM_CREATE_VCPU). */
    public Vcpu createVcpu(int apicId, LocalApic apic) {
        var vcpu = new Vcpu(apicId, model, memory, code, platform, apic);
        if (sgx != null) {
            SgxUnit unit = new SgxUnit(sgx);
            unit.intercept(new EnclsExits(this, unit));
            vcpu.cpu().enclave = unit;
        }
        vcpus.add(vcpu);
        return vcpu;
    }

    /** The guest-physical address space. */
    public PhysicalMemory memory() {
        return memory;
    }

    /** All processors in the order they were made. */
    public List<Vcpu> vcpus() {
        return List.copyOf(vcpus);
    }

    @Override
    public void close() {
        arena.close();
    }
}
