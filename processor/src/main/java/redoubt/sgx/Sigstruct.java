package redoubt.sgx;

import java.util.Arrays;

/** SIGSTRUCT, what signs an enclave: SDM vol. 3D table 35-19. Integers are little-endian. */
public final class Sigstruct {
    /** Bytes in a SIGSTRUCT. */
    public static final int SIZE = 1808;

    static final int VENDOR = 16;
    static final int DATE = 20;
    static final int HEADER2 = 24;
    static final int SWDEFINED = 40;
    static final int RESERVED1 = 44;
    static final int MODULUS = 128;
    static final int KEY_SIZE = 384;
    static final int EXPONENT = 512;
    /** The only exponent that EINIT takes. */
    static final int PUBLIC_EXPONENT = 3;

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

    private final byte[] bytes;

    private Sigstruct(byte[] bytes) {
        this.bytes = bytes;
    }

    /**
     * The SIGSTRUCT in these bytes, well-formed or not; they are copied.
     *
     * @throws IllegalArgumentException unless there are {@value #SIZE} of them
     */
    public static Sigstruct of(byte[] bytes) {
        if (bytes.length != SIZE) {
            throw new IllegalArgumentException("a SIGSTRUCT of " + bytes.length + " bytes; it has " + SIZE);
        }
        return new Sigstruct(bytes.clone());
    }

    /** All of its bytes, copied. */
    public byte[] bytes() {
        return bytes.clone();
    }

    /** VENDOR: 0x8086 for Intel's own enclaves, else 0. */
    public int vendor() {
        return Bytes.get32(bytes, VENDOR);
    }

    /** DATE in binary-coded decimal, as 0x20180131. */
    public int date() {
        return Bytes.get32(bytes, DATE);
    }

    /** SWDEFINED. */
    public int swDefined() {
        return Bytes.get32(bytes, SWDEFINED);
    }

    /** MISCSELECT. */
    public int miscselect() {
        return Bytes.get32(bytes, MISCSELECT);
    }

    /** MISCMASK: the bits of MISCSELECT that must be as signed. */
    public int miscMask() {
        return Bytes.get32(bytes, MISCMASK);
    }

    /** ATTRIBUTES.FLAGS. */
    public long attributes() {
        return Bytes.get64(bytes, ATTRIBUTES);
    }

    /** ATTRIBUTES.XFRM. */
    public long xfrm() {
        return Bytes.get64(bytes, ATTRIBUTES + 8);
    }

    /** ATTRIBUTEMASK of the flags: the bits that must be as signed. */
    public long attributeMask() {
        return Bytes.get64(bytes, ATTRIBUTEMASK);
    }

    /** ATTRIBUTEMASK of XFRM. */
    public long xfrmMask() {
        return Bytes.get64(bytes, ATTRIBUTEMASK + 8);
    }

    /** ENCLAVEHASH: the MRENCLAVE that is signed, 32 bytes. */
    public byte[] enclaveHash() {
        return SigstructVerifier.enclaveHash(bytes);
    }

    /** MRSIGNER: SHA-256 of the modulus, 32 bytes. */
    public byte[] mrsigner() {
        return SigstructVerifier.mrsigner(bytes);
    }

    /** ISVPRODID. */
    public int isvProdId() {
        return Bytes.get16(bytes, ISVPRODID);
    }

    /** ISVSVN. */
    public int isvSvn() {
        return Bytes.get16(bytes, ISVSVN);
    }

    /** ISVFAMILYID, 16 bytes. */
    public byte[] isvFamilyId() {
        return Arrays.copyOfRange(bytes, ISVFAMILYID, ISVFAMILYID + 16);
    }

    /** ISVEXTPRODID, 16 bytes. */
    public byte[] isvExtProdId() {
        return Arrays.copyOfRange(bytes, ISVEXTPRODID, ISVEXTPRODID + 16);
    }

    /** Whether constants and reserved fields are as EINIT wants them. */
    public boolean isWellFormed() {
        return SigstructVerifier.wellFormed(bytes);
    }

    /** Whether the RSA signature, Q1 and Q2 are right. */
    public boolean isSignatureValid() {
        return SigstructVerifier.signatureValid(bytes);
    }
}
