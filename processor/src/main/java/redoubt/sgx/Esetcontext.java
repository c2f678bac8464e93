package redoubt.sgx;

import static redoubt.sgx.Operands.RCX;
import static redoubt.sgx.Operands.RDX;
import static redoubt.sgx.Operands.aligned;
import static redoubt.sgx.Operands.epcFault;
import static redoubt.sgx.Operands.epcPage;
import static redoubt.sgx.Operands.linear;
import static redoubt.sgx.Operands.register;

import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;
import redoubt.cpu.Mem;

/** ENCLV[ESETCONTEXT]: SDM vol. 3D chapter 38. */
final class Esetcontext {
    private Esetcontext() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long target = register(c, RCX);
        aligned(c, target, 4096);
        long targetLinear = linear(c, target, 4096);
        int page = epcPage(c, targetLinear, EnclaveUnit.WRITE);
        long context = register(c, RDX);
        aligned(c, context, 8);
        long value = Mem.ld64(c, linear(c, context, 8));
        if (!epc.is(page, PageType.SECS)) {
            throw epcFault(c, targetLinear, EnclaveUnit.WRITE);
        }
        Host.put64(epc.host(page) + Secs.CONTEXT, value);
        SgxUnit.result(c, ErrorCode.SUCCESS);
    }
}
