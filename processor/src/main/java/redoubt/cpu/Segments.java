package redoubt.cpu;

/**
 * Segment registers and descriptors: SDM vol. 3A chapters 3 and 5, vol. 2B MOV and POP. Descriptors are handled as the eight
 * bytes in memory; access rights in the form of {@link Cpu#segmentAccess}.
 */
public final class Segments {
    public static final int ES = 0;
    public static final int CS = 1;
    public static final int SS = 2;
    public static final int DS = 3;
    public static final int FS = 4;
    public static final int GS = 5;

    /** Bit of the access rights: no descriptor loaded. */
    public static final int UNUSABLE = 0x10000;

    private static final int TS_VECTOR = 10;
    private static final int NP_VECTOR = 11;
    private static final int SS_VECTOR = 12;
    private static final int GP_VECTOR = 13;

    private static final int PRESENT = 0x80;
    private static final int CODE_OR_DATA = 0x10;
    private static final int CODE = 0x18;
    private static final int CONFORMING = 4;
    private static final int LONG = 0x2000;
    private static final int BIG = 0x4000;

    private Segments() {}

    // ---- fields of a descriptor

    /** Access rights of a descriptor. */
    public static int access(long descriptor) {
        return (int) (descriptor >>> 40) & 0xF0FF;
    }

    /** The low 32 bits of the base. */
    public static long base(long descriptor) {
        return descriptor >>> 16 & 0xFF_FFFF | descriptor >>> 56 << 24;
    }

    /** Limit in bytes, inclusive. */
    public static long limit(long descriptor) {
        long limit = descriptor & 0xFFFF | descriptor >>> 32 & 0xF_0000;
        return (descriptor & 1L << 55) != 0 ? limit << 12 | 0xFFF : limit;
    }

    /** DPL of access rights. */
    public static int dpl(int access) {
        return access >> 5 & 3;
    }

    public static boolean present(int access) {
        return (access & PRESENT) != 0;
    }

    /** A system descriptor: gate, TSS or LDT. */
    public static boolean system(int access) {
        return (access & CODE_OR_DATA) == 0;
    }

    public static boolean code(int access) {
        return (access & CODE) == CODE;
    }

    /** A conforming code segment. */
    public static boolean conforming(int access) {
        return (access & (CODE | CONFORMING)) == (CODE | CONFORMING);
    }

    public static boolean writableData(int access) {
        return (access & (CODE | 2)) == (CODE_OR_DATA | 2);
    }

    /** A selector that refers to no descriptor. */
    public static boolean isNull(int selector) {
        return (selector & 0xFFFC) == 0;
    }

    /** Whether code with these rights runs in 64-bit mode here. */
    public static boolean is64(Cpu c, int access) {
        return c.longMode() && (access & LONG) != 0;
    }

    // ---- descriptor tables

    /** Linear address of the selector's entry of {@code bytes} length; the fault {@code vector}(selector) outside the table. */
    public static long entry(Cpu c, int selector, int bytes, int vector) {
        int offset = selector & 0xFFF8;
        boolean local = (selector & 4) != 0;
        long limit = local ? c.ldtrLimit : c.gdtLimit;
        if (local && (c.ldtrAccess & UNUSABLE) != 0 || offset + bytes - 1 > limit) {
            throw c.fault(vector, selector & 0xFFFC);
        }
        return linear(c, (local ? c.ldtrBase : c.gdtBase) + offset);
    }

    /** Reads the descriptor; {@code vector}(selector) outside the table. */
    public static long read(Cpu c, int selector, int vector) {
        return c.mmu.sysLd64(entry(c, selector, 8, vector));
    }

    /** Sets the accessed bit of a code or data descriptor in its table. */
    public static void markAccessed(Cpu c, int selector, long descriptor) {
        if ((descriptor & 1L << 40) == 0) {
            long at = entry(c, selector, 8, GP_VECTOR) + 5;
            c.mmu.sysSt8(at, c.mmu.sysLd8(at) | 1);
        }
    }

    /** A linear address of a system structure: 32 bits outside IA-32e mode. */
    static long linear(Cpu c, long address) {
        return c.longMode() ? address : address & 0xFFFF_FFFFL;
    }

    // ---- loading

    /** Loads a data segment register or SS as MOV, POP and LDS do, with all checks. Not for CS. */
    public static void load(Cpu c, int segment, int selector) {
        selector &= 0xFFFF;
        if (!c.protectedMode() || c.virtual8086()) {
            setReal(c, segment, selector);
            return;
        }
        int rpl = selector & 3;
        if (isNull(selector)) {
            if (segment == SS && (c.codeMode != 64 || c.cpl == 3 || rpl != c.cpl)) {
                throw c.generalProtection(0);
            }
            setNull(c, segment, selector);
            return;
        }
        if (segment == SS) {
            long descriptor = readStack(c, selector, c.cpl, GP_VECTOR);
            markAccessed(c, selector, descriptor);
            set(c, SS, selector, descriptor);
            return;
        }
        long descriptor = read(c, selector, GP_VECTOR);
        int access = access(descriptor);
        boolean unreadable = system(access) || code(access) && (access & 2) == 0;
        if (unreadable || !conforming(access) && (rpl > dpl(access) || c.cpl > dpl(access))) {
            throw c.generalProtection(selector & 0xFFFC);
        }
        if (!present(access)) {
            throw c.fault(NP_VECTOR, selector & 0xFFFC);
        }
        markAccessed(c, selector, descriptor);
        set(c, segment, selector, descriptor);
    }

