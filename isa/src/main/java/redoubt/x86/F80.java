package redoubt.x86;

import static redoubt.x86.F80Context.C0;
import static redoubt.x86.F80Context.C1;
import static redoubt.x86.F80Context.C2;
import static redoubt.x86.F80Context.C3;
import static redoubt.x86.F80Context.DE;
import static redoubt.x86.F80Context.IE;
import static redoubt.x86.F80Context.OE;
import static redoubt.x86.F80Context.PE;
import static redoubt.x86.F80Context.UE;
import static redoubt.x86.F80Context.ZE;

/**
 * Arithmetic on the x87 double extended-precision format (SDM vol. 1, 4.2, 4.8, 4.9 and chapter 8): sign and 15-bit
 * exponent in an {@code int}, 64-bit significand with its integer bit in a {@code long}.
 *
 * <p>Results, exceptions and condition codes go to an {@link F80Context}. Encodings that the processor does not support
 * (unnormals, pseudo-NaNs, pseudo-infinities) are invalid operands; pseudo-denormals count as denormals.
 */
public final class F80 {
    /** Exponent field of infinities and NaNs. */
    public static final int MAX_FIELD = 0x7FFF;
    /** Bias of the exponent. */
    public static final int BIAS = 0x3FFF;
    /** Integer bit of the significand. */
    public static final long INTEGER = 1L << 63;
    /** Set in a quiet NaN. */
    public static final long QUIET = 1L << 62;

    static final int SIGN = 0x8000;
    static final int MIN_EXPONENT = -16382;
    static final int MAX_EXPONENT = 16383;
    /** By how much an unmasked overflow or underflow shifts the exponent (SDM vol. 1, 8.5.4). */
    static final int BIAS_ADJUSTMENT = 24576;

    private F80() {}

    // ---- arithmetic -----------------------------------------------------------------------------------------------

    /** FADD: {@code a + b}. */
    public static void add(int ase, long asig, int bse, long bsig, F80Context c) {
        c.begin();
        if (!chooseNan(ase, asig, bse, bsig, c)) {
            addNumbers(ase, asig, bse, bsig, c);
        }
    }

    /** FSUB: {@code a - b}; FSUBR swaps the operands. */
    public static void sub(int ase, long asig, int bse, long bsig, F80Context c) {
        c.begin();
        if (!chooseNan(ase, asig, bse, bsig, c)) {
            addNumbers(ase, asig, bse ^ SIGN, bsig, c);
        }
    }

    private static void addNumbers(int ase, long asig, int bse, long bsig, F80Context c) {
        boolean bInfinite = isInfinite(bse, bsig);
        if (isInfinite(ase, asig)) {
            if (bInfinite && ase != bse) {
                invalid(c);
            } else if (!denormalStops(ase, asig, bse, bsig, c)) {
                c.result(ase, asig);
            }
            return;
        }
        if (denormalStops(ase, asig, bse, bsig, c)) {
            return;
        }
        if (bInfinite) {
            c.result(bse, bsig);
            return;
        }
        if (asig == 0 && bsig == 0) {
            c.result(ase == bse ? ase : cancelledSign(c), 0);
            return;
        }
        if (bsig == 0) {
            pack(ase & SIGN, exponent(ase, asig), significand(ase, asig), 0, c.drop(), c);
            return;
        }
        if (asig == 0) {
            pack(bse & SIGN, exponent(bse, bsig), significand(bse, bsig), 0, c.drop(), c);
            return;
        }
        int exponent = exponent(ase, asig);
        int other = exponent(bse, bsig);
        long x = significand(ase, asig);
        long y = significand(bse, bsig);
        int sign = ase & SIGN;
        boolean subtract = ((ase ^ bse) & SIGN) != 0;
        if (exponent < other || exponent == other && Long.compareUnsigned(x, y) < 0) {
            int e = exponent;
            exponent = other;
            other = e;
            long s = x;
            x = y;
            y = s;
            sign = bse & SIGN;
        }
        // One bit of room at the top; the second half holds what is shifted out.
        long hi = x >>> 1;
        long lo = x << 63;
        shiftRight(y, 0, exponent - other + 1, c);
        if (subtract) {
            long borrow = Long.compareUnsigned(lo, c.lo) < 0 ? 1 : 0;
            lo -= c.lo;
            hi -= c.hi + borrow;
            if ((hi | lo) == 0) {
                c.result(cancelledSign(c), 0);
                return;
            }
        } else {
            long sum = lo + c.lo;
            hi += c.hi + (Long.compareUnsigned(sum, lo) < 0 ? 1 : 0);
            lo = sum;
        }
        packWide(sign, exponent + 1, hi, lo, c.drop(), c);
    }

