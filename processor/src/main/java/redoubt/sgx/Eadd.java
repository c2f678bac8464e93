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

/** ENCLS[EADD]: SDM vol. 3D chapter 38. */
final class Eadd {
    private Eadd() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long infoEa = register(c, RBX);
        long target = register(c, RCX);
        aligned(c, infoEa, PageInfo.ALIGNMENT);
        aligned(c, target, 4096);
        long targetLinear = linear(c, target, 4096);
        int page = epcPage(c, targetLinear, EnclaveUnit.WRITE);
        PageInfo info = PageInfo.read(c, linear(c, infoEa, PageInfo.SIZE));
        aligned(c, info.srcpge(), 4096);
        aligned(c, info.secs(), 4096);
        aligned(c, info.secinfo(), Secinfo.ALIGNMENT);
        aligned(c, info.linaddr(), 4096);
        long secsLinear = linear(c, info.secs(), 4096);
        int secsPage = epcPage(c, secsLinear, EnclaveUnit.WRITE);
        long flags = Secinfo.read(c, linear(c, info.secinfo(), Secinfo.SIZE));
        int type = Secinfo.type(flags);
        require(
                c,
                (type == PageType.REG || type == PageType.TCS) && (flags & (Epc.PENDING | Epc.MODIFIED | Epc.PR)) == 0);
        if (epc.valid(page)) {
            throw epcFault(c, targetLinear, EnclaveUnit.WRITE);
        }
        if (!epc.is(secsPage, PageType.SECS)) {
            throw epcFault(c, secsLinear, EnclaveUnit.WRITE);
        }
        long secs = epc.host(secsPage);
        long content = epc.host(page);
        Operands.copyIn(c, linear(c, info.srcpge(), 4096), content, 4096);
        if (type == PageType.TCS) {
            require(c, Host.isZero(content + Tcs.RESERVED, 4096 - Tcs.RESERVED));
            require(c, Secs.mode64(secs) || Tcs.limitsAligned(content));
        } else {
            require(c, !Secinfo.writeOnly(flags));
        }
        require(c, Secs.contains(secs, info.linaddr()));
        require(c, !Secs.initialized(secs));
        if (type == PageType.TCS) {
            flags &= ~(long) (Epc.R | Epc.W | Epc.X);
            Host.put64(content + Tcs.FLAGS, Host.get64(content + Tcs.FLAGS) & ~(long) Tcs.DBGOPTIN);
            Host.put32(content + Tcs.CSSA, 0);
            Host.put64(content + Tcs.AEP, 0);
            Host.put64(content + Tcs.STATE, 0);
        }
        Measurement.load(secs)
                .eadd(info.linaddr() - Host.get64(secs + Secs.BASEADDR), flags)
                .store(secs);
        epc.enter(page, type, (int) flags & (Epc.R | Epc.W | Epc.X), secsPage, info.linaddr());
        Secs.children(secs, 1);
        SgxUnit.contentChanged(c, content);
    }
}
