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

/** ENCLU[EACCEPT]: SDM vol. 3D chapter 38. */
final class Eaccept {
    private Eaccept() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long secinfoEa = register(c, RBX);
        long target = register(c, RCX);
        aligned(c, secinfoEa, Secinfo.ALIGNMENT);
        long secinfoLinear = linear(c, secinfoEa, Secinfo.SIZE);
        require(c, u.inElrange(secinfoLinear));
        long flags = Secinfo.readChecked(c, u.operand(c, secinfoLinear, EnclaveUnit.READ));
        aligned(c, target, 4096);
        long targetLinear = linear(c, target, 4096);
        require(c, u.inElrange(targetLinear));
        int page = epcPage(c, targetLinear, EnclaveUnit.READ);
        int type = Secinfo.type(flags);
        boolean pending = (flags & Epc.PENDING) != 0;
        boolean modified = (flags & Epc.MODIFIED) != 0;
        boolean restricted = (flags & Epc.PR) != 0;
        require(
                c,
                type == PageType.REG && (restricted || pending) && !modified
                        || (type == PageType.TCS || type == PageType.TRIM) && modified && !restricted && !pending);
        if (!epc.valid(page) || epc.blocked(page) || !PageType.isChild(epc.type(page)) || epc.secs(page) != u.secs) {
            throw epcFault(c, targetLinear, EnclaveUnit.READ);
        }
        long compared = ~(long) Epc.PR;
        if (epc.address(page) != targetLinear || (epc.secinfoFlags(page) & compared) != (flags & compared)) {
            SgxUnit.result(c, ErrorCode.PAGE_ATTRIBUTES_MISMATCH);
            return;
        }
        if (!Secs.tracked(u.secsHost, epc.epoch(page))) {
            SgxUnit.result(c, ErrorCode.NOT_TRACKED);
            return;
        }
        if (type == PageType.TCS) {
            long tcs = epc.host(page);
            require(c, Host.isZero(tcs + Tcs.RESERVED, 4096 - Tcs.RESERVED));
            require(c, (Host.get64(tcs + Tcs.FLAGS) & Tcs.DBGOPTIN) == 0);
            require(c, Integer.compareUnsigned(Host.get32(tcs + Tcs.CSSA), Host.get32(tcs + Tcs.NSSA)) < 0);
            require(c, Host.get64(tcs + Tcs.AEP) == 0 && Host.get64(tcs + Tcs.STATE) == 0);
            require(c, Secs.mode64(u.secsHost) || Tcs.limitsAligned(tcs));
        }
        epc.clear(page, Epc.PENDING | Epc.MODIFIED | Epc.PR);
        epc.epoch(page, 0);
        SgxUnit.result(c, ErrorCode.SUCCESS);
    }
}
