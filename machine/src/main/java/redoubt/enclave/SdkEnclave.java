package redoubt.enclave;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import redoubt.machine.boot.Bytes;
import redoubt.machine.boot.ElfFile;
import redoubt.sgx.Sigstruct;
import redoubt.sgx.Tcs;

/**
 * An enclave of Intel's SDK: an ELF file whose note holds one or several metadata blocks, each with a SIGSTRUCT, patches to
 * the file, and a table of the pages that are added besides the ELF segments. Source: linux-sgx
 * {@code common/inc/internal/metadata.h}, {@code psw/urts/loader.cpp}.
 */
final class SdkEnclave {
    static final String SECTION = ".note.sgxmeta";

    private static final String NOTE_NAME = "sgx_metadata";
    private static final long MAGIC = 0x86A8_0294_635D_0E4CL;
    private static final long VERSION_1_3 = 1L << 32 | 3;
    /** Added to the major version of metadata that has an ELRANGE entry. */
    private static final int ELRANGE_GAP = 10;

    private static final int SIGSTRUCT = 64;
    private static final int DIRECTORIES = SIGSTRUCT + Sigstruct.SIZE;
    private static final int PATCHES = 0;
    private static final int LAYOUT = 1;
    private static final int ELRANGE = 2;
    private static final int EXTENSIONS = 3;
    private static final int ENTRY = 32;
    private static final int GROUP = 1 << 12;
    private static final int EADD = 1;
    private static final int EEXTEND = 2;
    private static final int EXTENSION_SHARED_OBJECT = 0x1002;
    private static final int PAGE_SHIFT = 12;
    /** More than any enclave has whose file fits in memory; a damaged group must not repeat for ever. */
    private static final int MOST_RUNS = 1 << 22;

    private static final int DT_PLTRELSZ = 2;
    private static final int DT_RELA = 7;
    private static final int DT_RELASZ = 8;
    private static final int DT_TEXTREL = 22;
    private static final int DT_JMPREL = 23;
    private static final int RELA_BYTES = 24;

    private final String name;
    private final byte[] image;
    private final Bytes metadata;
    /** Where the metadata block starts in the file. */
    private final long base;

    private final List<PageRun> runs = new ArrayList<>();
    /** What is added to every offset: the image's place within ELRANGE. */
    private long shift;

    private SdkEnclave(String name, byte[] image, long base) {
        this.name = name;
        this.image = image;
        this.metadata = new Bytes(name, image);
        this.base = base;
    }

    /** All metadata blocks of the file, the highest version first. */
    static List<EnclaveFile> read(String name, byte[] bytes, ElfFile elf, ElfFile.Section section) {
        var file = new Bytes(name, bytes);
        long note = section.offset();
        long nameBytes = file.u32(note, "the metadata's note");
        long block = file.u32(note + 4, "the metadata's note");
        byte[] wanted = (NOTE_NAME + "\0").getBytes(StandardCharsets.ISO_8859_1);
        int nameAt = file.check(note + 12, nameBytes, "the metadata note's name");
        if (!Arrays.equals(bytes, nameAt, nameAt + (int) nameBytes, wanted, 0, wanted.length)) {
            throw new EnclaveFileException(name + ": the note in " + SECTION + " is not named " + NOTE_NAME);
        }
        long start = nameAt + nameBytes;
        file.check(start, block, "the metadata");
        record Versioned(long version, EnclaveFile enclave) {}
        List<Versioned> found = new ArrayList<>();
        for (long at = start; at + DIRECTORIES <= start + block && file.u64(at, "metadata") == MAGIC; ) {
            long size = file.u32(at + 16, "the metadata's size");
            file.check(at, Math.max(size, DIRECTORIES), "the metadata");
            long version = file.u64(at + 8, "the metadata's version");
            found.add(new Versioned(version, new SdkEnclave(name, bytes.clone(), at).enclave(version, elf)));
            if (size == 0) {
                break;
            }
            at += size;
        }
        if (found.isEmpty()) {
            throw new EnclaveFileException(
                    name + ": no metadata in " + SECTION + "; sign it with the SDK's tool first");
        }
        found.sort(Comparator.comparingLong((Versioned v) -> v.version >>> 32 & 0xFFFF_FFFFL)
                .thenComparingLong(v -> v.version & 0xFFFF_FFFFL)
                .reversed());
        return found.stream().map(Versioned::enclave).toList();
    }