    /** FMUL: {@code a * b}. */
    public static void mul(int ase, long asig, int bse, long bsig, F80Context c) {
        c.begin();
        if (chooseNan(ase, asig, bse, bsig, c)) {
            return;
        }
        int sign = (ase ^ bse) & SIGN;
        boolean infinite = isInfinite(ase, asig) || isInfinite(bse, bsig);
        boolean zero = asig == 0 || bsig == 0;
        if (infinite && zero) {
            invalid(c);
            return;
        }
        if (denormalStops(ase, asig, bse, bsig, c)) {
            return;
        }
        if (infinite) {
            c.result(sign | MAX_FIELD, INTEGER);
        } else if (zero) {
            c.result(sign, 0);
        } else {
            long x = significand(ase, asig);
            long y = significand(bse, bsig);
            int exponent = exponent(ase, asig) + exponent(bse, bsig) + 1;
            packWide(sign, exponent, Math.unsignedMultiplyHigh(x, y), x * y, c.drop(), c);
        }
    }

    /** FDIV: {@code a / b}; FDIVR swaps the operands. */
    public static void div(int ase, long asig, int bse, long bsig, F80Context c) {
        c.begin();
        if (chooseNan(ase, asig, bse, bsig, c)) {
            return;
        }
        int sign = (ase ^ bse) & SIGN;
        boolean aInfinite = isInfinite(ase, asig);
        boolean bInfinite = isInfinite(bse, bsig);
        if (aInfinite && bInfinite || asig == 0 && bsig == 0) {
            invalid(c);
            return;
        }
        if (bsig == 0 && !aInfinite) {
            c.denormalOperand = false;
            c.flags |= ZE;
            c.result(sign | MAX_FIELD, INTEGER);
            return;
        }
        if (denormalStops(ase, asig, bse, bsig, c)) {
            return;
        }
        if (aInfinite) {
            c.result(sign | MAX_FIELD, INTEGER);
            return;
        }
        if (bInfinite || asig == 0) {
            c.result(sign, 0);
            return;
        }
        long x = significand(ase, asig);
        long y = significand(bse, bsig);
        int exponent = exponent(ase, asig) - exponent(bse, bsig);
        boolean below = Long.compareUnsigned(x, y) < 0;
        long high = below ? x : x >>> 1;
        long low = below ? 0 : x << 63;
        long quotient = WideInteger.divide(high, low, y);
        long rest = low - quotient * y;
        pack(sign, below ? exponent - 1 : exponent, quotient, fractionOf(rest, y), c.drop(), c);
    }

    /** {@code rest / divisor} as 64 bits of which the first is right and the last stands for all others. */
    private static long fractionOf(long rest, long divisor) {
        if (rest == 0) {
            return 0;
        }
        int order = rest < 0 ? 1 : Long.compareUnsigned(rest << 1, divisor);
        return order < 0 ? 1 : order == 0 ? INTEGER : INTEGER | 1;
    }

