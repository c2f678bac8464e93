package redoubt.sgx;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * The root that a package's keys derive from, in the place of what Intel burns into a processor: it is this platform's own,
 * and nothing that it signs or seals can pass for Intel's.
 */
public final class RootKey {
    /** Bytes of a root key. */
    public static final int BYTES = 32;

    private final byte[] key;

    private RootKey(byte[] key) {
        this.key = key;
    }

    /**
     * This key.
     *
     * @throws IllegalArgumentException unless it has 32 bytes
     */
    public static RootKey of(byte[] key) {
        if (key.length != BYTES) {
            throw new IllegalArgumentException("a root key of " + key.length + " bytes: it has " + BYTES);
        }
        return new RootKey(key.clone());
    }

    /** The key of a seed, always the same: for runs that are to repeat, no secret. */
    public static RootKey ofSeed(long seed) {
        byte[] key = new byte[BYTES];
        new SplittableRandom(seed).nextBytes(key);
        return new RootKey(key);
    }

    /** The 32 bytes. */
    public byte[] bytes() {
        return key.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof RootKey root && Arrays.equals(key, root.key);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(key);
    }

    @Override
    public String toString() {
        return "root key"; // and no more of it in logs
    }
}
