package redoubt.sgx;

/** SIGSTRUCT: SDM vol. 3D table 35-19. Integers are little-endian. */
public final class Sigstruct {
    public static final int SIZE = 1808;
    static final int VENDOR = 16;
    static final int HEADER2 = 24;
    static final int RESERVED1 = 44;
    static final int MODULUS = 128;
    static final int KEY_SIZE = 384;
    static final int EXPONENT = 512;
    static final int SIGNATURE = 516;
    static final int MISCSELECT = 900;
    static final int MISCMASK = 904;
    static final int CET_ATTRIBUTES = 908;
    static final int ISVFAMILYID = 912;
    static final int ATTRIBUTES = 928;
    static final int ATTRIBUTEMASK = 944;
    static final int ENCLAVEHASH = 960;
    static final int RESERVED4 = 992;
    static final int ISVEXTPRODID = 1008;
    static final int ISVPRODID = 1024;
    static final int ISVSVN = 1026;
    static final int RESERVED5 = 1028;
    static final int Q1 = 1040;
    static final int Q2 = 1424;

    private Sigstruct() {}
}
