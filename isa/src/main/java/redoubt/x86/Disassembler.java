package redoubt.x86;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Writes instructions as text in Intel syntax, the way {@code objdump -M intel} does, with one space behind the mnemonic:
 * {@code add DWORD PTR [rax+rcx*4+0x10],ebx}. The rows tell mnemonic and operands; what they leave to their semantic
 * function (implied operands, names that change with a size) is told here.
 *
 * <p>Limitations: prefixes without effect are not shown; a comparison's predicate is shown as a number. What else
 * differs from objdump's spelling is listed in the test's resource {@code objdump-spellings.txt}.
 */
public final class Disassembler {
    private static final String[] GPR = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
    private static final String[] LOW = {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"};
    private static final String[] HIGH = {"ah", "ch", "dh", "bh"};
    private static final String[] SEGMENT = {"es", "cs", "ss", "ds", "fs", "gs", "?", "?"};

    private final Decoder decoder;
    private final Insn insn = new Insn();

    /** One that knows all instructions. */
    public Disassembler() {
        this(EnumSet.allOf(Feature.class));
    }

    /** One that knows what a processor with these features knows. */
    public Disassembler(Set<Feature> features) {
        decoder = new Decoder(features);
    }

    /**
     * The text of the instruction that {@code code} starts with, or {@code (bad)}.
     *
     * @param mode 16, 32 or 64
     * @param address of the instruction, for the targets of branches
     */
    public String text(byte[] code, int mode, long address) {
        return decoder.decode(insn, code, 0, code.length, mode) == Decoder.OK ? text(insn, address) : "(bad)";
    }

    /** Length of the instruction that {@link #text} was last asked for, in bytes. */
    public int lengthBytes() {
        return insn.length;
    }

    /** The text of a decoded instruction; {@code address} as in {@link #text(byte[], int, long)}. */
    public static String text(Insn insn, long address) {
        Row row = insn.row;
        if (row == null) {
            return "(bad)";
        }
        List<String> operands = operands(row, insn, address);
        String text = (insn.lock ? "lock " : "") + repeat(row, insn) + mnemonic(row, insn);
        return operands.isEmpty() ? text : text + ' ' + String.join(",", operands);
    }

    // ---- mnemonics

    private static String repeat(Row row, Insn insn) {
        if (insn.repeat == 0 || !row.has("string") || row.mnemonic.equals("XLAT")) {
            return "";
        }
        boolean compares = row.mnemonic.equals("CMPS") || row.mnemonic.equals("SCAS");
        return insn.repeat == 0xF2 ? "repnz " : compares ? "repz " : "rep ";
    }

    private static String mnemonic(Row row, Insn insn) {
        String name = row.mnemonic.toLowerCase(Locale.ROOT);
        boolean wide = insn.operandSize == 64;
        return switch (row.mnemonic) {
            case "CBW" -> bySize(insn.operandSize, "cbw", "cwde", "cdqe");
            case "CWD" -> bySize(insn.operandSize, "cwd", "cdq", "cqo");
            case "JCXZ" -> bySize(insn.addressSize, "jcxz", "jecxz", "jrcxz");
            case "CMPXCHG8B" -> wide ? "cmpxchg16b" : name;
            case "FXSAVE", "FXRSTOR", "XSAVE", "XRSTOR", "XSAVEOPT", "XSAVEC", "XSAVES", "XRSTORS" ->
                wide ? name + "64" : name;
            case "SYSRET", "SYSEXIT" -> wide ? name + "q" : name + "d";
            case "IRET", "RETF" -> wide ? name + "q" : name;
            case "MOVD", "VMOVD" -> wide ? name.replace('d', 'q') : name;
            case "PEXTRD", "PINSRD", "VPEXTRD", "VPINSRD" -> wide ? name.replace("rd", "rq") : name;
            case "MOV" -> isAbsolute(row, insn) ? "movabs" : name;
            case "WAIT" -> "fwait";
            default -> name;
        };
    }

    private static boolean isAbsolute(Row row, Insn insn) {
        return insn.addressSize == 64 && row.operands.stream().anyMatch(o -> o.kind() == 'O')
                || insn.operandSize == 64 && row.operands.stream().anyMatch(o -> o.kind() == 'I' && o.size() == 'v');
    }

    private static String bySize(int size, String of16, String of32, String of64) {
        return size == 16 ? of16 : size == 32 ? of32 : of64;
    }

    // ---- operands

    private static List<String> operands(Row row, Insn insn, long address) {
        List<String> out = new ArrayList<>();
        int immediates = 0;
        for (Operand operand : row.operands) {
            switch (operand.kind()) {
                case 'I' -> {
                    if (operand.size() == 'f') {
                        out.add(hex(insn.immediate2) + ":" + hex(insn.immediate));
                    } else {
                        long value = immediates++ == 0 ? insn.immediate : insn.immediate2;
                        out.add(hex(value & mask(operand.bits(insn.operandSize))));
                    }
                }
                case 'J' -> out.add(hex(address + insn.length + insn.immediate & mask(insn.operandSize)));
                case 'M', 'O' -> out.add(memory(insn, memoryBits(row, insn, operand)));
                case 'H' -> {
                    if (!row.has("xmm0")) {
                        out.add(register(row, insn, operand));
                    }
                }
                default ->
                    out.add(
                            insn.memory && operand.mayBeMemory()
                                    ? memory(insn, memoryBits(row, insn, operand))
                                    : register(row, insn, operand));
            }
        }
        if (row.has("string")) {
            string(row, insn, out);
        } else if (row.feature == Feature.X87 && row.has("modrm")) {
            stack(row, insn, out);
        } else {
            implied(row, insn, out);
        }
        return out;
    }

    private static String register(Row row, Insn insn, Operand operand) {
        int number = switch (operand.kind()) {
            case 'G', 'V', 'P', 'S', 'C', 'D' -> insn.reg;
            case 'B', 'H' -> insn.vvvv;
            case 'L' -> (int) insn.immediate >> 4 & 15;
            case 'A' -> 0;
            case 'c' -> 1;
            default -> insn.rm;
        };
        return switch (operand.kind()) {
            case 'V', 'W', 'U', 'H', 'L' -> vector(row, insn, operand) + (insn.mode == 64 ? number : number & 7);
            case 'P', 'Q', 'N' -> "mm" + (number & 7);
            case 'S' -> SEGMENT[number & 7];
            case 'C' -> "cr" + (insn.lock ? number | 8 : number);
            case 'D' -> "dr" + number;
            case '1' -> "1";
            default -> general(number, registerBits(row, insn, operand), insn.rex != 0 && !row.vex);
        };
    }

    private static String vector(Row row, Insn insn, Operand operand) {
        return row.hasLongVector() && insn.l == 1 && operand.size() == 'x' || gathers(row, insn, operand) == 256
                ? "ymm"
                : "xmm";
    }

    /** Bits of a gather's destination and mask: as many elements as indices, of which a vector is full of the wider. */
    private static int gathers(Row row, Insn insn, Operand operand) {
        if (!row.has("vsib")) {
            return 0;
        }
        boolean half = row.mnemonic.contains("GATHERQ") && row.w == 0;
        return insn.l == 1 && !half && operand.kind() != 'M' ? 256 : 128;
    }

    private static int registerBits(Row row, Insn insn, Operand operand) {
        if (row.mnemonic.equals("CRC32") && operand.kind() == 'G') {
            return insn.w == 1 ? 64 : 32;
        }
        switch (row.semantics) {
            case "Sys.movToSegment", "Sys.lar", "Sys.lsl" -> {
                return insn.operandSize;
            }
            case "Vec.pinsrw", "Mmx.pinsrw" -> {
                return 32;
            }
            default -> {}
        }
        if (insn.mode != 64 && operand.kind() == 'G' && operand.size() == 'q' || row.mnemonic.equals("RDPID")) {
            return insn.mode == 64 ? 64 : 32;
        }
        return operand.bits(insn.operandSize);
    }

    private static String general(int number, int bits, boolean rex) {
        if (bits == 8) {
            return number >= 8 ? "r" + number + "b" : number >= 4 && !rex ? HIGH[number - 4] : LOW[number];
        }
        if (number >= 8) {
            return "r" + number + bySize(bits, "w", "d", "");
        }
        return bySize(bits, "", "e", "r") + GPR[number];
    }

    /** Width of a memory operand, 0 if the text tells none. */
    private static int memoryBits(Row row, Insn insn, Operand operand) {
        if (operand.kind() == 'O') {
            return 0;
        }
        if (row.has("smsw")) {
            return 16;
        }
        if (row.has("vsib")) {
            return row.w == 1 ? 64 : 32;
        }
        if (operand.isVector() && operand.size() == 'x') {
            return row.hasLongVector() && insn.l == 1 ? 256 : 128;
        }
        if (operand.size() != ' ') {
            return operand.bits(insn.operandSize);
        }
        int size = insn.operandSize;
        return switch (row.mnemonic) {
            case "INVLPG", "CLFLUSH", "CLFLUSHOPT", "CLWB" -> 8;
            case "LES", "LDS", "LSS", "LFS", "LGS", "CALL", "JMP" -> size + 16;
            case "BOUND", "CMPXCHG8B" -> size == 64 ? 128 : row.mnemonic.equals("BOUND") ? 2 * size : 64;
            case "FLD", "FSTP", "FBLD", "FBSTP" -> 80;
            default -> row.mnemonic.contains("MASKMOV") ? insn.l == 1 ? 256 : 128 : 0;
        };
    }

    private static String memory(Insn insn, int bits) {
        String size = switch (bits) {
            case 8 -> "BYTE PTR ";
            case 16 -> "WORD PTR ";
            case 32 -> "DWORD PTR ";
            case 48 -> "FWORD PTR ";
            case 64 -> "QWORD PTR ";
            case 80 -> "TBYTE PTR ";
            case 128 -> "XMMWORD PTR ";
            case 256 -> "YMMWORD PTR ";
            default -> "";
        };
        String segment = insn.segment >= 0 ? SEGMENT[insn.segment] + ":" : "";
        Row row = insn.row;
        if (insn.base == -1 && insn.index == -1) {
            return size + (segment.isEmpty() ? "ds:" : segment) + hex(insn.displacement & mask(insn.addressSize));
        }
        StringBuilder out = new StringBuilder(size).append(segment).append('[');
        if (insn.base == -2) {
            out.append(insn.addressSize == 32 ? "eip" : "rip");
        } else if (insn.base >= 0) {
            out.append(general(insn.base, insn.addressSize, false));
        }
        if (insn.index >= 0) {
            String index = row != null && row.has("vsib")
                    ? (insn.l == 1 && !row.mnemonic.matches("VP?GATHERDQ|VGATHERDPD") ? "ymm" : "xmm") + insn.index
                    : general(insn.index, insn.addressSize, false);
            out.append(insn.base == -1 ? "" : "+").append(index);
            out.append(insn.addressSize == 16 ? "" : "*" + (1 << insn.scale));
        }
        if (insn.base < 0 || insn.mod != 0) {
            long d = insn.displacement;
            boolean negative = d < 0 && insn.base != -2; // as objdump does it
            out.append(negative ? "-" : "+").append(hex(negative ? -d : d));
        }
        return out.append(']').toString();
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }

    private static long mask(int bits) {
        return bits >= 64 ? -1 : (1L << bits) - 1;
    }

    // ---- operands that the row does not name

    private static void string(Row row, Insn insn, List<String> out) {
        int bits = row.isSized() ? insn.operandSize : 8;
        boolean port = row.mnemonic.equals("INS") || row.mnemonic.equals("OUTS");
        String size = bySize(port && bits == 64 ? 32 : bits, "WORD", "DWORD", "QWORD");
        String pointer = (bits == 8 ? "BYTE" : size) + " PTR ";
        String segment = SEGMENT[insn.segment >= 0 ? insn.segment : 3];
        String from = pointer + segment + ":[" + general(6, insn.addressSize, false) + "]";
        String to = pointer + "es:[" + general(7, insn.addressSize, false) + "]";
        String accumulator = general(0, bits, false);
        switch (row.mnemonic) {
            case "MOVS" -> out.addAll(List.of(to, from));
            case "CMPS" -> out.addAll(List.of(from, to));
            case "STOS" -> out.addAll(List.of(to, accumulator));
            case "LODS" -> out.addAll(List.of(accumulator, from));
            case "SCAS" -> out.addAll(List.of(accumulator, to));
            case "INS" -> out.addAll(List.of(to, "dx"));
            case "OUTS" -> out.addAll(List.of("dx", from));
            case "XLAT" -> out.add(pointer + segment + ":[" + general(3, insn.addressSize, false) + "]");
            default -> throw new IllegalStateException(row.toString());
        }
    }

    /** ST(i), and ST where the instruction has it as other operand. */
    private static void stack(Row row, Insn insn, List<String> out) {
        String register = "st(" + (insn.rm & 7) + ")";
        boolean compares = row.mnemonic.startsWith("FCOM") && !row.mnemonic.startsWith("FCOMI");
        if (row.opcode == 0xD8 && !compares || row.mnemonic.matches("FCMOV.*|FU?COMIP?")) {
            out.add("st");
            out.add(register);
        } else {
            out.add(register);
            if ((row.opcode == 0xDC || row.opcode == 0xDE) && !compares) {
                out.add("st");
            }
        }
    }

    private static void implied(Row row, Insn insn, List<String> out) {
        String accumulator = general(0, row.isSized() ? insn.operandSize : 8, false);
        switch (row.mnemonic) {
            case "PUSH", "POP" -> {
                if (row.operands.isEmpty()) {
                    String function = row.semantics;
                    out.add(function.substring(function.length() - 2).toLowerCase(Locale.ROOT));
                }
            }
            case "IN" -> out.addFirst(accumulator);
            case "OUT" -> out.add(accumulator);
            case "PBLENDVB", "BLENDVPS", "BLENDVPD", "SHA256RNDS2" -> out.add("xmm0");
            default -> {}
        }
        if (row.semantics.startsWith("Io.") && row.operands.isEmpty()) {
            out.add(row.mnemonic.equals("IN") ? 1 : 0, "dx");
        }
    }
}
