package redoubt.x86;

import static redoubt.x86.F80Context.DE;
import static redoubt.x86.F80Context.IE;
import static redoubt.x86.F80Context.OE;
import static redoubt.x86.F80Context.PE;
import static redoubt.x86.F80Context.UE;

/**
 * Conversions between the x87 register format and what is in memory: float32, float64, integers, packed decimal (SDM
 * vol. 1, 4.2, 4.7 and 8.5).
 *
 * <p>Loads leave their result in the {@link F80Context}, stores return it. A store whose exception is unmasked
 * ({@link F80Context#storeSuppressed()}) writes nothing.
 */
public final class F80Convert {
    /** Packed decimal indefinite, bits 79:64 (SDM vol. 1, table 4-4). */
    private static final int BCD_INDEFINITE_HIGH = 0xFFFF;

    private static final long BCD_INDEFINITE_LOW = 0xC000_0000_0000_0000L;
    private static final long MAX_BCD = 999_999_999_999_999_999L;

    /** Rounding mode of FISTTP. */
    private static final int TRUNCATE = 3;

    private F80Convert() {}

    // ---- loads ----------------------------------------------------------------------------------------------------

    /**
     * A float32 as an operand of FADD and the like: exact, an SNaN stays one, and that it was denormal is remembered for
     * the operation that follows.
     */
    public static void widen32(int bits, F80Context c) {
        int sign = bits >>> 16 & F80.SIGN;
        int field = bits >>> 23 & 0xFF;
        long fraction = (long) (bits & 0x7F_FFFF) << 40;
        widen(sign, field, fraction, 0xFF, 127, c);
    }

    /** {@link #widen32} for a float64. */
    public static void widen64(long bits, F80Context c) {
        int sign = (int) (bits >>> 48) & F80.SIGN;
        int field = (int) (bits >>> 52) & 0x7FF;
        long fraction = bits << 12 >>> 1;
        widen(sign, field, fraction, 0x7FF, 1023, c);
    }

    private static void widen(int sign, int field, long fraction, int maxField, int bias, F80Context c) {
        c.begin();
        c.denormalOperand = false;
        if (field == maxField) {
            c.result(sign | F80.MAX_FIELD, F80.INTEGER | fraction);
        } else if (field != 0) {
            c.result(sign | field - bias + F80.BIAS, F80.INTEGER | fraction);
        } else if (fraction == 0) {
            c.result(sign, 0);
        } else {
            int shift = Long.numberOfLeadingZeros(fraction);
            c.result(sign | 1 - bias - shift + F80.BIAS, fraction << shift);
            c.denormalOperand = true;
        }
    }

    /** FLD m32fp. */
    public static void load32(int bits, F80Context c) {
        widen32(bits, c);
        finishLoad(c);
    }

    /** FLD m64fp. */
    public static void load64(long bits, F80Context c) {
        widen64(bits, c);
        finishLoad(c);
    }

    private static void finishLoad(F80Context c) {
        if (c.denormalOperand) {
            c.denormalOperand = false;
            c.flags |= DE;
        } else if (F80.isInvalid(c.se, c.sig)) {
            c.flags |= IE;
            c.sig |= F80.QUIET;
        }
    }

    /** FILD, and the operand of FIADD and the like, from 16, 32 or 64 bits: exact. */
    public static void loadInteger(long value, F80Context c) {
        c.begin();
        c.denormalOperand = false;
        integerResult(value, c);
    }

    static void integerResult(long value, F80Context c) {
        if (value == 0) {
            c.result(0, 0);
            return;
        }
        long magnitude = Math.abs(value);
        int shift = Long.numberOfLeadingZeros(magnitude);
        c.result((value < 0 ? F80.SIGN : 0) | F80.BIAS + 63 - shift, magnitude << shift);
    }

    /**
     * FBLD: 18 packed decimal digits in {@code low} and bits 7:0 of {@code high}, the sign in its bit 15. Digits above 9
     * are counted as they stand.
     */
    public static void loadBcd(int high, long low, F80Context c) {
        c.begin();
        long value = (high >>> 4 & 0xF) * 10L + (high & 0xF);
        for (int shift = 60; shift >= 0; shift -= 4) {
            value = value * 10 + (low >>> shift & 0xF);
        }
        integerResult(value, c);
        c.se |= high & F80.SIGN;
    }

    // ---- stores ---------------------------------------------------------------------------------------------------

    /** FST m32fp. */
    public static int store32(int se, long sig, F80Context c) {
        return (int) store(se, sig, 24, 127, c);
    }

    /** FST m64fp. */
    public static long store64(int se, long sig, F80Context c) {
        return store(se, sig, 53, 1023, c);
    }

