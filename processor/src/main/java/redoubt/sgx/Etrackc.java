package redoubt.sgx;

import static redoubt.sgx.Operands.RCX;
import static redoubt.sgx.Operands.aligned;
import static redoubt.sgx.Operands.epcPage;
import static redoubt.sgx.Operands.linear;
import static redoubt.sgx.Operands.register;

import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;

/** ENCLS[ETRACKC]: SDM vol. 3D chapter 38. */
final class Etrackc {
    private Etrackc() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long target = register(c, RCX);
        aligned(c, target, 4096);
        int page = epcPage(c, linear(c, target, 4096), EnclaveUnit.READ);
        if (!epc.valid(page)) {
            SgxUnit.result(c, ErrorCode.PG_INVLD);
        } else if (epc.type(page) == PageType.VA) {
            SgxUnit.resultCarry(c, ErrorCode.TRACK_NOT_REQUIRED);
        } else {
            SgxUnit.result(c, Secs.track(epc.host(epc.secs(page))));
        }
    }
}
