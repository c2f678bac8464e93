package redoubt.enclave;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import redoubt.machine.boot.Bytes;
import redoubt.machine.boot.ElfFile;
import redoubt.sgx.Attributes;
import redoubt.sgx.Sigstruct;
import redoubt.sgx.Tcs;

/**
 * An enclave of the Open Enclave SDK: an ELF file whose section {@code .oeinfo} holds the sizes of heap, stacks and threads
 * and the SIGSTRUCT. Source: openenclave {@code host/sgx/create.c}, {@code host/sgx/loadelf.c},
 * {@code include/openenclave/bits/sgx/sgxproperties.h}.
 *
 * <p>Limitations: the layout of release 0.19; an enclave with a second module (DT_NEEDED) is refused. Releases before 0.10
 * lay threads out otherwise: their MRENCLAVE is not the signed one.
 */
final class OpenEnclave {
    static final String SECTION = ".oeinfo";

    // oe_sgx_enclave_properties_t
    private static final int PROPERTIES = 1960;
    private static final int HEAP_PAGES = 8;
    private static final int STACK_PAGES = 16;
    private static final int THREADS = 24;
    private static final int FLAGS = 36;
    private static final int ATTRIBUTES = 72;
    private static final int START_ADDRESS = 88;
    private static final int IMAGE_INFO = 96;
    private static final int SIGSTRUCT = 144;

    private static final int CAPTURE_PF_GP = 1;
    private static final int ZERO_BASE = 2;
    private static final long LEGACY_XFRM = 3;
    private static final int EXINFO = 1;

    private static final long PAGE = PageRun.PAGE;
    /** TCS, two SSA frames, guard page. */
    private static final int CONTROL_PAGES = 4;

    private static final int THREAD_DATA_PAGES = 1;
    private static final long STACK_FILL = 0xCC;
    private static final long MOST_PAGES = 1L << 28;

    private static final int RELA_BYTES = 24;
    private static final int R_X86_64_TPOFF64 = 18;

    private final String name;
    private final ElfFile elf;
    private final byte[] image;
    private final byte[] relocations;
    private final long tlsPages;
    private final List<PageRun> runs = new ArrayList<>();
    /** Where the image starts within the enclave: not 0 for an enclave based at address 0. */
    private long start;

    private OpenEnclave(String name, ElfFile elf) {
        this.name = name;
        this.elf = elf;
        this.image = load();
        this.relocations = relocations();
        this.tlsPages = up(tlsBytes(".tdata") + tlsBytes(".tbss")) / PAGE;
    }

    static EnclaveFile read(String name, ElfFile elf, ElfFile.Section section) {
        return new OpenEnclave(name, elf).enclave(section);
    }

    private EnclaveFile enclave(ElfFile.Section section) {
        var properties = new Bytes(name, image);
        int info = properties.check(section.address(), PROPERTIES, "the section " + SECTION);
        long heap = count(properties.u64(info + HEAP_PAGES, SECTION), "heap pages");
        long stack = count(properties.u64(info + STACK_PAGES, SECTION), "stack pages");
        long threads = count(properties.u64(info + THREADS, SECTION), "threads");
        int flags = (int) properties.u32(info + FLAGS, SECTION);
        long attributes = properties.u64(info + ATTRIBUTES, SECTION);
        start = (flags & ZERO_BASE) != 0 ? properties.u64(info + START_ADDRESS, SECTION) : 0;
        Sigstruct sigstruct =
                Sigstruct.of(Arrays.copyOfRange(image, info + SIGSTRUCT, info + SIGSTRUCT + Sigstruct.SIZE));

        long relocationsAt = image.length;
        long heapAt = relocationsAt + relocations.length;
        long thread = (1 + stack + 1 + tlsPages + CONTROL_PAGES + THREAD_DATA_PAGES) * PAGE;
        long loaded = heapAt + heap * PAGE + threads * thread;
        long size = powerOfTwo(loaded);
        patch(info, relocationsAt, heapAt, size);

        segments();
        add(relocationsAt, relocations, PageRun.R);
        fill(heapAt, heap, 0, PageRun.NONE);
        long at = heapAt + heap * PAGE;
        for (long i = 0; i < threads; i++, at += thread) {
            thread(at + PAGE, stack);
        }
        return new EnclaveFile(
                EnclaveFile.Format.OPEN_ENCLAVE,
                "",
                new EnclaveLayout(
                        start == 0 ? size : powerOfTwo(loaded + start),
                        1,
                        attributes & ~Attributes.DEBUG,
                        LEGACY_XFRM,
                        (flags & CAPTURE_PF_GP) != 0 ? EXINFO : 0,
                        runs),
                sigstruct.isWellFormed() ? sigstruct : null);
    }

