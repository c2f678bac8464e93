package redoubt.cpu.insn;

import redoubt.cpu.Cpu;

/**
 * Bit tests, scans and counts, BMI1, BMI2, CRC32, random numbers: SDM vol. 2 for each. Flags the manual leaves
 * undefined are left as they were or follow the result, whichever is shorter.
 */
public final class Bits {
    private static final long TOP2 = Alu.TOP2;

    /** Bit-reversed polynomial 11EDC6F41 of CRC32. */
    private static final int CASTAGNOLI = 0x82F63B78;

    /** Remainders of a byte followed by 0 to 7 zero bytes, 256 entries each. */
    private static final int[] CRC = crcTable();

    private Bits() {}

    // ---- BT and its kin: the offset is taken modulo the width, the address of a bit string is the caller's

    /** CF = the low bit of {@code bit}, all else stays. */
    private static void carry(Cpu c, long bit) {
        c.fx ^= (bit << 63 ^ c.fx) >> 63 & TOP2;
    }

    /** BT. */
    public static void bt16(Cpu c, int a, int offset) {
        carry(c, a >>> (offset & 15));
    }

    /** BT, 32 bits. */
    public static void bt32(Cpu c, int a, int offset) {
        carry(c, a >>> offset);
    }

    /** BT, 64 bits. */
    public static void bt64(Cpu c, long a, long offset) {
        carry(c, a >>> offset);
    }

    /** BTS. */
    public static int bts16(Cpu c, int a, int offset) {
        carry(c, a >>> (offset & 15));
        return a | 1 << (offset & 15);
    }

    /** BTS, 32 bits. */
    public static int bts32(Cpu c, int a, int offset) {
        carry(c, a >>> offset);
        return a | 1 << offset;
    }

    /** BTS, 64 bits. */
    public static long bts64(Cpu c, long a, long offset) {
        carry(c, a >>> offset);
        return a | 1L << offset;
    }

    /** BTR. */
    public static int btr16(Cpu c, int a, int offset) {
        carry(c, a >>> (offset & 15));
        return a & ~(1 << (offset & 15));
    }

    /** BTR, 32 bits. */
    public static int btr32(Cpu c, int a, int offset) {
        carry(c, a >>> offset);
        return a & ~(1 << offset);
    }

    /** BTR, 64 bits. */
    public static long btr64(Cpu c, long a, long offset) {
        carry(c, a >>> offset);
        return a & ~(1L << offset);
    }

    /** BTC. */
    public static int btc16(Cpu c, int a, int offset) {
        carry(c, a >>> (offset & 15));
        return a ^ 1 << (offset & 15);
    }

    /** BTC, 32 bits. */
    public static int btc32(Cpu c, int a, int offset) {
        carry(c, a >>> offset);
        return a ^ 1 << offset;
    }

    /** BTC, 64 bits. */
    public static long btc64(Cpu c, long a, long offset) {
        carry(c, a >>> offset);
        return a ^ 1L << offset;
    }

    // ---- scans and counts

    /** BSF; with no bit set the destination keeps all its 64 bits, whatever the size (SDM vol. 2, BSF). */
    public static int bsf16(Cpu c, int a, int b) {
        c.fr = (short) b;
        c.fx = 0;
        return b == 0 ? a : Integer.numberOfTrailingZeros(b);
    }

    /** BSF, 32 bits. */
    public static int bsf32(Cpu c, int a, int b) {
        c.fr = b;
        c.fx = 0;
        return b == 0 ? a : Integer.numberOfTrailingZeros(b);
    }

    /** BSF, 64 bits. */
    public static long bsf64(Cpu c, long a, long b) {
        c.fr = b;
        c.fx = 0;
        return b == 0 ? a : Long.numberOfTrailingZeros(b);
    }

    /** BSR; with no bit set the destination keeps all its 64 bits, whatever the size (SDM vol. 2, BSR). */
    public static int bsr16(Cpu c, int a, int b) {
        c.fr = (short) b;
        c.fx = 0;
        return b == 0 ? a : 31 - Integer.numberOfLeadingZeros(b);
    }

    /** BSR, 32 bits. */
    public static int bsr32(Cpu c, int a, int b) {
        c.fr = b;
        c.fx = 0;
        return b == 0 ? a : 31 - Integer.numberOfLeadingZeros(b);
    }

