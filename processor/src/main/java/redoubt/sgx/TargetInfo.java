package redoubt.sgx;

/** TARGETINFO: SDM vol. 3D table 35-22. */
final class TargetInfo {
    static final int SIZE = 512;
    static final int MEASUREMENT = 0;
    static final int ATTRIBUTES = 32;
    static final int CONFIGSVN = 50;
    static final int MISCSELECT = 52;
    static final int CONFIGID = 64;

    private TargetInfo() {}

    static boolean reservedIsZero(byte[] t) {
        return Bytes.isZero(t, 48, 2) && Bytes.isZero(t, 56, 8) && Bytes.isZero(t, 128, 384);
    }
}
