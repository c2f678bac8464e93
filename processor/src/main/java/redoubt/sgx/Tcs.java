package redoubt.sgx;

/** TCS: SDM vol. 3D table 35-5. */
final class Tcs {
    static final int STATE = 0;
    static final int FLAGS = 8;
    static final int OSSA = 16;
    static final int CSSA = 24;
    static final int NSSA = 28;
    static final int OENTRY = 32;
    static final int AEP = 40;
    static final int OFSBASE = 48;
    static final int OGSBASE = 56;
    static final int FSLIMIT = 64;
    static final int GSLIMIT = 68;
    /** First reserved byte; to the end of the page. */
    static final int RESERVED = 72;

    static final int DBGOPTIN = 1;
    static final int AEXNOTIFY = 2;

    private Tcs() {}

    static boolean limitsAligned(long tcs) {
        return (Host.get32(tcs + FSLIMIT) & 0xFFF) == 0xFFF && (Host.get32(tcs + GSLIMIT) & 0xFFF) == 0xFFF;
    }
}
