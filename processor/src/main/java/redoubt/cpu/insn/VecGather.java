package redoubt.cpu.insn;

import redoubt.cpu.Cpu;
import redoubt.cpu.EffectiveAddress;
import redoubt.cpu.Mem;
import redoubt.x86.Op;

/**
 * Gathers (SDM vol. 2, VGATHERDPS and the others): elements from addresses that a vector of indices gives. An element is
 * loaded if the top bit of its mask is set, which is cleared after that, so that the instruction goes on where a fault
 * stopped it. RFLAGS.AC does not count (table 2-14, type 12).
 *
 * <p>The operation's index field names a vector register. The second word has, besides the mask register, the segment in
 * bits 0 to 2, the address size in bits 3 and 4, and VEX.L in bit 5.
 */
public final class VecGather {
    private VecGather() {}

    /** VPGATHERDD, VGATHERDPS: doublewords by doubleword indices. */
    public static void gatherDD(Cpu c, long op, long second) {
        gather(c, op, second, 4, 4);
    }

    /** VPGATHERDQ, VGATHERDPD: quadwords by doubleword indices. */
    public static void gatherDQ(Cpu c, long op, long second) {
        gather(c, op, second, 4, 8);
    }

    /** VPGATHERQD, VGATHERQPS: doublewords by quadword indices. */
    public static void gatherQD(Cpu c, long op, long second) {
        gather(c, op, second, 8, 4);
    }

    /** VPGATHERQQ, VGATHERQPD: quadwords by quadword indices. */
    public static void gatherQQ(Cpu c, long op, long second) {
        gather(c, op, second, 8, 8);
    }

    private static void gather(Cpu c, long op, long second, int indexBytes, int bytes) {
        long[] x = c.x;
        int d = Op.a(op) * 4;
        int mask = Op.vvvv(second) * 4;
        int elements = (((int) second & 0x20) != 0 ? 32 : 16) / Math.max(indexBytes, bytes);
        int quads = elements * bytes + 7 >> 3;
        for (int i = 0; i < quads; i++) { // the whole element takes its top bit
            x[mask + i] =
                    bytes == 8 ? x[mask + i] >> 63 : Lanes.pair((int) x[mask + i] >> 31, (int) (x[mask + i] >> 63));
        }
        for (int i = quads; i < 4; i++) {
            x[mask + i] = 0;
        }
        for (int i = 0; i < elements; i++) {
            int at = i * bytes >> 3;
            int shift = i * bytes * 8 & 63;
            if ((x[mask + at] >>> shift & 1) != 0) {
                long linear = linear(c, op, second, indexBytes, i, bytes);
                long element = bytes == 8 ? -1 : Lanes.LOW32 << shift;
                long value = bytes == 8 ? Mem.ldPart64(c, linear) : (long) Mem.ldPart32(c, linear) << shift;
                x[d + at] = x[d + at] & ~element | value & element;
                x[mask + at] &= ~element;
            }
        }
        for (int i = quads; i < 4; i++) {
            x[d + i] = 0;
        }
    }

    private static long linear(Cpu c, long op, long second, int indexBytes, int i, int bytes) {
        int indices = Op.index(op) * 4;
        long index = indexBytes == 8 ? c.x[indices + i] : (int) (c.x[indices + (i >> 1)] >>> 32 * (i & 1));
        long offset = c.r[Op.b(op)] + (index << Op.scale(op)) + Op.imm(op);
        if (((int) second >>> 3 & 3) != 2) {
            offset &= 0xFFFF_FFFFL;
        }
        return EffectiveAddress.linear(c, (int) second & 7, offset, bytes, false);
    }
}