    /** FSQRT. */
    public static void sqrt(int ase, long asig, F80Context c) {
        c.begin();
        if (chooseNan(ase, asig, ase, asig, c)) {
            return;
        }
        if (asig == 0) {
            c.result(ase, 0);
            return;
        }
        if ((ase & SIGN) != 0) {
            invalid(c);
            return;
        }
        if (denormalStops(ase, asig, 0, 0, c)) {
            return;
        }
        if (isInfinite(ase, asig)) {
            c.result(ase, asig);
            return;
        }
        int exponent = exponent(ase, asig);
        long x = significand(ase, asig);
        boolean odd = (exponent & 1) != 0;
        long high = odd ? x : x >>> 1;
        long low = odd ? 0 : x << 63;
        long root = squareRoot(high, low);
        long square = root * root;
        long restHigh = high - Math.unsignedMultiplyHigh(root, root) - (Long.compareUnsigned(low, square) < 0 ? 1 : 0);
        long rest = low - square;
        // The next bit is one if what is left exceeds root + 1/4.
        boolean above = restHigh != 0 || Long.compareUnsigned(rest, root) > 0;
        long fraction = above ? INTEGER | 1 : rest == 0 ? 0 : 1;
        pack(0, exponent >> 1, root, fraction, c.drop(), c);
    }

    /** Integer square root of a number whose upper half is at least 2^62: 64 bits with the top bit set. */
    private static long squareRoot(long high, long low) {
        double estimate = Math.sqrt((high >>> 1) * 0x1p65);
        long root = estimate >= 0x1p64 ? -1L : (long) (estimate * 0.5) << 1;
        if (root >= 0) {
            root = INTEGER;
        }
        if (Long.compareUnsigned(high, root) >= 0) {
            root = -1L; // the quotient below must fit
        }
        if (high != -1L || root != -1L) {
            // One Newton step doubles the 52 right bits; mean of two 64-bit numbers without overflow.
            long quotient = WideInteger.divide(high, low, root);
            root = (root & quotient) + ((root ^ quotient) >>> 1);
        }
        while (squareExceeds(root, high, low)) {
            root--;
        }
        while (root != -1L && !squareExceeds(root + 1, high, low)) {
            root++;
        }
        return root;
    }

    private static boolean squareExceeds(long root, long high, long low) {
        int order = Long.compareUnsigned(Math.unsignedMultiplyHigh(root, root), high);
        return order > 0 || order == 0 && Long.compareUnsigned(root * root, low) > 0;
    }

    /** FABS; no exceptions, whatever the encoding. */
    public static void abs(int ase, long asig, F80Context c) {
        c.begin();
        c.result(ase & ~SIGN, asig);
    }

    /** FCHS; no exceptions, whatever the encoding. */
    public static void chs(int ase, long asig, F80Context c) {
        c.begin();
        c.result(ase ^ SIGN, asig);
    }

    /** FRNDINT. */
    public static void roundToInteger(int ase, long asig, F80Context c) {
        c.begin();
        if (chooseNan(ase, asig, ase, asig, c)) {
            return;
        }
        if (asig == 0 || isInfinite(ase, asig)) {
            c.result(ase, asig);
            return;
        }
        if (denormalStops(ase, asig, 0, 0, c)) {
            return;
        }
        int exponent = exponent(ase, asig);
        if (exponent >= 63) {
            c.result(ase, asig);
            return;
        }
        long magnitude = integer(ase, asig, c.rounding(), c);
        finishRounding(c);
        if (magnitude == 0) {
            c.result(ase & SIGN, 0);
        } else {
            int shift = Long.numberOfLeadingZeros(magnitude);
            c.result(ase & SIGN | BIAS + 63 - shift, magnitude << shift);
        }
    }

    /**
     * Magnitude of a finite number below 2^63, rounded to an integer; tells {@link F80Context#inexact} and
     * {@link F80Context#up}.
     */
    static long integer(int ase, long asig, int rounding, F80Context c) {
        if (asig == 0) {
            c.inexact = false;
            c.up = false;
            return 0;
        }
        shiftRight(significand(ase, asig), 0, 63 - exponent(ase, asig), c);
        return roundAt(c.hi, c.lo, 0, rounding, (ase & SIGN) != 0, c);
    }

