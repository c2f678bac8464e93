package redoubt.x86;

import static redoubt.x86.MxcsrContext.DAZ;
import static redoubt.x86.MxcsrContext.DE;
import static redoubt.x86.MxcsrContext.DOWN;
import static redoubt.x86.MxcsrContext.FTZ;
import static redoubt.x86.MxcsrContext.IE;
import static redoubt.x86.MxcsrContext.MASK_SHIFT;
import static redoubt.x86.MxcsrContext.NEAREST;
import static redoubt.x86.MxcsrContext.OE;
import static redoubt.x86.MxcsrContext.PE;
import static redoubt.x86.MxcsrContext.RC_SHIFT;
import static redoubt.x86.MxcsrContext.UE;
import static redoubt.x86.MxcsrContext.UP;
import static redoubt.x86.MxcsrContext.ZE;

/**
 * One element of the SSE, AVX and FMA3 floating-point instructions, on raw bits, with all that MXCSR asks for: rounding,
 * DAZ, FTZ, exceptions, the choice of a NaN (SDM vol. 1, 4.8, 4.9, 10.2.3 and 11.5; vol. 1, 14.5 for FMA).
 *
 * <p>Each operation has two ways. The short one lets Java compute, which rounds to nearest: it is taken if MXCSR rounds
 * to nearest with PE masked, no operand is denormal, infinite or NaN, and the result is normal or an exact zero. Then
 * the only exception in question is PE, and only until it is sticky; the residual, which is exact in these ranges,
 * decides. The long way works on 64-bit significands with a sticky bit and serves everything else.
 *
 * <p>In the long way a float32 is first widened to float64, which is exact; {@link #pack} rounds once, to the format
 * asked for.
 */
public final class SseFloat {
    /** For {@link #fma64} and {@link #fma32}: the product is negated (FNMADD, FNMSUB). */
    public static final int NEGATE_PRODUCT = 1;
    /** For {@link #fma64} and {@link #fma32}: the addend is negated (FMSUB, FNMSUB). */
    public static final int NEGATE_ADDEND = 2;

    static final long SIGN64 = 1L << 63;
    static final long INFINITY64 = 0x7FF0_0000_0000_0000L;
    static final long FRACTION64 = 0x000F_FFFF_FFFF_FFFFL;
    static final long QUIET64 = 1L << 51;
    static final long MIN_NORMAL64 = 1L << 52;
    static final int SIGN32 = 1 << 31;
    static final int INFINITY32 = 0x7F80_0000;
    static final int FRACTION32 = 0x007F_FFFF;
    static final int MIN_NORMAL32 = 1 << 23;
    /** Real indefinite, the NaN that the processor makes (SDM vol. 1, table 4-3). */
    static final long INDEFINITE64 = 0xFFF8_0000_0000_0000L;

    private static final int PM = PE << MASK_SHIFT;
    private static final int SHORT_WAY = 3 << RC_SHIFT | PM;
    private static final int UM = UE << MASK_SHIFT;
    /** Results at least this large have a residual that does not underflow. */
    private static final long RESIDUAL_EXACT64 = 110L << 52;
    /** From here on a residual could overflow in between. */
    private static final long RESIDUAL_OVERFLOW64 = 0x7FEL << 52;

    private SseFloat() {}

    // ---- short way ------------------------------------------------------------------------------------------------

    /** ADDSD: {@code a + b}. */
    public static long add64(long a, long b, MxcsrContext m) {
        if ((m.mxcsr & SHORT_WAY) == PM && isNormalOrZero64(a) && isNormalOrZero64(b)) {
            double x = Double.longBitsToDouble(a);
            double y = Double.longBitsToDouble(b);
            double sum = x + y;
            long bits = Double.doubleToRawLongBits(sum);
            if (isNormalOrZero64(bits)) {
                if ((m.mxcsr & PE) != 0) {
                    return bits;
                }
                if ((bits & ~SIGN64) < RESIDUAL_OVERFLOW64) {
                    // Knuth's two-sum: what rounding lost, exactly.
                    double second = sum - x;
                    if ((x - (sum - second)) + (y - second) != 0) {
                        m.raised |= PE;
                    }
                    return bits;
                }
            }
        }
        return addLong64(a, b, m);
    }

    /** SUBSD: {@code a - b}. */
    public static long sub64(long a, long b, MxcsrContext m) {
        return isNan64(b) ? addLong64(a, b, m) : add64(a, b ^ SIGN64, m);
    }

    /** MULSD: {@code a * b}. */
    public static long mul64(long a, long b, MxcsrContext m) {
        if ((m.mxcsr & SHORT_WAY) == PM && isNormalOrZero64(a) && isNormalOrZero64(b)) {
            double x = Double.longBitsToDouble(a);
            double y = Double.longBitsToDouble(b);
            double product = x * y;
            long bits = Double.doubleToRawLongBits(product);
            if (x == 0 || y == 0) {
                return bits;
            }
            long magnitude = bits & ~SIGN64;
            if (magnitude > MIN_NORMAL64 && magnitude < INFINITY64) {
                if ((m.mxcsr & PE) != 0) {
                    return bits;
                }
                if (magnitude >= RESIDUAL_EXACT64) {
                    if (Math.fma(x, y, -product) != 0) {
                        m.raised |= PE;
                    }
                    return bits;
                }
            }
        }
        return mulLong64(a, b, m);
    }

