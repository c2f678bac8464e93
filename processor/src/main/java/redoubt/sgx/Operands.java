package redoubt.sgx;

import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;
import redoubt.cpu.GuestFault;
import redoubt.cpu.Mem;
import redoubt.memory.PhysicalMemory.Region;

/** Operand access of the leaf functions: SDM vol. 3D sections 37.5.3 and 42.3. */
final class Operands {
    static final int RAX = 0;
    static final int RCX = 1;
    static final int RDX = 2;
    static final int RBX = 3;

    private Operands() {}

    /** A register operand as an effective address: 32 bits outside 64-bit mode. */
    static long register(Cpu c, int register) {
        return c.codeMode == 64 ? c.r[register] : c.r[register] & 0xFFFF_FFFFL;
    }

    /**
     * Linear address of an operand of {@code bytes} bytes in DS; outside 64-bit mode #GP(0) unless DS is usable and holds all
     * of it. That DS is not expand-down has been checked for all leaves.
     */
    static long linear(Cpu c, long effective, int bytes) {
        if (c.codeMode == 64) {
            return effective;
        }
        require(c, usable(c, 3) && (effective & 0xFFFF_FFFFL) + bytes - 1 <= c.segmentLimit[3]);
        return effective + c.segmentBase[3] & 0xFFFF_FFFFL;
    }

    static boolean usable(Cpu c, int segment) {
        return (c.segmentAccess[segment] & 0x10000) == 0;
    }

    static boolean canonical(long linear) {
        return linear << 16 >> 16 == linear;
    }

    /** #GP(0) unless the value is a multiple of {@code alignment}. */
    static void aligned(Cpu c, long value, int alignment) {
        if ((value & alignment - 1) != 0) {
            throw c.generalProtection(0);
        }
    }

    /** #GP(0) unless the condition holds. */
    static void require(Cpu c, boolean condition) {
        if (!condition) {
            throw c.generalProtection(0);
        }
    }

    /** #PF of the EPCM: bit 15 of the error code, with P. */
    static GuestFault epcFault(Cpu c, long linear, int access) {
        return c.pageFault(
                linear,
                0x8001
                        | ((access & EnclaveUnit.WRITE) != 0 ? 2 : 0)
                        | (c.cpl == 3 ? 4 : 0)
                        | ((access & EnclaveUnit.FETCH) != 0 ? 16 : 0));
    }

    /** EPC page behind a linear address, -1 if it is not EPC; #PF if paging forbids the access. */
    static int epcPageOrNone(Cpu c, long linear, int access) {
        long physical = c.mmu.translate(linear, access);
        Region region = c.memory.find(physical);
        return region == null || region.epc() == null ? -1 : region.epc().page(physical - region.base() & -4096);
    }

    /** EPC page behind a linear address; #PF if paging forbids the access or it is not EPC. */
    static int epcPage(Cpu c, long linear, int access) {
        int page = epcPageOrNone(c, linear, access);
        if (page < 0) {
            throw epcFault(c, linear, access);
        }
        return page;
    }

    /** Copies from normal memory, within one page, to a host address. */
    static void copyIn(Cpu c, long linear, long host, int bytes) {
        long source = c.mmu.hostForRead(linear);
        if (source == 0) {
            Host.fill(host, bytes, 0xFF); // the abort page; a device's registers are no source either
        } else {
            Host.copy(source, host, bytes);
        }
    }

    static byte[] read(Cpu c, long linear, int bytes) {
        byte[] out = new byte[bytes];
        for (int i = 0; i < bytes; i += 8) {
            Bytes.put64(out, i, Mem.ld64(c, linear + i));
        }
        return out;
    }

    static void write(Cpu c, long linear, byte[] bytes) {
        c.mmu.probeWrite(linear, bytes.length);
        for (int i = 0; i < bytes.length; i += 8) {
            Mem.st64(c, linear + i, Bytes.get64(bytes, i));
        }
    }
}
