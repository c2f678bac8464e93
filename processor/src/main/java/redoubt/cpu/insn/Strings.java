package redoubt.cpu.insn;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static redoubt.memory.PhysicalMemory.HOST;

import java.lang.foreign.MemorySegment;
import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;
import redoubt.cpu.Mem;
import redoubt.x86.Op;

/**
 * String instructions and their repetition: SDM vol. 1 7.3.9, vol. 2 REP. Registers move on after every element, so a
 * fault leaves the state from which the instruction continues. Repeated MOVS and STOS of plain memory work page by page.
 */
public final class Strings {
    private static final int RAX = 0;
    private static final int RCX = 1;
    private static final int RDX = 2;
    private static final int RSI = 6;
    private static final int RDI = 7;

    private Strings() {}

    // ---- registers and addresses

    private static long mask(long op) {
        return Addressing.addressMask(Op.index(op));
    }

    private static void advance(Cpu c, int register, long delta, long mask) {
        long old = c.r[register];
        c.r[register] = Addressing.merge(old, old + delta, mask);
    }

    private static long step(Cpu c, int bytes) {
        return (c.flags & Flags.DF) != 0 ? -bytes : bytes;
    }

    private static long source(Cpu c, long op, int bytes, long mask) {
        return Addressing.linear(c, Op.a(op), c.r[RSI] & mask, bytes, false);
    }

    private static long destination(Cpu c, int bytes, long mask, boolean write) {
        return Addressing.linear(c, 0, c.r[RDI] & mask, bytes, write);
    }

    private static long load(Cpu c, long linear, int bytes) {
        return switch (bytes) {
            case 1 -> Mem.ld8(c, linear);
            case 2 -> Mem.ld16(c, linear);
            case 4 -> Mem.ld32(c, linear) & 0xFFFF_FFFFL;
            default -> Mem.ld64(c, linear);
        };
    }

    private static void store(Cpu c, long linear, int bytes, long value) {
        switch (bytes) {
            case 1 -> Mem.st8(c, linear, (int) value);
            case 2 -> Mem.st16(c, linear, (int) value);
            case 4 -> Mem.st32(c, linear, (int) value);
            default -> Mem.st64(c, linear, value);
        }
    }

    private static long accumulator(Cpu c, int bytes) {
        return bytes == 8 ? c.r[RAX] : c.r[RAX] & (1L << 8 * bytes) - 1;
    }

    private static void accumulator(Cpu c, int bytes, long value) {
        switch (bytes) {
            case 1 -> c.r[RAX] = c.r[RAX] & ~0xFFL | value & 0xFF;
            case 2 -> c.r[RAX] = c.r[RAX] & ~0xFFFFL | value & 0xFFFF;
            case 4 -> c.r[RAX] = value & 0xFFFF_FFFFL;
            default -> c.r[RAX] = value;
        }
    }

    private static void compare(Cpu c, long left, long right, int bytes) {
        int unused = 64 - 8 * bytes;
        c.fr = left - right << unused >> unused;
        c.fx = Flags.sub(left, right, left - right, 8 * bytes);
    }

    // ---- bulk: how many elements from here lie in one page, in one direction, inside the segment

    private static long chunk(
            Cpu c, int segment, long offset, long linear, long count, int bytes, long mask, boolean write) {
        if (c.stepping || !c.mmu.mayGather()) {
            return 0;
        }
        long length = Math.min(count, 4096 / bytes) * bytes;
        length = Math.min(length, 4096 - (linear & 4095));
        if (mask != -1) {
            length = Math.min(length, mask - offset + 1); // the offset must not wrap
        }
        length -= length % bytes;
        if (length > 0 && c.codeMode != 64 && !Addressing.fits(c, segment, offset, length, write)) {
            return 0;
        }
        return length;
    }

    /** Between two iterations: leaves for a debug trap or an I/O exit, to be begun again with what is left. */
    private static void iterated(Cpu c, long mask) {
        if ((c.exits.iterated() || c.trapsBehind()) && (c.r[RCX] & mask) != 0) {
            throw c.stepAlone();
        }
    }

    // ---- MOVS

    private static void moveOne(Cpu c, long op, int bytes, long mask) {
        long value = load(c, source(c, op, bytes, mask), bytes);
        store(c, destination(c, bytes, mask, true), bytes, value);
        long step = step(c, bytes);
        advance(c, RSI, step, mask);
        advance(c, RDI, step, mask);
    }

    private static void movs(Cpu c, long op, int bytes) {
        long mask = mask(op);
        if (Op.b(op) == 0) {
            moveOne(c, op, bytes, mask);
            return;
        }
        boolean forward = (c.flags & Flags.DF) == 0;
        while ((c.r[RCX] & mask) != 0) {
            long done = forward ? moveChunk(c, op, bytes, mask) : 0;
            if (done == 0) {
                moveOne(c, op, bytes, mask);
                done = bytes;
            } else {
                advance(c, RSI, done, mask);
                advance(c, RDI, done, mask);
            }
            advance(c, RCX, -(done / bytes), mask);
            iterated(c, mask);
        }
    }

