package redoubt.x86.gen;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import redoubt.x86.Feature;
import redoubt.x86.Kinds;
import redoubt.x86.Kinds.Kind;
import redoubt.x86.Operand;
import redoubt.x86.Row;

/**
 * Writes the interpreter's handlers: for every {@link Kind} one static method that fetches the operands the row names,
 * calls the row's semantic function, and stores the result; and the dispatching switch.
 *
 * <p>Calling convention of a semantic function: {@code static}, first parameter the {@code Cpu}; then the operands in the
 * row's order, except those only written. It returns the new value of the first written operand; a second one is taken from
 * {@code Cpu.out2}. The name gets the operand size appended when the row is sized, or 8 when its first operand is a byte
 * register or byte memory. 64-bit values are {@code long}, narrower ones zero-extended {@code int}, vectors an index into
 * {@code Cpu.x}.
 *
 * <p>A function that does not exist yet becomes a handler that ends the run with an internal error, never a wrong result.
 */
public final class HandlerGenerator {
    private static final int PER_CLASS = 256;

    /** Code page, plus the offset of the next instruction in it, plus the displacement. */
    private static final String BRANCH_TARGET = "r[17] + (op >>> 17 & 0x1FFF) + (op >> 32)";

    private final Path semantics;
    private final Map<String, String> sources = new HashMap<>();
    private final List<String> missing = new ArrayList<>();

    private HandlerGenerator(Path semantics) {
        this.semantics = semantics;
    }

    /** Arguments: output directory, directory of the semantic classes' sources. */
    public static void main(String[] args) throws IOException {
        HandlerGenerator generator = new HandlerGenerator(Path.of(args[1]));
        Path directory = Path.of(args[0]).resolve("redoubt/cpu/gen");
        Files.createDirectories(directory);
        int classes = (Kinds.ALL.size() + Kinds.FIRST + PER_CLASS - 1) / PER_CLASS;
        for (int i = 0; i < classes; i++) {
            write(directory.resolve("Handlers" + i + ".java"), generator.handlers(i));
        }
        write(directory.resolve("Interpreter.java"), generator.interpreter());
        System.err.println(Kinds.ALL.size() + " handlers; not implemented: " + generator.missing);
    }

    /** Leaves an unchanged file alone, so that the compiler does not compile it again. */
    private static void write(Path file, String text) throws IOException {
        if (!Files.exists(file) || !Files.readString(file).equals(text)) {
            Files.writeString(file, text);
        }
    }

    // ---- the handlers

    private String handlers(int number) throws IOException {
        StringBuilder out = new StringBuilder();
        out.append("package redoubt.cpu.gen;\n\nimport redoubt.cpu.*;\nimport redoubt.cpu.insn.*;\n\n");
        out.append("final class Handlers")
                .append(number)
                .append(" {\n    private Handlers")
                .append(number)
                .append("() {}\n");
        for (Kind kind : Kinds.ALL) {
            if (kind.number() / PER_CLASS == number) {
                out.append(handler(kind));
            }
        }
        return out.append("}\n").toString();
    }

    private String handler(Kind kind) throws IOException {
        Row row = kind.row();
        boolean two = Kinds.isTwoWord(kind);
        StringBuilder out = new StringBuilder();
        out.append("\n    /** ")
                .append(row.mnemonic)
                .append(' ')
                .append(row.encoding)
                .append(", ")
                .append(kind.size());
        out.append(kind.memory() ? " memory" : "")
                .append(kind.longVector() ? " 256" : "")
                .append(". */\n");
        boolean jump = kind.row().isConditionalJump();
        out.append("    static ")
                .append(jump ? "boolean" : "void")
                .append(" k")
                .append(kind.number())
                .append("(Cpu c, long op");
        out.append(two ? ", long second" : "").append(") {\n");
        String body = body(kind);
        out.append(body);
        return out.append("    }\n").toString();
    }

