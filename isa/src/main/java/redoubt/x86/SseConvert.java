package redoubt.x86;

import static redoubt.x86.MxcsrContext.DE;
import static redoubt.x86.MxcsrContext.DOWN;
import static redoubt.x86.MxcsrContext.IE;
import static redoubt.x86.MxcsrContext.NEAREST;
import static redoubt.x86.MxcsrContext.OE;
import static redoubt.x86.MxcsrContext.PE;
import static redoubt.x86.MxcsrContext.TRUNCATE;
import static redoubt.x86.MxcsrContext.UE;
import static redoubt.x86.MxcsrContext.UP;

/**
 * One element of the SSE and AVX conversions between integers and floating-point formats, and of rounding to an integral
 * value, on raw bits (SDM vol. 1, 4.8 and 11.5; vol. 2, CVT*, ROUND*, VCVTPH2PS, VCVTPS2PH).
 *
 * <p>Where a method takes a rounding mode, CVT* passes {@link MxcsrContext#rounding()} and CVTT* passes
 * {@link MxcsrContext#TRUNCATE}. Conversions to integers give the integer indefinite for what does not fit and ignore
 * that an operand is denormal, save for DAZ.
 */
public final class SseConvert {
    /** ROUNDSD immediate: use MXCSR's rounding control instead of bits 1:0. */
    public static final int ROUND_BY_MXCSR = 4;
    /** ROUNDSD immediate: do not raise PE. */
    public static final int ROUND_QUIETLY = 8;

    private static final double TWO_63 = 0x1p63;

    private SseConvert() {}

    // ---- integer to float -----------------------------------------------------------------------------------------

    /** CVTSI2SD, CVTDQ2PD from 32 bits, which is exact. */
    public static long i32ToF64(int value) {
        return Double.doubleToRawLongBits(value);
    }

    /** CVTSI2SS, CVTDQ2PS from 32 bits. */
    public static int i32ToF32(int value, MxcsrContext m) {
        return i64ToF32(value, m);
    }

    /** CVTSI2SD from 64 bits. */
    public static long i64ToF64(long value, MxcsrContext m) {
        if (value == 0) {
            return 0;
        }
        long magnitude = Math.abs(value);
        int shift = Long.numberOfLeadingZeros(magnitude);
        return SseFloat.pack(value, 63 - shift, magnitude << shift, false, m);
    }

    /** CVTSI2SS from 64 bits. */
    public static int i64ToF32(long value, MxcsrContext m) {
        if (value == 0) {
            return 0;
        }
        long magnitude = Math.abs(value);
        int shift = Long.numberOfLeadingZeros(magnitude);
        return (int) SseFloat.pack(value, 63 - shift, magnitude << shift, true, m);
    }

    /** VCVTUSI2SD, VCVTUQQ2PD from an unsigned 64-bit integer. */
    public static long u64ToF64(long value, MxcsrContext m) {
        if (value == 0) {
            return 0;
        }
        int shift = Long.numberOfLeadingZeros(value);
        return SseFloat.pack(0, 63 - shift, value << shift, false, m);
    }

    /** VCVTUSI2SS, VCVTUQQ2PS from an unsigned 64-bit integer. */
    public static int u64ToF32(long value, MxcsrContext m) {
        if (value == 0) {
            return 0;
        }
        int shift = Long.numberOfLeadingZeros(value);
        return (int) SseFloat.pack(0, 63 - shift, value << shift, true, m);
    }

    // ---- float to integer -----------------------------------------------------------------------------------------

    /** CVTSD2SI, CVTTSD2SI to 32 bits. */
    public static int f64ToI32(long a, int rounding, MxcsrContext m) {
        double x = Double.longBitsToDouble(SseFloat.flush64(a, m));
        return toI32(x, integral(x, rounding), m);
    }

    /** CVTSD2SI, CVTTSD2SI to 64 bits. */
    public static long f64ToI64(long a, int rounding, MxcsrContext m) {
        double x = Double.longBitsToDouble(SseFloat.flush64(a, m));
        return toI64(x, integral(x, rounding), m);
    }

    /** CVTSS2SI, CVTTSS2SI, CVTPS2DQ to 32 bits. */
    public static int f32ToI32(int a, int rounding, MxcsrContext m) {
        double x = Float.intBitsToFloat(SseFloat.flush32(a, m));
        return toI32(x, integral(x, rounding), m);
    }

