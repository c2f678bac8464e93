package redoubt.machine.boot;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An ELF file of a 64-bit x86 program as a loader reads it: segments and notes, and for tools the sections and symbols.
 * Nothing is trusted: each offset is checked against the file before use.
 *
 * <p>Source: ELF-64 Object File Format 1.5, System V ABI AMD64 supplement.
 */
public final class ElfFile {
    /** Segment type: to be loaded. */
    public static final int PT_LOAD = 1;
    /** Segment type: what the dynamic linker needs. */
    public static final int PT_DYNAMIC = 2;
    /** Segment type: notes. */
    public static final int PT_NOTE = 4;
    /** Segment type: the template of thread-local storage. */
    public static final int PT_TLS = 7;
    /** Symbol type in the low four bits of {@link Symbol#info()}: a function. */
    public static final int STT_FUNC = 2;
    /** Note type of the "Xen" notes: 32-bit physical entry of the PVH boot ABI. */
    public static final int XEN_PHYS32_ENTRY = 18;

    private static final int EM_386 = 3;
    private static final int EM_X86_64 = 62;
    private static final int HEADER_BYTES = 64;
    private static final int PROGRAM_HEADER_BYTES = 56;
    private static final int SECTION_HEADER_BYTES = 64;
    private static final int SYMBOL_BYTES = 24;
    private static final int SHT_SYMTAB = 2;
    private static final int SHT_NOBITS = 8;
    private static final int SHT_DYNSYM = 11;
    private static final int SHN_XINDEX = 0xFFFF;

    private final String name;
    private final Bytes file;
    private final long entry;
    private final List<Segment> segments;
    private @Nullable List<Section> sections;

    /**
     * One program header.
     *
     * @param physical where a loader puts it ({@code p_paddr})
     * @param fileBytes bytes that come from the file; the rest up to {@code memoryBytes} is zero
     */
    public record Segment(
            int type,
            int flags,
            long offset,
            long virtual,
            long physical,
            long fileBytes,
            long memoryBytes,
            long align) {}

    /** One note; {@code description} is its payload. */
    public record Note(String name, int type, byte[] description) {}

    /** One section header; {@code link}'s meaning depends on the type. */
    public record Section(
            String name,
            int type,
            long flags,
            long address,
            long offset,
            long bytes,
            int link,
            long align,
            long entryBytes) {}

    /** One symbol; {@code sectionIndex} is 0 for an undefined one. */
    public record Symbol(String name, long value, long bytes, int info, int sectionIndex) {}

    private ElfFile(String name, Bytes file, long entry, List<Segment> segments) {
        this.name = name;
        this.file = file;
        this.entry = entry;
        this.segments = segments;
    }

    /** Says if the bytes begin as an ELF file does. */
    public static boolean isElf(byte[] bytes) {
        return bytes.length >= 4 && bytes[0] == 0x7F && bytes[1] == 'E' && bytes[2] == 'L' && bytes[3] == 'F';
    }

    /**
     * Reads the headers of an ELF file.
     *
     * @param name what to call the file in messages
     * @throws BootException if it is not a little-endian 64-bit x86 ELF file or its program headers are damaged
     */
    public static ElfFile read(String name, byte[] bytes) {
        if (!isElf(bytes)) {
            throw new BootException(name + ": not an ELF file");
        }
        var file = new Bytes(name, bytes);
        file.check(0, HEADER_BYTES, "the ELF header");
        if (file.u8(4, "EI_CLASS") != 2 || file.u8(5, "EI_DATA") != 1) {
            int machine = file.u16(18, "e_machine");
            throw new BootException(name + ": a " + (machine == EM_386 ? "32-bit x86" : "32-bit or big-endian")
                    + " ELF file; a 64-bit little-endian x86 one is needed");
        }
        int machine = file.u16(18, "e_machine");
        if (machine != EM_X86_64) {
            throw new BootException(
                    name + ": an ELF file for machine " + machine + "; one for x86-64 (" + EM_X86_64 + ") is needed");
        }
        long headers = file.u64(32, "e_phoff");
        int headerBytes = file.u16(54, "e_phentsize");
        int count = file.u16(56, "e_phnum");
        if (count > 0 && headerBytes != PROGRAM_HEADER_BYTES) {
            throw new BootException(name + ": program headers of " + headerBytes + " bytes; an x86-64 ELF file has "
                    + PROGRAM_HEADER_BYTES);
        }
        file.check(headers, (long) count * PROGRAM_HEADER_BYTES, "the program header table");
        var segments = new ArrayList<Segment>(count);
        for (int i = 0; i < count; i++) {
            segments.add(segment(file, headers + (long) i * PROGRAM_HEADER_BYTES, i));
        }
        return new ElfFile(name, file, file.u64(24, "e_entry"), List.copyOf(segments));
    }

