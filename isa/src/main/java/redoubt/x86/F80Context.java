package redoubt.x86;

/**
 * What an x87 operation reads and writes besides its operands: the control word, the exceptions and condition codes of
 * this one operation, and its result, since hot code returns no objects (SDM vol. 1, 8.1.3 to 8.1.5).
 *
 * <p>Each operation of {@link F80}, {@link F80Convert} and {@link F80Transcendental} starts by clearing {@link #flags}
 * and {@link #codes}. After it, the caller adds the flags to the status word, and writes the result unless
 * {@link #suppressed()} (registers) or {@link #storeSuppressed()} (memory); nor does it pop or push then. Condition codes,
 * and RFLAGS after FCOMI, are written in any case, as an AMD Zen 4 does. An unmasked exception is pending until the
 * next waiting instruction; raising #MF is the caller's.
 */
public final class F80Context {
    /** As at power-up: nothing masked, nothing raised. */
    public F80Context() {}

    /** Invalid operation. */
    public static final int IE = 1;
    /** Denormal operand. */
    public static final int DE = 1 << 1;
    /** Division by zero. */
    public static final int ZE = 1 << 2;
    /** Overflow. */
    public static final int OE = 1 << 3;
    /** Underflow. */
    public static final int UE = 1 << 4;
    /** Inexact result. */
    public static final int PE = 1 << 5;
    /** All six exceptions, as flags in the status word and as masks in the control word. */
    public static final int EXCEPTIONS = 0x3F;
    /** Condition code 0, in its place in the status word. */
    public static final int C0 = 1 << 8;
    /** Condition code 1, in its place in the status word. */
    public static final int C1 = 1 << 9;
    /** Condition code 2, in its place in the status word. */
    public static final int C2 = 1 << 10;
    /** Condition code 3, in its place in the status word. */
    public static final int C3 = 1 << 14;
    /** The control word that FNINIT sets: everything masked, 64 bits, round to nearest. */
    public static final int DEFAULT_CONTROL = 0x37F;

    /** Control word: masks in bits 5:0, precision control in 9:8, rounding control in 11:10. */
    public int control = DEFAULT_CONTROL;
    /** Exceptions of the last operation, masked or not. */
    public int flags;
    /**
     * Condition codes of the last operation: C1 for all, the others for comparisons, FXAM, FPREM, FPREM1 and the
     * trigonometric functions.
     */
    public int codes;
    /** Sign and exponent of the result, 16 bits. */
    public int se;
    /** Significand of the result, its integer bit being bit 63. */
    public long sig;
    /** Second result of FXTRACT, FSINCOS and FPTAN, which is pushed after the first took ST(0)'s place. */
    public int se2;
    /** Significand of the second result. */
    public long sig2;
    /**
     * Set by {@link F80Convert#widen32} and {@link F80Convert#widen64}: the operand that comes from memory was denormal
     * there. The next operation takes account of it and clears it.
     */
    public boolean denormalOperand;

    // What rounding found, between the parts of one operation.
    boolean inexact;
    boolean up;
    // A working number wider than a register: hi:lo / 2^127 * 2^exponent, or as the method that sets it says.
    long hi;
    long lo;
    int exponent;

    /** Whether the result must not be written to a register: an unmasked IE, DE or ZE. */
    public boolean suppressed() {
        return (flags & ~control & (IE | DE | ZE)) != 0;
    }

    /** Whether the result must not be written to memory: any unmasked exception but PE. */
    public boolean storeSuppressed() {
        return (flags & ~control & (IE | DE | ZE | OE | UE)) != 0;
    }

    /** Whether an exception of the last operation is unmasked. */
    public boolean unmasked() {
        return (flags & ~control & EXCEPTIONS) != 0;
    }

    /** Rounding control: 0 nearest, 1 down, 2 up, 3 truncate. */
    int rounding() {
        return control >>> 10 & 3;
    }

    /** Low bits of a 64-bit significand that precision control drops: 40, 11 or none. */
    int drop() {
        return switch (control >>> 8 & 3) {
            case 0 -> 40;
            case 2 -> 11;
            default -> 0;
        };
    }

    boolean masked(int exception) {
        return (control & exception) != 0;
    }

    void begin() {
        flags = 0;
        codes = 0;
    }

    void result(int signExponent, long significand) {
        se = signExponent;
        sig = significand;
    }
}