    /** BSR, 64 bits. */
    public static long bsr64(Cpu c, long a, long b) {
        c.fr = b;
        c.fx = 0;
        return b == 0 ? a : 63 - Long.numberOfLeadingZeros(b);
    }

    /** CF when the source is zero, ZF when the result is. */
    private static void countFlags(Cpu c, int count, int width) {
        c.fr = count;
        c.fx = count == width ? TOP2 : 0;
    }

    /** TZCNT: the width when there is no bit. */
    public static int tzcnt16(Cpu c, int b) {
        int count = Integer.numberOfTrailingZeros(b | 0x1_0000);
        countFlags(c, count, 16);
        return count;
    }

    /** TZCNT, 32 bits. */
    public static int tzcnt32(Cpu c, int b) {
        int count = Integer.numberOfTrailingZeros(b);
        countFlags(c, count, 32);
        return count;
    }

    /** TZCNT, 64 bits. */
    public static long tzcnt64(Cpu c, long b) {
        int count = Long.numberOfTrailingZeros(b);
        countFlags(c, count, 64);
        return count;
    }

    /** LZCNT: the width when there is no bit. */
    public static int lzcnt16(Cpu c, int b) {
        int count = Integer.numberOfLeadingZeros(b) - 16;
        countFlags(c, count, 16);
        return count;
    }

    /** LZCNT, 32 bits. */
    public static int lzcnt32(Cpu c, int b) {
        int count = Integer.numberOfLeadingZeros(b);
        countFlags(c, count, 32);
        return count;
    }

    /** LZCNT, 64 bits. */
    public static long lzcnt64(Cpu c, long b) {
        int count = Long.numberOfLeadingZeros(b);
        countFlags(c, count, 64);
        return count;
    }

    /** POPCNT: all flags but ZF are cleared, also PF. */
    public static int popcnt16(Cpu c, int b) {
        int count = Integer.bitCount(b);
        c.fr = count;
        c.fx = (count ^ 1L) << 8; // odd parity: the low byte as the parity sees it is always 1
        return count;
    }

    /** POPCNT, 32 bits. */
    public static int popcnt32(Cpu c, int b) {
        int count = Integer.bitCount(b);
        c.fr = count;
        c.fx = (count ^ 1L) << 8; // odd parity: the low byte as the parity sees it is always 1
        return count;
    }

    /** POPCNT, 64 bits. */
    public static long popcnt64(Cpu c, long b) {
        int count = Long.bitCount(b);
        c.fr = count;
        c.fx = (count ^ 1L) << 8; // odd parity: the low byte as the parity sees it is always 1
        return count;
    }

    // ---- BMI1

    /** ANDN. */
    public static int andn32(Cpu c, int a, int b) {
        int s = ~a & b;
        c.fr = s;
        c.fx = 0;
        return s;
    }

    /** ANDN, 64 bits. */
    public static long andn64(Cpu c, long a, long b) {
        long s = ~a & b;
        c.fr = s;
        c.fx = 0;
        return s;
    }

    /** BEXTR: {@code control} has the start in bits 0 to 7, the length in bits 8 to 15. */
    public static int bextr32(Cpu c, int a, int control) {
        int s = (int) bextr64(c, a & 0xFFFF_FFFFL, control);
        c.fr = s;
        return s;
    }

    /** BEXTR, 64 bits. */
    public static long bextr64(Cpu c, long a, long control) {
        int start = (int) control & 0xFF;
        int length = (int) control >>> 8 & 0xFF;
        long s = start > 63 ? 0 : a >>> start;
        s = length > 63 ? s : s & ~(-1L << length);
        c.fr = s;
        c.fx = 0;
        return s;
    }

    /** BLSR: CF when the source is zero. */
    public static int blsr32(Cpu c, int b) {
        int s = b & b - 1;
        c.fr = s;
        c.fx = b == 0 ? TOP2 : 0;
        return s;
    }

    /** BLSR, 64 bits. */
    public static long blsr64(Cpu c, long b) {
        long s = b & b - 1;
        c.fr = s;
        c.fx = b == 0 ? TOP2 : 0;
        return s;
    }

