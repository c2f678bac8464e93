package redoubt.image;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.interfaces.RSAPublicKey;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import redoubt.image.PgpPackets.Malformed;

/**
 * One OpenPGP signature of version 4 (RFC 4880 5.2.3): what it says and whether it holds. RSA (PKCS #1 v1.5) and Ed25519
 * over SHA-256, SHA-384 and SHA-512 are known, which is what Debian's archive keys use; MD5, SHA-1 and RIPEMD count as no
 * signature.
 */
final class PgpSignature {
    static final int BINARY = 0x00;
    static final int TEXT = 0x01;
    static final int SUBKEY_BINDING = 0x18;
    static final int PRIMARY_KEY_BINDING = 0x19;
    static final int DIRECT_KEY = 0x1f;
    static final int KEY_REVOCATION = 0x20;
    static final int SUBKEY_REVOCATION = 0x28;

    static final int RSA = 1;
    static final int RSA_SIGN_ONLY = 3;
    static final int EDDSA = 22;

    /** Subpackets that may be marked critical without making the signature void: those whose meaning is followed or idle. */
    private static final Set<Integer> KNOWN =
            Set.of(2, 3, 4, 5, 7, 9, 11, 16, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 32, 33);

    private final int type;
    private final int algorithm;
    private final String hash;
    private final byte[] hashedPart;
    private final List<byte[]> values;
    private long created = -1;
    private long lifetimeSeconds;
    private long keyLifetimeSeconds;
    private int keyFlags = -1;
    private boolean voided;
    private @Nullable PgpSignature embedded;
    private @Nullable Long issuer;

    private PgpSignature(int type, int algorithm, String hash, byte[] hashedPart, List<byte[]> values) {
        this.type = type;
        this.algorithm = algorithm;
        this.hash = hash;
        this.hashedPart = hashedPart;
        this.values = values;
    }

    /** Reads a signature packet; null for versions and algorithms that are not followed here. */
    static @Nullable PgpSignature read(byte[] body) throws Malformed {
        return read(body, true);
    }

    private static @Nullable PgpSignature read(byte[] body, boolean mayEmbed) throws Malformed {
        if (PgpPackets.unsigned(body, 0, 1) != 4) {
            return null;
        }
        int algorithm = PgpPackets.unsigned(body, 2, 1);
        String hash = switch (PgpPackets.unsigned(body, 3, 1)) {
            case 8 -> "SHA-256";
            case 9 -> "SHA-384";
            case 10 -> "SHA-512";
            default -> "";
        };
        if (hash.isEmpty() || (algorithm != RSA && algorithm != RSA_SIGN_ONLY && algorithm != EDDSA)) {
            return null;
        }
        int hashedLength = PgpPackets.unsigned(body, 4, 2);
        byte[] hashed = PgpPackets.slice(body, 6, hashedLength);
        int unhashedLength = PgpPackets.unsigned(body, 6 + hashedLength, 2);
        byte[] unhashed = PgpPackets.slice(body, 8 + hashedLength, unhashedLength);
        int at = 8 + hashedLength + unhashedLength + 2;
        List<byte[]> values = new ArrayList<>();
        while (at < body.length) {
            int length = (PgpPackets.unsigned(body, at, 2) + 7) / 8;
            values.add(PgpPackets.slice(body, at + 2, length));
            at += 2 + length;
        }
        PgpSignature signature = new PgpSignature(
                PgpPackets.unsigned(body, 1, 1), algorithm, hash, PgpPackets.slice(body, 0, 6 + hashedLength), values);
        signature.subpackets(hashed, true, mayEmbed);
        signature.subpackets(unhashed, false, mayEmbed);
        return signature;
    }