    /**
     * Reads and checks the descriptor of a stack segment for privilege {@code cpl}; the selector is not null. {@code vector}
     * is #GP for loads and returns, #TS for a stack out of the TSS. Not present: #SS.
     */
    public static long readStack(Cpu c, int selector, int cpl, int vector) {
        if ((selector & 3) != cpl) {
            throw c.fault(vector, selector & 0xFFFC);
        }
        long descriptor = read(c, selector, vector);
        int access = access(descriptor);
        if (!writableData(access) || dpl(access) != cpl) {
            throw c.fault(vector, selector & 0xFFFC);
        }
        if (!present(access)) {
            throw c.fault(SS_VECTOR, selector & 0xFFFC);
        }
        return descriptor;
    }

    /** The stack pointer's and stack segment's place in the TSS for an inner privilege level: SDM vol. 3A 7.2.1, 7.6. */
    static long tssStack(Cpu c, int cpl) {
        boolean wide = (c.trAccess & 8) != 0;
        int offset = wide ? cpl * 8 + 4 : cpl * 4 + 2;
        if (offset + (wide ? 5 : 3) > c.trLimit) {
            throw c.fault(TS_VECTOR, c.tr & 0xFFFC);
        }
        return c.trBase + offset & 0xFFFF_FFFFL;
    }

    /** The stack selector in the TSS for an inner privilege level, outside IA-32e mode. */
    public static int tssStackSelector(Cpu c, int cpl) {
        return c.mmu.sysLd16(tssStack(c, cpl) + ((c.trAccess & 8) != 0 ? 4 : 2));
    }

    /** The stack pointer in the TSS for an inner privilege level, outside IA-32e mode. */
    public static long tssStackPointer(Cpu c, int cpl) {
        long at = tssStack(c, cpl);
        return (c.trAccess & 8) != 0 ? c.mmu.sysLd32(at) & 0xFFFF_FFFFL : c.mmu.sysLd16(at);
    }

    /** Reads the descriptor of an inner stack whose selector came out of the TSS. */
    public static long readInnerStack(Cpu c, int selector, int cpl) {
        if (isNull(selector)) {
            throw c.fault(TS_VECTOR, 0);
        }
        return readStack(c, selector, cpl, TS_VECTOR);
    }

    /** A 64-bit stack pointer of a 64-bit TSS: {@code offset} 4 + 8 n for RSPn, 28 + 8 n for ISTn. */
    public static long tssStackPointer64(Cpu c, int offset) {
        if (offset + 7 > c.trLimit) {
            throw c.fault(TS_VECTOR, c.tr & 0xFFFC);
        }
        return c.mmu.sysLd64(c.trBase + offset);
    }

    // ---- setting without checks

    /** Fills a segment register from a descriptor. */
    public static void set(Cpu c, int segment, int selector, long descriptor) {
        set(c, segment, selector, base(descriptor), limit(descriptor), access(descriptor) | 1);
    }

    /** Fills a segment register. */
    public static void set(Cpu c, int segment, int selector, long base, long limit, int access) {
        c.selector[segment] = selector;
        c.segmentBase(segment, base);
        c.segmentLimit[segment] = limit;
        c.segmentAccess[segment] = access;
    }

    /** A null selector: SS keeps its privilege in the DPL field. */
    public static void setNull(Cpu c, int segment, int selector) {
        set(c, segment, selector, 0, 0, UNUSABLE | (segment == SS ? (selector & 3) << 5 | BIG : 0));
    }

    /**
     * Real-address or virtual-8086 mode. The former keeps limit and size, which protected mode may have set otherwise ("big
     * real mode"); the latter has fixed ones.
     */
    public static void setReal(Cpu c, int segment, int selector) {
        boolean virtual = c.virtual8086();
        long limit = virtual ? 0xFFFF : c.segmentLimit[segment];
        int access = virtual ? 0xF3 : c.segmentAccess[segment] & 0xF000 | (segment == CS ? 0x9B : 0x93);
        set(c, segment, selector, (long) selector << 4, limit, access);
    }

    /** Fills CS, sets the privilege level and works out the code mode; the caller sets RIP. */
    public static void setCode(Cpu c, int selector, long descriptor, int cpl) {
        setCode(c, selector, base(descriptor), limit(descriptor), access(descriptor) | 1, cpl);
    }

    /** Likewise, from the parts. */
    public static void setCode(Cpu c, int selector, long base, long limit, int access, int cpl) {
        set(c, CS, selector & 0xFFFC | cpl, is64(c, access) ? 0 : base, limit, access);
        c.cpl = cpl;
        modeChanged(c);
    }

    /** Fills CS in real-address or virtual-8086 mode. */
    public static void setCodeReal(Cpu c, int selector) {
        setReal(c, CS, selector);
        modeChanged(c);
    }

    /** After a change of CS, CPL, CR0.PE, EFER.LMA or RFLAGS.VM. */
    public static void modeChanged(Cpu c) {
        int access = c.segmentAccess[CS];
        c.codeMode = is64(c, access) ? 64 : !c.virtual8086() && (access & BIG) != 0 ? 32 : 16;
        c.mmu.contextChanged();
        c.leaveLoop();
    }

    /**
     * On a return to an outer level: registers with segments of inner ones become null (SDM vol. 3A 5.8.6), and null selectors
     * zero, whatever their RPL (SDM vol. 2, IRET, RETURN-TO-OUTER-PRIVILEGE-LEVEL).
     */
    public static void dropInner(Cpu c) {
        dropInner(c, ES);
        dropInner(c, DS);
        dropInner(c, FS);
        dropInner(c, GS);
    }

    private static void dropInner(Cpu c, int segment) {
        int access = c.segmentAccess[segment];
        if (isNull(c.selector[segment])) {
            c.selector[segment] = 0; // the base stays: of FS and GS it counts in 64-bit mode
        } else if ((access & UNUSABLE) == 0 && !conforming(access) && dpl(access) < c.cpl) {
            setNull(c, segment, 0);
        }
    }
}
