package redoubt.sgx;

import redoubt.cpu.Cpu;
import redoubt.cpu.Mem;

/** SECINFO: SDM vol. 3D table 35-16. */
final class Secinfo {
    static final int ALIGNMENT = 64;
    static final long DEFINED = 0xFF3F;

    private Secinfo() {}

    /** Reads FLAGS at a linear address; #GP if a reserved bit is set. */
    static long read(Cpu c, long linear) {
        long flags = Mem.ld64(c, linear);
        long reserved = flags & ~DEFINED;
        for (int i = 8; i < 64; i += 8) {
            reserved |= Mem.ld64(c, linear + i);
        }
        if (reserved != 0) {
            throw c.generalProtection(0);
        }
        return flags;
    }

    static int type(long flags) {
        return (int) (flags >> 8) & 0xFF;
    }

    /** W without R. */
    static boolean writeOnly(long flags) {
        return (flags & (Epc.R | Epc.W)) == Epc.W;
    }
}
