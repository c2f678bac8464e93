package redoubt.sgx;

/** EINITTOKEN: SDM vol. 3D table 35-20. */
final class EinitToken {
    static final int SIZE = 304;
    static final int ALIGNMENT = 512;
    static final int VALID = 0;
    static final int ATTRIBUTES = 48;
    static final int MRENCLAVE = 64;
    static final int MRSIGNER = 128;
    static final int CPUSVNLE = 192;
    static final int ISVPRODIDLE = 208;
    static final int ISVSVNLE = 210;
    static final int MASKEDMISCSELECTLE = 236;
    static final int MASKEDATTRIBUTESLE = 240;
    static final int KEYID = 256;
    static final int MAC = 288;
    /** The MAC covers the bytes below. */
    static final int MACED = 192;

    private EinitToken() {}

    static boolean reservedIsZero(byte[] t) {
        return (Bytes.get32(t, VALID) & ~1) == 0
                && Bytes.isZero(t, 4, 44)
                && Bytes.isZero(t, 96, 32)
                && Bytes.isZero(t, 160, 32)
                && Bytes.isZero(t, 212, 24);
    }
}
