package redoubt.cpu;

/**
 * The package's SGX as one logical processor sees it. A processor without SGX has {@link #NONE}. Implemented in
 * {@code redoubt.sgx}.
 */
public interface EnclaveUnit {
    /** Access kinds of {@link #epcHostAddress}. */
    int READ = 1;

    /** Write access. */
    int WRITE = 2;

    /** Instruction fetch. */
    int FETCH = 4;

    /** ENCLS, with all its checks; the leaf is in EAX. Faults by throwing the processor's {@link GuestFault}. */
    void encls(Cpu cpu);

    /** ENCLU. */
    void enclu(Cpu cpu);

    /** ENCLV. */
    void enclv(Cpu cpu);

    /** Whether the processor is in enclave mode. */
    boolean inEnclave();

    /**
     * Whether the processor is in an enclave that was entered without debug opt-in: breakpoints and single-stepping are
     * suppressed (SDM vol. 3D section 40.2).
     */
    default boolean debugOptOut() {
        return false;
    }

    /** Whether RDTSC and RDTSCP are undefined because the processor is in an enclave and has no SGX2. */
    default boolean timeStampIllegal() {
        return false;
    }

    /** Whether a linear address lies in the current enclave's ELRANGE; false outside enclave mode. */
    boolean inElrange(long linear);

    /**
     * Called when an access to a page has passed paging and the physical address is EPC, or the linear address lies in
     * ELRANGE.
     *
     * @param epcPage index of the EPC page, or -1 when the physical address is not EPC
     * @param access one of the access kinds
     * @return host address of the page for a permitted enclave access; 0 for abort-page semantics
     * @throws GuestFault #PF with the SGX bit when the EPCM forbids it
     */
    long epcHostAddress(Cpu cpu, long linear, int epcPage, int access);

    /**
     * Leaves enclave mode because of an event, before it is delivered: SDM vol. 3D, asynchronous enclave exit. On return
     * RIP is the AEP.
     *
     * @param vector exception vector, or -1 for an interrupt, NMI or VM exit
     * @param errorCode of the exception, or -1
     * @param address faulting linear address of a page fault
     */
    void asynchronousExit(Cpu cpu, int vector, int errorCode, long address);

    /** IA32_FEATURE_CONTROL of this logical processor has changed. */
    default void featureControl(long value) {}

    /** WRMSR to IA32_SGXOWNEREPOCH0 or 1. */
    default void ownerEpoch(int half, long value) {}

    /** A processor without SGX. */
    EnclaveUnit NONE = new EnclaveUnit() {
        @Override
        public void encls(Cpu cpu) {
            throw cpu.invalidOpcode();
        }

        @Override
        public void enclu(Cpu cpu) {
            throw cpu.invalidOpcode();
        }

        @Override
        public void enclv(Cpu cpu) {
            throw cpu.invalidOpcode();
        }

        @Override
        public boolean inEnclave() {
            return false;
        }

        @Override
        public boolean inElrange(long linear) {
            return false;
        }

        @Override
        public long epcHostAddress(Cpu cpu, long linear, int epcPage, int access) {
            return 0;
        }

        @Override
        public void asynchronousExit(Cpu cpu, int vector, int errorCode, long address) {
            throw new IllegalStateException("asynchronous exit outside an enclave");
        }
    };
}
