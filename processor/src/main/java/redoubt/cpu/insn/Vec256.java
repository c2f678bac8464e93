package redoubt.cpu.insn;

import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;
import redoubt.cpu.Mem;

/**
 * What AVX and AVX2 have beyond the legacy vector instructions (SDM vol. 1, 14.1 to 14.7): permutations, broadcasts,
 * variable shifts, masked moves, and the instructions that are no repetition of one 128-bit lane. Operands as in
 * {@link Vec}; a function that takes {@code lanes} handles that many, one that its row calls "whole" always two.
 */
public final class Vec256 {
    private Vec256() {}

    /** Zeroes the upper lane of all vector registers that the mode has. */
    public static void vzeroupper(Cpu c) {
        for (int i = 0; i < registers(c); i++) {
            c.x[4 * i + 2] = 0;
            c.x[4 * i + 3] = 0;
        }
    }

    public static void vzeroall(Cpu c) {
        for (int i = 0; i < 4 * registers(c); i++) {
            c.x[i] = 0;
        }
    }

    private static int registers(Cpu c) {
        return c.codeMode == 64 ? 16 : 8;
    }

    // ---- one lane at a time

    private static void write(Cpu c, int d, long low, long high) {
        c.x[d] = low;
        c.x[d + 1] = high;
    }

    /** VPBROADCASTB: element 0 of {@code a}, whichever lane {@code d} is. */
    public static void broadcast8(Cpu c, int d, int a) {
        long value = (c.x[a] & 0xFF) * 0x0101_0101_0101_0101L;
        write(c, d, value, value);
    }

    public static void broadcast16(Cpu c, int d, int a) {
        long value = (c.x[a] & 0xFFFF) * 0x0001_0001_0001_0001L;
        write(c, d, value, value);
    }

    /** VPBROADCASTD, VBROADCASTSS. */
    public static void broadcast32(Cpu c, int d, int a) {
        long value = (c.x[a] & Lanes.LOW32) * 0x1_0000_0001L;
        write(c, d, value, value);
    }

    private static int element(Cpu c, int a, int i) {
        return (int) (c.x[a + (i >>> 1 & 1)] >>> 32 * (i & 1));
    }

    /** VPERMILPS by a vector of controls {@code b}. */
    public static void vpermilps(Cpu c, int d, int a, int b) {
        long first = c.x[b];
        long second = c.x[b + 1];
        long low = Lanes.pair(element(c, a, (int) first), element(c, a, Lanes.high(first)));
        long high = Lanes.pair(element(c, a, (int) second), element(c, a, Lanes.high(second)));
        write(c, d, low, high);
    }

    /** VPERMILPD by a vector of controls {@code b}: bit 1 of each. */
    public static void vpermilpd(Cpu c, int d, int a, int b) {
        int control = (int) (c.x[b] >>> 1 & 1 | c.x[b + 1] & 2);
        vpermilpdImm(c, d, a, control);
    }

    public static void vpermilpdImm(Cpu c, int d, int a, int imm) {
        write(c, d, c.x[a + (imm & 1)], c.x[a + (imm >>> 1 & 1)]);
    }

    // Variable shifts: counts from the width on give zeros, or the sign.

    private static int shiftLeft(int value, int count) {
        return (count & -32) == 0 ? value << count : 0;
    }

    private static int shiftRight(int value, int count) {
        return (count & -32) == 0 ? value >>> count : 0;
    }

    private static int shiftRightSigned(int value, int count) {
        return value >> ((count & -32) == 0 ? count : 31);
    }

    private static long shiftLeft(long value, long count) {
        return (count & -64) == 0 ? value << count : 0;
    }

    private static long shiftRight(long value, long count) {
        return (count & -64) == 0 ? value >>> count : 0;
    }

    public static void vpsllvd(Cpu c, int d, int a, int b) {
        for (int i = 0; i < 2; i++) {
            long value = c.x[a + i];
            long count = c.x[b + i];
            c.x[d + i] =
                    Lanes.pair(shiftLeft((int) value, (int) count), shiftLeft(Lanes.high(value), Lanes.high(count)));
        }
    }

