package redoubt.machine.boot;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import redoubt.machine.GuestMemory;
import redoubt.machine.MemoryLayout;

/**
 * Puts a kernel into guest memory so that it can be entered by the PVH boot ABI: the ELF segments at their physical
 * addresses, the initramfs as high as it goes below 3 GiB, and start info, module list, memory map and command line
 * in low memory, where an early kernel maps them.
 *
 * <p>Source: {@code include/xen/interface/hvm/start_info.h}; the entry is the "Xen" note PHYS32_ENTRY.
 */
public final class PvhLoader {
    private static final int START_INFO = 0x6000;
    private static final int MODULE_LIST = 0x6040;
    private static final int MEMORY_MAP = 0x7000;
    private static final int CMDLINE = 0x2_0000;
    private static final int START_INFO_BYTES = 56;
    private static final int MODULE_BYTES = 32;
    private static final int MEMORY_MAP_ENTRY_BYTES = 24;
    private static final int MAGIC = 0x336E_C578;
    private static final long PAGE = 4096;

    private PvhLoader() {}

    /**
     * Loads everything.
     *
     * @param kernel the kernel's ELF file, from {@link BzImage#readKernel}
     * @param initramfs the initial RAM file system, empty if there is none
     * @param cmdline the kernel's command line
     * @param rsdp guest-physical address of the ACPI root pointer, 0 if there are no tables
     * @return how to start the boot processor
     * @throws BootException if the kernel has no PVH entry or something does not fit
     */
    public static PvhEntry load(
            ElfFile kernel,
            MemorySegment initramfs,
            String cmdline,
            MemoryLayout layout,
            long rsdp,
            GuestMemory memory) {
        long entry = entry(kernel);
        List<ElfFile.Segment> segments = loadable(kernel, layout);
        long kernelEnd = segments.getLast().physical() + segments.getLast().memoryBytes();
        if (segments.stream().noneMatch(s -> entry >= s.physical() && entry - s.physical() < s.fileBytes())) {
            throw new BootException(
                    String.format("%s: its PVH entry 0x%x is in none of its segments: damaged", kernel.name(), entry));
        }
        long initramfsAt = placeInitramfs(initramfs.byteSize(), kernelEnd, layout);
        byte[] line = cmdlineBytes(cmdline);

        for (ElfFile.Segment segment : segments) {
            memory.write(segment.physical(), kernel.contents(segment));
            memory.zero(segment.physical() + segment.fileBytes(), segment.memoryBytes() - segment.fileBytes());
        }
        if (initramfs.byteSize() > 0) {
            memory.write(initramfsAt, initramfs);
            memory.write(MODULE_LIST, moduleList(initramfsAt, initramfs.byteSize()));
        }
        memory.write(CMDLINE, line);
        byte[] map = memoryMap(layout);
        memory.write(MEMORY_MAP, map);
        memory.write(
                START_INFO, startInfo(initramfs.byteSize() > 0 ? 1 : 0, rsdp, map.length / MEMORY_MAP_ENTRY_BYTES));
        return new PvhEntry((int) entry, START_INFO);
    }

    private static long entry(ElfFile kernel) {
        for (ElfFile.Note note : kernel.notes()) {
            if (note.name().equals("Xen") && note.type() == ElfFile.XEN_PHYS32_ENTRY) {
                ByteBuffer value = ByteBuffer.wrap(note.description()).order(ByteOrder.LITTLE_ENDIAN);
                if (value.remaining() != 4 && value.remaining() != 8) {
                    throw new BootException(kernel.name() + ": its PHYS32_ENTRY note has " + value.remaining()
                            + " bytes; 4 or 8 are right");
                }
                long entry = value.remaining() == 8 ? value.getLong() : value.getInt() & 0xFFFF_FFFFL;
                if (entry >>> 32 != 0) {
                    throw new BootException(
                            String.format("%s: its PVH entry 0x%x is above 4 GiB: damaged", kernel.name(), entry));
                }
                return entry;
            }
        }
        throw new BootException(kernel.name()
                + ": the kernel has no PVH entry (no Xen note of type 18); it must be built with CONFIG_PVH=y");
    }

