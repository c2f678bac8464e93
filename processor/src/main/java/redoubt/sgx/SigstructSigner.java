package redoubt.sgx;

import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.Signature;
import java.security.interfaces.RSAPrivateCrtKey;

/**
 * Signs enclaves: makes the SIGSTRUCT that EINIT wants (SDM vol. 3D table 35-19 and section 38.4.1.1).
 *
 * @param key an RSA key of 3072 bits with the public exponent 3, the only kind that EINIT knows
 */
public record SigstructSigner(RSAPrivateCrtKey key) {
    private static final int KEY_BITS = 3072;

    /**
     * Checks the key.
     *
     * @throws IllegalArgumentException if it is of another size or exponent
     */
    public SigstructSigner {
        if (key.getModulus().bitLength() != KEY_BITS
                || !key.getPublicExponent().equals(BigInteger.valueOf(Sigstruct.PUBLIC_EXPONENT))) {
            throw new IllegalArgumentException(
                    "an RSA key of " + key.getModulus().bitLength()
                            + " bits with the public exponent " + key.getPublicExponent()
                            + "; EINIT wants 3072 bits and the exponent 3");
        }
    }

    /**
     * What is signed besides the measurement.
     *
     * @param date in binary-coded decimal, as 0x20260131
     * @param attributes ATTRIBUTES.FLAGS
     * @param xfrm ATTRIBUTES.XFRM
     * @param attributeMask the flags that must be as signed
     * @param xfrmMask the bits of XFRM that must be as signed
     * @param miscselect MISCSELECT
     * @param miscMask the bits of MISCSELECT that must be as signed
     * @param isvProdId ISVPRODID, 16 bits
     * @param isvSvn ISVSVN, 16 bits
     */
    public record Identity(
            int date,
            long attributes,
            long xfrm,
            long attributeMask,
            long xfrmMask,
            int miscselect,
            int miscMask,
            int isvProdId,
            int isvSvn) {}

    /** The SIGSTRUCT of an enclave of this measurement (32 bytes). */
    public Sigstruct sign(byte[] mrenclave, Identity identity) {
        byte[] s = new byte[Sigstruct.SIZE];
        SigstructVerifier.putConstants(s);
        Bytes.put32(s, Sigstruct.DATE, identity.date());
        Bytes.put32(s, Sigstruct.MISCSELECT, identity.miscselect());
        Bytes.put32(s, Sigstruct.MISCMASK, identity.miscMask());
        Bytes.put64(s, Sigstruct.ATTRIBUTES, identity.attributes());
        Bytes.put64(s, Sigstruct.ATTRIBUTES + 8, identity.xfrm());
        Bytes.put64(s, Sigstruct.ATTRIBUTEMASK, identity.attributeMask());
        Bytes.put64(s, Sigstruct.ATTRIBUTEMASK + 8, identity.xfrmMask());
        System.arraycopy(mrenclave, 0, s, Sigstruct.ENCLAVEHASH, 32);
        Bytes.put16(s, Sigstruct.ISVPRODID, identity.isvProdId());
        Bytes.put16(s, Sigstruct.ISVSVN, identity.isvSvn());
        BigInteger value = signature(s);
        BigInteger n = key.getModulus();
        BigInteger[] square = value.multiply(value).divideAndRemainder(n);
        putInteger(s, Sigstruct.MODULUS, n);
        putInteger(s, Sigstruct.SIGNATURE, value);
        putInteger(s, Sigstruct.Q1, square[0]);
        putInteger(s, Sigstruct.Q2, square[1].multiply(value).divide(n));
        return Sigstruct.of(s);
    }

    private BigInteger signature(byte[] s) {
        try {
            Signature rsa = Signature.getInstance("SHA256withRSA");
            rsa.initSign(key);
            rsa.update(SigstructVerifier.signedBytes(s));
            return new BigInteger(1, rsa.sign());
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("signing with an RSA key of the right kind failed", e);
        }
    }

    private static void putInteger(byte[] s, int offset, BigInteger value) {
        byte[] bigEndian = value.toByteArray();
        for (int i = 0; i < Sigstruct.KEY_SIZE; i++) {
            int from = bigEndian.length - 1 - i;
            s[offset + i] = from >= 0 ? bigEndian[from] : 0;
        }
    }
}