    public static void vpsrlvd(Cpu c, int d, int a, int b) {
        for (int i = 0; i < 2; i++) {
            long value = c.x[a + i];
            long count = c.x[b + i];
            c.x[d + i] =
                    Lanes.pair(shiftRight((int) value, (int) count), shiftRight(Lanes.high(value), Lanes.high(count)));
        }
    }

    public static void vpsravd(Cpu c, int d, int a, int b) {
        for (int i = 0; i < 2; i++) {
            long value = c.x[a + i];
            long count = c.x[b + i];
            c.x[d + i] = Lanes.pair(
                    shiftRightSigned((int) value, (int) count), shiftRightSigned(Lanes.high(value), Lanes.high(count)));
        }
    }

    public static void vpsllvq(Cpu c, int d, int a, int b) {
        write(c, d, shiftLeft(c.x[a], c.x[b]), shiftLeft(c.x[a + 1], c.x[b + 1]));
    }

    public static void vpsrlvq(Cpu c, int d, int a, int b) {
        write(c, d, shiftRight(c.x[a], c.x[b]), shiftRight(c.x[a + 1], c.x[b + 1]));
    }

    // ---- across the lanes

    private static void write(Cpu c, int d, long q0, long q1, long q2, long q3) {
        write(c, d, q0, q1);
        write(c, d + 2, q2, q3);
    }

    /** VINSERTF128, VINSERTI128: {@code b} is 128 bits. */
    public static void vinsert128(Cpu c, int d, int a, int b, int imm) {
        long low = c.x[b];
        long high = c.x[b + 1];
        Vec.movdqa(c, d, a);
        Vec.movdqa(c, d + 2, a + 2);
        write(c, d + 2 * (imm & 1), low, high);
    }

    /** VEXTRACTF128, VEXTRACTI128. */
    public static void vextract128(Cpu c, int d, int a, int imm) {
        Vec.movdqa(c, d, a + 2 * (imm & 1));
    }

    /** Half {@code quad} of the lane that four bits of {@code imm} choose, for VPERM2F128. */
    private static long chosen(Cpu c, int a, int b, int imm, int quad) {
        return (imm & 8) != 0 ? 0 : c.x[((imm & 2) == 0 ? a : b) + 2 * (imm & 1) + quad];
    }

    /** VPERM2F128, VPERM2I128. */
    public static void vperm2x128(Cpu c, int d, int a, int b, int imm) {
        int high = imm >>> 4;
        write(
                c,
                d,
                chosen(c, a, b, imm, 0),
                chosen(c, a, b, imm, 1),
                chosen(c, a, b, high, 0),
                chosen(c, a, b, high, 1));
    }

    /** Doubleword of eight. */
    private static int doubleword(Cpu c, int a, int i) {
        return (int) (c.x[a + (i >>> 1 & 3)] >>> 32 * (i & 1));
    }

    private static long doublewords(Cpu c, int a, long control) {
        return Lanes.pair(doubleword(c, a, (int) control), doubleword(c, a, Lanes.high(control)));
    }

    /** VPERMD, VPERMPS: elements of {@code a} by the controls in {@code control}. */
    public static void vpermd(Cpu c, int d, int control, int a) {
        write(
                c,
                d,
                doublewords(c, a, c.x[control]),
                doublewords(c, a, c.x[control + 1]),
                doublewords(c, a, c.x[control + 2]),
                doublewords(c, a, c.x[control + 3]));
    }

    /** VPERMQ, VPERMPD. */
    public static void vpermq(Cpu c, int d, int a, int imm) {
        write(c, d, c.x[a + (imm & 3)], c.x[a + (imm >>> 2 & 3)], c.x[a + (imm >>> 4 & 3)], c.x[a + (imm >>> 6 & 3)]);
    }

    // ---- summaries

