package redoubt.cpu.insn;

import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;
import redoubt.cpu.GuestFault;
import redoubt.cpu.Mem;
import redoubt.cpu.Resync;
import redoubt.cpu.Segments;
import redoubt.cpu.Virtual8086;
import redoubt.x86.Op;

/** Stack instructions: SDM vol. 2, PUSH to POPF, ENTER, LEAVE, BOUND. The 64-bit forms are flat; the others obey SS. */
public final class Stack {
    private static final int CHANGEABLE_ALWAYS = Flags.STATUS | Flags.TF | Flags.DF | Flags.NT | Flags.AC | Flags.ID;

    private Stack() {}

    // ---- building blocks

    /** Reads a 2-, 4- or 8-byte stack slot at a stack pointer value, without changing rSP. */
    static long read(Cpu c, long pointer, int bytes) {
        long offset = pointer & Addressing.stackMask(c);
        long linear = Addressing.linear(c, 2, offset, bytes, false);
        return bytes == 8
                ? Mem.ld64(c, linear)
                : bytes == 4 ? Mem.ld32(c, linear) & 0xFFFF_FFFFL : Mem.ld16(c, linear) & 0xFFFF;
    }

    /** Writes a slot, without changing rSP. */
    static void write(Cpu c, long pointer, int bytes, long value) {
        long offset = pointer & Addressing.stackMask(c);
        long linear = Addressing.linear(c, 2, offset, bytes, true);
        if (bytes == 8) {
            Mem.st64(c, linear, value);
        } else if (bytes == 4) {
            Mem.st32(c, linear, (int) value);
        } else {
            Mem.st16(c, linear, (int) value);
        }
    }

    /** Adds to rSP in the width of the stack. */
    static void adjust(Cpu c, long delta) {
        c.r[4] = Addressing.merge(c.r[4], c.r[4] + delta, Addressing.stackMask(c));
    }

    private static void push(Cpu c, int bytes, long value) {
        write(c, c.r[4] - bytes, bytes, value);
        adjust(c, -bytes);
    }

    private static long pop(Cpu c, int bytes) {
        long value = read(c, c.r[4], bytes);
        adjust(c, bytes);
        return value;
    }

    // ---- PUSH and POP

    public static void push16(Cpu c, int value) {
        push(c, 2, value);
    }

    public static void push32(Cpu c, int value) {
        push(c, 4, value);
    }

    public static void push64(Cpu c, long value) {
        long pointer = c.r[4] - 8;
        Mem.push64(c, pointer, value);
        c.r[4] = pointer;
    }

    public static int pop16(Cpu c) {
        return (int) pop(c, 2);
    }

    public static int pop32(Cpu c) {
        return (int) pop(c, 4);
    }

    public static long pop64(Cpu c) {
        long pointer = c.r[4];
        long value = Mem.pop64(c, pointer);
        c.r[4] = pointer + 8;
        return value;
    }

    public static void popTo16(Cpu c, long op) {
        int value = pop16(c);
        int register = Op.b(op);
        c.r[register] = Addressing.merge(c.r[register], value, 0xFFFF);
    }

    public static void popTo32(Cpu c, long op) {
        c.r[Op.b(op)] = pop32(c) & 0xFFFF_FFFFL;
    }

    public static void popTo64(Cpu c, long op) {
        c.r[Op.b(op)] = pop64(c);
    }

    public static void popToMemory16(Cpu c, long op) {
        long pointer = c.r[4];
        int value = pop16(c);
        try {
            Mem.st16(c, Mem.ea(c.r, op), value);
        } catch (GuestFault | Resync left) {
            c.r[4] = pointer;
            throw left;
        }
    }

    public static void popToMemory32(Cpu c, long op) {
        long pointer = c.r[4];
        int value = pop32(c);
        try {
            Mem.st32(c, Mem.ea(c.r, op), value);
        } catch (GuestFault | Resync left) {
            c.r[4] = pointer;
            throw left;
        }
    }

    public static void popToMemory64(Cpu c, long op) {
        long pointer = c.r[4];
        long value = pop64(c);
        try {
            Mem.st64(c, Mem.ea(c.r, op), value);
        } catch (GuestFault | Resync left) {
            c.r[4] = pointer;
            throw left;
        }
    }

    // ---- PUSHA and POPA

