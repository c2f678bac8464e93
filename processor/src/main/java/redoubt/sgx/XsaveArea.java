package redoubt.sgx;

import redoubt.cpu.CpuModel;

/** Standard-format XSAVE area: SDM vol. 1 section 13.4, with the component places that CPUID leaf 0DH reports. */
final class XsaveArea {
    static final int MXCSR = 24;
    static final int XSTATE_BV = 512;
    static final int HEADER_ZERO = 520;
    static final int LARGEST = 4096;

    private XsaveArea() {}

    /** Size of the area for a feature mask. */
    static int size(long xfrm) {
        return CpuModel.xstateAreaSize(xfrm, false);
    }

    /** Whether XSETBV would take the mask: SDM vol. 1 section 13.3. */
    static boolean legal(long xfrm) {
        boolean avx = (xfrm & 4) != 0;
        long avx512 = xfrm & 0xE0;
        long mpx = xfrm & 0x18;
        return (xfrm & 3) == 3 && (avx512 == 0 || avx512 == 0xE0 && avx) && (mpx == 0 || mpx == 0x18);
    }
}
