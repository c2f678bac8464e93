package redoubt.cpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static redoubt.memory.PhysicalMemory.HOST;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import redoubt.memory.PhysicalMemory.Region;
import redoubt.x86.Feature;

/**
 * Address translation of one processor: paging (SDM vol. 3A chapter 4), the software TLB, and the slow path of every memory
 * access: page crossing, MMIO, EPC, code pages.
 *
 * <p>A TLB entry is four longs {read tag, write tag, addend, unused}. A tag is the page's linear address, or an odd number
 * when the access must take the slow path. There is one TLB per context (user, supervisor, supervisor with EFLAGS.AC,
 * enclave), so that a privilege change is a change of array. While alignment is checked, and for a page with a data
 * breakpoint, there are no entries, so that only then anybody pays for these.
 */
public final class Mmu {
    private static final int ENTRIES = 1024;

    /** Masks {@code linear >>> 10} to the first long of an entry. */
    static final int INDEX_MASK = ENTRIES - 1 << 2;

    private static final int USER = 0;
    private static final int SUPERVISOR = 1;
    private static final int SUPERVISOR_AC = 2;
    private static final int ENCLAVE = 3;
    private static final long INVALID = 1;

    private static final int PRESENT = 1;
    private static final int WRITABLE = 2;
    private static final int USER_PAGE = 4;
    private static final int ACCESSED = 0x20;
    private static final int DIRTY = 0x40;
    private static final int LARGE = 0x80;
    private static final long NX = 1L << 63;
    private static final long CR0_AM = 0x40000;
    private static final long CR0_WP = 0x10000;
    private static final long CR4_PKE = 0x40_0000;
    /** Error code of a page fault by protection key. */
    private static final int PROTECTION_KEY = 0x20;

    private static final long ADDRESS = 0x000F_FFFF_FFFF_F000L;

    private final Cpu c;
    private final CodeCache code;
    private final long[][] tlbs = new long[4][ENTRIES * 4];
    private final long[][] fetchTags = new long[4][ENTRIES];
    private final CodePage[][] fetchPages = new CodePage[4][ENTRIES];
    private final long[] pdptes = new long[4];
    /** Stands in for the context's TLB while alignment is checked: never filled. */
    private final long[] noTlb = new long[ENTRIES * 4];

    /** Whether a context's arrays may hold anything. */
    private final boolean[] used = {true, true, true, true};

    /** Binary logarithm of the largest page that was walked since the last flush of everything. */
    private int largest = 12;

    private int context = SUPERVISOR;
    /** Whether misaligned accesses fault: CPL 3, CR0.AM and RFLAGS.AC (SDM vol. 3A 6.15, #AC). */
    private boolean aligned;
    /** The control bits that translations depend on, as of the last flush. */
    private long shadow;

    Mmu(Cpu c, CodeCache code) {
        this.c = c;
        this.code = code;
        code.register(this);
        Arrays.fill(noTlb, INVALID);
        flush();
        c.tlb = tlbs[SUPERVISOR];
    }

    // ---- contexts and flushing

    /** After a change of CPL, AC, enclave mode, CR0, CR4, EFER: selects the TLB, flushes if translations changed meaning. */
    public void contextChanged() {
        long now = (c.cr0 & 0x80010001L) | (c.cr4 & 0x720030L) << 32 | (c.efer & 0xC00) << 16;
        if (now != shadow) {
            shadow = now;
            flush();
        }
        context = c.enclave.inEnclave()
                ? ENCLAVE
                : c.cpl == 3 ? USER : (c.cr4 & 0x200000) != 0 && (c.flags & Flags.AC) == 0 ? SUPERVISOR : SUPERVISOR_AC;
        used[context] = true;
        aligned = c.cpl == 3 && (c.cr0 & CR0_AM) != 0 && (c.flags & Flags.AC) != 0;
        c.tlb = aligned ? noTlb : tlbs[context];
    }

    /** Forgets all translations. */
    public void flush() {
        for (int i = 0; i < 4; i++) {
            flush(i);
        }
        largest = 12;
    }

    private void flush(int index) {
        if (used[index]) {
            Arrays.fill(tlbs[index], INVALID);
            Arrays.fill(fetchTags[index], INVALID);
            used[index] = index == context;
        }
    }

    /** Forgets the translations made in enclave mode, and no others. */
    public void flushEnclave() {
        flush(ENCLAVE);
    }

    /** Whether accesses may be gathered: nobody looks at each of them. */
    public boolean mayGather() {
        return !aligned && !c.breakpoints.onData();
    }

