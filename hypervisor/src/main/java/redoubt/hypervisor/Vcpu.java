package redoubt.hypervisor;

import java.io.UncheckedIOException;
import redoubt.cpu.CodeCache;
import redoubt.cpu.Cpu;
import redoubt.cpu.CpuModel;
import redoubt.cpu.Engine;
import redoubt.cpu.LocalApic;
import redoubt.cpu.Platform;
import redoubt.cpu.UnimplementedException;
import redoubt.memory.PhysicalMemory;

/** One virtual processor. Used by one thread at a time. */
public final class Vcpu {
    private final Cpu cpu;
    private final Engine engine;

    Vcpu(int apicId, CpuModel model, PhysicalMemory memory, CodeCache code, Platform platform, LocalApic apic) {
        cpu = new Cpu(apicId, model, memory, code, platform, apic);
        engine = new Engine(cpu);
    }

    /** The processor's registers and everything else it holds (KVM_GET_REGS and its like). */
    public Cpu cpu() {
        return cpu;
    }

    /** Instructions retired since reset: the machine's virtual time. */
    public long instructions() {
        return cpu.instructions;
    }

    /**
     * Executes at most {@code budget} instructions (KVM_RUN).
     *
     * @throws UncheckedIOException from a device whose host end has failed, as a closed standard output
     */
    public VmExit run(long budget) {
        try {
            return switch (engine.run(budget)) {
                case BUDGET -> VmExit.Budget.INSTANCE;
                case PAUSED -> VmExit.Pause.INSTANCE;
                case HALTED -> VmExit.Halt.INSTANCE;
                case SHUTDOWN -> new VmExit.Shutdown(where());
            };
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

    private String where() {
        return String.format("RIP 0x%x, CR2 0x%x, CPL %d", cpu.rip, cpu.cr2, cpu.cpl);
    }
}
