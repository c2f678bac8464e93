package redoubt.x86;

import static redoubt.x86.F80Context.C2;
import static redoubt.x86.F80Context.ZE;

import java.math.BigInteger;

/**
 * The x87 transcendental instructions (SDM vol. 1, 8.3.6 to 8.3.10; vol. 2 for the tables of special operands).
 *
 * <p>Series are summed in 128-bit fixed point, so that the error before the last rounding is far below one unit of the
 * 64-bit result, whatever the operand. Like hardware, the trigonometric functions reduce their operand by the 66-bit
 * value of pi of SDM vol. 1, 8.3.8. Precision control does not apply; rounding control does.
 *
 * <p>Limitations: last bits can differ from a given processor's, which are within one unit too. Operands beyond the
 * ranges in which the manual defines F2XM1 are returned as they are.
 */
public final class F80Transcendental {
    /** pi * 2^64 without its fraction, bits 65:64. */
    private static final long PI66_HIGH = 3;
    /** pi * 2^64 without its fraction, bits 63:0. */
    private static final long PI66_LOW = 0x243F_6A88_85A3_08D3L;

    /** pi / 2 to 128 bits; its exponent is 0. */
    private static final long PI_HIGH = 0xC90F_DAA2_2168_C234L;

    private static final long PI_LOW = 0xC4C6_628B_80DC_1CD1L;
    /** ln 2, exponent -1. */
    private static final long LN2_HIGH = 0xB172_17F7_D1CF_79ABL;

    private static final long LN2_LOW = 0xC9E3_B398_03F2_F6AFL;
    /** 1 / ln 2, exponent 0. */
    private static final long LOG2E_HIGH = 0xB8AA_3B29_5C17_F0BBL;

    private static final long LOG2E_LOW = 0xBE87_FED0_691D_3E88L;
    /** The square root of 1/2, 64 bits. */
    private static final long SQRT_HALF = 0xB504_F333_F9DE_6484L;

    // Coefficients as fractions of 2^128, high and low half alternating.
    private static final long[] SINE = factorials(3, 2, 13); // 1/3!, 1/5!, ...
    private static final long[] COSINE = factorials(2, 2, 13); // 1/2!, 1/4!, ...
    private static final long[] EXPONENTIAL = factorials(2, 1, 25); // 1/2!, 1/3!, ...
    private static final long[] ODD_RECIPROCALS = oddReciprocals(18); // 1/3, 1/5, ...
    private static final int ARCTANGENT_TERMS = 9;
    private static final int LOGARITHM_TERMS = 18;
    /** atan(i / 32). */
    private static final long[] ARCTANGENTS = arctangents();

    private F80Transcendental() {}

    private static long[] factorials(int first, int step, int count) {
        long[] out = new long[2 * count];
        BigInteger factorial = BigInteger.ONE;
        int reached = 1;
        for (int i = 0; i < count; i++) {
            while (reached < first + i * step) {
                factorial = factorial.multiply(BigInteger.valueOf(++reached));
            }
            put(out, i, BigInteger.ONE.shiftLeft(128).divide(factorial));
        }
        return out;
    }

    private static long[] oddReciprocals(int count) {
        long[] out = new long[2 * count];
        for (int i = 0; i < count; i++) {
            put(out, i, BigInteger.ONE.shiftLeft(128).divide(BigInteger.valueOf(2L * i + 3)));
        }
        return out;
    }

    /** From one to the next by atan((i + 1) / 32) - atan(i / 32) = atan(32 / (1024 + i * (i + 1))). */
    private static long[] arctangents() {
        long[] out = new long[2 * 32];
        BigInteger sum = BigInteger.ZERO;
        for (int i = 0; i < 32; i++) {
            put(out, i, sum.shiftRight(32));
            BigInteger divisor = BigInteger.valueOf(1024L + (long) i * (i + 1));
            BigInteger power = BigInteger.ONE.shiftLeft(160 + 5).divide(divisor);
            for (int k = 1; power.signum() != 0; k += 2) {
                BigInteger term = power.divide(BigInteger.valueOf(k));
                sum = (k & 2) == 0 ? sum.add(term) : sum.subtract(term);
                power = power.shiftLeft(10).divide(divisor.multiply(divisor));
            }
        }
        return out;
    }

