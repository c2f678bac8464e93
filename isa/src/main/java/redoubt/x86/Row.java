package redoubt.x86;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * One encoding of one instruction: everything that decoder, disassembler, interpreter, translator and tests know of it.
 *
 * <p>The encoding text: parts joined by dots, in this order: {@code V} for VEX; a mandatory prefix {@code NP}, {@code 66},
 * {@code F3}, {@code F2} (absent: prefixes do not select this row, 66 is the operand size); {@code W0}/{@code W1};
 * {@code L0}/{@code L1}; the map {@code 0F}, {@code 0F38}, {@code 0F3A}; and the opcode byte, with {@code /n} for ModRM.reg
 * or {@code =XX} for a whole ModRM byte, {@code +r} when its low three bits name a register (eight opcodes).
 *
 * <p>Flags: {@code lock} LOCK allowed with a memory destination; {@code d64} operand size defaults to 64 in 64-bit mode and
 * cannot be 32; {@code f64} operand size is 64 in 64-bit mode whatever the prefixes; {@code i64} invalid in 64-bit mode;
 * {@code o64} only in 64-bit mode; {@code cpl0} privileged (#GP above ring 0); {@code sized} the semantic function's name
 * gets the operand size though no operand has it; {@code end} ends a block (changes RIP or anything the decoding depends
 * on); {@code raw} the function gets the packed operation word instead of operands; {@code string} a string instruction;
 * {@code cond} the function is a condition (JCC, SETCC, CMOVCC); {@code unaligned} no 16-byte alignment check of a
 * legacy-encoded vector memory operand; {@code aligned} one of a VEX-encoded one; {@code part} RFLAGS.AC does not count
 * though the operand has only 8 bytes; {@code encl} #UD inside an enclave;
 * {@code store} it writes its memory operand, which is more than a number or has a conversion on its way;
 * {@code mod3} register form only; {@code mem} memory form only; {@code vsib} the index of the memory operand is a vector;
 * {@code rdi} memory at DS:rDI, or another segment by prefix, whose address the function finds in {@link Op#TEMP};
 * {@code rax} likewise at DS:rAX;
 * {@code xmm0} VEX-encoded with XMM0 as destination, unnamed; {@code probe} a destination in memory is checked before the
 * function runs, which may raise a floating-point exception; {@code unless-zero} the destination keeps all its bits when the
 * second operand is zero.
 *
 * <p>Flags of VEX instructions with 256 bits. Their function is called once per 128-bit lane, operands of the size
 * {@code x} being advanced for the upper one, unless they say otherwise: {@code whole} it handles the whole vector and,
 * where the row has both lengths, gets the number of lanes as last argument; {@code joint} the floating-point exceptions of
 * both lanes are raised together; {@code upper2} to {@code upper4} the upper lane's immediate starts at that bit;
 * {@code source2}, {@code source4}, {@code source8} the upper lane's source starts at that byte; {@code narrow} each lane
 * gives 64 bits of a 128-bit result. {@code 132}, {@code 213}, {@code 231} the order in which a fused multiply-add's
 * operands are its factors and addend.
 */
public final class Row {
    /** Mandatory-prefix values of {@link #prefix}. */
    public static final int ANY_PREFIX = -1;

    public final String mnemonic;
    public final String encoding;
    public final List<Operand> operands;
    /** Semantic class and base name of the function, as {@code Alu.add}. */
    public final String semantics;

    public final Set<String> flags;
    public final Feature feature;

    /** 0 one-byte, 1 0F, 2 0F38, 3 0F3A. */
    public final int map;

    public final int opcode;
    public final boolean vex;
    /** {@link #ANY_PREFIX}, 0 (none allowed), 0x66, 0xF3 or 0xF2. */
    public final int prefix;

    /** ModRM.reg, or -1. */
    public final int reg;

    /** The whole ModRM byte, or -1. */
    public final int modRm;

    /** REX.W/VEX.W, or -1 for either. */
    public final int w;

    /** VEX.L, or -1 for either. */
    public final int l;

    public final boolean hasModRm;
    public final boolean registerInOpcode;

    /** Whether the operand size is 32 or 64 bits in all modes, with and without an operand-size prefix. */
    public final boolean atLeast32;

    /** Status flags the manual leaves undefined after this instruction, letters of "OSZAPC"; for tests. */
    public final String undefined;

    /** Position in {@link Rows#ALL}. */
    public int id = -1;

    Row(
            String mnemonic,
            String encoding,
            String operandText,
            String semantics,
            Feature feature,
            String undefined,
            String... flagNames) {
        this.mnemonic = mnemonic;
        this.encoding = encoding;
        this.semantics = semantics;
        this.feature = feature;
        this.undefined = undefined;
        this.flags = Set.copyOf(Arrays.asList(flagNames));
        List<Operand> parsed = new ArrayList<>();
        if (!operandText.isEmpty()) {
            for (String part : operandText.split(",")) {
                parsed.add(Operand.parse(part));
            }
        }
        this.operands = List.copyOf(parsed);
        boolean isVex = false;
        int needPrefix = ANY_PREFIX;
        int needW = -1;
        int needL = -1;
        int inMap = 0;
        String[] parts = encoding.split("\\.");
        String last = parts[parts.length - 1];
        for (int i = 0; i < parts.length - 1; i++) {
            switch (parts[i]) {
                case "V" -> isVex = true;
                case "NP" -> needPrefix = 0;
                case "66" -> needPrefix = 0x66;
                case "F3" -> needPrefix = 0xF3;
                case "F2" -> needPrefix = 0xF2;
                case "W0" -> needW = 0;
                case "W1" -> needW = 1;
                case "L0" -> needL = 0;
                case "L1" -> needL = 1;
                case "0F" -> inMap = 1;
                case "0F38" -> inMap = 2;
                case "0F3A" -> inMap = 3;
                default -> throw new IllegalArgumentException(encoding + ": unknown part " + parts[i]);
            }
        }
        vex = isVex;
        prefix = isVex && needPrefix == ANY_PREFIX ? 0 : needPrefix;
        w = needW;
        l = needL;
        map = inMap;
        opcode = Integer.parseInt(last.substring(0, 2), 16);
        registerInOpcode = last.endsWith("+r");
        reg = last.length() > 2 && last.charAt(2) == '/' ? last.charAt(3) - '0' : -1;
        modRm = last.length() > 2 && last.charAt(2) == '=' ? Integer.parseInt(last.substring(3), 16) : -1;
        atLeast32 = operands.stream().anyMatch(o -> o.size() == 'y')
                && operands.stream().noneMatch(o -> o.size() == 'v');
        hasModRm = reg >= 0 || modRm >= 0 || operands.stream().anyMatch(Operand::usesModRm) || has("modrm");
    }

    /** Whether the row carries this flag (see the class comment for the names). */
    public boolean has(String flag) {
        return flags.contains(flag);
    }

    /** Whether it is Jcc: when it is not taken, a block goes on behind it. */
    public boolean isConditionalJump() {
        return has("cond") && has("end");
    }

    /** Whether the operand size selects among functions. */
    public boolean isSized() {
        return has("sized") || operands.stream().anyMatch(Operand::followsOperandSize);
    }

    /** Whether there is an operand that may be memory or register, so that both forms exist. */
    public boolean hasMemoryForm() {
        return !has("mod3") && modRm < 0 && operands.stream().anyMatch(Operand::mayBeMemory);
    }

    /** Whether the register form exists. */
    public boolean hasRegisterForm() {
        return !has("mem") && operands.stream().noneMatch(o -> o.kind() == 'M' || o.kind() == 'O');
    }

    /** Whether a vector length of 256 bits is possible. */
    public boolean hasLongVector() {
        return vex && l != 0 && operands.stream().anyMatch(o -> o.isVector() && o.size() == 'x');
    }

    /** Whether a processor with these features has the instruction: VEX-encoded vectors need AVX besides their own. */
    public boolean isIn(Set<Feature> present) {
        return present.contains(feature) && !(isVexVector() && !present.contains(Feature.AVX));
    }

    /** Whether this is a VEX-encoded instruction on vector state, which the operating system must have enabled. */
    public boolean isVexVector() {
        return vex
                && (operands.stream().anyMatch(Operand::isVector)
                        || feature.compareTo(Feature.AVX) >= 0 && feature.compareTo(Feature.VPCLMULQDQ) <= 0);
    }

    /** How specific the row is: a more specific one is tried first. */
    int rank() {
        return (modRm >= 0 ? 8 : 0) + (prefix != ANY_PREFIX ? 4 : 0) + (reg >= 0 ? 2 : 0) + (w >= 0 ? 1 : 0);
    }

    @Override
    public String toString() {
        return mnemonic + " [" + encoding + "]";
    }
}