    private String body(Kind kind) throws IOException {
        Row row = kind.row();
        StringBuilder out = new StringBuilder();
        if (row.has("encl")) {
            line(out, "if (c.enclave.inEnclave()) throw c.invalidOpcode();");
        }
        if (row.has("cpl0")) {
            line(out, "if (c.cpl != 0) throw c.generalProtection(0);");
        }
        if (row.isVexVector()) {
            line(out, "c.checkAvx();");
        } else if (row.feature.compareTo(Feature.SSE) >= 0
                && row.feature.compareTo(Feature.SHA) <= 0
                && row.operands.stream().anyMatch(Operand::isVector)) {
            line(out, "c.checkSse();");
        }
        boolean mmx = row.operands.stream().anyMatch(o -> o.isMmx() && !(kind.memory() && o.kind() == 'Q'));
        if (mmx) { // CVTPI2PS and CVTPI2PD from memory touch no MMX state
            line(out, "c.checkMmx();");
        }
        String function = functionName(kind);
        boolean inlined = row.semantics.equals("Move.mov") || row.semantics.equals("Move.lea");
        if (!inlined && !exists(function)) {
            missing.add(function);
            line(
                    out,
                    "throw new UnimplementedException(\"" + row.mnemonic + " (" + row.encoding + ", " + function
                            + ")\");");
            return out.toString();
        }
        if (row.has("raw")) {
            line(out, function + "(c, op" + (Kinds.isTwoWord(kind) ? ", second" : "") + ");");
            return out.toString();
        }
        line(out, "long[] r = c.r;");
        if (kind.memory()) {
            line(out, "long ea = Mem.ea(r, op);");
        }
        if (row.has("cond")) {
            condition(out, kind, function);
            return out.toString();
        }
        if (kind.memory() && row.has("bitstring")) {
            int n = kind.size();
            String index = n == 64 ? "r[A]" : n == 32 ? "(long) (int) r[A]" : "(long) (short) r[A]";
            line(
                    out,
                    "ea += (" + index.replace("A", "(int) (op >>> 12) & 31") + " >> " + Integer.numberOfTrailingZeros(n)
                            + ") * " + n / 8 + ";");
        }
        if (kind.memory() && row.semantics.equals("Vec.movdqa") && isDirectMove(kind)) {
            directMove(out, kind);
            return out.toString();
        }
        List<Argument> arguments = new ArrayList<>();
        arguments.add(new Argument("c"));
        Operand destination = null;
        Operand second = null;
        int position = 0;
        for (Operand operand : row.operands) {
            if (operand.writes()) {
                if (destination == null) {
                    destination = operand;
                } else {
                    second = operand;
                }
            }
            if (operand.isVector()) {
                vectorArgument(out, arguments, kind, operand);
            } else if (operand.reads()) {
                String name = "v" + position;
                line(out, type(operand, kind) + " " + name + " = " + read(operand, kind) + ";");
                arguments.add(operand.kind() == 'I' ? immediate(row, name) : new Argument(name));
            }
            position++;
        }
        inFactorOrder(row, arguments);
        if (kind.memory() && destination != null && row.has("probe")) {
            line(out, "c.mmu.probeWrite(ea, " + bits(destination, kind) / 8 + (row.has("part") ? ", 1);" : ");"));
        }
        if (row.has("whole") && row.l < 0) {
            arguments.add(new Argument(kind.longVector() ? "2" : "1"));
        }
        if (destination != null && destination.isVector() || destination == null) {
            call(out, kind, function, arguments);
            if (destination != null) {
                storeVector(out, kind, destination);
            } else if (row.has("xmm0")) {
                line(out, "Mem.clearUpper(c, 0);");
            }
            if (mmx) {
                line(out, "c.enterMmx();");
            }
            return out.toString();
        }
        String value;
        if (row.semantics.equals("Move.lea")) {
            value = (kind.size() == 64 ? "" : "(int) ") + arguments.get(1).lower;
        } else if (inlined) {
            value = arguments.get(1).lower;
        } else {
            value = call(function, arguments, false);
        }
        if (row.has("smsw")) {
            line(out, "long value = " + value + ";");
            if (kind.memory()) {
                line(out, "Mem.st16(c, ea, (int) value);");
            } else {
                line(
                        out,
                        writeRegister(
                                field(destination, kind), kind.size(), kind.size() == 64 ? "value" : "(int) value"));
            }
            return out.toString();
        }
        line(out, type(destination, kind) + " value = " + value + ";");
        if (row.has("unless-zero")) {
            line(out, "if (v1 == 0) return;");
        }
        if (second != null) { // the second destination is always a register; the first may be the same one and wins
            line(
                    out,
                    writeRegister(
                            field(second, kind),
                            bits(second, kind),
                            bits(second, kind) == 64 ? "c.out2" : "(int) c.out2"));
        }
        if (kind.memory() && isMemory(destination)) {
            line(out, "Mem.st" + bits(destination, kind) + "(c, ea, value);");
        } else if (destination.isMmx()) {
            line(out, "c.mmx(" + field(destination, kind) + ", value);");
        } else {
            line(out, writeRegister(field(destination, kind), bits(destination, kind), "value"));
        }
        if (mmx) { // last: a store that faults leaves the x87 state alone
            line(out, "c.enterMmx();");
        }
        return out.toString();
    }