    private static void put(long[] out, int index, BigInteger value) {
        out[2 * index] = value.shiftRight(64).longValue();
        out[2 * index + 1] = value.longValue();
    }

    // ---- trigonometric functions ----------------------------------------------------------------------------------

    /** FSIN. C2 and an unchanged operand, if its magnitude is 2^63 or more. */
    public static void sin(int ase, long asig, F80Context c) {
        if (trigonometric(ase, asig, c)) {
            return;
        }
        if (asig == 0) {
            c.result(ase, 0);
            return;
        }
        int quadrant = reduce(ase, asig, c);
        sineOrCosine(ase & F80.SIGN, quadrant, c.exponent, c.hi, c.lo, c);
    }

    /** FCOS. C2 and an unchanged operand, if its magnitude is 2^63 or more. */
    public static void cos(int ase, long asig, F80Context c) {
        if (trigonometric(ase, asig, c)) {
            return;
        }
        if (asig == 0) {
            c.result(F80.BIAS, F80.INTEGER);
            return;
        }
        int quadrant = reduce(ase, asig, c);
        sineOrCosine(0, quadrant + 1, c.exponent, c.hi, c.lo, c);
    }

    /**
     * FSINCOS: the sine in {@link F80Context#se} and sig (it replaces ST(0)), the cosine in se2 and sig2 (it is pushed,
     * unless C2 is set).
     */
    public static void sincos(int ase, long asig, F80Context c) {
        if (trigonometric(ase, asig, c)) {
            c.se2 = c.se;
            c.sig2 = c.sig;
            return;
        }
        if (asig == 0) {
            c.result(ase, 0);
            c.se2 = F80.BIAS;
            c.sig2 = F80.INTEGER;
            return;
        }
        int quadrant = reduce(ase, asig, c);
        int exponent = c.exponent;
        long hi = c.hi;
        long lo = c.lo;
        sineOrCosine(0, quadrant + 1, exponent, hi, lo, c);
        c.se2 = c.se;
        c.sig2 = c.sig;
        sineOrCosine(ase & F80.SIGN, quadrant, exponent, hi, lo, c);
    }

    /** FPTAN: the tangent in {@link F80Context#se} and sig; 1.0, in se2 and sig2, is pushed, unless C2 is set. */
    public static void tan(int ase, long asig, F80Context c) {
        if (trigonometric(ase, asig, c)) {
            c.se2 = c.se;
            c.sig2 = c.sig;
            return;
        }
        c.se2 = F80.BIAS;
        c.sig2 = F80.INTEGER;
        if (asig == 0) {
            c.result(ase, 0);
            return;
        }
        int quadrant = reduce(ase, asig, c);
        int sign = ase & F80.SIGN ^ (quadrant & QUADRANT_NEGATIVE) << 15 - 8;
        int exponent = c.exponent;
        long hi = c.hi;
        long lo = c.lo;
        if (exponent < -62 && (quadrant & 1) == 0) {
            F80.pack(sign, exponent, hi, lo | 1, 0, c); // above r by less than can be computed below
            return;
        }
        sine(exponent, hi, lo, c);
        int sineExponent = c.exponent;
        long sineHigh = c.hi;
        long sineLow = c.lo;
        cosine(exponent, hi, lo, c);
        if ((quadrant & 1) == 0) {
            divide(sineExponent, sineHigh, sineLow, c.exponent, c.hi, c.lo, c);
        } else {
            sign ^= F80.SIGN;
            divide(c.exponent, c.hi, c.lo, sineExponent, sineHigh, sineLow, c);
        }
        F80.pack(sign, c.exponent, c.hi, c.lo | 1, 0, c);
    }

