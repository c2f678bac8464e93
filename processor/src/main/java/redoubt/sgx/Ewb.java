package redoubt.sgx;

import static redoubt.sgx.Operands.RBX;
import static redoubt.sgx.Operands.RCX;
import static redoubt.sgx.Operands.RDX;
import static redoubt.sgx.Operands.aligned;
import static redoubt.sgx.Operands.epcFault;
import static redoubt.sgx.Operands.epcPage;
import static redoubt.sgx.Operands.linear;
import static redoubt.sgx.Operands.register;
import static redoubt.sgx.Operands.require;

import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;
import redoubt.cpu.Mem;

/** ENCLS[EWB]: SDM vol. 3D chapter 38. */
final class Ewb {
    private Ewb() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long infoEa = register(c, RBX);
        long target = register(c, RCX);
        long slot = register(c, RDX);
        aligned(c, infoEa, PageInfo.ALIGNMENT);
        aligned(c, target, 4096);
        long targetLinear = linear(c, target, 4096);
        int page = epcPage(c, targetLinear, EnclaveUnit.WRITE);
        aligned(c, slot, 8);
        long slotLinear = linear(c, slot, 8);
        int va = epcPage(c, slotLinear, EnclaveUnit.WRITE);
        require(c, page != va);
        long infoLinear = linear(c, infoEa, PageInfo.SIZE);
        PageInfo info = PageInfo.read(c, infoLinear);
        require(c, info.linaddr() == 0 && info.secs() == 0);
        aligned(c, info.secinfo(), Pcmd.SIZE);
        aligned(c, info.srcpge(), 4096);
        if (!epc.valid(page)) {
            throw epcFault(c, targetLinear, EnclaveUnit.WRITE);
        }
        if (!epc.is(va, PageType.VA)) {
            throw epcFault(c, slotLinear, EnclaveUnit.WRITE);
        }
        int type = epc.type(page);
        boolean child = PageType.isChild(type);
        long secs = epc.host(epc.secs(page));
        if (child && !epc.blocked(page)) {
            SgxUnit.result(c, ErrorCode.PAGE_NOT_BLOCKED);
            return;
        }
        if (child && !Secs.tracked(secs, epc.epoch(page))) {
            SgxUnit.result(c, ErrorCode.NOT_TRACKED);
            return;
        }
        if (type == PageType.SECS && Host.get64(secs + Secs.CHILDREN) != 0) {
            SgxUnit.result(c, ErrorCode.CHILD_PRESENT);
            return;
        }

        // everything that can fault comes before the first change
        long pcmdLinear = linear(c, info.secinfo(), Pcmd.SIZE);
        c.mmu.probeWrite(infoLinear, PageInfo.ALIGNMENT);
        c.mmu.probeWrite(pcmdLinear, Pcmd.SIZE);
        long destination = c.mmu.hostForWrite(linear(c, info.srcpge(), 4096));

        long version = u.platform.takePagingVersion();
        byte[] pcmd = new byte[Pcmd.SIZE];
        Bytes.put64(pcmd, Pcmd.SECINFO, epc.secinfoFlags(page));
        long headerEid = child ? Host.get64(secs + Secs.EID) : 0;
        byte[] header = Pcmd.header(pcmd, headerEid, epc.address(page));
        byte[] sealed = PagingCipher.seal(u.platform.pagingKey, version, header, Host.bytes(epc.host(page), 4096));
        Bytes.put64(pcmd, Pcmd.ENCLAVEID, type == PageType.VA ? 0 : Host.get64(secs + Secs.EID));
        System.arraycopy(sealed, 4096, pcmd, Pcmd.MAC, 16);
        if (destination != 0) {
            Host.put(destination, Bytes.slice(sealed, 0, 4096));
        }
        Operands.write(c, pcmdLinear, pcmd);
        Mem.st64(c, infoLinear + PageInfo.LINADDR, epc.address(page));
        long slotHost = epc.host(va) + (slotLinear & 4095);
        boolean occupied = Host.get64(slotHost) != 0;
        Host.put64(slotHost, version);
        epc.invalidate(page);
        if (child) {
            Secs.children(secs, -1);
        }
        SgxUnit.contentChanged(c, epc.host(page));
        if (occupied) {
            SgxUnit.resultCarry(c, ErrorCode.VA_SLOT_OCCUPIED);
        } else {
            SgxUnit.result(c, ErrorCode.SUCCESS);
        }
    }
}