    /** DIVSD: {@code a / b}. */
    public static long div64(long a, long b, MxcsrContext m) {
        if ((m.mxcsr & SHORT_WAY) == PM && isNormalOrZero64(a) && isNormal64(b)) {
            double x = Double.longBitsToDouble(a);
            double y = Double.longBitsToDouble(b);
            double quotient = x / y;
            long bits = Double.doubleToRawLongBits(quotient);
            if (x == 0) {
                return bits;
            }
            long magnitude = bits & ~SIGN64;
            if (magnitude > MIN_NORMAL64 && magnitude < INFINITY64) {
                if ((m.mxcsr & PE) != 0) {
                    return bits;
                }
                if ((a & ~SIGN64) >= RESIDUAL_EXACT64 && magnitude >= RESIDUAL_EXACT64) {
                    if (Math.fma(-quotient, y, x) != 0) {
                        m.raised |= PE;
                    }
                    return bits;
                }
            }
        }
        return divLong64(a, b, m);
    }

    /** SQRTSD. */
    public static long sqrt64(long a, MxcsrContext m) {
        if ((m.mxcsr & SHORT_WAY) == PM && isNormalOrZero64(a) && (a >= 0 || a == SIGN64)) {
            double x = Double.longBitsToDouble(a);
            double root = Math.sqrt(x);
            if ((m.mxcsr & PE) != 0 || x == 0) {
                return Double.doubleToRawLongBits(root);
            }
            if (a >= RESIDUAL_EXACT64) {
                if (Math.fma(-root, root, x) != 0) {
                    m.raised |= PE;
                }
                return Double.doubleToRawLongBits(root);
            }
        }
        return sqrtLong64(a, m);
    }

    /** ADDSS: {@code a + b}. */
    public static int add32(int a, int b, MxcsrContext m) {
        if ((m.mxcsr & SHORT_WAY) == PM && isNormalOrZero32(a) && isNormalOrZero32(b)) {
            float x = Float.intBitsToFloat(a);
            float y = Float.intBitsToFloat(b);
            float sum = x + y;
            int bits = Float.floatToRawIntBits(sum);
            if (isNormalOrZero32(bits)) {
                if ((m.mxcsr & PE) == 0) {
                    // Two-sum in double, where nothing overflows; the differences below are exact.
                    double second = (double) sum - x;
                    if ((x - (sum - second)) + (y - second) != 0) {
                        m.raised |= PE;
                    }
                }
                return bits;
            }
        }
        return addLong32(a, b, m);
    }

    /** SUBSS: {@code a - b}. */
    public static int sub32(int a, int b, MxcsrContext m) {
        return isNan32(b) ? addLong32(a, b, m) : add32(a, b ^ SIGN32, m);
    }

    /** MULSS: {@code a * b}. */
    public static int mul32(int a, int b, MxcsrContext m) {
        if ((m.mxcsr & SHORT_WAY) == PM && isNormalOrZero32(a) && isNormalOrZero32(b)) {
            double product = (double) Float.intBitsToFloat(a) * Float.intBitsToFloat(b); // 48 bits: exact
            float rounded = (float) product;
            int bits = Float.floatToRawIntBits(rounded);
            int magnitude = bits & ~SIGN32;
            if (product == 0 || magnitude > MIN_NORMAL32 && magnitude < INFINITY32) {
                if ((m.mxcsr & PE) == 0 && rounded != product) {
                    m.raised |= PE;
                }
                return bits;
            }
        }
        return mulLong32(a, b, m);
    }

    /** DIVSS: {@code a / b}. */
    public static int div32(int a, int b, MxcsrContext m) {
        if ((m.mxcsr & SHORT_WAY) == PM && isNormalOrZero32(a) && isNormal32(b)) {
            float x = Float.intBitsToFloat(a);
            float y = Float.intBitsToFloat(b);
            float quotient = x / y;
            int bits = Float.floatToRawIntBits(quotient);
            int magnitude = bits & ~SIGN32;
            if (x == 0 || magnitude > MIN_NORMAL32 && magnitude < INFINITY32) {
                if ((m.mxcsr & PE) == 0 && (double) quotient * y != x) {
                    m.raised |= PE;
                }
                return bits;
            }
        }
        return divLong32(a, b, m);
    }

    /** SQRTSS. */
    public static int sqrt32(int a, MxcsrContext m) {
        if ((m.mxcsr & SHORT_WAY) == PM && isNormalOrZero32(a) && (a >= 0 || a == SIGN32)) {
            float x = Float.intBitsToFloat(a);
            float root = (float) Math.sqrt(x);
            if ((m.mxcsr & PE) == 0 && (double) root * root != x) {
                m.raised |= PE;
            }
            return Float.floatToRawIntBits(root);
        }
        return sqrtLong32(a, m);
    }

