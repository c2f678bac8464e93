package redoubt.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What a guest-physical address leads to: RAM, a page of the package's EPC, an MMIO device, or nothing. Regions are
 * page-aligned and disjoint.
 */
public final class PhysicalMemory {
    /**
     * The whole host address space. SAFE: only used with addresses that {@link #hostAddress} derived from a live region; a
     * TLB entry is made from such an address and covers exactly one page of it.
     */
    public static final MemorySegment HOST = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    /** A device's registers. */
    public interface Mmio {
        /** Reads {@code size} bytes (1, 2, 4 or 8) at {@code offset} within the region. */
        long read(long offset, int size);

        /** Writes the low {@code size} bytes of {@code value}. */
        void write(long offset, int size, long value);
    }

    /** A window onto the package's EPC: which EPC page backs an offset, allocated at first touch. */
    public interface EpcWindow {
        /** Index of the EPC page behind this offset, or -1 when the package has none left. */
        int page(long offset);
    }

    /** One region of the map. */
    public record Region(
            long base,
            long size,
            @Nullable MemorySegment ram,
            @Nullable EpcWindow epc,
            @Nullable Mmio mmio) {
        boolean contains(long physical) {
            return physical - base >= 0 && physical - base < size;
        }
    }

    private Region[] regions = new Region[0];
    private @Nullable Region last;

    /** An empty address space. */
    public PhysicalMemory() {}

    /** Maps RAM; {@code segment} must be native, live as long as this map, and a multiple of 4096 bytes long. */
    public void addRam(long base, MemorySegment segment) {
        add(new Region(base, segment.byteSize(), segment, null, null));
    }

    /** Maps a window onto the EPC. */
    public void addEpc(long base, long size, EpcWindow window) {
        add(new Region(base, size, null, window, null));
    }

    /** Maps a device. */
    public void addMmio(long base, long size, Mmio device) {
        add(new Region(base, size, null, null, device));
    }

    private void add(Region region) {
        if ((region.base & 4095) != 0 || (region.size & 4095) != 0 || region.size <= 0) {
            throw new IllegalArgumentException(
                    String.format("region 0x%x+0x%x: not whole 4096-byte pages", region.base, region.size));
        }
        for (Region other : regions) {
            if (region.base < other.base + other.size && other.base < region.base + region.size) {
                throw new IllegalArgumentException(String.format(
                        "region 0x%x+0x%x overlaps 0x%x+0x%x", region.base, region.size, other.base, other.size));
            }
        }
        regions = Arrays.copyOf(regions, regions.length + 1);
        regions[regions.length - 1] = region;
    }

    /** The region at an address, or null. */
    public @Nullable Region find(long physical) {
        Region hit = last;
        if (hit != null && hit.contains(physical)) {
            return hit;
        }
        for (Region region : regions) {
            if (region.contains(physical)) {
                last = region;
                return region;
            }
        }
        return null;
    }

    /** Host address of a byte of RAM, or 0 when the address is not RAM. */
    public long hostAddress(long physical) {
        Region region = find(physical);
        return region == null || region.ram == null ? 0 : region.ram.address() + (physical - region.base);
    }

    /** Reads 8 bytes for the processor itself (page tables); all ones where there is no RAM. Must not cross a page. */
    public long readSystem64(long physical) {
        long host = hostAddress(physical);
        return host == 0 ? -1 : HOST.get(ValueLayout.JAVA_LONG_UNALIGNED, host);
    }

    /** Writes 8 bytes for the processor itself; dropped where there is no RAM. */
    public void writeSystem64(long physical, long value) {
        long host = hostAddress(physical);
        if (host != 0) {
            HOST.set(ValueLayout.JAVA_LONG_UNALIGNED, host, value);
        }
    }

    /** Copies bytes into RAM, as a loader does. */
    public void write(long physical, byte[] bytes) {
        for (int done = 0; done < bytes.length; ) {
            int chunk = (int) Math.min(bytes.length - done, 4096 - (physical + done & 4095));
            long host = hostAddress(physical + done);
            if (host == 0) {
                throw new IllegalArgumentException(String.format("no RAM at 0x%x", physical + done));
            }
            MemorySegment.copy(bytes, done, HOST, ValueLayout.JAVA_BYTE, host, chunk);
            done += chunk;
        }
    }
}