    private long count(long value, String what) {
        if (value < 0 || value > MOST_PAGES) {
            throw new EnclaveFileException(name + ": " + Long.toUnsignedString(value) + " " + what + "; at most "
                    + MOST_PAGES + " are possible");
        }
        return value;
    }

    private static long up(long bytes) {
        return bytes + PAGE - 1 & -PAGE;
    }

    private static long powerOfTwo(long bytes) {
        return bytes <= 1 ? 1 : Long.highestOneBit(bytes - 1) << 1;
    }

    // ---- the image in memory

    private byte[] load() {
        long end = 0;
        for (ElfFile.Segment segment : elf.segments()) {
            if (segment.type() == ElfFile.PT_LOAD) {
                long segmentEnd = segment.virtual() + segment.memoryBytes();
                if (segment.virtual() < 0 || segmentEnd < segment.virtual() || segmentEnd > Integer.MAX_VALUE - PAGE) {
                    throw new EnclaveFileException(
                            name + ": a segment at 0x" + Long.toHexString(segment.virtual()) + " is too far up");
                }
                end = Math.max(end, segmentEnd);
            }
            if (segment.type() == ElfFile.PT_DYNAMIC) {
                refuseModules(segment);
            }
        }
        byte[] memory = new byte[(int) up(end)];
        for (ElfFile.Segment segment : elf.segments()) {
            if (segment.type() == ElfFile.PT_LOAD) {
                MemorySegment contents = elf.contents(segment);
                if (contents.byteSize() > segment.memoryBytes()) {
                    throw new EnclaveFileException(
                            name + ": damaged: a segment has more bytes in the file than in memory");
                }
                MemorySegment.copy(
                        contents, ValueLayout.JAVA_BYTE, 0, memory, (int) segment.virtual(), (int) contents.byteSize());
            }
        }
        return memory;
    }

    private void refuseModules(ElfFile.Segment dynamic) {
        MemorySegment entries = elf.contents(dynamic);
        for (long at = 0; at + 16 <= entries.byteSize(); at += 16) {
            if (entries.get(ValueLayout.JAVA_LONG_UNALIGNED, at) == 1) { // DT_NEEDED
                throw new EnclaveFileException(
                        name + ": it needs a second module (DT_NEEDED); only enclaves of one file are known");
            }
        }
    }

    private ElfFile.@Nullable Section section(String wanted) {
        return elf.sections().stream()
                .filter(s -> s.name().equals(wanted))
                .findFirst()
                .orElse(null);
    }

    private long tlsBytes(String sectionName) {
        ElfFile.Section section = section(sectionName);
        if (section == null || section.bytes() == 0) {
            return 0;
        }
        long align = Math.max(1, alignment(section));
        return (section.bytes() + align - 1) / align * align;
    }

    /** The program header's alignment counts where the section has initial values, its own otherwise. */
    private long alignment(ElfFile.Section section) {
        for (ElfFile.Segment segment : elf.segments()) {
            if (segment.type() == ElfFile.PT_TLS
                    && section.name().equals(".tdata")
                    && segment.virtual() == section.address()) {
                return segment.align();
            }
        }
        return section.align();
    }

    /** Both relocation tables, as the enclave's own start-up code applies them, on whole pages. */
    private byte[] relocations() {
        byte[] table = new byte[0];
        ElfFile.Section dynamic = section(".rela.dyn");
        if (dynamic != null && dynamic.bytes() > 0) {
            ElfFile.Section plt = section(".rela.plt");
            byte[] first = elf.contents(dynamic).toArray(ValueLayout.JAVA_BYTE);
            byte[] second = plt == null ? new byte[0] : elf.contents(plt).toArray(ValueLayout.JAVA_BYTE);
            table = Arrays.copyOf(first, (int) up(first.length + second.length));
            System.arraycopy(second, 0, table, first.length, second.length);
        }
        List<ElfFile.Symbol> symbols = elf.dynamicSymbols();
        for (int at = 0; at + RELA_BYTES <= table.length; at += RELA_BYTES) {
            long info = Bytes.get64(table, at + 8);
            long symbol = info >>> 32;
            if ((int) info == R_X86_64_TPOFF64 && symbol < symbols.size()) {
                Bytes.put64(table, at + 16, symbols.get((int) symbol).value());
            }
        }
        return table;
    }

