package redoubt.x86;

/** Unsigned 128-bit steps on pairs of {@code long}, for significands that do not fit in 64 bits. */
final class WideInteger {
    private WideInteger() {}

    /**
     * Quotient of {@code hi:lo} by {@code divisor}, whose top bit must be set; {@code hi} must be below it, so that the
     * quotient fits. The remainder is {@code lo - quotient * divisor}, modulo 2^64. Two digits of 32 bits (Knuth, TAOCP
     * vol. 2, 4.3.1, algorithm D).
     */
    static long divide(long hi, long lo, long divisor) {
        long high = digit(hi, lo >>> 32, divisor);
        long rest = (hi << 32 | lo >>> 32) - high * divisor;
        return high << 32 | digit(rest, lo & 0xFFFF_FFFFL, divisor);
    }

    /** One 32-bit digit of the quotient of {@code hi * 2^32 + next} by {@code divisor}. */
    private static long digit(long hi, long next, long divisor) {
        long top = divisor >>> 32;
        long bottom = divisor & 0xFFFF_FFFFL;
        long guess = Long.divideUnsigned(hi, top);
        long rest = hi - guess * top;
        while (guess >>> 32 != 0 || Long.compareUnsigned(guess * bottom, rest << 32 | next) > 0) {
            guess--;
            rest += top;
            if (rest >>> 32 != 0) {
                break;
            }
        }
        return guess;
    }

    /** {@code value} shifted right by {@code count >= 0}, the bits lost being kept as one in bit 0. */
    static long shiftRightJam(long value, int count) {
        if (count == 0) {
            return value;
        }
        if (count > 63) {
            return value == 0 ? 0 : 1;
        }
        return value >>> count | (value << -count == 0 ? 0 : 1);
    }
}
