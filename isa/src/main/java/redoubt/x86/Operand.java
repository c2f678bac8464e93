package redoubt.x86;

/**
 * One operand of a {@link Row}, in the notation of SDM vol. 2, appendix A.2, with its access in front: {@code =} written,
 * {@code +} read and written, nothing: read.
 *
 * <p>Kinds: {@code E} register or memory by ModRM.rm; {@code G} register by ModRM.reg; {@code R} register by ModRM.rm
 * (memory form undefined); {@code M} memory only, its <em>address</em> is passed; {@code Z} register in the opcode's low
 * bits; {@code B} register by VEX.vvvv; {@code A} the accumulator; {@code c} CL; {@code I} immediate; {@code J} branch
 * target; {@code O} memory at an absolute offset; {@code 1} the constant 1; {@code S} segment register number;
 * {@code C}/{@code D} control and debug register number; {@code V} XMM/YMM by ModRM.reg; {@code W} the same or memory by
 * ModRM.rm; {@code U} the same, register only; {@code H} by VEX.vvvv; {@code L} by imm8[7:4]; {@code P}, {@code Q},
 * {@code N} the MMX counterparts of {@code V}, {@code W}, {@code U}.
 *
 * <p>Sizes: {@code b w d q} 1, 2, 4, 8 bytes; {@code o} 16; {@code v} the operand size; {@code y} 4 or 8 by operand
 * size; {@code z} an immediate of 2 or 4 bytes; {@code s} an imm8 sign-extended to the operand size; {@code x} the
 * vector length.
 *
 * @param kind the letter
 * @param size the size letter, or a space
 * @param reads whether the old value is an input
 * @param writes whether the operand is a result
 */
public record Operand(char kind, char size, boolean reads, boolean writes) {
    static Operand parse(String text) {
        char access = text.charAt(0);
        String rest = access == '=' || access == '+' ? text.substring(1) : text;
        return new Operand(
                rest.charAt(0),
                rest.length() > 1 ? rest.charAt(1) : ' ',
                access != '=',
                access == '=' || access == '+');
    }

    /** Whether ModRM must be fetched for this operand. */
    public boolean usesModRm() {
        return "EGRMSCDVWUPQN".indexOf(kind) >= 0;
    }

    /** Whether the operand can be memory. */
    public boolean mayBeMemory() {
        return kind == 'E' || kind == 'W' || kind == 'Q' || kind == 'M' || kind == 'O';
    }

    /** Whether this is a vector (XMM/YMM) operand. */
    public boolean isVector() {
        return "VWUHL".indexOf(kind) >= 0;
    }

    /** Whether this is an MMX operand. */
    public boolean isMmx() {
        return "PQN".indexOf(kind) >= 0;
    }

    /** Whether the width follows the operand size. */
    public boolean followsOperandSize() {
        return size == 'v' || size == 'y' || size == 'z' || size == 's';
    }

    /** Width in bits under an operand size of 16, 32 or 64; vectors: 128 (per lane). */
    public int bits(int operandSize) {
        return switch (size) {
            case 'b' -> 8;
            case 'w' -> 16;
            case 'd' -> 32;
            case 'q' -> 64;
            case 'o', 'x' -> 128;
            case 'y' -> operandSize == 64 ? 64 : 32;
            case 'v', 'z', 's' -> operandSize;
            default -> operandSize;
        };
    }
}
