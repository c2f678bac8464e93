package redoubt.cpu.host;

/** One instruction with the state it starts from. Reused: the generator fills it again and again. */
public final class Case {
    /** The instruction's bytes, of which {@link #length} count; placed at the initial state's RIP. */
    public final byte[] code = new byte[16];

    public int length;

    /**
     * Whether the run ends by the single-step trap. Otherwise it ends at an INT3, which fills all other bytes of the code
     * pages: faster, shows PUSHF a clear TF, and runs a repeated string instruction to its end instead of one iteration;
     * but the instruction must then stay in the code pages, not be INT3 itself, and not set TF.
     */
    public boolean singleStep;

    /** Whether the code is run as 32-bit code (compatibility mode). */
    public boolean is32Bit;

    public final CpuState initial = new CpuState();

    /** What the report calls it: the row it was made from. */
    public String name = "";

    /** Status flags that the manual leaves undefined here, as an RFLAGS mask. */
    public long undefinedFlags;

    /** With {@link #number}, what makes the case again. */
    public long seed;

    public long number;

    /** The instruction's bytes alone. */
    public byte[] bytes() {
        return java.util.Arrays.copyOf(code, length);
    }

    /** Sets the instruction's bytes. */
    public void bytes(byte... bytes) {
        System.arraycopy(bytes, 0, code, 0, bytes.length);
        length = bytes.length;
    }
}
