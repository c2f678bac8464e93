package redoubt.sgx;

import java.util.Arrays;
import redoubt.cpu.CpuModel;

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
    /** Sub-leaf 0 EAX: SGX1 leaves. */
    public static final int SGX1 = 1;

    /** SGX2 leaves. */
    public static final int SGX2 = 2;

    /** ENCLU[EDECCSSA]. */
    public static final int EDECCSSA = 1 << 11;

    /** Sub-leaf 0 EBX: faults are described in the SSA's MISC region. */
    public static final int EXINFO = 1;

    /** SGX1, SGX2, EDECCSSA, EXINFO, KSS, AEX-Notify; enclaves of up to 2^36 bytes (32-bit: 2^31). */
    public static SgxCapabilities standard(long xcr0Supported) {
        return new SgxCapabilities(SGX1 | SGX2 | EDECCSSA, EXINFO, 0x241F, 0x4B6, xcr0Supported | 3);
    }

    /** CPUID leaf 0x12 with one EPC section: sub-leaves 0 and 1 from here, 2 the section, then none. */
    public CpuModel.SgxLeaves leaves(long epcBase, long epcBytes) {
        return (subLeaf, registers) -> {
            Arrays.fill(registers, 0);
            switch (subLeaf) {
                case 0 -> {
                    registers[0] = features;
                    registers[1] = miscselect;
                    registers[3] = sizes;
                }
                case 1 -> {
                    registers[0] = (int) attributes;
                    registers[1] = (int) (attributes >>> 32);
                    registers[2] = (int) xfrm;
                    registers[3] = (int) (xfrm >>> 32);
                }
                case 2 -> {
                    registers[0] = (int) epcBase & 0xFFFFF000 | 1;
                    registers[1] = (int) (epcBase >>> 32) & 0xFFFFF;
                    registers[2] = (int) epcBytes & 0xFFFFF000 | 1;
                    registers[3] = (int) (epcBytes >>> 32) & 0xFFFFF;
                }
                default -> {}
            }
        };
    }

    boolean has(int feature) {
        return (features & feature) != 0;
    }

    int log2MaxSize(boolean mode64) {
        return mode64 ? sizes >> 8 & 0xFF : sizes & 0xFF;
    }
}
