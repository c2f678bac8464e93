package redoubt.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Lengths and text of random instances of every row. Oracle: binutils' objdump; what it spells differently is listed in
 * {@code objdump-spellings.txt}. Skipped where there is no objdump. Properties: {@code redoubt.test.seed},
 * {@code redoubt.disassembler.instances} of each row.
 */
class DisassemblerTest {
    private static final int SLOT = 32; // longer than two instructions: objdump is in step again at the next slot
    private static final int PER_ROW = Integer.getInteger("redoubt.disassembler.instances", 15);
    private static final int BASE = 0x1000;
    private static final int BATCH = 1500; // within 64 KiB, for branches of 16-bit code

    /** In the list: we agree on the length alone, or not at all. */
    private static final String ANY_TEXT = "*";

    private static final String OTHER_INSTRUCTION = "**";

    private record Instance(Row row, byte[] code, int length, String text) {}

    /** A spelling of objdump's for the rows whose name matches, and ours for it. */
    private record Spelling(Pattern row, Pattern theirs, String ours) {}

    private final Random random = new Random(Long.getLong("redoubt.test.seed", 1));

    @Test
    void theTextOfAnInstructionIsThatOfTheManual() {
        Disassembler d = new Disassembler();
        byte[] code = HexFormat.of().parseHex("f04801448b10eb");
        assertThat(d.text(code, 64, 0)).isEqualTo("lock add QWORD PTR [rbx+rcx*4+0x10],rax");
        assertThat(d.lengthBytes()).isEqualTo(6);
        assertThat(d.text(new byte[] {(byte) 0xEB, (byte) 0xFE}, 64, 0x1234)).isEqualTo("jmp 0x1234");
        assertThat(d.text(new byte[] {0x06}, 64, 0)).isEqualTo("(bad)");
        assertThat(d.text(new byte[] {0x06}, 32, 0)).isEqualTo("push es");
    }

    @ParameterizedTest
    @ValueSource(ints = {64, 32, 16})
    void lengthAndTextAreObjdumps(int mode, @TempDir Path folder) throws IOException, InterruptedException {
        assumeTrue(hasObjdump(), "skipped: no objdump on this machine (package binutils)");
        List<Instance> instances = instances(mode);
        assertThat(instances.stream().map(Instance::row).distinct().count())
                .isGreaterThan(Rows.ALL.size() * (mode == 16 ? 6L : 8L) / 10);
        List<Spelling> spellings = spellings();
        Map<String, String> wrong = new TreeMap<>();
        for (int from = 0; from < instances.size(); from += BATCH) {
            List<Instance> batch = instances.subList(from, Math.min(from + BATCH, instances.size()));
            compare(batch, objdump(mode, batch, folder), spellings, wrong);
        }
        assertThat(wrong.entrySet().stream().map(Object::toString).toList())
                .as("mode %d", mode)
                .isEmpty();
    }

    private static void compare(
            List<Instance> instances,
            Map<Integer, String[]> theirs,
            List<Spelling> spellings,
            Map<String, String> wrong) {
        for (int i = 0; i < instances.size(); i++) {
            Instance one = instances.get(i);
            String[] line = Objects.requireNonNull(theirs.get(BASE + i * SLOT), "objdump lost step");
            String text = spell(spellings, one.row, line[1]);
            String spelt = line[0] + " " + (text.equals(ANY_TEXT) ? one.text : text);
            String expected = one.length + " " + one.text;
            if (!expected.equals(spelt) && !text.equals(OTHER_INSTRUCTION)) {
                wrong.putIfAbsent(
                        one.row.toString(),
                        HexFormat.of().formatHex(one.code, 0, one.length) + ": ours " + expected + ", objdump's "
                                + spelt);
            }
        }
    }

    // ---- instances

    private List<Instance> instances(int mode) {
        List<Instance> out = new ArrayList<>();
        Decoder decoder = new Decoder(EnumSet.allOf(Feature.class));
        Insn insn = new Insn();
        for (Row row : Rows.ALL) {
            for (int i = 0; i < PER_ROW; i++) {
                byte[] code = encode(row, mode);
                if (decoder.decode(insn, code, 0, code.length, mode) == Decoder.OK && insn.row == row) {
                    int number = out.size();
                    out.add(new Instance(
                            row, code, insn.length, Disassembler.text(insn, BASE + number % BATCH * (long) SLOT)));
                }
            }
        }
        return out;
    }

