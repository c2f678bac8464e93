package redoubt.hypervisor;

import java.util.Arrays;
import redoubt.memory.PhysicalMemory;
import redoubt.sgx.Epc;

/**
 * Raw enclave page cache for a guest, as {@code /dev/sgx_vepc} gives it: pages come from the package's pool at first touch,
 * are not shared and not reclaimed. Source: {@code arch/x86/kernel/cpu/sgx/virt.c}.
 */
public final class VirtualEpc implements PhysicalMemory.EpcWindow {
    private static final int UNTOUCHED = -1;

    private final Epc pool;
    private final int[] pages;

    /**
     * A region of {@code bytes}, not backed yet.
     *
     * @throws IllegalArgumentException unless that is a positive multiple of 4096
     */
    public VirtualEpc(Epc pool, long bytes) {
        if (bytes <= 0 || (bytes & 4095) != 0 || bytes >>> 12 > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(bytes + " bytes of EPC: not a positive multiple of 4096");
        }
        this.pool = pool;
        this.pages = new int[(int) (bytes >>> 12)];
        Arrays.fill(pages, UNTOUCHED);
    }

    /** Size in bytes. */
    public long bytes() {
        return (long) pages.length << 12;
    }

    @Override
    public int page(long offset) {
        int index = (int) (offset >>> 12);
        if (pages[index] == UNTOUCHED) {
            pages[index] = pool.allocate();
        }
        return pages[index];
    }
}
