package redoubt.cpu;

/**
 * Hardware task switches by JMP, CALL, IRET, task gates and events: SDM vol. 3A chapter 8. They do not exist in IA-32e mode.
 *
 * <p>What can fault in the old task is checked first. From the moment the task register holds the new TSS, faults belong to
 * the new task: they are marked {@link GuestFault#committed}, and RIP is its entry point.
 */
public final class TaskSwitch {
    /** How a switch is made; decides about busy bits, NT and the link: SDM vol. 3A table 8-2. */
    public enum Kind {
        /** A far JMP. */
        JUMP,
        /** A far CALL or an event: nested, the new task links back to the old one. */
        NESTED,
        /** IRET with NT set: back along the link. */
        RETURN
    }

    private static final int TS_VECTOR = 10;
    private static final int NP_VECTOR = 11;
    private static final int GP_VECTOR = 13;

    private static final int BUSY = 2;
    private static final int WIDE = 8;
    private static final int TYPE = 0x1F;
    private static final int LDT = 2;

    private static final long CR0_TS = 8;
    private static final long CR0_PG = 0x8000_0000L;
    private static final long CR4_PAE = 0x20;
    /** DR7.L0 to L3 and LE: breakpoints of the task alone. */
    private static final long DR7_LOCAL = 0x155;
    /** DR6.BT. */
    private static final int TASK_TRAP = 0x8000;

    /** Where in a TSS the state lies: SDM vol. 3A figures 8-2 and 8-10. */
    private record Layout(int bytes, int instruction, int flags, int registers, int segments, int ldt, int smallest) {
        boolean isWide() {
            return bytes == 4;
        }
    }

    private static final Layout TSS16 = new Layout(2, 0x0E, 0x10, 0x12, 0x22, 0x2A, 0x2B);
    private static final Layout TSS32 = new Layout(4, 0x20, 0x24, 0x28, 0x48, 0x60, 0x67);
    private static final int CR3_OFFSET = 0x1C;
    private static final int TRAP_OFFSET = 0x64;

    private TaskSwitch() {}

    /** Whether access rights are those of a TSS, available or busy, of 16 or 32 bits. */
    static boolean isTss(int access) {
        return (access & (TYPE & ~WIDE & ~BUSY)) == 1;
    }

    /** IRET with NT: the task that the current TSS links to. */
    public static void back(Cpu c) {
        int selector = c.mmu.sysLd16(Segments.linear(c, c.trBase));
        if (Segments.isNull(selector) || (selector & 4) != 0) {
            throw c.fault(TS_VECTOR, selector & 0xFFFC);
        }
        long descriptor = Segments.read(c, selector, TS_VECTOR);
        int access = Segments.access(descriptor);
        if (!isTss(access) || (access & BUSY) == 0) {
            throw c.fault(TS_VECTOR, selector & 0xFFFC);
        }
        to(c, selector, descriptor, Kind.RETURN, c.rflags());
    }

    /** Through a task gate whose own privilege has been checked. */
    static void through(Cpu c, long gate, Kind kind, long flags) {
        int selector = (int) (gate >>> 16) & 0xFFFF;
        if (Segments.isNull(selector) || (selector & 4) != 0) {
            throw c.generalProtection(selector & 0xFFFC);
        }
        available(c, selector, Segments.read(c, selector, GP_VECTOR), kind, flags);
    }

    /** By a far JMP or CALL to a TSS or a task gate. */
    public static void far(Cpu c, int selector, long descriptor, Kind kind) {
        int access = Segments.access(descriptor);
        if (Segments.dpl(access) < c.cpl || (selector & 3) > Segments.dpl(access)) {
            throw c.generalProtection(selector & 0xFFFC);
        }
        if (isTss(access)) {
            available(c, selector, descriptor, kind, c.rflags());
            return;
        }
        if (!Segments.present(access)) {
            throw c.fault(NP_VECTOR, selector & 0xFFFC);
        }
        through(c, descriptor, kind, c.rflags());
    }