    /** An encoding of the row with random prefixes, registers, memory operand and immediates; it may be undefined. */
    private byte[] encode(Row row, int mode) {
        byte[] code = new byte[SLOT];
        random.nextBytes(code);
        int at = 0;
        boolean shortBranch = row.operands.stream().anyMatch(o -> o.kind() == 'J' && o.size() == 'b');
        boolean memory = row.hasMemoryForm() && (random.nextBoolean() || !row.hasRegisterForm());
        if (memory && random.nextInt(4) == 0) {
            code[at++] = (byte) (mode == 64 ? 0x64 + random.nextInt(2) : 0x26 + 8 * random.nextInt(4));
        }
        if (row.hasMemoryForm() && memory && random.nextInt(6) == 0 || row.has("addr") && random.nextInt(3) == 0) {
            code[at++] = 0x67;
        }
        if (row.has("lock") && memory && random.nextInt(4) == 0) {
            code[at++] = (byte) 0xF0;
        }
        if (row.vex) {
            int prefix = row.prefix == 0x66 ? 1 : row.prefix == 0xF3 ? 2 : row.prefix == 0xF2 ? 3 : 0;
            boolean vvvv = row.operands.stream().anyMatch(o -> o.kind() == 'H' || o.kind() == 'B');
            code[at++] = (byte) 0xC4;
            code[at++] = (byte) (row.map | (mode == 64 ? random.nextInt(8) << 5 : 7 << 5));
            int w = row.w >= 0 ? row.w : mode == 64 && row.isSized() ? random.nextInt(2) : 0;
            int l = row.l >= 0 ? row.l : row.hasLongVector() ? random.nextInt(2) : 0;
            int v = vvvv ? mode == 64 ? random.nextInt(16) : 8 + random.nextInt(8) : 15;
            code[at++] = (byte) (w << 7 | v << 3 | l << 2 | prefix);
        } else {
            boolean half = false;
            if (row.prefix > 0) {
                code[at++] = (byte) row.prefix;
            } else if (row.prefix == Row.ANY_PREFIX && row.isSized() && !shortBranch && random.nextInt(4) == 0) {
                code[at++] = 0x66;
                half = true;
            }
            if (row.has("string") && random.nextInt(3) == 0 && !row.mnemonic.equals("XLAT")) {
                code[at++] = (byte) (0xF2 + random.nextInt(2));
            }
            if (mode == 64 && random.nextInt(2) == 0) {
                int rex = 0x40 | random.nextInt(16);
                code[at++] = (byte) (row.isSized() && !half ? rex : rex & ~8);
            }
            if (row.map > 0) {
                code[at++] = 0x0F;
            }
            if (row.map > 1) {
                code[at++] = (byte) (row.map == 2 ? 0x38 : 0x3A);
            }
        }
        code[at++] = (byte) (row.opcode + (row.registerInOpcode ? random.nextInt(8) : 0));
        if (row.modRm >= 0) {
            code[at] = (byte) row.modRm;
        } else if (row.hasModRm) {
            int reg = row.reg >= 0 ? row.reg : random.nextInt(8);
            code[at] = (byte) ((memory ? random.nextInt(3) : 3) << 6 | reg << 3 | random.nextInt(8));
            if (memory && (code[at] & 7) == 4 && (code[at + 1] & 0x38) == 0x20) {
                code[at + 1] &= 0x3F; // objdump tells the scale of no index, in several ways
                if ((code[at + 1] & 7) == 5) {
                    code[at + 1] |= 8; // and has two spellings of no base and no index
                }
            }
        }
        return code;
    }

    // ---- objdump

    private static boolean hasObjdump() {
        return Stream.of(System.getenv().getOrDefault("PATH", "").split(":"))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, "objdump")));
    }

    /** Length and text of what objdump sees, by address. */
    private static Map<Integer, String[]> objdump(int mode, List<Instance> instances, Path folder)
            throws IOException, InterruptedException {
        byte[] image = new byte[instances.size() * SLOT];
        java.util.Arrays.fill(image, (byte) 0x90);
        for (int i = 0; i < instances.size(); i++) {
            System.arraycopy(instances.get(i).code, 0, image, i * SLOT, instances.get(i).length);
        }
        Path file = folder.resolve("code.bin");
        Path listing = folder.resolve("listing");
        Files.write(file, image);
        String machine = mode == 64 ? "i386:x86-64" : mode == 32 ? "i386" : "i8086";
        Process process = new ProcessBuilder(
                        "objdump",
                        "-D",
                        "-z",
                        "-w",
                        "-b",
                        "binary",
                        "-m",
                        machine,
                        "-M",
                        "intel,intel64",
                        "--adjust-vma=" + BASE,
                        file.toString())
                .redirectOutput(listing.toFile())
                .redirectError(folder.resolve("errors").toFile())
                .start();
        assertThat(process.waitFor()).isZero();
        Map<Integer, String[]> out = new TreeMap<>();
        for (String line : Files.readAllLines(listing, StandardCharsets.ISO_8859_1)) {
            String[] parts = line.split("\t", 3);
            if (parts.length == 3 && parts[0].endsWith(":")) {
                int length = parts[1].trim().split(" ").length;
                out.put(
                        Integer.parseInt(parts[0].trim().replace(":", ""), 16),
                        new String[] {Integer.toString(length), parts[2]});
            }
        }
        return out;
    }

    /** Lines of the resource: row's name and encoding, objdump's spelling (both regular expressions), ours, reason. */
    private static List<Spelling> spellings() throws IOException {
        List<Spelling> out = new ArrayList<>();
        try (InputStream in = DisassemblerTest.class.getResourceAsStream("objdump-spellings.txt")) {
            String text = new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8);
            for (String line : text.lines().toList()) {
                if (line.isBlank() || line.startsWith("#")) {
                    continue;
                }
                String[] fields = line.split(" ; ", -1);
                assertThat(fields).as(line).hasSize(4);
                out.add(new Spelling(Pattern.compile(fields[0]), Pattern.compile(fields[1]), fields[2]));
            }
        }
        return out;
    }

    private static String spell(List<Spelling> spellings, Row row, String theirs) {
        String text = theirs.replaceFirst(" *[#<].*", "").strip().replaceAll(" +", " ");
        for (Spelling spelling : spellings) {
            if (spelling.row.matcher(row.toString()).find()) {
                text = spelling.theirs
                        .matcher(text)
                        .replaceAll(spelling.ours)
                        .replaceAll(" +", " ")
                        .strip();
            }
        }
        return text;
    }
}
