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

/** ENCLS[EDBGWR]: SDM vol. 3D chapter 38. */
final class Edbgwr {
    private Edbgwr() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long target = register(c, RCX);
        boolean wide = c.codeMode == 64;
        aligned(c, target, wide ? 8 : 4);
        long targetLinear = linear(c, target, wide ? 8 : 4);
        int page = epcPage(c, targetLinear, EnclaveUnit.WRITE);
        boolean accessible = epc.is(page, PageType.REG) || epc.is(page, PageType.TCS);
        if (!accessible) {
            throw epcFault(c, targetLinear, EnclaveUnit.WRITE);
        }
        if (epc.any(page, Epc.PENDING | Epc.MODIFIED)) {
            SgxUnit.result(c, ErrorCode.PAGE_NOT_DEBUGGABLE);
            return;
        }
        int offset = (int) targetLinear & 4095;
        long host = epc.host(page) + offset;
        require(c, epc.type(page) != PageType.TCS || (offset & 0xFF8) == Tcs.FLAGS);
        require(c, Edbgrd.debug(epc, page));
        if (wide) {
            Host.put64(host, c.r[RBX]);
        } else {
            Host.put32(host, (int) c.r[RBX]);
        }
        SgxUnit.contentChanged(c, epc.host(page));
        SgxUnit.result(c, ErrorCode.SUCCESS);
    }
}
