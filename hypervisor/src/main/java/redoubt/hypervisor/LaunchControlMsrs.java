package redoubt.hypervisor;

import redoubt.cpu.Cpu;
import redoubt.cpu.Msrs;
import redoubt.x86.Feature;

/**
 * A virtual processor's own IA32_FEATURE_CONTROL and IA32_SGXLEPUBKEYHASH0 to 3. The logical processor's are the host's:
 * locked with SGX enabled, the hash being what EINIT was last executed with. Source: {@code vmx_get_msr}, {@code
 * vmx_set_msr} in {@code arch/x86/kvm/vmx/vmx.c}; {@code vcpu_setup_sgx_lepubkeyhash} in {@code sgx.c}.
 *
 * <p>The owner epoch is the package's, so no guest has these registers: KVM does not know them, #GP(0).
 */
final class LaunchControlMsrs implements Msrs.Intercept {
    private static final int HASH0 = Msrs.SGX_LE_PUBKEY_HASH0;

    private final Cpu c;
    private final GuestSgx guest;
    private final long[] hash = new long[4];
    private long featureControl;

    /** As after reset: unlocked, with the hash of the processor vendor's launch key. */
    LaunchControlMsrs(Cpu c, GuestSgx guest) {
        this.c = c;
        this.guest = guest;
        for (int i = 0; i < 4; i++) {
            hash[i] = c.msrs.get(HASH0 + i);
        }
        c.msrs.set(Msrs.FEATURE_CONTROL, Msrs.LOCK | Msrs.SGX_LC_ENABLE | Msrs.SGX_ENABLE);
    }

    /** Whether the guest's firmware has enabled SGX for good. */
    boolean sgxEnabled() {
        return (featureControl & (Msrs.LOCK | Msrs.SGX_ENABLE)) == (Msrs.LOCK | Msrs.SGX_ENABLE);
    }

    /** What the guest's EINIT takes a launch key for. */
    long[] hash() {
        return hash.clone();
    }

    /** Whether it is one of the registers kept here. */
    boolean holds(int index) {
        return index == Msrs.FEATURE_CONTROL || index >= HASH0 && index < HASH0 + 4;
    }

    @Override
    public boolean handles(int index) {
        return holds(index) || Msrs.isOwnerEpoch(index);
    }

    /** The register, whatever the guest may do with it. */
    long get(int index) {
        return index == Msrs.FEATURE_CONTROL ? featureControl : hash[index - HASH0];
    }

    /** Sets the register as the host may. */
    void set(int index, long value) {
        if (index == Msrs.FEATURE_CONTROL) {
            featureControl = value;
        } else {
            hash[index - HASH0] = value;
        }
    }

    @Override
    public long read(int index) {
        checkKnown(index);
        if (index != Msrs.FEATURE_CONTROL && !guest.launchControl()) {
            throw c.generalProtection(0);
        }
        return get(index);
    }

    @Override
    public void write(int index, long value) {
        checkKnown(index);
        boolean permitted = index == Msrs.FEATURE_CONTROL
                ? (value & ~featureControlBits()) == 0 && (featureControl & Msrs.LOCK) == 0
                : guest.launchControl() && (featureControl & (Msrs.LOCK | Msrs.SGX_LC_ENABLE)) != Msrs.LOCK;
        if (!permitted) {
            throw c.generalProtection(0);
        }
        set(index, value);
    }

    private void checkKnown(int index) {
        if (!holds(index)) {
            throw c.generalProtection(0);
        }
    }

    private long featureControlBits() {
        return Msrs.LOCK
                | (c.model.has(Feature.VMX) ? Msrs.VMX_ENABLE : 0)
                | (guest.sgx() ? Msrs.SGX_ENABLE : 0)
                | (guest.launchControl() ? Msrs.SGX_LC_ENABLE : 0);
    }
}
