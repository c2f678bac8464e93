package redoubt.sgx;

import redoubt.cpu.Cpu;

/** SECINFO: SDM vol. 3D table 35-16. */
final class Secinfo {
    static final int SIZE = 64;
    static final int ALIGNMENT = 64;
    static final long DEFINED = 0xFF3F;

    private Secinfo() {}

    /** Reads FLAGS at a linear address outside enclaves; #GP if a reserved bit is set. */
    static long read(Cpu c, long linear) {
        return flags(c, Operands.read(c, linear, SIZE));
    }

    /** Reads FLAGS at a host address, of an operand whose access has been checked; #GP if a reserved bit is set. */
    static long readChecked(Cpu c, long host) {
        return flags(c, Host.bytes(host, SIZE));
    }

    private static long flags(Cpu c, byte[] secinfo) {
        long flags = Bytes.get64(secinfo, 0);
        Operands.require(c, (flags & ~DEFINED) == 0 && Bytes.isZero(secinfo, 8, SIZE - 8));
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
