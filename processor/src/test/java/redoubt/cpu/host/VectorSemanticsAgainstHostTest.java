package redoubt.cpu.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import redoubt.cpu.Cpu;
import redoubt.cpu.GuestFault;
import redoubt.cpu.TestCpu;
import redoubt.cpu.TestScale;
import redoubt.x86.Decoder;
import redoubt.x86.Feature;
import redoubt.x86.Insn;
import redoubt.x86.Operand;
import redoubt.x86.Row;
import redoubt.x86.Rows;

/**
 * The functions that legacy-encoded vector and MMX rows name, called by the convention of the generated handlers but without
 * memory accesses of their own. Oracle: the host's processor executing the same bytes.
 */
class VectorSemanticsAgainstHostTest {
    private static final Predicate<Row> VECTOR = row -> !row.vex
            && row.feature.compareTo(Feature.MMX) >= 0
            && row.feature.compareTo(Feature.SHA) <= 0
            && row.operands.stream().anyMatch(o -> o.isVector() || o.isMmx())
            && !row.semantics.contains(".rcp") // these two are approximations that differ from processor to processor
            && !row.semantics.contains(".rsqrt")
            && !row.mnemonic.startsWith("MASKMOV"); // store by themselves

    private final Map<String, Method> functions = new ConcurrentHashMap<>();
    private TestCpu test;
    private Cpu c;

    @BeforeEach
    void makeAProcessor() {
        test = TestCpu.longMode();
        c = test.cpu;
    }

    @AfterEach
    void close() {
        test.close();
    }

    @Test
    void everyRowGivesTheHostsResultFlagsAndExceptions() {
        Optional<HostCpu> opened = HostCpu.open();
        assumeTrue(opened.isPresent(), HostCpu::skipReason);
        RandomInstances instances =
                new RandomInstances(Long.getLong("redoubt.diff.seed", 31), HostFeatures.present(), VECTOR);
        Decoder decoder = new Decoder(HostFeatures.present());
        long count = TestScale.count("redoubt.diff.count", 200_000, 2_000_000);
        Case[] cases = new Case[HostCpu.BATCH];
        HostResult[] results = new HostResult[HostCpu.BATCH];
        Row[] rows = new Row[HostCpu.BATCH];
        Arrays.setAll(cases, i -> new Case());
        Arrays.setAll(results, i -> new HostResult());
        Map<String, Integer> compared = new TreeMap<>();
        Map<String, String> wrong = new TreeMap<>();
        Insn insn = new Insn();
        try (HostCpu host = opened.get()) {
            for (int number = 0; number < count; number += cases.length) {
                for (int i = 0; i < cases.length; i++) {
                    rows[i] = instances.fill(cases[i], number + i);
                }
                host.run(cases, results, cases.length);
                for (int i = 0; i < cases.length; i++) {
                    Outcome outcome = results[i].outcome;
                    boolean raised = outcome.kind == Outcome.Kind.EXCEPTION && outcome.vector == 19;
                    if (outcome.kind != Outcome.Kind.COMPLETED && !raised
                            || decoder.decode(insn, cases[i].code, 0, cases[i].length, 64) != Decoder.OK
                            || insn.row != rows[i]
                            || insn.memory && !isInWindow(address(insn, cases[i].initial))) {
                        continue; // what the decoder and memory do is tested elsewhere
                    }
                    compared.merge(rows[i].toString(), 1, Integer::sum);
                    String complaint = compare(insn, rows[i], cases[i], results[i], raised);
                    if (!complaint.isEmpty()) {
                        wrong.putIfAbsent(rows[i].toString(), "case " + cases[i].number + ": " + complaint);
                    }
                }
            }
        }
        assertThat(wrong).isEmpty();
        List<String> untried = instances.rows().stream()
                .map(Row::toString)
                .filter(name -> !compared.containsKey(name))
                .toList();
        assertThat(untried).isEmpty();
    }

    @Test
    void everyRowNamesAFunction() {
        List<String> missing = new ArrayList<>();
        for (Row row : Rows.ALL) {
            if (VECTOR.test(row) || row.semantics.matches("(Vec|Mmx).*") && !row.has("raw")) {
                for (int size : row.isSized() ? new int[] {32, 64} : new int[] {32}) {
                    try {
                        function(row, size);
                    } catch (AssertionError e) {
                        missing.add(row + " " + e.getMessage());
                    }
                }
            }
        }
        assertThat(missing).isEmpty();
    }

