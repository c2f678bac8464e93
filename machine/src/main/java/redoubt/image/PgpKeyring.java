package redoubt.image;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.spec.EdECPoint;
import java.security.spec.EdECPublicKeySpec;
import java.security.spec.NamedParameterSpec;
import java.security.spec.RSAPublicKeySpec;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import redoubt.image.PgpPackets.Malformed;
import redoubt.image.PgpPackets.Packet;

/**
 * OpenPGP keys that may sign a Release file (RFC 4880), and the check of clear-signed and detached signatures with them.
 * A key counts if its self-signature (a subkey: its binding, both ways) holds, allows signing, and it is neither expired
 * nor revoked.
 *
 * <p>Limitations: keys of version 4 with RSA of 2048 bits or more, or Ed25519; GnuPG's keybox files are not read;
 * revocation by a third key is not followed.
 */
final class PgpKeyring {
    private static final byte[] ED25519 = HexFormat.of().parseHex("2b06010401da470f01");
    private static final String CLEAR_BEGIN = "-----BEGIN PGP SIGNED MESSAGE-----";
    private static final String SIGNATURE_BEGIN = "-----BEGIN PGP SIGNATURE-----";

    /** {@code expires} in seconds since 1970, {@link Long#MAX_VALUE} for never. */
    private record Key(String fingerprint, String primary, PublicKey key, int algorithm, long created, long expires) {
        long id() {
            return ByteBuffer.wrap(HexFormat.of().parseHex(fingerprint), 12, 8).getLong();
        }
    }

    private final List<Key> keys;

    private PgpKeyring(List<Key> keys) {
        this.keys = keys;
    }

    static PgpKeyring empty() {
        return new PgpKeyring(List.of());
    }

    /** The keys of a keyring file, binary or armored. */
    static PgpKeyring read(byte[] bytes) throws Malformed {
        List<Key> keys = new ArrayList<>();
        List<Packet> certificate = new ArrayList<>();
        for (Packet packet : PgpPackets.read(bytes)) {
            if (packet.tag() == PgpPackets.PUBLIC_KEY) {
                addCertificate(certificate, keys);
                certificate.clear();
            }
            certificate.add(packet);
        }
        addCertificate(certificate, keys);
        return new PgpKeyring(keys);
    }

    PgpKeyring and(PgpKeyring other) {
        List<Key> all = new ArrayList<>(keys);
        all.addAll(other.keys);
        return new PgpKeyring(all);
    }

    /** Only the keys with this fingerprint, or with a primary key of it unless it ends in an exclamation mark. */
    PgpKeyring only(String fingerprint) {
        boolean exactly = fingerprint.endsWith("!");
        String wanted =
                (exactly ? fingerprint.substring(0, fingerprint.length() - 1) : fingerprint).toLowerCase(Locale.ROOT);
        return new PgpKeyring(keys.stream()
                .filter(k -> k.fingerprint().equals(wanted)
                        || (!exactly && k.primary().equals(wanted)))
                .toList());
    }

    boolean isEmpty() {
        return keys.isEmpty();
    }

    /**
     * The text of a clear-signed message (RFC 4880 7), if one of these keys signed it. Exactly that text is returned: what
     * stands before, after or between is refused, not skipped.
     */
    byte[] verifiedClearText(byte[] message, Instant now) throws Malformed {
        List<String> lines = Arrays.asList(new String(message, StandardCharsets.ISO_8859_1).split("\n", -1));
        int at = 0;
        if (!lines.get(at++).stripTrailing().equals(CLEAR_BEGIN)) {
            throw new Malformed("not a clear-signed message");
        }
        while (at < lines.size() && lines.get(at).startsWith("Hash:")) {
            at++;
        }
        if (at >= lines.size() || !lines.get(at++).isBlank()) {
            throw new Malformed("a clear-signed message with unknown headers");
        }
        StringBuilder text = new StringBuilder();
        StringBuilder canonical = new StringBuilder();
        while (at < lines.size() && !lines.get(at).stripTrailing().equals(SIGNATURE_BEGIN)) {
            String line = lines.get(at++);
            if (line.startsWith("- ")) {
                line = line.substring(2);
            } else if (line.startsWith("-")) {
                throw new Malformed("a clear-signed message with a line that starts with a dash");
            }
            line = line.replaceFirst("[ \t\r]+$", "");
            canonical
                    .append(canonical.isEmpty() && text.isEmpty() ? "" : "\r\n")
                    .append(line);
            text.append(line).append('\n');
        }
        if (at >= lines.size()) {
            throw new Malformed("a clear-signed message without a signature");
        }
        String armor = String.join("\n", lines.subList(at, lines.size()));
        int end = armor.indexOf("-----END PGP SIGNATURE-----");
        if (end < 0
                || !armor.substring(end + "-----END PGP SIGNATURE-----".length())
                        .isBlank()) {
            throw new Malformed("a clear-signed message that does not end with its signature");
        }
        require(
                PgpPackets.unarmor(armor),
                PgpSignature.TEXT,
                canonical.toString().getBytes(StandardCharsets.ISO_8859_1),
                now);
        return text.toString().getBytes(StandardCharsets.ISO_8859_1);
    }