    /** BLSMSK: CF when the source is zero. */
    public static int blsmsk32(Cpu c, int b) {
        int s = b ^ b - 1;
        c.fr = s;
        c.fx = b == 0 ? TOP2 : 0;
        return s;
    }

    /** BLSMSK, 64 bits. */
    public static long blsmsk64(Cpu c, long b) {
        long s = b ^ b - 1;
        c.fr = s;
        c.fx = b == 0 ? TOP2 : 0;
        return s;
    }

    /** BLSI: CF when the source is not zero. */
    public static int blsi32(Cpu c, int b) {
        int s = b & -b;
        c.fr = s;
        c.fx = b != 0 ? TOP2 : 0;
        return s;
    }

    /** BLSI, 64 bits. */
    public static long blsi64(Cpu c, long b) {
        long s = b & -b;
        c.fr = s;
        c.fx = b != 0 ? TOP2 : 0;
        return s;
    }

    // ---- BMI2

    /** BZHI: CF when the index is beyond the width. */
    public static int bzhi32(Cpu c, int a, int index) {
        int n = index & 0xFF;
        boolean beyond = n > 31;
        int s = beyond ? a : a & ~(-1 << n);
        c.fr = s;
        c.fx = beyond ? TOP2 : 0;
        return s;
    }

    /** BZHI, 64 bits. */
    public static long bzhi64(Cpu c, long a, long index) {
        int n = (int) index & 0xFF;
        boolean beyond = n > 63;
        long s = beyond ? a : a & ~(-1L << n);
        c.fr = s;
        c.fx = beyond ? TOP2 : 0;
        return s;
    }

    /** PEXT: no flags. */
    public static int pext32(Cpu c, int a, int mask) {
        return Integer.compress(a, mask);
    }

    /** PEXT, 64 bits. */
    public static long pext64(Cpu c, long a, long mask) {
        return Long.compress(a, mask);
    }

    /** PDEP: no flags. */
    public static int pdep32(Cpu c, int a, int mask) {
        return Integer.expand(a, mask);
    }

    /** PDEP, 64 bits. */
    public static long pdep64(Cpu c, long a, long mask) {
        return Long.expand(a, mask);
    }

    // ---- CRC32 and random numbers

    private static int[] crcTable() {
        int[] table = new int[8 * 256];
        for (int i = 0; i < 256; i++) {
            int remainder = i;
            for (int bit = 0; bit < 8; bit++) {
                remainder = remainder >>> 1 ^ (CASTAGNOLI & -(remainder & 1));
            }
            table[i] = remainder;
        }
        for (int i = 256; i < table.length; i++) {
            int shorter = table[i - 256];
            table[i] = shorter >>> 8 ^ table[shorter & 0xFF];
        }
        return table;
    }

    /** CRC32 of a byte. */
    public static int crc32b(Cpu c, int crc, int value) {
        return crc >>> 8 ^ CRC[(crc ^ value) & 0xFF];
    }

    /** CRC32 of a word. */
    public static int crc32_16(Cpu c, int crc, int value) {
        int x = crc ^ value;
        return crc >>> 16 ^ CRC[256 + (x & 0xFF)] ^ CRC[x >>> 8 & 0xFF];
    }

    /** CRC32 of a doubleword. */
    public static int crc32_32(Cpu c, int crc, int value) {
        int x = crc ^ value;
        return CRC[768 + (x & 0xFF)] ^ CRC[512 + (x >>> 8 & 0xFF)] ^ CRC[256 + (x >>> 16 & 0xFF)] ^ CRC[x >>> 24];
    }

    /** CRC32 of a quadword. */
    public static int crc32_64(Cpu c, int crc, long value) {
        return crc32_32(c, crc32_32(c, crc, (int) value), (int) (value >>> 32));
    }

    /** RDRAND and RDSEED: always a number (CF), the other flags are cleared. */
    public static int rdrand16(Cpu c) {
        return rdrand32(c) & 0xFFFF;
    }

    /** RDRAND and RDSEED, 32 bits. */
    public static int rdrand32(Cpu c) {
        return (int) rdrand64(c);
    }

    /** RDRAND and RDSEED, 64 bits. */
    public static long rdrand64(Cpu c) {
        c.status(1);
        return c.platform.random();
    }
}
