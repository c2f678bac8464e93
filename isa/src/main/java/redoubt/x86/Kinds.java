package redoubt.x86;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

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
     * segment register number, 3..4 address size (0: 16, 1: 32, 2: 64), 5 write, 32..47 bytes
     * accessed; of a bit string 16 set, 17..18 its operand size (0: 16, 1: 32, 2: 64), 20..24 the register with the bit's number.
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

    /** Not an instruction: #UD in real-address and virtual-8086 mode, where the one behind it does not exist. */
    public static final int PROTECTED_MODE = 6;

    /** First kind of a row. */
    public static final int FIRST = 7;

    /** Kinds below this are dispatched at the first level. */
    public static final int HOT;

    /** One handler. */
    public record Kind(int number, Row row, int size, boolean memory, boolean longVector) {}

    /** All handlers by number, from {@link #FIRST}. */
    public static final List<Kind> ALL;

    /**
     * The rows that compiled code executes most, the commonest first, by mnemonic and encoding; they were 99 % of what Linux
     * 6.1 executes until its init runs. A short first level is compiled soon; and HotSpot's first compiler searches a switch
     * from its first case on, so until the second has compiled it, the order decides how far.
     */
    private static final List<String> HOT_ROWS = List.of("""
            MOV 89; ADD 83/0; JNE 75; MOV 8B; CMP 39; MOVZX 0F.B6; JE 74; TEST 84; TEST 85; ADD 01; PUSH 50+r;
            POP 58+r; MOVSXD 63; LEA 8D; RET C3; CALL E8; JE 0F.84; JMP E9; JNE 0F.85; CMP 83/7; XOR 31;
            JNS 79; NOP 0F.1F; CMP 80/7; MOV B8+r; TEST F6/0; SUB 29; JAE 73; CMP 3C; MOV C7/0; JMP EB;
            SHR C1/5; SUB 83/5; AND 83/4; JB 72; ADD 03; SHL C1/4; MOV C6/0; CMP 3A; MOV 88; SAR C1/7; CMP 3B;
            JA 77; SAR D1/7; CMP 81/7; AND 81/4; NOT F7/2; AND 21; INC FF/0; MOVZX 0F.B7; CMOVAE 0F.43;
            JB 0F.82; SHR D1/5; TEST F7/0; DEC FF/1; JBE 0F.86; OR 09; SUB 2B; MOVSX 0F.BE; CMOVB 0F.42;
            JAE 0F.83; SBB 19; OR 83/1; IMUL 0F.AF; ADD 05; JA 0F.87; TEST A8; CMP 38; CALL FF/2; SETNE 0F.95;
            JBE 76; ADD 81/0; JS 0F.88; ROL C1/0; JLE 7E; AND 25; CMP 3D; OR 0B; PUSHF 9C; TEST A9;
            CMPXCHG 0F.B1; NOP NP.90; SETE 0F.94; SHL D3/4; CMOVE 0F.44; SETB 0F.92; CMOVS 0F.48; CLI FA;
            NEG F7/3; JS 78; STI FB; BSWAP 0F.C8+r; SHR D3/5; MOV 8A; AND 23; JMP FF/4; LEAVE C9; JNS 0F.89;
            JLE 0F.8E; JL 7C; JL 0F.8C; JGE 7D; JGE 0F.8D; JG 7F; JG 0F.8F; CMOVNE 0F.45; XOR 33; XOR 83/6;
            BT 0F.A3; MUL F7/4; DIV F7/6; ADC 11; POPF 9D""".split(";\\s+"));

    private static final int[][] BY_ROW;

    static {
        List<Kind> hot = new ArrayList<>();
        List<Kind> cold = new ArrayList<>();
        BY_ROW = new int[Rows.ALL.size()][8];
        Map<String, Integer> ranks = new HashMap<>();
        for (String row : HOT_ROWS) {
            ranks.put(row, ranks.size());
        }
        List<List<Kind>> ranked = new ArrayList<>();
        HOT_ROWS.forEach(_ -> ranked.add(new ArrayList<>()));
        for (Row row : Rows.ALL) {
            Integer rank = ranks.get(row.mnemonic + " " + row.encoding);
            for (int variant = 0; variant < 8; variant++) {
                int size = sizeOf(row, variant);
                boolean memory = (variant & 1) != 0;
                if (size == 0 || memory && !row.hasMemoryForm() || !memory && !row.hasRegisterForm()) {
                    continue;
                }
                boolean longVector = row.hasLongVector() && (variant >> 1) == 1;
                Kind kind = new Kind(0, row, size, memory, longVector);
                (size != 16 && rank != null ? ranked.get(rank) : cold).add(kind);
            }
        }
        ranked.forEach(hot::addAll);
        HOT = FIRST + hot.size();
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
            return row.atLeast32 && size == 16
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