    private void checkAligned(long linear, int size) {
        if (aligned && (linear & size - 1) != 0) {
            if (c.longMode() && !(canonical(linear) && canonical(linear + size - 1))) {
                throw c.nonCanonical();
            }
            throw c.fault(17, 0);
        }
    }

    /** Forgets all but global translations. (Forgets those too: allowed, SDM vol. 3A 4.10.4.1.) */
    public void flushNonGlobal() {
        flush();
    }

    /** Forgets one page, all entries of it: those of a large page are several here (SDM vol. 3A 4.10.4.1, INVLPG). */
    public void flushPage(long linear) {
        int pages = Math.min(1 << largest - 12, ENTRIES);
        int first = (int) (linear >>> 12) & ENTRIES - pages;
        for (int i = 0; i < 4; i++) {
            long[] t = tlbs[i];
            for (int page = first; page < first + pages; page++) {
                int k = page << 2;
                if ((t[k] ^ linear) >>> largest == 0) {
                    t[k] = INVALID;
                }
                if ((t[k + 1] ^ linear) >>> largest == 0) {
                    t[k + 1] = INVALID;
                }
                if ((fetchTags[i][page] ^ linear) >>> largest == 0) {
                    fetchTags[i][page] = INVALID;
                }
            }
        }
    }

    /** A page of memory was changed by other means than a store: code decoded from it is no longer valid. */
    public void hostPageWritten(long host) {
        code.written(host & -4096, 0, 4096);
    }

    /** Makes writes to the host page take the slow path. */
    void revokeWrite(long host) {
        for (long[] t : tlbs) {
            for (int k = 0; k < t.length; k += 4) {
                if (t[k + 1] != INVALID && t[k + 1] + t[k + 2] == host) {
                    t[k + 1] = INVALID;
                }
            }
        }
    }

    // ---- translation

    /** Physical address for an explicit access at the current privilege; {@code access} as in {@link EnclaveUnit}. */
    public long translate(long linear, int access) {
        return walk(linear, access, c.cpl == 3, (c.flags & Flags.AC) != 0);
    }

    static boolean canonical(long linear) {
        return linear << 16 >> 16 == linear;
    }

    private GuestFault fault(long linear, int access, boolean user, int bits) {
        int code = bits
                | ((access & EnclaveUnit.WRITE) != 0 ? 2 : 0)
                | (user ? 4 : 0)
                | ((access & EnclaveUnit.FETCH) != 0 && ((c.efer & 0x800) != 0 || (c.cr4 & 0x100000) != 0) ? 16 : 0);
        return c.pageFault(linear, code);
    }

    private long walk(long linear, int access, boolean user, boolean ac) {
        if ((c.cr0 & 0x8000_0000L) == 0) {
            return linear & 0xFFFF_FFFFL;
        }
        boolean longMode = (c.efer & 0x400) != 0;
        if (!longMode) {
            linear &= 0xFFFF_FFFFL;
            if ((c.cr4 & 0x20) == 0) {
                return walk32(linear, access, user, ac);
            }
        } else if (!canonical(linear)) {
            throw c.nonCanonical();
        }
        boolean nxe = (c.efer & 0x800) != 0;
        long reserved = ADDRESS & -1L << c.model.physicalBits() | (nxe ? 0 : NX);
        long table = c.cr3 & ADDRESS;
        int level = 4;
        long permissions = WRITABLE | USER_PAGE;
        long noExecute = 0;
        if (!longMode) {
            long pdpte = pdptes[(int) (linear >>> 30) & 3];
            if ((pdpte & PRESENT) == 0) {
                throw fault(linear, access, user, 0);
            }
            table = pdpte & ADDRESS;
            level = 2;
        }
        long[] entryAddresses = walkEntries;
        int depth = 0;
        long entry;
        for (; ; ) {
            int shift = 3 + 9 * level;
            long address = table + ((linear >>> shift & 511) << 3);
            entry = c.memory.readSystem64(address);
            entryAddresses[depth++] = address;
            if ((entry & PRESENT) == 0) {
                throw fault(linear, access, user, 0);
            }
            if ((entry & reserved) != 0
                    || level == 4 && (entry & LARGE) != 0
                    || level == 3 && (entry & LARGE) != 0 && !c.model.has(Feature.PAGES_1G)
                    || !longMode && (entry & 0x7FF0_0000_0000_0000L) != 0) {
                throw fault(linear, access, user, 1 | 8);
            }
            permissions &= entry;
            noExecute |= entry & NX;
            if (level == 1 || (entry & LARGE) != 0) {
                if (level > 1 && (entry & (1L << shift) - 1 & ADDRESS & ~0x1000L) != 0) {
                    throw fault(linear, access, user, 1 | 8);
                }
                break;
            }
            table = entry & ADDRESS;
            level--;
        }
        check(linear, access, user, ac, permissions, noExecute != 0);
        if (longMode && (c.cr4 & CR4_PKE) != 0 && (permissions & USER_PAGE) != 0) {
            checkKey(linear, access, user, (int) (entry >>> 59) & 15);
        }
        for (int i = 0; i < depth; i++) {
            long want = i == depth - 1 && (access & EnclaveUnit.WRITE) != 0 ? ACCESSED | DIRTY : ACCESSED;
            long old = c.memory.readSystem64(entryAddresses[i]);
            if ((old & want) != want) {
                systemStore(entryAddresses[i], old | want);
            }
        }
        largest = Math.max(largest, 3 + 9 * level);
        long pageMask = (1L << 3 + 9 * level) - 1;
        return entry & ADDRESS & ~pageMask | linear & pageMask;
    }

