package redoubt.x86;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * Turns instruction bytes into {@link Insn}: SDM vol. 2 chapter 2. Table-driven by {@link Rows}; rows of features that the
 * processor model lacks do not exist for it, so that their encodings fall to an older meaning or to #UD, as on hardware.
 */
public final class Decoder {
    /** Decoded, {@link Insn#row} says what. */
    public static final int OK = 0;

    /** More bytes are needed than were given. */
    public static final int TRUNCATED = 1;

    /** No such instruction: #UD. {@link Insn#length} covers the bytes looked at. */
    public static final int UNDEFINED = 2;

    /** Longer than 15 bytes: #GP(0). */
    public static final int TOO_LONG = 3;

    private static final int MAX_LENGTH = 15;

    /** Rows by [vex ? 4 : 0] + map, then opcode; most specific first. */
    private final Row[][][] table = new Row[8][256][];

    private byte[] bytes = new byte[0];
    private int at;
    private int limit;

    /** A decoder for a processor with these features. */
    public Decoder(Set<Feature> features) {
        Set<Feature> present = EnumSet.copyOf(features);
        present.add(Feature.BASE);
        List<List<List<Row>>> lists = new ArrayList<>();
        for (int map = 0; map < 8; map++) {
            List<List<Row>> byOpcode = new ArrayList<>();
            for (int opcode = 0; opcode < 256; opcode++) {
                byOpcode.add(new ArrayList<>());
            }
            lists.add(byOpcode);
        }
        for (Row row : Rows.ALL) {
            if (!row.isIn(present)) {
                continue;
            }
            int map = row.map + (row.vex ? 4 : 0);
            for (int i = 0; i < (row.registerInOpcode ? 8 : 1); i++) {
                lists.get(map).get(row.opcode + i).add(row);
            }
        }
        for (int map = 0; map < 8; map++) {
            for (int opcode = 0; opcode < 256; opcode++) {
                List<Row> rows = lists.get(map).get(opcode);
                rows.sort(Comparator.comparingInt((Row row) -> -row.rank()));
                table[map][opcode] = rows.toArray(new Row[0]);
            }
        }
    }

    /** Signals that the bytes given ended inside the instruction. */
    private static final class OutOfBytes extends RuntimeException {
        private static final long serialVersionUID = 1L;
        static final OutOfBytes INSTANCE = new OutOfBytes();

        private OutOfBytes() {
            super(null, null, false, false);
        }
    }

    private int next() {
        if (at >= limit) {
            throw OutOfBytes.INSTANCE;
        }
        return bytes[at++] & 0xFF;
    }

    private int signed8() {
        return (byte) next();
    }

    private int signed16() {
        int low = next();
        return (short) (low | next() << 8);
    }

    private int signed32() {
        int low = signed16() & 0xFFFF;
        return low | signed16() << 16;
    }

    private long signed64() {
        long low = signed32() & 0xFFFF_FFFFL;
        return low | (long) signed32() << 32;
    }

    /**
     * Decodes one instruction.
     *
     * @param out receives it
     * @param code bytes, from index {@code from} up to {@code to} exclusive
     * @param mode 16, 32 or 64
     * @return {@link #OK}, {@link #TRUNCATED}, {@link #UNDEFINED} or {@link #TOO_LONG}
     */
    public int decode(Insn out, byte[] code, int from, int to, int mode) {
        bytes = code;
        at = from;
        limit = Math.min(to, from + MAX_LENGTH);
        out.row = null;
        out.mode = mode;
        try {
            boolean known = decodeBody(out);
            out.length = at - from;
            return known ? OK : UNDEFINED;
        } catch (OutOfBytes e) {
            out.length = at - from;
            return to - from >= MAX_LENGTH ? TOO_LONG : TRUNCATED;
        }
    }

