package redoubt.cpu;

/**
 * The stack that a far transfer or an event pushes to or pops from. Nothing of the processor's state changes until
 * {@link #commit}, so that a fault in the middle leaves it as it was.
 */
public final class TransferStack {
    private final Cpu c;
    private final int cpl;
    private final boolean flat;
    private final long base;
    private final long limit;
    private final int access;
    private final long mask;
    /** Error code of #SS: the new stack's selector, 0 for the current one. */
    private final int errorCode;

    private long sp;

    private TransferStack(Cpu c, int cpl, boolean flat, long base, long limit, int access, int errorCode, long sp) {
        this.c = c;
        this.cpl = cpl;
        this.flat = flat;
        this.base = base;
        this.limit = limit;
        this.access = access;
        this.mask = flat ? -1L : (access & 0x4000) != 0 ? 0xFFFF_FFFFL : 0xFFFF;
        this.errorCode = errorCode;
        this.sp = sp;
    }

    /** The current stack, as the current code mode sees it. */
    public static TransferStack current(Cpu c) {
        return new TransferStack(
                c,
                c.cpl,
                c.codeMode == 64,
                c.segmentBase[Segments.SS],
                c.segmentLimit[Segments.SS],
                c.segmentAccess[Segments.SS],
                0,
                c.r[4]);
    }

    /** A 64-bit stack. */
    public static TransferStack flat(Cpu c, int cpl, long sp) {
        return new TransferStack(c, cpl, true, 0, 0, 0, 0, sp);
    }

    /** The stack of an inner privilege level. */
    public static TransferStack inner(Cpu c, int cpl, int selector, long descriptor, long sp) {
        return new TransferStack(
                c,
                cpl,
                false,
                Segments.base(descriptor),
                Segments.limit(descriptor),
                Segments.access(descriptor),
                selector & 0xFFFC,
                sp);
    }

    private long address(long offset, int size) {
        if (flat) {
            Mem.checkStack(c, offset, size);
            return offset;
        }
        long last = offset + size - 1;
        boolean bad = (access & Segments.UNUSABLE) != 0;
        if ((access & 0xC) == 4) {
            bad |= offset <= limit || last > mask;
        } else {
            bad |= last > limit;
        }
        if (bad) {
            throw c.fault(12, errorCode);
        }
        return base + offset & 0xFFFF_FFFFL;
    }

    /** Pushes a value of 2, 4 or 8 bytes. */
    public void push(int size, long value) {
        long offset = sp - size & mask;
        long linear = address(offset, size);
        if (cpl == c.cpl) {
            switch (size) {
                case 2 -> Mem.st16(c, linear, (int) value);
                case 4 -> Mem.st32(c, linear, (int) value);
                default -> Mem.st64(c, linear, value);
            }
        } else {
            switch (size) {
                case 2 -> c.mmu.sysSt16(linear, (int) value);
                case 4 -> c.mmu.sysSt32(linear, (int) value);
                default -> c.mmu.sysSt64(linear, value);
            }
        }
        sp = sp & ~mask | offset;
    }

    /** Pops a value of 2, 4 or 8 bytes, zero-extended. */
    public long pop(int size) {
        long offset = sp & mask;
        long linear = address(offset, size);
        long value = switch (size) {
            case 2 -> Mem.ld16(c, linear);
            case 4 -> Mem.ld32(c, linear) & 0xFFFF_FFFFL;
            default -> Mem.ld64(c, linear);
        };
        skip(size);
        return value;
    }

    /** Releases bytes without reading them. */
    public void skip(int bytes) {
        sp = sp & ~mask | sp + bytes & mask;
    }

    /** Makes the pointer reached RSP; in a stack of 32 bits its upper half becomes zero. */
    public void commit() {
        c.r[4] = flat ? sp : sp & 0xFFFF_FFFFL;
    }
}
