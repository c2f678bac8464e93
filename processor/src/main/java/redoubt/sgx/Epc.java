package redoubt.sgx;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicLong;
import redoubt.memory.HostMemory;

/**
 * The Enclave Page Cache and its map: the pages, and one EPCM entry (SDM vol. 3D table 35-27) per page in parallel arrays.
 */
public final class Epc {
    public static final int PAGE = 4096;

    // Bits of an entry. The low six are those of SECINFO.FLAGS.
    public static final int R = 1;
    public static final int W = 2;
    public static final int X = 4;
    public static final int PENDING = 8;
    public static final int MODIFIED = 0x10;
    public static final int PR = 0x20;
    public static final int BLOCKED = 0x40;
    public static final int VALID = 0x80;

    private final MemorySegment pages;
    private final long base;
    private final int count;
    private final int[] bits;
    private final byte[] type;
    private final int[] secs;
    private final long[] address;
    private final long[] epoch;
    private final BitSet allocated = new BitSet();
    private int nextFree;
    private final AtomicLong generation = new AtomicLong();

    /** An EPC of {@code count} invalid pages. */
    public Epc(Arena arena, int count) {
        if (count <= 0) {
            throw new IllegalArgumentException("EPC of " + count + " pages: at least one is needed");
        }
        this.count = count;
        pages = HostMemory.allocate(arena, (long) PAGE * count);
        base = pages.address();
        bits = new int[count];
        type = new byte[count];
        secs = new int[count];
        address = new long[count];
        epoch = new long[count];
    }

    public int count() {
        return count;
    }

    // ---- allotment of pages to windows

    /** A page that no window has yet, or -1. */
    public synchronized int allocate() {
        int page = allocated.nextClearBit(nextFree);
        if (page >= count) {
            page = allocated.nextClearBit(0);
        }
        if (page >= count) {
            return -1;
        }
        allocated.set(page);
        nextFree = page + 1;
        return page;
    }

    /** Takes back a page from its window; it must be invalid. */
    public synchronized void release(int page) {
        if (valid(page)) {
            throw new IllegalStateException("EPC page " + page + " is still valid");
        }
        Host.fill(host(page), PAGE, 0);
        allocated.clear(page);
        nextFree = Math.min(nextFree, page);
    }

    /** How many pages are valid. */
    int validPages() {
        int valid = 0;
        for (int page = 0; page < count; page++) {
            valid += valid(page) ? 1 : 0;
        }
        return valid;
    }

    /** Pages not allotted. */
    public synchronized int free() {
        return count - allocated.cardinality();
    }

    // ---- access

    /** Host address of a page. */
    public long host(int page) {
        assert page >= 0 && page < count;
        return base + (long) page * PAGE;
    }

    public boolean valid(int page) {
        return (bits[page] & VALID) != 0;
    }

    public boolean blocked(int page) {
        return (bits[page] & BLOCKED) != 0;
    }

    public boolean pending(int page) {
        return (bits[page] & PENDING) != 0;
    }

    public boolean modified(int page) {
        return (bits[page] & MODIFIED) != 0;
    }

    public boolean pr(int page) {
        return (bits[page] & PR) != 0;
    }

    /** R, W, X. */
    public int permissions(int page) {
        return bits[page] & (R | W | X);
    }

    /** Whether any of these bits is set. */
    public boolean any(int page, int mask) {
        return (bits[page] & mask) != 0;
    }

    /** As SECINFO.FLAGS shows the entry. */
    public long secinfoFlags(int page) {
        return bits[page] & 0x3F | (long) type[page] << 8;
    }

    /** One of {@link PageType}. */
    public int type(int page) {
        return type[page];
    }

    public boolean is(int page, int pageType) {
        return valid(page) && type[page] == pageType;
    }

    /** EPC page of the owning SECS; of a SECS, the page itself. */
    public int secs(int page) {
        return type[page] == PageType.SECS ? page : secs[page];
    }

    /** ENCLAVEADDRESS. */
    public long address(int page) {
        return address[page];
    }

    /** Tracking epoch in which the page was blocked or restricted; 0: nothing to track. */
    public long epoch(int page) {
        return epoch[page];
    }

    void epoch(int page, long value) {
        epoch[page] = value;
    }

    /** Grows whenever an entry comes to permit less: translations made before are then too old for a new entry. */
    long generation() {
        return generation.get();
    }

    private void restrict() {
        generation.incrementAndGet();
    }

    void set(int page, int mask) {
        if ((mask & ~(R | W | X)) != 0) {
            restrict();
        }
        bits[page] |= mask;
    }

    void clear(int page, int mask) {
        if ((mask & (R | W | X)) != 0) {
            restrict();
        }
        bits[page] &= ~mask;
    }

    void type(int page, int pageType) {
        restrict();
        type[page] = (byte) pageType;
    }

    /** Fills an entry and makes it valid. {@code flags} are entry bits other than VALID. */
    void enter(int page, int pageType, int flags, int owner, long enclaveAddress) {
        type[page] = (byte) pageType;
        secs[page] = owner;
        address[page] = enclaveAddress;
        epoch[page] = 0;
        bits[page] = flags | VALID;
    }

    void invalidate(int page) {
        restrict();
        bits[page] = 0;
    }

    /** An EPCM entry, as the host keeps it with a page that it has taken from a guest. */
    record Entry(int bits, byte type, int secs, long address, long epoch) {}

    Entry entry(int page) {
        return new Entry(bits[page], type[page], secs[page], address[page], epoch[page]);
    }

    /** Fills an entry as it was elsewhere; that of a SECS names its new place. */
    void restore(int page, Entry entry) {
        bits[page] = entry.bits;
        type[page] = entry.type;
        secs[page] = entry.type == PageType.SECS ? page : entry.secs;
        address[page] = entry.address;
        epoch[page] = entry.epoch;
    }
}
