package redoubt.cpu.insn;

/**
 * Arithmetic on the bytes, words or doublewords packed in one {@code long}, without a carry from one to the next. B, W and
 * D in a name are the width; a comparison gives all ones or zeros per element, as PCMPEQB does.
 */
final class Lanes {
    /** Top bit of each byte. */
    static final long B = 0x8080_8080_8080_8080L;
    /** Top bit of each word. */
    static final long W = 0x8000_8000_8000_8000L;
    /** Top bit of each doubleword. */
    static final long D = 0x8000_0000_8000_0000L;

    static final long LOW32 = 0xFFFF_FFFFL;
    static final long HIGH32 = ~LOW32;

    private Lanes() {}

    // ---- any width: `top` has the top bit of each element, `width` is in bits

    /** Wrapping sum. */
    static long add(long a, long b, long top) {
        return (a & ~top) + (b & ~top) ^ (a ^ b) & top;
    }

    /** Wrapping difference. */
    static long sub(long a, long b, long top) {
        return (a | top) - (b & ~top) ^ (a ^ ~b) & top;
    }

    /** Elements whose top bit is set in {@code bits}: all ones. */
    private static long fill(long bits, long top, int width) {
        long t = bits & top;
        return (t << 1) - (t >>> width - 1);
    }

    /** Elements with {@code a < b}, unsigned. */
    static long below(long a, long b, long top, int width) {
        return fill(~a & b | (~a | b) & sub(a, b, top), top, width);
    }

    /** Elements with {@code a > b}, signed. */
    static long greater(long a, long b, long top, int width) {
        return below(b ^ top, a ^ top, top, width);
    }

    /** Elements that are equal. */
    static long equal(long a, long b, long top, int width) {
        long different = a ^ b;
        return fill(~((different & ~top) + ~top | different), top, width);
    }

    private static long select(long mask, long yes, long no) {
        return yes & mask | no & ~mask;
    }

    static long minUnsigned(long a, long b, long top, int width) {
        return select(below(a, b, top, width), a, b);
    }

    static long maxUnsigned(long a, long b, long top, int width) {
        return select(below(a, b, top, width), b, a);
    }

    static long minSigned(long a, long b, long top, int width) {
        return select(greater(a, b, top, width), b, a);
    }

    static long maxSigned(long a, long b, long top, int width) {
        return select(greater(a, b, top, width), a, b);
    }

    /** Sum, at most the largest unsigned value. */
    static long addUnsignedSaturating(long a, long b, long top, int width) {
        long sum = add(a, b, top);
        return sum | fill(a & b | (a | b) & ~sum, top, width);
    }

    /** Difference, at least 0. */
    static long subUnsignedSaturating(long a, long b, long top, int width) {
        return sub(a, b, top) & ~below(a, b, top, width);
    }

    /** Largest signed value where {@code a} is not negative, smallest where it is. */
    private static long saturated(long a, long top, int width) {
        return ~top + ((a & top) >>> width - 1);
    }

    /** Sum within the signed range. */
    static long addSignedSaturating(long a, long b, long top, int width) {
        long sum = add(a, b, top);
        return select(fill(~(a ^ b) & (a ^ sum), top, width), saturated(a, top, width), sum);
    }

    /** Difference within the signed range. */
    static long subSignedSaturating(long a, long b, long top, int width) {
        long difference = sub(a, b, top);
        return select(fill((a ^ b) & (a ^ difference), top, width), saturated(a, top, width), difference);
    }

    /** {@code (a + b + 1) / 2}, unsigned. */
    static long average(long a, long b, long top) {
        return (a | b) - ((a ^ b) >>> 1 & ~top);
    }

    static long absolute(long a, long top, int width) {
        long negative = fill(a, top, width);
        return sub(a ^ negative, negative, top);
    }

    /** PSIGN: {@code a} where {@code b} is positive, 0 where it is 0, {@code -a} where it is negative. */
    static long sign(long a, long b, long top, int width) {
        long negative = fill(b, top, width);
        return sub(a ^ negative, negative, top) & ~equal(b, 0, top, width);
    }

    /** BLENDV: {@code b} where the top bit of {@code mask} is set, else {@code a}. */
    static long blend(long a, long b, long mask, long top, int width) {
        return select(fill(mask, top, width), b, a);
    }

    /** Each 16-bit element shifted left; {@code count} below 16. */
    static long shiftLeftW(long a, int count) {
        return a << count & 0x0001_0001_0001_0001L * (0xFFFF << count & 0xFFFF);
    }

    static long shiftRightW(long a, int count) {
        return a >>> count & 0x0001_0001_0001_0001L * (0xFFFF >>> count);
    }

    static long shiftRightSignedW(long a, int count) {
        long sign = 0x8000L >>> count;
        long shifted = shiftRightW(a, count);
        return sub(shifted ^ 0x0001_0001_0001_0001L * sign, 0x0001_0001_0001_0001L * sign, W);
    }

    static long shiftLeftD(long a, int count) {
        return pair((int) a << count, (int) (a >>> 32) << count);
    }

    static long shiftRightD(long a, int count) {
        return pair((int) a >>> count, (int) (a >>> 32) >>> count);
    }

    static long shiftRightSignedD(long a, int count) {
        return pair((int) a >> count, (int) (a >>> 32) >> count);
    }

    // ---- parts

    /** Two doublewords. */
    static long pair(int low, int high) {
        return low & LOW32 | (long) high << 32;
    }

    static int high(long a) {
        return (int) (a >>> 32);
    }

    /** Byte {@code i}, zero-extended. */
    static int byteAt(long a, int i) {
        return (int) (a >>> 8 * i) & 0xFF;
    }