    /** CVTSS2SI, CVTTSS2SI to 64 bits. */
    public static long f32ToI64(int a, int rounding, MxcsrContext m) {
        double x = Float.intBitsToFloat(SseFloat.flush32(a, m));
        return toI64(x, integral(x, rounding), m);
    }

    /** VCVTSD2USI to 32 bits, unsigned; all ones for what does not fit. */
    public static int f64ToU32(long a, int rounding, MxcsrContext m) {
        double x = Double.longBitsToDouble(SseFloat.flush64(a, m));
        return toU32(x, integral(x, rounding), m);
    }

    /** VCVTSD2USI to 64 bits, unsigned; all ones for what does not fit. */
    public static long f64ToU64(long a, int rounding, MxcsrContext m) {
        double x = Double.longBitsToDouble(SseFloat.flush64(a, m));
        return toU64(x, integral(x, rounding), m);
    }

    /** VCVTSS2USI to 32 bits, unsigned; all ones for what does not fit. */
    public static int f32ToU32(int a, int rounding, MxcsrContext m) {
        double x = Float.intBitsToFloat(SseFloat.flush32(a, m));
        return toU32(x, integral(x, rounding), m);
    }

    /** VCVTSS2USI to 64 bits, unsigned; all ones for what does not fit. */
    public static long f32ToU64(int a, int rounding, MxcsrContext m) {
        double x = Float.intBitsToFloat(SseFloat.flush32(a, m));
        return toU64(x, integral(x, rounding), m);
    }

    private static int toI32(double x, double integral, MxcsrContext m) {
        if (!(integral >= Integer.MIN_VALUE && integral <= Integer.MAX_VALUE)) {
            m.raised |= IE;
            return Integer.MIN_VALUE;
        }
        if (integral != x) {
            m.raised |= PE;
        }
        return (int) integral;
    }

    private static long toI64(double x, double integral, MxcsrContext m) {
        if (!(integral >= -TWO_63 && integral < TWO_63)) {
            m.raised |= IE;
            return Long.MIN_VALUE;
        }
        if (integral != x) {
            m.raised |= PE;
        }
        return (long) integral;
    }

    private static int toU32(double x, double integral, MxcsrContext m) {
        if (!(integral >= 0 && integral < 0x1p32)) {
            m.raised |= IE;
            return -1;
        }
        if (integral != x) {
            m.raised |= PE;
        }
        return (int) (long) integral;
    }

    private static long toU64(double x, double integral, MxcsrContext m) {
        if (!(integral >= 0 && integral < 0x1p64)) {
            m.raised |= IE;
            return -1;
        }
        if (integral != x) {
            m.raised |= PE;
        }
        return integral < TWO_63 ? (long) integral : (long) (integral - TWO_63) ^ Long.MIN_VALUE;
    }

    /** {@code x} rounded to an integral value, keeping the sign of a zero. */
    private static double integral(double x, int rounding) {
        return switch (rounding) {
            case NEAREST -> Math.rint(x);
            case DOWN -> Math.floor(x);
            case UP -> Math.ceil(x);
            default -> x < 0 ? Math.ceil(x) : Math.floor(x);
        };
    }

    // ---- between float formats ------------------------------------------------------------------------------------

    /** CVTSS2SD. */
    public static long f32ToF64(int a, MxcsrContext m) {
        int x = SseFloat.flush32(a, m);
        if (SseFloat.isNan32(x)) {
            if (SseFloat.isSignaling32(x)) {
                m.raised |= IE;
            }
            return SseFloat.widen(x) | SseFloat.QUIET64;
        }
        if (SseFloat.isDenormal32(x)) {
            m.raised |= DE;
        }
        return SseFloat.widen(x);
    }

    /** CVTSD2SS. */
    public static int f64ToF32(long a, MxcsrContext m) {
        long x = SseFloat.flush64(a, m);
        if (SseFloat.isNan64(x)) {
            if (SseFloat.isSignaling64(x)) {
                m.raised |= IE;
            }
            return (int) SseFloat.nanResult(x, true);
        }
        if (SseFloat.isZero64(x)) {
            return (int) SseFloat.zero(x, true);
        }
        if (SseFloat.isInfinite64(x)) {
            return (int) SseFloat.infinity(x, true);
        }
        if (SseFloat.isDenormal64(x)) {
            m.raised |= DE;
        }
        return (int) SseFloat.pack(x, SseFloat.exponent(x), SseFloat.significand(x), true, m);
    }

