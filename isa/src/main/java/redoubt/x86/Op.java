package redoubt.x86;

/**
 * The packed form of a decoded instruction: one {@code long}, and a second one when the kind needs it (see
 * {@link Kinds#isTwoWord}).
 *
 * <pre>
 *  0..11 kind            the handler (see {@link Kinds})
 * 12..16 a               register operand: ModRM.reg, or the register in the opcode
 * 17..21 b               ModRM.rm register, or the base of a memory operand
 * 22..26 index           index of a memory operand; VEX.vvvv in register forms
 * 27..28 scale           log2
 * 31     stack           in an instruction's first word: its memory operand is addressed through SS
 * 32..63 imm             displacement of a memory operand, else the immediate or relative target, signed
 *
 * relative branches: 17..29 page offset of the next instruction, 32..63 displacement
 *
 * second word, memory forms: 0..31 immediate, 32..36 VEX.vvvv, 40..44 register of imm8[7:4]
 * second word, otherwise: a 64-bit immediate
 * </pre>
 *
 * Register numbers of a general-purpose operand address {@code Cpu.r}: 0 to 15 the GPRs, then the pseudo-registers below.
 * An 8-bit operand uses 16 to 19 for AH, CH, DH, BH.
 */
public final class Op {
    /** Always zero: the base or index of a memory operand without one. */
    public static final int ZERO = 16;

    /** Linear address of the code page being executed: base of RIP-relative operands and of branch targets. */
    public static final int PAGE = 17;

    /** Linear address worked out by a preceding {@link Kinds#EA_GENERAL} operation. */
    public static final int TEMP = 18;

    /** FS base. */
    public static final int FS_BASE = 19;

    /** GS base. */
    public static final int GS_BASE = 20;

    /** Mark of an instruction whose explicit memory operand has the stack segment: decides between #SS and #GP. */
    public static final long STACK = 1L << 31;

    private Op() {}

    public static int kind(long op) {
        return (int) op & 0xFFF;
    }

    public static int a(long op) {
        return (int) (op >>> 12) & 31;
    }

    public static int b(long op) {
        return (int) (op >>> 17) & 31;
    }

    public static int index(long op) {
        return (int) (op >>> 22) & 31;
    }

    public static int scale(long op) {
        return (int) (op >>> 27) & 3;
    }

    public static int imm(long op) {
        return (int) (op >> 32);
    }

    /** Packs the fields; see the class comment for their ranges. */
    public static long pack(int kind, int a, int b, int index, int scale, int imm) {
        return kind | (long) a << 12 | (long) b << 17 | (long) index << 22 | (long) scale << 27 | (long) imm << 32;
    }

    /** Packs a relative branch: page offset of the instruction after it, and displacement. */
    public static long packBranch(int kind, int next, int displacement) {
        return kind | (long) next << 17 | (long) displacement << 32;
    }

    /** VEX.vvvv in a second word. */
    public static int vvvv(long second) {
        return (int) (second >>> 32) & 31;
    }

    /** The register of imm8[7:4] in a second word. */
    public static int is4(long second) {
        return (int) (second >>> 40) & 31;
    }
}
