package redoubt.sgx;

import static redoubt.sgx.Operands.RCX;
import static redoubt.sgx.Operands.aligned;
import static redoubt.sgx.Operands.epcFault;
import static redoubt.sgx.Operands.epcPage;
import static redoubt.sgx.Operands.linear;
import static redoubt.sgx.Operands.register;

import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;

/** ENCLS[ETRACK]: SDM vol. 3D chapter 38. */
final class Etrack {
    private Etrack() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long target = register(c, RCX);
        aligned(c, target, 4096);
        long targetLinear = linear(c, target, 4096);
        int page = epcPage(c, targetLinear, EnclaveUnit.WRITE);
        if (!epc.is(page, PageType.SECS)) {
            throw epcFault(c, targetLinear, EnclaveUnit.WRITE);
        }
        SgxUnit.result(c, Secs.track(epc.host(page)));
    }
}