    /** Starts an operation; true if the operand was special and everything is done. */
    private static boolean trigonometric(int ase, long asig, F80Context c) {
        c.begin();
        if (F80.chooseNan(ase, asig, ase, asig, c)) {
            return true;
        }
        if (F80.isInfinite(ase, asig)) {
            F80.invalid(c);
            return true;
        }
        if (F80.denormalStops(ase, asig, 0, 0, c)) {
            return true;
        }
        if (asig != 0 && F80.exponent(ase, asig) >= 63) {
            c.codes = C2;
            c.result(ase, asig);
            return true;
        }
        return false;
    }

    /** In what {@link #reduce} returns: the remainder has the sign opposite to the operand's. */
    private static final int QUADRANT_NEGATIVE = 1 << 8;

    /**
     * The operand's magnitude less the nearest multiple of pi / 2, as a magnitude in hi, lo and exponent.
     *
     * @return that multiple modulo 4, and {@link #QUADRANT_NEGATIVE} if the remainder was negative
     */
    private static int reduce(int ase, long asig, F80Context c) {
        int exponent = F80.exponent(ase, asig);
        long significand = F80.significand(ase, asig);
        if (exponent < -1) {
            c.exponent = exponent;
            c.hi = significand;
            c.lo = 0;
            return 0;
        }
        // In units of 2^-65, in which pi / 2 is the integer PI66: a long division, one bit at a time.
        long high = 0;
        long low = significand;
        int quotient = 0;
        for (int i = exponent + 2; i > 0; i--) {
            high = high << 1 | low >>> 63;
            low <<= 1;
            quotient <<= 1;
            if (high > PI66_HIGH || high == PI66_HIGH && Long.compareUnsigned(low, PI66_LOW) >= 0) {
                high -= PI66_HIGH + (Long.compareUnsigned(low, PI66_LOW) < 0 ? 1 : 0);
                low -= PI66_LOW;
                quotient |= 1;
            }
        }
        int negative = 0;
        long twice = high << 1 | low >>> 63;
        if (twice > PI66_HIGH || twice == PI66_HIGH && Long.compareUnsigned(low << 1, PI66_LOW) > 0) {
            high = PI66_HIGH - high - (Long.compareUnsigned(PI66_LOW, low) < 0 ? 1 : 0);
            low = PI66_LOW - low;
            quotient++;
            negative = QUADRANT_NEGATIVE;
        }
        c.exponent = 62;
        c.hi = high;
        c.lo = low;
        normalize(c);
        return quotient & 3 | negative;
    }

    /**
     * Sine of (quadrant * pi / 2 + remainder), as the result.
     *
     * @param sign the operand's, by which the sine changes; 0 for a cosine, which is the sine one quadrant later
     */
    private static void sineOrCosine(int sign, int quadrant, int exponent, long hi, long lo, F80Context c) {
        if ((quadrant & 1) == 0) {
            sign ^= (quadrant & QUADRANT_NEGATIVE) << 15 - 8;
            sine(exponent, hi, lo, c);
        } else {
            cosine(exponent, hi, lo, c);
        }
        sign ^= (quadrant & 2) << 14;
        F80.pack(sign, c.exponent, c.hi, c.lo | 1, 0, c);
    }

    /** r - r * (r^2 / 3! - r^4 / 5! + ...), for r below 1. */
    private static void sine(int exponent, long hi, long lo, F80Context c) {
        square(exponent, hi, lo, c);
        series(SINE, SINE.length / 2, true, c.hi, c.lo, c);
        lessProduct(exponent, hi, lo, c);
    }

    /** 1 - (r^2 / 2! - r^4 / 4! + ...), for r below 1. */
    private static void cosine(int exponent, long hi, long lo, F80Context c) {
        square(exponent, hi, lo, c);
        series(COSINE, COSINE.length / 2, true, c.hi, c.lo, c);
        // 1 - t in units of 2^-128; below 1 even if t is too small to be seen.
        long low = -(c.lo | 1);
        c.hi = ~c.hi;
        c.lo = low;
        c.exponent = -1;
        normalize(c);
    }

