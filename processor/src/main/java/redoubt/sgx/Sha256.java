package redoubt.sgx;

/**
 * The SHA-256 compression function (FIPS 180-4 section 6.2), over a state that can be stored and continued: a measurement
 * lives in its SECS between leaf functions, and is paged out with it.
 */
final class Sha256 {
    private static final int[] K = new int[64];
    private static final int[] INITIAL = new int[8];

    static {
        // first 32 bits of the fractional parts of the cube roots (K) and square roots (INITIAL) of the first primes
        int prime = 2;
        for (int n = 0; n < 64; prime++) {
            if (isPrime(prime)) {
                K[n] = fraction(prime, 3);
                if (n < 8) {
                    INITIAL[n] = fraction(prime, 2);
                }
                n++;
            }
        }
    }

    private Sha256() {}

    private static boolean isPrime(int n) {
        for (int d = 2; d * d <= n; d++) {
            if (n % d == 0) {
                return false;
            }
        }
        return true;
    }

    /** floor(n^(1/root) * 2^32) mod 2^32, exactly. */
    private static int fraction(int n, int root) {
        java.math.BigInteger target = java.math.BigInteger.valueOf(n).shiftLeft(32 * root);
        java.math.BigInteger low = java.math.BigInteger.ZERO;
        for (int bit = 36; bit >= 0; bit--) {
            java.math.BigInteger trial = low.setBit(bit);
            if (trial.pow(root).compareTo(target) <= 0) {
                low = trial;
            }
        }
        return low.intValue();
    }

    static int[] initial() {
        return INITIAL.clone();
    }

    /** Absorbs 64 bytes at {@code offset}. */
    static void block(int[] state, byte[] data, int offset) {
        int[] w = new int[64];
        for (int i = 0; i < 16; i++) {
            w[i] = Integer.reverseBytes(Bytes.get32(data, offset + 4 * i));
        }
        for (int i = 16; i < 64; i++) {
            int a = w[i - 15];
            int b = w[i - 2];
            w[i] = w[i - 16]
                    + w[i - 7]
                    + (Integer.rotateRight(a, 7) ^ Integer.rotateRight(a, 18) ^ a >>> 3)
                    + (Integer.rotateRight(b, 17) ^ Integer.rotateRight(b, 19) ^ b >>> 10);
        }
        int a = state[0];
        int b = state[1];
        int c = state[2];
        int d = state[3];
        int e = state[4];
        int f = state[5];
        int g = state[6];
        int h = state[7];
        for (int i = 0; i < 64; i++) {
            int t1 = h
                    + (Integer.rotateRight(e, 6) ^ Integer.rotateRight(e, 11) ^ Integer.rotateRight(e, 25))
                    + (e & f ^ ~e & g)
                    + K[i]
                    + w[i];
            int t2 = (Integer.rotateRight(a, 2) ^ Integer.rotateRight(a, 13) ^ Integer.rotateRight(a, 22))
                    + (a & b ^ a & c ^ b & c);
            h = g;
            g = f;
            f = e;
            e = d + t1;
            d = c;
            c = b;
            b = a;
            a = t1 + t2;
        }
        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
        state[4] += e;
        state[5] += f;
        state[6] += g;
        state[7] += h;
    }

    /** Digest of {@code blocks} whole blocks absorbed; leaves the state as it is. */
    static byte[] digest(int[] state, long blocks) {
        int[] copy = state.clone();
        byte[] last = new byte[64];
        last[0] = (byte) 0x80;
        Bytes.put64(last, 56, Long.reverseBytes(blocks * 512));
        block(copy, last, 0);
        byte[] out = new byte[32];
        for (int i = 0; i < 8; i++) {
            Bytes.put32(out, 4 * i, Integer.reverseBytes(copy[i]));
        }
        return out;
    }
}