    /** Copies what one host copy can do; the number of bytes done, 0 when only the single step will do. */
    private static long moveChunk(Cpu c, long op, int bytes, long mask) {
        long count = c.r[RCX] & mask;
        if (count < 4) {
            return 0;
        }
        long from = source(c, op, bytes, mask);
        long to = destination(c, bytes, mask, true);
        long length = Math.min(
                chunk(c, Op.a(op), c.r[RSI] & mask, from, count, bytes, mask, false),
                chunk(c, 0, c.r[RDI] & mask, to, count, bytes, mask, true));
        if (length == 0) {
            return 0;
        }
        long hostFrom = c.mmu.hostForRead(from);
        if (hostFrom == 0) {
            return 0;
        }
        long hostTo = c.mmu.hostForWrite(to);
        if (hostTo == 0) {
            return 0;
        }
        // An ascending copy onto what it is yet to read repeats the pattern: copy no more than the distance at once.
        long distance = hostTo - hostFrom;
        if (distance > 0 && distance < length) {
            length = distance - distance % bytes;
        }
        if (length > 0) {
            MemorySegment.copy(HOST, hostFrom, HOST, hostTo, length);
        }
        return length;
    }

    // ---- STOS

    private static void storeOne(Cpu c, int bytes, long mask) {
        store(c, destination(c, bytes, mask, true), bytes, c.r[RAX]);
        advance(c, RDI, step(c, bytes), mask);
    }

    private static void stos(Cpu c, long op, int bytes) {
        long mask = mask(op);
        if (Op.b(op) == 0) {
            storeOne(c, bytes, mask);
            return;
        }
        boolean forward = (c.flags & Flags.DF) == 0;
        while ((c.r[RCX] & mask) != 0) {
            long done = forward ? fillChunk(c, bytes, mask) : 0;
            if (done == 0) {
                storeOne(c, bytes, mask);
                done = bytes;
            } else {
                advance(c, RDI, done, mask);
            }
            advance(c, RCX, -(done / bytes), mask);
            iterated(c, mask);
        }
    }

    private static long fillChunk(Cpu c, int bytes, long mask) {
        long count = c.r[RCX] & mask;
        if (count < 4) {
            return 0;
        }
        long to = destination(c, bytes, mask, true);
        long length = chunk(c, 0, c.r[RDI] & mask, to, count, bytes, mask, true);
        if (length == 0) {
            return 0;
        }
        long host = c.mmu.hostForWrite(to);
        if (host == 0) {
            return 0;
        }
        long pattern = accumulator(c, bytes);
        long repeated = (pattern & 0xFF) * (bytes == 8 ? 0x0101_0101_0101_0101L : (1L << 8 * bytes) / 0xFF);
        if (pattern == repeated) {
            HOST.asSlice(host, length).fill((byte) pattern);
            return length;
        }
        for (long at = host; at < host + length; at += bytes) {
            switch (bytes) {
                case 2 -> HOST.set(JAVA_SHORT_UNALIGNED, at, (short) pattern);
                case 4 -> HOST.set(JAVA_INT_UNALIGNED, at, (int) pattern);
                default -> HOST.set(JAVA_LONG_UNALIGNED, at, pattern);
            }
        }
        return length;
    }

    // ---- LODS

    private static void lods(Cpu c, long op, int bytes) {
        long mask = mask(op);
        boolean repeat = Op.b(op) != 0;
        while (!repeat || (c.r[RCX] & mask) != 0) {
            accumulator(c, bytes, load(c, source(c, op, bytes, mask), bytes));
            advance(c, RSI, step(c, bytes), mask);
            if (!repeat) {
                return;
            }
            advance(c, RCX, -1, mask);
            iterated(c, mask);
        }
    }

    // ---- CMPS and SCAS: the flags are those of the last comparison, and set only when the instruction completes

    private static void cmps(Cpu c, long op, int bytes) {
        long mask = mask(op);
        int repeat = Op.b(op);
        if (repeat != 0 && (c.r[RCX] & mask) == 0) {
            return;
        }
        long step = step(c, bytes);
        long left;
        long right;
        do {
            left = load(c, source(c, op, bytes, mask), bytes);
            right = load(c, destination(c, bytes, mask, false), bytes);
            advance(c, RSI, step, mask);
            advance(c, RDI, step, mask);
            if (repeat != 0) {
                advance(c, RCX, -1, mask);
            }
        } while (continues(c, repeat, mask, left, right, bytes));
        compare(c, left, right, bytes);
    }