    // ---- arctangent -----------------------------------------------------------------------------------------------

    /** FPATAN: the angle of (x, y), x being ST(0) and y being ST(1). */
    public static void patan(int xse, long xsig, int yse, long ysig, F80Context c) {
        c.begin();
        if (F80.chooseNan(xse, xsig, yse, ysig, c) || F80.denormalStops(xse, xsig, yse, ysig, c)) {
            return;
        }
        int sign = yse & F80.SIGN;
        boolean left = (xse & F80.SIGN) != 0;
        boolean xInfinite = F80.isInfinite(xse, xsig);
        boolean yInfinite = F80.isInfinite(yse, ysig);
        if (xInfinite && yInfinite) {
            if (left) {
                F80.pack(sign, 1, 0x96CB_E3F9_990E_91A7L, 0x9394_C9E8_A0A5_159DL, 0, c); // 3 pi / 4
            } else {
                F80.pack(sign, -1, PI_HIGH, PI_LOW, 0, c);
            }
            return;
        }
        if (xInfinite || ysig == 0) {
            if (left) {
                F80.pack(sign, 1, PI_HIGH, PI_LOW, 0, c);
            } else {
                c.result(sign, 0);
            }
            return;
        }
        if (yInfinite || xsig == 0) {
            F80.pack(sign, 0, PI_HIGH, PI_LOW, 0, c);
            return;
        }
        int xe = F80.exponent(xse, xsig);
        int ye = F80.exponent(yse, ysig);
        long x = F80.significand(xse, xsig);
        long y = F80.significand(yse, ysig);
        boolean steep = ye > xe || ye == xe && Long.compareUnsigned(y, x) > 0;
        if (steep) {
            divide(xe, x, 0, ye, y, 0, c);
        } else {
            divide(ye, y, 0, xe, x, 0, c);
        }
        arctangent(c.exponent, c.hi, c.lo, c);
        if (!steep && !left) {
            F80.packWide(sign, c.exponent, c.hi, c.lo | 1, 0, c);
            return;
        }
        // pi - a, pi / 2 - a or pi / 2 + a, at the scale of numbers below 4.
        F80.shiftRight(c.hi, c.lo, 1 - c.exponent, c);
        long high = steep ? PI_HIGH >>> 1 : PI_HIGH;
        long low = steep ? PI_HIGH << 63 | PI_LOW >>> 1 : PI_LOW;
        if (steep && left) {
            long sum = low + c.lo;
            high += c.hi + (Long.compareUnsigned(sum, low) < 0 ? 1 : 0);
            low = sum;
        } else {
            high -= c.hi + (Long.compareUnsigned(low, c.lo) < 0 ? 1 : 0);
            low -= c.lo;
        }
        F80.packWide(sign, 1, high, low | 1, 0, c);
    }

    /** Of a number of at most 1. */
    private static void arctangent(int exponent, long hi, long lo, F80Context c) {
        if (exponent == 0) {
            c.exponent = -1; // of 1
            c.hi = PI_HIGH;
            c.lo = PI_LOW;
            return;
        }
        int entry = 0;
        if (exponent >= -5) {
            // atan(q) = atan(p) + atan((q - p) / (1 + p * q)) with p = entry / 32.
            fixed(exponent, hi, lo, c);
            long high = c.hi;
            long low = c.lo;
            entry = (int) (high >>> 59);
            multiply(high, low, (long) entry << 59, 0, c);
            long divisorHigh = F80.INTEGER | c.hi >>> 1;
            long divisorLow = c.hi << 63 | c.lo >>> 1;
            c.hi = high << 5 >>> 5;
            c.lo = low;
            c.exponent = -1;
            if ((c.hi | c.lo) == 0) {
                c.hi = ARCTANGENTS[2 * entry];
                c.lo = ARCTANGENTS[2 * entry + 1];
                normalize(c);
                return;
            }
            normalize(c);
            divide(c.exponent, c.hi, c.lo, 0, divisorHigh, divisorLow, c);
            exponent = c.exponent;
            hi = c.hi;
            lo = c.lo;
        }
        square(exponent, hi, lo, c);
        series(ODD_RECIPROCALS, ARCTANGENT_TERMS, true, c.hi, c.lo, c);
        lessProduct(exponent, hi, lo, c);
        if (entry > 0) {
            fixed(c.exponent, c.hi, c.lo, c);
            long sum = c.lo + ARCTANGENTS[2 * entry + 1];
            c.hi += ARCTANGENTS[2 * entry] + (Long.compareUnsigned(sum, c.lo) < 0 ? 1 : 0);
            c.lo = sum;
            c.exponent = -1;
            normalize(c);
        }
    }

