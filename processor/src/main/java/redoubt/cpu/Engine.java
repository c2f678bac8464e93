package redoubt.cpu;

import static redoubt.memory.PhysicalMemory.HOST;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import redoubt.cpu.gen.Interpreter;
import redoubt.memory.MemoryFaultException;
import redoubt.x86.Disassembler;
import redoubt.x86.Op;

/** Runs one processor: blocks of decoded instructions, and between them the events. */
public final class Engine {
    /** Why {@link #run} returned. */
    public enum Stop {
        /** The number of instructions asked for has retired, or {@link Cpu#requestReturn} was called. */
        BUDGET,
        /** PAUSE, where {@link Cpu#pauseReturns} asks for it; it has retired. */
        PAUSED,
        /** An access that the caller is to do, see {@link Cpu#exits}; then run again. */
        IO,
        /** HLT or the wait for a start-up IPI, and nothing pending that ends it. */
        HALTED,
        /** A triple fault. */
        SHUTDOWN
    }

    /** DR6.BS. */
    private static final int SINGLE_STEP = 0x4000;

    private final Cpu c;
    private final BlockBuilder builder;

    /** An engine for this processor. */
    public Engine(Cpu c) {
        this.c = c;
        this.builder = new BlockBuilder(c);
    }

    /**
     * Executes at most {@code budget} instructions.
     *
     * @throws UnimplementedException for an instruction or situation this processor does not implement; the message names RIP
     *     and bytes
     * @throws MemoryFaultException for an access that cannot be served now; RIP is at its instruction
     */
    public Stop run(long budget) {
        long end = c.instructions + budget;
        c.returnRequested = false;
        c.paused = false;
        try {
            if (c.exits.isWaiting()) {
                return Stop.IO;
            }
            while (c.exits.isUnfinished() || c.instructions < end && !c.returnRequested) {
                if (!c.exits.isUnfinished()) {
                    if (!events()) {
                        return Stop.HALTED;
                    }
                    debugTrap();
                }
                boolean shadow = c.interruptShadow;
                step(end);
                debugTrap();
                if (c.exits.isWaiting()) {
                    if (shadow || !c.exits.hasOnlyAsked() || !eventPending()) {
                        return Stop.IO;
                    }
                    c.exits.drop(); // the event comes first: between two iterations, it may have come long after the
                    // first
                }
            }
            return c.paused ? Stop.PAUSED : Stop.BUDGET;
        } catch (TripleFault e) {
            return Stop.SHUTDOWN;
        }
    }

    /** Executes blocks, or one instruction alone when something is to be looked at behind it. */
    private void step(long end) {
        boolean again = c.exits.begin();
        c.debugHeldOff = again || c.debugShadow || (c.flags & Flags.RF) != 0;
        c.singleStep = (c.flags & Flags.TF) != 0;
        c.stepping = c.stepRequested || c.interruptShadow || c.debugHeldOff || c.singleStep;
        c.stepRequested = false;
        c.interruptShadow = false;
        c.debugShadow = false;
        c.flags &= ~(long) Flags.RF;
        c.limit = c.stepping ? c.instructions + 1 : end;
        boolean completed;
        try {
            completed = blocks();
        } finally {
            c.stepping = true; // the memory accesses of an event are not done a second time
        }
        if (!completed) {
            c.debugPending = 0;
        } else if (c.singleStep) {
            c.debugPending |= SINGLE_STEP;
        }
    }

    /** Delivers a debug trap, unless MOV SS holds it off. */
    private void debugTrap() {
        if (c.debugPending != 0 && !c.debugShadow) {
            c.breakpoints.report();
            c.halted = false;
            deliver(1, -1, 0, Interrupts.EXCEPTION);
        }
    }

    /** Whether {@link #events} would deliver something. */
    private boolean eventPending() {
        return c.initPending || c.nmiPending && !c.nmiBlocked || (c.flags & Flags.IF) != 0 && c.apic.pending();
    }

    /** Delivers what is pending; false when the processor stays halted. */
    private boolean events() {
        if (c.initPending) {
            init();
        }
        if (c.waitingForStartup) {
            if (c.startupVector < 0) {
                return false;
            }
            c.waitingForStartup = false;
            Reset.startup(c, c.startupVector);
        }
        if (c.interruptShadow) {
            return true;
        }
        if (c.nmiPending && !c.nmiBlocked) {
            c.nmiPending = false;
            c.nmiBlocked = true;
            c.halted = false;
            deliver(2, -1, 0, Interrupts.HARDWARE);
        } else if ((c.flags & Flags.IF) != 0 && c.apic.pending()) {
            c.halted = false;
            deliver(c.apic.acknowledge(), -1, 0, Interrupts.HARDWARE);
        } else if (c.monitor.isOver()) {
            c.monitor.disarm();
            c.halted = false;
        }
        return !c.halted;
    }

    /** INIT goes before all other events and is not held off by MOV SS or STI (SDM vol. 3A table 6-2). */
    private void init() {
        c.initPending = false;
        if (c.enclave.inEnclave()) {
            c.enclave.asynchronousExit(c, -1, -1, 0);
        }
        Reset.init(c);
        c.waitingForStartup = !c.apic.isBootstrap();
    }

    private void deliver(int vector, int errorCode, long address, int kind) {
        c.monitor.disarm();
        long reported = address;
        if (c.enclave.inEnclave()) {
            c.enclave.asynchronousExit(c, kind == Interrupts.HARDWARE ? -1 : vector, errorCode, address);
            reported &= -4096; // CR2 does not tell more than the page
        }
        Interrupts.deliver(c, vector, errorCode, reported, kind);
    }

