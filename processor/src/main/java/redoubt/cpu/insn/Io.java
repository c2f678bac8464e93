package redoubt.cpu.insn;

import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;

/** IN and OUT: SDM vol. 1 chapter 19 (I/O permission), vol. 2. A device may raise an interrupt, so the loop is left. */
public final class Io {
    private Io() {}

    /** IOPL and the TSS's permission bitmap; #GP(0) when neither permits these ports. */
    static void check(Cpu c, int port, int size) {
        if (!c.protectedMode()) {
            return;
        }
        int iopl = (int) (c.flags & Flags.IOPL) >> 12;
        if (!c.virtual8086() && c.cpl <= iopl) {
            return;
        }
        boolean tss32 = (c.trAccess & 0x1D) == 9 && (c.trAccess & 0x10080) == 0x80; // types 9 and 11, present
        if (!tss32 || c.trLimit < 0x67) {
            throw c.generalProtection(0);
        }
        long at = (c.mmu.sysLd16(c.trBase + 0x66) & 0xFFFF) + (long) (port >> 3);
        if (at + 1 > c.trLimit) { // always two bytes, so that no access needs a third look
            throw c.generalProtection(0);
        }
        int bits = c.mmu.sysLd16(c.trBase + at) >> (port & 7);
        if ((bits & (1 << size) - 1) != 0) {
            throw c.generalProtection(0);
        }
    }

    /** Reads a port after the check. */
    static int input(Cpu c, int port, int size) {
        check(c, port, size);
        c.breakpoints.port(port, size);
        int value = c.exits.in(port, size);
        c.leaveLoop();
        return value;
    }

    /** Writes a port after the check. */
    static void output(Cpu c, int port, int size, int value) {
        check(c, port, size);
        c.breakpoints.port(port, size);
        c.exits.out(port, size, size == 4 ? value : value & (1 << 8 * size) - 1);
        c.leaveLoop();
    }

    private static int dx(Cpu c) {
        return (int) c.r[2] & 0xFFFF;
    }

    public static void in8(Cpu c, int port) {
        c.r[0] = c.r[0] & ~0xFFL | input(c, port, 1) & 0xFF;
    }

    public static void in16(Cpu c, int port) {
        c.r[0] = c.r[0] & ~0xFFFFL | input(c, port, 2) & 0xFFFF;
    }

    public static void in32(Cpu c, int port) {
        c.r[0] = input(c, port, 4) & 0xFFFF_FFFFL;
    }

    /** REX.W has no effect: the 32-bit form. */
    public static void in64(Cpu c, int port) {
        in32(c, port);
    }

    public static void inDx8(Cpu c) {
        in8(c, dx(c));
    }

    public static void inDx16(Cpu c) {
        in16(c, dx(c));
    }

    public static void inDx32(Cpu c) {
        in32(c, dx(c));
    }

    public static void inDx64(Cpu c) {
        in32(c, dx(c));
    }

    public static void out8(Cpu c, int port) {
        output(c, port, 1, (int) c.r[0]);
    }

    public static void out16(Cpu c, int port) {
        output(c, port, 2, (int) c.r[0]);
    }

    public static void out32(Cpu c, int port) {
        output(c, port, 4, (int) c.r[0]);
    }

    /** REX.W has no effect: the 32-bit form. */
    public static void out64(Cpu c, int port) {
        out32(c, port);
    }

    public static void outDx8(Cpu c) {
        out8(c, dx(c));
    }

    public static void outDx16(Cpu c) {
        out16(c, dx(c));
    }

    public static void outDx32(Cpu c) {
        out32(c, dx(c));
    }

    public static void outDx64(Cpu c) {
        out32(c, dx(c));
    }
}
