package redoubt.cpu.insn;

import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;

/**
 * The string comparisons of SSE4.2: SDM vol. 2, chapter 4.1 (the immediate's fields) and PCMPxSTRx. Operands as in
 * {@link Vec}; lengths count elements.
 */
public final class VecString {
    private VecString() {}

    /** PCMPESTRI with the lengths in EAX and EDX. */
    public static void pcmpestri32(Cpu c, int a, int b, int imm) {
        index(c, compare(c, a, b, imm, length((int) c.r[0], imm), length((int) c.r[2], imm)), imm);
    }

    /** PCMPESTRI with the lengths in RAX and RDX. */
    public static void pcmpestri64(Cpu c, int a, int b, int imm) {
        index(c, compare(c, a, b, imm, length(c.r[0], imm), length(c.r[2], imm)), imm);
    }

    /** PCMPESTRM with the lengths in EAX and EDX. */
    public static void pcmpestrm32(Cpu c, int a, int b, int imm) {
        mask(c, compare(c, a, b, imm, length((int) c.r[0], imm), length((int) c.r[2], imm)), imm);
    }

    /** PCMPESTRM with the lengths in RAX and RDX. */
    public static void pcmpestrm64(Cpu c, int a, int b, int imm) {
        mask(c, compare(c, a, b, imm, length(c.r[0], imm), length(c.r[2], imm)), imm);
    }

    /** PCMPESTRI in 16-bit code: the lengths are 32 bits there too. */
    public static void pcmpestri16(Cpu c, int a, int b, int imm) {
        pcmpestri32(c, a, b, imm);
    }

    /** PCMPESTRM in 16-bit code. */
    public static void pcmpestrm16(Cpu c, int a, int b, int imm) {
        pcmpestrm32(c, a, b, imm);
    }

    public static void pcmpistri(Cpu c, int a, int b, int imm) {
        index(c, compare(c, a, b, imm, implicitLength(c, a, imm), implicitLength(c, b, imm)), imm);
    }

    public static void pcmpistrm(Cpu c, int a, int b, int imm) {
        mask(c, compare(c, a, b, imm, implicitLength(c, a, imm), implicitLength(c, b, imm)), imm);
    }

    /** An explicit length: its absolute value, at most what a vector holds. */
    private static int length(long given, int imm) {
        int count = 16 >> (imm & 1);
        return given > count || given < -count ? count : (int) Math.abs(given);
    }

    /** Elements before the first that is zero. */
    private static int implicitLength(Cpu c, int a, int imm) {
        long low;
        long high;
        int width;
        if ((imm & 1) == 0) {
            low = Lanes.equal(c.x[a], 0, Lanes.B, 8);
            high = Lanes.equal(c.x[a + 1], 0, Lanes.B, 8);
            width = 8;
        } else {
            low = Lanes.equal(c.x[a], 0, Lanes.W, 16);
            high = Lanes.equal(c.x[a + 1], 0, Lanes.W, 16);
            width = 16;
        }
        int bit = low != 0 ? Long.numberOfTrailingZeros(low) : 64 + Long.numberOfTrailingZeros(high);
        return bit / width;
    }

    /** Element {@code i}, extended as bits 1:0 of {@code imm} say. */
    private static int element(Cpu c, int a, int i, int imm) {
        return switch (imm & 3) {
            case 0 -> Lanes.byteAt(c.x[a + (i >>> 3)], i & 7);
            case 1 -> Lanes.wordAt(c.x[a + (i >>> 2)], i & 3);
            case 2 -> (byte) Lanes.byteAt(c.x[a + (i >>> 3)], i & 7);
            default -> Lanes.shortAt(c.x[a + (i >>> 2)], i & 3);
        };
    }

    /** IntRes2 of the manual, one bit an element of {@code b}; sets the status flags. */
    private static int compare(Cpu c, int a, int b, int imm, int lengthA, int lengthB) {
        int count = 16 >> (imm & 1);
        int result = switch (imm >>> 2 & 3) {
            case 0 -> equalAny(c, a, b, imm, lengthA, lengthB);
            case 1 -> ranges(c, a, b, imm, lengthA, lengthB);
            case 2 -> equalEach(c, a, b, imm, lengthA, lengthB, count);
            default -> equalOrdered(c, a, b, imm, lengthA, lengthB, count);
        };
        if ((imm & 0x10) != 0) {
            result ^= (imm & 0x20) != 0 ? (1 << lengthB) - 1 : (1 << count) - 1;
        }
        c.status((result != 0 ? Flags.CF : 0)
                | (lengthB < count ? Flags.ZF : 0)
                | (lengthA < count ? Flags.SF : 0)
                | ((result & 1) != 0 ? Flags.OF : 0));
        return result;
    }

    private static int equalAny(Cpu c, int a, int b, int imm, int lengthA, int lengthB) {
        int result = 0;
        for (int j = 0; j < lengthB; j++) {
            int element = element(c, b, j, imm);
            for (int i = 0; i < lengthA; i++) {
                if (element(c, a, i, imm) == element) {
                    result |= 1 << j;
                    break;
                }
            }
        }
        return result;
    }

    private static int ranges(Cpu c, int a, int b, int imm, int lengthA, int lengthB) {
        int result = 0;
        for (int j = 0; j < lengthB; j++) {
            int element = element(c, b, j, imm);
            for (int i = 0; i + 1 < lengthA; i += 2) {
                if (element >= element(c, a, i, imm) && element <= element(c, a, i + 1, imm)) {
                    result |= 1 << j;
                    break;
                }
            }
        }
        return result;
    }

    /** Beyond the end of both strings elements count as equal, beyond one of them as different. */
    private static int equalEach(Cpu c, int a, int b, int imm, int lengthA, int lengthB, int count) {
        int result = 0;
        for (int j = 0; j < count; j++) {
            boolean equal = j < lengthA && j < lengthB
                    ? element(c, a, j, imm) == element(c, b, j, imm)
                    : j >= lengthA && j >= lengthB;
            if (equal) {
                result |= 1 << j;
            }
        }
        return result;
    }

    /** Where {@code a} occurs in {@code b}, or its beginning does at the vector's end. */
    private static int equalOrdered(Cpu c, int a, int b, int imm, int lengthA, int lengthB, int count) {
        int result = 0;
        for (int j = 0; j < count; j++) {
            boolean occurs = true;
            for (int i = 0; i < lengthA && i + j < count && occurs; i++) {
                occurs = i + j < lengthB && element(c, a, i, imm) == element(c, b, i + j, imm);
            }
            if (occurs) {
                result |= 1 << j;
            }
        }
        return result;
    }

    private static void index(Cpu c, int result, int imm) {
        int index = result == 0
                ? 16 >> (imm & 1)
                : (imm & 0x40) == 0 ? Integer.numberOfTrailingZeros(result) : 31 - Integer.numberOfLeadingZeros(result);
        c.r[1] = index;
    }

    /** Leaves the mask in XMM0, as bits or as elements. */
    private static void mask(Cpu c, int result, int imm) {
        if ((imm & 0x40) == 0) {
            c.x[0] = result;
            c.x[1] = 0;
            return;
        }
        long low = 0;
        long high = 0;
        int width = (imm & 1) == 0 ? 8 : 16;
        long ones = (1L << width) - 1;
        for (int i = 0; i < 64 / width; i++) {
            low |= (-(result >>> i & 1) & ones) << i * width;
            high |= (-(result >>> i + 64 / width & 1) & ones) << i * width;
        }
        c.x[0] = low;
        c.x[1] = high;
    }
}
