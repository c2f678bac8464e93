package redoubt.sgx;

import static redoubt.sgx.Operands.RBX;
import static redoubt.sgx.Operands.RCX;
import static redoubt.sgx.Operands.RDX;
import static redoubt.sgx.Operands.aligned;
import static redoubt.sgx.Operands.epcPage;
import static redoubt.sgx.Operands.linear;
import static redoubt.sgx.Operands.register;
import static redoubt.sgx.Operands.require;

import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;

/** ENCLU[EACCEPTCOPY]: SDM vol. 3D chapter 38. */
final class Eacceptcopy {
    private Eacceptcopy() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long secinfoEa = register(c, RBX);
        long target = register(c, RCX);
        long sourceEa = register(c, RDX);
        aligned(c, secinfoEa, Secinfo.ALIGNMENT);
        aligned(c, target, 4096);
        aligned(c, sourceEa, 4096);
        long secinfoLinear = linear(c, secinfoEa, Secinfo.SIZE);
        long targetLinear = linear(c, target, 4096);
        long sourceLinear = linear(c, sourceEa, 4096);
        require(c, u.inElrange(secinfoLinear) && u.inElrange(targetLinear) && u.inElrange(sourceLinear));
        epcPage(c, secinfoLinear, EnclaveUnit.READ);
        int page = epcPage(c, targetLinear, EnclaveUnit.WRITE);
        epcPage(c, sourceLinear, EnclaveUnit.READ);
        long flags = Secinfo.readChecked(c, u.operand(c, secinfoLinear, EnclaveUnit.READ));
        require(c, !Secinfo.writeOnly(flags) && Secinfo.type(flags) == PageType.REG);
        long source = u.operand(c, sourceLinear, EnclaveUnit.READ);
        if (!epc.is(page, PageType.REG)
                || !epc.pending(page)
                || epc.any(page, Epc.MODIFIED | Epc.BLOCKED)
                || epc.secs(page) != u.secs
                || epc.permissions(page) != (Epc.R | Epc.W)
                || epc.address(page) != targetLinear) {
            SgxUnit.result(c, ErrorCode.PAGE_ATTRIBUTES_MISMATCH);
            return;
        }
        Host.copy(source, epc.host(page), 4096);
        epc.clear(page, Epc.PENDING | Epc.R | Epc.W | Epc.X);
        epc.set(page, (int) flags & (Epc.R | Epc.W | Epc.X));
        SgxUnit.contentChanged(c, epc.host(page));
        SgxUnit.result(c, ErrorCode.SUCCESS);
    }
}
