package redoubt.sgx;

import java.util.OptionalLong;

/**
 * What the host does with the pages of its own package: the leaf functions on its own mapping of the EPC, as a kernel
 * executes them on pages that it has given to a guest, and taking a page's place away for a while. Safe for use by several
 * threads.
 */
public final class HostLeaves {
    private final SgxPackage platform;
    private final Epc epc;

    /** For the pages of this package. */
    public HostLeaves(SgxPackage platform) {
        this.platform = platform;
        this.epc = platform.epc;
    }

    /** A page's contents and EPCM entry while it has no place in the EPC: sealed, and of use only once. */
    public static final class EvictedPage {
        private final Epc.Entry entry;
        private final long version;
        private final byte[] sealed;

        EvictedPage(Epc.Entry entry, long version, byte[] sealed) {
            this.entry = entry;
            this.version = version;
            this.sealed = sealed;
        }
    }

    /** ENCLS[EREMOVE]; the leaf's code, see {@link ErrorCode}. */
    public int eremove(int page) {
        synchronized (platform) {
            return Eremove.code(epc, page);
        }
    }

    /** ENCLS[EDBGRD] of eight bytes; empty where the leaf faults or returns a code. */
    public OptionalLong edbgrd(int page, int offset) {
        synchronized (platform) {
            boolean permitted = debuggable(page) && (epc.type(page) == PageType.REG || offset < Tcs.RESERVED);
            return permitted ? OptionalLong.of(Host.get64(epc.host(page) + offset)) : OptionalLong.empty();
        }
    }

    /** ENCLS[EDBGWR] of eight bytes; false where the leaf faults or returns a code. */
    public boolean edbgwr(int page, int offset, long value) {
        synchronized (platform) {
            boolean permitted = debuggable(page) && (epc.type(page) == PageType.REG || offset == Tcs.FLAGS);
            if (permitted) {
                Host.put64(epc.host(page) + offset, value);
            }
            return permitted;
        }
    }

    private boolean debuggable(int page) {
        return (epc.is(page, PageType.REG) || epc.is(page, PageType.TCS))
                && !epc.any(page, Epc.PENDING | Epc.MODIFIED)
                && Edbgrd.debug(epc, page);
    }

    /**
     * Whether {@link #evict} may take a page: not a SECS with children, whose entries name its place. A page that is not
     * valid holds nothing and may be released at once.
     */
    public boolean evictable(int page) {
        synchronized (platform) {
            return !epc.is(page, PageType.SECS) || Host.get64(epc.host(page) + Secs.CHILDREN) == 0;
        }
    }

    /**
     * Takes a page's place away without a trace in its enclave: unlike EWB it needs no blocking and no version slot, because
     * the caller has stopped the processors that could reach the page and made them forget it. The page is released.
     */
    public EvictedPage evict(int page) {
        synchronized (platform) {
            long version = platform.takePagingVersion();
            Epc.Entry entry = epc.entry(page);
            byte[] sealed =
                    PagingCipher.seal(platform.pagingKey, version, header(entry), Host.bytes(epc.host(page), Epc.PAGE));
            epc.invalidate(page);
            epc.release(page);
            return new EvictedPage(entry, version, sealed);
        }
    }

    /** Gives a page a place again. */
    public void reload(int page, EvictedPage evicted) {
        synchronized (platform) {
            byte[] content =
                    PagingCipher.open(platform.pagingKey, evicted.version, header(evicted.entry), evicted.sealed);
            if (content == null) {
                throw new IllegalStateException("an evicted EPC page was changed on the host");
            }
            Host.put(epc.host(page), content);
            epc.restore(page, evicted.entry);
        }
    }

    /** ENCLS[EREMOVE] of a page that has no place; the leaf's code. */
    public int eremove(EvictedPage evicted) {
        synchronized (platform) {
            Epc.Entry entry = evicted.entry;
            if ((entry.bits() & Epc.VALID) == 0 || !PageType.isChild(entry.type())) {
                return ErrorCode.SUCCESS; // a SECS without a place has no children
            }
            long secs = epc.host(entry.secs());
            boolean acceptedTrim = entry.type() == PageType.TRIM && (entry.bits() & Epc.MODIFIED) == 0;
            if (!acceptedTrim && Secs.active(secs)) {
                return ErrorCode.ENCLAVE_ACT;
            }
            Secs.children(secs, -1);
            return ErrorCode.SUCCESS;
        }
    }

    private static byte[] header(Epc.Entry entry) {
        byte[] header = new byte[32];
        Bytes.put32(header, 0, entry.bits());
        Bytes.put32(header, 4, entry.type());
        Bytes.put32(header, 8, entry.secs());
        Bytes.put64(header, 16, entry.address());
        Bytes.put64(header, 24, entry.epoch());
        return header;
    }
}
