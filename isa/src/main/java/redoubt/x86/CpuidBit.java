package redoubt.x86;

/**
 * A place in what CPUID answers: SDM vol. 2A, CPUID, table 3-8.
 *
 * @param register one of {@link #EAX} to {@link #EDX}
 */
public record CpuidBit(int leaf, int subLeaf, int register, int bit) {
    /** Index of EAX among the registers that CPUID fills. */
    public static final int EAX = 0;

    /** Index of EBX. */
    public static final int EBX = 1;

    /** Index of ECX. */
    public static final int ECX = 2;

    /** Index of EDX. */
    public static final int EDX = 3;

    static CpuidBit of(int leaf, int register, int bit) {
        return new CpuidBit(leaf, 0, register, bit);
    }

    static CpuidBit of(int leaf, int subLeaf, int register, int bit) {
        return new CpuidBit(leaf, subLeaf, register, bit);
    }
}
