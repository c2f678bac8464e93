package redoubt.sgx;

/** Standard-format XSAVE area: SDM vol. 1 section 13.4, with the component places that CPUID leaf 0DH reports. */
final class XsaveArea {
    static final int LEGACY = 576;
    static final int MXCSR = 24;
    static final int XSTATE_BV = 512;
    static final int HEADER_ZERO = 520;
    static final int LARGEST = 4096;

    /** End of each component from number 2 on; 0: not a user component. */
    private static final int[] ENDS = {832, 1024, 1088, 1152, 1664, 2688, 0, 2696};

    private XsaveArea() {}

    /** Size of the area for a feature mask. */
    static int size(long xfrm) {
        int size = LEGACY;
        for (int i = 0; i < ENDS.length; i++) {
            if ((xfrm >> i + 2 & 1) != 0) {
                size = Math.max(size, ENDS[i]);
            }
        }
        return size;
    }

    /** Whether XSETBV would take the mask: SDM vol. 1 section 13.3. */
    static boolean legal(long xfrm) {
        boolean avx = (xfrm & 4) != 0;
        long avx512 = xfrm & 0xE0;
        long mpx = xfrm & 0x18;
        return (xfrm & 3) == 3 && (avx512 == 0 || avx512 == 0xE0 && avx) && (mpx == 0 || mpx == 0x18);
    }
}
