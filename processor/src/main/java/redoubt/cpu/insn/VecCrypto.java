package redoubt.cpu.insn;

import redoubt.cpu.Cpu;

/**
 * AES, carry-less multiplication and SHA (SDM vol. 1, 12.13 and 5.18; FIPS 197 and FIPS 180-4), one 128-bit lane at a time;
 * operands as in {@link Vec}.
 */
public final class VecCrypto {
    private static final byte[] SBOX = new byte[256];
    private static final byte[] INVERSE_SBOX = new byte[256];

    /** MixColumns of a column with only its first byte set, by that byte. */
    private static final int[] MIX = new int[256];

    private static final int[] INVERSE_MIX = new int[256];

    private VecCrypto() {}

    static {
        // 3 generates the field's multiplicative group, so walking its powers and those of its inverse pairs them up.
        int power = 1;
        int inverse = 1;
        do {
            power = power ^ doubled(power);
            inverse = multiply(inverse, 0xF6);
            int s = inverse
                    ^ rotated(inverse, 1)
                    ^ rotated(inverse, 2)
                    ^ rotated(inverse, 3)
                    ^ rotated(inverse, 4)
                    ^ 0x63;
            SBOX[power] = (byte) s;
        } while (power != 1);
        SBOX[0] = 0x63;
        for (int i = 0; i < 256; i++) {
            INVERSE_SBOX[SBOX[i] & 0xFF] = (byte) i;
            MIX[i] = doubled(i) | i << 8 | i << 16 | (doubled(i) ^ i) << 24;
            INVERSE_MIX[i] = multiply(i, 14) | multiply(i, 9) << 8 | multiply(i, 13) << 16 | multiply(i, 11) << 24;
        }
    }

    private static int doubled(int a) {
        return (a << 1 ^ ((a & 0x80) != 0 ? 0x11B : 0)) & 0xFF;
    }

    private static int multiply(int a, int b) {
        int product = 0;
        int power = a;
        for (int i = 0; i < 8; i++) {
            if ((b >>> i & 1) != 0) {
                product ^= power;
            }
            power = doubled(power);
        }
        return product;
    }

    private static int rotated(int a, int count) {
        return (a << count | a >>> 8 - count) & 0xFF;
    }

    // ---- AES: the state is four columns of four bytes, the first byte lowest

    private static int byteOf(long low, long high, int i) {
        return Lanes.byteAt(i < 8 ? low : high, i & 7);
    }

    /** Column {@code i} after ShiftRows and SubBytes. */
    private static int shiftedAndSubstituted(long low, long high, int i) {
        return SBOX[byteOf(low, high, 4 * i)] & 0xFF
                | (SBOX[byteOf(low, high, 4 * i + 5 & 15)] & 0xFF) << 8
                | (SBOX[byteOf(low, high, 4 * i + 10 & 15)] & 0xFF) << 16
                | SBOX[byteOf(low, high, 4 * i + 15 & 15)] << 24;
    }

    /** Column {@code i} after InvShiftRows and InvSubBytes. */
    private static int inverseShiftedAndSubstituted(long low, long high, int i) {
        return INVERSE_SBOX[byteOf(low, high, 4 * i)] & 0xFF
                | (INVERSE_SBOX[byteOf(low, high, 4 * i + 13 & 15)] & 0xFF) << 8
                | (INVERSE_SBOX[byteOf(low, high, 4 * i + 10 & 15)] & 0xFF) << 16
                | INVERSE_SBOX[byteOf(low, high, 4 * i + 7 & 15)] << 24;
    }

    private static int mixed(int column, int[] table) {
        return table[column & 0xFF]
                ^ Integer.rotateLeft(table[column >>> 8 & 0xFF], 8)
                ^ Integer.rotateLeft(table[column >>> 16 & 0xFF], 16)
                ^ Integer.rotateLeft(table[column >>> 24], 24);
    }

    public static void aesenc(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = x[a];
        long high = x[a + 1];
        long first = Lanes.pair(
                mixed(shiftedAndSubstituted(low, high, 0), MIX), mixed(shiftedAndSubstituted(low, high, 1), MIX));
        long second = Lanes.pair(
                mixed(shiftedAndSubstituted(low, high, 2), MIX), mixed(shiftedAndSubstituted(low, high, 3), MIX));
        x[d] = first ^ x[b];
        x[d + 1] = second ^ x[b + 1];
    }

