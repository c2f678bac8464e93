package redoubt.image;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.interfaces.EdECPublicKey;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;

/** An OpenPGP Ed25519 key that signs, for archives made by tests. GnuPG is the oracle for the form, in PgpKeyringTest. */
final class TestKey {
    static final Instant CREATED = Instant.parse("2026-01-01T00:00:00Z");

    private final KeyPair pair;
    private final byte[] body;
    private final long lifetimeSeconds;

    TestKey() {
        this(0);
    }

    TestKey(long lifetimeSeconds) {
        this.lifetimeSeconds = lifetimeSeconds;
        try {
            pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new AssertionError(e);
        }
        EdECPublicKey key = (EdECPublicKey) pair.getPublic();
        byte[] y = padded(key.getPoint().getY(), 32);
        byte[] point = new byte[33];
        point[0] = 0x40;
        for (int i = 0; i < 32; i++) {
            point[1 + i] = y[31 - i];
        }
        if (key.getPoint().isXOdd()) {
            point[32] |= (byte) 0x80;
        }
        body = joined(
                new byte[] {4},
                int32(CREATED.getEpochSecond()),
                new byte[] {22, 9},
                HexFormat.of().parseHex("2b06010401da470f01"),
                new byte[] {1, 7},
                point);
    }

    /** The key with a user and its self-signature, binary. */
    byte[] certificate() {
        byte[] user = "Test".getBytes(StandardCharsets.UTF_8);
        byte[] lifetime = lifetimeSeconds == 0 ? new byte[0] : joined(new byte[] {5, 9}, int32(lifetimeSeconds));
        byte[] self = signature(
                0x13,
                joined(lifetime, new byte[] {2, 27, 3}),
                CREATED,
                joined(hashedKey(), new byte[] {(byte) 0xb4}, int32(user.length), user));
        return joined(packet(6, body), packet(13, user), packet(2, self));
    }

    /**
     * The key with another one as its subkey.
     *
     * @param flags the subkey's key flags: 2 allows signing
     * @param claimed whether the subkey signs back that it belongs to this key
     */
    byte[] certificateWith(TestKey subkey, int flags, boolean claimed) {
        byte[] both = joined(hashedKey(), subkey.hashedKey());
        byte[] hashed = new byte[] {2, 27, (byte) flags};
        if (claimed) {
            byte[] back = subkey.signature(0x19, new byte[0], CREATED, both);
            hashed = joined(hashed, new byte[] {(byte) (back.length + 1), 32}, back);
        }
        byte[] binding = signature(0x18, hashed, CREATED, both);
        return joined(certificate(), packet(14, subkey.body), packet(2, binding));
    }

    byte[] detached(byte[] data) {
        return packet(2, signature(0, new byte[0], CREATED, data));
    }

    String clearSigned(String text) {
        String[] lines = text.split("\n", -1);
        int count = text.endsWith("\n") ? lines.length - 1 : lines.length;
        StringBuilder escaped = new StringBuilder();
        StringBuilder canonical = new StringBuilder();
        for (int i = 0; i < count; i++) {
            escaped.append(lines[i].startsWith("-") ? "- " : "")
                    .append(lines[i])
                    .append('\n');
            canonical.append(i == 0 ? "" : "\r\n").append(lines[i].replaceFirst("[ \t]+$", ""));
        }
        byte[] signature = packet(
                2, signature(1, new byte[0], CREATED, canonical.toString().getBytes(StandardCharsets.UTF_8)));
        return "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + escaped + armored("SIGNATURE", signature);
    }

    /** ASCII armor with its checksum (RFC 4880 6.1), without which GnuPG runs on into the end line. */
    static String armored(String kind, byte[] bytes) {
        int crc = 0xb704ce;
        for (byte b : bytes) {
            crc ^= (b & 0xff) << 16;
            for (int bit = 0; bit < 8; bit++) {
                crc <<= 1;
                crc ^= (crc & 0x1000000) != 0 ? 0x1864cfb : 0;
            }
        }
        byte[] checksum = {(byte) (crc >> 16), (byte) (crc >> 8), (byte) crc};
        return "-----BEGIN PGP " + kind + "-----\n\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(bytes)
                + "\n=" + Base64.getEncoder().encodeToString(checksum)
                + "\n-----END PGP " + kind + "-----\n";
    }

    private byte[] signature(int type, byte[] moreHashed, Instant created, byte[] data) {
        byte[] hashed = joined(new byte[] {5, 2}, int32(created.getEpochSecond()), moreHashed);
        byte[] head = joined(new byte[] {4, (byte) type, 22, 10}, int16(hashed.length), hashed);
        try {
            byte[] digest = MessageDigest.getInstance("SHA-512")
                    .digest(joined(data, head, new byte[] {4, (byte) 0xff}, int32(head.length)));
            Signature signer = Signature.getInstance("Ed25519");
            signer.initSign(pair.getPrivate());
            signer.update(digest);
            byte[] value = signer.sign();
            byte[] keyId = Arrays.copyOfRange(MessageDigest.getInstance("SHA-1").digest(hashedKey()), 12, 20);
            byte[] unhashed = joined(new byte[] {9, 16}, keyId);
            return joined(
                    head,
                    int16(unhashed.length),
                    unhashed,
                    Arrays.copyOf(digest, 2),
                    mpi(Arrays.copyOf(value, 32)),
                    mpi(Arrays.copyOfRange(value, 32, 64)));
        } catch (GeneralSecurityException e) {
            throw new AssertionError(e);
        }
    }

    private byte[] hashedKey() {
        return joined(new byte[] {(byte) 0x99}, int16(body.length), body);
    }

    private static byte[] mpi(byte[] value) {
        BigInteger number = new BigInteger(1, value);
        return joined(int16(number.bitLength()), padded(number, (number.bitLength() + 7) / 8));
    }

    private static byte[] padded(BigInteger number, int size) {
        byte[] bytes = number.toByteArray();
        byte[] all = new byte[size];
        int length = Math.min(bytes.length, size);
        System.arraycopy(bytes, bytes.length - length, all, size - length, length);
        return all;
    }

    private static byte[] packet(int tag, byte[] body) {
        return joined(new byte[] {(byte) (0xc0 | tag), (byte) 255}, int32(body.length), body);
    }

    private static byte[] int32(long value) {
        return ByteBuffer.allocate(4).putInt((int) value).array();
    }

    private static byte[] int16(int value) {
        return ByteBuffer.allocate(2).putShort((short) value).array();
    }

    static byte[] joined(byte[]... parts) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            all.writeBytes(part);
        }
        return all.toByteArray();
    }
}
