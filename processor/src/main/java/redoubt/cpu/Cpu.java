package redoubt.cpu;

import redoubt.memory.PhysicalMemory;
import redoubt.x86.F80Context;
import redoubt.x86.MxcsrContext;
import redoubt.x86.Op;

/**
 * The state of one logical processor. Fields are public to the rooms of this module: instruction semantics read and write
 * them directly.
 *
 * <p>Status flags are kept as a result and an auxiliary word (see {@link Flags}); all other RFLAGS bits in {@link #flags}.
 * {@link #rip} is the address of the next instruction while a block-ending instruction executes (so a call pushes it), and
 * is not meaningful inside a block.
 */
public final class Cpu {
    /** GPRs 0 to 15, then the pseudo-registers of {@link Op}. */
    public final long[] r = new long[32];

    /** XMM/YMM registers, four longs each, low first; then {@link #SCRATCH} slots. */
    public final long[] x = new long[(16 + 4) * 4];

    /** Index in {@link #x} of the first scratch vector, where memory operands are loaded to. */
    public static final int SCRATCH = 16 * 4;

    /** Index in {@link #x} of the scratch vector that takes a 256-bit result while it may still be discarded. */
    public static final int RESULT = SCRATCH + 4;

    /** Index in {@link #x} of the scratch vector with the upper lane's source, where that is no lane of its own. */
    public static final int UPPER_SOURCE = SCRATCH + 8;

    /** Instruction pointer: offset within CS. */
    public long rip;

    /** Lazy status flags: result, sign-extended. */
    public long fr = 1;

    /** Lazy status flags: auxiliary word. */
    public long fx;

    /** RFLAGS without the six status flags; bit 1 set. */
    public long flags = 2;

    /** The TLB of the current context (see {@link Mmu}). */
    long[] tlb = new long[0];

    /** Index of the operation at which the dispatcher stopped with an exception. */
    public int at;

    /** How many instructions of the block had not been executed then. */
    public int notExecuted;

    /** Second result of an instruction with two written operands. */
    public long out2;

    // Segment registers: ES CS SS DS FS GS = 0..5. In 64-bit mode FS and GS bases are also in r[FS_BASE], r[GS_BASE].
    public final int[] selector = new int[6];
    public final long[] segmentBase = new long[6];
    /** Limit in bytes, inclusive. */
    public final long[] segmentLimit = new long[6];
    /** Access rights as in a descriptor's high dword, shifted right by 8: type 0..3, S 4, DPL 5..6, P 7, AVL 12, L 13, D 14, G 15; bit 16: unusable. */
    public final int[] segmentAccess = new int[6];

    public int ldtr;
    public long ldtrBase;
    public long ldtrLimit;
    public int ldtrAccess = 0x10000;
    public int tr;
    public long trBase;
    public long trLimit = 0xFFFF;
    public int trAccess = 0x8B;
    public long gdtBase;
    public int gdtLimit = 0xFFFF;
    public long idtBase;
    public int idtLimit = 0xFFFF;

    public long cr0 = 0x60000010;
    public long cr2;
    public long cr3;
    public long cr4;
    public long efer;
    public long xcr0 = 1;
    public int pkru;
    public int mxcsr = 0x1F80;
    /** What the floating-point semantics work with; {@link #mxcsr} is the register. */
    public final MxcsrContext sse = new MxcsrContext();
    /** What the x87 semantics work with; {@link #fpControl} and {@link #fpStatus} are the registers. */
    public final F80Context fp = new F80Context();

    public final long[] dr = {0, 0, 0, 0, 0, 0, 0xFFFF0FF0L, 0x400};

    // x87: physical registers; TOP in bits 13..11 of the status word.
    public final long[] fpSignificand = new long[8];
    public final int[] fpExponent = new int[8];
    public int fpControl = 0x37F;
    public int fpStatus;
    /** Abridged tag: bit set = not empty, by physical register. */
    public int fpTag;

    public int fpOpcode;
    public long fpInstruction;
    public long fpData;

    public int cpl;
    /** 16, 32 or 64: mode of the current code segment. */
    public int codeMode = 16;

    /** Instructions retired. */
    public long instructions;

    /** The loop returns when {@link #instructions} reaches this. {@link #leaveLoop} sets it to force an early return. */
    public long limit;

    /** Asks {@link Engine#run} to return at the end of the current block, its budget unspent. */
    public boolean returnRequested;

    /** Set by STI, MOV SS, POP SS: no interrupt before the next instruction has retired. */
    public boolean interruptShadow;

