package redoubt.cpu;

import redoubt.x86.Op;

/** Works out operands whose address is not plain 64-bit arithmetic: SDM vol. 1 section 3.7.5, vol. 3A chapter 5. */
public final class EffectiveAddress {
    /** In a second word: no segment at all (LEA). */
    public static final int NO_SEGMENT = 7;

    /** In a second word: a bit string, whose handler adds the distance of the bit to the address it is given. */
    static final int BIT_STRING = 0x10000;

    private EffectiveAddress() {}

    /** Distance in bytes of the operand that holds a bit string's bit: SDM vol. 1 3.1.1.9, BitBase. */
    private static long bitDistance(Cpu c, long second) {
        int size = (int) (second >>> 17) & 3;
        long bit = c.r[(int) (second >>> 20) & 31];
        long index = size == 0 ? (short) bit : size == 1 ? (int) bit : bit;
        return (index >> 4 + size) * (2L << size);
    }

    /** {@link redoubt.x86.Kinds#EA_GENERAL}. */
    public static void general(Cpu c, long op, long second) {
        long distance = (second & BIT_STRING) != 0 ? bitDistance(c, second) : 0;
        long offset = Mem.ea(c.r, op) + distance;
        int addressSize = (int) (second >>> 3) & 3;
        if (addressSize == 0) {
            offset &= 0xFFFF;
        } else if (addressSize == 1) {
            offset &= 0xFFFF_FFFFL;
        }
        int segment = (int) second & 7;
        if (segment != NO_SEGMENT) {
            offset = linear(c, segment, offset, (int) (second >>> 32) & 0xFFFF, (second & 0x20) != 0);
        }
        c.r[Op.TEMP] = offset - distance;
    }

    /** {@link redoubt.x86.Kinds#EA_ABSOLUTE}. */
    public static void absolute(Cpu c, long op, long second) {
        c.r[Op.TEMP] = second + c.r[Op.b(op)];
    }

    /** Segment base and, outside 64-bit mode, the limit and type checks. */
    public static long linear(Cpu c, int segment, long offset, int bytes, boolean write) {
        if (c.codeMode == 64) {
            return segment >= 4 ? offset + c.segmentBase[segment] : offset;
        }
        int access = c.segmentAccess[segment];
        boolean bad = (access & 0x10000) != 0;
        if (c.protectedMode() && !c.virtual8086()) {
            boolean code = (access & 8) != 0;
            bad |= write ? code || (access & 2) == 0 : code && (access & 2) == 0;
        }
        long limit = c.segmentLimit[segment];
        long last = offset + bytes - 1;
        if ((access & 0xC) == 4) { // expand-down data
            long top = (access & 0x4000) != 0 ? 0xFFFF_FFFFL : 0xFFFF;
            bad |= offset <= limit || last > top;
        } else {
            bad |= last > limit;
        }
        if (bad) {
            throw c.fault(segment == 2 ? 12 : 13, 0);
        }
        return offset + c.segmentBase[segment] & 0xFFFF_FFFFL;
    }
}
