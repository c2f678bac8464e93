package redoubt.sgx;

import redoubt.cpu.Cpu;

/** ENCLV[EINCVIRTCHILD]: SDM vol. 3D chapter 38. */
final class Eincvirtchild {
    private Eincvirtchild() {}

    static void execute(SgxUnit u, Cpu c) {
        long secs = VirtualChildren.secs(u, c);
        Host.put64(secs + Secs.VIRTUAL_CHILDREN, Host.get64(secs + Secs.VIRTUAL_CHILDREN) + 1);
        SgxUnit.result(c, ErrorCode.SUCCESS);
    }
}