    private final long[] walkEntries = new long[4];

    private void systemStore(long physical, long value) {
        long host = c.memory.hostAddress(physical & -4096);
        if (host != 0 && code.holdsCode(host)) {
            code.written(host, (int) physical & 4095, 8);
        }
        c.memory.writeSystem64(physical, value);
    }

    private void check(long linear, int access, boolean user, boolean ac, long permissions, boolean noExecute) {
        boolean userPage = (permissions & USER_PAGE) != 0;
        boolean bad;
        if (user) {
            bad = !userPage;
        } else if (!userPage) {
            bad = false;
        } else if ((access & EnclaveUnit.FETCH) != 0) {
            bad = (c.cr4 & 0x100000) != 0;
        } else {
            bad = (c.cr4 & 0x200000) != 0 && !ac;
        }
        bad |= (access & EnclaveUnit.WRITE) != 0 && (permissions & WRITABLE) == 0 && (user || (c.cr0 & CR0_WP) != 0);
        bad |= (access & EnclaveUnit.FETCH) != 0 && noExecute;
        if (bad) {
            throw fault(linear, access, user, 1);
        }
    }

    /** Protection keys of user pages, for data accesses: SDM vol. 3A 4.6.2. */
    private void checkKey(long linear, int access, boolean user, int key) {
        int rights = c.pkru >>> 2 * key;
        boolean write = (access & EnclaveUnit.WRITE) != 0;
        boolean denied = (rights & 1) != 0 || write && (rights & 2) != 0 && (user || (c.cr0 & CR0_WP) != 0);
        if (denied && (access & EnclaveUnit.FETCH) == 0) {
            throw fault(linear, access, user, 1 | PROTECTION_KEY);
        }
    }

    private long walk32(long linear, int access, boolean user, boolean ac) {
        long pdeAddress = (c.cr3 & 0xFFFF_F000L) + (linear >>> 22 << 2);
        long pde = system32(pdeAddress);
        if ((pde & PRESENT) == 0) {
            throw fault(linear, access, user, 0);
        }
        boolean large = (pde & LARGE) != 0 && (c.cr4 & 0x10) != 0;
        if (large) {
            check(linear, access, user, ac, pde, false);
            largest = Math.max(largest, 22);
            setAccessed32(pdeAddress, pde, (access & EnclaveUnit.WRITE) != 0 ? ACCESSED | DIRTY : ACCESSED);
            return pde & 0xFFC0_0000L | (pde >>> 13 & 0xFF) << 32 | linear & 0x3F_FFFF;
        }
        long pteAddress = (pde & 0xFFFF_F000L) + ((linear >>> 12 & 1023) << 2);
        long pte = system32(pteAddress);
        if ((pte & PRESENT) == 0) {
            throw fault(linear, access, user, 0);
        }
        check(linear, access, user, ac, pde & pte, false);
        setAccessed32(pdeAddress, pde, ACCESSED);
        setAccessed32(pteAddress, pte, (access & EnclaveUnit.WRITE) != 0 ? ACCESSED | DIRTY : ACCESSED);
        return pte & 0xFFFF_F000L | linear & 4095;
    }

    private long system32(long physical) {
        return c.memory.readSystem64(physical & ~7L) >>> ((physical & 4) << 3) & 0xFFFF_FFFFL;
    }