    // ---- fused multiply-add ---------------------------------------------------------------------------------------

    /**
     * FMA3: {@code ±(x * y) ± z} rounded once. Which operand of the instruction is {@code x}, {@code y} and {@code z}
     * follows from its 132, 213 or 231; NaNs are chosen in the order x, y, z (SDM vol. 1, 14.5.2).
     *
     * @param negate sum of {@link #NEGATE_PRODUCT} and {@link #NEGATE_ADDEND}
     */
    public static long fma64(long x, long y, long z, int negate, MxcsrContext m) {
        if ((m.mxcsr & (SHORT_WAY | PE)) == (PM | PE)
                && isNormalOrZero64(x)
                && isNormalOrZero64(y)
                && isNormalOrZero64(z)) {
            double first = Double.longBitsToDouble((negate & NEGATE_PRODUCT) != 0 ? x ^ SIGN64 : x);
            double addend = Double.longBitsToDouble((negate & NEGATE_ADDEND) != 0 ? z ^ SIGN64 : z);
            long bits = Double.doubleToRawLongBits(Math.fma(first, Double.longBitsToDouble(y), addend));
            long magnitude = bits & ~SIGN64;
            if (magnitude > MIN_NORMAL64 && magnitude < INFINITY64) {
                return bits;
            }
        }
        return fmaLong64(x, y, z, negate, m);
    }

    /** {@link #fma64} in single precision. */
    public static int fma32(int x, int y, int z, int negate, MxcsrContext m) {
        if ((m.mxcsr & (SHORT_WAY | PE)) == (PM | PE)
                && isNormalOrZero32(x)
                && isNormalOrZero32(y)
                && isNormalOrZero32(z)) {
            float first = Float.intBitsToFloat((negate & NEGATE_PRODUCT) != 0 ? x ^ SIGN32 : x);
            float addend = Float.intBitsToFloat((negate & NEGATE_ADDEND) != 0 ? z ^ SIGN32 : z);
            int bits = Float.floatToRawIntBits(Math.fma(first, Float.intBitsToFloat(y), addend));
            int magnitude = bits & ~SIGN32;
            if (magnitude > MIN_NORMAL32 && magnitude < INFINITY32) {
                return bits;
            }
        }
        return fmaLong32(x, y, z, negate, m);
    }

    private static long fmaLong64(long x, long y, long z, int negate, MxcsrContext m) {
        long p = flush64(x, m);
        long q = flush64(y, m);
        long r = flush64(z, m);
        return fmaCore(p, q, r, isDenormal64(p) || isDenormal64(q) || isDenormal64(r), negate, false, m);
    }

    private static int fmaLong32(int x, int y, int z, int negate, MxcsrContext m) {
        int p = flush32(x, m);
        int q = flush32(y, m);
        int r = flush32(z, m);
        boolean denormal = isDenormal32(p) || isDenormal32(q) || isDenormal32(r);
        return (int) fmaCore(widen(p), widen(q), widen(r), denormal, negate, true, m);
    }

    private static long fmaCore(long x, long y, long z, boolean denormal, int negate, boolean single, MxcsrContext m) {
        if (isNan64(x) || isNan64(y) || isNan64(z)) {
            if (isSignaling64(x) || isSignaling64(y) || isSignaling64(z)) {
                m.raised |= IE;
            }
            return nanResult(isNan64(x) ? x : isNan64(y) ? y : z, single);
        }
        long productSign = (x ^ y ^ ((negate & NEGATE_PRODUCT) != 0 ? SIGN64 : 0)) & SIGN64;
        long addend = (negate & NEGATE_ADDEND) != 0 ? z ^ SIGN64 : z;
        boolean xInfinite = isInfinite64(x);
        boolean yInfinite = isInfinite64(y);
        if (xInfinite && isZero64(y) || yInfinite && isZero64(x)) {
            return invalid(single, m);
        }
        if (xInfinite || yInfinite) {
            if (isInfinite64(addend) && (addend & SIGN64) != productSign) {
                return invalid(single, m);
            }
            raiseDenormal(denormal, m);
            return infinity(productSign, single);
        }
        raiseDenormal(denormal, m);
        if (isInfinite64(addend)) {
            return infinity(addend, single);
        }
        if (isZero64(x) || isZero64(y)) {
            if (isZero64(addend)) {
                long sign = (addend & SIGN64) == productSign ? productSign : cancelledSign(m);
                return zero(sign, single);
            }
            return pack(addend, exponent(addend), significand(addend), single, m);
        }
        long a = significand(x);
        long b = significand(y);
        long high = Math.unsignedMultiplyHigh(a, b);
        long low = a * b;
        int exponent = exponent(x) + exponent(y) + 1; // of a significand whose top bit is bit 127
        if (high >= 0) {
            high = high << 1 | low >>> 63;
            low <<= 1;
            exponent--;
        }
        if (isZero64(addend)) {
            return pack(productSign, exponent, high | (low == 0 ? 0 : 1), single, m);
        }
        // Both are below 2^127 from here on, so that a sum has room.
        low = high << 63 | low >>> 1 | low & 1;
        high >>>= 1;
        long addendHigh = significand(addend) >>> 1;
        long addendLow = significand(addend) << 63;
        int difference = exponent - exponent(addend);
        if (difference >= 0) {
            long shifted = shiftLow(addendHigh, addendLow, difference);
            addendHigh = difference > 63 ? 0 : addendHigh >>> difference;
            addendLow = shifted;
        } else {
            long shifted = shiftLow(high, low, -difference);
            high = -difference > 63 ? 0 : high >>> -difference;
            low = shifted;
            exponent -= difference;
        }
        long sign = productSign;
        if ((addend & SIGN64) == productSign) {
            long sum = low + addendLow;
            high += addendHigh + (Long.compareUnsigned(sum, low) < 0 ? 1 : 0);
            low = sum;
        } else {
            int order = Long.compareUnsigned(high, addendHigh);
            if (order == 0) {
                order = Long.compareUnsigned(low, addendLow);
            }
            if (order == 0) {
                return zero(cancelledSign(m), single);
            }
            if (order > 0) {
                high -= addendHigh + (Long.compareUnsigned(low, addendLow) < 0 ? 1 : 0);
                low -= addendLow;
            } else {
                sign = addend & SIGN64;
                high = addendHigh - high - (Long.compareUnsigned(addendLow, low) < 0 ? 1 : 0);
                low = addendLow - low;
            }
        }
        exponent++;
        if (high == 0) {
            high = low;
            low = 0;
            exponent -= 64;
        }
        int shift = Long.numberOfLeadingZeros(high);
        if (shift > 0) {
            high = high << shift | low >>> -shift;
            low <<= shift;
            exponent -= shift;
        }
        return pack(sign, exponent, high | (low == 0 ? 0 : 1), single, m);
    }