    /** FSCALE: {@code a * 2^trunc(b)}; precision control does not apply. */
    public static void scale(int ase, long asig, int bse, long bsig, F80Context c) {
        c.begin();
        if (chooseNan(ase, asig, bse, bsig, c)) {
            return;
        }
        boolean aInfinite = isInfinite(ase, asig);
        if (isInfinite(bse, bsig)) {
            boolean down = (bse & SIGN) != 0;
            if (down ? aInfinite : asig == 0) {
                invalid(c);
            } else if (!denormalStops(ase, asig, bse, bsig, c)) {
                c.result(ase & SIGN | (down ? 0 : MAX_FIELD), down ? 0 : INTEGER);
            }
            return;
        }
        if (denormalStops(ase, asig, bse, bsig, c)) {
            return;
        }
        if (aInfinite || asig == 0) {
            c.result(ase, asig);
            return;
        }
        int by = 0;
        if (bsig != 0) {
            int exponent = exponent(bse, bsig);
            // Beyond 2^16 nothing differs but must not wrap.
            by = exponent < 0 ? 0 : exponent > 15 ? 1 << 16 : (int) (significand(bse, bsig) >>> 63 - exponent);
            by = (bse & SIGN) != 0 ? -by : by;
        }
        pack(ase & SIGN, exponent(ase, asig) + by, significand(ase, asig), 0, 0, c);
    }

    /**
     * FXTRACT: the significand, as a number in [1, 2), in {@link F80Context#se2} and {@link F80Context#sig2} (it is
     * pushed), the unbiased exponent in {@link F80Context#se} and {@link F80Context#sig} (it replaces ST(0)).
     */
    public static void extract(int ase, long asig, F80Context c) {
        c.begin();
        if (chooseNan(ase, asig, ase, asig, c)) {
            c.se2 = c.se;
            c.sig2 = c.sig;
            return;
        }
        if (isInfinite(ase, asig)) {
            c.result(MAX_FIELD, INTEGER);
            c.se2 = ase;
            c.sig2 = asig;
            return;
        }
        if (asig == 0) {
            c.flags |= ZE;
            c.result(SIGN | MAX_FIELD, INTEGER);
            c.se2 = ase;
            c.sig2 = 0;
            return;
        }
        if (denormalStops(ase, asig, 0, 0, c)) {
            return;
        }
        c.se2 = ase & SIGN | BIAS;
        c.sig2 = significand(ase, asig);
        F80Convert.integerResult(exponent(ase, asig), c);
    }

    // ---- partial remainder ----------------------------------------------------------------------------------------

    /** FPREM: remainder of {@code a / b} with the quotient truncated; its low bits go to C0, C3, C1. */
    public static void remainder(int ase, long asig, int bse, long bsig, F80Context c) {
        partialRemainder(ase, asig, bse, bsig, false, c);
    }

    /** FPREM1: remainder of {@code a / b} with the quotient rounded to nearest (IEEE 754). */
    public static void remainderIeee(int ase, long asig, int bse, long bsig, F80Context c) {
        partialRemainder(ase, asig, bse, bsig, true, c);
    }