    private static long store(int se, long sig, int precision, int bias, F80Context c) {
        c.begin();
        int drop = 64 - precision;
        boolean negative = (se & F80.SIGN) != 0;
        long sign = negative ? 1L << (precision == 24 ? 31 : 63) : 0;
        long infinity = (2L * bias + 1) << precision - 1;
        if (F80.isUnsupported(se, sig)) {
            c.flags |= IE;
            return 1L << (precision == 24 ? 31 : 63) | infinity | 1L << precision - 2;
        }
        if ((se & F80.MAX_FIELD) == F80.MAX_FIELD) {
            if (sig == F80.INTEGER) {
                return sign | infinity;
            }
            if ((sig & F80.QUIET) == 0) {
                c.flags |= IE;
            }
            return sign | infinity | (sig | F80.QUIET) << 1 >>> drop + 1;
        }
        if (sig == 0) {
            return sign;
        }
        int rounding = c.rounding();
        int exponent = F80.exponent(se, sig);
        long significand = F80.significand(se, sig);
        long rounded = F80.roundAt(significand, 0, drop, rounding, negative, c);
        int after = exponent;
        if (rounded == 0) {
            rounded = F80.INTEGER;
            after++;
        }
        if (after < 1 - bias) {
            if (!c.masked(UE)) {
                c.flags |= UE; // not stored, so neither PE nor C1
                return 0;
            }
            F80.shiftRight(significand, 0, 1 - bias - exponent, c);
            rounded = F80.roundAt(c.hi, c.lo, drop, rounding, negative, c);
            if (c.inexact) {
                c.flags |= UE;
            }
            F80.finishRounding(c);
            return sign | rounded >>> drop;
        }
        if (after > bias) {
            if (!c.masked(OE)) {
                c.flags |= OE;
                return 0;
            }
            c.flags |= OE | PE;
            boolean toInfinity = rounding == 0 || rounding == (negative ? 1 : 2);
            c.codes = toInfinity ? F80Context.C1 : 0;
            return sign | (toInfinity ? infinity : infinity - 1);
        }
        F80.finishRounding(c);
        return sign | (rounded >>> drop) + ((long) (after + bias - 1) << precision - 1);
    }

    /** FIST, FISTP m16int; the integer indefinite 0x8000 for what does not fit. */
    public static short storeI16(int se, long sig, F80Context c) {
        return (short) storeInteger(se, sig, 16, c.rounding(), c);
    }

    /** FIST, FISTP m32int. */
    public static int storeI32(int se, long sig, F80Context c) {
        return (int) storeInteger(se, sig, 32, c.rounding(), c);
    }

    /** FISTP m64int. */
    public static long storeI64(int se, long sig, F80Context c) {
        return storeInteger(se, sig, 64, c.rounding(), c);
    }

    /** FISTTP m16int. */
    public static short truncateI16(int se, long sig, F80Context c) {
        return (short) storeInteger(se, sig, 16, TRUNCATE, c);
    }

    /** FISTTP m32int. */
    public static int truncateI32(int se, long sig, F80Context c) {
        return (int) storeInteger(se, sig, 32, TRUNCATE, c);
    }

    /** FISTTP m64int. */
    public static long truncateI64(int se, long sig, F80Context c) {
        return storeInteger(se, sig, 64, TRUNCATE, c);
    }

    private static long storeInteger(int se, long sig, int width, int rounding, F80Context c) {
        c.begin();
        long indefinite = -1L << width - 1;
        boolean negative = (se & F80.SIGN) != 0;
        boolean special = F80.isNanOrUnsupported(se, sig) || F80.isInfinite(se, sig);
        if (special || sig != 0 && F80.exponent(se, sig) > 62) {
            // -2^63 itself fits.
            boolean minimum = width == 64 && se == (F80.SIGN | F80.BIAS + 63) && sig == F80.INTEGER;
            c.flags |= minimum ? 0 : IE;
            return indefinite;
        }
        long magnitude = F80.integer(se, sig, rounding, c);
        // Rounding up can give 2^63 unsigned, which is negative here.
        long limit = 1L << width - 1;
        boolean fits =
                negative ? Long.compareUnsigned(magnitude, limit) <= 0 : Long.compareUnsigned(magnitude, limit) < 0;
        if (!fits) {
            c.flags |= IE;
            return indefinite;
        }
        F80.finishRounding(c);
        return negative ? -magnitude : magnitude;
    }

    /** FBSTP: bits 63:0 returned, bits 79:64 in {@link F80Context#se}. */
    public static long storeBcd(int se, long sig, F80Context c) {
        c.begin();
        boolean special = F80.isNanOrUnsupported(se, sig) || F80.isInfinite(se, sig);
        if (special || sig != 0 && F80.exponent(se, sig) > 62) {
            c.flags |= IE;
            c.se = BCD_INDEFINITE_HIGH;
            return BCD_INDEFINITE_LOW;
        }
        long magnitude = F80.integer(se, sig, c.rounding(), c);
        if (Long.compareUnsigned(magnitude, MAX_BCD) > 0) {
            c.flags |= IE;
            c.se = BCD_INDEFINITE_HIGH;
            return BCD_INDEFINITE_LOW;
        }
        F80.finishRounding(c);
        long low = 0;
        for (int shift = 0; shift < 64; shift += 4) {
            low |= magnitude % 10 << shift;
            magnitude /= 10;
        }
        c.se = se & F80.SIGN | (int) (magnitude / 10 << 4 | magnitude % 10);
        return low;
    }
}