    /** Word {@code i}, zero-extended. */
    static int wordAt(long a, int i) {
        return (int) (a >>> 16 * i) & 0xFFFF;
    }

    /** Word {@code i}, sign-extended. */
    static int shortAt(long a, int i) {
        return (short) (a >>> 16 * i);
    }

    /** Four words; bits above 16 are dropped. */
    static long words(int w0, int w1, int w2, int w3) {
        return w0 & 0xFFFF | (long) (w1 & 0xFFFF) << 16 | (long) (w2 & 0xFFFF) << 32 | (long) w3 << 48;
    }

    /** The low four bytes of {@code a}, each in a word of its own. */
    static long spreadB(long a) {
        long x = a & LOW32;
        x = (x | x << 16) & 0x0000_FFFF_0000_FFFFL;
        return (x | x << 8) & 0x00FF_00FF_00FF_00FFL;
    }

    /** The low two words of {@code a}, each in a doubleword of its own. */
    static long spreadW(long a) {
        return a & 0xFFFF | (a & 0xFFFF_0000L) << 16;
    }

    /** One bit per byte, its top bit. */
    static int topBitsB(long a) {
        return (int) (((a & B) >>> 7) * 0x0102_0408_1020_4080L >>> 56);
    }

    // ---- products

    static long multiplyLowW(long a, long b) {
        return words(
                wordAt(a, 0) * wordAt(b, 0),
                wordAt(a, 1) * wordAt(b, 1),
                wordAt(a, 2) * wordAt(b, 2),
                wordAt(a, 3) * wordAt(b, 3));
    }

    static long multiplyHighSignedW(long a, long b) {
        return words(
                shortAt(a, 0) * shortAt(b, 0) >> 16,
                shortAt(a, 1) * shortAt(b, 1) >> 16,
                shortAt(a, 2) * shortAt(b, 2) >> 16,
                shortAt(a, 3) * shortAt(b, 3) >> 16);
    }

    static long multiplyHighUnsignedW(long a, long b) {
        return words(
                wordAt(a, 0) * wordAt(b, 0) >>> 16,
                wordAt(a, 1) * wordAt(b, 1) >>> 16,
                wordAt(a, 2) * wordAt(b, 2) >>> 16,
                wordAt(a, 3) * wordAt(b, 3) >>> 16);
    }

    private static int scaled(int a, int b) {
        return (a * b >> 14) + 1 >> 1;
    }

    /** PMULHRSW. */
    static long multiplyHighRoundedW(long a, long b) {
        return words(
                scaled(shortAt(a, 0), shortAt(b, 0)),
                scaled(shortAt(a, 1), shortAt(b, 1)),
                scaled(shortAt(a, 2), shortAt(b, 2)),
                scaled(shortAt(a, 3), shortAt(b, 3)));
    }

    /** PMADDWD. */
    static long multiplyAddW(long a, long b) {
        return pair(
                shortAt(a, 0) * shortAt(b, 0) + shortAt(a, 1) * shortAt(b, 1),
                shortAt(a, 2) * shortAt(b, 2) + shortAt(a, 3) * shortAt(b, 3));
    }

    private static int mixedProducts(long a, long b, int i) {
        return saturate16(byteAt(a, i) * (byte) byteAt(b, i) + byteAt(a, i + 1) * (byte) byteAt(b, i + 1));
    }

    /** PMADDUBSW: unsigned bytes of {@code a} times signed ones of {@code b}. */
    static long multiplyAddB(long a, long b) {
        return words(mixedProducts(a, b, 0), mixedProducts(a, b, 2), mixedProducts(a, b, 4), mixedProducts(a, b, 6));
    }

    static long multiplyLowD(long a, long b) {
        return pair((int) a * (int) b, high(a) * high(b));
    }

    /** PSADBW of eight bytes. */
    static long sumOfDifferences(long a, long b) {
        long difference = sub(maxUnsigned(a, b, B, 8), minUnsigned(a, b, B, 8), B);
        long words = (difference & 0x00FF_00FF_00FF_00FFL) + (difference >>> 8 & 0x00FF_00FF_00FF_00FFL);
        return words * 0x0001_0001_0001_0001L >>> 48;
    }

    // ---- narrowing

    static int saturate16(int a) {
        return Math.clamp(a, -0x8000, 0x7FFF);
    }

    private static int toSigned8(int a) {
        return Math.clamp(a, -0x80, 0x7F) & 0xFF;
    }

    private static int toUnsigned8(int a) {
        return Math.clamp(a, 0, 0xFF);
    }

    /** Four signed words to four bytes in the low half, each within the signed range. */
    static long packSignedW(long a) {
        return (toSigned8(shortAt(a, 0))
                        | toSigned8(shortAt(a, 1)) << 8
                        | toSigned8(shortAt(a, 2)) << 16
                        | toSigned8(shortAt(a, 3)) << 24)
                & LOW32;
    }

    /** The same within the unsigned range. */
    static long packUnsignedW(long a) {
        return (toUnsigned8(shortAt(a, 0))
                        | toUnsigned8(shortAt(a, 1)) << 8
                        | toUnsigned8(shortAt(a, 2)) << 16
                        | toUnsigned8(shortAt(a, 3)) << 24)
                & LOW32;
    }

    /** Two signed doublewords to two words in the low half, each within the signed range. */
    static long packSignedD(long a) {
        return (saturate16((int) a) & 0xFFFF | saturate16(high(a)) << 16) & LOW32;
    }

    /** The same within the unsigned range. */
    static long packUnsignedD(long a) {
        return (Math.clamp((int) a, 0, 0xFFFF) | Math.clamp(high(a), 0, 0xFFFF) << 16) & LOW32;
    }
}
