package redoubt.sgx;

import redoubt.cpu.CpuModel;
import redoubt.x86.CpuidBit;

/**
 * What CPUID leaf 12H reports and the leaf functions obey: SDM vol. 3D section 34.7.2.
 *
 * @param features sub-leaf 0 EAX
 * @param miscselect sub-leaf 0 EBX
 * @param sizes sub-leaf 0 EDX
 * @param attributes sub-leaf 1 EBX:EAX
 * @param xfrm sub-leaf 1 EDX:ECX
 */
public record SgxCapabilities(int features, int miscselect, int sizes, long attributes, long xfrm) {
    private static final int LEAF = 0x12;

    /** Sub-leaf 0 EAX: SGX1 leaves. */
    public static final int SGX1 = 1;

    /** SGX2 leaves. */
    public static final int SGX2 = 2;

    /** ENCLV leaves. */
    public static final int ENCLV = 1 << 5;

    /** Oversubscription leaves of ENCLS: ERDINFO, ETRACKC, ELDBC, ELDUC. */
    public static final int ENCLS_C = 1 << 6;

    /** ENCLS[EUPDATESVN]. */
    public static final int EUPDATESVN = 1 << 10;

    /** ENCLU[EDECCSSA]. */
    public static final int EDECCSSA = 1 << 11;

    /** Sub-leaf 0 EBX: faults are described in the SSA's MISC region. */
    public static final int EXINFO = 1;

    /** SGX1, SGX2, EDECCSSA, EXINFO, KSS, AEX-Notify; enclaves of up to 2^36 bytes (32-bit: 2^31). */
    public static SgxCapabilities standard(long xcr0Supported) {
        return new SgxCapabilities(SGX1 | SGX2 | EDECCSSA, EXINFO, 0x241F, 0x4B6, xcr0Supported | 3);
    }

    /** What leaf 12H of this model says. */
    public static SgxCapabilities of(CpuModel model) {
        return new SgxCapabilities(
                model.featureBits(LEAF, 0, CpuidBit.EAX),
                model.featureBits(LEAF, 0, CpuidBit.EBX),
                model.enclaveSizes(),
                model.featureBits(LEAF, 1, CpuidBit.EAX) & 0xFFFF_FFFFL,
                model.xfrmAllowed());
    }

    boolean has(int feature) {
        return (features & feature) != 0;
    }

    int log2MaxSize(boolean mode64) {
        return mode64 ? sizes >> 8 & 0xFF : sizes & 0xFF;
    }
}