    private String compare(Insn insn, Row row, Case one, HostResult result, boolean raised) {
        CpuState from = one.initial;
        for (int i = 0; i < 16; i++) {
            System.arraycopy(from.ymm[i], 0, c.x, 4 * i, 4);
            c.r[i] = from.gpr[i];
        }
        c.mxcsr = from.mxcsr;
        int top = from.statusWord() >>> 11 & 7;
        for (int i = 0; i < 8; i++) {
            c.fpSignificand[top + i & 7] = from.significand(i);
            c.fpExponent[top + i & 7] = from.signAndExponent(i);
        }
        c.fpStatus = from.statusWord();
        c.fpTag = from.tagByte();
        c.rflags(from.rflags);
        long address = insn.memory ? address(insn, from) : 0;
        boolean trapped = false;
        try {
            call(insn, row, from, address);
        } catch (GuestFault e) {
            trapped = e.vector == 19;
            if (!trapped) {
                return "fault " + e.vector;
            }
        }
        StringBuilder out = new StringBuilder();
        differ(out, "trap", raised ? 1 : 0, trapped ? 1 : 0);
        CpuState host = result.state;
        for (int i = 0; i < 16; i++) {
            for (int j = 0; j < 4; j++) {
                differ(out, "v" + i + "." + j, host.ymm[i][j], c.x[4 * i + j]);
            }
            differ(out, "r" + i, host.gpr[i], c.r[i]);
        }
        // The manual leaves open which step of a dot product an unmasked exception interrupts.
        if (!(raised && row.mnemonic.startsWith("DPP"))) {
            differ(out, "mxcsr", host.mxcsr, c.mxcsr);
        }
        if (!raised) { // the manual does not say whether a conversion that raises #XM has changed TOP before
            compareX87(out, host);
        }
        differ(out, "flags", host.rflags & 0x8D5, c.rflags() & 0x8D5);
        if (insn.memory
                && row.operands.getFirst().writes()
                && row.operands.getFirst().mayBeMemory()
                && !raised) {
            int bytes = row.operands.getFirst().bits(insn.operandSize) / 8;
            for (int i = 0; i < bytes; i++) {
                int at = (int) (address - CpuState.WINDOW_BASE) + i;
                differ(out, "byte " + i, host.window[at] & 0xFF, (stored[i >> 3] >>> 8 * (i & 7)) & 0xFF);
            }
        }
        if (!out.isEmpty()) {
            out.append(" mxcsr before ").append(Integer.toHexString(from.mxcsr));
            out.append(" bytes ").append(java.util.HexFormat.of().formatHex(one.bytes()));
            out.append(" reg ").append(Arrays.toString(hex(from.ymm[insn.reg])));
            out.append(" rm ").append(Arrays.toString(insn.memory ? hex(stored) : hex(from.ymm[insn.rm])));
        }
        return out.toString();
    }

    private void compareX87(StringBuilder out, CpuState host) {
        differ(out, "status word", host.statusWord(), c.fpStatus);
        differ(out, "tags", host.tagByte(), c.fpTag);
        int hostTop = host.statusWord() >>> 11 & 7;
        for (int i = 0; i < 8; i++) {
            differ(out, "mm" + (hostTop + i & 7), host.significand(i), c.fpSignificand[hostTop + i & 7]);
            differ(out, "exponent" + i, host.signAndExponent(i), c.fpExponent[hostTop + i & 7]);
        }
    }

    /** What a memory destination received. */
    private final long[] stored = new long[2];

