package redoubt.cpu.insn;

import redoubt.cpu.Cpu;

/**
 * Multiplication and division: SDM vol. 2, "MUL", "IMUL", "DIV", "IDIV", "MULX". Flags the manual leaves undefined: the
 * multiplications set SF and PF by the low half of the product and clear AF, the divisions change none.
 */
public final class MulDiv {
    private static final long LOW32 = 0xFFFF_FFFFL;

    private MulDiv() {}

    /** CF = OF = {@code overflow}, the rest by the low half. */
    private static void flags(Cpu c, long low, boolean overflow) {
        c.fr = low;
        c.fx = overflow ? 1L << 63 : 0;
    }

    private static void setLow16(Cpu c, int register, int value) {
        c.r[register] = c.r[register] & ~0xFFFFL | value & 0xFFFF;
    }

    // ---- multiplication

    /** MUL: AX = AL * b. */
    public static void mul8(Cpu c, int b) {
        int product = ((int) c.r[0] & 0xFF) * b;
        setLow16(c, 0, product);
        flags(c, (byte) product, product >>> 8 != 0);
    }

    /** MUL, 16 bits. */
    public static void mul16(Cpu c, int b) {
        int product = ((int) c.r[0] & 0xFFFF) * b;
        setLow16(c, 0, product);
        setLow16(c, 2, product >>> 16);
        flags(c, (short) product, product >>> 16 != 0);
    }

    /** MUL, 32 bits. */
    public static void mul32(Cpu c, int b) {
        long product = (c.r[0] & LOW32) * (b & LOW32);
        c.r[0] = product & LOW32;
        c.r[2] = product >>> 32;
        flags(c, (int) product, product >>> 32 != 0);
    }

    /** MUL, 64 bits. */
    public static void mul64(Cpu c, long b) {
        long a = c.r[0];
        long high = Math.unsignedMultiplyHigh(a, b);
        c.r[0] = a * b;
        c.r[2] = high;
        flags(c, a * b, high != 0);
    }

    /** IMUL, one operand: AX = AL * b. */
    public static void imul8(Cpu c, int b) {
        int product = (byte) c.r[0] * (byte) b;
        setLow16(c, 0, product);
        flags(c, (byte) product, product != (byte) product);
    }

    /** IMUL, one operand, 16 bits. */
    public static void imul16(Cpu c, int b) {
        int product = (short) c.r[0] * (short) b;
        setLow16(c, 0, product);
        setLow16(c, 2, product >> 16);
        flags(c, (short) product, product != (short) product);
    }

    /** IMUL, one operand, 32 bits. */
    public static void imul32(Cpu c, int b) {
        long product = (long) (int) c.r[0] * b;
        c.r[0] = product & LOW32;
        c.r[2] = product >>> 32;
        flags(c, (int) product, product != (int) product);
    }

    /** IMUL, one operand, 64 bits. */
    public static void imul64(Cpu c, long b) {
        long a = c.r[0];
        long high = Math.multiplyHigh(a, b);
        c.r[0] = a * b;
        c.r[2] = high;
        flags(c, a * b, high != a * b >> 63);
    }

    /** IMUL with two or three operands: the product's low half. */
    public static int multiply16(Cpu c, int a, int b) {
        int product = (short) a * (short) b;
        flags(c, (short) product, product != (short) product);
        return product;
    }

    /** IMUL with two or three operands, 32 bits. */
    public static int multiply32(Cpu c, int a, int b) {
        long product = (long) a * b;
        flags(c, (int) product, product != (int) product);
        return (int) product;
    }

    /** IMUL with two or three operands, 64 bits. */
    public static long multiply64(Cpu c, long a, long b) {
        long low = a * b;
        flags(c, low, Math.multiplyHigh(a, b) != low >> 63);
        return low;
    }

    /** MULX: the high half is the first destination, the low half the second; no flags. */
    public static int mulx32(Cpu c, int b) {
        long product = (c.r[2] & LOW32) * (b & LOW32);
        c.out2 = product & LOW32;
        return (int) (product >>> 32);
    }

    /** MULX, 64 bits. */
    public static long mulx64(Cpu c, long b) {
        long a = c.r[2];
        c.out2 = a * b;
        return Math.unsignedMultiplyHigh(a, b);
    }

    // ---- division: #DE when the divisor is 0 or the quotient does not fit

    /** DIV: AL = AX / b, AH = the remainder. */
    public static void div8(Cpu c, int b) {
        int dividend = (int) c.r[0] & 0xFFFF;
        if (dividend >>> 8 >= b) {
            throw c.divideError();
        }
        setLow16(c, 0, dividend % b << 8 | dividend / b);
    }

    /** DIV, 16 bits: DX:AX. */
    public static void div16(Cpu c, int b) {
        int dividend = (int) c.r[2] << 16 | (int) c.r[0] & 0xFFFF;
        if (dividend >>> 16 >= b) {
            throw c.divideError();
        }
        setLow16(c, 0, Integer.divideUnsigned(dividend, b));
        setLow16(c, 2, Integer.remainderUnsigned(dividend, b));
    }

