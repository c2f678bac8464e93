package redoubt.hypervisor;

import java.io.UncheckedIOException;
import org.jspecify.annotations.Nullable;
import redoubt.cpu.CodeCache;
import redoubt.cpu.Cpu;
import redoubt.cpu.CpuModel;
import redoubt.cpu.Engine;
import redoubt.cpu.IoExits;
import redoubt.cpu.LocalApic;
import redoubt.cpu.Platform;
import redoubt.cpu.UnimplementedException;
import redoubt.memory.MemoryFaultException;
import redoubt.memory.PhysicalMemory;
import redoubt.sgx.SgxUnit;

/** One virtual processor. Used by one thread at a time. */
public final class Vcpu {
    /** How often one instruction may be given a page and find another one gone, before it is a fault after all. */
    private static final int MOST_TRIES = 1000;

    private final Vm vm;
    private final Cpu cpu;
    private final Engine engine;
    private @Nullable SgxUnit unit;
    private @Nullable LaunchControlMsrs launchControl;
    private @Nullable EnclsExits enclsExits;
    private ExitInformation exit = ExitInformation.NONE;
    private volatile boolean interrupted;
    private long emulations;
    private boolean incomplete;

    Vcpu(Vm vm, int apicId, CpuModel model, PhysicalMemory memory, CodeCache code, Platform platform, LocalApic apic) {
        this.vm = vm;
        cpu = new Cpu(apicId, model, memory, code, platform, apic);
        engine = new Engine(cpu);
        cpu.deviceAccess = this::beforeEmulation;
    }

    /** Gives the processor the package's SGX, limited to what its CPUID shows. */
    void attach(HostSgx host) {
        var sgx = new SgxUnit(host.platform());
        cpu.enclave = sgx;
        var guest = GuestSgx.of(cpu.model);
        var registers = new LaunchControlMsrs(cpu, guest);
        var exits = new EnclsExits(this, vm, host, sgx, guest, registers);
        cpu.msrs.intercept = registers;
        sgx.intercept(exits);
        unit = sgx;
        launchControl = registers;
        enclsExits = exits;
    }

    /** The processor's registers and everything else it holds (KVM_GET_REGS and its like). */
    public Cpu cpu() {
        return cpu;
    }

    /** Instructions retired since reset: the machine's virtual time. */
    public long instructions() {
        return cpu.instructions;
    }

    // ---- state

    /**
     * A model-specific register of the guest, whatever the guest itself may do with it (KVM_GET_MSRS).
     *
     * @throws IllegalArgumentException if there is none
     */
    public long msr(int index) {
        LaunchControlMsrs own = launchControl;
        return own != null && own.holds(index) ? own.get(index) : cpu.msrs.get(index);
    }

    /**
     * Sets a model-specific register of the guest, as its firmware or a snapshot does (KVM_SET_MSRS).
     *
     * @throws IllegalArgumentException if there is none
     */
    public void msr(int index, long value) {
        LaunchControlMsrs own = launchControl;
        if (own != null && own.holds(index)) {
            own.set(index, value);
        } else {
            cpu.msrs.set(index, value);
        }
    }

    /** The ENCLS-exiting bitmap in force; all ones without SGX. */
    public long enclsExitingBitmap() {
        EnclsExits exits = enclsExits;
        return exits == null ? -1 : exits.bitmap();
    }

    /** How often an EINIT had to be executed again, because the processor had lost the launch key that the host wrote. */
    public long launchKeyRetries() {
        EnclsExits exits = enclsExits;
        return exits == null ? 0 : exits.launchKey().retries();
    }

    /** The last exit as VMX would describe it. Exits of the simulation, as the end of the budget, are none. */
    public ExitInformation exitInformation() {
        return exit;
    }

    /** How many accesses to device registers were emulated. */
    public long emulations() {
        return emulations;
    }

    // ---- running

    /**
     * Executes at most {@code budget} instructions (KVM_RUN).
     *
     * @throws IllegalStateException if the last exit was a read that has not been {@link #complete completed}
     * @throws UncheckedIOException from a device whose host end has failed, as a closed standard output
     */
    public VmExit run(long budget) {
        if (incomplete) {
            throw new IllegalStateException("run: the read of the last exit has got no data yet; complete it first");
        }
        long end = cpu.instructions + budget;
        long faulted = -1;
        int tries = 0;
        for (; ; ) {
            if (interrupted) {
                interrupted = false;
                exited(ExitInformation.EXTERNAL_INTERRUPT);
                vm.exclusively(() -> {
                    exitEnclave();
                    return null;
                });
                return VmExit.Interrupted.INSTANCE;
            }
            long left = end - cpu.instructions;
            long slice = Math.min(left, vm.longestTurn());
            VmExit result = vm.exclusively(() -> turn(slice));
            boolean goesOn = switch (result) {
                case VmExit.Budget _ -> interrupted || slice < left && !cpu.returnRequested;
                case VmExit.MemoryFault _ -> {
                    tries = cpu.instructions == faulted ? tries + 1 : 0;
                    faulted = cpu.instructions;
                    yield tries < MOST_TRIES && vm.reclaimed();
                }
                default -> false;
            };
            if (!goesOn) {
                return result;
            }
        }
    }

