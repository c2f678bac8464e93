package redoubt.cpu.insn;

import redoubt.cpu.Cpu;
import redoubt.cpu.EffectiveAddress;
import redoubt.cpu.Mem;
import redoubt.x86.Op;

/**
 * Moves with a change of width or order, exchanges, and instructions that do nothing: SDM vol. 2 for each. MOV and LEA
 * need no function: the generator writes them out.
 */
public final class Move {
    private Move() {}

    /** MOVZX from 8 bits: the argument is zero-extended already. */
    public static int zx8_16(Cpu c, int a) {
        return a;
    }

    /** MOVZX from 8 bits, 32 bits. */
    public static int zx8_32(Cpu c, int a) {
        return a;
    }

    /** MOVZX from 8 bits, 64 bits. */
    public static long zx8_64(Cpu c, int a) {
        return a;
    }

    /** MOVZX from 16 bits: the argument is zero-extended already. */
    public static int zx16_16(Cpu c, int a) {
        return a;
    }

    /** MOVZX from 16 bits, 32 bits. */
    public static int zx16_32(Cpu c, int a) {
        return a;
    }

    /** MOVZX from 16 bits, 64 bits. */
    public static long zx16_64(Cpu c, int a) {
        return a;
    }

    /** MOVSX from 8 bits. */
    public static int sx8_16(Cpu c, int a) {
        return (byte) a;
    }

    /** MOVSX from 8 bits, 32 bits. */
    public static int sx8_32(Cpu c, int a) {
        return (byte) a;
    }

    /** MOVSX from 8 bits, 64 bits. */
    public static long sx8_64(Cpu c, int a) {
        return (byte) a;
    }

    /** MOVSX from 16 bits. */
    public static int sx16_16(Cpu c, int a) {
        return (short) a;
    }

    /** MOVSX from 16 bits, 32 bits. */
    public static int sx16_32(Cpu c, int a) {
        return (short) a;
    }

    /** MOVSX from 16 bits, 64 bits. */
    public static long sx16_64(Cpu c, int a) {
        return (short) a;
    }

    /** MOVSXD. */
    public static int sx32_16(Cpu c, int a) {
        return a;
    }

    /** MOVSXD, 32 bits. */
    public static int sx32_32(Cpu c, int a) {
        return a;
    }

    /** MOVSXD, 64 bits. */
    public static long sx32_64(Cpu c, int a) {
        return a;
    }

    /** XCHG: the second destination gets the old value of the first. */
    public static int xchg8(Cpu c, int a, int b) {
        c.out2 = a;
        return b;
    }

    /** XCHG, 16 bits. */
    public static int xchg16(Cpu c, int a, int b) {
        c.out2 = a;
        return b;
    }

    /** XCHG, 32 bits. */
    public static int xchg32(Cpu c, int a, int b) {
        c.out2 = a;
        return b;
    }

    /** XCHG, 64 bits. */
    public static long xchg64(Cpu c, long a, long b) {
        c.out2 = a;
        return b;
    }

    /** MOVBE. */
    public static int movbe16(Cpu c, int a) {
        return Integer.reverseBytes(a) >>> 16;
    }

    /** MOVBE, 32 bits. */
    public static int movbe32(Cpu c, int a) {
        return Integer.reverseBytes(a);
    }

    /** MOVBE, 64 bits. */
    public static long movbe64(Cpu c, long a) {
        return Long.reverseBytes(a);
    }

    /** XLAT: AL = the byte at seg:rBX + AL. */
    public static void xlat(Cpu c, long op) {
        long offset = c.r[3] + (c.r[0] & 0xFF);
        int addressSize = Op.index(op);
        if (addressSize == 0) {
            offset &= 0xFFFF;
        } else if (addressSize == 1) {
            offset &= 0xFFFF_FFFFL;
        }
        int value = Mem.ld8(c, EffectiveAddress.linear(c, Op.a(op), offset, 1, false));
        c.r[0] = c.r[0] & ~0xFFL | value;
    }

    /** NOP; also the fences: one processor runs at a time, in program order. */
    public static void nop(Cpu c) {}

    /** NOP with a ModRM operand that is not touched: hints, prefetches. */
    public static void nop16(Cpu c, long op) {}

    /** NOP with a ModRM operand, 32 bits. */
    public static void nop32(Cpu c, long op) {}

    /** NOP with a ModRM operand, 64 bits. */
    public static void nop64(Cpu c, long op) {}

    /** PAUSE: a hint to the processor, nothing to do. */
    public static void pause(Cpu c) {
        c.pause();
    }
}