    private static void available(Cpu c, int selector, long descriptor, Kind kind, long flags) {
        int access = Segments.access(descriptor);
        if ((selector & 4) != 0 || !isTss(access) || (access & BUSY) != 0) {
            throw c.generalProtection(selector & 0xFFFC);
        }
        to(c, selector, descriptor, kind, flags);
    }

    private static Layout layout(int access) {
        return (access & WIDE) != 0 ? TSS32 : TSS16;
    }

    private static long load(Cpu c, Layout layout, long address) {
        return layout.bytes == 4 ? c.mmu.sysLd32(address) & 0xFFFF_FFFFL : c.mmu.sysLd16(address) & 0xFFFF;
    }

    private static void store(Cpu c, Layout layout, long address, long value) {
        if (layout.bytes == 4) {
            c.mmu.sysSt32(address, (int) value);
        } else {
            c.mmu.sysSt16(address, (int) value);
        }
    }

    private static void to(Cpu c, int selector, long descriptor, Kind kind, long flags) {
        int access = Segments.access(descriptor);
        if (!Segments.present(access)) {
            throw c.fault(NP_VECTOR, selector & 0xFFFC);
        }
        Layout layout = layout(access);
        long base = Segments.base(descriptor);
        long limit = Segments.limit(descriptor);
        Layout old = layout(c.trAccess);
        if (limit < layout.smallest) {
            throw c.fault(TS_VECTOR, selector & 0xFFFC);
        }
        if (c.trLimit < old.smallest) {
            throw c.fault(TS_VECTOR, c.tr & 0xFFFC);
        }
        c.mmu.probeSystemWrite(c.trBase, old.smallest + 1);
        c.mmu.probeSystemWrite(base, layout.smallest + 1);
        int newTypeByte = c.mmu.sysLd8(Segments.entry(c, selector, 8, GP_VECTOR) + 5);

        if (kind != Kind.NESTED) {
            long typeByte = Segments.entry(c, c.tr, 8, GP_VECTOR) + 5;
            c.mmu.sysSt8(typeByte, c.mmu.sysLd8(typeByte) & ~BUSY);
        }
        save(c, old, kind == Kind.RETURN ? flags & ~(long) Flags.NT : flags);
        if (kind == Kind.NESTED) {
            c.mmu.sysSt16(base, c.tr);
        }
        if (kind != Kind.RETURN) {
            c.mmu.sysSt8(Segments.entry(c, selector, 8, GP_VECTOR) + 5, newTypeByte | BUSY);
        }
        c.tr = selector;
        c.trBase = base;
        c.trLimit = limit;
        c.trAccess = access | BUSY;
        c.cr0 |= CR0_TS;
        c.singleStep = false; // a TF of the new task's counts from its first instruction
        try {
            load(c, layout, kind == Kind.NESTED);
        } catch (GuestFault fault) {
            fault.committed = true;
            throw fault;
        }
        if (layout.isWide() && (c.mmu.sysLd16(base + TRAP_OFFSET) & 1) != 0) {
            c.debugPending |= TASK_TRAP;
        }
    }

    private static void save(Cpu c, Layout layout, long flags) {
        long base = c.trBase;
        store(c, layout, base + layout.instruction, c.rip);
        store(c, layout, base + layout.flags, flags);
        for (int i = 0; i < 8; i++) {
            store(c, layout, base + layout.registers + (long) i * layout.bytes, c.r[i]);
        }
        for (int i = 0; i < (layout.isWide() ? 6 : 4); i++) {
            c.mmu.sysSt16(base + layout.segments + (long) i * layout.bytes, c.selector[i]);
        }
    }

