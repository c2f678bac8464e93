package redoubt.sgx;

/** REPORT: SDM vol. 3D table 35-21. */
public final class Report {
    public static final int SIZE = 432;
    static final int DATA_SIZE = 64;
    static final int CPUSVN = 0;
    static final int MISCSELECT = 16;
    static final int ISVEXTPRODID = 32;
    static final int ATTRIBUTES = 48;
    static final int MRENCLAVE = 64;
    static final int MRSIGNER = 128;
    static final int CONFIGID = 192;
    static final int ISVPRODID = 256;
    static final int ISVSVN = 258;
    static final int CONFIGSVN = 260;
    static final int ISVFAMILYID = 304;
    static final int REPORTDATA = 320;
    static final int KEYID = 384;
    static final int MAC = 416;
    /** The MAC covers the bytes below. */
    static final int MACED = 384;

    private Report() {}
}
