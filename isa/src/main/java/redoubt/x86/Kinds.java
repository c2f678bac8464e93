package redoubt.x86;

import java.util.ArrayList;
import java.util.List;

/**
 * Numbers the handlers: a kind is a row in one operand size (or vector length) and one form, register or memory. The
 * numbering is a pure function of {@link Rows#ALL}, so that the generator at build time and the decoder at run time
 * agree. The commonest kinds come first: they are dispatched by the interpreter's first-level switch.
 */
public final class Kinds {
    /** Not an instruction: the code under the running block has been rewritten, decode again. Zero, so that cleared memory means it. */
    public static final int RESYNC = 0;

    /**
     * Not an instruction: works out a segmented or address-size-dependent operand into {@link Op#TEMP}. Second word: 0..2
     * segment register number, 3..4 address size (0: 16, 1: 32, 2: 64), 5 write, 8..15 bytes accessed.
     */
    public static final int EA_GENERAL = 1;

    /** Not an instruction: {@link Op#TEMP} is the second word plus the segment base {@code b} (moffs forms in 64-bit mode). */
    public static final int EA_ABSOLUTE = 2;

    /** Raises #UD. */
    public static final int UNDEFINED = 3;

    /** An instruction that the architecture has and this processor does not implement: an internal-error exit. */
    public static final int UNIMPLEMENTED = 4;

    /** Raises #GP(0): longer than 15 bytes, or privileged at the wrong level. */
    public static final int TOO_LONG = 5;

    /** First kind of a row. */
    public static final int FIRST = 6;

    /** Kinds below this are dispatched at the first level. */
    public static final int HOT = 470;

    /** One handler. */
    public record Kind(int number, Row row, int size, boolean memory, boolean longVector) {}

    /** All handlers by number, from {@link #FIRST}. */
    public static final List<Kind> ALL;

    private static final List<String> HOT_MNEMONICS = List.of(
            "MOV", "CMP", "ADD", "TEST", "MOVZX", "JMP", "PUSH", "POP", "MOVSXD", "LEA", "CALL", "SUB", "RET", "NOP",
            "XOR", "AND", "SHR", "DEC", "SAR", "SHL", "OR", "NOT", "INC", "MOVSX", "SBB", "IMUL", "ROL", "BT", "NEG",
            "BTR", "BSWAP", "ADC", "XCHG", "ROR", "CDQE", "CDQ", "LEAVE", "MUL", "DIV", "XADD", "CMPXCHG", "TZCNT",
            "BTS", "STI", "CLI", "PUSHF", "POPF");

    private static final int[][] BY_ROW;

    static {
        List<Kind> hot = new ArrayList<>();
        List<Kind> cold = new ArrayList<>();
        BY_ROW = new int[Rows.ALL.size()][8];
        for (Row row : Rows.ALL) {
            for (int variant = 0; variant < 8; variant++) {
                int size = sizeOf(row, variant);
                boolean memory = (variant & 1) != 0;
                if (size == 0 || memory && !row.hasMemoryForm() || !memory && !row.hasRegisterForm()) {
                    continue;
                }
                boolean longVector = row.hasLongVector() && (variant >> 1) == 1;
                Kind kind = new Kind(0, row, size, memory, longVector);
                (isHot(row, size) ? hot : cold).add(kind);
            }
        }
        List<Kind> all = new ArrayList<>();
        hot.addAll(cold);
        for (Kind kind : hot) {
            int number = FIRST + all.size();
            all.add(new Kind(number, kind.row, kind.size, kind.memory, kind.longVector));
            BY_ROW[kind.row.id][variant(kind.row, kind.size, kind.memory, kind.longVector)] = number;
        }
        if (FIRST + all.size() > 4096) {
            throw new IllegalStateException(all.size() + " handlers: a packed operation has 12 bits for the kind");
        }
        ALL = List.copyOf(all);
    }

    private Kinds() {}

    private static int variant(Row row, int size, boolean memory, boolean longVector) {
        int high = row.isSized() ? (size == 16 ? 0 : size == 32 ? 1 : 2) : longVector ? 1 : 0;
        return high << 1 | (memory ? 1 : 0);
    }

    /** Operand size of a variant, 0 if the row has no such variant. */
    private static int sizeOf(Row row, int variant) {
        int high = variant >> 1;
        if (row.isSized()) {
            if (high > 2) {
                return 0;
            }
            int size = 16 << high;
            boolean only32And64 = row.operands.stream().anyMatch(o -> o.size() == 'y')
                    && row.operands.stream().noneMatch(o -> o.size() == 'v');
            return only32And64 && size == 16
                            || row.has("i64") && size == 64
                            || row.w == 0 && size == 64
                            || row.w == 1 && size != 64
                    ? 0
                    : size;
        }
        if (high == 0) {
            return row.vex && row.l == 1 && row.hasLongVector() ? 0 : 32;
        }
        return high == 1 && row.hasLongVector() ? 32 : 0;
    }

    private static boolean isHot(Row row, int size) {
        boolean conditional = row.has("cond");
        return !row.vex
                && size != 16
                && !row.has("i64")
                && (conditional && !row.mnemonic.startsWith("SET")
                        || HOT_MNEMONICS.contains(row.mnemonic)
                        || row.mnemonic.startsWith("SET") && conditional);
    }

    /** The kind of a row, or {@link #UNDEFINED} when it has no such form. */
    public static int of(Row row, int size, boolean memory, boolean longVector) {
        int kind = BY_ROW[row.id][variant(row, size, memory, longVector && row.hasLongVector())];
        return kind == 0 ? UNDEFINED : kind;
    }

    /** Whether the kind's operation is two words long. */
    public static boolean isTwoWord(Kind kind) {
        for (Operand operand : kind.row.operands) {
            char k = operand.kind();
            if (k == 'I' && operand.size() == 'v' && kind.size == 64
                    || kind.memory && (k == 'I' || k == 'H' || k == 'B' || k == 'L')
                    || k == 'L') {
                return true;
            }
        }
        return kind.row.has("two");
    }
}