    /** Steps 12 and 13 of SDM vol. 3A 8.3: the new task's state, all of it before anything is found wrong with it. */
    private static void load(Cpu c, Layout layout, boolean nested) {
        long base = c.trBase;
        long flags = load(c, layout, base + layout.flags);
        if (!layout.isWide()) {
            flags |= c.flags & ~0xFFFFL & ~(long) Flags.VM;
        }
        int[] selectors = new int[6];
        for (int i = 0; i < (layout.isWide() ? 6 : 4); i++) {
            selectors[i] = c.mmu.sysLd16(base + layout.segments + (long) i * layout.bytes) & 0xFFFF;
        }
        int ldt = c.mmu.sysLd16(base + layout.ldt) & 0xFFFF;
        long pages = layout.isWide() ? c.mmu.sysLd32(base + CR3_OFFSET) & 0xFFFF_FFFFL : c.cr3;
        for (int i = 0; i < 8; i++) {
            c.r[i] = load(c, layout, base + layout.registers + (long) i * layout.bytes);
        }
        c.rip = load(c, layout, base + layout.instruction);
        c.rflags(flags | (nested ? Flags.NT : 0));
        c.dr[7] &= ~DR7_LOCAL;
        c.breakpoints.changed();
        boolean virtual = c.virtual8086();
        for (int i = 0; i < 6; i++) {
            if (virtual) {
                Segments.setReal(c, i, selectors[i]);
            } else {
                c.selector[i] = selectors[i];
                c.segmentAccess[i] |= Segments.UNUSABLE;
            }
        }
        c.ldtr = ldt;
        c.ldtrAccess = Segments.UNUSABLE;
        int cpl = virtual ? 3 : selectors[Segments.CS] & 3;
        c.cpl = cpl;
        if ((c.cr0 & CR0_PG) != 0 && layout.isWide()) {
            c.cr3 = pages;
            if ((c.cr4 & CR4_PAE) != 0) {
                c.mmu.loadPdptes();
            }
            c.mmu.flushNonGlobal();
        }
        Segments.modeChanged(c);
        loadLdt(c, ldt);
        if (!virtual) {
            loadSegments(c, selectors, cpl);
        }
        if (c.rip > c.segmentLimit[Segments.CS]) {
            throw c.generalProtection(0);
        }
    }

    private static void loadLdt(Cpu c, int selector) {
        if (Segments.isNull(selector)) {
            return;
        }
        if ((selector & 4) != 0) {
            throw c.fault(TS_VECTOR, selector & 0xFFFC);
        }
        long descriptor = Segments.read(c, selector, TS_VECTOR);
        int access = Segments.access(descriptor);
        if ((access & TYPE) != LDT || !Segments.present(access)) {
            throw c.fault(TS_VECTOR, selector & 0xFFFC);
        }
        c.ldtrBase = Segments.base(descriptor);
        c.ldtrLimit = Segments.limit(descriptor);
        c.ldtrAccess = access;
    }

    private static void loadSegments(Cpu c, int[] selectors, int cpl) {
        int code = selectors[Segments.CS];
        if (Segments.isNull(code)) {
            throw c.fault(TS_VECTOR, 0);
        }
        long descriptor = Segments.read(c, code, TS_VECTOR);
        int access = Segments.access(descriptor);
        boolean allowed = Segments.conforming(access) ? Segments.dpl(access) <= cpl : Segments.dpl(access) == cpl;
        if (!Segments.code(access) || !allowed) {
            throw c.fault(TS_VECTOR, code & 0xFFFC);
        }
        if (!Segments.present(access)) {
            throw c.fault(NP_VECTOR, code & 0xFFFC);
        }
        Segments.markAccessed(c, code, descriptor);
        Segments.setCode(c, code, descriptor, cpl);
        int stack = selectors[Segments.SS];
        long stackDescriptor = Segments.readInnerStack(c, stack, cpl);
        Segments.markAccessed(c, stack, stackDescriptor);
        Segments.set(c, Segments.SS, stack, stackDescriptor);
        for (int segment : new int[] {Segments.DS, Segments.ES, Segments.FS, Segments.GS}) {
            try {
                Segments.load(c, segment, selectors[segment]);
            } catch (GuestFault fault) {
                if (fault.vector == GP_VECTOR) {
                    fault.vector = TS_VECTOR;
                }
                throw fault;
            }
        }
    }

    /** Pushes an event's error code to the stack of the task that handles it, in that task's width. */
    static void pushErrorCode(Cpu c, int errorCode) {
        try {
            TransferStack stack = TransferStack.current(c);
            stack.push(layout(c.trAccess).bytes, errorCode);
            stack.commit();
        } catch (GuestFault fault) {
            fault.committed = true;
            throw fault;
        }
    }
}