    private static void partialRemainder(int ase, long asig, int bse, long bsig, boolean nearest, F80Context c) {
        c.begin();
        if (chooseNan(ase, asig, bse, bsig, c)) {
            return;
        }
        if (isInfinite(ase, asig) || bsig == 0) {
            invalid(c);
            return;
        }
        if (denormalStops(ase, asig, bse, bsig, c)) {
            return;
        }
        if (asig == 0 || isInfinite(bse, bsig)) {
            if (asig != 0) {
                pack(ase & SIGN, exponent(ase, asig), significand(ase, asig), 0, 0, c);
            } else {
                c.result(ase, 0);
            }
            return;
        }
        int exponent = exponent(ase, asig);
        int divisorExponent = exponent(bse, bsig);
        int difference = exponent - divisorExponent;
        long rest = significand(ase, asig);
        long divisor = significand(bse, bsig);
        int sign = ase & SIGN;
        if (difference < -1 || difference < 0 && !nearest) {
            pack(sign, exponent, rest, 0, 0, c);
            return;
        }
        if (difference >= 64) {
            // Takes off a part of the quotient, as many bits as bring the difference below a multiple of 32.
            int bits = difference & 0x1F | 0x20;
            long quotient = divideShifted(rest, divisor, bits, c);
            assert quotient != 0 || c.hi != 0;
            if (c.hi == 0) {
                c.result(sign, 0);
            } else {
                packWide(sign, exponent - bits, c.hi, 0, 0, c);
            }
            c.codes = C2;
            return;
        }
        long quotient;
        if (difference < 0) {
            // Nearest, and a is in [b / 4, b): everything at half scale.
            quotient = 0;
            c.hi = rest;
            boolean above = Long.compareUnsigned(rest, divisor) > 0; // a > b / 2
            if (above) {
                quotient = 1;
                // b - a in units of a's last bit: 2 * divisor - rest.
                long low = (divisor << 1) - rest;
                long high = Long.compareUnsigned(divisor << 1, rest) < 0 ? 0 : 1;
                sign ^= SIGN;
                packWide(sign, exponent + 64, high, low, 0, c);
            } else {
                pack(sign, exponent, rest, 0, 0, c);
            }
            setQuotientCodes(quotient, c);
            return;
        }
        quotient = divideShifted(rest, divisor, difference, c);
        rest = c.hi;
        if (nearest) {
            int order = rest < 0 ? 1 : Long.compareUnsigned(rest << 1, divisor);
            if (order > 0 || order == 0 && (quotient & 1) != 0) {
                rest = divisor - rest;
                sign ^= SIGN;
                quotient++;
            }
        }
        if (rest == 0) {
            c.result(ase & SIGN, 0);
        } else {
            packWide(sign, divisorExponent, rest, 0, 0, c);
        }
        setQuotientCodes(quotient, c);
    }

    /**
     * Low 64 bits of the quotient of {@code value * 2^bits} by {@code divisor}, both with their top bits set; the rest in
     * {@link F80Context#hi}.
     */
    private static long divideShifted(long value, long divisor, int bits, F80Context c) {
        long quotient = 0;
        if (Long.compareUnsigned(value, divisor) >= 0) {
            value -= divisor;
            quotient = 1;
        }
        if (bits > 0) {
            // value < divisor: the quotient of value * 2^bits fits.
            long high = value >>> 64 - bits;
            long low = value << bits;
            long digits = WideInteger.divide(high, low, divisor);
            quotient = (bits == 64 ? 0 : quotient << bits) + digits;
            value = low - digits * divisor;
        }
        c.hi = value;
        return quotient;
    }

    private static void setQuotientCodes(long quotient, F80Context c) {
        c.codes = ((quotient & 4) != 0 ? C0 : 0) | ((quotient & 2) != 0 ? C3 : 0) | ((quotient & 1) != 0 ? C1 : 0);
    }

    // ---- comparison -----------------------------------------------------------------------------------------------

    /**
     * FCOM: sets C3, C2, C0 to 000 if {@code a > b}, 001 if {@code a < b}, 100 if equal, 111 if unordered. NaNs are
     * invalid.
     */
    public static void compare(int ase, long asig, int bse, long bsig, F80Context c) {
        compare(ase, asig, bse, bsig, true, c);
    }

    /** FUCOM: like {@link #compare} but for quiet NaNs, which raise nothing. */
    public static void compareUnordered(int ase, long asig, int bse, long bsig, F80Context c) {
        compare(ase, asig, bse, bsig, false, c);
    }