    private void setAccessed32(long physical, long entry, int bits) {
        if ((entry & bits) != bits) {
            long old = c.memory.readSystem64(physical & ~7L);
            systemStore(physical & ~7L, old | (long) bits << ((physical & 4) << 3));
        }
    }

    /** Loads the four PDPTEs of PAE paging from CR3; #GP(0) on reserved bits. */
    public void loadPdptes() {
        for (int i = 0; i < 4; i++) {
            long entry = c.memory.readSystem64((c.cr3 & 0xFFFF_FFE0L) + i * 8L);
            if ((entry & PRESENT) != 0 && (entry & (0x1E6L | NX)) != 0) {
                throw c.generalProtection(0);
            }
            pdptes[i] = entry;
        }
    }

    // ---- data accesses, slow path

    /** What {@link #resolve} found when it is not plain memory. */
    private @Nullable Region mmio;

    /** Offset in {@link #mmio}, or the physical address where nothing is. */
    private long mmioOffset;

    private boolean nothing;

    /**
     * Translates one access that does not cross a page and fills the TLB if it is plain memory. Returns the host address, or
     * 0: then {@link #mmio} says which device, {@link #nothing} that there is none; else it is the abort page.
     */
    private long resolve(long linear, int access, int length, boolean user, boolean fill) {
        long physical = walk(linear, access, user, (c.flags & Flags.AC) != 0);
        Region region = c.memory.find(physical);
        mmio = null;
        nothing = false;
        long host;
        if (region != null && region.epc() != null || c.enclave.inElrange(linear)) {
            int page =
                    region == null || region.epc() == null ? -1 : region.epc().page(physical - region.base() & -4096);
            long pageHost = c.enclave.epcHostAddress(c, linear, page, access);
            if (pageHost == 0) {
                return 0;
            }
            host = pageHost + (linear & 4095);
        } else if (region == null) {
            nothing = true;
            mmioOffset = physical;
            return 0;
        } else if (region.ram() == null) {
            mmio = region;
            mmioOffset = physical - region.base();
            return 0;
        } else {
            host = region.ram().address() + (physical - region.base());
        }
        long hostPage = host & -4096;
        boolean write = (access & EnclaveUnit.WRITE) != 0;
        boolean holdsCode = write && code.holdsCode(hostPage);
        if (holdsCode) {
            code.written(hostPage, (int) host & 4095, length);
            holdsCode = code.holdsCode(hostPage);
        }
        if (fill && !aligned && !c.breakpoints.onData(linear)) {
            long[] t = c.tlb;
            int k = (int) (linear >>> 10) & INDEX_MASK;
            long tag = linear & -4096;
            long addend = hostPage - tag;
            if (t[k] != tag || t[k + 2] != addend) {
                t[k + 1] = INVALID;
            }
            boolean readable = !write || context != ENCLAVE;
            t[k] = readable ? tag : t[k] == tag && t[k + 2] == addend ? tag : INVALID;
            t[k + 2] = addend;
            if (write && !holdsCode) {
                t[k + 1] = tag;
            }
        }
        return host;
    }

    /** A load that missed the TLB. The result is zero-extended (4 bytes: sign is irrelevant to the caller). */
    long load(long linear, int size) {
        checkAligned(linear, size);
        return loadPart(linear, size);
    }

    /** Likewise, of an operand that need not be aligned whatever AC says: part of a vector. */
    long loadPart(long linear, int size) {
        long value = ((linear & 4095) + size) > 4096 ? loadSplit(linear, size) : loadAt(linear, size, c.cpl == 3, true);
        c.breakpoints.data(linear, size, false);
        return value;
    }

    private long loadAt(long linear, int size, boolean user, boolean fill) {
        long host = resolve(linear, EnclaveUnit.READ, size, user, fill);
        if (host != 0) {
            return switch (size) {
                case 1 -> HOST.get(JAVA_BYTE, host) & 0xFF;
                case 2 -> HOST.get(JAVA_SHORT_UNALIGNED, host) & 0xFFFF;
                case 4 -> HOST.get(JAVA_INT_UNALIGNED, host) & 0xFFFF_FFFFL;
                default -> HOST.get(JAVA_LONG_UNALIGNED, host);
            };
        }
        if (nothing) {
            return c.exits.load(mmioOffset, size);
        }
        Region device = mmio;
        if (device == null || device.mmio() == null) {
            return size == 8 ? -1L : (1L << size * 8) - 1;
        }
        accessesDevice();
        return device.mmio().read(mmioOffset, size);
    }

