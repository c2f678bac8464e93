package redoubt.sgx;

/** TCS: offsets of its fields, SDM vol. 3D table 35-5. */
public final class Tcs {
    public static final int STATE = 0;
    public static final int FLAGS = 8;
    public static final int OSSA = 16;
    public static final int CSSA = 24;
    public static final int NSSA = 28;
    public static final int OENTRY = 32;
    public static final int AEP = 40;
    public static final int OFSBASE = 48;
    public static final int OGSBASE = 56;
    public static final int FSLIMIT = 64;
    public static final int GSLIMIT = 68;
    /** First reserved byte; to the end of the page. */
    static final int RESERVED = 72;

    static final int DBGOPTIN = 1;
    static final int AEXNOTIFY = 2;

    private Tcs() {}

    static boolean limitsAligned(long tcs) {
        return (Host.get32(tcs + FSLIMIT) & 0xFFF) == 0xFFF && (Host.get32(tcs + GSLIMIT) & 0xFFF) == 0xFFF;
    }
}
