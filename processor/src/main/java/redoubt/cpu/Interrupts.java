package redoubt.cpu;

/**
 * Delivery of interrupts and exceptions through the IVT or IDT: SDM vol. 3A chapter 6, vol. 2A INT n. All checks come before
 * the first change of processor state, so that a fault during delivery finds it untouched.
 * The redirection of INT n in virtual-8086 mode is {@link Virtual8086}'s.
 */
public final class Interrupts {
    /** An external interrupt or NMI. */
    public static final int HARDWARE = 0;

    /** An exception found by the processor. */
    public static final int EXCEPTION = 1;

    /** INT n. */
    public static final int SOFTWARE_INT = 2;

    /** The one-byte INT3. */
    public static final int INT3 = 3;

    /** INTO. */
    public static final int INTO = 4;

    /** INT1. */
    public static final int ICEBP = 5;

    private static final int DOUBLE_FAULT = 8;
    private static final int PAGE_FAULT = 14;

    private static final long CLEARED = Flags.TF | Flags.NT | Flags.RF | Flags.VM;

    private Interrupts() {}

    /**
     * Delivers an event; {@link Cpu#rip} is the address to return to.
     *
     * @param errorCode to push, or -1 for none
     * @param address for CR2 when a page fault is delivered
     * @param kind one of the constants above
     * @throws GuestFault when a software interrupt itself faults: an exception of the INT instruction
     * @throws TripleFault when delivery of #DF fails
     */
    public static void deliver(Cpu c, int vector, int errorCode, long address, int kind) {
        if (kind == SOFTWARE_INT || kind == INT3 || kind == INTO) {
            attempt(c, vector, -1, kind);
            c.singleStep = false; // TF is cleared, and with it the trap behind this instruction
            return;
        }
        c.singleStep = false;
        int v = vector;
        int code = errorCode;
        long linear = address;
        int k = kind;
        for (; ; ) {
            if (k == EXCEPTION && v == PAGE_FAULT) {
                c.cr2 = linear;
            }
            if (k == EXCEPTION && v == 1) {
                c.dr[7] &= ~0x2000L; // general detect is off in the handler
            }
            try {
                attempt(c, v, code, k);
                return;
            } catch (GuestFault second) {
                int next = second.vector;
                if (k == EXCEPTION && v == DOUBLE_FAULT) {
                    throw TripleFault.INSTANCE;
                }
                boolean twice = k == EXCEPTION
                        && (contributory(v) && contributory(next)
                                || v == PAGE_FAULT && (contributory(next) || next == PAGE_FAULT));
                k = EXCEPTION;
                if (twice) {
                    v = DOUBLE_FAULT;
                    code = 0;
                } else {
                    v = next;
                    linear = second.address;
                    code = second.errorCode;
                    if (v >= 10 && v <= 13 && code >= 0) {
                        code |= 1; // EXT: the event was not caused by the program
                    }
                }
            }
        }
    }

    /** SDM vol. 3A table 6-4. */
    private static boolean contributory(int vector) {
        return vector == 0 || vector >= 10 && vector <= 13;
    }

    private static boolean software(int kind) {
        return kind == SOFTWARE_INT || kind == INT3 || kind == INTO;
    }

    private static void attempt(Cpu c, int vector, int errorCode, int kind) {
        if (!c.protectedMode()) {
            realMode(c, vector);
        } else if (c.longMode()) {
            longMode(c, vector, errorCode, kind);
        } else {
            protectedMode(c, vector, errorCode, kind);
        }
    }

    /** RFLAGS to push: a fault is pushed with RF set, so that its instruction is not stopped at twice (SDM vol. 3B 18.3.1.1). */
    private static long pushedFlags(Cpu c, int vector, int kind) {
        boolean fault = kind == EXCEPTION && vector != 1 && vector != DOUBLE_FAULT && vector != 18;
        return c.rflags() | (fault ? Flags.RF : 0);
    }

    private static void realMode(Cpu c, int vector) {
        if (vector * 4 + 3 > c.idtLimit) {
            throw c.generalProtection(-1);
        }
        int entry = c.mmu.sysLd32(Segments.linear(c, c.idtBase + vector * 4L));
        TransferStack stack = TransferStack.current(c);
        stack.push(2, c.rflags());
        stack.push(2, c.selector[Segments.CS]);
        stack.push(2, c.rip);
        stack.commit();
        c.flags &= ~(long) (Flags.IF | Flags.TF | Flags.RF | Flags.AC);
        c.rip = entry & 0xFFFF;
        Segments.setCodeReal(c, entry >>> 16);
    }

