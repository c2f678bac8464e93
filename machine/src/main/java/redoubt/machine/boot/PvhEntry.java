package redoubt.machine.boot;

/**
 * How the boot processor starts under the PVH ABI: 32-bit protected mode without paging (CR0 = PE, CR4 = 0, EFER = 0),
 * CS a flat 32-bit code segment, DS, ES and SS flat 32-bit data segments, TR a 32-bit busy TSS with base 0 and limit
 * 0x67, RFLAGS with only bit 1 set, and these two registers; the others may hold anything and are best zero.
 *
 * <p>Source: Xen, {@code docs/misc/pvh.pandoc}, "x86/HVM direct boot ABI".
 *
 * @param eip where to start
 * @param ebx guest-physical address of the start info
 */
public record PvhEntry(int eip, int ebx) {
    /** CR0 at the entry: only PE (and ET, which is fixed at one). */
    public static final long CR0 = 0x11;
    /** Attributes of CS in VMX's access-rights form: present, 32-bit code, readable, accessed, 4 KiB granularity. */
    public static final int CODE_ACCESS_RIGHTS = 0xC09B;
    /** Attributes of DS, ES and SS: present, 32-bit data, writable, accessed, 4 KiB granularity. */
    public static final int DATA_ACCESS_RIGHTS = 0xC093;
    /** Attributes of TR: present, busy 32-bit TSS. */
    public static final int TASK_ACCESS_RIGHTS = 0x8B;
    /** Limit of TR. */
    public static final int TASK_LIMIT = 0x67;
}
