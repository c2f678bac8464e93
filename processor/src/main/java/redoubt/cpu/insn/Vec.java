package redoubt.cpu.insn;

import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;
import redoubt.cpu.Mem;
import redoubt.x86.Op;

/**
 * Integer vector instructions (SDM vol. 1, 10.4.6, 11.4.2, 12.6, 12.7 and 12.10), and the moves, logic and shuffles of all
 * vector types, one 128-bit lane at a time.
 *
 * <p>Operands are indices into {@link Cpu#x}: {@code d} is written and may be the same as a source {@code a} or {@code b},
 * {@code imm} is the immediate byte. A function is named as the instruction is, without the V of the AVX form.
 */
public final class Vec {
    private Vec() {}

    // ---- moves

    /** MOVDQA and all moves of a whole vector, or of a memory operand whose rest is zero. */
    public static void movdqa(Cpu c, int d, int a) {
        long[] x = c.x;
        x[d] = x[a];
        x[d + 1] = x[a + 1];
    }

    public static void movq(Cpu c, int d, int a) {
        c.x[d] = c.x[a];
        c.x[d + 1] = 0;
    }

    public static void movd32(Cpu c, int d, int value) {
        c.x[d] = value & Lanes.LOW32;
        c.x[d + 1] = 0;
    }

    public static void movd64(Cpu c, int d, long value) {
        c.x[d] = value;
        c.x[d + 1] = 0;
    }

    /** MOVD to a general register or memory. */
    public static int movdTo32(Cpu c, int a) {
        return (int) c.x[a];
    }

    public static long movdTo64(Cpu c, int a) {
        return c.x[a];
    }

    public static int pmovmskb(Cpu c, int a) {
        return Lanes.topBitsB(c.x[a]) | Lanes.topBitsB(c.x[a + 1]) << 8;
    }

    /**
     * MASKMOVDQU: stores the bytes of {@code a} whose byte in {@code mask} has its top bit set. All of them are probed
     * first, so that a fault leaves memory as it was.
     */
    public static void maskmovdqu(Cpu c, int a, int mask) {
        storeSelected(c, c.x[a], c.x[a + 1], pmovmskb(c, mask));
    }

    static void storeSelected(Cpu c, long low, long high, int selected) {
        long at = c.r[Op.TEMP];
        for (int i = 0; i < 16; i++) {
            if ((selected >>> i & 1) != 0) {
                Mem.ldw8(c, at + i);
            }
        }
        for (int i = 0; i < 16; i++) {
            if ((selected >>> i & 1) != 0) {
                Mem.st8(c, at + i, byteOf(low, high, i));
            }
        }
    }

    // ---- logic

    public static void pand(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = x[a] & x[b];
        x[d + 1] = x[a + 1] & x[b + 1];
    }

    public static void pandn(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = ~x[a] & x[b];
        x[d + 1] = ~x[a + 1] & x[b + 1];
    }

    public static void por(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = x[a] | x[b];
        x[d + 1] = x[a + 1] | x[b + 1];
    }

    public static void pxor(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = x[a] ^ x[b];
        x[d + 1] = x[a + 1] ^ x[b + 1];
    }

    /** PTEST: ZF of the AND, CF of the AND with the first operand inverted; the other status flags are cleared. */
    public static void ptest(Cpu c, int a, int b) {
        long[] x = c.x;
        boolean zf = (x[a] & x[b] | x[a + 1] & x[b + 1]) == 0;
        boolean cf = (~x[a] & x[b] | ~x[a + 1] & x[b + 1]) == 0;
        c.status((zf ? Flags.ZF : 0) | (cf ? Flags.CF : 0));
    }

    // ---- addition and subtraction

    public static void paddb(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.add(x[a], x[b], Lanes.B);
        x[d + 1] = Lanes.add(x[a + 1], x[b + 1], Lanes.B);
    }

