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

/** What ENCLV[EDECVIRTCHILD] and ENCLV[EINCVIRTCHILD] share: SDM vol. 3D chapter 38. */
final class VirtualChildren {
    private VirtualChildren() {}

    /** Checks the operands and returns the host address of the SECS whose count is meant. */
    static long secs(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long pageEa = register(c, RBX);
        long secsEa = register(c, RCX);
        aligned(c, pageEa, 4096);
        long pageLinear = linear(c, pageEa, 4096);
        int page = epcPage(c, pageLinear, EnclaveUnit.READ);
        int secsPage = epcPage(c, linear(c, secsEa, 1), EnclaveUnit.READ);
        if (!epc.valid(page) || epc.type(page) == PageType.VA) {
            throw epcFault(c, pageLinear, EnclaveUnit.READ);
        }
        // the physical addresses are compared, so RCX need not be checked for alignment by itself
        require(c, epc.secs(page) == secsPage && (secsEa & 4095) == 0);
        return epc.host(secsPage);
    }
}