    private static void pushAll(Cpu c, int bytes) {
        long pointer = c.r[4];
        for (int register = 0; register < 8; register++) {
            write(c, pointer - (long) (register + 1) * bytes, bytes, c.r[register]); // rSP itself: the old value
        }
        adjust(c, -8L * bytes);
    }

    private static void popAll(Cpu c, int bytes) {
        long pointer = c.r[4];
        long[] values = new long[8];
        for (int register = 0; register < 8; register++) {
            if (register != 4) {
                values[register] = read(c, pointer + (long) (7 - register) * bytes, bytes);
            }
        }
        long mask = bytes == 2 ? 0xFFFF : 0xFFFF_FFFFL;
        for (int register = 0; register < 8; register++) {
            if (register != 4) {
                c.r[register] = Addressing.merge(c.r[register], values[register], mask);
            }
        }
        adjust(c, 8L * bytes);
    }

    public static void pusha16(Cpu c) {
        pushAll(c, 2);
    }

    public static void pusha32(Cpu c) {
        pushAll(c, 4);
    }

    public static void popa16(Cpu c) {
        popAll(c, 2);
    }

    public static void popa32(Cpu c) {
        popAll(c, 4);
    }

    // ---- PUSHF and POPF

    private static long image(Cpu c, int bytes) {
        return Virtual8086.onVirtualFlag(c, bytes) ? Virtual8086.image(c) : c.rflags() & ~(long) (Flags.VM | Flags.RF);
    }

    public static void pushf16(Cpu c) {
        push16(c, (int) image(c, 2));
    }

    public static void pushf32(Cpu c) {
        push32(c, (int) image(c, 4));
    }

    public static void pushf64(Cpu c) {
        push64(c, image(c, 8));
    }

    private static void popFlags(Cpu c, int bytes) {
        if (Virtual8086.onVirtualFlag(c, bytes)) {
            Virtual8086.load(c, read(c, c.r[4], bytes));
            adjust(c, bytes);
            return;
        }
        long image = pop(c, bytes);
        long changeable = CHANGEABLE_ALWAYS;
        int iopl = (int) (c.flags & Flags.IOPL) >> 12;
        if (!c.protectedMode() || c.cpl == 0) {
            changeable |= Flags.IF | Flags.IOPL;
        } else if (c.virtual8086() || c.cpl <= iopl) {
            changeable |= Flags.IF;
        }
        if (bytes == 2) {
            changeable &= 0xFFFF;
        }
        long old = c.rflags();
        if (c.enclave.debugOptOut()) {
            image &= ~(long) Flags.TF;
        }
        c.rflags(old & ~changeable & ~(long) Flags.RF | image & changeable);
        long changed = old ^ c.flags;
        if ((changed & Flags.AC) != 0) {
            c.mmu.contextChanged();
        }
        if ((changed & (Flags.IF | Flags.TF | Flags.AC)) != 0) {
            c.leaveLoop();
        }
    }

    public static void popf16(Cpu c) {
        popFlags(c, 2);
    }

    public static void popf32(Cpu c) {
        popFlags(c, 4);
    }

    public static void popf64(Cpu c) {
        popFlags(c, 8);
    }

    // ---- ENTER, LEAVE, BOUND

    private static void enter(Cpu c, long op, int bytes) {
        int size = Op.imm(op) & 0xFFFF;
        int level = Op.imm(op) >>> 16 & 31;
        long stackMask = Addressing.stackMask(c);
        long pointer = c.r[4] - bytes;
        long frame = pointer;
        write(c, pointer, bytes, c.r[5]);
        if (level > 0) {
            long display = c.r[5];
            for (int i = 1; i < level; i++) {
                display -= bytes;
                pointer -= bytes;
                write(c, pointer, bytes, read(c, display, bytes));
            }
            pointer -= bytes;
            write(c, pointer, bytes, frame);
        }
        pointer -= size;
        // the manual's dummy write at the final stack pointer
        c.mmu.probeWrite(Addressing.linear(c, 2, pointer & stackMask, bytes, true), bytes);
        c.r[4] = Addressing.merge(c.r[4], pointer, stackMask);
        long mask = bytes == 8 ? -1 : bytes == 4 ? 0xFFFF_FFFFL : 0xFFFF;
        c.r[5] = Addressing.merge(c.r[5], Addressing.merge(c.r[5], frame, stackMask), mask);
    }

    public static void enter16(Cpu c, long op) {
        enter(c, op, 2);
    }

