package redoubt.sgx;

import redoubt.cpu.Cpu;
import redoubt.cpu.Mem;

/** PAGEINFO, read: SDM vol. 3D table 35-14. The third field is a SECINFO or a PCMD. */
record PageInfo(long linaddr, long srcpge, long secinfo, long secs) {
    static final int SIZE = 32;
    static final int ALIGNMENT = 32;
    static final int LINADDR = 0;

    static PageInfo read(Cpu c, long linear) {
        return new PageInfo(
                Mem.ld64(c, linear), Mem.ld64(c, linear + 8), Mem.ld64(c, linear + 16), Mem.ld64(c, linear + 24));
    }
}