    private static Segment segment(Bytes file, long at, int index) {
        String what = "program header " + index;
        var segment = new Segment(
                (int) file.u32(at, what),
                (int) file.u32(at + 4, what),
                file.u64(at + 8, what),
                file.u64(at + 16, what),
                file.u64(at + 24, what),
                file.u64(at + 32, what),
                file.u64(at + 40, what),
                file.u64(at + 48, what));
        if (segment.type == PT_LOAD || segment.type == PT_NOTE) {
            file.check(segment.offset, segment.fileBytes, "segment " + index);
        }
        return segment;
    }

    /** What the file is called in messages. */
    public String name() {
        return name;
    }

    /** The whole file, not copied. */
    public MemorySegment contents() {
        return MemorySegment.ofArray(file.array()).asReadOnly();
    }

    /** The entry point ({@code e_entry}); for a kernel its 64-bit physical one. */
    public long entry() {
        return entry;
    }

    /** All program headers in the file's order. */
    public List<Segment> segments() {
        return segments;
    }

    /** The bytes that {@code segment} has in the file, not copied. */
    public MemorySegment contents(Segment segment) {
        int at = file.check(segment.offset, segment.fileBytes, "a segment");
        return MemorySegment.ofArray(file.array())
                .asSlice(at, segment.fileBytes)
                .asReadOnly();
    }

    /** The bytes that {@code section} has in the file, not copied; none for one like {@code .bss}. */
    public MemorySegment contents(Section section) {
        long bytes = section.type == SHT_NOBITS ? 0 : section.bytes;
        int at = file.check(bytes == 0 ? 0 : section.offset, bytes, "section " + section.name);
        return MemorySegment.ofArray(file.array()).asSlice(at, bytes).asReadOnly();
    }

    /**
     * All notes of all note segments.
     *
     * @throws BootException if one runs over its segment's end
     */
    public List<Note> notes() {
        var notes = new ArrayList<Note>();
        for (Segment segment : segments) {
            if (segment.type == PT_NOTE) {
                readNotes(segment, notes);
            }
        }
        return List.copyOf(notes);
    }

    private void readNotes(Segment segment, List<Note> notes) {
        long mask = segment.align == 8 ? 7 : 3;
        long at = segment.offset;
        long end = at + segment.fileBytes;
        while (end - at >= 12) {
            long nameBytes = file.u32(at, "a note");
            long descriptionBytes = file.u32(at + 4, "a note");
            int type = (int) file.u32(at + 8, "a note");
            long description = segment.offset + (at + 12 + nameBytes - segment.offset + mask & ~mask);
            long next = segment.offset + (description + descriptionBytes - segment.offset + mask & ~mask);
            if (description + descriptionBytes > end) {
                throw new BootException(name + ": truncated or damaged: a note of " + nameBytes + " + "
                        + descriptionBytes + " bytes runs over the end of its segment");
            }
            int from = file.check(description, descriptionBytes, "a note");
            notes.add(new Note(
                    file.string(at + 12, at + 12 + nameBytes, "a note's name"),
                    type,
                    Arrays.copyOfRange(file.array(), from, from + (int) descriptionBytes)));
            at = next;
        }
    }

    /**
     * All section headers; empty if the file was stripped of them.
     *
     * @throws BootException if the table lies outside the file
     */
    public List<Section> sections() {
        if (sections == null) {
            sections = readSections();
        }
        return sections;
    }

