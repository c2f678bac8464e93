package redoubt.machine;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Where things are in the guest's physical address space: RAM from zero up to 3 GiB, then the hole for device registers
 * below 4 GiB, then the rest of RAM. The sections of Enclave Page Cache follow the RAM, each aligned to 2 MiB: below 3 GiB
 * as long as they fit there, as on the processors that have SGX, else above 4 GiB.
 *
 * <p>Why not always above 4 GiB: Linux takes whatever the SRAT names for memory that may come, and with any of it above
 * 4 GiB sets 64 MiB aside for bouncing DMA (seen: a guest of 128 MiB then dies of it before it starts init).
 *
 * @param ramBytes all RAM, a multiple of 4096
 * @param epcSizes size of each section of EPC in bytes, a positive multiple of 4096; none if there is no EPC
 */
public record MemoryLayout(long ramBytes, List<Long> epcSizes) {
    /** First address that is never RAM: below it RAM, from it to 4 GiB device registers. */
    public static final long LOW_RAM_LIMIT = 3L << 30;

    /** Where RAM that did not fit below {@link #LOW_RAM_LIMIT} goes on. */
    public static final long HIGH_RAM_BASE = 4L << 30;

    /** Registers of the I/O APIC. */
    public static final long IOAPIC_BASE = 0xFEC0_0000L;

    /** Registers of each processor's local APIC after reset. */
    public static final long LAPIC_BASE = 0xFEE0_0000L;

    /** End of the conventional memory below the legacy hole; the last KiB is the extended BIOS data area's place. */
    public static final long CONVENTIONAL_END = 0x9_FC00L;

    /** Where the ACPI tables are; the BIOS area, so that operating systems that search for the RSDP find it. */
    public static final long ACPI_BASE = 0xE_0000L;

    /** Real-mode entry of a PC's firmware, FFFF:0000, where operating systems jump for a reset; tables end before it. */
    public static final long RESET_VECTOR = 0xF_FFF0L;

    /** Start of the RAM behind the legacy hole. */
    public static final long EXTENDED_BASE = 0x10_0000L;

    private static final long PAGE = 4096;
    private static final long LARGE_PAGE = 2L << 20;
    private static final long LEAST_RAM = 4L << 20;
    private static final long MOST_BYTES = 1L << 40;

    public MemoryLayout {
        if (ramBytes % PAGE != 0 || ramBytes < LEAST_RAM || ramBytes > MOST_BYTES) {
            throw new IllegalArgumentException(
                    "RAM of " + ramBytes + " bytes: must be a multiple of 4096 between 4 MiB and 1 TiB");
        }
        epcSizes = List.copyOf(epcSizes);
        long all = 0;
        for (long bytes : epcSizes) {
            if (bytes % PAGE != 0 || bytes <= 0 || bytes > MOST_BYTES) {
                throw new IllegalArgumentException(
                        "EPC of " + bytes + " bytes: must be a multiple of 4096 between 4096 and 1 TiB");
            }
            all += bytes;
        }
        if (all > MOST_BYTES) {
            throw new IllegalArgumentException("EPC of " + all + " bytes in all: 1 TiB is the most");
        }
    }

    /** With one section of EPC; zero for none. */
    public MemoryLayout(long ramBytes, long epcBytes) {
        this(ramBytes, epcBytes == 0 ? List.of() : List.of(epcBytes));
    }

    /** Kind of a range in the memory map, numbered as in the e820 and PVH maps. */
    public enum Kind {
        RAM(1),
        RESERVED(2),
        ACPI(3);

        private final int code;

        Kind(int code) {
            this.code = code;
        }

        /** The number that stands in an e820 or PVH memory map. */
        public int code() {
            return code;
        }
    }

    /** One line of the memory map. */
    public record Range(long base, long lengthBytes, Kind kind) {
        /** First address behind the range. */
        public long end() {
            return base + lengthBytes;
        }
    }

    /** RAM that begins at address zero. */
    public long lowRamBytes() {
        return Math.min(ramBytes, LOW_RAM_LIMIT);
    }

    /** RAM that begins at {@link #HIGH_RAM_BASE}; zero if all fits below. */
    public long highRamBytes() {
        return ramBytes - lowRamBytes();
    }

    /** All EPC. */
    public long epcBytes() {
        return epcSizes.stream().mapToLong(Long::longValue).sum();
    }

    /** Where each section of EPC is. */
    public List<Range> epcSections() {
        List<Range> sections = new ArrayList<>();
        long low = roundUp(lowRamBytes());
        long high = roundUp(HIGH_RAM_BASE + highRamBytes());
        for (long bytes : epcSizes) {
            boolean fits = highRamBytes() == 0 && bytes <= LOW_RAM_LIMIT - low;
            Range section = new Range(fits ? low : high, bytes, Kind.RESERVED);
            sections.add(section);
            if (fits) {
                low = roundUp(section.end());
            } else {
                high = roundUp(section.end());
            }
        }
        return sections;
    }

    private static long roundUp(long address) {
        return (address + LARGE_PAGE - 1) & -LARGE_PAGE;
    }

    /** The map the guest is told, ascending, without overlaps: RAM, ACPI tables, reserved ranges and the EPC. */
    public List<Range> memoryMap() {
        var map = new ArrayList<Range>();
        map.add(new Range(0, CONVENTIONAL_END, Kind.RAM));
        map.add(new Range(CONVENTIONAL_END, 0xA_0000 - CONVENTIONAL_END, Kind.RESERVED));
        map.add(new Range(ACPI_BASE, EXTENDED_BASE - ACPI_BASE, Kind.ACPI));
        map.add(new Range(EXTENDED_BASE, lowRamBytes() - EXTENDED_BASE, Kind.RAM));
        map.add(new Range(IOAPIC_BASE, PAGE, Kind.RESERVED));
        map.add(new Range(LAPIC_BASE, PAGE, Kind.RESERVED));
        if (highRamBytes() > 0) {
            map.add(new Range(HIGH_RAM_BASE, highRamBytes(), Kind.RAM));
        }
        map.addAll(epcSections());
        map.sort(Comparator.comparingLong(Range::base));
        return List.copyOf(map);
    }
}