    public static void aesenclast(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = x[a];
        long high = x[a + 1];
        x[d] = Lanes.pair(shiftedAndSubstituted(low, high, 0), shiftedAndSubstituted(low, high, 1)) ^ x[b];
        x[d + 1] = Lanes.pair(shiftedAndSubstituted(low, high, 2), shiftedAndSubstituted(low, high, 3)) ^ x[b + 1];
    }

    public static void aesdec(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = x[a];
        long high = x[a + 1];
        long first = Lanes.pair(
                mixed(inverseShiftedAndSubstituted(low, high, 0), INVERSE_MIX),
                mixed(inverseShiftedAndSubstituted(low, high, 1), INVERSE_MIX));
        long second = Lanes.pair(
                mixed(inverseShiftedAndSubstituted(low, high, 2), INVERSE_MIX),
                mixed(inverseShiftedAndSubstituted(low, high, 3), INVERSE_MIX));
        x[d] = first ^ x[b];
        x[d + 1] = second ^ x[b + 1];
    }

    public static void aesdeclast(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = x[a];
        long high = x[a + 1];
        x[d] = Lanes.pair(inverseShiftedAndSubstituted(low, high, 0), inverseShiftedAndSubstituted(low, high, 1))
                ^ x[b];
        x[d + 1] = Lanes.pair(inverseShiftedAndSubstituted(low, high, 2), inverseShiftedAndSubstituted(low, high, 3))
                ^ x[b + 1];
    }

    public static void aesimc(Cpu c, int d, int a) {
        long[] x = c.x;
        x[d] = Lanes.pair(mixed((int) x[a], INVERSE_MIX), mixed(Lanes.high(x[a]), INVERSE_MIX));
        x[d + 1] = Lanes.pair(mixed((int) x[a + 1], INVERSE_MIX), mixed(Lanes.high(x[a + 1]), INVERSE_MIX));
    }

    private static int substituted(int word) {
        return SBOX[word & 0xFF] & 0xFF
                | (SBOX[word >>> 8 & 0xFF] & 0xFF) << 8
                | (SBOX[word >>> 16 & 0xFF] & 0xFF) << 16
                | SBOX[word >>> 24] << 24;
    }

    public static void aeskeygenassist(Cpu c, int d, int a, int imm) {
        int first = substituted(Lanes.high(c.x[a]));
        int second = substituted(Lanes.high(c.x[a + 1]));
        c.x[d] = Lanes.pair(first, Integer.rotateRight(first, 8) ^ imm);
        c.x[d + 1] = Lanes.pair(second, Integer.rotateRight(second, 8) ^ imm);
    }

    // ---- carry-less multiplication

    public static void pclmulqdq(Cpu c, int d, int a, int b, int imm) {
        long[] x = c.x;
        long left = x[a + (imm & 1)];
        long right = x[b + (imm >>> 4 & 1)];
        long low = 0;
        long high = 0;
        for (int i = 0; i < 64; i++) {
            long mask = -(right >>> i & 1);
            low ^= left << i & mask;
            high ^= left >>> 1 >>> 63 - i & mask;
        }
        x[d] = low;
        x[d + 1] = high;
    }

    // ---- SHA-1: the vector's highest doubleword is the first word

    public static void sha1nexte(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        int e = Integer.rotateLeft(Lanes.high(x[a + 1]), 30);
        long low = x[b];
        long high = Lanes.pair((int) x[b + 1], Lanes.high(x[b + 1]) + e);
        x[d] = low;
        x[d + 1] = high;
    }

    public static void sha1msg1(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        long low = x[b + 1] ^ x[a];
        long high = x[a] ^ x[a + 1];
        x[d] = low;
        x[d + 1] = high;
    }

    public static void sha1msg2(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        int w16 = Integer.rotateLeft(Lanes.high(x[a + 1]) ^ (int) x[b + 1], 1);
        int w17 = Integer.rotateLeft((int) x[a + 1] ^ Lanes.high(x[b]), 1);
        int w18 = Integer.rotateLeft(Lanes.high(x[a]) ^ (int) x[b], 1);
        int w19 = Integer.rotateLeft((int) x[a] ^ w16, 1);
        x[d] = Lanes.pair(w19, w18);
        x[d + 1] = Lanes.pair(w17, w16);
    }

