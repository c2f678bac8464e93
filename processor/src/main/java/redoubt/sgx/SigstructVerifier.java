package redoubt.sgx;

import java.math.BigInteger;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;

/** The checks EINIT makes on a SIGSTRUCT alone: SDM vol. 3D, EINIT. */
public final class SigstructVerifier {
    private static final byte[] HEADER = {6, 0, 0, 0, (byte) 0xE1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0};
    private static final byte[] HEADER2 = {1, 1, 0, 0, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 1, 0, 0, 0};
    private static final int INTEL = 0x8086;

    /** DER of the DigestInfo of SHA-256 up to the digest: RFC 8017 section 9.2 note 1. */
    private static final byte[] DIGEST_INFO = {
        0x30,
        0x31,
        0x30,
        0x0D,
        0x06,
        0x09,
        0x60,
        (byte) 0x86,
        0x48,
        0x01,
        0x65,
        0x03,
        0x04,
        0x02,
        0x01,
        0x05,
        0x00,
        0x04,
        0x20
    };

    private SigstructVerifier() {}

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }

    /** Whether the constants and reserved fields are as they must be (else EINIT gives code 1). */
    public static boolean wellFormed(byte[] s) {
        int vendor = Bytes.get32(s, Sigstruct.VENDOR);
        return Arrays.equals(s, 0, 16, HEADER, 0, 16)
                && (vendor == 0 || vendor == INTEL)
                && Arrays.equals(s, Sigstruct.HEADER2, Sigstruct.HEADER2 + 16, HEADER2, 0, 16)
                && Bytes.get32(s, Sigstruct.EXPONENT) == Sigstruct.PUBLIC_EXPONENT
                && Bytes.isZero(s, Sigstruct.RESERVED1, 84)
                && Bytes.isZero(s, Sigstruct.CET_ATTRIBUTES, 4)
                && Bytes.isZero(s, Sigstruct.RESERVED4, 16)
                && Bytes.isZero(s, Sigstruct.RESERVED5, 12);
    }

    /** Writes the constants that {@link #wellFormed} looks for. */
    static void putConstants(byte[] s) {
        System.arraycopy(HEADER, 0, s, 0, 16);
        System.arraycopy(HEADER2, 0, s, Sigstruct.HEADER2, 16);
        Bytes.put32(s, Sigstruct.EXPONENT, Sigstruct.PUBLIC_EXPONENT);
    }

    /** The two parts that the signature is of, 256 bytes. */
    static byte[] signedBytes(byte[] s) {
        byte[] signed = Arrays.copyOf(s, 256);
        System.arraycopy(s, Sigstruct.MISCSELECT, signed, 128, 128);
        return signed;
    }

    private static BigInteger integer(byte[] s, int offset) {
        byte[] bigEndian = new byte[Sigstruct.KEY_SIZE];
        for (int i = 0; i < bigEndian.length; i++) {
            bigEndian[i] = s[offset + bigEndian.length - 1 - i];
        }
        return new BigInteger(1, bigEndian);
    }

    /** The encoded message that signature^3 must equal: RFC 8017 EMSA-PKCS1-v1_5 with SHA-256. */
    private static byte[] encodedMessage(byte[] s) {
        MessageDigest digest = sha256();
        digest.update(signedBytes(s));
        byte[] message = new byte[Sigstruct.KEY_SIZE];
        Arrays.fill(message, (byte) 0xFF);
        message[0] = 0;
        message[1] = 1;
        message[351 - DIGEST_INFO.length] = 0;
        System.arraycopy(DIGEST_INFO, 0, message, 352 - DIGEST_INFO.length, DIGEST_INFO.length);
        System.arraycopy(digest.digest(), 0, message, 352, 32);
        return message;
    }

    /** The first 352 bytes of any valid encoded message: PADDING of the key derivation. */
    static byte[] padding() {
        return Arrays.copyOf(encodedMessage(new byte[Sigstruct.SIZE]), 352);
    }

    /** Whether signature, Q1 and Q2 are right (else EINIT gives code 8). */
    public static boolean signatureValid(byte[] s) {
        BigInteger n = integer(s, Sigstruct.MODULUS);
        BigInteger signature = integer(s, Sigstruct.SIGNATURE);
        BigInteger square = remainder(signature.multiply(signature), integer(s, Sigstruct.Q1), n);
        if (square.signum() < 0) {
            return false;
        }
        BigInteger cube = remainder(square.multiply(signature), integer(s, Sigstruct.Q2), n);
        return cube.equals(new BigInteger(1, encodedMessage(s)));
    }

    /** {@code value - quotient * n} if that is a remainder modulo n, else -1. */
    private static BigInteger remainder(BigInteger value, BigInteger quotient, BigInteger n) {
        BigInteger rest = value.subtract(quotient.multiply(n));
        return rest.signum() >= 0 && rest.compareTo(n) < 0 ? rest : BigInteger.ONE.negate();
    }

    /** MRSIGNER: SHA-256 of the modulus as stored. */
    public static byte[] mrsigner(byte[] s) {
        MessageDigest digest = sha256();
        digest.update(s, Sigstruct.MODULUS, Sigstruct.KEY_SIZE);
        return digest.digest();
    }

    /** ENCLAVEHASH, the MRENCLAVE that is signed. */
    public static byte[] enclaveHash(byte[] s) {
        return Bytes.slice(s, Sigstruct.ENCLAVEHASH, 32);
    }
}
