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

import java.util.Arrays;
import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;

/** ENCLS[ELDB] and ENCLS[ELDU]: SDM vol. 3D chapter 38. */
final class Eld {
    private Eld() {}

    static void execute(SgxUnit u, Cpu c, boolean block) {
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
        PageInfo info = PageInfo.read(c, linear(c, infoEa, PageInfo.SIZE));
        aligned(c, info.secinfo(), Pcmd.SIZE);
        aligned(c, info.srcpge(), 4096);
        if (epc.valid(page)) {
            throw epcFault(c, targetLinear, EnclaveUnit.WRITE);
        }
        if (!epc.is(va, PageType.VA)) {
            throw epcFault(c, slotLinear, EnclaveUnit.WRITE);
        }
        byte[] pcmd = Operands.read(c, linear(c, info.secinfo(), Pcmd.SIZE), Pcmd.SIZE);
        long flags = Bytes.get64(pcmd, Pcmd.SECINFO);
        int type = Secinfo.type(flags);
        boolean child = PageType.isChild(type);
        int secsPage = page;
        long eid = 0;
        if (child) {
            aligned(c, info.secs(), 4096);
            long secsLinear = linear(c, info.secs(), 4096);
            secsPage = epcPage(c, secsLinear, EnclaveUnit.WRITE);
            if (!epc.is(secsPage, PageType.SECS)) {
                throw epcFault(c, secsLinear, EnclaveUnit.WRITE);
            }
            eid = Host.get64(epc.host(secsPage) + Secs.EID);
        } else {
            require(c, (type == PageType.SECS || type == PageType.VA) && info.secs() == 0);
        }
        long slotHost = epc.host(va) + (slotLinear & 4095);
        byte[] sealed = new byte[4096 + 16];
        long source = c.mmu.hostForRead(linear(c, info.srcpge(), 4096));
        if (source == 0) {
            Arrays.fill(sealed, (byte) 0xFF);
        } else {
            System.arraycopy(Host.bytes(source, 4096), 0, sealed, 0, 4096);
        }
        System.arraycopy(pcmd, Pcmd.MAC, sealed, 4096, 16);
        byte[] content = PagingCipher.open(
                u.platform.pagingKey, Host.get64(slotHost), Pcmd.header(pcmd, eid, info.linaddr()), sealed);
        if (content == null) {
            SgxUnit.result(c, ErrorCode.MAC_COMPARE_FAIL);
            return;
        }
        Host.put64(slotHost, 0);
        Host.put(epc.host(page), content);
        int state = (int) flags & 0x3F | (child && block ? Epc.BLOCKED : 0);
        epc.enter(page, type, state, secsPage, info.linaddr());
        if (child) {
            long secs = epc.host(secsPage);
            if (block) {
                epc.epoch(page, Host.get64(secs + Secs.EPOCH));
            }
            Secs.children(secs, 1);
        } else if (type == PageType.SECS) {
            Host.put64(epc.host(page) + Secs.CONTEXT, c.mmu.translate(targetLinear, EnclaveUnit.WRITE));
        }
        SgxUnit.contentChanged(c, epc.host(page));
        SgxUnit.result(c, ErrorCode.SUCCESS);
    }
}