    private EnclaveFile enclave(long version, ElfFile elf) {
        long size = u64(40, "the enclave's size");
        int major = (int) (version >>> 32);
        if (major > ELRANGE_GAP) {
            long entry = directory(ELRANGE);
            shift = u64(entry, "ELRANGE") - u64(entry + 8, "ELRANGE");
            size = u64(entry + 16, "ELRANGE");
        }
        Set<Long> relocated = textRelocations(elf);
        patch();
        segments(ElfFile.read(name, image), version, relocated);
        long layout = directory(LAYOUT);
        table(layout, layout + directoryBytes(LAYOUT), 0, true);
        byte[] sigstruct = Arrays.copyOfRange(
                image,
                metadata.check(base + SIGSTRUCT, Sigstruct.SIZE, "the SIGSTRUCT"),
                (int) base + SIGSTRUCT + Sigstruct.SIZE);
        return new EnclaveFile(
                EnclaveFile.Format.SDK,
                "metadata " + major + "." + (version & 0xFFFF_FFFFL),
                new EnclaveLayout(
                        size,
                        (int) u32(24, "SSAFRAMESIZE"),
                        u64(48, "ATTRIBUTES"),
                        u64(56, "XFRM"),
                        (int) u32(32, "MISCSELECT"),
                        runs),
                Sigstruct.of(sigstruct));
    }

    private long u64(long offset, String what) {
        return metadata.u64(base + offset, what);
    }

    private long u32(long offset, String what) {
        return metadata.u32(base + offset, what);
    }

    private long directory(int index) {
        return u32(DIRECTORIES + 8L * index, "a directory of the metadata");
    }

    private long directoryBytes(int index) {
        return u32(DIRECTORIES + 8L * index + 4, "a directory of the metadata");
    }

    private void patch() {
        long from = directory(PATCHES);
        for (long at = from; at < from + directoryBytes(PATCHES); at += ENTRY) {
            long bytes = u32(at + 12, "a patch");
            int to = metadata.check(u64(at, "a patch"), bytes, "a patch's target");
            int source = metadata.check(base + u32(at + 8, "a patch"), bytes, "a patch's content");
            System.arraycopy(image, source, image, to, (int) bytes);
        }
    }

    // ---- ELF segments

    private record Piece(long rva, long fileBytes, long memoryBytes, long flags, int at) {
        long end() {
            return up(rva + memoryBytes);
        }
    }

    private static long up(long address) {
        return address + PageRun.PAGE - 1 & -PageRun.PAGE;
    }

    private void segments(ElfFile elf, long version, Set<Long> relocated) {
        List<Piece> pieces = new ArrayList<>(pieces(elf, 0, 0));
        ElfFile embedded = sharedObject();
        if (embedded != null) {
            long entry = sharedObjectEntry();
            pieces.addAll(pieces(embedded, (int) u64(entry, "a shared object"), u64(entry + 8, "a shared object")));
        }
        @Nullable Piece last = null;
        for (Piece piece : pieces) {
            if (version == VERSION_1_3 && last != null && leavesGap(last) && last.end() < (piece.rva & -PageRun.PAGE)) {
                zeroPages(last.end(), 1, last.flags, PageRun.ALL);
            }
            if (last == null || Long.compareUnsigned(piece.rva, last.rva) > 0) {
                last = piece;
            }
            region(piece, relocated);
        }
        if (version == VERSION_1_3 && last != null && leavesGap(last)) {
            zeroPages(last.end(), 1, last.flags, PageRun.ALL);
        }
    }