    /** DR6 bits of a debug trap that is due once the current instruction has completed. */
    public int debugPending;

    /**
     * Whether the current instruction is followed by a single-step trap: TF as it found it, unless the manual says otherwise
     * of the instruction.
     */
    public boolean singleStep;

    /** Set by MOV SS and POP SS, with {@link #interruptShadow}: no debug exception either. */
    public boolean debugShadow;

    /** Whether one instruction is executed alone, so that a debug trap can be delivered behind it. */
    public boolean stepping = true;

    /** Whether the next instruction is to be executed alone. */
    boolean stepRequested;

    /** Whether an instruction breakpoint does not count now: RF, or the shadow of MOV SS. */
    boolean debugHeldOff;

    public boolean halted;
    public boolean nmiPending;
    public boolean nmiBlocked;

    /** INIT has been signalled; taken before the next instruction. */
    boolean initPending;

    /** An application processor after INIT: nothing but a start-up IPI or another INIT reaches it (SDM vol. 3A 9.4). */
    boolean waitingForStartup;

    /** Vector of a start-up IPI that has come and is not taken yet, or -1. */
    int startupVector = -1;

    /** Whether PAUSE makes {@link Engine#run} return: other processors wait for the host's thread. */
    public boolean pauseReturns;

    /** Set when PAUSE did. */
    boolean paused;

    /** Index within {@link CpuModel}'s processors: the initial APIC id. */
    public final int apicId;

    public final PhysicalMemory memory;
    public final Platform platform;
    public final CpuModel model;
    public final Monitor monitor = new Monitor(this);
    public final Breakpoints breakpoints = new Breakpoints(this);
    public final Mmu mmu;
    public final Msrs msrs;
    public LocalApic apic;
    public EnclaveUnit enclave = EnclaveUnit.NONE;
    /** Asked before each access to a device's registers in memory, which a hypervisor has to emulate. */
    public final IoExits exits = new IoExits(this);

    public DeviceAccess deviceAccess = DeviceAccess.ALLOWED;

    private final GuestFault fault = new GuestFault();

    /** A processor in its state after RESET (SDM vol. 3A table 10-1). */
    public Cpu(int apicId, CpuModel model, PhysicalMemory memory, CodeCache code, Platform platform, LocalApic apic) {
        this.apicId = apicId;
        this.model = model;
        this.memory = memory;
        this.platform = platform;
        this.apic = apic;
        this.mmu = new Mmu(this, code);
        this.msrs = new Msrs(this);
        Reset.cold(this);
    }

    /** Makes the interpreter's loop return at the end of the current block. */
    public void leaveLoop() {
        limit = 0;
    }

    /** Makes {@link Engine#run} return at the end of the current block: something outside the processor wants a turn. */
    public void requestReturn() {
        returnRequested = true;
        leaveLoop();
    }

    // ---- signals from the local APIC

    /** A non-maskable interrupt. */
    public void signalNmi() {
        nmiPending = true;
        leaveLoop();
    }

    /** INIT, as a pin or a message. A start-up IPI that came before it is forgotten. */
    public void signalInit() {
        initPending = true;
        startupVector = -1;
        leaveLoop();
    }

    /** A start-up IPI: lost unless the processor waits for one, or is about to. */
    public void signalStartup(int vector) {
        if (initPending || waitingForStartup) {
            startupVector = vector;
        }
    }

    /** Puts the processor into the state it has after INIT and before a start-up IPI, as the other processors at power-up. */
    public void waitForStartup() {
        waitingForStartup = true;
        startupVector = -1;
        leaveLoop();
    }

    /** Whether it executes nothing until it is signalled: halted or waiting for a start-up IPI, and nothing has come. */
    public boolean isIdle() {
        if (initPending) {
            return false;
        }
        if (waitingForStartup) {
            return startupVector < 0;
        }
        return halted
                && !(nmiPending && !nmiBlocked)
                && !((flags & Flags.IF) != 0 && apic.pending())
                && !monitor.isOver();
    }

    /** PAUSE: a hint that the program spins. */
    public void pause() {
        if (pauseReturns) {
            paused = true;
            requestReturn();
        }
    }

    /** Thrown, goes back to the beginning of the current instruction and executes it, or its next iteration, alone. */
    public Resync stepAlone() {
        stepRequested = true;
        return Resync.INSTANCE;
    }

    /** Whether a debug trap is due behind what the current instruction has done so far. */
    public boolean trapsBehind() {
        return stepping && (singleStep || debugPending != 0);
    }