    private void call(Insn insn, Row row, CpuState from, long address) {
        List<Object> arguments = new ArrayList<>();
        arguments.add(c);
        Operand destination = null;
        int destinationIndex = 0;
        for (Operand operand : row.operands) {
            int bits = operand.bits(insn.operandSize);
            boolean inMemory = insn.memory && operand.mayBeMemory();
            int register = "VGP".indexOf(operand.kind()) >= 0 ? insn.reg : insn.rm;
            if (operand.writes()) {
                destination = operand;
                destinationIndex = register;
            }
            if (operand.isVector()) {
                int index = inMemory ? Cpu.SCRATCH : 4 * register;
                if (inMemory && operand.reads()) {
                    c.x[index] = load(from, address, Math.min(bits, 64));
                    c.x[index + 1] = bits == 128 ? load(from, address + 8, 64) : 0;
                }
                arguments.add(index);
                if (operand.reads() && operand.writes()) {
                    arguments.add(index);
                }
            } else if (operand.kind() == 'I') {
                arguments.add((int) insn.immediate & 0xFF);
            } else if (operand.reads() && operand.isMmx()) {
                long value = inMemory ? load(from, address, bits) : c.fpSignificand[register & 7];
                arguments.add(bits == 64 ? (Object) value : (Object) (int) value);
            } else if (operand.reads()) {
                long value =
                        inMemory ? load(from, address, bits) : c.r[register] & (bits == 64 ? -1 : (1L << bits) - 1);
                arguments.add(bits == 64 ? (Object) value : (Object) (int) value);
            }
        }
        Object value;
        try {
            value = function(row, insn.operandSize).invoke(null, arguments.toArray());
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof GuestFault fault) {
                throw fault;
            }
            throw new AssertionError(row + ": " + e.getCause(), e.getCause());
        } catch (IllegalAccessException | IllegalArgumentException e) {
            throw new AssertionError(row + ": " + e.getMessage(), e);
        }
        if (row.operands.stream().anyMatch(o -> o.isMmx() && !(insn.memory && o.mayBeMemory()))) {
            c.enterMmx();
        }
        if (destination == null) {
            return;
        }
        if (destination.isVector()) {
            stored[0] = c.x[Cpu.SCRATCH];
            stored[1] = c.x[Cpu.SCRATCH + 1];
        } else {
            int bits = destination.bits(insn.operandSize);
            long result = ((Number) value).longValue() & (bits == 64 ? -1 : (1L << bits) - 1);
            stored[0] = result;
            if (destination.isMmx() && !(insn.memory && destination.mayBeMemory())) {
                c.mmx(destinationIndex & 7, result);
            } else if (!(insn.memory && destination.mayBeMemory())) {
                c.r[destinationIndex] = bits < 32 ? c.r[destinationIndex] & -1L << bits | result : result;
            }
        }
    }

    private static long load(CpuState from, long address, int bits) {
        long value = 0;
        for (int i = 0; i < bits / 8; i++) {
            value |= (from.window[(int) (address - CpuState.WINDOW_BASE) + i] & 0xFFL) << 8 * i;
        }
        return value;
    }

    private static long address(Insn insn, CpuState from) {
        long address = insn.displacement;
        if (insn.base >= 0) {
            address += from.gpr[insn.base];
        } else if (insn.base == -2) {
            address += from.rip + insn.length;
        }
        if (insn.index >= 0) {
            address += from.gpr[insn.index] << insn.scale;
        }
        if (insn.addressSize == 32) {
            address &= 0xFFFF_FFFFL;
        }
        return address + (insn.segment == 4 ? from.fsBase : insn.segment == 5 ? from.gsBase : 0);
    }

    private static boolean isInWindow(long address) {
        return address >= CpuState.WINDOW_BASE && address <= CpuState.WINDOW_BASE + CpuState.WINDOW_SIZE - 16;
    }

    private Method function(Row row, int size) {
        String name = row.semantics;
        if (row.isSized()) {
            name += size;
        } else if (!row.operands.isEmpty()
                && row.operands.getFirst().kind() == 'E'
                && row.operands.getFirst().size() == 'b') {
            name += "8";
        }
        int parameters = row.has("whole") && row.l < 0 ? 2 : 1;
        for (Operand operand : row.operands) {
            boolean vector = operand.isVector();
            parameters += vector && operand.reads() && operand.writes() ? 2 : vector || operand.reads() ? 1 : 0;
        }
        String full = name + "/" + parameters;
        int wanted = parameters;
        return functions.computeIfAbsent(full, key -> {
            int dot = key.indexOf('.');
            String simple = key.substring(dot + 1, key.indexOf('/'));
            try {
                for (Method method : Class.forName("redoubt.cpu.insn." + key.substring(0, dot))
                        .getMethods()) {
                    if (method.getName().equals(simple) && method.getParameterCount() == wanted) {
                        return method;
                    }
                }
            } catch (ClassNotFoundException e) {
                throw new AssertionError(e);
            }
            throw new AssertionError("no function " + key);
        });
    }

    private static void differ(StringBuilder out, String name, long host, long ours) {
        if (host != ours) {
            out.append(name).append(": host ").append(Long.toHexString(host));
            out.append(" ours ").append(Long.toHexString(ours)).append("; ");
        }
    }

    private static String[] hex(long[] values) {
        return Arrays.stream(values).mapToObj(Long::toHexString).toArray(String[]::new);
    }
}
