package redoubt.sgx;

import static redoubt.sgx.Operands.require;

import redoubt.cpu.Cpu;

/** ENCLU[EDECCSSA]: SDM vol. 3D chapter 38. */
final class Edeccssa {
    private Edeccssa() {}

    static void execute(SgxUnit u, Cpu c) {
        long tcs = u.epc.host(u.tcs);
        int cssa = Host.get32(tcs + Tcs.CSSA);
        require(c, cssa != 0);
        SgxUnit.Frame frame = u.frame(c, u.secs, tcs, (cssa & 0xFFFF_FFFFL) - 1);
        Host.put32(tcs + Tcs.CSSA, cssa - 1);
        u.frame = frame;
    }
}