    /** Before an access to a device's registers: it wants to know the exact time, and {@link Cpu#instructions} runs ahead. */
    private void accessesDevice() {
        if (!c.stepping) {
            throw c.stepAlone();
        }
        c.deviceAccess.before(c);
    }

    private long loadSplit(long linear, int size) {
        long wrapped = (linear & -4096) + 4096;
        boolean user = c.cpl == 3;
        long value = 0;
        resolve(linear, EnclaveUnit.READ, 1, user, true);
        resolve(wrapped, EnclaveUnit.READ, 1, user, true);
        for (int i = 0; i < size; i++) {
            value |= (loadAt(linear + i, 1, user, true) & 0xFF) << i * 8;
        }
        return value;
    }

    /** A store that missed the TLB. */
    void store(long linear, int size, long value) {
        checkAligned(linear, size);
        storePart(linear, size, value);
    }

    /** Likewise, of an operand that need not be aligned. */
    void storePart(long linear, int size, long value) {
        boolean user = c.cpl == 3;
        c.breakpoints.data(linear, size, true);
        if (((linear & 4095) + size) > 4096) {
            probeWrite(linear, size, 1);
            for (int i = 0; i < size; i++) {
                storeAt(linear + i, 1, value >>> i * 8, user, true);
            }
        } else {
            storeAt(linear, size, value, user, true);
        }
    }

    private void storeAt(long linear, int size, long value, boolean user, boolean fill) {
        long host = resolve(linear, EnclaveUnit.WRITE, size, user, fill);
        if (host != 0) {
            switch (size) {
                case 1 -> HOST.set(JAVA_BYTE, host, (byte) value);
                case 2 -> HOST.set(JAVA_SHORT_UNALIGNED, host, (short) value);
                case 4 -> HOST.set(JAVA_INT_UNALIGNED, host, (int) value);
                default -> HOST.set(JAVA_LONG_UNALIGNED, host, value);
            }
            return;
        }
        Region device = mmio;
        if (nothing) {
            c.exits.store(mmioOffset, size, value);
        } else if (device != null && device.mmio() != null) {
            accessesDevice();
            device.mmio().write(mmioOffset, size, value);
        }
    }

    /** Raises the fault that a write of these bytes would raise; changes nothing but A and D bits. */
    public void probeWrite(long linear, int bytes) {
        probeWrite(linear, bytes, Integer.bitCount(bytes) == 1 && bytes <= 8 ? bytes : 1);
    }

    /** Likewise for an operand that wants this alignment where alignment is checked. */
    public void probeWrite(long linear, int bytes, int alignment) {
        long last = linear + bytes - 1;
        checkAligned(linear, alignment);
        probe(linear, EnclaveUnit.WRITE);
        if ((last & -4096) != (linear & -4096)) {
            probe(last & -4096, EnclaveUnit.WRITE);
        }
        c.breakpoints.dataAhead(linear, bytes);
    }

    /** Likewise for a write of the processor itself to a system structure. */
    void probeSystemWrite(long linear, int bytes) {
        walk(linear, EnclaveUnit.WRITE, false, false);
        walk(linear + bytes - 1, EnclaveUnit.WRITE, false, false);
    }

    private void probe(long linear, int access) {
        long physical = translate(linear, access);
        Region region = c.memory.find(physical);
        if (region != null && region.epc() != null || c.enclave.inElrange(linear)) {
            int page =
                    region == null || region.epc() == null ? -1 : region.epc().page(physical - region.base() & -4096);
            c.enclave.epcHostAddress(c, linear, page, access);
        }
    }

    /** Host address for bulk reading up to the end of the page, or 0 when it is not plain memory. Faults as a read. */
    public long hostForRead(long linear) {
        int k = (int) (linear >>> 10) & INDEX_MASK;
        if (c.tlb[k] == (linear & -4096)) {
            return linear + c.tlb[k + 2];
        }
        return resolve(linear, EnclaveUnit.READ, 1, c.cpl == 3, true);
    }

    /** Likewise for writing: code decoded from the rest of the page is forgotten. */
    public long hostForWrite(long linear) {
        int k = (int) (linear >>> 10) & INDEX_MASK;
        if (c.tlb[k + 1] == (linear & -4096)) { // such a page holds no code
            return linear + c.tlb[k + 2];
        }
        return resolve(linear, EnclaveUnit.WRITE, 4096, c.cpl == 3, true);
    }

    // ---- implicit supervisor accesses: descriptor tables, TSS, IDT

