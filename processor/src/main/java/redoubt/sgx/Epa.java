package redoubt.sgx;

import static redoubt.sgx.Operands.RBX;
import static redoubt.sgx.Operands.RCX;
import static redoubt.sgx.Operands.aligned;
import static redoubt.sgx.Operands.epcFault;
import static redoubt.sgx.Operands.epcPage;
import static redoubt.sgx.Operands.linear;
import static redoubt.sgx.Operands.register;
import static redoubt.sgx.Operands.require;

import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;

/** ENCLS[EPA]: SDM vol. 3D chapter 38. */
final class Epa {
    private Epa() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long target = register(c, RCX);
        require(c, register(c, RBX) == PageType.VA);
        aligned(c, target, 4096);
        long targetLinear = linear(c, target, 4096);
        int page = epcPage(c, targetLinear, EnclaveUnit.WRITE);
        if (epc.valid(page)) {
            throw epcFault(c, targetLinear, EnclaveUnit.WRITE);
        }
        Host.fill(epc.host(page), 4096, 0);
        epc.enter(page, PageType.VA, 0, page, 0);
        SgxUnit.contentChanged(c, epc.host(page));
    }
}
