package redoubt.cpu;

/**
 * The six status flags as two longs. {@code fr} is the last result, sign-extended from its size to 64 bits. {@code fx} has:
 * bit 63 CF; bit 62 CF xor OF (the carry into the top bit); bit 61 an inversion of SF; bit 3 AF; bits 8 to 15 an inversion
 * of the result's low byte for PF. An instruction computes them without branches, and a condition is a comparison: ZF is
 * {@code fr == 0}, CF is {@code fx < 0}.
 */
public final class Flags {
    public static final int CF = 1;
    public static final int PF = 4;
    public static final int AF = 0x10;
    public static final int ZF = 0x40;
    public static final int SF = 0x80;
    public static final int OF = 0x800;
    /** All six. */
    public static final int STATUS = CF | PF | AF | ZF | SF | OF;

    public static final int TF = 0x100;
    public static final int IF = 0x200;
    public static final int DF = 0x400;
    public static final int IOPL = 0x3000;
    public static final int NT = 0x4000;
    public static final int RF = 0x10000;
    public static final int VM = 0x20000;
    public static final int AC = 0x40000;
    public static final int VIF = 0x80000;
    public static final int VIP = 0x100000;
    public static final int ID = 0x200000;
    /** Bits that exist. */
    public static final long DEFINED = 0x3F7FD7L;

    private static final long TOP2 = 0xC000_0000_0000_0000L;

    private Flags() {}

    // ---- auxiliary words of the arithmetic, by width; operands and result zero-extended (64: as they are)

    private static long carriesOfAdd(long a, long b, long result) {
        return a & b | (a | b) & ~result;
    }

    private static long borrowsOfSub(long a, long b, long result) {
        return ~a & b | ~(a ^ b) & result;
    }

    private static long pack(long vector, int width) {
        return vector << (64 - width) & TOP2 | vector & 8;
    }

    /** Of {@code result = a + b (+ carry)} in {@code width} bits; bits above the width are ignored. */
    public static long add(long a, long b, long result, int width) {
        return pack(carriesOfAdd(a, b, result), width);
    }

    /** Of {@code result = a - b (- borrow)} in {@code width} bits. */
    public static long sub(long a, long b, long result, int width) {
        return pack(borrowsOfSub(a, b, result), width);
    }

    /** Of given CF and OF, AF clear, SF and PF those of the result. */
    public static long carryOverflow(boolean carry, boolean overflow) {
        return (carry ? 1L << 63 : 0) | (carry != overflow ? 1L << 62 : 0);
    }

    // ---- reading

    public static boolean cf(long fx) {
        return fx < 0;
    }

    public static boolean of(long fx) {
        return (fx ^ fx << 1) < 0;
    }

    public static boolean sf(long fr, long fx) {
        return (fr ^ fx << 2) < 0;
    }

    public static boolean af(long fx) {
        return (fx & 8) != 0;
    }

    public static boolean pf(long fr, long fx) {
        int low = (int) (fr ^ fx >>> 8) & 0xFF;
        low ^= low >> 4;
        return (0x9669 >> (low & 15) & 1) != 0;
    }

    /** The six flags at their RFLAGS positions. */
    public static int status(long fr, long fx) {
        return (int) (fx >>> 63)
                | (pf(fr, fx) ? PF : 0)
                | (int) (fx & 8) << 1
                | (fr == 0 ? ZF : 0)
                | (sf(fr, fx) ? SF : 0)
                | (of(fx) ? OF : 0);
    }

    // ---- writing arbitrary combinations

    /** The {@code fr} that, with {@link #auxiliary}, stands for these RFLAGS bits. */
    public static long result(int bits) {
        return (bits & ZF) != 0 ? 0 : 1;
    }

    /** The matching {@code fx}. */
    public static long auxiliary(int bits) {
        boolean cf = (bits & CF) != 0;
        boolean of = (bits & OF) != 0;
        boolean naturalParity = (bits & ZF) != 0; // low byte 0 has even parity, 1 has not
        return (cf ? 1L << 63 : 0)
                | (cf != of ? 1L << 62 : 0)
                | ((bits & SF) != 0 ? 1L << 61 : 0)
                | ((bits & AF) != 0 ? 8 : 0)
                | ((bits & PF) != 0 != naturalParity ? 1L << 8 : 0);
    }
}