    /** Low half of {@code high:low} shifted right by {@code count}, what is lost kept in bit 0. */
    private static long shiftLow(long high, long low, int count) {
        if (count == 0) {
            return low;
        }
        if (count < 64) {
            return high << -count | low >>> count | (low << -count == 0 ? 0 : 1);
        }
        if (count == 64) {
            return high | (low == 0 ? 0 : 1);
        }
        return WideInteger.shiftRightJam(high | (low == 0 ? 0 : 1), count - 64);
    }

    // ---- long way -------------------------------------------------------------------------------------------------

    private static long addLong64(long a, long b, MxcsrContext m) {
        long x = flush64(a, m);
        long y = flush64(b, m);
        return addCore(x, y, isDenormal64(x) || isDenormal64(y), false, m);
    }

    private static int addLong32(int a, int b, MxcsrContext m) {
        int x = flush32(a, m);
        int y = flush32(b, m);
        return (int) addCore(widen(x), widen(y), isDenormal32(x) || isDenormal32(y), true, m);
    }

    private static long mulLong64(long a, long b, MxcsrContext m) {
        long x = flush64(a, m);
        long y = flush64(b, m);
        return mulCore(x, y, isDenormal64(x) || isDenormal64(y), false, m);
    }

    private static int mulLong32(int a, int b, MxcsrContext m) {
        int x = flush32(a, m);
        int y = flush32(b, m);
        return (int) mulCore(widen(x), widen(y), isDenormal32(x) || isDenormal32(y), true, m);
    }

    private static long divLong64(long a, long b, MxcsrContext m) {
        long x = flush64(a, m);
        long y = flush64(b, m);
        return divCore(x, y, isDenormal64(x) || isDenormal64(y), false, m);
    }

    private static int divLong32(int a, int b, MxcsrContext m) {
        int x = flush32(a, m);
        int y = flush32(b, m);
        return (int) divCore(widen(x), widen(y), isDenormal32(x) || isDenormal32(y), true, m);
    }

    private static long sqrtLong64(long a, MxcsrContext m) {
        long x = flush64(a, m);
        return sqrtCore(x, isDenormal64(x), false, m);
    }

    private static int sqrtLong32(int a, MxcsrContext m) {
        int x = flush32(a, m);
        return (int) sqrtCore(widen(x), isDenormal32(x), true, m);
    }

    private static long addCore(long a, long b, boolean denormal, boolean single, MxcsrContext m) {
        if (isNan64(a) || isNan64(b)) {
            return chooseNan(a, b, single, m);
        }
        if (isInfinite64(a)) {
            if (isInfinite64(b) && a != b) {
                return invalid(single, m);
            }
            raiseDenormal(denormal, m);
            return infinity(a, single);
        }
        raiseDenormal(denormal, m);
        if (isInfinite64(b)) {
            return infinity(b, single);
        }
        if (isZero64(b)) {
            if (isZero64(a)) {
                return zero(a == b ? a : cancelledSign(m), single);
            }
            return pack(a, exponent(a), significand(a), single, m);
        }
        if (isZero64(a)) {
            return pack(b, exponent(b), significand(b), single, m);
        }
        if ((a & ~SIGN64) < (b & ~SIGN64)) {
            long swap = a;
            a = b;
            b = swap;
        }
        int exponent = exponent(a);
        long x = significand(a) >>> 1;
        long y = WideInteger.shiftRightJam(significand(b) >>> 1, exponent - exponent(b));
        long sum = (a ^ b) >= 0 ? x + y : x - y;
        if (sum == 0) {
            return zero(cancelledSign(m), single);
        }
        int shift = Long.numberOfLeadingZeros(sum);
        return pack(a, exponent + 1 - shift, sum << shift, single, m);
    }