    /** What the signing tool and the loader write into the image before it is measured. */
    private void patch(int info, long relocationsAt, long heapAt, long enclaveSize) {
        long[] imageInfo = {info, PROPERTIES, relocationsAt, relocations.length, heapAt, enclaveSize};
        for (int i = 0; i < imageInfo.length; i++) {
            Bytes.put64(image, info + IMAGE_INFO + 8 * i, imageInfo[i]);
        }
        Arrays.fill(image, info + SIGSTRUCT, info + SIGSTRUCT + Sigstruct.SIZE, (byte) 0);
        for (ElfFile.Symbol symbol : elf.dynamicSymbols()) {
            ElfFile.Section tdata = section(".tdata");
            ElfFile.Section tbss = section(".tbss");
            Long value = switch (symbol.name()) {
                case "_enclave_rva" -> symbol.value();
                case "_reloc_rva" -> relocationsAt;
                case "_reloc_size" -> (long) relocations.length;
                case "_tdata_rva" -> tdata == null || tdata.bytes() == 0 ? null : tdata.address();
                case "_tdata_size" -> tdata == null || tdata.bytes() == 0 ? null : tdata.bytes();
                case "_tdata_align" -> tdata == null || tdata.bytes() == 0 ? null : alignment(tdata);
                case "_tbss_size" -> tbss == null || tbss.bytes() == 0 ? null : tbss.bytes();
                case "_tbss_align" -> tbss == null || tbss.bytes() == 0 ? null : tbss.align();
                case "_td_from_tcs_offset" -> (tlsPages + CONTROL_PAGES) * PAGE;
                default -> null;
            };
            if (value != null) {
                int at = new Bytes(name, image).check(symbol.value(), 8, "the symbol " + symbol.name());
                Bytes.put64(image, at, value);
            }
        }
    }

    // ---- pages

    private void add(long offset, byte[] bytes, long access) {
        for (int at = 0; at < bytes.length; at += PageRun.PAGE) {
            runs.add(new PageRun(
                    start + offset + at,
                    1,
                    PageRun.REG | access,
                    PageRun.ALL,
                    Arrays.copyOfRange(bytes, at, at + PageRun.PAGE)));
        }
    }

    private void fill(long offset, long pages, long value, int measured) {
        if (pages > 0) {
            byte[] content = new byte[PageRun.PAGE];
            Arrays.fill(content, (byte) value);
            runs.add(new PageRun(start + offset, pages, PageRun.REG | PageRun.R | PageRun.W, measured, content));
        }
    }

    private void segments() {
        for (ElfFile.Segment segment : elf.segments()) {
            if (segment.type() == ElfFile.PT_LOAD) {
                long from = segment.virtual() & -PAGE;
                byte[] bytes =
                        Arrays.copyOfRange(image, (int) from, (int) up(segment.virtual() + segment.memoryBytes()));
                add(from, bytes, PageRun.access(segment.flags()));
            }
        }
    }

    /** Stack, then TCS, SSA frames, thread-local storage and data of a thread, guard pages between. */
    private void thread(long at, long stackPages) {
        fill(at, stackPages, STACK_FILL, PageRun.ALL);
        long tcs = at + (stackPages + 1) * PAGE;
        long threadData = start + tcs + (tlsPages + CONTROL_PAGES) * PAGE;
        byte[] page = new byte[PageRun.PAGE];
        Bytes.put64(page, Tcs.OSSA, start + tcs + PAGE);
        Bytes.put64(page, Tcs.CSSA, 2L << 32); // and NSSA 2
        Bytes.put64(page, Tcs.OENTRY, start + elf.entry());
        Bytes.put64(page, Tcs.OFSBASE, threadData);
        Bytes.put64(page, Tcs.OGSBASE, threadData);
        Bytes.put64(page, Tcs.FSLIMIT, -1); // and GSLIMIT
        runs.add(new PageRun(start + tcs, 1, PageRun.TCS, PageRun.ALL, page));
        fill(tcs + PAGE, 2, 0, PageRun.ALL);
        fill(tcs + CONTROL_PAGES * PAGE, tlsPages, 0, PageRun.ALL);
        fill(tcs + (CONTROL_PAGES + tlsPages) * PAGE, THREAD_DATA_PAGES, 0, PageRun.ALL);
    }
}
