package redoubt.machine.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import redoubt.machine.MemoryLayout;
import redoubt.machine.NumaTopology;

/** Plays the operating system's table walk. Oracles: ACPI 6.4's offsets and, where installed, ACPICA's disassembler. */
class AcpiTablesTest {
    private static final MemoryLayout LAYOUT = new MemoryLayout(4L << 30, 64L << 20);
    private static final List<AcpiTables.Serial> SERIALS =
            List.of(new AcpiTables.Serial(0x3F8, 4), new AcpiTables.Serial(0x2F8, 3));

    private static ByteBuffer image(boolean reduced, Integer... ids) {
        return ByteBuffer.wrap(AcpiTables.build(
                        new AcpiTables.Description(LAYOUT, NumaTopology.SINGLE, List.of(ids), reduced, SERIALS)))
                .order(ByteOrder.LITTLE_ENDIAN);
    }

    private static int sum(ByteBuffer image, int at, int length) {
        int sum = 0;
        for (int i = 0; i < length; i++) {
            sum += image.get(at + i);
        }
        return sum & 0xFF;
    }

    private static int offset(long address) {
        return Math.toIntExact(address - MemoryLayout.ACPI_BASE);
    }

    /** Walks from the RSDP and checks signatures, lengths and checksums; DSDT comes by the FADT. */
    private static Map<String, ByteBuffer> walk(ByteBuffer image) {
        byte[] signature = new byte[8];
        image.get(0, signature);
        assertThat(new String(signature, StandardCharsets.US_ASCII)).isEqualTo("RSD PTR ");
        assertThat(sum(image, 0, 20)).isZero();
        assertThat(sum(image, 0, 36)).isZero();
        assertThat(image.get(15)).isEqualTo((byte) 2);
        Map<String, ByteBuffer> tables = new LinkedHashMap<>();
        ByteBuffer xsdt = table(image, offset(image.getLong(24)), "XSDT");
        for (int at = 36; at < xsdt.capacity(); at += 8) {
            ByteBuffer table = table(image, offset(xsdt.getLong(at)), null);
            byte[] name = new byte[4];
            table.get(0, name);
            tables.put(new String(name, StandardCharsets.US_ASCII), table);
        }
        ByteBuffer fadt = Objects.requireNonNull(tables.get("FACP"));
        assertThat(fadt.getInt(40)).isEqualTo((int) fadt.getLong(140));
        tables.put("DSDT", table(image, offset(fadt.getLong(140)), "DSDT"));
        return tables;
    }

    private static ByteBuffer table(ByteBuffer image, int at, @Nullable String signature) {
        int length = image.getInt(at + 4);
        assertThat(sum(image, at, length)).as("checksum of the table at %d", at).isZero();
        ByteBuffer table = image.slice(at, length).order(ByteOrder.LITTLE_ENDIAN);
        if (signature != null) {
            byte[] name = new byte[4];
            table.get(0, name);
            assertThat(new String(name, StandardCharsets.US_ASCII)).isEqualTo(signature);
        }
        return table;
    }

    @Test
    void theWalkFindsAllTables() {
        assertThat(walk(image(true, 0)).keySet()).containsExactly("FACP", "APIC", "SRAT", "DSDT");
    }

    @Test
    void reducedHardwareTellsSleepAndResetRegistersOnly() {
        ByteBuffer fadt = Objects.requireNonNull(walk(image(true, 0)).get("FACP"));
        assertThat(fadt.capacity()).isEqualTo(276);
        assertThat(fadt.getInt(112) >> 20 & 1).isEqualTo(1);
        assertThat(fadt.getInt(112) >> 10 & 1).isEqualTo(1);
        assertThat(fadt.get(116)).as("in I/O space").isEqualTo((byte) 1);
        assertThat(fadt.getLong(120)).isEqualTo(0xCF9);
        assertThat(fadt.get(128)).isEqualTo((byte) 6);
        assertThat(fadt.getLong(248)).isEqualTo(0x610);
        assertThat(fadt.getLong(260)).isEqualTo(0x611);
        assertThat(fadt.getInt(56)).isZero();
        assertThat(fadt.getShort(109) & 2).as("no 8042").isZero();
    }

    @Test
    void fullHardwareTellsThePm1BlockInBothForms() {
        ByteBuffer image = image(false, 0);
        ByteBuffer fadt = Objects.requireNonNull(walk(image).get("FACP"));
        assertThat(fadt.getInt(112) >> 20 & 1).isZero();
        assertThat(fadt.getInt(48))
                .as("no SMI command: the machine is in ACPI mode")
                .isZero();
        assertThat(fadt.getInt(56)).isEqualTo(0x600).isEqualTo((int) fadt.getLong(152));
        assertThat(fadt.getInt(64)).isEqualTo(0x604).isEqualTo((int) fadt.getLong(176));
        assertThat(fadt.getInt(76)).isEqualTo(0x608).isEqualTo((int) fadt.getLong(212));
        assertThat(fadt.getInt(36)).isEqualTo((int) fadt.getLong(132));
        assertThat(image.getInt(offset(fadt.getLong(132)))).isEqualTo(0x53434146);
        assertThat(fadt.getLong(132) % 64).isZero();
    }

