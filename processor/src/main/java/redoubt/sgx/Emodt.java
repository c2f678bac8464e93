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

/** ENCLS[EMODT]: SDM vol. 3D chapter 38. */
final class Emodt {
    private Emodt() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long secinfoEa = register(c, RBX);
        long target = register(c, RCX);
        aligned(c, secinfoEa, Secinfo.ALIGNMENT);
        aligned(c, target, 4096);
        long targetLinear = linear(c, target, 4096);
        int page = epcPage(c, targetLinear, EnclaveUnit.WRITE);
        long flags = Secinfo.read(c, linear(c, secinfoEa, Secinfo.SIZE));
        int type = Secinfo.type(flags);
        require(c, type == PageType.TCS || type == PageType.TRIM);
        boolean eligible = epc.is(page, PageType.REG) || epc.is(page, PageType.TCS) && type == PageType.TRIM;
        if (!eligible) {
            throw epcFault(c, targetLinear, EnclaveUnit.WRITE);
        }
        if (epc.any(page, Epc.PENDING | Epc.MODIFIED)) {
            SgxUnit.result(c, ErrorCode.PAGE_NOT_MODIFIABLE);
            return;
        }
        long secs = epc.host(epc.secs(page));
        require(c, Secs.initialized(secs));
        epc.clear(page, Epc.PR | Epc.R | Epc.W | Epc.X);
        epc.set(page, Epc.MODIFIED);
        epc.type(page, type);
        epc.epoch(page, Host.get64(secs + Secs.EPOCH));
        SgxUnit.result(c, ErrorCode.SUCCESS);
    }
}
