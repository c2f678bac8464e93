package redoubt.sgx;

/** Values that leaf functions return in RAX: SDM vol. 3D table 38-3. */
public final class ErrorCode {
    public static final int SUCCESS = 0;
    public static final int INVALID_SIG_STRUCT = 1;
    public static final int INVALID_ATTRIBUTE = 2;
    public static final int BLKSTATE = 3;
    public static final int INVALID_MEASUREMENT = 4;
    public static final int NOTBLOCKABLE = 5;
    public static final int PG_INVLD = 6;
    public static final int EPC_PAGE_CONFLICT = 7;
    public static final int INVALID_SIGNATURE = 8;
    public static final int MAC_COMPARE_FAIL = 9;
    public static final int PAGE_NOT_BLOCKED = 10;
    public static final int NOT_TRACKED = 11;
    public static final int VA_SLOT_OCCUPIED = 12;
    public static final int CHILD_PRESENT = 13;
    public static final int ENCLAVE_ACT = 14;
    public static final int INVALID_EINITTOKEN = 16;
    public static final int PREV_TRK_INCMPL = 17;
    public static final int PG_IS_SECS = 18;
    public static final int PAGE_ATTRIBUTES_MISMATCH = 19;
    public static final int PAGE_NOT_MODIFIABLE = 20;
    public static final int PAGE_NOT_DEBUGGABLE = 21;
    public static final int INVALID_COUNTER = 25;
    public static final int PG_NONEPC = 26;
    public static final int TRACK_NOT_REQUIRED = 27;
    public static final int EPC_NOT_READY = 30;
    public static final int NO_UPDATE = 31;
    public static final int INVALID_CPUSVN = 32;
    public static final int INVALID_ISVSVN = 64;
    public static final int UNMASKED_EVENT = 128;
    public static final int INVALID_KEYNAME = 256;

    private ErrorCode() {}
}