    public static int pmovmskb(Cpu c, int a) {
        return Vec.pmovmskb(c, a) | Vec.pmovmskb(c, a + 2) << 16;
    }

    public static int movmskps(Cpu c, int a) {
        return VecFloat.movmskps(c, a) | VecFloat.movmskps(c, a + 2) << 4;
    }

    public static int movmskpd(Cpu c, int a) {
        return VecFloat.movmskpd(c, a) | VecFloat.movmskpd(c, a + 2) << 2;
    }

    /** VPTEST of 256 bits. */
    public static void ptest(Cpu c, int a, int b) {
        test(c, a, b, -1, 2);
    }

    /** VTESTPS: PTEST of the sign bits. */
    public static void vtestps(Cpu c, int a, int b, int lanes) {
        test(c, a, b, Lanes.D, lanes);
    }

    public static void vtestpd(Cpu c, int a, int b, int lanes) {
        test(c, a, b, Long.MIN_VALUE, lanes);
    }

    private static void test(Cpu c, int a, int b, long mask, int lanes) {
        long both = 0;
        long onlyB = 0;
        for (int i = 0; i < 2 * lanes; i++) {
            both |= c.x[a + i] & c.x[b + i];
            onlyB |= ~c.x[a + i] & c.x[b + i];
        }
        c.status(((both & mask) == 0 ? Flags.ZF : 0) | ((onlyB & mask) == 0 ? Flags.CF : 0));
    }

    // ---- masked moves: an element is selected by the top bit of its mask; the others are not accessed, and RFLAGS.AC
    // does not
    // count (SDM vol. 2, VMASKMOV)

    /** VMASKMOVPS, VPMASKMOVD from memory; elements not selected become zero. */
    public static void loadSelected32(Cpu c, int d, int mask, long linear, int lanes) {
        for (int i = 0; i < 2 * lanes; i++) {
            long selected = c.x[mask + i];
            int low = (int) selected < 0 ? Mem.ldPart32(c, linear + 8L * i) : 0;
            int high = selected < 0 ? Mem.ldPart32(c, linear + 8L * i + 4) : 0;
            c.x[Cpu.SCRATCH + i] = Lanes.pair(low, high);
        }
        take(c, d, lanes);
    }

    /** VMASKMOVPD, VPMASKMOVQ from memory. */
    public static void loadSelected64(Cpu c, int d, int mask, long linear, int lanes) {
        for (int i = 0; i < 2 * lanes; i++) {
            c.x[Cpu.SCRATCH + i] = c.x[mask + i] < 0 ? Mem.ldPart64(c, linear + 8L * i) : 0;
        }
        take(c, d, lanes);
    }

    private static void take(Cpu c, int d, int lanes) {
        System.arraycopy(c.x, Cpu.SCRATCH, c.x, d, 2 * lanes);
    }

    /** VMASKMOVPS, VPMASKMOVD to memory: all elements are probed first, so that a fault leaves memory as it was. */
    public static void storeSelected32(Cpu c, long linear, int mask, int a, int lanes) {
        for (int i = 0; i < 4 * lanes; i++) {
            if (doubleword(c, mask, i) < 0) {
                Mem.probePart(c, linear + 4L * i, 4);
            }
        }
        for (int i = 0; i < 4 * lanes; i++) {
            if (doubleword(c, mask, i) < 0) {
                Mem.stPart32(c, linear + 4L * i, doubleword(c, a, i));
            }
        }
    }

    /** VMASKMOVPD, VPMASKMOVQ to memory. */
    public static void storeSelected64(Cpu c, long linear, int mask, int a, int lanes) {
        for (int i = 0; i < 2 * lanes; i++) {
            if (c.x[mask + i] < 0) {
                Mem.probePart(c, linear + 8L * i, 8);
            }
        }
        for (int i = 0; i < 2 * lanes; i++) {
            if (c.x[mask + i] < 0) {
                Mem.stPart64(c, linear + 8L * i, c.x[a + i]);
            }
        }
    }
}
