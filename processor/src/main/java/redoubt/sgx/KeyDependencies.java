package redoubt.sgx;

/**
 * What a derived key depends on: SDM vol. 3D, EGETKEY, KEYDEPENDENCIES. The layout is this processor's own; EGETKEY,
 * EREPORT and EINIT share it. Fields not set are zero.
 */
final class KeyDependencies {
    private static final int KEYNAME = 0;
    private static final int ISVPRODID = 2;
    private static final int ISVSVN = 4;
    private static final int CONFIGSVN = 6;
    private static final int KEYPOLICY = 8;
    private static final int MISCSELECT = 12;
    private static final int MISCMASK = 16;
    private static final int ISVFAMILYID = 24;
    private static final int ISVEXTPRODID = 40;
    private static final int OWNER_EPOCH = 56;
    private static final int ATTRIBUTES = 72;
    private static final int ATTRIBUTEMASK = 88;
    private static final int MRENCLAVE = 104;
    private static final int MRSIGNER = 136;
    private static final int KEYID = 168;
    private static final int SEAL_FUSES = 200;
    private static final int CPUSVN = 216;
    private static final int CONFIGID = 232;
    private static final int PADDING = 296;
    private static final int SIZE = PADDING + 352;

    private final byte[] b = new byte[SIZE];

    KeyDependencies(int keyName, SgxPackage platform) {
        Bytes.put16(b, KEYNAME, keyName);
        padding(platform.padding());
    }

    private KeyDependencies put(int offset, byte[] value) {
        System.arraycopy(value, 0, b, offset, value.length);
        return this;
    }

    private void padding(byte[] value) {
        put(PADDING, value);
    }

    KeyDependencies isvProdId(int value) {
        Bytes.put16(b, ISVPRODID, value);
        return this;
    }

    KeyDependencies isvSvn(int value) {
        Bytes.put16(b, ISVSVN, value);
        return this;
    }

    KeyDependencies config(byte[] id, int svn) {
        Bytes.put16(b, CONFIGSVN, svn);
        return put(CONFIGID, id);
    }

    KeyDependencies keyPolicy(int value) {
        Bytes.put16(b, KEYPOLICY, value);
        return this;
    }

    KeyDependencies misc(int select, int mask) {
        Bytes.put32(b, MISCSELECT, select);
        Bytes.put32(b, MISCMASK, mask);
        return this;
    }

    KeyDependencies isvFamilyId(byte[] value) {
        return put(ISVFAMILYID, value);
    }

    KeyDependencies isvExtProdId(byte[] value) {
        return put(ISVEXTPRODID, value);
    }

    KeyDependencies ownerEpoch(byte[] value) {
        return put(OWNER_EPOCH, value);
    }

    KeyDependencies attributes(byte[] value) {
        return put(ATTRIBUTES, value);
    }

    KeyDependencies attributeMask(byte[] value) {
        return put(ATTRIBUTEMASK, value);
    }

    KeyDependencies mrenclave(byte[] value) {
        return put(MRENCLAVE, value);
    }

    KeyDependencies mrsigner(byte[] value) {
        return put(MRSIGNER, value);
    }

    KeyDependencies keyId(byte[] value) {
        return put(KEYID, value);
    }

    KeyDependencies sealFuses(byte[] value) {
        return put(SEAL_FUSES, value);
    }

    KeyDependencies cpuSvn(byte[] value) {
        return put(CPUSVN, value);
    }

    byte[] encode() {
        return b;
    }
}