    /** Metadata 1.3 counted a segment's pages by its size alone: one that starts within a page then has one more. */
    private static boolean leavesGap(Piece piece) {
        return piece.end() < up(up(piece.memoryBytes) + piece.rva);
    }

    private static List<Piece> pieces(ElfFile elf, int fileBase, long rvaBase) {
        return elf.segments().stream()
                .filter(s -> s.type() == ElfFile.PT_LOAD)
                .map(s -> new Piece(
                        rvaBase + s.virtual(),
                        s.fileBytes(),
                        s.memoryBytes(),
                        PageRun.REG | PageRun.access(s.flags()),
                        fileBase + (int) s.offset()))
                .toList();
    }

    private long sharedObjectEntry() {
        long from = directory(EXTENSIONS);
        for (long at = from; at < from + directoryBytes(EXTENSIONS); at += 16) {
            if (u32(at, "an extension") == EXTENSION_SHARED_OBJECT) {
                return u32(at + 8, "an extension");
            }
        }
        return 0;
    }

    /** A second ELF file within the first that is laid out after it (the SDK's FIPS provider); null if there is none. */
    private @Nullable ElfFile sharedObject() {
        long version = u64(8, "the metadata's version");
        long major = (version >>> 32) % ELRANGE_GAP;
        long minor = version & 0xFFFF_FFFFL;
        boolean extensible = major == 1 && minor >= 5 || major >= 3 && minor >= 2;
        long entry = extensible ? sharedObjectEntry() : 0;
        if (entry == 0) {
            return null;
        }
        long bytes = u64(entry + 16, "a shared object");
        int from = metadata.check(u64(entry, "a shared object"), bytes, "a shared object");
        return ElfFile.read(name, Arrays.copyOfRange(image, from, from + (int) bytes));
    }

    /** A segment's pages: those with bytes of the file one by one, zeros after them, all measured. */
    private void region(Piece piece, Set<Long> relocated) {
        long rva = piece.rva;
        long left = piece.fileBytes;
        int at = piece.at;
        while (left > 0) {
            int inPage = (int) rva & PageRun.PAGE - 1;
            int bytes = (int) Math.min(PageRun.PAGE - inPage, left);
            byte[] content = new byte[PageRun.PAGE];
            System.arraycopy(image, at, content, inPage, bytes);
            long flags = relocated.contains(rva >>> PAGE_SHIFT) ? piece.flags | PageRun.W : piece.flags;
            add(new PageRun((rva & -PageRun.PAGE) + shift, 1, flags, PageRun.ALL, content));
            rva += PageRun.PAGE - inPage;
            at += bytes;
            left -= bytes;
        }
        long end = piece.rva + piece.memoryBytes;
        if (Long.compareUnsigned(end, rva) > 0) {
            zeroPages(rva & -PageRun.PAGE, up(end) - (rva & -PageRun.PAGE) >>> PAGE_SHIFT, piece.flags, PageRun.ALL);
        }
    }

    private void zeroPages(long rva, long pages, long flags, int measured) {
        add(new PageRun(rva + shift, pages, flags, measured, new byte[PageRun.PAGE]));
    }

    private void add(PageRun run) {
        if (runs.size() == MOST_RUNS) {
            throw new EnclaveFileException(name + ": damaged: its layout has more than " + MOST_RUNS + " parts");
        }
        runs.add(run);
    }