    // ---- exponential and logarithms -------------------------------------------------------------------------------

    /** F2XM1: 2^x - 1 for x from -1 to 1. */
    public static void exp2Minus1(int ase, long asig, F80Context c) {
        c.begin();
        if (F80.chooseNan(ase, asig, ase, asig, c)) {
            return;
        }
        int sign = ase & F80.SIGN;
        if (F80.isInfinite(ase, asig)) {
            c.result(sign == 0 ? ase : F80.SIGN | F80.BIAS, F80.INTEGER);
            return;
        }
        if (asig == 0) {
            c.result(ase, 0);
            return;
        }
        if (F80.denormalStops(ase, asig, 0, 0, c)) {
            return;
        }
        int exponent = F80.exponent(ase, asig);
        if (exponent >= 0) {
            boolean minusOne = sign != 0 && exponent == 0 && asig == F80.INTEGER;
            c.result(minusOne ? F80.SIGN | F80.BIAS - 1 : ase, asig);
            return;
        }
        // y = x * ln 2; then y ± y * (y / 2! ± y^2 / 3! + ...).
        multiply(F80.significand(ase, asig), 0, LN2_HIGH, LN2_LOW, c);
        c.exponent = exponent;
        normalize(c);
        int scale = c.exponent;
        long hi = c.hi;
        long lo = c.lo;
        fixed(scale, hi, lo, c);
        boolean negative = sign != 0;
        series(EXPONENTIAL, EXPONENTIAL.length / 2, negative, c.hi, c.lo, c);
        if (negative) {
            lessProduct(scale, hi, lo, c);
        } else {
            plusProduct(scale, hi, lo, c);
        }
        F80.packWide(sign, c.exponent, c.hi, c.lo | 1, 0, c);
    }

    /** FYL2X: y * log2(x), x being ST(0) and y being ST(1). */
    public static void yLog2(int xse, long xsig, int yse, long ysig, F80Context c) {
        c.begin();
        if (F80.chooseNan(xse, xsig, yse, ysig, c)) {
            return;
        }
        int sign = yse & F80.SIGN;
        boolean yInfinite = F80.isInfinite(yse, ysig);
        boolean one = xse == F80.BIAS && xsig == F80.INTEGER;
        if (xsig != 0 && (xse & F80.SIGN) != 0
                || ysig == 0 && (xsig == 0 || F80.isInfinite(xse, xsig))
                || yInfinite && one) {
            F80.invalid(c);
            return;
        }
        if (xsig == 0) {
            if (!yInfinite) {
                c.flags |= ZE;
            }
            c.result((sign ^ F80.SIGN) | F80.MAX_FIELD, F80.INTEGER);
            return;
        }
        if (F80.denormalStops(xse, xsig, yse, ysig, c)) {
            return;
        }
        if (F80.isInfinite(xse, xsig)) {
            c.result(sign | F80.MAX_FIELD, F80.INTEGER);
            return;
        }
        boolean below = F80.exponent(xse, xsig) < 0;
        if (yInfinite) {
            c.result((below ? sign ^ F80.SIGN : sign) | F80.MAX_FIELD, F80.INTEGER);
            return;
        }
        if (ysig == 0 || one) {
            c.result(below ? sign ^ F80.SIGN : sign, 0);
            return;
        }
        int negative = log2(F80.exponent(xse, xsig), F80.significand(xse, xsig), 0, c);
        finishProduct(sign ^ negative, yse, ysig, c);
    }

