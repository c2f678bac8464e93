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

/** ENCLS[EDBGRD]: SDM vol. 3D chapter 38. */
final class Edbgrd {
    private Edbgrd() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long target = register(c, RCX);
        boolean wide = c.codeMode == 64;
        aligned(c, target, wide ? 8 : 4);
        long targetLinear = linear(c, target, wide ? 8 : 4);
        int page = epcPage(c, targetLinear, EnclaveUnit.READ);
        boolean accessible = epc.is(page, PageType.REG) || epc.is(page, PageType.TCS) || epc.is(page, PageType.VA);
        if (!accessible) {
            throw epcFault(c, targetLinear, EnclaveUnit.READ);
        }
        if (epc.any(page, Epc.PENDING | Epc.MODIFIED)) {
            SgxUnit.result(c, ErrorCode.PAGE_NOT_DEBUGGABLE);
            return;
        }
        int offset = (int) targetLinear & 4095;
        long host = epc.host(page) + offset;
        if (epc.type(page) == PageType.VA) {
            // only whether the slot is in use
            c.r[RBX] = (Host.get64(host & ~7L) & ~7L) == 0 ? 0 : wide ? -1L : 0xFFFF_FFFFL;
            SgxUnit.result(c, ErrorCode.SUCCESS);
            return;
        }
        require(c, epc.type(page) != PageType.TCS || offset < Tcs.RESERVED);
        require(c, debug(epc, page));
        c.r[RBX] = wide ? Host.get64(host) : Host.get32(host) & 0xFFFF_FFFFL;
        SgxUnit.result(c, ErrorCode.SUCCESS);
    }
    /** Whether a page belongs to a debug enclave. */
    static boolean debug(Epc epc, int page) {
        return (Host.get64(epc.host(epc.secs(page)) + Secs.ATTRIBUTES) & Attributes.DEBUG) != 0;
    }
}
