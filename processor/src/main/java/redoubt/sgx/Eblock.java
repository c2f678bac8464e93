package redoubt.sgx;

import static redoubt.sgx.Operands.RCX;
import static redoubt.sgx.Operands.aligned;
import static redoubt.sgx.Operands.epcPage;
import static redoubt.sgx.Operands.linear;
import static redoubt.sgx.Operands.register;

import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;

/** ENCLS[EBLOCK]: SDM vol. 3D chapter 38. */
final class Eblock {
    private Eblock() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long target = register(c, RCX);
        aligned(c, target, 4096);
        int page = epcPage(c, linear(c, target, 4096), EnclaveUnit.WRITE);
        if (!epc.valid(page)) {
            SgxUnit.result(c, ErrorCode.PG_INVLD);
        } else if (epc.type(page) == PageType.SECS) {
            SgxUnit.resultCarry(c, ErrorCode.PG_IS_SECS);
        } else if (!PageType.isChild(epc.type(page))) {
            SgxUnit.resultCarry(c, ErrorCode.NOTBLOCKABLE);
        } else if (epc.blocked(page)) {
            SgxUnit.resultCarry(c, ErrorCode.BLKSTATE);
        } else {
            epc.set(page, Epc.BLOCKED);
            epc.epoch(page, Host.get64(epc.host(epc.secs(page)) + Secs.EPOCH));
            SgxUnit.result(c, ErrorCode.SUCCESS);
        }
    }
}