    /** Checks a detached signature over {@code data}, as in Release.gpg. */
    void verifyDetached(byte[] data, byte[] signature, Instant now) throws Malformed {
        require(signature, PgpSignature.BINARY, data, now);
    }

    private void require(byte[] signatures, int type, byte[] data, Instant now) throws Malformed {
        List<String> strangers = new ArrayList<>();
        boolean known = false;
        for (Packet packet : PgpPackets.read(signatures)) {
            PgpSignature signature = packet.tag() == PgpPackets.SIGNATURE ? PgpSignature.read(packet.body()) : null;
            if (signature == null || signature.type() != type) {
                continue;
            }
            Long issuer = signature.issuer();
            boolean met = false;
            for (Key key : keys) {
                if (issuer != null && issuer != key.id()) {
                    continue;
                }
                met = true;
                if (now.getEpochSecond() < key.expires()
                        && signature.created() >= key.created()
                        && !signature.isExpired(now.getEpochSecond())
                        && signature.holds(key.key(), key.algorithm(), data)) {
                    return;
                }
            }
            known |= met;
            if (!met && issuer != null) {
                strangers.add(String.format("%016X", issuer));
            }
        }
        throw new Malformed(
                known
                        ? "the signature does not hold"
                        : strangers.isEmpty()
                                ? "no signature that can be checked"
                                : "signed by " + String.join(", ", strangers) + ", not in the keyring");
    }

    private static void addCertificate(List<Packet> packets, List<Key> keys) throws Malformed {
        if (packets.isEmpty() || packets.getFirst().tag() != PgpPackets.PUBLIC_KEY) {
            return;
        }
        byte[] primaryBody = packets.getFirst().body();
        PublicKey primary = publicKey(primaryBody);
        if (primary == null) {
            return;
        }
        int algorithm = PgpPackets.unsigned(primaryBody, 5, 1);
        byte[] primaryHashed = hashed(primaryBody);
        String fingerprint = fingerprint(primaryHashed);
        PgpSignature newest = null;
        byte[] current = new byte[0];
        int at = 1;
        for (; at < packets.size() && packets.get(at).tag() != PgpPackets.PUBLIC_SUBKEY; at++) {
            Packet packet = packets.get(at);
            if (packet.tag() == PgpPackets.USER_ID || packet.tag() == PgpPackets.USER_ATTRIBUTE) {
                int prefix = packet.tag() == PgpPackets.USER_ID ? 0xb4 : 0xd1;
                current = ByteBuffer.allocate(5 + packet.body().length)
                        .put((byte) prefix)
                        .putInt(packet.body().length)
                        .put(packet.body())
                        .array();
            } else if (packet.tag() == PgpPackets.SIGNATURE) {
                PgpSignature signature = PgpSignature.read(packet.body());
                if (signature == null) {
                    continue;
                }
                boolean onKey =
                        signature.type() == PgpSignature.DIRECT_KEY || signature.type() == PgpSignature.KEY_REVOCATION;
                boolean onUser = signature.type() >= 0x10 && signature.type() <= 0x13 && current.length > 0;
                if (!(onKey && signature.holds(primary, algorithm, primaryHashed))
                        && !(onUser && signature.holds(primary, algorithm, primaryHashed, current))) {
                    continue;
                }
                if (signature.type() == PgpSignature.KEY_REVOCATION) {
                    return;
                }
                if (newest == null || signature.created() >= newest.created()) {
                    newest = signature;
                }
            }
        }
        if (newest == null) {
            return;
        }
        long created = Integer.toUnsignedLong(PgpPackets.unsigned(primaryBody, 1, 4));
        long expires = expires(created, newest);
        if (newest.keyFlags() == -1 || (newest.keyFlags() & 2) != 0) {
            keys.add(new Key(fingerprint, fingerprint, primary, algorithm, created, expires));
        }
        while (at < packets.size()) {
            byte[] body = packets.get(at++).body();
            List<PgpSignature> signatures = new ArrayList<>();
            for (; at < packets.size() && packets.get(at).tag() != PgpPackets.PUBLIC_SUBKEY; at++) {
                if (packets.get(at).tag() == PgpPackets.SIGNATURE) {
                    PgpSignature signature = PgpSignature.read(packets.get(at).body());
                    if (signature != null) {
                        signatures.add(signature);
                    }
                }
            }
            addSubkey(body, signatures, primary, algorithm, primaryHashed, fingerprint, expires, keys);
        }
    }