    /** The codes of a comparison as RFLAGS bits, for FCOMI and FUCOMI: C3 is ZF, C2 is PF, C0 is CF. */
    public static int codesAsFlags(int codes) {
        return codes >>> 8 & 0x45;
    }

    private static void compare(int ase, long asig, int bse, long bsig, boolean quietIsInvalid, F80Context c) {
        c.begin();
        if (isNanOrUnsupported(ase, asig) || isNanOrUnsupported(bse, bsig)) {
            if (quietIsInvalid || isInvalid(ase, asig) || isInvalid(bse, bsig)) {
                c.flags |= IE;
            }
            c.denormalOperand = false;
            c.codes = C3 | C2 | C0;
            return;
        }
        denormalStops(ase, asig, bse, bsig, c);
        c.codes = order(ase, asig, bse, bsig);
    }

    private static int order(int ase, long asig, int bse, long bsig) {
        if (asig == 0 && bsig == 0) {
            return C3;
        }
        boolean aNegative = (ase & SIGN) != 0 && asig != 0;
        boolean bNegative = (bse & SIGN) != 0 && bsig != 0;
        if (aNegative != bNegative) {
            return aNegative ? C0 : 0;
        }
        // A pseudo-denormal has the value of the exponent 1.
        int ae = Math.max(ase & MAX_FIELD, 1);
        int be = Math.max(bse & MAX_FIELD, 1);
        int order = ae != be ? Integer.compare(ae, be) : Long.compareUnsigned(asig, bsig);
        if (asig == 0 || bsig == 0) {
            order = asig == 0 ? -1 : 1;
        }
        if (order == 0) {
            return C3;
        }
        return order < 0 != aNegative ? C0 : 0;
    }

    /** FXAM of a register that is not empty: class in C3, C2, C0 and sign in C1 (SDM vol. 2, FXAM). */
    public static void examine(int ase, long asig, F80Context c) {
        c.begin();
        int codes;
        if (isUnsupported(ase, asig)) {
            codes = 0;
        } else if ((ase & MAX_FIELD) == MAX_FIELD) {
            codes = asig == INTEGER ? C2 | C0 : C0;
        } else if ((ase & MAX_FIELD) == 0) {
            codes = asig == 0 ? C3 : C3 | C2;
        } else {
            codes = C2;
        }
        c.codes = codes | ((ase & SIGN) != 0 ? C1 : 0);
    }

    // ---- constants ------------------------------------------------------------------------------------------------

    /** FLD1. */
    public static void one(F80Context c) {
        c.begin();
        c.result(BIAS, INTEGER);
    }

    /** FLDZ. */
    public static void zero(F80Context c) {
        c.begin();
        c.result(0, 0);
    }

    /** FLDL2T: log2(10), rounded as rounding control says. */
    public static void log2Of10(F80Context c) {
        constant(BIAS + 1, 0xD49A_784B_CD1B_8AFEL, 0x492B_F6FF_4DAF_DB4DL, c);
    }

    /** FLDL2E: log2(e). */
    public static void log2OfE(F80Context c) {
        constant(BIAS, 0xB8AA_3B29_5C17_F0BBL, 0xBE87_FED0_691D_3E89L, c);
    }

    /** FLDPI. */
    public static void pi(F80Context c) {
        constant(BIAS + 1, 0xC90F_DAA2_2168_C234L, 0xC4C6_628B_80DC_1CD1L, c);
    }

    /** FLDLG2: log10(2). */
    public static void log10Of2(F80Context c) {
        constant(BIAS - 2, 0x9A20_9A84_FBCF_F798L, 0x8F89_59AC_0B7C_9178L, c);
    }

    /** FLDLN2: ln(2). */
    public static void lnOf2(F80Context c) {
        constant(BIAS - 1, 0xB172_17F7_D1CF_79ABL, 0xC9E3_B398_03F2_F6AFL, c);
    }

    /** Constants are rounded as rounding control says, whatever the precision control, and raise nothing. */
    private static void constant(int signExponent, long hi, long lo, F80Context c) {
        c.begin();
        c.result(signExponent, roundAt(hi, lo, 0, c.rounding(), false, c));
    }