    private List<Section> readSections() {
        long headers = file.u64(40, "e_shoff");
        int headerBytes = file.u16(58, "e_shentsize");
        long count = file.u16(60, "e_shnum");
        long names = file.u16(62, "e_shstrndx");
        if (headers == 0) {
            return List.of();
        }
        if (headerBytes != SECTION_HEADER_BYTES) {
            throw new BootException(name + ": section headers of " + headerBytes + " bytes; an x86-64 ELF file has "
                    + SECTION_HEADER_BYTES);
        }
        file.check(headers, SECTION_HEADER_BYTES, "the first section header");
        if (count == 0) {
            count = file.u64(headers + 32, "the number of sections");
        }
        if (names == SHN_XINDEX) {
            names = file.u32(headers + 40, "the section name index");
        }
        if (count < 0 || count > file.length() / SECTION_HEADER_BYTES) {
            throw new BootException(name + ": truncated or damaged: " + Long.toUnsignedString(count)
                    + " section headers cannot be in " + file.length() + " bytes");
        }
        file.check(headers, count * SECTION_HEADER_BYTES, "the section header table");
        long namesAt = 0;
        long namesEnd = 0;
        if (names != 0 && names < count) {
            long header = headers + names * SECTION_HEADER_BYTES;
            namesAt = file.u64(header + 24, "the section names");
            long bytes = file.u64(header + 32, "the section names");
            file.check(namesAt, bytes, "the section names");
            namesEnd = namesAt + bytes;
        }
        var list = new ArrayList<Section>((int) count);
        for (int i = 0; i < count; i++) {
            long at = headers + (long) i * SECTION_HEADER_BYTES;
            String what = "section header " + i;
            long nameAt = namesAt + file.u32(at, what);
            list.add(new Section(
                    nameAt < namesEnd ? file.string(nameAt, namesEnd, what) : "",
                    (int) file.u32(at + 4, what),
                    file.u64(at + 8, what),
                    file.u64(at + 16, what),
                    file.u64(at + 24, what),
                    file.u64(at + 32, what),
                    (int) file.u32(at + 40, what),
                    file.u64(at + 48, what),
                    file.u64(at + 56, what)));
        }
        return List.copyOf(list);
    }

    /**
     * The symbols of the symbol table ({@code .symtab}); empty if stripped.
     *
     * @throws BootException if the table or its strings lie outside the file
     */
    public List<Symbol> symbols() {
        return symbols(SHT_SYMTAB);
    }

    /**
     * The symbols of the dynamic linker's table ({@code .dynsym}), empty if there is none.
     *
     * @throws BootException if the table or its strings lie outside the file
     */
    public List<Symbol> dynamicSymbols() {
        return symbols(SHT_DYNSYM);
    }

    private List<Symbol> symbols(int type) {
        for (Section table : sections()) {
            if (table.type == type) {
                return readSymbols(table);
            }
        }
        return List.of();
    }

    private List<Symbol> readSymbols(Section table) {
        file.check(table.offset, table.bytes, "the symbol table");
        if (table.link < 0 || table.link >= sections().size()) {
            throw new BootException(
                    name + ": truncated or damaged: the symbol table's strings are said to be in section " + table.link
                            + " of " + sections().size());
        }
        Section strings = sections().get(table.link);
        file.check(strings.offset, strings.bytes, "the symbols' names");
        long stringsEnd = strings.offset + strings.bytes;
        int count = (int) (table.bytes / SYMBOL_BYTES);
        var list = new ArrayList<Symbol>(count);
        for (int i = 0; i < count; i++) {
            long at = table.offset + (long) i * SYMBOL_BYTES;
            long nameAt = strings.offset + file.u32(at, "a symbol");
            list.add(new Symbol(
                    nameAt < stringsEnd ? file.string(nameAt, stringsEnd, "a symbol's name") : "",
                    file.u64(at + 8, "a symbol"),
                    file.u64(at + 16, "a symbol"),
                    file.u8(at + 4, "a symbol"),
                    file.u16(at + 6, "a symbol")));
        }
        return List.copyOf(list);
    }
}