    private static long mulCore(long a, long b, boolean denormal, boolean single, MxcsrContext m) {
        if (isNan64(a) || isNan64(b)) {
            return chooseNan(a, b, single, m);
        }
        long sign = (a ^ b) & SIGN64;
        if (isInfinite64(a) || isInfinite64(b)) {
            if (isZero64(a) || isZero64(b)) {
                return invalid(single, m);
            }
            raiseDenormal(denormal, m);
            return infinity(sign, single);
        }
        raiseDenormal(denormal, m);
        if (isZero64(a) || isZero64(b)) {
            return zero(sign, single);
        }
        long x = significand(a);
        long y = significand(b);
        long high = Math.unsignedMultiplyHigh(x, y);
        long low = x * y;
        int shift = Long.numberOfLeadingZeros(high); // 0 or 1
        high = high << shift | (low == 0 ? 0 : 1); // bit 0 is far below the last bit kept
        return pack(sign, exponent(a) + exponent(b) + 1 - shift, high, single, m);
    }

    private static long divCore(long a, long b, boolean denormal, boolean single, MxcsrContext m) {
        if (isNan64(a) || isNan64(b)) {
            return chooseNan(a, b, single, m);
        }
        long sign = (a ^ b) & SIGN64;
        if (isInfinite64(a)) {
            if (isInfinite64(b)) {
                return invalid(single, m);
            }
            raiseDenormal(denormal, m);
            return infinity(sign, single);
        }
        if (isZero64(b)) {
            if (isZero64(a)) {
                return invalid(single, m);
            }
            m.raised |= ZE;
            return infinity(sign, single);
        }
        raiseDenormal(denormal, m);
        if (isZero64(a) || isInfinite64(b)) {
            return zero(sign, single);
        }
        long x = significand(a) >>> 1;
        long y = significand(b);
        long quotient = WideInteger.divide(x, 0, y); // in [2^62, 2^64)
        long sticky = quotient * y == 0 ? 0 : 1;
        int shift = Long.numberOfLeadingZeros(quotient);
        return pack(sign, exponent(a) - exponent(b) - shift, quotient << shift | sticky, single, m);
    }

    private static long sqrtCore(long a, boolean denormal, boolean single, MxcsrContext m) {
        if (isNan64(a)) {
            return chooseNan(a, a, single, m);
        }
        if (isZero64(a)) {
            return zero(a, single);
        }
        if (a < 0) {
            return invalid(single, m);
        }
        raiseDenormal(denormal, m);
        if (isInfinite64(a)) {
            return infinity(a, single);
        }
        int exponent = exponent(a);
        // The root of a number in [1, 4), where the residual is exact; then half the even part of the exponent.
        long fraction = significand(a) >>> 11 & FRACTION64;
        double scaled = Double.longBitsToDouble((1023L + (exponent & 1)) << 52 | fraction);
        double root = Math.sqrt(scaled);
        double residual = Math.fma(-root, root, scaled);
        long bits = significand(Double.doubleToRawLongBits(root));
        // The root lies within half a unit of the nearest float64: one bit above or below it says on which side.
        bits = residual == 0 ? bits : residual > 0 ? bits | 1 : bits - 1;
        return pack(0, exponent >> 1, bits, single, m);
    }

    // ---- minimum, maximum, comparison -----------------------------------------------------------------------------

    /** MINSD: the second operand if either is a NaN or both are zeros (SDM vol. 2, MINSD). */
    public static long min64(long a, long b, MxcsrContext m) {
        long x = flush64(a, m);
        long y = flush64(b, m);
        return orderForExtremes64(x, y, m) && Double.longBitsToDouble(x) < Double.longBitsToDouble(y) ? x : y;
    }

    /** MAXSD: the second operand if either is a NaN or both are zeros (SDM vol. 2, MAXSD). */
    public static long max64(long a, long b, MxcsrContext m) {
        long x = flush64(a, m);
        long y = flush64(b, m);
        return orderForExtremes64(x, y, m) && Double.longBitsToDouble(x) > Double.longBitsToDouble(y) ? x : y;
    }

    /** MINSS. */
    public static int min32(int a, int b, MxcsrContext m) {
        int x = flush32(a, m);
        int y = flush32(b, m);
        return orderForExtremes32(x, y, m) && Float.intBitsToFloat(x) < Float.intBitsToFloat(y) ? x : y;
    }

    /** MAXSS. */
    public static int max32(int a, int b, MxcsrContext m) {
        int x = flush32(a, m);
        int y = flush32(b, m);
        return orderForExtremes32(x, y, m) && Float.intBitsToFloat(x) > Float.intBitsToFloat(y) ? x : y;
    }