    // ---- rounding -------------------------------------------------------------------------------------------------

    /** {@link #pack} of a significand {@code hi:lo} that is not zero and need not have its top bit set. */
    static void packWide(int sign, int exponent, long hi, long lo, int drop, F80Context c) {
        if (hi == 0) {
            hi = lo;
            lo = 0;
            exponent -= 64;
        }
        int shift = Long.numberOfLeadingZeros(hi);
        if (shift > 0) {
            hi = hi << shift | lo >>> -shift;
            lo <<= shift;
        }
        pack(sign, exponent - shift, hi, lo, drop, c);
    }

    /**
     * Rounds {@code hi:lo * 2^(exponent - 63)} and makes it the result, raising OE, UE and PE and setting C1.
     *
     * @param sign 0 or 0x8000
     * @param hi top bit set
     * @param lo further bits, the last standing for all lower ones
     * @param drop low bits of {@code hi} to round away
     */
    static void pack(int sign, int exponent, long hi, long lo, int drop, F80Context c) {
        boolean negative = sign != 0;
        int rounding = c.rounding();
        long rounded = roundAt(hi, lo, drop, rounding, negative, c);
        int after = exponent;
        if (rounded == 0) {
            rounded = INTEGER;
            after++;
        }
        if (after < MIN_EXPONENT) {
            // Beyond the adjustment, which only FSCALE reaches, nothing is left to adjust.
            if (c.masked(UE)) {
                shiftRight(hi, lo, MIN_EXPONENT - exponent, c);
                rounded = roundAt(c.hi, c.lo, drop, rounding, negative, c);
                if (c.inexact) {
                    c.flags |= UE;
                }
                finishRounding(c);
                c.result(sign | (rounded < 0 ? 1 : 0), rounded);
                return;
            }
            c.flags |= UE;
            after += BIAS_ADJUSTMENT;
            if (after < MIN_EXPONENT) {
                c.flags |= PE;
                c.codes = 0;
                c.result(sign, 0);
                return;
            }
        } else if (after > MAX_EXPONENT) {
            c.flags |= OE;
            if (c.masked(OE) || after - BIAS_ADJUSTMENT > MAX_EXPONENT) {
                c.flags |= PE;
                boolean toInfinity = rounding == 0 || rounding == (negative ? 1 : 2) || !c.masked(OE);
                c.codes = toInfinity ? C1 : 0;
                c.result(sign | (toInfinity ? MAX_FIELD : MAX_FIELD - 1), toInfinity ? INTEGER : -1L << drop);
                return;
            }
            after -= BIAS_ADJUSTMENT;
        }
        finishRounding(c);
        c.result(sign | after + BIAS, rounded);
    }

    /** PE and C1 from the last {@link #roundAt}. */
    static void finishRounding(F80Context c) {
        if (c.inexact) {
            c.flags |= PE;
        }
        c.codes = c.up ? C1 : 0;
    }

    /**
     * {@code hi:lo} rounded to a multiple of {@code 2^drop} of {@code hi}; zero if it carries out of the top bit. Tells
     * {@link F80Context#inexact} and {@link F80Context#up}.
     */
    static long roundAt(long hi, long lo, int drop, int rounding, boolean negative, F80Context c) {
        long rest = drop == 0 ? lo : hi << -drop | (lo != 0 ? 1 : 0);
        long kept = hi >>> drop << drop;
        boolean up = rest != 0
                && switch (rounding) {
                    case 0 -> rest < 0 && (rest != Long.MIN_VALUE || (kept >>> drop & 1) != 0);
                    case 1 -> negative;
                    case 2 -> !negative;
                    default -> false;
                };
        c.inexact = rest != 0;
        c.up = up;
        return up ? kept + (1L << drop) : kept;
    }