    /** FYL2XP1: y * log2(x + 1), x being ST(0) and y being ST(1). */
    public static void yLog2Plus1(int xse, long xsig, int yse, long ysig, F80Context c) {
        c.begin();
        if (F80.chooseNan(xse, xsig, yse, ysig, c)) {
            return;
        }
        int sign = (xse ^ yse) & F80.SIGN;
        boolean negative = (xse & F80.SIGN) != 0;
        boolean xInfinite = F80.isInfinite(xse, xsig);
        boolean yInfinite = F80.isInfinite(yse, ysig);
        int exponent = xsig == 0 || xInfinite ? 0 : F80.exponent(xse, xsig);
        if (xsig == 0 && yInfinite || xInfinite && (negative || ysig == 0) || negative && xsig != 0 && exponent >= 0) {
            F80.invalid(c);
            return;
        }
        if (F80.denormalStops(xse, xsig, yse, ysig, c)) {
            return;
        }
        if (xInfinite || yInfinite) {
            c.result(sign | F80.MAX_FIELD, F80.INTEGER);
            return;
        }
        if (xsig == 0 || ysig == 0) {
            c.result(sign, 0);
            return;
        }
        long x = F80.significand(xse, xsig);
        if (exponent < -2) {
            // s = x / (2 + x), the divisor at the scale of numbers below 4.
            F80.shiftRight(x, 0, 1 - exponent, c);
            long high = F80.INTEGER;
            long low = 0;
            if (negative) {
                high -= c.hi + (c.lo != 0 ? 1 : 0);
                low = -c.lo;
            } else {
                high += c.hi;
                low = c.lo;
            }
            int divisorExponent = 1;
            if (high >= 0) {
                high = high << 1 | low >>> 63;
                low <<= 1;
                divisorExponent = 0;
            }
            divide(exponent, x, 0, divisorExponent, high, low, c);
            logarithmFromQuotient(c);
        } else if (negative) {
            // 1 - |x|, exact in 128 bits.
            F80.shiftRight(x, 0, -1 - exponent, c);
            c.hi = -c.hi - (c.lo != 0 ? 1 : 0);
            c.lo = -c.lo;
            c.exponent = -1;
            normalize(c);
            log2(c.exponent, c.hi, c.lo, c);
        } else {
            int scale = Math.max(exponent, 0) + 1;
            F80.shiftRight(x, 0, scale - exponent, c);
            long high = c.hi;
            long low = c.lo;
            F80.shiftRight(F80.INTEGER, 0, scale, c);
            long sum = low + c.lo;
            c.hi += high + (Long.compareUnsigned(sum, low) < 0 ? 1 : 0);
            c.lo = sum;
            c.exponent = scale;
            normalize(c);
            log2(c.exponent, c.hi, c.lo, c);
        }
        finishProduct(sign, yse, ysig, c);
    }

    /** The working number times |y|, as the result; inexact even if x is a power of two, as on hardware. */
    private static void finishProduct(int sign, int yse, long ysig, F80Context c) {
        int exponent = c.exponent + F80.exponent(yse, ysig) + 1;
        multiply(c.hi, c.lo, F80.significand(yse, ysig), 0, c);
        F80.packWide(sign, exponent, c.hi, c.lo, 0, c);
        c.flags |= F80Context.PE | ((c.se & F80.MAX_FIELD) == 0 ? F80Context.UE : 0);
    }

