package redoubt.hypervisor;

import redoubt.cpu.CpuModel;
import redoubt.sgx.SgxCapabilities;
import redoubt.x86.Feature;

/**
 * What a guest's CPUID says about SGX: what its processors may do is decided by this and nothing else.
 *
 * @param sgx leaf 7 EBX[2]
 * @param launchControl leaf 7 ECX[30]
 * @param leaf12 leaf 12H
 */
record GuestSgx(boolean sgx, boolean launchControl, SgxCapabilities leaf12) {
    private static final int OVERSUBSCRIPTION = 1 << 6;
    private static final int EUPDATESVN = 1 << 10;

    /** As CPUID shows it on this processor. */
    static GuestSgx of(CpuModel guest) {
        return new GuestSgx(guest.has(Feature.SGX), guest.has(Feature.SGX_LC), SgxCapabilities.of(guest));
    }

    boolean sgx1() {
        return sgx && (leaf12.features() & SgxCapabilities.SGX1) != 0;
    }

    boolean sgx2() {
        return sgx1() && (leaf12.features() & SgxCapabilities.SGX2) != 0;
    }

    /** Whether the guest has been told of an ENCLS leaf: SDM vol. 3D table 34-3. */
    boolean enumerates(int leaf) {
        int needed = leaf >= 0 && leaf <= 0xC
                ? SgxCapabilities.SGX1
                : leaf >= 0xD && leaf <= 0xF
                        ? SgxCapabilities.SGX2
                        : leaf >= 0x10 && leaf <= 0x13 ? OVERSUBSCRIPTION : leaf == 0x18 ? EUPDATESVN : 0;
        return sgx1() && (leaf12.features() & needed) != 0;
    }

    /** log2 of what SECS.SIZE must stay below. */
    int log2MaxSize(boolean mode64) {
        return mode64 ? leaf12.sizes() >> 8 & 0xFF : leaf12.sizes() & 0xFF;
    }
}