    /** {@code hi:lo} shifted right by {@code count >= 0} into {@link F80Context#hi} and lo, what is lost kept in bit 0. */
    static void shiftRight(long hi, long lo, int count, F80Context c) {
        if (count == 0) {
            c.hi = hi;
            c.lo = lo;
        } else if (count < 64) {
            c.hi = hi >>> count;
            c.lo = hi << -count | lo >>> count | (lo << -count != 0 ? 1 : 0);
        } else {
            c.hi = 0;
            c.lo = WideInteger.shiftRightJam(hi, count - 64) | (lo != 0 ? 1 : 0);
        }
    }

    private static int cancelledSign(F80Context c) {
        return c.rounding() == 1 ? SIGN : 0;
    }

    // ---- operands -------------------------------------------------------------------------------------------------

    /** Makes the real indefinite the result, and the operation invalid. */
    static void invalid(F80Context c) {
        c.denormalOperand = false;
        c.flags |= IE;
        c.result(SIGN | MAX_FIELD, INTEGER | QUIET);
    }

    /**
     * If an operand is a NaN or unsupported, sets the result and says so (SDM vol. 1, tables 4-7 and 8-10): a QNaN before
     * an SNaN, else the larger significand, else the positive one; made quiet.
     */
    static boolean chooseNan(int ase, long asig, int bse, long bsig, F80Context c) {
        boolean a = isNanOrUnsupported(ase, asig);
        boolean b = isNanOrUnsupported(bse, bsig);
        if (!a && !b) {
            return false;
        }
        if (isUnsupported(ase, asig) || isUnsupported(bse, bsig)) {
            invalid(c);
            return true;
        }
        c.denormalOperand = false;
        boolean aSignals = isInvalid(ase, asig);
        boolean bSignals = isInvalid(bse, bsig);
        if (aSignals || bSignals) {
            c.flags |= IE;
        }
        boolean first;
        if (a && b) {
            if (aSignals != bSignals) {
                first = bSignals;
            } else {
                int order = Long.compareUnsigned(asig, bsig);
                first = order > 0 || order == 0 && ase <= bse;
            }
        } else {
            first = a;
        }
        c.result(first ? ase : bse, (first ? asig : bsig) | QUIET);
        return true;
    }

    /** Raises DE if an operand is denormal; true if that is unmasked, so that nothing is computed. */
    static boolean denormalStops(int ase, long asig, int bse, long bsig, F80Context c) {
        if (!isDenormal(ase, asig) && !isDenormal(bse, bsig) && !c.denormalOperand) {
            return false;
        }
        c.denormalOperand = false;
        c.flags |= DE;
        return !c.masked(DE);
    }

    /** Exponent of a finite number that is not zero, its significand being in [1, 2). */
    static int exponent(int se, long sig) {
        int field = se & MAX_FIELD;
        return field == 0 ? MIN_EXPONENT - Long.numberOfLeadingZeros(sig) : field - BIAS;
    }

    /** Significand of a finite number that is not zero, its top bit set. */
    static long significand(int se, long sig) {
        return sig << Long.numberOfLeadingZeros(sig);
    }

    static boolean isUnsupported(int se, long sig) {
        return sig >= 0 && (se & MAX_FIELD) != 0;
    }

    static boolean isNanOrUnsupported(int se, long sig) {
        return isUnsupported(se, sig) || (se & MAX_FIELD) == MAX_FIELD && sig != INTEGER;
    }

    /** Whether the operand alone makes an operation invalid: unsupported or a signaling NaN. */
    static boolean isInvalid(int se, long sig) {
        return isUnsupported(se, sig) || (se & MAX_FIELD) == MAX_FIELD && sig != INTEGER && (sig & QUIET) == 0;
    }

    static boolean isInfinite(int se, long sig) {
        return (se & MAX_FIELD) == MAX_FIELD && sig == INTEGER;
    }

    static boolean isDenormal(int se, long sig) {
        return (se & MAX_FIELD) == 0 && sig != 0;
    }
}