    private static void scas(Cpu c, long op, int bytes) {
        long mask = mask(op);
        int repeat = Op.b(op);
        if (repeat != 0 && (c.r[RCX] & mask) == 0) {
            return;
        }
        long step = step(c, bytes);
        long left = accumulator(c, bytes);
        long right;
        do {
            right = load(c, destination(c, bytes, mask, false), bytes);
            advance(c, RDI, step, mask);
            if (repeat != 0) {
                advance(c, RCX, -1, mask);
            }
        } while (continues(c, repeat, mask, left, right, bytes));
        compare(c, left, right, bytes);
    }

    /** REPE (1) goes on while equal, REPNE (2) while different. */
    private static boolean continues(Cpu c, int repeat, long mask, long left, long right, int bytes) {
        boolean goesOn = repeat != 0 && (c.r[RCX] & mask) != 0 && left == right == (repeat == 1);
        if (goesOn && (c.exits.iterated() || c.trapsBehind())) {
            compare(c, left, right, bytes);
            throw c.stepAlone();
        }
        return goesOn;
    }

    // ---- INS and OUTS

    private static int port(Cpu c) {
        return (int) c.r[RDX] & 0xFFFF;
    }

    private static void ins(Cpu c, long op, int bytes) {
        long mask = mask(op);
        boolean repeat = Op.b(op) != 0;
        Io.check(c, port(c), bytes);
        while (!repeat || (c.r[RCX] & mask) != 0) {
            long linear = destination(c, bytes, mask, true);
            c.mmu.probeWrite(linear, bytes); // the device must not lose a datum to a page fault
            c.breakpoints.port(port(c), bytes);
            store(c, linear, bytes, c.exits.in(port(c), bytes));
            advance(c, RDI, step(c, bytes), mask);
            if (!repeat) {
                break;
            }
            advance(c, RCX, -1, mask);
            iterated(c, mask);
        }
        c.leaveLoop();
    }

    private static void outs(Cpu c, long op, int bytes) {
        long mask = mask(op);
        boolean repeat = Op.b(op) != 0;
        Io.check(c, port(c), bytes);
        while (!repeat || (c.r[RCX] & mask) != 0) {
            int value = (int) load(c, source(c, op, bytes, mask), bytes);
            c.breakpoints.port(port(c), bytes);
            c.exits.out(port(c), bytes, value);
            advance(c, RSI, step(c, bytes), mask);
            if (!repeat) {
                break;
            }
            advance(c, RCX, -1, mask);
            iterated(c, mask);
        }
        c.leaveLoop();
    }

    // ---- the entry points, by operand size; INS and OUTS have no 64-bit form, REX.W is ignored

    public static void movs8(Cpu c, long op) {
        movs(c, op, 1);
    }

    public static void movs16(Cpu c, long op) {
        movs(c, op, 2);
    }

    public static void movs32(Cpu c, long op) {
        movs(c, op, 4);
    }

    public static void movs64(Cpu c, long op) {
        movs(c, op, 8);
    }

    public static void cmps8(Cpu c, long op) {
        cmps(c, op, 1);
    }

    public static void cmps16(Cpu c, long op) {
        cmps(c, op, 2);
    }

    public static void cmps32(Cpu c, long op) {
        cmps(c, op, 4);
    }

    public static void cmps64(Cpu c, long op) {
        cmps(c, op, 8);
    }

    public static void stos8(Cpu c, long op) {
        stos(c, op, 1);
    }

    public static void stos16(Cpu c, long op) {
        stos(c, op, 2);
    }

    public static void stos32(Cpu c, long op) {
        stos(c, op, 4);
    }

    public static void stos64(Cpu c, long op) {
        stos(c, op, 8);
    }

    public static void lods8(Cpu c, long op) {
        lods(c, op, 1);
    }

    public static void lods16(Cpu c, long op) {
        lods(c, op, 2);
    }

    public static void lods32(Cpu c, long op) {
        lods(c, op, 4);
    }

    public static void lods64(Cpu c, long op) {
        lods(c, op, 8);
    }

    public static void scas8(Cpu c, long op) {
        scas(c, op, 1);
    }

    public static void scas16(Cpu c, long op) {
        scas(c, op, 2);
    }

    public static void scas32(Cpu c, long op) {
        scas(c, op, 4);
    }

    public static void scas64(Cpu c, long op) {
        scas(c, op, 8);
    }

    public static void ins8(Cpu c, long op) {
        ins(c, op, 1);
    }

    public static void ins16(Cpu c, long op) {
        ins(c, op, 2);
    }

    public static void ins32(Cpu c, long op) {
        ins(c, op, 4);
    }

    public static void ins64(Cpu c, long op) {
        ins(c, op, 4);
    }

    public static void outs8(Cpu c, long op) {
        outs(c, op, 1);
    }

    public static void outs16(Cpu c, long op) {
        outs(c, op, 2);
    }

    public static void outs32(Cpu c, long op) {
        outs(c, op, 4);
    }

    public static void outs64(Cpu c, long op) {
        outs(c, op, 4);
    }
}