    private VmExit turn(long budget) {
        try {
            return switch (engine.run(budget)) {
                case BUDGET -> VmExit.Budget.INSTANCE;
                case PAUSED -> VmExit.Pause.INSTANCE;
                case IO -> ioExit();
                case HALTED -> VmExit.Halt.INSTANCE;
                case SHUTDOWN -> new VmExit.Shutdown(where());
            };
        } catch (MemoryFaultException e) {
            return new VmExit.MemoryFault(e.guestPhysical(), 4096, String.valueOf(e.getMessage()));
        } catch (UnimplementedException e) {
            return new VmExit.InternalError(String.valueOf(e.getMessage()));
        } catch (UncheckedIOException e) {
            throw e;
        } catch (RuntimeException e) {
            // Whatever a guest does must not end the host's program: a bug of ours ends this VM, and says where.
            StackTraceElement[] trace = e.getStackTrace();
            return new VmExit.InternalError(e + (trace.length > 0 ? " in " + trace[0] : "") + ", " + where());
        }
    }

    private VmExit ioExit() {
        IoExits waiting = cpu.exits;
        boolean write = waiting.isWrite();
        long address = waiting.address();
        int size = waiting.size();
        long value = waiting.value();
        boolean port = waiting.isPort();
        if (write) {
            waiting.done(0);
        }
        incomplete = !write;
        return port
                ? new VmExit.PortIo((int) address, size, !write, (int) value)
                : new VmExit.Mmio(address, size, write, value);
    }

    /**
     * Gives the data of the read that was the last exit; of {@code value} the low bytes count.
     *
     * @throws IllegalStateException if no read waits for data
     */
    public void complete(long value) {
        if (!incomplete) {
            throw new IllegalStateException("complete: the last exit was no read that needs data");
        }
        incomplete = false;
        cpu.exits.done(value);
    }

    /** Makes {@link #run} come back at the end of the current block; called on the thread that runs it. */
    public void kick() {
        cpu.requestReturn();
    }

    /** Whether {@link #run} would come back with {@link VmExit.Halt} at once: nothing has come that ends the halt. */
    public boolean isIdle() {
        return cpu.isIdle();
    }

    /** Has the processor wait for a start-up IPI, as those do that are not the first (KVM_MP_STATE_INIT_RECEIVED). */
    public void waitForStartup() {
        cpu.waitForStartup();
    }

    /** Whether PAUSE ends {@link #run}, for threads that run several processors in turns (VMX's PAUSE exiting). */
    public void exitOnPause(boolean exits) {
        cpu.pauseReturns = exits;
    }

    /**
     * An interrupt of the host, from any thread: {@link #run} comes back with {@link VmExit.Interrupted}, having left the
     * enclave if it was in one. At the latest this happens when its budget is spent.
     */
    public void interrupt() {
        interrupted = true;
        cpu.requestReturn();
    }

    // ---- exits

    /** Notes an exit. */
    void exited(int basicReason) {
        exit = ExitInformation.of(basicReason, cpu.enclave.inEnclave());
    }

    /** Leaves the enclave, if in one, as the VM exit of a real processor has by the time the host sees it. */
    void exitEnclave() {
        if (cpu.enclave.inEnclave()) {
            cpu.enclave.asynchronousExit(cpu, -1, -1, 0);
        }
    }

    /** Whether the processor uses an EPC page without asking for its address again. */
    boolean holds(int epcPage) {
        SgxUnit sgx = unit;
        return sgx != null && sgx.holds(epcPage);
    }

    /**
     * Before an access to device registers is emulated ({@code vmx_can_emulate_instruction}): that of an enclave cannot be,
     * because its registers are gone by the time of the exit; the guest gets #UD at the AEP.
     */
    private void beforeEmulation(Cpu c) {
        if (c.enclave.inEnclave()) {
            exited(ExitInformation.EPT_MISCONFIGURATION);
            throw c.afterExit(c.invalidOpcode());
        }
        emulations++;
    }

    private String where() {
        return String.format("RIP 0x%x, CR2 0x%x, CPL %d", cpu.rip, cpu.cr2, cpu.cpl);
    }
}
