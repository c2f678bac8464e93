package redoubt.sgx;

import redoubt.cpu.Cpu;

/** ENCLU[EENTER]: SDM vol. 3D chapter 38. */
final class Eenter {
    private Eenter() {}

    static void execute(SgxUnit u, Cpu c) {
        Entry entry = Entry.check(u, c);
        entry.begin(u, c, Host.get32(u.epc.host(entry.tcs()) + Tcs.CSSA) & 0xFFFF_FFFFL);
    }
}