    /** VCVTPH2PS: a half-precision number, in the low 16 bits, as float32. Heeds neither DAZ nor denormals. */
    public static int f16ToF32(int half, MxcsrContext m) {
        int sign = (half & 0x8000) << 16;
        int field = half >>> 10 & 0x1F;
        int fraction = half & 0x3FF;
        if (field == 0x1F) {
            if (fraction == 0) {
                return sign | SseFloat.INFINITY32;
            }
            if ((fraction & 0x200) == 0) {
                m.raised |= IE;
            }
            return sign | SseFloat.INFINITY32 | 1 << 22 | fraction << 13;
        }
        if (field == 0) {
            return sign | Float.floatToRawIntBits(fraction * 0x1p-24f);
        }
        return sign | field + (127 - 15) << 23 | fraction << 13;
    }

    /**
     * VCVTPS2PH: a float32 as half precision, in the low 16 bits. Heeds DAZ but not FTZ.
     *
     * @param imm bits 1:0 round, unless bit 2 says that MXCSR does
     */
    public static int f32ToF16(int a, int imm, MxcsrContext m) {
        int x = SseFloat.flush32(a, m);
        int sign = x >>> 16 & 0x8000;
        if (SseFloat.isNan32(x)) {
            if (SseFloat.isSignaling32(x)) {
                m.raised |= IE;
            }
            return sign | 0x7E00 | x >>> 13 & 0x3FF;
        }
        int magnitude = x & ~SseFloat.SIGN32;
        if (magnitude == 0 || magnitude == SseFloat.INFINITY32) {
            return sign | (magnitude == 0 ? 0 : 0x7C00);
        }
        if (SseFloat.isDenormal32(x)) {
            m.raised |= DE;
        }
        int rounding = (imm & ROUND_BY_MXCSR) != 0 ? m.rounding() : imm & 3;
        boolean negative = sign != 0;
        long wide = SseFloat.widen(x);
        int exponent = SseFloat.exponent(wide);
        long significand = SseFloat.significand(wide);
        long kept = SseFloat.round(significand, 53, rounding, negative);
        int rounded = kept >>> 11 != 0 ? exponent + 1 : exponent;
        if (rounded > 15) {
            boolean masked = (m.mxcsr & OE << MxcsrContext.MASK_SHIFT) != 0;
            m.raised |= masked || significand << 11 != 0 ? OE | PE : OE;
            boolean toInfinity = rounding == NEAREST || rounding == (negative ? DOWN : UP);
            return sign | (toInfinity ? 0x7C00 : 0x7BFF);
        }
        if (exponent < -14) {
            if (rounded < -14 && (m.mxcsr & UE << MxcsrContext.MASK_SHIFT) == 0) {
                m.raised |= significand << 11 != 0 ? UE | PE : UE;
                return sign;
            }
            long shifted = WideInteger.shiftRightJam(significand, -14 - exponent);
            if (shifted << 11 != 0) {
                m.raised |= rounded < -14 ? UE | PE : PE;
            }
            return sign | (int) SseFloat.round(shifted, 53, rounding, negative);
        }
        if (significand << 11 != 0) {
            m.raised |= PE;
        }
        return sign | (int) kept + (exponent + 14 << 10);
    }

    // ---- rounding to an integral value ----------------------------------------------------------------------------

    /** ROUNDSD with immediate {@code imm}. */
    public static long round64(long a, int imm, MxcsrContext m) {
        long x = SseFloat.flush64(a, m);
        if (SseFloat.isNan64(x)) {
            if (SseFloat.isSignaling64(x)) {
                m.raised |= IE;
            }
            return x | SseFloat.QUIET64;
        }
        double value = Double.longBitsToDouble(x);
        double integral = integral(value, roundingOf(imm, m));
        if (integral != value && (imm & ROUND_QUIETLY) == 0) {
            m.raised |= PE;
        }
        return Double.doubleToRawLongBits(integral);
    }

    /** ROUNDSS with immediate {@code imm}. */
    public static int round32(int a, int imm, MxcsrContext m) {
        int x = SseFloat.flush32(a, m);
        if (SseFloat.isNan32(x)) {
            if (SseFloat.isSignaling32(x)) {
                m.raised |= IE;
            }
            return x | 1 << 22;
        }
        float value = Float.intBitsToFloat(x);
        float integral = (float) integral(value, roundingOf(imm, m));
        if (integral != value && (imm & ROUND_QUIETLY) == 0) {
            m.raised |= PE;
        }
        return Float.floatToRawIntBits(integral);
    }

    private static int roundingOf(int imm, MxcsrContext m) {
        return (imm & ROUND_BY_MXCSR) != 0 ? m.rounding() : imm & TRUNCATE;
    }
}