    private static boolean orderForExtremes64(long x, long y, MxcsrContext m) {
        if (isNan64(x) || isNan64(y)) {
            m.raised |= IE;
            return false;
        }
        raiseDenormal(isDenormal64(x) || isDenormal64(y), m);
        return true;
    }

    private static boolean orderForExtremes32(int x, int y, MxcsrContext m) {
        if (isNan32(x) || isNan32(y)) {
            m.raised |= IE;
            return false;
        }
        raiseDenormal(isDenormal32(x) || isDenormal32(y), m);
        return true;
    }

    private static final int LESS = 1;

    private static final int EQUAL = 2;
    private static final int GREATER = 4;
    private static final int UNORDERED = 8;

    /** What predicates 0 to 15 hold of, four bits each; 16 to 31 differ from them only in what QNaNs raise. */
    private static final long PREDICATES = predicates();

    /** Predicates (one bit each) for which a QNaN is invalid (SDM vol. 2, table 3-1 of CMPPD). */
    private static final int SIGNALING_PREDICATES = 0x9999_6666;

    private static long predicates() {
        int[] holds = {
            EQUAL, // EQ
            LESS, // LT
            LESS | EQUAL, // LE
            UNORDERED, // UNORD
            LESS | GREATER | UNORDERED, // NEQ
            EQUAL | GREATER | UNORDERED, // NLT
            GREATER | UNORDERED, // NLE
            LESS | EQUAL | GREATER, // ORD
            EQUAL | UNORDERED, // EQ_UQ
            LESS | UNORDERED, // NGE
            LESS | EQUAL | UNORDERED, // NGT
            0, // FALSE
            LESS | GREATER, // NEQ_OQ
            EQUAL | GREATER, // GE
            GREATER, // GT
            LESS | EQUAL | GREATER | UNORDERED // TRUE
        };
        long packed = 0;
        for (int i = 0; i < holds.length; i++) {
            packed |= (long) holds[i] << 4 * i;
        }
        return packed;
    }

    /**
     * CMPSD and VCMPSD: whether predicate {@code imm} (0 to 31; legacy encodings use 0 to 7) holds of {@code a} and
     * {@code b}.
     */
    public static boolean compare64(long a, long b, int imm, MxcsrContext m) {
        long x = flush64(a, m);
        long y = flush64(b, m);
        boolean signaling = isSignaling64(x) || isSignaling64(y);
        int relation = relation(Double.longBitsToDouble(x), Double.longBitsToDouble(y));
        return decide(relation, imm, signaling, isDenormal64(x) || isDenormal64(y), m);
    }

    /** CMPSS and VCMPSS. */
    public static boolean compare32(int a, int b, int imm, MxcsrContext m) {
        int x = flush32(a, m);
        int y = flush32(b, m);
        boolean signaling = isSignaling32(x) || isSignaling32(y);
        int relation = relation(Float.intBitsToFloat(x), Float.intBitsToFloat(y));
        return decide(relation, imm, signaling, isDenormal32(x) || isDenormal32(y), m);
    }

    private static boolean decide(int relation, int imm, boolean signaling, boolean denormal, MxcsrContext m) {
        if (relation == UNORDERED) {
            if (signaling || (SIGNALING_PREDICATES >>> imm & 1) != 0) {
                m.raised |= IE;
            }
        } else {
            raiseDenormal(denormal, m);
        }
        return (PREDICATES >>> 4 * (imm & 15) & relation) != 0;
    }

    private static int relation(double x, double y) {
        return x < y ? LESS : x > y ? GREATER : x == y ? EQUAL : UNORDERED;
    }

    /** RFLAGS after UCOMISD: ZF (0x40), PF (0x04), CF (0x01) of 111 unordered, 000 greater, 001 less, 100 equal. */
    public static int ucomi64(long a, long b, MxcsrContext m) {
        return comiFlags64(a, b, false, m);
    }

    /** {@link #ucomi64} for COMISD, to which QNaNs are invalid too. */
    public static int comi64(long a, long b, MxcsrContext m) {
        return comiFlags64(a, b, true, m);
    }

    /** {@link #ucomi64} for UCOMISS. */
    public static int ucomi32(int a, int b, MxcsrContext m) {
        return comiFlags32(a, b, false, m);
    }

    /** {@link #comi64} for COMISS. */
    public static int comi32(int a, int b, MxcsrContext m) {
        return comiFlags32(a, b, true, m);
    }

    private static int comiFlags64(long a, long b, boolean quietIsInvalid, MxcsrContext m) {
        long x = flush64(a, m);
        long y = flush64(b, m);
        int relation = relation(Double.longBitsToDouble(x), Double.longBitsToDouble(y));
        if (relation == UNORDERED) {
            if (quietIsInvalid || isSignaling64(x) || isSignaling64(y)) {
                m.raised |= IE;
            }
        } else {
            raiseDenormal(isDenormal64(x) || isDenormal64(y), m);
        }
        return flags(relation);
    }

