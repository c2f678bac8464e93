package redoubt.cpu.insn;

import redoubt.cpu.Cpu;
import redoubt.x86.Feature;

/**
 * ENCLS, ENCLU and ENCLV up to their leaves: the checks that do not depend on the leaf, in the order of the manual's
 * operation sections (SDM vol. 3D, SGX instruction references).
 */
public final class Sgx {
    private static final int FEATURE_CONTROL = 0x3A;
    /** LOCK and SGX_ENABLE. */
    private static final long ENABLED = 1 | 1 << 18;

    private Sgx() {}

    private static void checkMode(Cpu c) {
        if (!c.protectedMode() || c.virtual8086() || !c.model.has(Feature.SGX)) {
            throw c.invalidOpcode();
        }
    }

    private static void checkEnabled(Cpu c) {
        boolean paging = (c.cr0 & 1L << 31) != 0;
        if ((c.msrs.get(FEATURE_CONTROL) & ENABLED) != ENABLED || !paging) {
            throw c.generalProtection(0);
        }
    }

    /** Outside 64-bit mode the leaves address through DS, which must not be expand-down. */
    private static void checkDataSegment(Cpu c) {
        if (c.codeMode != 64 && (c.segmentAccess[3] & 0xC) == 4) {
            throw c.generalProtection(0);
        }
    }

    /** ENCLS: SDM vol. 3D. */
    public static void encls(Cpu c) {
        checkMode(c);
        if (c.cpl != 0) {
            throw c.invalidOpcode();
        }
        checkEnabled(c);
        checkDataSegment(c);
        c.enclave.encls(c);
    }

    /** ENCLU: SDM vol. 3D. */
    public static void enclu(Cpu c) {
        checkMode(c);
        if ((c.cr0 & 8) != 0) {
            throw c.deviceNotAvailable();
        }
        if (c.cpl < 3) {
            throw c.invalidOpcode();
        }
        checkEnabled(c);
        if ((c.cr0 & 0x20) == 0 || c.codeMode != 64 && (c.segmentAccess[1] & 0x4000) == 0) {
            throw c.generalProtection(0);
        }
        c.enclave.enclu(c);
    }

    /** ENCLV: SDM vol. 3D. Whether the leaves exist is the unit's to say. */
    public static void enclv(Cpu c) {
        checkMode(c);
        if (c.longMode() && c.codeMode != 64 || c.cpl != 0) {
            throw c.invalidOpcode();
        }
        checkEnabled(c);
        checkDataSegment(c);
        c.enclave.enclv(c);
    }
}
