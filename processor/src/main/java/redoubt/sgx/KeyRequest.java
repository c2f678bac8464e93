package redoubt.sgx;

/** KEYREQUEST: SDM vol. 3D table 35-23. */
final class KeyRequest {
    static final int SIZE = 512;
    static final int KEYNAME = 0;
    static final int KEYPOLICY = 2;
    static final int ISVSVN = 4;
    static final int CPUSVN = 8;
    static final int ATTRIBUTEMASK = 24;
    static final int KEYID = 40;
    static final int MISCMASK = 72;
    static final int CONFIGSVN = 76;

    // key names
    static final int EINITTOKEN_KEY = 0;
    static final int PROVISION_KEY = 1;
    static final int PROVISION_SEAL_KEY = 2;
    static final int REPORT_KEY = 3;
    static final int SEAL_KEY = 4;

    // policy bits
    static final int POLICY_MRENCLAVE = 1;
    static final int POLICY_MRSIGNER = 2;
    static final int POLICY_NOISVPRODID = 4;
    static final int POLICY_CONFIGID = 8;
    static final int POLICY_ISVFAMILYID = 0x10;
    static final int POLICY_ISVEXTPRODID = 0x20;
    static final int POLICY_KSS = 0x3C;

    private KeyRequest() {}

    static boolean reservedIsZero(byte[] k) {
        return Bytes.isZero(k, 6, 2) && Bytes.isZero(k, 78, 434);
    }
}