    private static int comiFlags32(int a, int b, boolean quietIsInvalid, MxcsrContext m) {
        int x = flush32(a, m);
        int y = flush32(b, m);
        int relation = relation(Float.intBitsToFloat(x), Float.intBitsToFloat(y));
        if (relation == UNORDERED) {
            if (quietIsInvalid || isSignaling32(x) || isSignaling32(y)) {
                m.raised |= IE;
            }
        } else {
            raiseDenormal(isDenormal32(x) || isDenormal32(y), m);
        }
        return flags(relation);
    }

    private static int flags(int relation) {
        return relation == LESS ? 0x01 : relation == EQUAL ? 0x40 : relation == GREATER ? 0 : 0x45;
    }

    // ---- dot products and approximations --------------------------------------------------------------------------

    /**
     * DPPS: the sum of the products that bits 7:4 of {@code imm} choose, added as the manual adds them; the caller
     * stores it as bits 3:0 say. Exceptions of all steps are raised together.
     */
    public static int dotProduct32(
            int a0, int a1, int a2, int a3, int b0, int b1, int b2, int b3, int imm, MxcsrContext m) {
        int p0 = (imm & 0x10) != 0 ? mul32(a0, b0, m) : 0;
        int p1 = (imm & 0x20) != 0 ? mul32(a1, b1, m) : 0;
        int p2 = (imm & 0x40) != 0 ? mul32(a2, b2, m) : 0;
        int p3 = (imm & 0x80) != 0 ? mul32(a3, b3, m) : 0;
        return add32(add32(p0, p1, m), add32(p2, p3, m), m);
    }

    /** DPPD: as {@link #dotProduct32}, by bits 5:4 of {@code imm}. */
    public static long dotProduct64(long a0, long a1, long b0, long b1, int imm, MxcsrContext m) {
        long p0 = (imm & 0x10) != 0 ? mul64(a0, b0, m) : 0;
        long p1 = (imm & 0x20) != 0 ? mul64(a1, b1, m) : 0;
        return add64(p0, p1, m);
    }

    /**
     * RCPSS: the reciprocal to 12 bits, within the relative error of 1.5 * 2^-12 that the manual allows; it heeds no
     * field of MXCSR and raises nothing. Denormals count as zeros, tiny results become zeros.
     */
    public static int rcp32(int a) {
        if (isNan32(a)) {
            return a | 1 << 22;
        }
        if ((a & INFINITY32) == 0) {
            return a & SIGN32 | INFINITY32;
        }
        int bits = to12Bits(1.0 / Float.intBitsToFloat(a));
        return (bits & INFINITY32) == 0 ? bits & SIGN32 : bits;
    }

    /** RSQRTSS: the reciprocal of the square root, as exact and as quiet as {@link #rcp32}. */
    public static int rsqrt32(int a) {
        if (isNan32(a)) {
            return a | 1 << 22;
        }
        if ((a & INFINITY32) == 0) {
            return a & SIGN32 | INFINITY32;
        }
        if (a < 0) {
            return (int) nanResult(INDEFINITE64, true);
        }
        return to12Bits(1 / Math.sqrt(Float.intBitsToFloat(a)));
    }

    /** The nearest float32 with at most 12 bits after the leading one. */
    private static int to12Bits(double value) {
        return Float.floatToRawIntBits((float) value) + (1 << 10) & -1 << 11;
    }

    // ---- results --------------------------------------------------------------------------------------------------

    /**
     * Rounds {@code significand * 2^(exponent - 63)} to the format and packs it, raising OE, UE and PE.
     *
     * @param sign only the top bit counts
     * @param significand top bit set; bit 0 stands for all lower bits
     */
    static long pack(long sign, int exponent, long significand, boolean single, MxcsrContext m) {
        int precision = single ? 24 : 53;
        int bias = single ? 127 : 1023;
        int minimum = 1 - bias;
        int drop = 64 - precision;
        int rounding = m.rounding();
        boolean negative = sign < 0;
        long kept = round(significand, drop, rounding, negative);
        boolean inexact = significand << precision != 0;
        int rounded = exponent;
        if (kept >>> precision != 0) {
            kept >>>= 1;
            rounded++;
        }
        if (rounded < minimum) {
            // Tiny, as found after rounding with an unbounded exponent (SDM vol. 1, 4.9.1.5).
            if ((m.mxcsr & UM) == 0) {
                m.raised |= inexact ? UE | PE : UE;
                return zero(sign, single);
            }
            if ((m.mxcsr & FTZ) != 0) {
                m.raised |= UE | PE;
                return zero(sign, single);
            }
            return denormalize(sign, exponent, significand, single, m);
        }
        if (rounded > bias) {
            // Unmasked, PE tells of rounding with an unbounded exponent only.
            m.raised |= inexact || (m.mxcsr & OE << MASK_SHIFT) != 0 ? OE | PE : OE;
            boolean toInfinity = rounding == NEAREST || rounding == (negative ? DOWN : UP);
            return toInfinity ? infinity(sign, single) : infinity(sign, single) - 1;
        }
        if (inexact) {
            m.raised |= PE;
        }
        return assemble(sign, kept + ((long) (rounded + bias - 1) << precision - 1), single);
    }