    private static void addSubkey(
            byte[] body,
            List<PgpSignature> signatures,
            PublicKey primary,
            int primaryAlgorithm,
            byte[] primaryHashed,
            String primaryFingerprint,
            long primaryExpires,
            List<Key> keys)
            throws Malformed {
        PublicKey key = publicKey(body);
        if (key == null) {
            return;
        }
        int algorithm = PgpPackets.unsigned(body, 5, 1);
        byte[] hashed = hashed(body);
        PgpSignature binding = null;
        for (PgpSignature signature : signatures) {
            if (!signature.holds(primary, primaryAlgorithm, primaryHashed, hashed)) {
                continue;
            }
            if (signature.type() == PgpSignature.SUBKEY_REVOCATION) {
                return;
            }
            if (signature.type() == PgpSignature.SUBKEY_BINDING
                    && (binding == null || signature.created() >= binding.created())) {
                binding = signature;
            }
        }
        if (binding == null || binding.keyFlags() == -1 || (binding.keyFlags() & 2) == 0) {
            return;
        }
        // The subkey must claim its primary too, or anyone could adopt a stranger's signing key (RFC 4880 11.1).
        PgpSignature back = binding.embedded();
        if (back == null
                || back.type() != PgpSignature.PRIMARY_KEY_BINDING
                || !back.holds(key, algorithm, primaryHashed, hashed)) {
            return;
        }
        long created = Integer.toUnsignedLong(PgpPackets.unsigned(body, 1, 4));
        keys.add(new Key(
                fingerprint(hashed),
                primaryFingerprint,
                key,
                algorithm,
                created,
                Math.min(primaryExpires, expires(created, binding))));
    }

    private static long expires(long created, PgpSignature signature) {
        return signature.keyLifetimeSeconds() == 0 ? Long.MAX_VALUE : created + signature.keyLifetimeSeconds();
    }

    private static byte[] hashed(byte[] body) {
        return ByteBuffer.allocate(3 + body.length)
                .put((byte) 0x99)
                .putShort((short) body.length)
                .put(body)
                .array();
    }

    private static String fingerprint(byte[] hashed) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-1").digest(hashed));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has SHA-1", e);
        }
    }

    /** The key of a public key packet, null if its version or algorithm is not followed here. */
    private static @Nullable PublicKey publicKey(byte[] body) throws Malformed {
        if (body.length > 0xffff || PgpPackets.unsigned(body, 0, 1) != 4) {
            return null;
        }
        int algorithm = PgpPackets.unsigned(body, 5, 1);
        try {
            if (algorithm == PgpSignature.RSA || algorithm == PgpSignature.RSA_SIGN_ONLY) {
                int modulusLength = (PgpPackets.unsigned(body, 6, 2) + 7) / 8;
                BigInteger modulus = new BigInteger(1, PgpPackets.slice(body, 8, modulusLength));
                int exponentLength = (PgpPackets.unsigned(body, 8 + modulusLength, 2) + 7) / 8;
                BigInteger exponent = new BigInteger(1, PgpPackets.slice(body, 10 + modulusLength, exponentLength));
                return modulus.bitLength() < 2048
                        ? null
                        : KeyFactory.getInstance("RSA").generatePublic(new RSAPublicKeySpec(modulus, exponent));
            }
            if (algorithm == PgpSignature.EDDSA) {
                int oidLength = PgpPackets.unsigned(body, 6, 1);
                byte[] point = PgpPackets.slice(body, 9 + oidLength, 33);
                if (!Arrays.equals(PgpPackets.slice(body, 7, oidLength), ED25519) || point[0] != 0x40) {
                    return null;
                }
                // RFC 8032 5.1.2: y little-endian, the top bit is the parity of x.
                byte[] y = new byte[32];
                for (int i = 0; i < 32; i++) {
                    y[i] = point[32 - i];
                }
                boolean odd = (y[0] & 0x80) != 0;
                y[0] &= 0x7f;
                return KeyFactory.getInstance("Ed25519")
                        .generatePublic(new EdECPublicKeySpec(
                                NamedParameterSpec.ED25519, new EdECPoint(odd, new BigInteger(1, y))));
            }
            return null;
        } catch (GeneralSecurityException e) {
            return null;
        }
    }
}