    private long sysLoad(long linear, int size) {
        if (((linear & 4095) + size) > 4096) {
            long value = 0;
            for (int i = 0; i < size; i++) {
                value |= (sysLoad(linear + i, 1) & 0xFF) << i * 8;
            }
            return value;
        }
        long physical = walk(linear, EnclaveUnit.READ, false, false);
        long host = c.memory.hostAddress(physical);
        if (host == 0) {
            return -1;
        }
        return switch (size) {
            case 1 -> HOST.get(JAVA_BYTE, host) & 0xFF;
            case 2 -> HOST.get(JAVA_SHORT_UNALIGNED, host) & 0xFFFF;
            case 4 -> HOST.get(JAVA_INT_UNALIGNED, host) & 0xFFFF_FFFFL;
            default -> HOST.get(JAVA_LONG_UNALIGNED, host);
        };
    }

    private void sysStore(long linear, int size, long value) {
        if (((linear & 4095) + size) > 4096) {
            walk(linear, EnclaveUnit.WRITE, false, false);
            walk((linear & -4096) + 4096, EnclaveUnit.WRITE, false, false);
            for (int i = 0; i < size; i++) {
                sysStore(linear + i, 1, value >>> i * 8);
            }
            return;
        }
        long physical = walk(linear, EnclaveUnit.WRITE, false, false);
        long host = c.memory.hostAddress(physical);
        if (host == 0) {
            return;
        }
        if (code.holdsCode(host & -4096)) {
            code.written(host & -4096, (int) host & 4095, size);
        }
        switch (size) {
            case 1 -> HOST.set(JAVA_BYTE, host, (byte) value);
            case 2 -> HOST.set(JAVA_SHORT_UNALIGNED, host, (short) value);
            case 4 -> HOST.set(JAVA_INT_UNALIGNED, host, (int) value);
            default -> HOST.set(JAVA_LONG_UNALIGNED, host, value);
        }
    }

    public int sysLd8(long linear) {
        return (int) sysLoad(linear, 1);
    }

    public int sysLd16(long linear) {
        return (int) sysLoad(linear, 2);
    }

    public int sysLd32(long linear) {
        return (int) sysLoad(linear, 4);
    }

    public long sysLd64(long linear) {
        return sysLoad(linear, 8);
    }

    public void sysSt8(long linear, int value) {
        sysStore(linear, 1, value);
    }

    public void sysSt16(long linear, int value) {
        sysStore(linear, 2, value);
    }

    public void sysSt32(long linear, int value) {
        sysStore(linear, 4, value);
    }

    public void sysSt64(long linear, long value) {
        sysStore(linear, 8, value);
    }

    // ---- instruction fetch

    /** The decoded page that holds the linear address, in the current mode. Faults as a fetch. */
    @Nullable
    CodePage codePage(long linear) {
        int k = (int) (linear >>> 12) & ENTRIES - 1;
        CodePage[] pages = fetchPages[context];
        if (fetchTags[context][k] == (linear & -4096) && pages[k].mode == c.codeMode) {
            return pages[k];
        }
        long host = hostForFetch(linear);
        if (host == 0) {
            return null;
        }
        CodePage page = code.page(host & -4096, c.codeMode);
        if (c.breakpoints.onCode(linear)) {
            return CodePage.ONE_BY_ONE;
        }
        pages[k] = page;
        fetchTags[context][k] = linear & -4096;
        return page;
    }

    /** Host address of the byte to be fetched, 0 when it is neither RAM nor this enclave's EPC. Faults as a fetch. */
    long hostForFetch(long linear) {
        if (c.enclave.inEnclave() && !c.enclave.inElrange(linear)) {
            throw c.generalProtection(0); // even where nothing is mapped
        }
        long physical = walk(linear, EnclaveUnit.FETCH, c.cpl == 3, false);
        Region region = c.memory.find(physical);
        if (region != null && region.epc() != null || c.enclave.inElrange(linear)) {
            int page =
                    region == null || region.epc() == null ? -1 : region.epc().page(physical - region.base() & -4096);
            long pageHost = c.enclave.epcHostAddress(c, linear, page, EnclaveUnit.FETCH);
            return pageHost == 0 ? 0 : pageHost + (linear & 4095);
        }
        return region == null || region.ram() == null ? 0 : region.ram().address() + (physical - region.base());
    }

    /** Before a block of a still empty page is added. */
    void protect(CodePage page) {
        if (page.isEmpty() && !code.holdsCode(page.host)) {
            code.protect(page.host);
        }
    }
}