    private static long denormalize(long sign, int exponent, long significand, boolean single, MxcsrContext m) {
        int precision = single ? 24 : 53;
        int minimum = single ? -126 : -1022;
        long shifted = WideInteger.shiftRightJam(significand, minimum - exponent);
        if (shifted << precision != 0) {
            m.raised |= UE | PE;
        }
        return assemble(sign, round(shifted, 64 - precision, m.rounding(), sign < 0), single);
    }

    /** {@code significand} without its low {@code drop} bits, rounded. */
    static long round(long significand, int drop, int rounding, boolean negative) {
        long kept = significand >>> drop;
        long rest = significand << -drop;
        if (rest == 0) {
            return kept;
        }
        return switch (rounding) {
            case NEAREST -> rest > 0 ? kept : rest == Long.MIN_VALUE ? kept + (kept & 1) : kept + 1;
            case DOWN -> negative ? kept + 1 : kept;
            case UP -> negative ? kept : kept + 1;
            default -> kept;
        };
    }

    private static long assemble(long sign, long magnitude, boolean single) {
        return single ? sign >>> 32 & 0x8000_0000L | magnitude : sign & SIGN64 | magnitude;
    }

    static long zero(long sign, boolean single) {
        return assemble(sign, 0, single);
    }

    static long infinity(long sign, boolean single) {
        return assemble(sign, single ? INFINITY32 : INFINITY64, single);
    }

    /** Sign of a sum that is exactly zero though its terms are not both zeros of one sign. */
    private static long cancelledSign(MxcsrContext m) {
        return m.rounding() == DOWN ? SIGN64 : 0;
    }

    private static long invalid(boolean single, MxcsrContext m) {
        m.raised |= IE;
        return nanResult(INDEFINITE64, single);
    }

    /** SDM vol. 1, table 4-7, SSE column: the first operand if it is a NaN, else the second; made quiet. */
    private static long chooseNan(long a, long b, boolean single, MxcsrContext m) {
        if (isSignaling64(a) || isSignaling64(b)) {
            m.raised |= IE;
        }
        return nanResult(isNan64(a) ? a : b, single);
    }

    /** A NaN made quiet, in the format of the result. */
    static long nanResult(long nan, boolean single) {
        return single ? assemble(nan, INFINITY32 | (nan | QUIET64) >>> 29 & FRACTION32, true) : nan | QUIET64;
    }

    private static void raiseDenormal(boolean denormal, MxcsrContext m) {
        if (denormal) {
            m.raised |= DE;
        }
    }

    // ---- operands -------------------------------------------------------------------------------------------------

    /** A float32 as float64, without quieting a NaN. */
    static long widen(int a) {
        if (isNan32(a)) {
            return (long) (a & SIGN32) << 32 | INFINITY64 | (long) (a & FRACTION32) << 29;
        }
        return Double.doubleToRawLongBits(Float.intBitsToFloat(a));
    }

    /** Exponent of a number that is not zero, its significand being in [1, 2). */
    static int exponent(long a) {
        int field = (int) (a >>> 52) & 0x7FF;
        return field == 0 ? -1011 - Long.numberOfLeadingZeros(a & FRACTION64) : field - 1023;
    }

    /** Significand of a number that is not zero, shifted so that its top bit is bit 63. */
    static long significand(long a) {
        long fraction = a & FRACTION64;
        if ((a & INFINITY64) == 0) {
            return fraction << Long.numberOfLeadingZeros(fraction);
        }
        return (fraction | MIN_NORMAL64) << 11;
    }

    static long flush64(long a, MxcsrContext m) {
        return (m.mxcsr & DAZ) != 0 && (a & INFINITY64) == 0 ? a & SIGN64 : a;
    }

    static int flush32(int a, MxcsrContext m) {
        return (m.mxcsr & DAZ) != 0 && (a & INFINITY32) == 0 ? a & SIGN32 : a;
    }

    static boolean isNormal64(long a) {
        return (a + MIN_NORMAL64 & INFINITY64) > MIN_NORMAL64;
    }

    static boolean isNormalOrZero64(long a) {
        return isNormal64(a) || a << 1 == 0;
    }

    static boolean isNormal32(int a) {
        return (a + MIN_NORMAL32 & INFINITY32) > MIN_NORMAL32;
    }

    static boolean isNormalOrZero32(int a) {
        return isNormal32(a) || a << 1 == 0;
    }

    static boolean isNan64(long a) {
        return (a & ~SIGN64) > INFINITY64;
    }

    static boolean isNan32(int a) {
        return (a & ~SIGN32) > INFINITY32;
    }

    static boolean isSignaling64(long a) {
        return isNan64(a) && (a & QUIET64) == 0;
    }

    static boolean isSignaling32(int a) {
        return isNan32(a) && (a & 1 << 22) == 0;
    }

    static boolean isInfinite64(long a) {
        return (a & ~SIGN64) == INFINITY64;
    }

    static boolean isZero64(long a) {
        return a << 1 == 0;
    }

    static boolean isDenormal64(long a) {
        return (a & INFINITY64) == 0 && a << 1 != 0;
    }

    static boolean isDenormal32(int a) {
        return (a & INFINITY32) == 0 && a << 1 != 0;
    }
}
