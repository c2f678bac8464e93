package redoubt.x86;

import org.jspecify.annotations.Nullable;

/** One decoded instruction. Mutable and reused: decoding allocates nothing. */
public final class Insn {
    /** An instruction yet to be decoded. */
    public Insn() {}

    /** What was recognised, or null for an undefined encoding. */
    public @Nullable Row row;

    /** Length in bytes, prefixes included. */
    public int length;

    /** 16, 32 or 64: the code segment's mode. */
    public int mode;

    /** 16, 32 or 64. */
    public int operandSize;

    /** 16, 32 or 64. */
    public int addressSize;

    /** Whether an operand-size prefix was present. */
    public boolean operandPrefix;

    public boolean lock;
    /** 0, 0xF2 or 0xF3: the last repeat prefix. */
    public int repeat;

    /** 0 ES, 1 CS, 2 SS, 3 DS, 4 FS, 5 GS, or -1: the override. In 64-bit mode only FS and GS are kept. */
    public int segment;

    /** REX byte, or 0. */
    public int rex;

    /** VEX.W or REX.W. */
    public int w;

    /** VEX.L. */
    public int l;

    /** VEX.vvvv. */
    public int vvvv;

    public boolean hasModRm;
    public int mod;
    /** ModRM.reg with REX.R. */
    public int reg;

    /** ModRM.rm with REX.B (register forms), or the register in the opcode. */
    public int rm;

    /** Memory form. */
    public boolean memory;
    /** Base register of a memory operand, -1 none, -2 RIP. */
    public int base;

    /** Index register, or -1. */
    public int index;

    /** log2. */
    public int scale;

    /** Displacement, sign-extended (moffs: the whole offset). */
    public long displacement;

    /** Immediate, sign-extended to 64 bits; relative targets: the offset from the next instruction. */
    public long immediate;

    /** A second immediate: ENTER's level, a far pointer's selector. */
    public int immediate2;

    /** Default segment of the memory operand when there is no override. */
    public int defaultSegment() {
        return base == 4 || base == 5 ? 2 : 3;
    }
}
