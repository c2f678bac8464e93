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

/** ENCLS[EMODPR]: SDM vol. 3D chapter 38. */
final class Emodpr {
    private Emodpr() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long secinfoEa = register(c, RBX);
        long target = register(c, RCX);
        aligned(c, secinfoEa, Secinfo.ALIGNMENT);
        aligned(c, target, 4096);
        long targetLinear = linear(c, target, 4096);
        int page = epcPage(c, targetLinear, EnclaveUnit.WRITE);
        long flags = Secinfo.read(c, linear(c, secinfoEa, Secinfo.SIZE));
        require(c, !Secinfo.writeOnly(flags));
        if (!epc.valid(page)) {
            throw epcFault(c, targetLinear, EnclaveUnit.WRITE);
        }
        if (epc.any(page, Epc.PENDING | Epc.MODIFIED)) {
            SgxUnit.result(c, ErrorCode.PAGE_NOT_MODIFIABLE);
            return;
        }
        if (epc.type(page) != PageType.REG) {
            throw epcFault(c, targetLinear, EnclaveUnit.WRITE);
        }
        long secs = epc.host(epc.secs(page));
        require(c, Secs.initialized(secs));
        epc.set(page, Epc.PR);
        epc.clear(page, ~(int) flags & (Epc.R | Epc.W | Epc.X));
        epc.epoch(page, Host.get64(secs + Secs.EPOCH));
        SgxUnit.result(c, ErrorCode.SUCCESS);
    }
}