    /** What is not hashed is not signed: from there only hints (issuer, and the embedded signature, itself signed) count. */
    private void subpackets(byte[] area, boolean signed, boolean mayEmbed) throws Malformed {
        int at = 0;
        while (at < area.length) {
            int length = PgpPackets.unsigned(area, at++, 1);
            if (length == 255) {
                length = PgpPackets.unsigned(area, at, 4);
                at += 4;
            } else if (length >= 192) {
                length = ((length - 192) << 8) + PgpPackets.unsigned(area, at++, 1) + 192;
            }
            if (length < 1) {
                throw new Malformed("an empty subpacket in an OpenPGP signature");
            }
            int kind = PgpPackets.unsigned(area, at, 1);
            byte[] value = PgpPackets.slice(area, at + 1, length - 1);
            at += length;
            int number = kind & 0x7f;
            if (signed) {
                switch (number) {
                    case 2 -> created = Integer.toUnsignedLong(PgpPackets.unsigned(value, 0, 4));
                    case 3 -> lifetimeSeconds = Integer.toUnsignedLong(PgpPackets.unsigned(value, 0, 4));
                    case 9 -> keyLifetimeSeconds = Integer.toUnsignedLong(PgpPackets.unsigned(value, 0, 4));
                    case 27 -> keyFlags = value.length == 0 ? 0 : value[0] & 0xff;
                    default -> voided |= (kind & 0x80) != 0 && !KNOWN.contains(number);
                }
            }
            if (number == 16 && value.length == 8) {
                issuer = ByteBuffer.wrap(value).getLong();
            } else if (number == 33 && value.length == 21) {
                issuer = ByteBuffer.wrap(value).getLong(13);
            } else if (number == 32 && mayEmbed) {
                embedded = read(value, false);
            }
        }
    }

    int type() {
        return type;
    }

    /** Seconds since 1970. */
    long created() {
        return created;
    }

    long keyLifetimeSeconds() {
        return keyLifetimeSeconds;
    }

    /** The first byte of the key flags, -1 where there are none. */
    int keyFlags() {
        return keyFlags;
    }

    @Nullable
    PgpSignature embedded() {
        return embedded;
    }

    /** A hint which key made it, absent if the signature does not say. */
    @Nullable
    Long issuer() {
        return issuer;
    }

    boolean isExpired(long nowSeconds) {
        return lifetimeSeconds != 0 && nowSeconds >= created + lifetimeSeconds;
    }

    /** Whether {@code key} made this signature over {@code parts}, hashed one after the other. */
    boolean holds(PublicKey key, int keyAlgorithm, byte[]... parts) {
        boolean rsa = algorithm == RSA || algorithm == RSA_SIGN_ONLY;
        if (voided || created < 0 || rsa != (keyAlgorithm == RSA || keyAlgorithm == RSA_SIGN_ONLY)) {
            return false;
        }
        byte[] trailer = ByteBuffer.allocate(6)
                .put((byte) 4)
                .put((byte) 0xff)
                .putInt(hashedPart.length)
                .array();
        try {
            if (rsa) {
                if (values.size() != 1) {
                    return false;
                }
                Signature verifier = Signature.getInstance(hash.replace("-", "") + "withRSA");
                verifier.initVerify(key);
                for (byte[] part : parts) {
                    verifier.update(part);
                }
                verifier.update(hashedPart);
                verifier.update(trailer);
                int size = (((RSAPublicKey) key).getModulus().bitLength() + 7) / 8;
                byte[] value = padded(values.getFirst(), size);
                return value != null && verifier.verify(value);
            }
            if (values.size() != 2) {
                return false;
            }
            MessageDigest digest = MessageDigest.getInstance(hash);
            for (byte[] part : parts) {
                digest.update(part);
            }
            digest.update(hashedPart);
            Signature verifier = Signature.getInstance("Ed25519");
            verifier.initVerify(key);
            // EdDSA in OpenPGP signs the digest as its message (draft-koch-eddsa-for-openpgp).
            verifier.update(digest.digest(trailer));
            byte[] r = padded(values.get(0), 32);
            byte[] s = padded(values.get(1), 32);
            return r != null
                    && s != null
                    && verifier.verify(ByteBuffer.allocate(64).put(r).put(s).array());
        } catch (GeneralSecurityException e) {
            // A signature of impossible form (out of range, wrong length) is simply not a good one.
            return false;
        }
    }

    private static byte @Nullable [] padded(byte[] value, int size) {
        byte[] magnitude = new BigInteger(1, value).toByteArray();
        int from = magnitude.length > 1 && magnitude[0] == 0 ? 1 : 0;
        int length = magnitude.length - from;
        if (length > size) {
            return null;
        }
        byte[] all = new byte[size];
        System.arraycopy(magnitude, from, all, size - length, length);
        return all;
    }
}
