package redoubt.x86;

/**
 * What an SSE or AVX floating-point operation reads and writes besides its operands: MXCSR (SDM vol. 1, 10.2.3 and 11.5).
 *
 * <p>An operation adds the exceptions it meets to {@link #raised} and leaves {@link #mxcsr} alone. When all elements of
 * an instruction are done, the caller calls {@link #commit()} before it writes the destination: a vector instruction
 * reports the exceptions of its elements together, and an unmasked one leaves the destination as it was.
 */
public final class MxcsrContext {
    /** Nothing raised yet. */
    public MxcsrContext() {}

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
    /** Denormal operands count as zeros. */
    public static final int DAZ = 1 << 6;
    /** Distance from an exception flag to its mask. */
    public static final int MASK_SHIFT = 7;
    /** Position of the rounding control field. */
    public static final int RC_SHIFT = 13;
    /** Tiny results become zeros, if underflow is masked. */
    public static final int FTZ = 1 << 15;
    /** All six exception flags. */
    public static final int FLAGS = 0x3F;
    /** Value at reset: everything masked, round to nearest. */
    public static final int DEFAULT = 0x1F80;

    /** Rounding control: to nearest, ties to even. */
    public static final int NEAREST = 0;
    /** Rounding control: towards minus infinity. */
    public static final int DOWN = 1;
    /** Rounding control: towards plus infinity. */
    public static final int UP = 2;
    /** Rounding control: towards zero. */
    public static final int TRUNCATE = 3;

    /** The register: sticky flags, DAZ, masks, rounding control, FTZ. */
    public int mxcsr = DEFAULT;

    /**
     * Exceptions met since the last {@link #commit()}. PE may be missing when it is masked and already sticky in
     * {@link #mxcsr}, since nothing could tell.
     */
    public int raised;

    /** All ones while the operations of several lanes add to {@link #raised} before it is committed, else 0. */
    public int carried;

    /** The rounding control field. */
    public int rounding() {
        return mxcsr >>> RC_SHIFT & 3;
    }

    /**
     * Ends an instruction: moves {@link #raised} into the sticky flags.
     *
     * <p>If an element met an unmasked invalid, denormal or divide-by-zero condition, no element was computed and the
     * flags found after computation are not set (SDM vol. 1, 11.5.3.2).
     *
     * @return true if an exception is unmasked: the caller raises #XM and does not write the destination
     */
    public boolean commit() {
        int flags = raised;
        if (flags == 0) {
            return false;
        }
        raised = 0;
        int unmasked = flags & ~(mxcsr >>> MASK_SHIFT) & FLAGS;
        if ((unmasked & (IE | DE | ZE)) != 0) {
            flags &= IE | DE | ZE;
        }
        mxcsr |= flags;
        return unmasked != 0;
    }
}
