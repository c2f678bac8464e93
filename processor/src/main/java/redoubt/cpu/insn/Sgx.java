package redoubt.cpu.insn;

import redoubt.cpu.Cpu;

/** ENCLS, ENCLU and ENCLV: the package's SGX makes all checks, in the order of the manual's operation sections. */
public final class Sgx {
    private Sgx() {}

    /** ENCLS: SDM vol. 3D. */
    public static void encls(Cpu c) {
        c.enclave.encls(c);
    }

    /** ENCLU: SDM vol. 3D. */
    public static void enclu(Cpu c) {
        c.enclave.enclu(c);
    }

    /** ENCLV: SDM vol. 3D. */
    public static void enclv(Cpu c) {
        c.enclave.enclv(c);
    }
}
