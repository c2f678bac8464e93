package redoubt.hypervisor;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.RSAKeyGenParameterSpec;
import java.util.ArrayList;
import java.util.List;

/**
 * An enclave as its builder sees it, off line: pages, measurement (SDM vol. 3D 38.4.1, figure by figure and without our
 * processor's code) and SIGSTRUCT.
 */
final class SignedEnclave {
    private static final int KEY_BYTES = 384;

    /** A page; {@code measured}: with its contents. */
    record Page(long offset, long secinfo, byte[] content, boolean measured) {}

    private static final KeyPair SIGNER = newKey();

    final long base;
    final long size;
    final long attributes;
    final long xfrm;
    final List<Page> pages = new ArrayList<>();
    private final KeyPair signer;

    SignedEnclave(long base, long size, long attributes, long xfrm) {
        this(base, size, attributes, xfrm, SIGNER);
    }

    SignedEnclave(long base, long size, long attributes, long xfrm, KeyPair signer) {
        this.base = base;
        this.size = size;
        this.attributes = attributes;
        this.xfrm = xfrm;
        this.signer = signer;
    }

    static KeyPair newKey() {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
            generator.initialize(new RSAKeyGenParameterSpec(3072, RSAKeyGenParameterSpec.F0), new SecureRandom());
            return generator.generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    /** TCS at 0, two SSA frames, a data page at 0x3000, code at 0x4000. */
    static SignedEnclave standard(long base, long size, long attributes, byte[] code) {
        var enclave = new SignedEnclave(base, size, attributes, 3);
        byte[] zero = new byte[4096];
        ByteBuffer tcs = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
        tcs.putLong(16, 0x1000).putInt(28, 2).putLong(32, 0x4000).putInt(64, -1).putInt(68, -1);
        enclave.pages.add(new Page(0, 0x100, tcs.array(), true));
        enclave.pages.add(new Page(0x1000, 0x203, zero, true));
        enclave.pages.add(new Page(0x2000, 0x203, zero, true));
        enclave.pages.add(new Page(0x3000, 0x203, zero, true));
        byte[] page = new byte[4096];
        System.arraycopy(code, 0, page, 0, code.length);
        enclave.pages.add(new Page(0x4000, 0x205, page, true));
        return enclave;
    }

    /** Adds pages that are zero and not measured. */
    SignedEnclave heap(long offset, int count) {
        byte[] zero = new byte[4096];
        for (int i = 0; i < count; i++) {
            pages.add(new Page(offset + i * 4096L, 0x203, zero, false));
        }
        return this;
    }

    byte[] secs() {
        ByteBuffer secs = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
        secs.putLong(0, size)
                .putLong(8, base)
                .putInt(16, 1)
                .putLong(48, attributes)
                .putLong(56, xfrm);
        return secs.array();
    }

    byte[] mrenclave() {
        MessageDigest digest = sha256();
        digest.update(record("ECREATE").putInt(8, 1).putLong(12, size).array());
        for (Page page : pages) {
            digest.update(record("EADD")
                    .putLong(8, page.offset)
                    .putLong(16, page.secinfo)
                    .array());
            for (int i = 0; page.measured && i < 4096; i += 256) {
                digest.update(record("EEXTEND").putLong(8, page.offset + i).array());
                digest.update(page.content, i, 256);
            }
        }
        return digest.digest();
    }

    private static ByteBuffer record(String tag) {
        return ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN).put(0, tag.getBytes(StandardCharsets.US_ASCII));
    }

    /** IA32_SGXLEPUBKEYHASH0 to 3 for this signer. */
    long[] launchKeyHash() {
        byte[] modulus = little(((RSAPublicKey) signer.getPublic()).getModulus());
        ByteBuffer hash = ByteBuffer.wrap(sha256().digest(modulus)).order(ByteOrder.LITTLE_ENDIAN);
        return new long[] {hash.getLong(0), hash.getLong(8), hash.getLong(16), hash.getLong(24)};
    }

    byte[] sigstruct() {
        ByteBuffer s = ByteBuffer.allocate(1808).order(ByteOrder.LITTLE_ENDIAN);
        s.putLong(0, 0x000000E100000006L).putLong(8, 0x10000L);
        s.putLong(24, 0x0000006000000101L).putLong(32, 0x0000000100000060L);
        s.putInt(512, 3);
        s.putInt(904, -1); // MISCMASK
        s.putLong(928, attributes).putLong(936, xfrm).putLong(944, -1).putLong(952, -1);
        s.put(960, mrenclave());
        try {
            Signature signature = Signature.getInstance("SHA256withRSA");
            signature.initSign(signer.getPrivate());
            signature.update(s.array(), 0, 128);
            signature.update(s.array(), 900, 128);
            BigInteger value = new BigInteger(1, signature.sign());
            BigInteger n = ((RSAPublicKey) signer.getPublic()).getModulus();
            BigInteger[] q1 = value.multiply(value).divideAndRemainder(n);
            BigInteger[] q2 = q1[1].multiply(value).divideAndRemainder(n);
            s.put(128, little(n))
                    .put(516, little(value))
                    .put(1040, little(q1[0]))
                    .put(1424, little(q2[0]));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
        return s.array();
    }

    private static byte[] little(BigInteger value) {
        byte[] big = value.toByteArray();
        byte[] out = new byte[KEY_BYTES];
        for (int i = 0; i < Math.min(big.length, KEY_BYTES); i++) {
            out[i] = big[big.length - 1 - i];
        }
        return out;
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }
}