    private static List<ElfFile.Segment> loadable(ElfFile kernel, MemoryLayout layout) {
        var segments = new ArrayList<ElfFile.Segment>();
        for (ElfFile.Segment segment : kernel.segments()) {
            if (segment.type() == ElfFile.PT_LOAD && segment.memoryBytes() != 0) {
                checkPlace(kernel, segment, layout);
                segments.add(segment);
            }
        }
        if (segments.isEmpty()) {
            throw new BootException(kernel.name() + ": an ELF file with nothing to load: not a kernel");
        }
        segments.sort(Comparator.comparingLong(ElfFile.Segment::physical));
        for (int i = 1; i < segments.size(); i++) {
            ElfFile.Segment before = segments.get(i - 1);
            if (before.physical() + before.memoryBytes() > segments.get(i).physical()) {
                throw new BootException(String.format(
                        "%s: its segments at 0x%x and 0x%x overlap: damaged",
                        kernel.name(), before.physical(), segments.get(i).physical()));
            }
        }
        return segments;
    }

    private static void checkPlace(ElfFile kernel, ElfFile.Segment segment, MemoryLayout layout) {
        if (Long.compareUnsigned(segment.fileBytes(), segment.memoryBytes()) > 0) {
            throw new BootException(String.format(
                    "%s: the segment at 0x%x has more bytes in the file than in memory: damaged",
                    kernel.name(), segment.physical()));
        }
        if (Long.compareUnsigned(segment.physical(), MemoryLayout.EXTENDED_BASE) < 0) {
            throw new BootException(String.format(
                    "%s: wants a segment at 0x%x, below 1 MiB, where boot data are; a kernel for x86-64 does not",
                    kernel.name(), segment.physical()));
        }
        long limit = layout.lowRamBytes();
        if (Long.compareUnsigned(segment.physical(), limit) > 0
                || Long.compareUnsigned(segment.memoryBytes(), limit - segment.physical()) > 0) {
            throw new BootException(String.format(
                    "%s: the kernel needs memory up to 0x%x, %s; give the machine more memory",
                    kernel.name(), segment.physical() + segment.memoryBytes(), has(layout)));
        }
    }

    private static String has(MemoryLayout layout) {
        return "the machine has " + (layout.lowRamBytes() >> 20) + " MiB of it below 3 GiB";
    }

    private static long placeInitramfs(long bytes, long kernelEnd, MemoryLayout layout) {
        long firstFree = (kernelEnd + PAGE - 1) & -PAGE;
        long at = (layout.lowRamBytes() - bytes) & -PAGE;
        if (at < firstFree) {
            throw new BootException("initramfs of " + bytes + " bytes: only "
                    + Math.max(0, layout.lowRamBytes() - firstFree) + " bytes are free behind the kernel ("
                    + has(layout) + "); give the machine more memory");
        }
        return at;
    }

    private static byte[] cmdlineBytes(String cmdline) {
        byte[] text = cmdline.getBytes(StandardCharsets.UTF_8);
        if (text.length > BzImage.DEFAULT_CMDLINE_BYTES) {
            throw new BootException("kernel command line of " + text.length + " bytes: at most "
                    + BzImage.DEFAULT_CMDLINE_BYTES + " are possible");
        }
        if (cmdline.indexOf('\0') >= 0) {
            throw new BootException("kernel command line with a NUL character at " + cmdline.indexOf('\0')
                    + ": the kernel would not see what follows");
        }
        return java.util.Arrays.copyOf(text, text.length + 1);
    }

    private static byte[] moduleList(long at, long bytes) {
        return little(MODULE_BYTES).putLong(at).putLong(bytes).array();
    }

    private static byte[] memoryMap(MemoryLayout layout) {
        List<MemoryLayout.Range> ranges = layout.memoryMap();
        ByteBuffer map = little(ranges.size() * MEMORY_MAP_ENTRY_BYTES);
        for (MemoryLayout.Range range : ranges) {
            map.putLong(range.base())
                    .putLong(range.lengthBytes())
                    .putInt(range.kind().code())
                    .putInt(0);
        }
        return map.array();
    }

    private static byte[] startInfo(int modules, long rsdp, int memoryMapEntries) {
        return little(START_INFO_BYTES)
                .putInt(MAGIC)
                .putInt(1) // version
                .putInt(0) // flags: not a control domain
                .putInt(modules)
                .putLong(modules == 0 ? 0 : MODULE_LIST)
                .putLong(CMDLINE)
                .putLong(rsdp)
                .putLong(MEMORY_MAP)
                .putInt(memoryMapEntries)
                .putInt(0)
                .array();
    }

    private static ByteBuffer little(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
