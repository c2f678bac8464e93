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

/** ENCLS[EAUG]: SDM vol. 3D chapter 38. */
final class Eaug {
    private Eaug() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long infoEa = register(c, RBX);
        long target = register(c, RCX);
        aligned(c, infoEa, PageInfo.ALIGNMENT);
        aligned(c, target, 4096);
        long targetLinear = linear(c, target, 4096);
        int page = epcPage(c, targetLinear, EnclaveUnit.WRITE);
        PageInfo info = PageInfo.read(c, linear(c, infoEa, PageInfo.SIZE));
        aligned(c, info.secinfo(), Secinfo.ALIGNMENT);
        aligned(c, info.secs(), 4096);
        aligned(c, info.linaddr(), 4096);
        require(c, info.srcpge() == 0);
        long secsLinear = linear(c, info.secs(), 4096);
        int secsPage = epcPage(c, secsLinear, EnclaveUnit.WRITE);
        if (epc.valid(page)) {
            throw epcFault(c, targetLinear, EnclaveUnit.WRITE);
        }
        if (info.secinfo() != 0) {
            Secinfo.read(c, linear(c, info.secinfo(), Secinfo.SIZE));
            throw c.generalProtection(0); // it may only name shadow-stack pages, and there is no CET
        }
        if (!epc.is(secsPage, PageType.SECS)) {
            throw epcFault(c, secsLinear, EnclaveUnit.WRITE);
        }
        long secs = epc.host(secsPage);
        require(c, Secs.initialized(secs));
        require(c, Secs.contains(secs, info.linaddr()));
        Host.fill(epc.host(page), 4096, 0);
        epc.enter(page, PageType.REG, Epc.R | Epc.W | Epc.PENDING, secsPage, info.linaddr());
        Secs.children(secs, 1);
        SgxUnit.contentChanged(c, epc.host(page));
    }
}
