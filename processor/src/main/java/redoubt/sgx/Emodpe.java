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

/** ENCLU[EMODPE]: SDM vol. 3D chapter 38. */
final class Emodpe {
    private Emodpe() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long secinfoEa = register(c, RBX);
        long target = register(c, RCX);
        aligned(c, secinfoEa, Secinfo.ALIGNMENT);
        aligned(c, target, 4096);
        long secinfoLinear = linear(c, secinfoEa, Secinfo.SIZE);
        long targetLinear = linear(c, target, 4096);
        require(c, u.inElrange(secinfoLinear) && u.inElrange(targetLinear));
        epcPage(c, secinfoLinear, EnclaveUnit.READ);
        int page = epcPage(c, targetLinear, EnclaveUnit.READ);
        long flags = Secinfo.readChecked(c, u.operand(c, secinfoLinear, EnclaveUnit.READ));
        if (!epc.is(page, PageType.REG)
                || epc.any(page, Epc.PENDING | Epc.MODIFIED | Epc.BLOCKED)
                || epc.secs(page) != u.secs
                || epc.address(page) != targetLinear) {
            throw epcFault(c, targetLinear, EnclaveUnit.READ);
        }
        int extended = epc.permissions(page) | (int) flags & (Epc.R | Epc.W | Epc.X);
        require(c, !Secinfo.writeOnly(extended));
        epc.set(page, extended);
    }
}
