package redoubt.sgx;

/** Bits of ATTRIBUTES.FLAGS: SDM vol. 3D table 35-3. */
public final class Attributes {
    public static final long INIT = 1;
    public static final long DEBUG = 2;
    public static final long MODE64BIT = 4;
    public static final long PROVISIONKEY = 0x10;
    public static final long EINITTOKENKEY = 0x20;
    public static final long KSS = 0x80;
    public static final long AEXNOTIFY = 0x400;

    private Attributes() {}
}
