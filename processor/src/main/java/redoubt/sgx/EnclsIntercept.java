package redoubt.sgx;

import redoubt.cpu.Cpu;

/** A hypervisor's ENCLS-exiting or ENCLV-exiting bitmap: SDM vol. 3C section 26.1.3. */
@FunctionalInterface
public interface EnclsIntercept {
    /**
     * Asked after the #UD and CPL checks, before all others.
     *
     * @return true if the leaf must not be executed now: RIP has been dealt with by the callee
     */
    boolean intercept(Cpu c, int leaf);
}
