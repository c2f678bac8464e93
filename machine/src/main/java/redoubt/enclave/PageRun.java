package redoubt.enclave;

import redoubt.sgx.PageType;

/**
 * Enclave pages one after another that are alike: each is added with EADD, then the chosen 256-byte chunks of it are
 * measured with EEXTEND in ascending order.
 *
 * @param offset of the first page from BASEADDR
 * @param pages how many; at least 1
 * @param secinfoFlags FLAGS of their SECINFO: R, W, X and the page type
 * @param measured bit i set: EEXTEND of the chunk at byte 256 * i; {@link #ALL} or {@link #NONE} as a rule
 * @param content the 4096 bytes of each of them; not to be changed
 */
public record PageRun(long offset, long pages, long secinfoFlags, int measured, byte[] content) {
    /** Bytes in a page. */
    public static final int PAGE = 4096;
    /** {@link #measured} of a page measured whole. */
    public static final int ALL = 0xFFFF;
    /** {@link #measured} of a page whose content is not measured. */
    public static final int NONE = 0;

    /** SECINFO.FLAGS: may be read. */
    public static final long R = 1;
    /** SECINFO.FLAGS: may be written. */
    public static final long W = 2;
    /** SECINFO.FLAGS: may be executed. */
    public static final long X = 4;
    /** SECINFO.FLAGS of a thread control structure. */
    public static final long TCS = (long) PageType.TCS << 8;
    /** SECINFO.FLAGS of a regular page. */
    public static final long REG = (long) PageType.REG << 8;

    /** The R, W and X of pages that an ELF segment with these {@code p_flags} is loaded to. */
    static long access(int segmentFlags) {
        return ((segmentFlags & 4) != 0 ? R : 0)
                | ((segmentFlags & 2) != 0 ? W : 0)
                | ((segmentFlags & 1) != 0 ? X : 0);
    }

    /** The offset after the last page. */
    public long end() {
        return offset + pages * PAGE;
    }

    /** Whether it is of thread control structures. */
    public boolean isTcs() {
        return (secinfoFlags & 0xFF00) == TCS;
    }
}
