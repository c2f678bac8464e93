package redoubt.machine.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import redoubt.machine.MemoryLayout;

/** Plays the kernel's early PVH code: reads what the start info points at. Oracle: start_info.h's offsets. */
class PvhLoaderTest {
    private static final MemoryLayout LAYOUT = new MemoryLayout(8L << 20, 64L << 20);
    private static final BootFiles.ArrayMemory UNTOUCHED = new BootFiles.ArrayMemory(0);
    private static final MemorySegment NONE = MemorySegment.ofArray(new byte[0]);

    private static ElfFile kernel() {
        return ElfFile.read("vmlinux", BootFiles.vmlinux());
    }

    @Test
    void startInfoLeadsToCommandLineModuleAndMemoryMap() {
        var memory = new BootFiles.ArrayMemory(8 << 20);
        byte[] initramfs = new byte[5000];
        Arrays.fill(initramfs, (byte) 0x5A);
        PvhEntry entry =
                PvhLoader.load(kernel(), MemorySegment.ofArray(initramfs), "console=ttyS0", LAYOUT, 0xE0000, memory);

        assertThat(entry.eip()).isEqualTo(BootFiles.ENTRY);
        ByteBuffer info = memory.at(entry.ebx());
        assertThat(info.getInt()).isEqualTo(0x336EC578);
        assertThat(info.getInt()).isEqualTo(1);
        assertThat(info.getInt()).isZero();
        assertThat(info.getInt()).isEqualTo(1);
        ByteBuffer module = memory.at(info.getLong());
        ByteBuffer line = memory.at(info.getLong());
        assertThat(info.getLong()).isEqualTo(0xE0000);
        ByteBuffer map = memory.at(info.getLong());
        int entries = info.getInt();
        assertThat(info.getInt()).isZero();

        byte[] text = new byte[14];
        line.get(text);
        assertThat(new String(text, java.nio.charset.StandardCharsets.US_ASCII)).isEqualTo("console=ttyS0\0");
        int at = (int) module.getLong();
        assertThat(module.getLong()).isEqualTo(5000);
        assertThat(module.getLong()).isZero();
        assertThat(at % 4096).isZero();
        assertThat(Arrays.copyOfRange(memory.bytes, at, at + 5000)).isEqualTo(initramfs);
        assertThat(entries).isEqualTo(LAYOUT.memoryMap().size());
        for (MemoryLayout.Range range : LAYOUT.memoryMap()) {
            assertThat(map.getLong()).isEqualTo(range.base());
            assertThat(map.getLong()).isEqualTo(range.lengthBytes());
            assertThat(map.getInt()).isEqualTo(range.kind().code());
            assertThat(map.getInt()).isZero();
        }
    }

    @Test
    void theSegmentIsCopiedAndItsTailIsZero() {
        var memory = new BootFiles.ArrayMemory(8 << 20);
        PvhLoader.load(kernel(), NONE, "", LAYOUT, 0, memory);
        int from = BootFiles.SEGMENT_AT;
        assertThat(Arrays.copyOfRange(memory.bytes, from, from + 0x1000))
                .isEqualTo(Arrays.copyOfRange(BootFiles.vmlinux(), 0x1000, 0x2000));
        assertThat(Arrays.copyOfRange(memory.bytes, from + 0x1000, from + 0x3000))
                .containsOnly(0);
        assertThat(memory.bytes[from + 0x3000]).isEqualTo((byte) 0xCC);
    }

    @Test
    void withoutAnInitramfsThereIsNoModule() {
        var memory = new BootFiles.ArrayMemory(8 << 20);
        PvhEntry entry = PvhLoader.load(kernel(), NONE, "", LAYOUT, 0, memory);
        assertThat(memory.at(entry.ebx()).getInt(entry.ebx() + 12)).isZero();
        assertThat(memory.at(entry.ebx()).getLong(entry.ebx() + 16)).isZero();
    }

