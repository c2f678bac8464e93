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
        long targetLinear = linear(c, target);
        int page = epcPage(c, targetLinear, EnclaveUnit.WRITE);
        if (!epc.is(page, PageType.SECS)) {
            throw epcFault(c, targetLinear, EnclaveUnit.WRITE);
        }
        long secs = epc.host(page);
        if (Host.get64(secs + Secs.INSIDE_PREVIOUS) != 0) {
            SgxUnit.result(c, ErrorCode.PREV_TRK_INCMPL);
            return;
        }
        Host.put64(secs + Secs.INSIDE_PREVIOUS, Host.get64(secs + Secs.INSIDE_CURRENT));
        Host.put64(secs + Secs.INSIDE_CURRENT, 0);
        Host.put64(secs + Secs.EPOCH, Host.get64(secs + Secs.EPOCH) + 1);
        SgxUnit.result(c, ErrorCode.SUCCESS);
    }
}