    // ---- faults: `throw cpu.generalProtection(0)`

    /** Any exception; {@code errorCode} -1 for none. */
    public GuestFault fault(int vector, int errorCode) {
        fault.vector = vector;
        fault.errorCode = errorCode;
        fault.address = 0;
        fault.nonCanonical = false;
        fault.afterExit = false;
        fault.committed = false;
        return fault;
    }

    /** An exception that a hypervisor injects at a VM exit: one incident to enclave mode has left the enclave first. */
    public GuestFault afterExit(GuestFault injected) {
        injected.afterExit = true;
        return injected;
    }

    public GuestFault divideError() {
        return fault(0, -1);
    }

    public GuestFault invalidOpcode() {
        return fault(6, -1);
    }

    public GuestFault deviceNotAvailable() {
        return fault(7, -1);
    }

    public GuestFault generalProtection(int errorCode) {
        return fault(13, errorCode);
    }

    /** #PF with CR2 = {@code linear}; CR2 itself is written at delivery. */
    public GuestFault pageFault(long linear, int errorCode) {
        fault(14, errorCode);
        fault.address = linear;
        return fault;
    }

    /** A non-canonical operand: #GP(0), or #SS(0) when the engine finds that the stack segment was used. */
    public GuestFault nonCanonical() {
        fault(13, 0);
        fault.nonCanonical = true;
        return fault;
    }

    /** Before a legacy vector instruction: #UD or #NM when the OS has not enabled SSE (SDM vol. 3A 2.5). */
    public void checkSse() {
        if ((cr0 & 4) != 0 || (cr4 & 0x200) == 0) {
            throw invalidOpcode();
        }
        if ((cr0 & 8) != 0) {
            throw deviceNotAvailable();
        }
    }

    /** Before an instruction on MMX registers (SDM vol. 3A, table 12-1). */
    public void checkMmx() {
        if ((cr0 & 4) != 0) {
            throw invalidOpcode();
        }
        if ((cr0 & 8) != 0) {
            throw deviceNotAvailable();
        }
        if ((fpStatus & 0x80) != 0) { // ES
            throw fault(16, -1);
        }
    }

    /** What an instruction on MMX registers other than EMMS does to the x87: TOP 0, all registers valid. */
    public void enterMmx() {
        fpStatus &= ~0x3800;
        fpTag = 0xFF;
    }

    /** Writes an MMX register: an x87 register with sign and exponent of ones (SDM vol. 1, 9.2.1). */
    public void mmx(int register, long value) {
        fpSignificand[register] = value;
        fpExponent[register] = 0xFFFF;
    }

    /** Before a VEX-encoded instruction in 16-bit code: #UD in real-address and virtual-8086 mode (SDM vol. 2 2.3.2). */
    public void checkProtectedMode() {
        if (!protectedMode() || virtual8086()) {
            throw invalidOpcode();
        }
    }

    /** Before a VEX-encoded vector instruction. */
    public void checkAvx() {
        if ((cr4 & 0x40000) == 0 || (xcr0 & 6) != 6) {
            throw invalidOpcode();
        }
        if ((cr0 & 8) != 0) {
            throw deviceNotAvailable();
        }
    }

    // ---- flags

    /** RFLAGS as PUSHF would see them, all bits. */
    public long rflags() {
        return flags | Flags.status(fr, fx);
    }

    /** Sets all of RFLAGS; privilege rules are the caller's. */
    public void rflags(long value) {
        flags = value & ~Flags.STATUS & Flags.DEFINED | 2;
        status((int) value & Flags.STATUS);
    }

    /** Sets the six status flags from RFLAGS bits. */
    public void status(int bits) {
        fr = Flags.result(bits);
        fx = Flags.auxiliary(bits);
    }

    // ---- mode

    /** CR0.PE. */
    public boolean protectedMode() {
        return (cr0 & 1) != 0;
    }

    /** EFER.LMA. */
    public boolean longMode() {
        return (efer & 0x400) != 0;
    }

    /** RFLAGS.VM. */
    public boolean virtual8086() {
        return (flags & 0x20000) != 0;
    }

    /** Sets the privilege level and what depends on it (TLB context). */
    public void cpl(int level) {
        cpl = level;
        mmu.contextChanged();
    }

    /** FS or GS base (segment 4 or 5), in all the places it is kept. */
    public void segmentBase(int segment, long base) {
        segmentBase[segment] = base;
        if (segment >= 4) {
            r[Op.FS_BASE + segment - 4] = base;
        }
    }
}
