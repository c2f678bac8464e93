package redoubt.sgx;

import static redoubt.sgx.Operands.RCX;
import static redoubt.sgx.Operands.aligned;
import static redoubt.sgx.Operands.epcPage;
import static redoubt.sgx.Operands.linear;
import static redoubt.sgx.Operands.register;

import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;

/** ENCLS[EREMOVE]: SDM vol. 3D chapter 38. */
final class Eremove {
    private Eremove() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long target = register(c, RCX);
        aligned(c, target, 4096);
        int page = epcPage(c, linear(c, target, 4096), EnclaveUnit.WRITE);
        SgxUnit.result(c, code(epc, page));
        if (!epc.valid(page)) {
            SgxUnit.contentChanged(c, epc.host(page));
        }
    }

    /** The leaf on an EPC page, whoever executes it. */
    static int code(Epc epc, int page) {
        if (!epc.valid(page)) {
            return ErrorCode.SUCCESS;
        }
        int type = epc.type(page);
        if (type == PageType.VA) {
            epc.invalidate(page);
            return ErrorCode.SUCCESS;
        }
        long secs = epc.host(epc.secs(page));
        if (type == PageType.SECS) {
            if (Host.get64(secs + Secs.CHILDREN) != 0) {
                return ErrorCode.CHILD_PRESENT;
            }
            epc.invalidate(page);
            return ErrorCode.SUCCESS;
        }
        // a trimmed page that the enclave has accepted may go while threads are inside
        boolean acceptedTrim = type == PageType.TRIM && !epc.modified(page);
        if (!acceptedTrim && Secs.active(secs)) {
            return ErrorCode.ENCLAVE_ACT;
        }
        epc.invalidate(page);
        Secs.children(secs, -1);
        return ErrorCode.SUCCESS;
    }
}