    private static void protectedMode(Cpu c, int vector, int errorCode, int kind) {
        int gateCode = vector * 8 + 2;
        if (vector * 8 + 7 > c.idtLimit) {
            throw c.generalProtection(gateCode);
        }
        long gate = c.mmu.sysLd64(Segments.linear(c, c.idtBase + vector * 8L));
        int access = Segments.access(gate);
        int type = access & 0x1F;
        if (type != 5 && type != 6 && type != 7 && type != 14 && type != 15) {
            throw c.generalProtection(gateCode);
        }
        checkGate(c, access, gateCode, kind);
        if (type == 5) {
            TaskSwitch.through(c, gate, TaskSwitch.Kind.NESTED, pushedFlags(c, vector, kind));
            if (errorCode >= 0) {
                TaskSwitch.pushErrorCode(c, errorCode);
            }
            return;
        }
        int size = (type & 8) != 0 ? 4 : 2;
        int selector = (int) (gate >>> 16) & 0xFFFF;
        long offset = gate & 0xFFFF | (size == 4 ? gate >>> 48 << 16 : 0);
        long code = readHandler(c, selector);
        int codeAccess = Segments.access(code);
        boolean virtual = c.virtual8086();
        int cpl = Segments.conforming(codeAccess) ? c.cpl : Segments.dpl(codeAccess);
        if (virtual && cpl != 0) {
            throw c.generalProtection(selector & 0xFFFC);
        }
        long flags = pushedFlags(c, vector, kind);
        TransferStack stack;
        int stackSelector = 0;
        long stackDescriptor = 0;
        if (cpl < c.cpl) {
            stackSelector = Segments.tssStackSelector(c, cpl);
            long sp = Segments.tssStackPointer(c, cpl);
            stackDescriptor = Segments.readInnerStack(c, stackSelector, cpl);
            Segments.markAccessed(c, stackSelector, stackDescriptor);
            stack = TransferStack.inner(c, cpl, stackSelector, stackDescriptor, sp);
            if (virtual) {
                stack.push(size, c.selector[Segments.GS]);
                stack.push(size, c.selector[Segments.FS]);
                stack.push(size, c.selector[Segments.DS]);
                stack.push(size, c.selector[Segments.ES]);
            }
            stack.push(size, c.selector[Segments.SS]);
            stack.push(size, c.r[4]);
        } else {
            stack = TransferStack.current(c);
        }
        stack.push(size, flags);
        stack.push(size, c.selector[Segments.CS]);
        stack.push(size, c.rip);
        if (errorCode >= 0) {
            stack.push(size, errorCode);
        }
        if (offset > Segments.limit(code)) {
            throw c.generalProtection(0);
        }
        Segments.markAccessed(c, selector, code);
        boolean inner = cpl < c.cpl;
        stack.commit();
        if (inner) {
            Segments.set(c, Segments.SS, stackSelector, stackDescriptor);
        }
        if (virtual) {
            Segments.setNull(c, Segments.ES, 0);
            Segments.setNull(c, Segments.DS, 0);
            Segments.setNull(c, Segments.FS, 0);
            Segments.setNull(c, Segments.GS, 0);
        }
        enter(c, selector, code, cpl, offset, (type & 1) == 0);
    }

    private static void longMode(Cpu c, int vector, int errorCode, int kind) {
        int gateCode = vector * 8 + 2;
        if (vector * 16 + 15 > c.idtLimit) {
            throw c.generalProtection(gateCode);
        }
        long gate = c.mmu.sysLd64(c.idtBase + vector * 16L);
        long high = c.mmu.sysLd64(c.idtBase + vector * 16L + 8);
        int access = Segments.access(gate);
        int type = access & 0x1F;
        if (type != 14 && type != 15) {
            throw c.generalProtection(gateCode);
        }
        checkGate(c, access, gateCode, kind);
        int selector = (int) (gate >>> 16) & 0xFFFF;
        long offset = gate & 0xFFFF | gate >>> 48 << 16 | high << 32;
        long code = readHandler(c, selector);
        int codeAccess = Segments.access(code);
        if ((codeAccess & 0x6000) != 0x2000) {
            throw c.generalProtection(selector & 0xFFFC);
        }
        if (offset << 16 >> 16 != offset) {
            throw c.generalProtection(0);
        }
        int cpl = Segments.conforming(codeAccess) ? c.cpl : Segments.dpl(codeAccess);
        int ist = (int) (gate >>> 32) & 7;
        boolean inner = cpl < c.cpl;
        long sp = ist != 0
                ? Segments.tssStackPointer64(c, 28 + 8 * ist)
                : inner ? Segments.tssStackPointer64(c, 4 + 8 * cpl) : c.r[4];
        TransferStack stack = TransferStack.flat(c, cpl, sp & -16);
        stack.push(8, c.selector[Segments.SS]);
        stack.push(8, c.r[4]);
        stack.push(8, pushedFlags(c, vector, kind));
        stack.push(8, c.selector[Segments.CS]);
        stack.push(8, c.rip);
        if (errorCode >= 0) {
            stack.push(8, errorCode);
        }
        Segments.markAccessed(c, selector, code);
        stack.commit();
        if (inner) {
            Segments.setNull(c, Segments.SS, cpl);
        }
        enter(c, selector, code, cpl, offset, type == 14);
    }

    private static void checkGate(Cpu c, int access, int gateCode, int kind) {
        if (software(kind) && Segments.dpl(access) < c.cpl) {
            throw c.generalProtection(gateCode);
        }
        if (!Segments.present(access)) {
            throw c.fault(11, gateCode);
        }
    }

    private static long readHandler(Cpu c, int selector) {
        if (Segments.isNull(selector)) {
            throw c.generalProtection(0);
        }
        long code = Segments.read(c, selector, 13);
        int access = Segments.access(code);
        if (!Segments.code(access) || Segments.dpl(access) > c.cpl) {
            throw c.generalProtection(selector & 0xFFFC);
        }
        if (!Segments.present(access)) {
            throw c.fault(11, selector & 0xFFFC);
        }
        return code;
    }

    private static void enter(Cpu c, int selector, long code, int cpl, long offset, boolean interruptGate) {
        c.flags &= ~(CLEARED | (interruptGate ? Flags.IF : 0));
        c.rip = offset;
        Segments.setCode(c, selector, code, cpl);
    }
}