    private boolean decodeBody(Insn out) {
        int mode = out.mode;
        boolean operandPrefix = false;
        boolean addressPrefix = false;
        out.lock = false;
        out.repeat = 0;
        out.segment = -1;
        out.rex = 0;
        out.vvvv = 0;
        out.l = 0;
        out.memory = false;
        out.hasModRm = false;
        out.mod = 3;
        out.immediate = 0;
        out.immediate2 = 0;
        out.base = -1;
        out.index = -1;
        out.scale = 0;
        out.displacement = 0;
        int opcode;
        prefixes:
        for (; ; ) {
            opcode = next();
            switch (opcode) {
                case 0x26 -> out.segment = mode == 64 ? out.segment : 0;
                case 0x2E -> out.segment = mode == 64 ? out.segment : 1;
                case 0x36 -> out.segment = mode == 64 ? out.segment : 2;
                case 0x3E -> out.segment = mode == 64 ? out.segment : 3;
                case 0x64 -> out.segment = 4;
                case 0x65 -> out.segment = 5;
                case 0x66 -> operandPrefix = true;
                case 0x67 -> addressPrefix = true;
                case 0xF0 -> out.lock = true;
                case 0xF2, 0xF3 -> out.repeat = opcode;
                default -> {
                    if (mode == 64 && (opcode & 0xF0) == 0x40) {
                        out.rex = opcode;
                        opcode = next();
                        if (isLegacyPrefix(opcode)) { // a REX not right before the opcode is ignored
                            out.rex = 0;
                            at--;
                            continue;
                        }
                        if ((opcode & 0xF0) == 0x40) {
                            out.rex = 0;
                            at--;
                            continue;
                        }
                    }
                    break prefixes;
                }
            }
        }
        out.operandPrefix = operandPrefix;
        out.w = out.rex >> 3 & 1;
        int map = 0;
        boolean vex = false;
        int vexPrefix = 0;
        if (opcode == 0x0F) {
            opcode = next();
            map = 1;
            if (opcode == 0x38 || opcode == 0x3A) {
                map = opcode == 0x38 ? 2 : 3;
                opcode = next();
            }
        } else if (opcode == 0xC4 || opcode == 0xC5) {
            if (at >= limit) {
                throw OutOfBytes.INSTANCE;
            }
            if (mode == 64 || (bytes[at] & 0xC0) == 0xC0) {
                if (operandPrefix || out.repeat != 0 || out.lock || out.rex != 0) {
                    return false;
                }
                vex = true;
                int second = next();
                int rxb = 0;
                int last = second;
                if (opcode == 0xC4) {
                    map = second & 31;
                    rxb = ~second >> 5 & 7;
                    last = next();
                    out.w = last >> 7;
                } else {
                    map = 1;
                    rxb = (~second >> 7 & 1) << 2;
                    out.w = 0;
                }
                out.rex = rxb;
                out.vvvv = ~last >> 3 & 15;
                if (mode != 64) {
                    out.rex = 0;
                    out.vvvv &= 7;
                }
                out.l = last >> 2 & 1;
                vexPrefix = PP[last & 3];
                if (map == 0 || map > 3) {
                    return false;
                }
                opcode = next();
            }
        }
        int addressSize = mode == 64 ? (addressPrefix ? 32 : 64) : (mode == 32) != addressPrefix ? 32 : 16;
        out.addressSize = addressSize;
        Row[] candidates = table[map + (vex ? 4 : 0)][opcode];
        if (candidates.length == 0) {
            return false;
        }
        int mandatory = vex ? vexPrefix : out.repeat != 0 ? out.repeat : operandPrefix ? 0x66 : 0;
        int modRm = -1;
        Row found = null;
        for (Row row : candidates) {
            if (row.prefix != Row.ANY_PREFIX && row.prefix != mandatory) {
                continue;
            }
            if (row.has("i64") && mode == 64 || row.has("o64") && mode != 64) {
                continue;
            }
            if (row.w >= 0 && row.w != (mode == 64 || vex ? out.w : 0)) {
                continue;
            }
            if (row.l >= 0 && row.l != out.l) {
                continue;
            }
            if (row.has("norexb") && (out.rex & 1) != 0) {
                continue;
            }
            if (row.hasModRm) {
                if (modRm < 0) {
                    if (at >= limit) {
                        throw OutOfBytes.INSTANCE;
                    }
                    modRm = bytes[at] & 0xFF;
                }
                if (row.modRm >= 0) {
                    if (row.modRm != modRm) {
                        continue;
                    }
                } else {
                    if (row.reg >= 0 && row.reg != (modRm >> 3 & 7)) {
                        continue;
                    }
                    boolean register = modRm >= 0xC0 || row.has("mov-cr");
                    if (register ? !row.hasRegisterForm() : !row.hasMemoryForm() && !row.has("mov-cr")) {
                        continue;
                    }
                }
            }
            found = row;
            break;
        }
        if (found == null) {
            return false;
        }
        out.row = found;
        int operandSize;
        if (mode == 64) {
            operandSize = out.w != 0 || found.has("f64")
                    ? 64
                    : operandPrefix && found.prefix != 0x66 ? 16 : found.has("d64") ? 64 : 32;
        } else {
            operandSize = (mode == 32) != (operandPrefix && found.prefix != 0x66) ? 32 : 16;
        }
        if (found.has("io") && operandSize == 64) {
            operandSize = 32;
        }
        if (found.has("mov-cr")) {
            operandSize = mode == 64 ? 64 : 32;
        }
        if (operandSize == 16 && found.atLeast32) {
            operandSize = 32;
        }
        out.operandSize = operandSize;
        if (found.hasModRm) {
            modRm(out, found);
        } else if (found.registerInOpcode) {
            out.rm = opcode & 7 | (out.rex & 1) << 3;
        }
        immediates(out, found);
        if (out.lock && !(found.has("lock") && out.memory) && !found.has("lockcr8")) {
            return false;
        }
        if (vex && out.vvvv != 0 && found.operands.stream().noneMatch(o -> o.kind() == 'H' || o.kind() == 'B')) {
            return false; // VEX.vvvv must be 1111b (kept here inverted)
        }
        return !found.has("vsib") || isGather(out);
    }

