package redoubt.hypervisor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import redoubt.cpu.CodeCache;
import redoubt.cpu.CpuModel;
import redoubt.cpu.LocalApic;
import redoubt.cpu.Platform;
import redoubt.memory.HostMemory;
import redoubt.memory.PhysicalMemory;

/**
 * One virtual machine: a guest-physical address space made of memory slots, and the processors that share it.
 *
 * <p>Its processors execute one at a time, under the VM's lock; several VMs may run on several threads.
 *
 * <p>Its RAM lies outside Java's heap and is given back by {@link #close}; after that nothing of the VM may be used, so
 * close it only when no processor runs.
 */
public final class Vm implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final PhysicalMemory memory = new PhysicalMemory();
    private final CodeCache code = new CodeCache();
    private final List<Vcpu> vcpus = new ArrayList<>();
    private final List<VirtualEpc> epcRegions = new ArrayList<>();
    private final CpuModel model;
    private final Platform platform;
    private final @Nullable HostSgx host;
    private final ReentrantLock lock = new ReentrantLock(true);
    private boolean provisionKey;

    /**
     * An empty machine (KVM_CREATE_VM) whose processors are of this model and reach ports, time and randomness through
     * {@code platform}.
     *
     * @param model what the guest's CPUID shows, see {@link CpuidPolicy}: what it does not show, the guest does not get
     * @param host whose SGX the processors have; null for processors without
     */
    public Vm(CpuModel model, Platform platform, @Nullable HostSgx host) {
        this.model = model;
        this.platform = platform;
        this.host = host;
    }

    // ---- capabilities

    /** Whether a capability can be enabled (KVM_CHECK_EXTENSION). */
    public boolean checkExtension(Capability capability) {
        return switch (capability) {
            case SGX_ATTRIBUTE -> host != null;
        };
    }

    /**
     * Enables a capability (KVM_ENABLE_CAP). {@link Capability#SGX_ATTRIBUTE} lets the guest make enclaves with the attribute
     * that the handle stands for, PROVISIONKEY; that stays when the handle is closed.
     *
     * @throws IllegalArgumentException if the VM has not the capability, or the handle is not an open {@link ProvisionHandle}
     *     of its host (EINVAL); nothing has changed then
     */
    public void enableCapability(Capability capability, Object handle) {
        HostSgx own = host;
        if (own == null) {
            throw new IllegalArgumentException(capability + ": this VM has no SGX");
        }
        if (!(handle instanceof ProvisionHandle provision && provision.grants(own))) {
            throw new IllegalArgumentException(capability + ": not an open handle on the host's provisioning device");
        }
        provisionKey = true;
    }

    boolean mayUseProvisionKey() {
        return provisionKey;
    }

    // ---- memory

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

    /**
     * Puts enclave page cache at a guest-physical address, as mapping {@code /dev/sgx_vepc} into a memslot does. The VM
     * closes it when it is closed.
     *
     * @throws IllegalArgumentException if it is another host's
     * @throws IllegalStateException if it is mapped already
     */
    public void addVirtualEpc(long guestPhysical, VirtualEpc epc) {
        if (epc.host() != host) {
            throw new IllegalArgumentException("virtual EPC of another host");
        }
        epc.attach(this, guestPhysical);
        memory.addEpc(guestPhysical, epc.bytes(), epc);
        epcRegions.add(epc);
        EpcReclaimer reclaimer = host.reclaimer();
        if (reclaimer != null) {
            reclaimer.add(epc);
        }
    }

    /** The guest-physical address space. */
    public PhysicalMemory memory() {
        return memory;
    }

    // ---- processors

    /** Adds a processor in its state after RESET (KVM_CREATE_VCPU). */
    public Vcpu createVcpu(int apicId, LocalApic apic) {
        var vcpu = new Vcpu(this, apicId, model, memory, code, platform, apic);
        if (host != null) {
            vcpu.attach(host);
        }
        vcpus.add(vcpu);
        return vcpu;
    }

    /** All processors in the order they were made. */
    public List<Vcpu> vcpus() {
        return List.copyOf(vcpus);
    }

    /**
     * What becomes of the EPC when a machine is reset: the processors leave their enclaves, and every page is uninitialized
     * afterwards, so that the next kernel finds none of the last one's enclaves.
     *
     * @throws IllegalStateException if a page cannot be: a SECS whose children are in a region that is not this VM's
     */
    public void resetVirtualEpc() {
        exclusively(() -> {
            exitEnclaves();
            int failures = 0;
            for (int pass = 0; pass < 2; pass++) { // a SECS goes after its children
                failures = epcRegions.stream().mapToInt(VirtualEpc::removeAll).sum();
            }
            if (failures > 0) {
                throw new IllegalStateException(failures + " EPC pages keep their enclaves");
            }
            return null;
        });
    }

    // ---- for the other parts of the hypervisor

    /** Does something while none of the VM's processors executes. */
    <T> T exclusively(Supplier<T> action) {
        lock.lock();
        try {
            return action.get();
        } finally {
            lock.unlock();
        }
    }

    /** How many instructions a processor may execute before it must let the reclaimer in. */
    long longestTurn() {
        return host != null && host.reclaimer() != null ? EpcReclaimer.LONGEST_TURN : Long.MAX_VALUE;
    }

    /** Has the host free EPC pages for a processor that found none; false if it does not do so or there are none. */
    boolean reclaimed() {
        EpcReclaimer reclaimer = host == null ? null : host.reclaimer();
        return reclaimer != null && reclaimer.reclaim();
    }

    void exitEnclaves() {
        vcpus.forEach(Vcpu::exitEnclave);
    }

    void forgetTranslations() {
        vcpus.forEach(vcpu -> vcpu.cpu().mmu.flush());
    }

    /** The contents of a page have changed, or it belongs to somebody else now: code decoded from it is no longer valid. */
    void forgetPage(long hostAddress) {
        if (!vcpus.isEmpty()) {
            vcpus.getFirst().cpu().mmu.hostPageWritten(hostAddress);
        }
    }

    boolean holds(int epcPage) {
        return vcpus.stream().anyMatch(vcpu -> vcpu.holds(epcPage));
    }

    @Override
    public void close() {
        epcRegions.forEach(VirtualEpc::close);
        arena.close();
    }
}
