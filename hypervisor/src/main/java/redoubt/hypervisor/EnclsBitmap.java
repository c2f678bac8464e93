package redoubt.hypervisor;

import redoubt.sgx.SgxCapabilities;

/**
 * The ENCLS-exiting bitmap (SDM vol. 3C 24.6.16): bit n makes leaf n exit, bit 63 all leaves from 63 on. Source: {@code
 * vmx_write_encls_bitmap} in {@code arch/x86/kvm/vmx/sgx.c}. Beyond KVM, which never tells a guest of them: the leaves of
 * CPUID.12H.0:EAX[6] and [10] run too when the guest has been told.
 */
final class EnclsBitmap {
    static final int ECREATE = 0;
    static final int EINIT = 2;

    private EnclsBitmap() {}

    /**
     * The bitmap of a guest.
     *
     * @param enabled whether its IA32_FEATURE_CONTROL is locked with SGX enabled
     * @param provisioning whether it may use the provisioning key
     * @param hostLaunchControl whether the host's processors have launch control, so that the hash must be the guest's
     */
    static long of(
            GuestSgx guest,
            SgxCapabilities hardware,
            boolean enabled,
            boolean provisioning,
            boolean hostLaunchControl) {
        long bitmap = -1;
        if (!enabled) {
            return bitmap;
        }
        for (int leaf = 0; leaf < 63; leaf++) {
            if (guest.enumerates(leaf)) {
                bitmap &= ~(1L << leaf);
            }
        }
        SgxCapabilities shown = guest.leaf12();
        boolean restricted = shown.miscselect() != hardware.miscselect()
                || shown.sizes() != hardware.sizes()
                || shown.attributes() != hardware.attributes()
                || shown.xfrm() != hardware.xfrm();
        if (!provisioning || restricted) {
            bitmap |= 1L << ECREATE;
        }
        if (hostLaunchControl) {
            bitmap |= 1L << EINIT;
        }
        return bitmap;
    }

    /** Whether a leaf exits. */
    static boolean exits(long bitmap, int leaf) {
        return (bitmap >>> (leaf >= 0 && leaf < 63 ? leaf : 63) & 1) != 0;
    }
}