    public static void sha1rnds4(Cpu c, int d, int a, int b, int imm) {
        long[] x = c.x;
        int h0 = Lanes.high(x[a + 1]);
        int h1 = (int) x[a + 1];
        int h2 = Lanes.high(x[a]);
        int h3 = (int) x[a];
        int h4 = 0; // SHA1NEXTE has put E into the first word
        int function = imm & 3;
        int k = switch (function) {
            case 0 -> 0x5A82_7999;
            case 1 -> 0x6ED9_EBA1;
            case 2 -> 0x8F1B_BCDC;
            default -> 0xCA62_C1D6;
        };
        for (int i = 0; i < 4; i++) {
            long words = x[b + (i < 2 ? 1 : 0)];
            int w = (i & 1) == 0 ? Lanes.high(words) : (int) words;
            int f = switch (function) {
                case 0 -> h1 & h2 | ~h1 & h3;
                case 2 -> h1 & h2 | h1 & h3 | h2 & h3;
                default -> h1 ^ h2 ^ h3;
            };
            int next = f + Integer.rotateLeft(h0, 5) + w + h4 + k;
            h4 = h3;
            h3 = h2;
            h2 = Integer.rotateLeft(h1, 30);
            h1 = h0;
            h0 = next;
        }
        x[d] = Lanes.pair(h3, h2);
        x[d + 1] = Lanes.pair(h1, h0);
    }

    // ---- SHA-256: the vector's lowest doubleword is the first word

    private static int sigma0(int w) {
        return Integer.rotateRight(w, 7) ^ Integer.rotateRight(w, 18) ^ w >>> 3;
    }

    private static int sigma1(int w) {
        return Integer.rotateRight(w, 17) ^ Integer.rotateRight(w, 19) ^ w >>> 10;
    }

    public static void sha256msg1(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        int w0 = (int) x[a];
        int w1 = Lanes.high(x[a]);
        int w2 = (int) x[a + 1];
        int w3 = Lanes.high(x[a + 1]);
        int w4 = (int) x[b];
        x[d] = Lanes.pair(w0 + sigma0(w1), w1 + sigma0(w2));
        x[d + 1] = Lanes.pair(w2 + sigma0(w3), w3 + sigma0(w4));
    }

    public static void sha256msg2(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        int w16 = (int) x[a] + sigma1((int) x[b + 1]);
        int w17 = Lanes.high(x[a]) + sigma1(Lanes.high(x[b + 1]));
        int w18 = (int) x[a + 1] + sigma1(w16);
        int w19 = Lanes.high(x[a + 1]) + sigma1(w17);
        x[d] = Lanes.pair(w16, w17);
        x[d + 1] = Lanes.pair(w18, w19);
    }

    /** SHA256RNDS2: two rounds on ABEF in {@code b} and CDGH in {@code a}, words and constants added up in XMM0. */
    public static void sha256rnds2(Cpu c, int d, int a, int b) {
        long[] x = c.x;
        int h0 = Lanes.high(x[b + 1]);
        int h1 = (int) x[b + 1];
        int h2 = Lanes.high(x[a + 1]);
        int h3 = (int) x[a + 1];
        int h4 = Lanes.high(x[b]);
        int h5 = (int) x[b];
        int h6 = Lanes.high(x[a]);
        int h7 = (int) x[a];
        long wk = x[0];
        for (int i = 0; i < 2; i++) {
            int sum1 = Integer.rotateRight(h4, 6) ^ Integer.rotateRight(h4, 11) ^ Integer.rotateRight(h4, 25);
            int t1 = (h4 & h5 ^ ~h4 & h6) + sum1 + (int) (wk >>> 32 * i) + h7;
            int sum0 = Integer.rotateRight(h0, 2) ^ Integer.rotateRight(h0, 13) ^ Integer.rotateRight(h0, 22);
            int t2 = (h0 & h1 ^ h0 & h2 ^ h1 & h2) + sum0;
            h7 = h6;
            h6 = h5;
            h5 = h4;
            h4 = h3 + t1;
            h3 = h2;
            h2 = h1;
            h1 = h0;
            h0 = t1 + t2;
        }
        x[d] = Lanes.pair(h5, h4);
        x[d + 1] = Lanes.pair(h1, h0);
    }
}
