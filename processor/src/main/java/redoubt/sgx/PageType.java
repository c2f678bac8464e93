package redoubt.sgx;

/** EPC page types: SDM vol. 3D table 35-17. */
public final class PageType {
    public static final int SECS = 0;
    public static final int TCS = 1;
    public static final int REG = 2;
    public static final int VA = 3;
    public static final int TRIM = 4;

    private PageType() {}

    /** Whether pages of this type belong to a SECS. */
    static boolean isChild(int type) {
        return type == REG || type == TCS || type == TRIM;
    }
}
