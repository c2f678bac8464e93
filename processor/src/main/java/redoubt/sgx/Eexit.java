package redoubt.sgx;

import static redoubt.sgx.Operands.RBX;
import static redoubt.sgx.Operands.RCX;
import static redoubt.sgx.Operands.register;
import static redoubt.sgx.Operands.require;

import redoubt.cpu.Cpu;

/** ENCLU[EEXIT]: SDM vol. 3D chapter 38. */
final class Eexit {
    private Eexit() {}

    static void execute(SgxUnit u, Cpu c) {
        long target = register(c, RBX);
        require(
                c,
                c.codeMode == 64 ? Operands.canonical(target) : Long.compareUnsigned(target, c.segmentLimit[1]) <= 0);
        c.rip = target;
        c.r[RCX] = Host.get64(u.epc.host(u.tcs) + Tcs.AEP);
        u.leave(c);
    }
}
