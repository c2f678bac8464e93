package redoubt.machine.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

/** Oracle: the ELF-64 format's field offsets, written out by {@link BootFiles}. */
class ElfFileTest {
    @Test
    void readsSegmentsNotesSectionsAndSymbols() {
        ElfFile file = ElfFile.read("vmlinux", BootFiles.vmlinux());
        assertThat(file.segments()).hasSize(2);
        assertThat(file.segments().getFirst().physical()).isEqualTo(BootFiles.SEGMENT_AT);
        assertThat(file.notes()).singleElement().satisfies(note -> {
            assertThat(note.name()).isEqualTo("Xen");
            assertThat(note.type()).isEqualTo(18);
            assertThat(note.description()).hasSize(8);
        });
        assertThat(file.sections())
                .extracting(ElfFile.Section::name)
                .containsExactly("", ".symtab", ".strtab", ".shstrtab");
        assertThat(file.symbols()).extracting(ElfFile.Symbol::name).containsExactly("", "startup_64", "_text");
        assertThat(file.symbols().get(1).info() & 15).isEqualTo(ElfFile.STT_FUNC);
        assertThat(file.contents(file.sections().get(2)).byteSize()).isEqualTo(18);
    }

    @Test
    void aFileForAnotherProcessorIsRefused() {
        byte[] arm = BootFiles.vmlinux();
        arm[18] = (byte) 183;
        assertThatThrownBy(() -> ElfFile.read("vmlinux", arm))
                .isInstanceOf(BootException.class)
                .hasMessage("vmlinux: an ELF file for machine 183; one for x86-64 (62) is needed");
    }

    @Test
    void aSegmentBehindTheEndOfTheFileIsTruncated() {
        byte[] bytes = BootFiles.vmlinux();
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(64 + 32, Long.MAX_VALUE);
        assertThatThrownBy(() -> ElfFile.read("vmlinux", bytes))
                .isInstanceOf(BootException.class)
                .hasMessageContaining("truncated")
                .hasMessageContaining("segment 0");
    }

    @Test
    void aNoteLongerThanItsSegmentIsRefused() {
        byte[] bytes = BootFiles.vmlinux();
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(64 + 112 + 4, 9);
        ElfFile file = ElfFile.read("vmlinux", bytes);
        assertThatThrownBy(file::notes).isInstanceOf(BootException.class).hasMessageContaining("note");
    }
}