    /**
     * Magnitude of the binary logarithm of a number other than 1, as the working number.
     *
     * @return its sign
     */
    private static int log2(int exponent, long hi, long lo, F80Context c) {
        // x = 2^whole * m with m from sqrt(1/2) to sqrt(2); s = (m - 1) / (m + 1).
        int whole = exponent;
        boolean below = Long.compareUnsigned(hi, SQRT_HALF) > 0;
        long high;
        long low;
        if (below) {
            whole++;
            high = -hi - (lo != 0 ? 1 : 0);
            low = -lo;
        } else {
            high = hi - F80.INTEGER;
            low = lo;
        }
        if ((high | low) == 0) {
            c.exponent = 63;
            c.hi = Math.abs(whole);
            c.lo = 0;
            normalize(c);
            return whole < 0 ? F80.SIGN : 0;
        }
        // m + 1, from 1.7 to 2.5: at the scale of numbers below 4.
        long divisorHigh = F80.INTEGER >>> 1;
        long divisorLow;
        if (below) {
            divisorHigh += hi >>> 2;
            divisorLow = hi << 62 | lo >>> 2;
        } else {
            divisorHigh += hi >>> 1;
            divisorLow = hi << 63 | lo >>> 1;
        }
        int divisorExponent = 1;
        if (divisorHigh >= 0) {
            divisorHigh = divisorHigh << 1 | divisorLow >>> 63;
            divisorLow <<= 1;
            divisorExponent = 0;
        }
        c.hi = high;
        c.lo = low;
        c.exponent = below ? -1 : 0;
        normalize(c);
        divide(c.exponent, c.hi, c.lo, divisorExponent, divisorHigh, divisorLow, c);
        logarithmFromQuotient(c);
        if (whole == 0) {
            return below ? F80.SIGN : 0;
        }
        // whole ± what is at most 1/2, at the scale of numbers below 2^16.
        F80.shiftRight(c.hi, c.lo, 15 - c.exponent, c);
        high = (long) Math.abs(whole) << 48;
        if (below == whole < 0) {
            high += c.hi;
            low = c.lo;
        } else {
            high -= c.hi + (c.lo != 0 ? 1 : 0);
            low = -c.lo;
        }
        c.hi = high;
        c.lo = low;
        c.exponent = 15;
        normalize(c);
        return whole < 0 ? F80.SIGN : 0;
    }

    /** 2 / ln 2 * atanh(s) of the working number s: s + s * (s^2 / 3 + s^4 / 5 + ...). */
    private static void logarithmFromQuotient(F80Context c) {
        int exponent = c.exponent;
        long hi = c.hi;
        long lo = c.lo;
        square(exponent, hi, lo, c);
        series(ODD_RECIPROCALS, LOGARITHM_TERMS, false, c.hi, c.lo, c);
        plusProduct(exponent, hi, lo, c);
        exponent = c.exponent;
        multiply(c.hi, c.lo, LOG2E_HIGH, LOG2E_LOW, c);
        c.exponent = exponent + 2;
        normalize(c);
    }

    // ---- 128-bit steps --------------------------------------------------------------------------------------------

    /** Upper half of the product of two 128-bit numbers, but for a few units of its last place. */
    private static void multiply(long ahi, long alo, long bhi, long blo, F80Context c) {
        long high = Math.unsignedMultiplyHigh(ahi, bhi);
        long low = ahi * bhi;
        long cross = Math.unsignedMultiplyHigh(ahi, blo);
        low += cross;
        high += Long.compareUnsigned(low, cross) < 0 ? 1 : 0;
        cross = Math.unsignedMultiplyHigh(alo, bhi);
        low += cross;
        high += Long.compareUnsigned(low, cross) < 0 ? 1 : 0;
        c.hi = high;
        c.lo = low;
    }

    /** A number below 1 as a fraction of 2^128. */
    private static void fixed(int exponent, long hi, long lo, F80Context c) {
        F80.shiftRight(hi, lo, -1 - exponent, c);
    }