    @Test
    void theMadtListsProcessorsByTheFormTheirIdNeeds() {
        ByteBuffer madt =
                Objects.requireNonNull(walk(image(true, 0, 254, 255, 300)).get("APIC"));
        assertThat(madt.getInt(36)).isEqualTo(0xFEE0_0000);
        int[] count = new int[16];
        int at = 44;
        while (at < madt.capacity()) {
            count[madt.get(at)]++;
            if (madt.get(at) == 9) {
                assertThat(madt.getInt(at + 4)).isIn(255, 300);
            }
            at += madt.get(at + 1);
        }
        assertThat(at).isEqualTo(madt.capacity());
        assertThat(count[0]).isEqualTo(2);
        assertThat(count[9]).isEqualTo(2);
        assertThat(count[1]).as("I/O APICs").isEqualTo(1);
        assertThat(count[2]).as("overrides: timer").isEqualTo(1);
        assertThat(count[4]).isEqualTo(1);
        assertThat(count[0xA]).isEqualTo(1);
    }

    @Test
    void theSratCoversRamAndEpc() {
        ByteBuffer srat = Objects.requireNonNull(walk(image(true, 0)).get("SRAT"));
        Map<Long, Long> ranges = new LinkedHashMap<>();
        int at = 48;
        while (at < srat.capacity()) {
            if (srat.get(at) == 1) {
                ranges.put(srat.getLong(at + 8), srat.getLong(at + 16));
            }
            at += srat.get(at + 1);
        }
        assertThat(at).isEqualTo(srat.capacity());
        assertThat(ranges)
                .containsEntry(0L, 3L << 30)
                .containsEntry(4L << 30, 1L << 30)
                .containsEntry(LAYOUT.epcSections().getFirst().base(), 64L << 20)
                .hasSize(3);
    }

    @Test
    void theSratGivesEachProcessorAndSectionItsNode() {
        var layout = new MemoryLayout(1L << 30, List.of(1L << 20, 4096L));
        var numa = new NumaTopology(List.of(
                new NumaTopology.Node(0, Set.of(0), Set.of(1)), new NumaTopology.Node(3, Set.of(1), Set.of(0))));
        var image = ByteBuffer.wrap(
                        AcpiTables.build(new AcpiTables.Description(layout, numa, List.of(0, 1), true, SERIALS)))
                .order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer srat = Objects.requireNonNull(walk(image).get("SRAT"));
        assertThat(srat.get(48 + 2)).isZero();
        assertThat(srat.get(64 + 2)).isEqualTo((byte) 3);
        assertThat(srat.get(64 + 3)).as("APIC ID").isEqualTo((byte) 1);
        List<List<Long>> pieces = new java.util.ArrayList<>();
        for (int at = 80; at < srat.capacity(); at += 40) {
            assertThat(srat.get(at)).isEqualTo((byte) 1);
            pieces.add(List.of((long) srat.getInt(at + 2), srat.getLong(at + 8), srat.getLong(at + 16)));
        }
        assertThat(pieces)
                .containsExactly(
                        List.of(0L, 0L, 512L << 20),
                        List.of(3L, 512L << 20, 512L << 20),
                        List.of(3L, 1L << 30, 1L << 20),
                        List.of(0L, (1L << 30) + (2L << 20), 4096L));
    }

    @Test
    void nodesShareRamAcrossTheHoleBelowFourGib() {
        var numa = new NumaTopology(
                List.of(new NumaTopology.Node(0, Set.of(), Set.of()), new NumaTopology.Node(1, Set.of(), Set.of())));
        assertThat(numa.memory(new MemoryLayout(8L << 30, 0)))
                .containsExactly(
                        new NumaTopology.Memory(0, 0, 3L << 30),
                        new NumaTopology.Memory(0, 4L << 30, 1L << 30),
                        new NumaTopology.Memory(1, 5L << 30, 4L << 30));
        assertThat(numa.ofProcessor(7)).as("one that no node names").isZero();
    }

    @Test
    void moreProcessorsThanFitAreRefused() {
        List<Integer> ids = new java.util.ArrayList<>(Collections.nCopies(8000, 1));
        assertThatThrownBy(() ->
                        AcpiTables.build(new AcpiTables.Description(LAYOUT, NumaTopology.SINGLE, ids, true, SERIALS)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("8000 processors");
    }

    @Test
    void acpicasDisassemblerReadsEveryTableWithoutAComplaint(@TempDir Path folder) throws Exception {
        Assumptions.assumeTrue(isInstalled("iasl"), "iasl is not installed");
        for (boolean reduced : new boolean[] {true, false}) {
            StringBuilder text = new StringBuilder();
            for (Map.Entry<String, ByteBuffer> entry :
                    walk(image(reduced, 0, 1, 300)).entrySet()) {
                byte[] bytes = new byte[entry.getValue().capacity()];
                entry.getValue().get(0, bytes);
                String stem = entry.getKey().toLowerCase(java.util.Locale.ROOT);
                Files.write(folder.resolve(stem + ".dat"), bytes);
                var process = new ProcessBuilder("iasl", "-d", stem + ".dat")
                        .directory(folder.toFile())
                        .redirectErrorStream(true)
                        .start();
                String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
                assertThat(process.exitValue()).as(said).isZero();
                assertThat(said)
                        .doesNotContainIgnoringCase("error")
                        .doesNotContain("Invalid")
                        .doesNotContain("Incorrect");
                text.append(Files.readString(folder.resolve(stem + ".dsl")));
            }
            assertThat(text)
                    .contains("EisaId (\"PNP0501\")")
                    .contains("EisaId (\"PNP0B00\")")
                    .contains("EisaId (\"INT0E0C\")")
                    .contains("0x03F8,")
                    .contains("Name (\\_S5, Package (0x04)")
                    .contains("0x0000000004000000, // Length");
        }
    }

    private static boolean isInstalled(String program) {
        for (String folder : System.getenv("PATH").split(java.io.File.pathSeparator)) {
            if (Files.isExecutable(Path.of(folder, program))) {
                return true;
            }
        }
        return false;
    }
}