    private void condition(StringBuilder out, Kind kind, String function) {
        Row row = kind.row();
        Operand first = row.operands.get(0);
        String test = function + "(c)";
        if (first.kind() == 'J') {
            line(out, "if (!" + test + ") return false;");
            line(
                    out,
                    (kind.size() == 64
                                    ? "c.rip = " + BRANCH_TARGET
                                    : "Flow.jump" + kind.size() + "(c, " + BRANCH_TARGET + ")")
                            + ";");
            line(out, "return true;");
        } else if (row.operands.size() == 1) {
            String value = test + " ? 1 : 0";
            line(out, kind.memory() ? "Mem.st8(c, ea, " + value + ");" : writeRegister(field(first, kind), 8, value));
        } else {
            line(out, type(first, kind) + " value = " + read(row.operands.get(1), kind) + ";");
            String a = field(first, kind);
            line(out, "if (" + test + ") {");
            line(out, "    " + writeRegister(a, kind.size(), "value"));
            line(out, kind.size() == 32 ? "} else { r[" + a + "] &= 0xFFFF_FFFFL; }" : "}");
        }
    }

    /** What a semantic function gets for an operand, for the lower and the upper lane. */
    private record Argument(String lower, String upper) {
        Argument(String both) {
            this(both, both);
        }

        static Argument vector(String index, boolean advanced) {
            return new Argument(index, advanced ? index + " + 2" : index);
        }
    }

    private static Argument immediate(Row row, String name) {
        for (int bits = 2; bits <= 4; bits++) {
            if (row.has("upper" + bits)) {
                return new Argument(name, name + " >>> " + bits);
            }
        }
        return new Argument(name);
    }

    /** Operands 1, 2 and 3 of a fused multiply-add stand behind context and result: puts factors before the addend. */
    private static void inFactorOrder(Row row, List<Argument> arguments) {
        if (row.has("213")) {
            arguments.add(2, arguments.remove(3));
        } else if (row.has("231")) {
            arguments.add(arguments.remove(2));
        } else if (row.has("132")) {
            arguments.add(arguments.remove(3));
        }
    }

    private static String vectorIndex(Operand operand, Kind kind) {
        return kind.memory() && operand.kind() == 'W' ? "Cpu.SCRATCH" : "(" + field(operand, kind) + ") * 4";
    }

    private void vectorArgument(StringBuilder out, List<Argument> arguments, Kind kind, Operand operand) {
        Row row = kind.row();
        String index = vectorIndex(operand, kind);
        if (kind.memory() && operand.kind() == 'W' && operand.reads()) {
            line(out, "Mem.ldVector" + accessed(kind, operand) + "(c, ea, Cpu.SCRATCH);");
        }
        boolean advanced = operand.size() == 'x';
        boolean joint = kind.longVector() && row.has("joint");
        if (operand.writes()) {
            arguments.add(joint ? Argument.vector("Cpu.RESULT", true) : Argument.vector(index, advanced));
        }
        if (!operand.reads()) {
            return;
        }
        Argument source = Argument.vector(index, advanced);
        if (kind.longVector()) {
            String upper = row.has("source8")
                    ? "c.x[" + index + " + 1]"
                    : row.has("source4")
                            ? "c.x[" + index + "] >>> 32"
                            : row.has("source2") ? "c.x[" + index + "] >>> 16" : "";
            if (!upper.isEmpty()) {
                line(out, "c.x[Cpu.UPPER_SOURCE] = " + upper + ";");
                source = new Argument(index, "Cpu.UPPER_SOURCE");
            }
        }
        arguments.add(source); // of a destructive form: after the destination, the same as first source
    }

