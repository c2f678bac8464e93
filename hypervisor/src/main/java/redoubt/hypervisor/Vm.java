package redoubt.hypervisor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import redoubt.cpu.CodeCache;
import redoubt.cpu.CpuModel;
import redoubt.cpu.LocalApic;
import redoubt.cpu.Platform;
import redoubt.memory.PhysicalMemory;

/**
 * One virtual machine: a guest-physical address space made of memory slots, and the processors that share it.
 *
 * <p>Its RAM lies outside Java's heap and is given back by {@link #close}; after that nothing of the VM may be used, so
 * close it only when no processor runs.
 */
public final class Vm implements AutoCloseable {
    private static final long PAGE = 4096;

    private final Arena arena = Arena.ofShared();
    private final PhysicalMemory memory = new PhysicalMemory();
    private final CodeCache code = new CodeCache();
    private final List<Vcpu> vcpus = new ArrayList<>();
    private final CpuModel model;
    private final Platform platform;

    /** An empty machine whose processors are of this model and reach ports, time and randomness through {@code platform}. */
    public Vm(CpuModel model, Platform platform) {
        this.model = model;
        this.platform = platform;
    }

    /**
     * RAM that belongs to this VM, zeroed; map it with {@link #setMemslot}.
     *
     * @throws OutOfMemoryError if the host has not that much
     */
    public MemorySegment allocate(long bytes) {
        return arena.allocate(bytes, PAGE);
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
    public void addVirtualEpc(long guestPhysical, long bytes, PhysicalMemory.EpcWindow epc) {
        memory.addEpc(guestPhysical, bytes, epc);
    }

    /** Adds a processor in its state after RESET (KVM_CREATE_VCPU). */
    public Vcpu createVcpu(int apicId, LocalApic apic) {
        var vcpu = new Vcpu(apicId, model, memory, code, platform, apic);
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
