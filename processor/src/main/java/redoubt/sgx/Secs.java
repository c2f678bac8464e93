package redoubt.sgx;

/**
 * SECS: SDM vol. 3D table 35-2. The fields above 2048 are the processor's own: no software can read a SECS, and they travel
 * with it when it is paged out.
 */
public final class Secs {
    public static final int SIZE = 0;
    static final int BASEADDR = 8;
    static final int SSAFRAMESIZE = 16;
    public static final int MISCSELECT = 20;
    static final int CET_LEG_BITMAP_OFFSET = 24;
    static final int CET_ATTRIBUTES = 32;
    static final int RESERVED1 = 33;
    public static final int ATTRIBUTES = 48;
    public static final int XFRM = 56;
    /** Until EINIT, the intermediate state of the hash. */
    static final int MRENCLAVE = 64;

    static final int RESERVED2 = 96;
    static final int MRSIGNER = 128;
    static final int RESERVED3 = 160;
    static final int CONFIGID = 192;
    static final int ISVPRODID = 256;
    static final int ISVSVN = 258;
    static final int CONFIGSVN = 260;
    static final int RESERVED4 = 262;

    static final int EID = 2048;
    static final int ISVFAMILYID = 2056;
    static final int ISVEXTPRODID = 2072;
    /** CHLDCNT. */
    static final int CHILDREN = 2088;

    /** VIRTCHILDCNT. */
    static final int VIRTUAL_CHILDREN = 2096;

    /** ENCLAVECONTEXT. */
    static final int CONTEXT = 2104;

    static final int BLOCKS = 2112;
    static final int EPOCH = 2120;
    /** Logical processors inside that entered in the current epoch. */
    static final int INSIDE_CURRENT = 2128;
    /** Logical processors inside that entered in an earlier one. */
    static final int INSIDE_PREVIOUS = 2136;

    private Secs() {}

    static boolean initialized(long secs) {
        return (Host.get64(secs + ATTRIBUTES) & Attributes.INIT) != 0;
    }

    static boolean mode64(long secs) {
        return (Host.get64(secs + ATTRIBUTES) & Attributes.MODE64BIT) != 0;
    }

    static boolean contains(long secs, long linear) {
        return linear - Host.get64(secs + BASEADDR) >= 0
                && Long.compareUnsigned(linear - Host.get64(secs + BASEADDR), Host.get64(secs + SIZE)) < 0;
    }

    static void children(long secs, int delta) {
        Host.put64(secs + CHILDREN, Host.get64(secs + CHILDREN) + delta);
    }

    static boolean active(long secs) {
        return Host.get64(secs + INSIDE_CURRENT) + Host.get64(secs + INSIDE_PREVIOUS) != 0;
    }

    /** A processor enters; returns the epoch to remember. */
    static long enter(long secs) {
        Host.put64(secs + INSIDE_CURRENT, Host.get64(secs + INSIDE_CURRENT) + 1);
        return Host.get64(secs + EPOCH);
    }

    /** A processor that entered in {@code epoch} leaves. */
    static void leave(long secs, long epoch) {
        int field = epoch == Host.get64(secs + EPOCH) ? INSIDE_CURRENT : INSIDE_PREVIOUS;
        Host.put64(secs + field, Host.get64(secs + field) - 1);
    }

    /** Begins a tracking cycle unless the last one is incomplete; returns the leaf's code. */
    static int track(long secs) {
        if (Host.get64(secs + INSIDE_PREVIOUS) != 0) {
            return ErrorCode.PREV_TRK_INCMPL;
        }
        Host.put64(secs + INSIDE_PREVIOUS, Host.get64(secs + INSIDE_CURRENT));
        Host.put64(secs + INSIDE_CURRENT, 0);
        Host.put64(secs + EPOCH, Host.get64(secs + EPOCH) + 1);
        return ErrorCode.SUCCESS;
    }

    /** Whether no processor can still hold a translation from before {@code pageEpoch} ended. */
    static boolean tracked(long secs, long pageEpoch) {
        long epoch = Host.get64(secs + EPOCH);
        return pageEpoch == 0
                || pageEpoch < epoch - 1
                || pageEpoch == epoch - 1 && Host.get64(secs + INSIDE_PREVIOUS) == 0;
    }
}
