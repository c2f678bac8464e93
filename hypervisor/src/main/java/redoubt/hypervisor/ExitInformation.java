package redoubt.hypervisor;

/**
 * What the exit fields of the VMCS say about the last VM exit that a processor with VMX would have made: SDM vol. 3C 24.9 and
 * appendix C.
 *
 * @param reason exit reason: the basic reason, and {@link #FROM_ENCLAVE}
 * @param interruptibility guest interruptibility state: {@link #ENCLAVE_INTERRUPTION}
 */
public record ExitInformation(int reason, int interruptibility) {
    /** Basic reason: an interrupt of the host. */
    public static final int EXTERNAL_INTERRUPT = 1;

    /** Basic reason: an access to memory-mapped registers, whose pages are mapped so that it exits. */
    public static final int EPT_MISCONFIGURATION = 49;

    /** Basic reason: an ENCLS leaf whose bit in the ENCLS-exiting bitmap is set. */
    public static final int ENCLS = 60;

    /** Bit 27 of the reason: the exit was incident to enclave mode; RIP is the AEP. */
    public static final int FROM_ENCLAVE = 1 << 27;

    /** Bit 4 of the interruptibility state. */
    public static final int ENCLAVE_INTERRUPTION = 1 << 4;

    /** Before the first exit. */
    static final ExitInformation NONE = new ExitInformation(0, 0);

    static ExitInformation of(int basicReason, boolean fromEnclave) {
        return new ExitInformation(
                fromEnclave ? basicReason | FROM_ENCLAVE : basicReason, fromEnclave ? ENCLAVE_INTERRUPTION : 0);
    }

    /** The reason without its flags. */
    public int basicReason() {
        return reason & 0xFFFF;
    }

    /** Whether the guest was inside an enclave. */
    public boolean fromEnclave() {
        return (reason & FROM_ENCLAVE) != 0;
    }
}
