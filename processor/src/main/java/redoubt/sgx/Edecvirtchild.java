package redoubt.sgx;

import redoubt.cpu.Cpu;

/** ENCLV[EDECVIRTCHILD]: SDM vol. 3D chapter 38. */
final class Edecvirtchild {
    private Edecvirtchild() {}

    static void execute(SgxUnit u, Cpu c) {
        long secs = VirtualChildren.secs(u, c);
        long count = Host.get64(secs + Secs.VIRTUAL_CHILDREN);
        if (count == 0) {
            SgxUnit.result(c, ErrorCode.INVALID_COUNTER);
            return;
        }
        Host.put64(secs + Secs.VIRTUAL_CHILDREN, count - 1);
        SgxUnit.result(c, ErrorCode.SUCCESS);
    }
}
