package redoubt.sgx;

/** GPRSGX region at the end of an SSA frame: SDM vol. 3D table 35-8. The GPRs are in hardware order from offset 0. */
final class Gprsgx {
    static final int RFLAGS = 128;
    static final int RIP = 136;
    static final int URSP = 144;
    static final int URBP = 152;
    static final int EXITINFO = 160;
    static final int AEXNOTIFY = 167;
    static final int FSBASE = 168;
    static final int GSBASE = 176;
    static final int SIZE = 184;

    /** EXINFO of the MISC region, directly below GPRSGX. */
    static final int EXINFO_MADDR = -16;

    static final int EXINFO_ERRCD = -8;
    static final int EXINFO_RESERVED = -4;

    private Gprsgx() {}

    /** Bytes of the MISC region for a MISCSELECT. */
    static int miscSize(int miscselect) {
        return (miscselect & SgxCapabilities.EXINFO) != 0 ? 16 : 0;
    }
}