    /** Executes blocks until the limit, delivering the faults they raise; false if the last one faulted. */
    private boolean blocks() {
        @Nullable CodePage page = null;
        long linearPage = 0;
        for (; ; ) {
            long before = c.instructions;
            long left = c.limit - before;
            if (left <= 0) {
                return true;
            }
            boolean running = false;
            long rip = c.rip;
            try {
                long csBase = c.segmentBase[1];
                long linear = rip + csBase;
                if (c.codeMode != 64) {
                    linear &= 0xFFFF_FFFFL;
                }
                page = c.mmu.codePage(linear);
                if (page == null) {
                    throw c.invalidOpcode(); // fetched all ones: FF FF
                }
                int offset = (int) linear & 4095;
                int header = page.entry[offset];
                if (header == 0) {
                    header = builder.build(page, offset);
                }
                if (header == CodePage.STRADDLES) {
                    c.breakpoints.instruction(linear);
                    page = builder.buildAlone(linear, c.codeMode);
                    header = 1;
                }
                long[] ops = page.ops;
                long word = ops[header];
                int n = (int) word & 0xFFFF;
                int end = (int) (word >>> 16) & 0xFFFF;
                if (left < n) {
                    n = (int) left;
                    end = page.offset(header + 1, n);
                }
                linearPage = linear & -4096;
                c.r[Op.PAGE] = linearPage;
                c.instructions = before + n;
                c.rip = ripAt(linearPage + end);
                running = true;
                if (Interpreter.block(c, ops, header + 1, n)) {
                    linkedBlocks(page, ops);
                }
            } catch (GuestFault fault) {
                CodePage ran = running ? page : null;
                if (fault.committed) {
                    ran = null; // RIP is the new task's already
                } else if (ran != null) {
                    rewind(ran, linearPage);
                } else {
                    c.rip = rip;
                }
                int vector = fault.vector; // the one GuestFault may be filled anew below
                int errorCode = fault.errorCode;
                long address = fault.address;
                if (fault.afterExit && c.enclave.inEnclave()) {
                    c.enclave.asynchronousExit(c, -1, -1, 0);
                }
                if (fault.nonCanonical && ran != null && (ran.ops[ran.firstWord(c.at)] & Op.STACK) != 0) {
                    vector = 12;
                }
                c.instructions++; // a faulting instruction takes time too: no endless loop of faults within a budget
                deliver(vector, errorCode, address, Interrupts.EXCEPTION);
                return false;
            } catch (Resync resync) {
                rewind(Objects.requireNonNull(page), linearPage);
                if (c.exits.isUnfinished()) {
                    return false;
                }
                if (c.stepRequested) {
                    return true;
                }
            } catch (MemoryFaultException e) {
                if (running) {
                    rewind(Objects.requireNonNull(page), linearPage);
                } else {
                    c.rip = rip;
                }
                c.exits.suspend();
                throw e;
            } catch (UnimplementedException e) {
                if (running) {
                    rewind(Objects.requireNonNull(page), linearPage);
                }
                throw new UnimplementedException(
                        e.getMessage() + String.format(" at RIP 0x%x: ", c.rip) + instructionAtRip());
            }
        }
    }

    /** Goes on after a taken near branch, while it leads to a block of the same page that is within the limit as a whole. */
    private void linkedBlocks(CodePage page, long[] ops) {
        char[] entry = page.entry;
        long linearPage = c.r[Op.PAGE];
        for (; ; ) {
            long offset = c.rip - linearPage;
            if (offset >>> 12 != 0) {
                return;
            }
            int header = entry[(int) offset];
            if (header == CodePage.STRADDLES) {
                return;
            }
            long word = ops[header];
            int n = (int) word & 0xFFFF;
            long before = c.instructions;
            if ((word & CodePage.LINKED) == 0 || c.limit - before < n) {
                return;
            }
            c.instructions = before + n;
            c.rip = linearPage + (word >>> 16 & 0xFFFF);
            if (!Interpreter.block(c, ops, header + 1, n)) {
                return;
            }
        }
    }

    private long ripAt(long linear) {
        long rip = linear - c.segmentBase[1];
        return c.codeMode == 64 ? rip : c.codeMode == 32 ? rip & 0xFFFF_FFFFL : rip & 0xFFFF;
    }

    /** Sets RIP and the instruction count to the operation where the block stopped. */
    private void rewind(CodePage page, long linearPage) {
        c.instructions -= c.notExecuted;
        c.rip = ripAt(linearPage + (page.offsets[c.at] & 0xFFFF));
    }

    private String instructionAtRip() {
        byte[] bytes = new byte[15];
        int length = 0;
        try {
            while (length < bytes.length) {
                long host = c.mmu.hostForFetch(c.rip + c.segmentBase[1] + length);
                bytes[length] = host == 0 ? (byte) 0xFF : HOST.get(ValueLayout.JAVA_BYTE, host);
                length++;
            }
        } catch (GuestFault e) {
            if (length == 0) {
                return "(not readable)";
            }
        }
        byte[] read = Arrays.copyOf(bytes, length);
        return HexFormat.ofDelimiter(" ").formatHex(read) + " (" + new Disassembler().text(read, c.codeMode, c.rip)
                + ")";
    }
}