    @Test
    void aKernelLargerThanMemoryIsRefused() {
        byte[] bytes = BootFiles.vmlinux();
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(64 + 40, 16L << 20);
        assertThatThrownBy(() -> PvhLoader.load(ElfFile.read("vmlinux", bytes), NONE, "", LAYOUT, 0, UNTOUCHED))
                .isInstanceOf(BootException.class)
                .hasMessage("vmlinux: the kernel needs memory up to 0x1100000, the machine has 8 MiB of it below 3 GiB;"
                        + " give the machine more memory");
    }

    @Test
    void anInitramfsLargerThanWhatIsFreeIsRefused() {
        MemorySegment big = MemorySegment.ofArray(new byte[8 << 20]);
        assertThatThrownBy(() -> PvhLoader.load(kernel(), big, "", LAYOUT, 0, UNTOUCHED))
                .isInstanceOf(BootException.class)
                .hasMessageContaining("initramfs of 8388608 bytes");
    }

    @Test
    void aKernelWithoutPvhEntryIsRefused() {
        byte[] bytes = BootFiles.vmlinux();
        bytes[64 + 112 + 8] = 17;
        assertThatThrownBy(() -> PvhLoader.load(ElfFile.read("vmlinux", bytes), NONE, "", LAYOUT, 0, UNTOUCHED))
                .isInstanceOf(BootException.class)
                .hasMessageContaining("no PVH entry")
                .hasMessageContaining("CONFIG_PVH");
    }

    @Test
    void aCommandLineOf2048BytesIsRefused() {
        assertThatThrownBy(() -> PvhLoader.load(kernel(), NONE, "x".repeat(2048), LAYOUT, 0, UNTOUCHED))
                .isInstanceOf(BootException.class)
                .hasMessage("kernel command line of 2048 bytes: at most 2047 are possible");
    }

    @Test
    void theMapHasNoOverlapsAndHoldsAllRam() {
        for (long gib : new long[] {1, 2, 3, 4, 9}) {
            var layout = new MemoryLayout(gib << 30, 128L << 20);
            long end = 0;
            long ram = 0;
            for (MemoryLayout.Range range : layout.memoryMap()) {
                assertThat(range.base()).isGreaterThanOrEqualTo(end);
                end = range.end();
                ram += range.kind() == MemoryLayout.Kind.RAM ? range.lengthBytes() : 0;
            }
            assertThat(ram).isEqualTo((gib << 30) - (0x10_0000 - MemoryLayout.CONVENTIONAL_END));
            assertThat(layout.epcSections().getFirst().base() % (2 << 20)).isZero();
            assertThat(layout.memoryMap()).containsAll(layout.epcSections());
        }
    }

    @Test
    void theEpcFollowsRamBelowThreeGibWhereItFitsElseAboveFour() {
        assertThat(epcBase(new MemoryLayout(512L << 20, 64L << 20))).isEqualTo(512L << 20);
        assertThat(epcBase(new MemoryLayout((512L << 20) + 4096, 64L << 20))).isEqualTo(514L << 20);
        assertThat(epcBase(new MemoryLayout(3L << 30, 64L << 20))).isEqualTo(4L << 30);
        assertThat(epcBase(new MemoryLayout(2L << 30, 2L << 30))).isEqualTo(4L << 30);
        assertThat(epcBase(new MemoryLayout(5L << 30, 64L << 20))).isEqualTo(6L << 30);
    }

    private static long epcBase(MemoryLayout layout) {
        return layout.epcSections().getFirst().base();
    }

    @Test
    void everySectionOfEpcGoesWhereItFits() {
        var layout = new MemoryLayout(1L << 30, List.of(4096L, 1L << 30, 3L << 30, 64L << 20, 8L << 30));
        assertThat(layout.epcSections())
                .extracting(MemoryLayout.Range::base)
                .containsExactly(1L << 30, (1L << 30) + (2L << 20), 4L << 30, (2L << 30) + (2L << 20), 7L << 30);
        assertThat(layout.epcBytes()).isEqualTo((12L << 30) + (64L << 20) + 4096);
        assertThatThrownBy(() -> new MemoryLayout(1L << 30, List.of(1L << 40, 4096L)))
                .hasMessageContaining("1 TiB is the most");
    }
}