    /** The square of a number below 1, as a fraction of 2^128. */
    private static void square(int exponent, long hi, long lo, F80Context c) {
        fixed(exponent, hi, lo, c);
        multiply(c.hi, c.lo, c.hi, c.lo, c);
    }

    /** z * (k[0] ± z * (k[1] ± z * ...)) in fractions of 2^128; minus if {@code alternating}. */
    private static void series(long[] k, int terms, boolean alternating, long zhi, long zlo, F80Context c) {
        long high = k[2 * terms - 2];
        long low = k[2 * terms - 1];
        for (int i = terms - 2; i >= 0; i--) {
            multiply(high, low, zhi, zlo, c);
            long termHigh = k[2 * i];
            long termLow = k[2 * i + 1];
            if (alternating) {
                high = termHigh - c.hi - (Long.compareUnsigned(termLow, c.lo) < 0 ? 1 : 0);
                low = termLow - c.lo;
            } else {
                low = termLow + c.lo;
                high = termHigh + c.hi + (Long.compareUnsigned(low, termLow) < 0 ? 1 : 0);
            }
        }
        multiply(high, low, zhi, zlo, c);
    }

    /** {@code n - n * f}, f being the fraction in c, as the working number; below n even if f is too small to be seen. */
    private static void lessProduct(int exponent, long hi, long lo, F80Context c) {
        multiply(hi, lo, c.hi, c.lo, c);
        long take = c.lo | 1;
        long high = hi - c.hi - (Long.compareUnsigned(lo, take) < 0 ? 1 : 0);
        c.lo = lo - take;
        c.hi = high;
        c.exponent = exponent;
        normalize(c);
    }

    /** {@code n + n * f}, f being the fraction in c, as the working number. */
    private static void plusProduct(int exponent, long hi, long lo, F80Context c) {
        multiply(hi, lo, c.hi, c.lo, c);
        long low = (lo >>> 1 | hi << 63) + (c.lo >>> 1 | c.hi << 63);
        long carry = Long.compareUnsigned(low, lo >>> 1 | hi << 63) < 0 ? 1 : 0;
        c.hi = (hi >>> 1) + (c.hi >>> 1) + carry;
        c.lo = low | 1;
        c.exponent = exponent + 1;
        normalize(c);
    }

    /** Quotient of two numbers whose top bits are set, as the working number. */
    private static void divide(int ne, long nhi, long nlo, int de, long dhi, long dlo, F80Context c) {
        int exponent = ne - de;
        int order = Long.compareUnsigned(nhi, dhi);
        boolean below = order < 0 || order == 0 && Long.compareUnsigned(nlo, dlo) < 0;
        long high = 0;
        long low = 0;
        boolean carry = false;
        if (below) {
            exponent--;
            carry = nhi < 0;
            nhi = nhi << 1 | nlo >>> 63;
            nlo <<= 1;
        }
        for (int i = 0; i < 128; i++) {
            high = high << 1 | low >>> 63;
            low <<= 1;
            order = Long.compareUnsigned(nhi, dhi);
            if (carry || order > 0 || order == 0 && Long.compareUnsigned(nlo, dlo) >= 0) {
                nhi -= dhi + (Long.compareUnsigned(nlo, dlo) < 0 ? 1 : 0);
                nlo -= dlo;
                low |= 1;
            }
            carry = nhi < 0;
            nhi = nhi << 1 | nlo >>> 63;
            nlo <<= 1;
        }
        c.hi = high;
        c.lo = low | ((nhi | nlo) != 0 || carry ? 1 : 0);
        c.exponent = exponent;
    }

    /** Shifts the working number, which is not zero, until its top bit is set. */
    private static void normalize(F80Context c) {
        if (c.hi == 0) {
            c.hi = c.lo;
            c.lo = 0;
            c.exponent -= 64;
        }
        int shift = Long.numberOfLeadingZeros(c.hi);
        if (shift > 0) {
            c.hi = c.hi << shift | c.lo >>> -shift;
            c.lo <<= shift;
            c.exponent -= shift;
        }
    }
}