    /** Numbers of the pages that dynamic relocations change although their segment is read-only: they get W. */
    private Set<Long> textRelocations(ElfFile elf) {
        Set<Long> pages = new HashSet<>();
        for (ElfFile.Segment segment : elf.segments()) {
            if (segment.type() != ElfFile.PT_DYNAMIC) {
                continue;
            }
            long[] tags = new long[DT_JMPREL + 1];
            boolean[] present = new boolean[DT_JMPREL + 1];
            for (long at = segment.offset(); at < segment.offset() + segment.fileBytes(); at += 16) {
                long tag = metadata.u64(at, "the dynamic section");
                if (tag == 0) {
                    break;
                }
                if (tag > 0 && tag <= DT_JMPREL) {
                    tags[(int) tag] = metadata.u64(at + 8, "the dynamic section");
                    present[(int) tag] = true;
                }
            }
            if (present[DT_TEXTREL]) {
                relocations(elf, tags[DT_RELA], tags[DT_RELASZ], pages);
                relocations(elf, tags[DT_JMPREL], tags[DT_PLTRELSZ], pages);
            }
        }
        return pages;
    }

    private void relocations(ElfFile elf, long address, long bytes, Set<Long> pages) {
        for (ElfFile.Segment segment : elf.segments()) {
            long within = address - segment.virtual();
            if (address == 0 || segment.type() != ElfFile.PT_LOAD || within < 0 || within >= segment.fileBytes()) {
                continue;
            }
            for (long at = segment.offset() + within; bytes >= RELA_BYTES; at += RELA_BYTES, bytes -= RELA_BYTES) {
                long target = metadata.u64(at, "a relocation");
                if (metadata.u32(at + 8, "a relocation") != 0) { // not R_X86_64_NONE
                    pages.add(target >>> PAGE_SHIFT);
                    pages.add(target + 7 >>> PAGE_SHIFT);
                }
            }
            return;
        }
    }

    // ---- layout table

    private void table(long from, long to, long delta, boolean groups) {
        for (long at = from; at < to; at += ENTRY) {
            int id = (int) u32(at, "the layout") & 0xFFFF;
            if ((id & GROUP) == 0) {
                entry(at, delta);
                continue;
            }
            long entries = u32(at, "a group of the layout") >>> 16;
            long times = u32(at + 4, "a group of the layout");
            long step = u64(at + 8, "a group of the layout");
            if (!groups || at - entries * ENTRY < from) {
                throw new EnclaveFileException(name + ": damaged: a group of the layout repeats what is not before it");
            }
            for (long i = 1; i <= times; i++) {
                table(at - entries * ENTRY, at, delta + i * step, false);
            }
        }
    }

    private void entry(long at, long delta) {
        int attributes = (int) (u32(at, "the layout") >>> 16);
        long pages = u32(at + 4, "the layout");
        long rva = u64(at + 8, "the layout") + delta;
        long contentBytes = u32(at + 16, "the layout");
        long content = u32(at + 20, "the layout");
        long flags = u64(at + 24, "the layout");
        if ((attributes & EADD) == 0 || pages == 0) {
            return;
        }
        int measured = (attributes & EEXTEND) != 0 ? PageRun.ALL : PageRun.NONE;
        if (content != 0) {
            int from = metadata.check(base + content, contentBytes, "the content of a layout entry");
            if (flags == PageRun.TCS) {
                add(new PageRun(rva + shift, pages, flags, measured, tcs(from, (int) contentBytes, rva)));
            } else {
                region(new Piece(rva, contentBytes, pages << PAGE_SHIFT, flags, from), Set.of());
            }
        } else if (flags != 0) {
            byte[] filled = new byte[PageRun.PAGE];
            for (int i = 0; i < PageRun.PAGE; i++) {
                filled[i] = (byte) (contentBytes >>> 8 * (i & 3)); // a 32-bit value, over and over
            }
            add(new PageRun(rva + shift, pages, flags, measured, filled));
        }
    }

    private byte[] tcs(int from, int bytes, long rva) {
        byte[] page = new byte[PageRun.PAGE];
        System.arraycopy(image, from, page, 0, Math.min(bytes, PageRun.PAGE));
        for (int field : new int[] {Tcs.OSSA, Tcs.OFSBASE, Tcs.OGSBASE}) {
            Bytes.put64(page, field, Bytes.get64(page, field) + rva);
        }
        return page;
    }
}