    /** A vector index needs a SIB byte, and the three vector registers must differ (SDM vol. 2, VPGATHERDD). */
    private static boolean isGather(Insn insn) {
        return insn.index >= 0 && insn.reg != insn.index && insn.reg != insn.vvvv && insn.index != insn.vvvv;
    }

    private static final int[] PP = {0, 0x66, 0xF3, 0xF2};

    private static boolean isLegacyPrefix(int value) {
        return switch (value) {
            case 0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3 -> true;
            default -> false;
        };
    }

    private void modRm(Insn out, Row row) {
        int modRm = next();
        out.hasModRm = true;
        int mod = modRm >> 6;
        int rm = modRm & 7;
        out.mod = mod;
        out.reg = modRm >> 3 & 7 | (out.rex & 4) << 1;
        if (mod == 3 || row.has("mov-cr")) {
            out.mod = 3;
            out.rm = rm | (out.rex & 1) << 3;
            return;
        }
        out.memory = true;
        if (row.has("vsib") && (rm != 4 || out.addressSize == 16)) { // undefined, as the missing index tells
            return;
        }
        if (out.addressSize == 16) {
            modRm16(out, mod, rm);
            return;
        }
        if (rm == 4) {
            int sib = next();
            out.scale = sib >> 6;
            int index = sib >> 3 & 7 | (out.rex & 2) << 2;
            out.index = index == 4 && !row.has("vsib") ? -1 : index;
            int base = sib & 7;
            if (base == 5 && mod == 0) {
                out.base = -1;
                out.displacement = signed32();
                return;
            }
            out.base = base | (out.rex & 1) << 3;
        } else if (rm == 5 && mod == 0) {
            out.base = out.mode == 64 ? -2 : -1;
            out.displacement = signed32();
            return;
        } else {
            out.base = rm | (out.rex & 1) << 3;
        }
        out.displacement = mod == 1 ? signed8() : mod == 2 ? signed32() : 0;
    }

    private static final int[] BASE16 = {3, 3, 5, 5, 6, 7, 5, 3};
    private static final int[] INDEX16 = {6, 7, 6, 7, -1, -1, -1, -1};

    private void modRm16(Insn out, int mod, int rm) {
        if (mod == 0 && rm == 6) {
            out.base = -1;
            out.displacement = signed16();
            return;
        }
        out.base = BASE16[rm];
        out.index = INDEX16[rm];
        out.displacement = mod == 1 ? signed8() : mod == 2 ? signed16() : 0;
    }

    private void immediates(Insn out, Row row) {
        boolean first = true;
        for (Operand operand : row.operands) {
            long value;
            switch (operand.kind()) {
                case 'I' ->
                    value = switch (operand.size()) {
                        case 'b' -> signed8();
                        case 's' -> signed8();
                        case 'w' -> signed16();
                        case 'z' -> out.operandSize == 16 ? signed16() : signed32();
                        case 'v' ->
                            out.operandSize == 16 ? signed16() : out.operandSize == 32 ? signed32() : signed64();
                        case 'f' -> { // far pointer: offset, then selector
                            long offset = out.operandSize == 16 ? signed16() & 0xFFFF : signed32() & 0xFFFF_FFFFL;
                            out.immediate2 = signed16() & 0xFFFF;
                            yield offset;
                        }
                        default -> throw new IllegalStateException(row + ": immediate " + operand.size());
                    };
                case 'J' -> value = operand.size() == 'b' ? signed8() : out.operandSize == 16 ? signed16() : signed32();
                case 'O' -> {
                    out.memory = true;
                    out.displacement = out.addressSize == 64
                            ? signed64()
                            : out.addressSize == 32 ? signed32() & 0xFFFF_FFFFL : signed16() & 0xFFFF;
                    continue;
                }
                case 'L' -> value = next();
                default -> {
                    continue;
                }
            }
            if (first) {
                out.immediate = value;
                first = false;
            } else {
                out.immediate2 = (int) value;
            }
        }
    }
}