    public static void paddw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.add(x[a], x[b], Lanes.W);
        x[d + 1] = Lanes.add(x[a + 1], x[b + 1], Lanes.W);
    }

    public static void paddd(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.add(x[a], x[b], Lanes.D);
        x[d + 1] = Lanes.add(x[a + 1], x[b + 1], Lanes.D);
    }

    public static void paddq(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = x[a] + x[b];
        x[d + 1] = x[a + 1] + x[b + 1];
    }

    public static void paddsb(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.addSignedSaturating(x[a], x[b], Lanes.B, 8);
        x[d + 1] = Lanes.addSignedSaturating(x[a + 1], x[b + 1], Lanes.B, 8);
    }

    public static void paddusb(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.addUnsignedSaturating(x[a], x[b], Lanes.B, 8);
        x[d + 1] = Lanes.addUnsignedSaturating(x[a + 1], x[b + 1], Lanes.B, 8);
    }

    public static void paddsw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.addSignedSaturating(x[a], x[b], Lanes.W, 16);
        x[d + 1] = Lanes.addSignedSaturating(x[a + 1], x[b + 1], Lanes.W, 16);
    }

    public static void paddusw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.addUnsignedSaturating(x[a], x[b], Lanes.W, 16);
        x[d + 1] = Lanes.addUnsignedSaturating(x[a + 1], x[b + 1], Lanes.W, 16);
    }

    public static void psubb(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.sub(x[a], x[b], Lanes.B);
        x[d + 1] = Lanes.sub(x[a + 1], x[b + 1], Lanes.B);
    }

    public static void psubw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.sub(x[a], x[b], Lanes.W);
        x[d + 1] = Lanes.sub(x[a + 1], x[b + 1], Lanes.W);
    }

    public static void psubd(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.sub(x[a], x[b], Lanes.D);
        x[d + 1] = Lanes.sub(x[a + 1], x[b + 1], Lanes.D);
    }

    public static void psubq(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = x[a] - x[b];
        x[d + 1] = x[a + 1] - x[b + 1];
    }

    public static void psubsb(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.subSignedSaturating(x[a], x[b], Lanes.B, 8);
        x[d + 1] = Lanes.subSignedSaturating(x[a + 1], x[b + 1], Lanes.B, 8);
    }

    public static void psubusb(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.subUnsignedSaturating(x[a], x[b], Lanes.B, 8);
        x[d + 1] = Lanes.subUnsignedSaturating(x[a + 1], x[b + 1], Lanes.B, 8);
    }

    public static void psubsw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.subSignedSaturating(x[a], x[b], Lanes.W, 16);
        x[d + 1] = Lanes.subSignedSaturating(x[a + 1], x[b + 1], Lanes.W, 16);
    }

    public static void psubusw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.subUnsignedSaturating(x[a], x[b], Lanes.W, 16);
        x[d + 1] = Lanes.subUnsignedSaturating(x[a + 1], x[b + 1], Lanes.W, 16);
    }

    public static void pavgb(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.average(x[a], x[b], Lanes.B);
        x[d + 1] = Lanes.average(x[a + 1], x[b + 1], Lanes.B);
    }

    public static void pavgw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.average(x[a], x[b], Lanes.W);
        x[d + 1] = Lanes.average(x[a + 1], x[b + 1], Lanes.W);
    }

    public static void pabsb(Cpu c, int d, int a) {
        long[] x = c.x;
        x[d] = Lanes.absolute(x[a], Lanes.B, 8);
        x[d + 1] = Lanes.absolute(x[a + 1], Lanes.B, 8);
    }

    public static void pabsw(Cpu c, int d, int a) {
        long[] x = c.x;
        x[d] = Lanes.absolute(x[a], Lanes.W, 16);
        x[d + 1] = Lanes.absolute(x[a + 1], Lanes.W, 16);
    }

    public static void pabsd(Cpu c, int d, int a) {
        long[] x = c.x;
        x[d] = Lanes.absolute(x[a], Lanes.D, 32);
        x[d + 1] = Lanes.absolute(x[a + 1], Lanes.D, 32);
    }

    public static void psignb(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.sign(x[a], x[b], Lanes.B, 8);
        x[d + 1] = Lanes.sign(x[a + 1], x[b + 1], Lanes.B, 8);
    }

    public static void psignw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.sign(x[a], x[b], Lanes.W, 16);
        x[d + 1] = Lanes.sign(x[a + 1], x[b + 1], Lanes.W, 16);
    }

    public static void psignd(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.sign(x[a], x[b], Lanes.D, 32);
        x[d + 1] = Lanes.sign(x[a + 1], x[b + 1], Lanes.D, 32);
    }

    static long addedPairsW(long low, long high) {
        return Lanes.words(
                Lanes.shortAt(low, 0) + Lanes.shortAt(low, 1),
                Lanes.shortAt(low, 2) + Lanes.shortAt(low, 3),
                Lanes.shortAt(high, 0) + Lanes.shortAt(high, 1),
                Lanes.shortAt(high, 2) + Lanes.shortAt(high, 3));
    }

    static long subtractedPairsW(long low, long high) {
        return Lanes.words(
                Lanes.shortAt(low, 0) - Lanes.shortAt(low, 1),
                Lanes.shortAt(low, 2) - Lanes.shortAt(low, 3),
                Lanes.shortAt(high, 0) - Lanes.shortAt(high, 1),
                Lanes.shortAt(high, 2) - Lanes.shortAt(high, 3));
    }

    static long addedPairsSaturatingW(long low, long high) {
        return Lanes.words(
                Lanes.saturate16(Lanes.shortAt(low, 0) + Lanes.shortAt(low, 1)),
                Lanes.saturate16(Lanes.shortAt(low, 2) + Lanes.shortAt(low, 3)),
                Lanes.saturate16(Lanes.shortAt(high, 0) + Lanes.shortAt(high, 1)),
                Lanes.saturate16(Lanes.shortAt(high, 2) + Lanes.shortAt(high, 3)));
    }

    static long subtractedPairsSaturatingW(long low, long high) {
        return Lanes.words(
                Lanes.saturate16(Lanes.shortAt(low, 0) - Lanes.shortAt(low, 1)),
                Lanes.saturate16(Lanes.shortAt(low, 2) - Lanes.shortAt(low, 3)),
                Lanes.saturate16(Lanes.shortAt(high, 0) - Lanes.shortAt(high, 1)),
                Lanes.saturate16(Lanes.shortAt(high, 2) - Lanes.shortAt(high, 3)));
    }

    static long addedPairsD(long low, long high) {
        return Lanes.pair((int) low + Lanes.high(low), (int) high + Lanes.high(high));
    }

    static long subtractedPairsD(long low, long high) {
        return Lanes.pair((int) low - Lanes.high(low), (int) high - Lanes.high(high));
    }

    public static void phaddw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = addedPairsW(x[a], x[a + 1]);
        long high = addedPairsW(x[b], x[b + 1]);
        x[d] = low;
        x[d + 1] = high;
    }

    public static void phaddd(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = addedPairsD(x[a], x[a + 1]);
        long high = addedPairsD(x[b], x[b + 1]);
        x[d] = low;
        x[d + 1] = high;
    }

    public static void phaddsw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = addedPairsSaturatingW(x[a], x[a + 1]);
        long high = addedPairsSaturatingW(x[b], x[b + 1]);
        x[d] = low;
        x[d + 1] = high;
    }

    public static void phsubw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = subtractedPairsW(x[a], x[a + 1]);
        long high = subtractedPairsW(x[b], x[b + 1]);
        x[d] = low;
        x[d + 1] = high;
    }

    public static void phsubd(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = subtractedPairsD(x[a], x[a + 1]);
        long high = subtractedPairsD(x[b], x[b + 1]);
        x[d] = low;
        x[d + 1] = high;
    }

    public static void phsubsw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = subtractedPairsSaturatingW(x[a], x[a + 1]);
        long high = subtractedPairsSaturatingW(x[b], x[b + 1]);
        x[d] = low;
        x[d + 1] = high;
    }

    // ---- products and sums of differences

    public static void pmullw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.multiplyLowW(x[a], x[b]);
        x[d + 1] = Lanes.multiplyLowW(x[a + 1], x[b + 1]);
    }

    public static void pmulhw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.multiplyHighSignedW(x[a], x[b]);
        x[d + 1] = Lanes.multiplyHighSignedW(x[a + 1], x[b + 1]);
    }

    public static void pmulhuw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.multiplyHighUnsignedW(x[a], x[b]);
        x[d + 1] = Lanes.multiplyHighUnsignedW(x[a + 1], x[b + 1]);
    }

    public static void pmulhrsw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.multiplyHighRoundedW(x[a], x[b]);
        x[d + 1] = Lanes.multiplyHighRoundedW(x[a + 1], x[b + 1]);
    }

    public static void pmaddwd(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.multiplyAddW(x[a], x[b]);
        x[d + 1] = Lanes.multiplyAddW(x[a + 1], x[b + 1]);
    }

    public static void pmaddubsw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.multiplyAddB(x[a], x[b]);
        x[d + 1] = Lanes.multiplyAddB(x[a + 1], x[b + 1]);
    }

    public static void pmuludq(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = (x[a] & Lanes.LOW32) * (x[b] & Lanes.LOW32);
        x[d + 1] = (x[a + 1] & Lanes.LOW32) * (x[b + 1] & Lanes.LOW32);
    }

    public static void pmuldq(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = (long) (int) x[a] * (int) x[b];
        x[d + 1] = (long) (int) x[a + 1] * (int) x[b + 1];
    }

    public static void pmulld(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.multiplyLowD(x[a], x[b]);
        x[d + 1] = Lanes.multiplyLowD(x[a + 1], x[b + 1]);
    }

    public static void psadbw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.sumOfDifferences(x[a], x[b]);
        x[d + 1] = Lanes.sumOfDifferences(x[a + 1], x[b + 1]);
    }

    private static int differences4(long low, long high, int from, long block) {
        int sum = 0;
        for (int i = 0; i < 4; i++) {
            sum += Math.abs(byteOf(low, high, from + i) - Lanes.byteAt(block, i));
        }
        return sum;
    }

    /** MPSADBW: eight sums of four differences between a sliding window of {@code a} and one block of {@code b}. */
    public static void mpsadbw(Cpu c, int d, int a, int b, int imm) {
        long[] x = c.x;
        long low = x[a];
        long high = x[a + 1];
        long block = x[b + (imm >>> 1 & 1)] >>> 32 * (imm & 1);
        int from = (imm >>> 2 & 1) * 4;
        x[d] = Lanes.words(
                differences4(low, high, from, block),
                differences4(low, high, from + 1, block),
                differences4(low, high, from + 2, block),
                differences4(low, high, from + 3, block));
        x[d + 1] = Lanes.words(
                differences4(low, high, from + 4, block),
                differences4(low, high, from + 5, block),
                differences4(low, high, from + 6, block),
                differences4(low, high, from + 7, block));
    }

    /** PHMINPOSUW: the least unsigned word and, above it, its position. */
    public static void phminposuw(Cpu c, int d, int a) {
        int least = 0x10000;
        int position = 0;
        for (int i = 0; i < 8; i++) {
            int word = Lanes.wordAt(c.x[a + (i >>> 2)], i & 3);
            if (word < least) {
                least = word;
                position = i;
            }
        }
        c.x[d] = least | (long) position << 16;
        c.x[d + 1] = 0;
    }

    // ---- comparison, minimum, maximum

    public static void pcmpeqb(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.equal(x[a], x[b], Lanes.B, 8);
        x[d + 1] = Lanes.equal(x[a + 1], x[b + 1], Lanes.B, 8);
    }

    public static void pcmpeqw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.equal(x[a], x[b], Lanes.W, 16);
        x[d + 1] = Lanes.equal(x[a + 1], x[b + 1], Lanes.W, 16);
    }

    public static void pcmpeqd(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.equal(x[a], x[b], Lanes.D, 32);
        x[d + 1] = Lanes.equal(x[a + 1], x[b + 1], Lanes.D, 32);
    }

    public static void pcmpeqq(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = x[a] == x[b] ? -1 : 0;
        x[d + 1] = x[a + 1] == x[b + 1] ? -1 : 0;
    }

    public static void pcmpgtb(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.greater(x[a], x[b], Lanes.B, 8);
        x[d + 1] = Lanes.greater(x[a + 1], x[b + 1], Lanes.B, 8);
    }

    public static void pcmpgtw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.greater(x[a], x[b], Lanes.W, 16);
        x[d + 1] = Lanes.greater(x[a + 1], x[b + 1], Lanes.W, 16);
    }

    public static void pcmpgtd(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.greater(x[a], x[b], Lanes.D, 32);
        x[d + 1] = Lanes.greater(x[a + 1], x[b + 1], Lanes.D, 32);
    }

    public static void pcmpgtq(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = x[a] > x[b] ? -1 : 0;
        x[d + 1] = x[a + 1] > x[b + 1] ? -1 : 0;
    }

    public static void pminsb(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.minSigned(x[a], x[b], Lanes.B, 8);
        x[d + 1] = Lanes.minSigned(x[a + 1], x[b + 1], Lanes.B, 8);
    }

    public static void pminub(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.minUnsigned(x[a], x[b], Lanes.B, 8);
        x[d + 1] = Lanes.minUnsigned(x[a + 1], x[b + 1], Lanes.B, 8);
    }

    public static void pminsw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.minSigned(x[a], x[b], Lanes.W, 16);
        x[d + 1] = Lanes.minSigned(x[a + 1], x[b + 1], Lanes.W, 16);
    }

    public static void pminuw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.minUnsigned(x[a], x[b], Lanes.W, 16);
        x[d + 1] = Lanes.minUnsigned(x[a + 1], x[b + 1], Lanes.W, 16);
    }

    public static void pminsd(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.minSigned(x[a], x[b], Lanes.D, 32);
        x[d + 1] = Lanes.minSigned(x[a + 1], x[b + 1], Lanes.D, 32);
    }

    public static void pminud(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.minUnsigned(x[a], x[b], Lanes.D, 32);
        x[d + 1] = Lanes.minUnsigned(x[a + 1], x[b + 1], Lanes.D, 32);
    }

    public static void pmaxsb(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.maxSigned(x[a], x[b], Lanes.B, 8);
        x[d + 1] = Lanes.maxSigned(x[a + 1], x[b + 1], Lanes.B, 8);
    }

    public static void pmaxub(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.maxUnsigned(x[a], x[b], Lanes.B, 8);
        x[d + 1] = Lanes.maxUnsigned(x[a + 1], x[b + 1], Lanes.B, 8);
    }

    public static void pmaxsw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.maxSigned(x[a], x[b], Lanes.W, 16);
        x[d + 1] = Lanes.maxSigned(x[a + 1], x[b + 1], Lanes.W, 16);
    }

    public static void pmaxuw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.maxUnsigned(x[a], x[b], Lanes.W, 16);
        x[d + 1] = Lanes.maxUnsigned(x[a + 1], x[b + 1], Lanes.W, 16);
    }

    public static void pmaxsd(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.maxSigned(x[a], x[b], Lanes.D, 32);
        x[d + 1] = Lanes.maxSigned(x[a + 1], x[b + 1], Lanes.D, 32);
    }

    public static void pmaxud(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        x[d] = Lanes.maxUnsigned(x[a], x[b], Lanes.D, 32);
        x[d + 1] = Lanes.maxUnsigned(x[a + 1], x[b + 1], Lanes.D, 32);
    }

    // ---- shifts: counts from the width on give zeros, or the sign

    public static void psllw(Cpu c, int d, int a, int b) {
        psllwBy(c, d, a, c.x[b]);
    }

    public static void psllwImm(Cpu c, int d, int a, int imm) {
        psllwBy(c, d, a, imm);
    }

    private static void psllwBy(Cpu c, int d, int a, long count) {
        long[] x = c.x;
        boolean inRange = (count & ~15L) == 0;
        x[d] = inRange ? Lanes.shiftLeftW(x[a], (int) count) : 0;
        x[d + 1] = inRange ? Lanes.shiftLeftW(x[a + 1], (int) count) : 0;
    }

    public static void psrlw(Cpu c, int d, int a, int b) {
        psrlwBy(c, d, a, c.x[b]);
    }

    public static void psrlwImm(Cpu c, int d, int a, int imm) {
        psrlwBy(c, d, a, imm);
    }

    private static void psrlwBy(Cpu c, int d, int a, long count) {
        long[] x = c.x;
        boolean inRange = (count & ~15L) == 0;
        x[d] = inRange ? Lanes.shiftRightW(x[a], (int) count) : 0;
        x[d + 1] = inRange ? Lanes.shiftRightW(x[a + 1], (int) count) : 0;
    }

    public static void pslld(Cpu c, int d, int a, int b) {
        pslldBy(c, d, a, c.x[b]);
    }

    public static void pslldImm(Cpu c, int d, int a, int imm) {
        pslldBy(c, d, a, imm);
    }

    private static void pslldBy(Cpu c, int d, int a, long count) {
        long[] x = c.x;
        boolean inRange = (count & ~31L) == 0;
        x[d] = inRange ? Lanes.shiftLeftD(x[a], (int) count) : 0;
        x[d + 1] = inRange ? Lanes.shiftLeftD(x[a + 1], (int) count) : 0;
    }

    public static void psrld(Cpu c, int d, int a, int b) {
        psrldBy(c, d, a, c.x[b]);
    }

    public static void psrldImm(Cpu c, int d, int a, int imm) {
        psrldBy(c, d, a, imm);
    }

    private static void psrldBy(Cpu c, int d, int a, long count) {
        long[] x = c.x;
        boolean inRange = (count & ~31L) == 0;
        x[d] = inRange ? Lanes.shiftRightD(x[a], (int) count) : 0;
        x[d + 1] = inRange ? Lanes.shiftRightD(x[a + 1], (int) count) : 0;
    }

    public static void psllq(Cpu c, int d, int a, int b) {
        psllqBy(c, d, a, c.x[b]);
    }

    public static void psllqImm(Cpu c, int d, int a, int imm) {
        psllqBy(c, d, a, imm);
    }

    private static void psllqBy(Cpu c, int d, int a, long count) {
        long[] x = c.x;
        boolean inRange = (count & ~63L) == 0;
        x[d] = inRange ? x[a] << count : 0;
        x[d + 1] = inRange ? x[a + 1] << count : 0;
    }

    public static void psrlq(Cpu c, int d, int a, int b) {
        psrlqBy(c, d, a, c.x[b]);
    }

    public static void psrlqImm(Cpu c, int d, int a, int imm) {
        psrlqBy(c, d, a, imm);
    }

    private static void psrlqBy(Cpu c, int d, int a, long count) {
        long[] x = c.x;
        boolean inRange = (count & ~63L) == 0;
        x[d] = inRange ? x[a] >>> count : 0;
        x[d + 1] = inRange ? x[a + 1] >>> count : 0;
    }

    public static void psraw(Cpu c, int d, int a, int b) {
        psrawBy(c, d, a, c.x[b]);
    }

    public static void psrawImm(Cpu c, int d, int a, int imm) {
        psrawBy(c, d, a, imm);
    }

    private static void psrawBy(Cpu c, int d, int a, long count) {
        long[] x = c.x;
        int bounded = Long.compareUnsigned(count, 15) > 0 ? 15 : (int) count;
        x[d] = Lanes.shiftRightSignedW(x[a], bounded);
        x[d + 1] = Lanes.shiftRightSignedW(x[a + 1], bounded);
    }

    public static void psrad(Cpu c, int d, int a, int b) {
        psradBy(c, d, a, c.x[b]);
    }

    public static void psradImm(Cpu c, int d, int a, int imm) {
        psradBy(c, d, a, imm);
    }

    private static void psradBy(Cpu c, int d, int a, long count) {
        long[] x = c.x;
        int bounded = Long.compareUnsigned(count, 31) > 0 ? 31 : (int) count;
        x[d] = Lanes.shiftRightSignedD(x[a], bounded);
        x[d + 1] = Lanes.shiftRightSignedD(x[a + 1], bounded);
    }

    /** PSLLDQ: by bytes, of the whole vector. */
    public static void pslldq(Cpu c, int d, int a, int imm) {
        long low = c.x[a];
        long high = c.x[a + 1];
        int bits = Math.min(imm, 16) * 8;
        c.x[d] = bits < 64 ? low << bits : 0;
        c.x[d + 1] =
                bits == 0 ? high : bits < 64 ? high << bits | low >>> 64 - bits : bits < 128 ? low << bits - 64 : 0;
    }

    /** PSRLDQ: by bytes, of the whole vector. */
    public static void psrldq(Cpu c, int d, int a, int imm) {
        long low = c.x[a];
        long high = c.x[a + 1];
        int bits = Math.min(imm, 16) * 8;
        c.x[d] = bits == 0 ? low : bits < 64 ? low >>> bits | high << 64 - bits : bits < 128 ? high >>> bits - 64 : 0;
        c.x[d + 1] = bits < 64 ? high >>> bits : 0;
    }

    /** Bytes {@code from} to {@code from + 7} of the 32-byte string {@code b, a}, zeros beyond. */
    static long eightBytes(long b0, long b1, long a0, long a1, int from) {
        int bits = from * 8;
        int quad = bits >>> 6;
        long low = quad == 0 ? b0 : quad == 1 ? b1 : quad == 2 ? a0 : quad == 3 ? a1 : 0;
        long high = quad == 0 ? b1 : quad == 1 ? a0 : quad == 2 ? a1 : 0;
        int rest = bits & 63;
        return rest == 0 ? low : low >>> rest | high << 64 - rest;
    }

    /** PALIGNR: {@code a} above {@code b}, shifted right by {@code imm} bytes. */
    public static void palignr(Cpu c, int d, int a, int b, int imm) {
        long[] x = c.x;
        long low = eightBytes(x[b], x[b + 1], x[a], x[a + 1], imm);
        long high = eightBytes(x[b], x[b + 1], x[a], x[a + 1], imm + 8);
        x[d] = low;
        x[d + 1] = high;
    }

    // ---- shuffles

    public static void punpcklbw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = Lanes.spreadB(x[a]) | Lanes.spreadB(x[b]) << 8;
        long high = Lanes.spreadB(x[a] >>> 32) | Lanes.spreadB(x[b] >>> 32) << 8;
        x[d] = low;
        x[d + 1] = high;
    }

    public static void punpckhbw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = Lanes.spreadB(x[a + 1]) | Lanes.spreadB(x[b + 1]) << 8;
        long high = Lanes.spreadB(x[a + 1] >>> 32) | Lanes.spreadB(x[b + 1] >>> 32) << 8;
        x[d] = low;
        x[d + 1] = high;
    }

    public static void punpcklwd(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = Lanes.spreadW(x[a]) | Lanes.spreadW(x[b]) << 16;
        long high = Lanes.spreadW(x[a] >>> 32) | Lanes.spreadW(x[b] >>> 32) << 16;
        x[d] = low;
        x[d + 1] = high;
    }

    public static void punpckhwd(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = Lanes.spreadW(x[a + 1]) | Lanes.spreadW(x[b + 1]) << 16;
        long high = Lanes.spreadW(x[a + 1] >>> 32) | Lanes.spreadW(x[b + 1] >>> 32) << 16;
        x[d] = low;
        x[d + 1] = high;
    }

    public static void punpckldq(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = x[a] & Lanes.LOW32 | x[b] << 32;
        long high = x[a] >>> 32 | x[b] & Lanes.HIGH32;
        x[d] = low;
        x[d + 1] = high;
    }

    public static void punpckhdq(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = x[a + 1] & Lanes.LOW32 | x[b + 1] << 32;
        long high = x[a + 1] >>> 32 | x[b + 1] & Lanes.HIGH32;
        x[d] = low;
        x[d + 1] = high;
    }

    public static void punpcklqdq(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = x[a];
        long high = x[b];
        x[d] = low;
        x[d + 1] = high;
    }

    public static void punpckhqdq(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = x[a + 1];
        long high = x[b + 1];
        x[d] = low;
        x[d + 1] = high;
    }

    public static void packsswb(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = Lanes.packSignedW(x[a]) | Lanes.packSignedW(x[a + 1]) << 32;
        long high = Lanes.packSignedW(x[b]) | Lanes.packSignedW(x[b + 1]) << 32;
        x[d] = low;
        x[d + 1] = high;
    }

    public static void packuswb(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = Lanes.packUnsignedW(x[a]) | Lanes.packUnsignedW(x[a + 1]) << 32;
        long high = Lanes.packUnsignedW(x[b]) | Lanes.packUnsignedW(x[b + 1]) << 32;
        x[d] = low;
        x[d + 1] = high;
    }

    public static void packssdw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = Lanes.packSignedD(x[a]) | Lanes.packSignedD(x[a + 1]) << 32;
        long high = Lanes.packSignedD(x[b]) | Lanes.packSignedD(x[b + 1]) << 32;
        x[d] = low;
        x[d + 1] = high;
    }

    public static void packusdw(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = Lanes.packUnsignedD(x[a]) | Lanes.packUnsignedD(x[a + 1]) << 32;
        long high = Lanes.packUnsignedD(x[b]) | Lanes.packUnsignedD(x[b + 1]) << 32;
        x[d] = low;
        x[d + 1] = high;
    }

    /** Byte {@code i} of 16. */
    private static int byteOf(long low, long high, int i) {
        return Lanes.byteAt(i < 8 ? low : high, i & 7);
    }

    static long shuffledBytes(long low, long high, long control) {
        long result = 0;
        for (int i = 0; i < 64; i += 8) {
            int index = (int) (control >>> i);
            if ((index & 0x80) == 0) {
                result |= (((index & 8) == 0 ? low : high) >>> (index & 7) * 8 & 0xFF) << i;
            }
        }
        return result;
    }

    public static void pshufb(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = shuffledBytes(x[a], x[a + 1], x[b]);
        long high = shuffledBytes(x[a], x[a + 1], x[b + 1]);
        x[d] = low;
        x[d + 1] = high;
    }

    private static long doublewordOf(long low, long high, int i) {
        return ((i & 2) == 0 ? low : high) >>> (i & 1) * 32 & Lanes.LOW32;
    }

    public static void pshufd(Cpu c, int d, int a, int imm) {
        long low = c.x[a];
        long high = c.x[a + 1];
        c.x[d] = doublewordOf(low, high, imm) | doublewordOf(low, high, imm >>> 2) << 32;
        c.x[d + 1] = doublewordOf(low, high, imm >>> 4) | doublewordOf(low, high, imm >>> 6) << 32;
    }

    static long shuffledWords(long a, int imm) {
        return Lanes.words(
                Lanes.wordAt(a, imm & 3),
                Lanes.wordAt(a, imm >>> 2 & 3),
                Lanes.wordAt(a, imm >>> 4 & 3),
                Lanes.wordAt(a, imm >>> 6 & 3));
    }

    public static void pshuflw(Cpu c, int d, int a, int imm) {
        c.x[d] = shuffledWords(c.x[a], imm);
        c.x[d + 1] = c.x[a + 1];
    }

    public static void pshufhw(Cpu c, int d, int a, int imm) {
        c.x[d] = c.x[a];
        c.x[d + 1] = shuffledWords(c.x[a + 1], imm);
    }

    // ---- blends

    /** PBLENDVB with XMM0 as mask. */
    public static void pblendvb(Cpu c, int d, int a, int b) {
        pblendvb(c, d, a, b, 0);
    }

    public static void pblendvb(Cpu c, int d, int a, int b, int mask) {
        blend(c, d, a, b, mask, Lanes.B, 8);
    }

    /** BLENDVPS with XMM0 as mask. */
    public static void blendvps(Cpu c, int d, int a, int b) {
        blendvps(c, d, a, b, 0);
    }

    public static void blendvps(Cpu c, int d, int a, int b, int mask) {
        blend(c, d, a, b, mask, Lanes.D, 32);
    }

    /** BLENDVPD with XMM0 as mask. */
    public static void blendvpd(Cpu c, int d, int a, int b) {
        blendvpd(c, d, a, b, 0);
    }

    public static void blendvpd(Cpu c, int d, int a, int b, int mask) {
        long[] x = c.x;
        long low = x[mask] < 0 ? x[b] : x[a];
        long high = x[mask + 1] < 0 ? x[b + 1] : x[a + 1];
        x[d] = low;
        x[d + 1] = high;
    }

    private static void blend(Cpu c, int d, int a, int b, int mask, long top, int width) {
        long[] x = c.x;
        long low = Lanes.blend(x[a], x[b], x[mask], top, width);
        long high = Lanes.blend(x[a + 1], x[b + 1], x[mask + 1], top, width);
        x[d] = low;
        x[d + 1] = high;
    }

    /** Of the low four bits of {@code imm}, a word of ones for each that is set. */
    private static long wordMask(int imm) {
        return Lanes.words(-(imm & 1), -(imm >>> 1 & 1), -(imm >>> 2 & 1), -(imm >>> 3 & 1));
    }

    private static long doublewordMask(int imm) {
        return Lanes.pair(-(imm & 1), -(imm >>> 1 & 1));
    }

    public static void pblendw(Cpu c, int d, int a, int b, int imm) {
        long[] x = c.x;
        long low = x[a] & ~wordMask(imm) | x[b] & wordMask(imm);
        long high = x[a + 1] & ~wordMask(imm >>> 4) | x[b + 1] & wordMask(imm >>> 4);
        x[d] = low;
        x[d + 1] = high;
    }

    public static void blendps(Cpu c, int d, int a, int b, int imm) {
        long[] x = c.x;
        long low = x[a] & ~doublewordMask(imm) | x[b] & doublewordMask(imm);
        long high = x[a + 1] & ~doublewordMask(imm >>> 2) | x[b + 1] & doublewordMask(imm >>> 2);
        x[d] = low;
        x[d + 1] = high;
    }

    public static void blendpd(Cpu c, int d, int a, int b, int imm) {
        long[] x = c.x;
        long low = (imm & 1) == 0 ? x[a] : x[b];
        long high = (imm & 2) == 0 ? x[a + 1] : x[b + 1];
        x[d] = low;
        x[d + 1] = high;
    }

    // ---- single elements

    private static void insert(Cpu c, int d, int a, long value, long mask, int bit) {
        long[] x = c.x;
        long low = x[a];
        long high = x[a + 1];
        if (bit < 64) {
            low = low & ~(mask << bit) | (value & mask) << bit;
        } else {
            high = high & ~(mask << bit) | (value & mask) << bit;
        }
        x[d] = low;
        x[d + 1] = high;
    }

    public static void pinsrb(Cpu c, int d, int a, int value, int imm) {
        insert(c, d, a, value, 0xFF, (imm & 15) * 8);
    }

    public static void pinsrw(Cpu c, int d, int a, int value, int imm) {
        insert(c, d, a, value, 0xFFFF, (imm & 7) * 16);
    }

    /** PINSRD. */
    public static void pinsr32(Cpu c, int d, int a, int value, int imm) {
        insert(c, d, a, value, Lanes.LOW32, (imm & 3) * 32);
    }

    /** PINSRQ. */
    public static void pinsr64(Cpu c, int d, int a, long value, int imm) {
        insert(c, d, a, value, -1, (imm & 1) * 64);
    }

    public static int pextrb(Cpu c, int a, int imm) {
        return byteOf(c.x[a], c.x[a + 1], imm & 15);
    }

    /** PEXTRB to memory. */
    public static int pextrb8(Cpu c, int a, int imm) {
        return pextrb(c, a, imm);
    }

    public static int pextrw(Cpu c, int a, int imm) {
        return Lanes.wordAt(c.x[a + (imm >>> 2 & 1)], imm & 3);
    }

    /** PEXTRD, EXTRACTPS. */
    public static int pextr32(Cpu c, int a, int imm) {
        return (int) doublewordOf(c.x[a], c.x[a + 1], imm);
    }

    /** PEXTRQ. */
    public static long pextr64(Cpu c, int a, int imm) {
        return c.x[a + (imm & 1)];
    }

    /** INSERTPS from a register, whose element bits 7:6 of {@code imm} choose. */
    public static void insertps(Cpu c, int d, int a, int b, int imm) {
        insertps(c, d, a, doublewordOf(c.x[b], c.x[b + 1], imm >>> 6), imm);
    }

    /** INSERTPS from memory. */
    public static void insertpsFrom(Cpu c, int d, int a, int b, int imm) {
        insertps(c, d, a, c.x[b], imm);
    }

    private static void insertps(Cpu c, int d, int a, long value, int imm) {
        insert(c, d, a, value, Lanes.LOW32, (imm >>> 4 & 3) * 32);
        c.x[d] &= ~doublewordMask(imm);
        c.x[d + 1] &= ~doublewordMask(imm >>> 2);
    }

    // ---- widening, from the low elements

    public static void pmovsxbw(Cpu c, int d, int a) {
        long low = c.x[a];
        c.x[d] = Lanes.words((byte) (low >>> 0), (byte) (low >>> 8), (byte) (low >>> 16), (byte) (low >>> 24));
        c.x[d + 1] = Lanes.words((byte) (low >>> 32), (byte) (low >>> 40), (byte) (low >>> 48), (byte) (low >>> 56));
    }

    public static void pmovsxbd(Cpu c, int d, int a) {
        long low = c.x[a];
        c.x[d] = Lanes.pair((byte) (low >>> 0), (byte) (low >>> 8));
        c.x[d + 1] = Lanes.pair((byte) (low >>> 16), (byte) (low >>> 24));
    }

    public static void pmovsxbq(Cpu c, int d, int a) {
        long low = c.x[a];
        c.x[d] = (byte) (low >>> 0);
        c.x[d + 1] = (byte) (low >>> 8);
    }

    public static void pmovsxwd(Cpu c, int d, int a) {
        long low = c.x[a];
        c.x[d] = Lanes.pair(Lanes.shortAt(low, 0), Lanes.shortAt(low, 1));
        c.x[d + 1] = Lanes.pair(Lanes.shortAt(low, 2), Lanes.shortAt(low, 3));
    }

    public static void pmovsxwq(Cpu c, int d, int a) {
        long low = c.x[a];
        c.x[d] = Lanes.shortAt(low, 0);
        c.x[d + 1] = Lanes.shortAt(low, 1);
    }

    public static void pmovsxdq(Cpu c, int d, int a) {
        long low = c.x[a];
        c.x[d] = (int) low;
        c.x[d + 1] = low >> 32;
    }

    public static void pmovzxbw(Cpu c, int d, int a) {
        long low = c.x[a];
        c.x[d] = Lanes.spreadB(low);
        c.x[d + 1] = Lanes.spreadB(low >>> 32);
    }

    public static void pmovzxbd(Cpu c, int d, int a) {
        long low = c.x[a];
        c.x[d] = Lanes.pair(Lanes.byteAt(low, 0), Lanes.byteAt(low, 1));
        c.x[d + 1] = Lanes.pair(Lanes.byteAt(low, 2), Lanes.byteAt(low, 3));
    }

    public static void pmovzxbq(Cpu c, int d, int a) {
        long low = c.x[a];
        c.x[d] = Lanes.byteAt(low, 0);
        c.x[d + 1] = Lanes.byteAt(low, 1);
    }

    public static void pmovzxwd(Cpu c, int d, int a) {
        long low = c.x[a];
        c.x[d] = Lanes.spreadW(low);
        c.x[d + 1] = Lanes.spreadW(low >>> 32);
    }

    public static void pmovzxwq(Cpu c, int d, int a) {
        long low = c.x[a];
        c.x[d] = Lanes.wordAt(low, 0);
        c.x[d + 1] = Lanes.wordAt(low, 1);
    }

    public static void pmovzxdq(Cpu c, int d, int a) {
        long low = c.x[a];
        c.x[d] = low & Lanes.LOW32;
        c.x[d + 1] = low >>> 32;
    }
}
