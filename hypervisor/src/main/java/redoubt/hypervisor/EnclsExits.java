package redoubt.hypervisor;

import redoubt.cpu.Cpu;
import redoubt.cpu.Mem;
import redoubt.sgx.EnclsIntercept;
import redoubt.sgx.SgxUnit;

/**
 * What the hypervisor does at an ENCLS exit: ECREATE and EINIT are intercepted, all other leaves run. ECREATE with the
 * PROVISIONKEY attribute needs the VM's permission; EINIT runs against the vCPU's own launch-key hash, which is where this
 * processor looks anyway. Source: {@code arch/x86/kvm/vmx/sgx.c}.
 *
 * <p>Limitations: ECREATE is not yet held against the guest's CPUID where that shows less than the package has.
 */
final class EnclsExits implements EnclsIntercept {
    private static final int ECREATE = 0;
    private static final int EINIT = 2;
    private static final int RBX = 3;
    private static final int PAGEINFO_SRCPGE = 8;
    private static final int SECS_ATTRIBUTES = 48;
    private static final long PROVISIONKEY = 0x10;

    private final Vm vm;
    private final SgxUnit unit;

    EnclsExits(Vm vm, SgxUnit unit) {
        this.vm = vm;
        this.unit = unit;
    }

    @Override
    public boolean intercept(Cpu c, int leaf) {
        if (leaf != ECREATE && leaf != EINIT) {
            return false;
        }
        vm.countEnclsExit();
        if (leaf == ECREATE && !vm.mayUseProvisionKey()) {
            long pageInfo = c.codeMode == 64 ? c.r[RBX] : c.r[RBX] & 0xFFFF_FFFFL;
            if ((pageInfo & 31) != 0) {
                throw c.generalProtection(0);
            }
            long secs = Mem.ld64(c, pageInfo + PAGEINFO_SRCPGE);
            if ((Mem.ld64(c, secs + SECS_ATTRIBUTES) & PROVISIONKEY) != 0) {
                throw c.generalProtection(0);
            }
        }
        unit.enclsUnintercepted(c);
        return true;
    }
}