    /** Whether a plain move has as many lanes in memory as in the register (a broadcast has not). */
    private static boolean isDirectMove(Kind kind) {
        return kind.row().operands.stream().allMatch(o -> o.size() == 'x') || !kind.longVector();
    }

    /** A plain move between register and memory, the commonest of vector instructions, without the scratch vector. */
    private void directMove(StringBuilder out, Kind kind) {
        Operand first = kind.row().operands.get(0);
        Operand second = kind.row().operands.get(1);
        boolean store = first.kind() == 'W';
        Operand memory = store ? first : second;
        Operand register = store ? second : first;
        String index = "(" + field(register, kind) + ") * 4";
        line(out, "Mem." + (store ? "st" : "ld") + "Vector" + accessed(kind, memory) + "(c, ea, " + index + ");");
        if (!store && kind.row().vex && !kind.longVector()) {
            line(out, "Mem.clearUpper(c, " + index + ");");
        }
    }

    /** Width in bits of a vector operand in memory, and whether it must be aligned. */
    private static String accessed(Kind kind, Operand operand) {
        Row row = kind.row();
        boolean aligned = row.has("aligned") || operand.size() == 'x' && !row.vex && !row.has("unaligned");
        boolean isLong = kind.longVector() && operand.size() == 'x';
        return (isLong ? 256 : operand.bits(kind.size())) + (aligned ? "Aligned" : row.has("part") ? "Part" : "");
    }

    private static String call(String function, List<Argument> arguments, boolean upper) {
        return function + "("
                + String.join(
                        ", ",
                        arguments.stream().map(a -> upper ? a.upper : a.lower).toList())
                + ")";
    }

    private void call(StringBuilder out, Kind kind, String function, List<Argument> arguments) {
        boolean lanes = kind.longVector() && !kind.row().has("whole");
        boolean joint = lanes && kind.row().has("joint");
        if (joint) {
            line(out, "VecFloat.beginJoint(c);");
        }
        if (lanes) { // first, since the lower lane's destination may be a source of both
            line(out, call(function, arguments, true) + ";");
        }
        line(out, call(function, arguments, false) + ";");
        if (joint) {
            line(out, "VecFloat.endJoint(c);");
        }
    }

    private void storeVector(StringBuilder out, Kind kind, Operand destination) {
        Row row = kind.row();
        boolean isLong = kind.longVector() && destination.size() == 'x';
        String index = vectorIndex(destination, kind);
        if (kind.longVector() && row.has("joint")) {
            if (row.has("narrow")) {
                line(out, "c.x[Cpu.RESULT + 1] = c.x[Cpu.RESULT + 2];");
            }
            line(out, "Vec.movdqa(c, " + index + ", Cpu.RESULT);");
            if (isLong) {
                line(out, "Vec.movdqa(c, " + index + " + 2, Cpu.RESULT + 2);");
            }
        }
        if (kind.memory() && destination.kind() == 'W') {
            line(out, "Mem.stVector" + accessed(kind, destination) + "(c, ea, Cpu.SCRATCH);");
        } else if (row.vex && !isLong) {
            line(out, "Mem.clearUpper(c, " + index + ");");
        }
    }

    // ---- operands

    private static boolean isMemory(Operand operand) {
        return operand.kind() == 'E' || operand.kind() == 'W' || operand.kind() == 'Q' || operand.kind() == 'O';
    }

    private static int bits(Operand operand, Kind kind) {
        return operand.kind() == 'M' || operand.kind() == 'J' ? 64 : operand.bits(kind.size());
    }

