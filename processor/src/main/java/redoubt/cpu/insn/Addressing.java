package redoubt.cpu.insn;

import redoubt.cpu.Cpu;
import redoubt.cpu.Mem;

/** Segmentation of implicit operands: the stack and the string instructions. SDM vol. 3A 5.3 and 5.5. */
final class Addressing {
    private Addressing() {}

    /**
     * Linear address of an operand.
     *
     * @throws redoubt.cpu.GuestFault #GP(0), or #SS(0) through the stack segment
     */
    static long linear(Cpu c, int segment, long offset, int bytes, boolean write) {
        if (c.codeMode == 64) {
            if (segment == 2) {
                Mem.checkStack(c, offset, bytes);
            }
            return segment >= 4 ? c.segmentBase[segment] + offset : offset;
        }
        if (!fits(c, segment, offset, bytes, write)) {
            throw segment == 2 ? c.fault(12, 0) : c.generalProtection(0);
        }
        return c.segmentBase[segment] + offset & 0xFFFF_FFFFL;
    }

    /** Whether a legacy-mode access of this many bytes passes the segment's type and limit checks. */
    static boolean fits(Cpu c, int segment, long offset, long bytes, boolean write) {
        int access = c.segmentAccess[segment];
        boolean code = (access & 8) != 0;
        if (c.protectedMode() && !c.virtual8086()) {
            boolean forbidden = write ? code || (access & 2) == 0 : code && (access & 2) == 0;
            if ((access & 0x10000) != 0 || forbidden) {
                return false;
            }
        }
        long last = offset + bytes - 1;
        if (!code && (access & 4) != 0) { // expand-down: valid above the limit
            long top = (access & 0x4000) != 0 ? 0xFFFF_FFFFL : 0xFFFF;
            return offset > c.segmentLimit[segment] && last <= top;
        }
        return last <= c.segmentLimit[segment];
    }

    /** Mask of the stack pointer: 64-bit mode, else by SS.B. */
    static long stackMask(Cpu c) {
        return c.codeMode == 64 ? -1 : (c.segmentAccess[2] & 0x4000) != 0 ? 0xFFFF_FFFFL : 0xFFFF;
    }

    /** A register after its part under {@code mask} has been set, as a write of that width does. */
    static long merge(long old, long value, long mask) {
        return mask == 0xFFFF ? old & ~0xFFFFL | value & 0xFFFF : value & mask;
    }

    /** Address size of a string or loop instruction as a mask. */
    static long addressMask(int addressSize) {
        return addressSize == 2 ? -1 : addressSize == 1 ? 0xFFFF_FFFFL : 0xFFFF;
    }
}