    public static void enter32(Cpu c, long op) {
        enter(c, op, 4);
    }

    public static void enter64(Cpu c, long op) {
        enter(c, op, 8);
    }

    private static void leave(Cpu c, int bytes) {
        long frame = c.r[5];
        long value = read(c, frame, bytes);
        c.r[4] = Addressing.merge(c.r[4], frame + bytes, Addressing.stackMask(c));
        c.r[5] = Addressing.merge(c.r[5], value, bytes == 2 ? 0xFFFF : 0xFFFF_FFFFL);
    }

    public static void leave16(Cpu c) {
        leave(c, 2);
    }

    public static void leave32(Cpu c) {
        leave(c, 4);
    }

    public static void leave64(Cpu c) {
        long frame = c.r[5];
        c.r[5] = Mem.pop64(c, frame);
        c.r[4] = frame + 8;
    }

    public static void bound16(Cpu c, int index, long bounds) {
        short value = (short) index;
        short low = (short) Mem.ld16(c, bounds);
        short high = (short) Mem.ld16(c, bounds + 2);
        if (value < low || value > high) {
            throw c.fault(5, -1);
        }
    }

    public static void bound32(Cpu c, int index, long bounds) {
        int low = Mem.ld32(c, bounds);
        int high = Mem.ld32(c, bounds + 4);
        if (index < low || index > high) {
            throw c.fault(5, -1);
        }
    }

    // ---- segment registers

    private static void pushSegment(Cpu c, int segment, int bytes) {
        push(c, bytes, c.selector[segment]);
    }

    private static void popSegment(Cpu c, int segment, int bytes) {
        long mask = Addressing.stackMask(c); // of the old SS, also when SS is what is popped
        int selector = (int) read(c, c.r[4], bytes) & 0xFFFF;
        Segments.load(c, segment, selector);
        c.r[4] = Addressing.merge(c.r[4], c.r[4] + bytes, mask);
        if (segment == 2) {
            Sys.holdOff(c);
        }
    }

    public static void pushEs16(Cpu c) {
        pushSegment(c, 0, 2);
    }

    public static void pushEs32(Cpu c) {
        pushSegment(c, 0, 4);
    }

    public static void popEs16(Cpu c) {
        popSegment(c, 0, 2);
    }

    public static void popEs32(Cpu c) {
        popSegment(c, 0, 4);
    }

    public static void pushCs16(Cpu c) {
        pushSegment(c, 1, 2);
    }

    public static void pushCs32(Cpu c) {
        pushSegment(c, 1, 4);
    }

    public static void pushSs16(Cpu c) {
        pushSegment(c, 2, 2);
    }

    public static void pushSs32(Cpu c) {
        pushSegment(c, 2, 4);
    }

    public static void popSs16(Cpu c) {
        popSegment(c, 2, 2);
    }

    public static void popSs32(Cpu c) {
        popSegment(c, 2, 4);
    }

    public static void pushDs16(Cpu c) {
        pushSegment(c, 3, 2);
    }

    public static void pushDs32(Cpu c) {
        pushSegment(c, 3, 4);
    }

    public static void popDs16(Cpu c) {
        popSegment(c, 3, 2);
    }

    public static void popDs32(Cpu c) {
        popSegment(c, 3, 4);
    }

    public static void pushFs16(Cpu c) {
        pushSegment(c, 4, 2);
    }

    public static void pushFs32(Cpu c) {
        pushSegment(c, 4, 4);
    }

    public static void pushFs64(Cpu c) {
        pushSegment(c, 4, 8);
    }

    public static void popFs16(Cpu c) {
        popSegment(c, 4, 2);
    }

    public static void popFs32(Cpu c) {
        popSegment(c, 4, 4);
    }

    public static void popFs64(Cpu c) {
        popSegment(c, 4, 8);
    }

    public static void pushGs16(Cpu c) {
        pushSegment(c, 5, 2);
    }

    public static void pushGs32(Cpu c) {
        pushSegment(c, 5, 4);
    }

    public static void pushGs64(Cpu c) {
        pushSegment(c, 5, 8);
    }

    public static void popGs16(Cpu c) {
        popSegment(c, 5, 2);
    }

    public static void popGs32(Cpu c) {
        popSegment(c, 5, 4);
    }

    public static void popGs64(Cpu c) {
        popSegment(c, 5, 8);
    }
}