    private static String type(Operand operand, Kind kind) {
        if (operand.kind() == 'S'
                || operand.kind() == 'C'
                || operand.kind() == 'D'
                || operand.kind() == '1'
                || operand.kind() == 'c') {
            return "int";
        }
        return bits(operand, kind) == 64 ? "long" : "int";
    }

    /** Source text of the register number. */
    private static String field(Operand operand, Kind kind) {
        return switch (operand.kind()) {
            case 'G', 'Z', 'V', 'S', 'C', 'D' -> "(int) (op >>> 12) & 31";
            case 'E', 'R', 'W', 'U' -> "(int) (op >>> 17) & 31";
            case 'B', 'H' -> kind.memory() ? "(int) (second >>> 32) & 31" : "(int) (op >>> 22) & 31";
            case 'L' -> "(int) (second >>> 40) & 31";
            case 'P' -> "(int) (op >>> 12) & 7";
            case 'Q', 'N' -> "(int) (op >>> 17) & 7";
            case 'A' -> "0";
            default -> throw new IllegalStateException(kind.row() + ": operand " + operand + " is no register");
        };
    }

    private static String read(Operand operand, Kind kind) {
        boolean two = Kinds.isTwoWord(kind);
        int bits = bits(operand, kind);
        switch (operand.kind()) {
            case 'M':
                return "ea";
            case 'J':
                return BRANCH_TARGET;
            case '1':
                return "1";
            case 'c':
                return "(int) r[1] & 0xFF";
            case 'S', 'C', 'D':
                return "(int) (op >>> 12) & 31";
            case 'I':
                if (bits == 64) {
                    return operand.size() == 'v' ? "second" : two ? "(long) (int) second" : "op >> 32";
                }
                String immediate = two ? "(int) second" : "(int) (op >> 32)";
                return bits == 8 ? immediate + " & 0xFF" : bits == 16 ? immediate + " & 0xFFFF" : immediate;
            default:
                break;
        }
        if (kind.memory() && isMemory(operand)) {
            return "Mem.ld" + (operand.writes() ? "w" : "") + bits + "(c, ea)";
        }
        String register = field(operand, kind);
        if (operand.isMmx()) {
            return (bits == 32 ? "(int) " : "") + "c.fpSignificand[" + register + "]";
        }
        return switch (bits) {
            case 8 -> register.equals("0") ? "(int) r[0] & 0xFF" : "Mem.get8(r, " + register + ")";
            case 16 -> "(int) r[" + register + "] & 0xFFFF";
            case 32 -> "(int) r[" + register + "]";
            default -> "r[" + register + "]";
        };
    }

    private static String writeRegister(String register, int bits, String value) {
        return switch (bits) {
            case 8 -> "Mem.set8(r, " + register + ", " + value + ");";
            case 16 -> "Mem.set16(r, " + register + ", " + value + ");";
            case 32 -> "r[" + register + "] = " + value + " & 0xFFFF_FFFFL;";
            default -> "r[" + register + "] = " + value + ";";
        };
    }

    // ---- names

    private static String functionName(Kind kind) {
        Row row = kind.row();
        String name = row.semantics;
        if (row.has("raw") && kind.memory() && name.equals("Stack.popTo")) {
            name += "Memory";
        }
        if (row.has("cond") || row.has("smsw")) {
            return name;
        }
        if (row.isSized()) {
            return name + kind.size();
        }
        if (row.has("raw") || row.operands.isEmpty()) {
            return name;
        }
        Operand first = row.operands.get(0);
        return first.size() == 'b' && "EGAZO".indexOf(first.kind()) >= 0 ? name + "8" : name;
    }

    private boolean exists(String function) throws IOException {
        int dot = function.indexOf('.');
        String type = function.substring(0, dot);
        String source = sources.get(type);
        if (source == null) {
            Path file = semantics.resolve(type + ".java");
            source = Files.exists(file) ? Files.readString(file) : "";
            sources.put(type, source);
        }
        return Pattern.compile("static \\w+ " + function.substring(dot + 1) + "\\(")
                .matcher(source)
                .find();
    }

    // ---- the dispatching switch