    /** DIV, 32 bits: EDX:EAX. */
    public static void div32(Cpu c, int b) {
        long divisor = b & LOW32;
        long high = c.r[2] & LOW32;
        if (high >= divisor) {
            throw c.divideError();
        }
        long dividend = high << 32 | c.r[0] & LOW32;
        long quotient = Long.divideUnsigned(dividend, divisor);
        c.r[0] = quotient;
        c.r[2] = dividend - quotient * divisor;
    }

    /** DIV, 64 bits: RDX:RAX. */
    public static void div64(Cpu c, long b) {
        long high = c.r[2];
        if (Long.compareUnsigned(high, b) >= 0) {
            throw c.divideError();
        }
        long low = c.r[0];
        long quotient = high == 0 ? Long.divideUnsigned(low, b) : divide128(high, low, b);
        c.r[0] = quotient;
        c.r[2] = low - quotient * b; // modulo 2^64 the high half drops out
    }

    /** IDIV: AL = AX / b, AH = the remainder. */
    public static void idiv8(Cpu c, int b) {
        int divisor = (byte) b;
        int dividend = (short) c.r[0];
        if (divisor == 0 || dividend / divisor != (byte) (dividend / divisor)) {
            throw c.divideError();
        }
        setLow16(c, 0, dividend % divisor << 8 | dividend / divisor & 0xFF);
    }

    /** IDIV, 16 bits: DX:AX. */
    public static void idiv16(Cpu c, int b) {
        long divisor = (short) b; // long, so that -2^31 / -1 is no special case
        long dividend = (long) (short) c.r[2] << 16 | c.r[0] & 0xFFFF;
        if (divisor == 0 || dividend / divisor != (short) (dividend / divisor)) {
            throw c.divideError();
        }
        setLow16(c, 0, (int) (dividend / divisor));
        setLow16(c, 2, (int) (dividend % divisor));
    }

    /** IDIV, 32 bits: EDX:EAX. */
    public static void idiv32(Cpu c, int b) {
        long dividend = c.r[2] << 32 | c.r[0] & LOW32;
        if (b == 0) {
            throw c.divideError();
        }
        long quotient = dividend / b;
        // -2^63 / -1 wraps to -2^63, which does not fit either
        if (quotient != (int) quotient) {
            throw c.divideError();
        }
        c.r[0] = quotient & LOW32;
        c.r[2] = dividend - quotient * b & LOW32;
    }

    /** IDIV, 64 bits: RDX:RAX. */
    public static void idiv64(Cpu c, long b) {
        long high = c.r[2];
        long low = c.r[0];
        long quotient;
        if (high == low >> 63 && b != 0) { // the dividend fits in 64 bits
            if (low == Long.MIN_VALUE && b == -1) {
                throw c.divideError();
            }
            quotient = low / b;
        } else {
            quotient = divideSigned128(c, high, low, b);
        }
        c.r[0] = quotient;
        c.r[2] = low - quotient * b;
    }

    private static long divideSigned128(Cpu c, long high, long low, long b) {
        long divisor = b < 0 ? -b : b;
        long magnitudeLow = high < 0 ? -low : low;
        long magnitudeHigh = high < 0 ? ~high + (low == 0 ? 1 : 0) : high;
        boolean negative = (high ^ b) < 0;
        if (Long.compareUnsigned(magnitudeHigh, divisor) >= 0) {
            throw c.divideError();
        }
        long quotient = divide128(magnitudeHigh, magnitudeLow, divisor);
        if (negative) {
            quotient = -quotient;
            if (quotient > 0) { // the magnitude was above 2^63
                throw c.divideError();
            }
        } else if (quotient < 0) {
            throw c.divideError();
        }
        return quotient;
    }

    /**
     * Unsigned quotient of {@code high:low} by {@code b}, given {@code high < b}: long division in base 2^32 with the
     * divisor normalised (Knuth, TAOCP vol. 2, section 4.3.1, algorithm D).
     */
    static long divide128(long high, long low, long b) {
        int shift = Long.numberOfLeadingZeros(b);
        long divisor = b << shift;
        long top = shift == 0 ? high : high << shift | low >>> 64 - shift;
        long bottom = low << shift;
        long upper = digit(top, bottom >>> 32, divisor);
        long rest = (top << 32 | bottom >>> 32) - upper * divisor; // below the divisor, so modulo 2^64 is exact
        long lower = digit(rest, bottom & LOW32, divisor);
        return upper << 32 | lower;
    }

    /** One quotient digit: (top * 2^32 + next) / divisor, the divisor's top bit set and above {@code top}. */
    private static long digit(long top, long next, long divisor) {
        long first = divisor >>> 32;
        long second = divisor & LOW32;
        long digit = Long.divideUnsigned(top, first);
        long rest = top - digit * first;
        while (digit > LOW32 || Long.compareUnsigned(digit * second, rest << 32 | next) > 0) {
            digit--;
            rest += first;
            if (rest > LOW32) {
                break;
            }
        }
        return digit;
    }
}