    private String interpreter() {
        StringBuilder out = new StringBuilder();
        out.append("package redoubt.cpu.gen;\n\nimport redoubt.cpu.*;\n\n");
        out.append(
                "/** Dispatches packed operations to their handlers. Generated: see redoubt.x86.gen.HandlerGenerator. */\n");
        out.append("public final class Interpreter {\n    private Interpreter() {}\n\n");
        out.append("""
                    /**
                     * Executes {@code n} instructions of a block from {@code ops[i]}, fewer if a near branch is taken before. Answers
                     * whether one was taken. Before, RIP is the address behind the {@code n} instructions, and they are counted.
                     */
                    public static boolean block(Cpu c, long[] ops, int i, int n) {
                        try {
                            block: {
                                do {
                                    long op = ops[i];
                                    switch ((int) op & 0xFFF) {
                                        case 0: throw Resync.INSTANCE;
                                        case 1: EffectiveAddress.general(c, op, ops[++i]); n++; break;
                                        case 2: EffectiveAddress.absolute(c, op, ops[++i]); n++; break;
                                        case 6: c.checkProtectedMode(); n++; break;
                """);
        int level = Math.min(Kinds.HOT, Kinds.FIRST + Kinds.ALL.size());
        cases(out, Kinds.FIRST, level, "                        ", "break block;");
        out.append("""
                                        default:
                                            int at = family(c, op, ops, i);
                                            if (at < 0) break block;
                                            i = at;
                                            break;
                                    }
                                    i++;
                                } while (--n > 0);
                                return false;
                            }
                            c.instructions -= n - 1;
                            return true;
                        } catch (RuntimeException e) {
                            c.at = i;
                            c.notExecuted = n;
                            throw e;
                        }
                    }
                """);
        int families = (Kinds.ALL.size() + Kinds.FIRST + PER_CLASS - 1) / PER_CLASS;
        out.append(
                "\n    private static int family(Cpu c, long op, long[] ops, int i) {\n        return switch ((int) op >>> 8 & 15) {\n");
        for (int i = 0; i < families; i++) {
            out.append("            case ")
                    .append(i)
                    .append(" -> family")
                    .append(i)
                    .append("(c, op, ops, i);\n");
        }
        out.append("            default -> throw c.invalidOpcode();\n        };\n    }\n");
        for (int i = 0; i < families; i++) {
            out.append("\n    private static int family").append(i).append("(Cpu c, long op, long[] ops, int i) {\n");
            out.append("        switch ((int) op & 0xFFF) {\n");
            if (i == 0) {
                out.append("            case 4: throw new UnimplementedException(\"instruction\");\n");
                out.append("            case 5: throw c.generalProtection(0);\n");
            }
            int from = Math.max(Math.max(Kinds.FIRST, i * PER_CLASS), level);
            int to = Math.min((i + 1) * PER_CLASS, Kinds.FIRST + Kinds.ALL.size());
            cases(out, from, to, "            ", "return -1;");
            out.append("            default: throw c.invalidOpcode();\n        }\n");
            out.append(from < to ? "        return i;\n    }\n" : "    }\n");
        }
        return out.append("}\n").toString();
    }

    /** {@code left}: what is done after a near branch that was taken. */
    private static void cases(StringBuilder out, int from, int to, String indent, String left) {
        for (int number = from; number < to; number++) {
            Kind kind = Kinds.ALL.get(number - Kinds.FIRST);
            String call = "Handlers" + number / PER_CLASS + ".k" + number + "(c, op"
                    + (Kinds.isTwoWord(kind) ? ", ops[++i]" : "") + ")";
            Row row = kind.row();
            out.append(indent).append("case ").append(number).append(": ");
            if (row.isConditionalJump()) {
                out.append("if (").append(call).append(") ").append(left).append(" break;\n");
            } else {
                boolean near = row.semantics.startsWith("Flow.") && row.has("end");
                out.append(call).append("; ").append(near ? left : "break;").append('\n');
            }
        }
    }

    private static void line(StringBuilder out, String text) {
        out.append("        ").append(text).append('\n');
    }
}
