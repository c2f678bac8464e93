package redoubt.cpu.insn;

import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;
import redoubt.cpu.Interrupts;
import redoubt.cpu.Mem;
import redoubt.cpu.Segments;
import redoubt.cpu.TaskSwitch;
import redoubt.cpu.TransferStack;
import redoubt.cpu.Virtual8086;

/**
 * Control transfers between segments and privilege levels: SDM vol. 2 CALL, JMP, RET, IRET, INT, SYSCALL, SYSENTER and their
 * returns; vol. 3A 5.8. Where Intel and AMD differ this is Intel.
 */
public final class Far {
    private static final int STAR = 0xC000_0081;
    private static final int LSTAR = 0xC000_0082;
    private static final int FMASK = 0xC000_0084;
    private static final int SYSENTER_CS = 0x174;
    private static final int SYSENTER_ESP = 0x175;
    private static final int SYSENTER_EIP = 0x176;

    private static final long FLAT = 0xFFFF_FFFFL;
    private static final int CODE64 = 0xA09B;
    private static final int CODE32 = 0xC09B;
    private static final int DATA = 0xC093;
    private static final int DPL3 = 0x60;

    private Far() {}

    // ---- CALL and JMP

    public static void callDirect16(Cpu c, long op, long second) {
        call(c, (int) (second >>> 32) & 0xFFFF, second & 0xFFFF, 2);
    }

    public static void callDirect32(Cpu c, long op, long second) {
        call(c, (int) (second >>> 32) & 0xFFFF, second & 0xFFFF_FFFFL, 4);
    }

    public static void jmpDirect16(Cpu c, long op, long second) {
        jump(c, (int) (second >>> 32) & 0xFFFF, second & 0xFFFF);
    }

    public static void jmpDirect32(Cpu c, long op, long second) {
        jump(c, (int) (second >>> 32) & 0xFFFF, second & 0xFFFF_FFFFL);
    }

    public static void callIndirect16(Cpu c, long address) {
        long offset = Mem.ld16(c, address);
        call(c, Mem.ld16(c, address + 2), offset, 2);
    }

    public static void callIndirect32(Cpu c, long address) {
        long offset = Mem.ld32(c, address) & 0xFFFF_FFFFL;
        call(c, Mem.ld16(c, address + 4), offset, 4);
    }

    public static void callIndirect64(Cpu c, long address) {
        long offset = Mem.ld64(c, address);
        call(c, Mem.ld16(c, address + 8), offset, 8);
    }

    public static void jmpIndirect16(Cpu c, long address) {
        long offset = Mem.ld16(c, address);
        jump(c, Mem.ld16(c, address + 2), offset);
    }

    public static void jmpIndirect32(Cpu c, long address) {
        long offset = Mem.ld32(c, address) & 0xFFFF_FFFFL;
        jump(c, Mem.ld16(c, address + 4), offset);
    }

    public static void jmpIndirect64(Cpu c, long address) {
        long offset = Mem.ld64(c, address);
        jump(c, Mem.ld16(c, address + 8), offset);
    }

    private static boolean unprotected(Cpu c) {
        return !c.protectedMode() || c.virtual8086();
    }

    private static void jump(Cpu c, int selector, long offset) {
        if (unprotected(c)) {
            checkRealOffset(c, offset);
            c.rip = offset;
            Segments.setCodeReal(c, selector);
            return;
        }
        long descriptor = readTarget(c, selector);
        int access = Segments.access(descriptor);
        if (Segments.system(access)) {
            jumpThrough(c, selector, descriptor);
            return;
        }
        checkDirect(c, selector, access);
        checkOffset(c, descriptor, offset);
        Segments.markAccessed(c, selector, descriptor);
        c.rip = offset;
        Segments.setCode(c, selector, descriptor, c.cpl);
    }

    private static void call(Cpu c, int selector, long offset, int size) {
        if (unprotected(c)) {
            checkRealOffset(c, offset);
            TransferStack stack = TransferStack.current(c);
            stack.push(size, c.selector[Segments.CS]);
            stack.push(size, c.rip);
            stack.commit();
            c.rip = offset;
            Segments.setCodeReal(c, selector);
            return;
        }
        long descriptor = readTarget(c, selector);
        int access = Segments.access(descriptor);
        if (Segments.system(access)) {
            callThrough(c, selector, descriptor);
            return;
        }
        checkDirect(c, selector, access);
        callSameLevel(c, selector, descriptor, offset, size);
    }

    private static void callSameLevel(Cpu c, int selector, long descriptor, long offset, int size) {
        // a call from compatibility to 64-bit code pushes to the stack as the new mode sees it
        TransferStack stack = Segments.is64(c, Segments.access(descriptor))
                ? TransferStack.flat(c, c.cpl, c.r[4])
                : TransferStack.current(c);
        stack.push(size, c.selector[Segments.CS]);
        stack.push(size, c.rip);
        checkOffset(c, descriptor, offset);
        Segments.markAccessed(c, selector, descriptor);
        stack.commit();
        c.rip = offset;
        Segments.setCode(c, selector, descriptor, c.cpl);
    }

    private static void checkRealOffset(Cpu c, long offset) {
        if (offset > c.segmentLimit[Segments.CS]) {
            throw c.generalProtection(0);
        }
    }

    private static long readTarget(Cpu c, int selector) {
        if (Segments.isNull(selector)) {
            throw c.generalProtection(0);
        }
        return Segments.read(c, selector, 13);
    }

    /** A code segment named by the instruction itself. */
    private static void checkDirect(Cpu c, int selector, int access) {
        boolean allowed = Segments.conforming(access)
                ? Segments.dpl(access) <= c.cpl
                : (selector & 3) <= c.cpl && Segments.dpl(access) == c.cpl;
        if (!Segments.code(access) || !allowed) {
            throw c.generalProtection(selector & 0xFFFC);
        }
        checkLongAndPresent(c, selector, access);
    }

    private static void checkLongAndPresent(Cpu c, int selector, int access) {
        if (c.longMode() && (access & 0x6000) == 0x6000) {
            throw c.generalProtection(selector & 0xFFFC);
        }
        if (!Segments.present(access)) {
            throw c.fault(11, selector & 0xFFFC);
        }
    }

    private static void checkOffset(Cpu c, long descriptor, long offset) {
        boolean bad = Segments.is64(c, Segments.access(descriptor))
                ? offset << 16 >> 16 != offset
                : Long.compareUnsigned(offset, Segments.limit(descriptor)) > 0;
        if (bad) {
            throw c.generalProtection(0);
        }
    }

    // ---- call gates

    private static void checkGate(Cpu c, int selector, long gate) {
        int access = Segments.access(gate);
        int type = access & 0xF;
        boolean callGate = type == 12 || type == 4 && !c.longMode();
        if (!callGate || Segments.dpl(access) < c.cpl || (selector & 3) > Segments.dpl(access)) {
            throw c.generalProtection(selector & 0xFFFC);
        }
        if (!Segments.present(access)) {
            throw c.fault(11, selector & 0xFFFC);
        }
    }

    /** The upper half of the offset in a 64-bit call gate, already shifted. */
    private static long upperOffset(Cpu c, int selector) {
        long high = c.mmu.sysLd64(Segments.entry(c, selector, 16, 13) + 8);
        if ((high >>> 40 & 0x1F) != 0) {
            throw c.generalProtection(selector & 0xFFFC);
        }
        return high << 32;
    }

    private static long gateOffset(Cpu c, int selector, long gate) {
        if (c.longMode()) {
            return gate & 0xFFFF | gate >>> 48 << 16 | upperOffset(c, selector);
        }
        return gate & 0xFFFF | ((gate >>> 40 & 8) != 0 ? gate >>> 48 << 16 : 0);
    }

    private static long readGateTarget(Cpu c, int target, boolean jump) {
        long descriptor = readTarget(c, target);
        int access = Segments.access(descriptor);
        boolean outer = Segments.dpl(access) > c.cpl;
        boolean jumpInwards = jump && !Segments.conforming(access) && Segments.dpl(access) != c.cpl;
        boolean not64 = c.longMode() && (access & 0x6000) != 0x2000;
        if (!Segments.code(access) || outer || jumpInwards || not64) {
            throw c.generalProtection(target & 0xFFFC);
        }
        if (!Segments.present(access)) {
            throw c.fault(11, target & 0xFFFC);
        }
        return descriptor;
    }

    /** Whether a system descriptor leads to another task. */
    private static boolean leadsToTask(Cpu c, long descriptor) {
        int type = Segments.access(descriptor) & 0xF;
        return !c.longMode() && (type == 1 || type == 5 || type == 9);
    }

    private static void jumpThrough(Cpu c, int selector, long gate) {
        if (leadsToTask(c, gate)) {
            TaskSwitch.far(c, selector, gate, TaskSwitch.Kind.JUMP);
            return;
        }
        checkGate(c, selector, gate);
        long offset = gateOffset(c, selector, gate);
        int target = (int) (gate >>> 16) & 0xFFFF;
        long descriptor = readGateTarget(c, target, true);
        checkOffset(c, descriptor, offset);
        Segments.markAccessed(c, target, descriptor);
        c.rip = offset;
        Segments.setCode(c, target, descriptor, c.cpl);
    }

    private static void callThrough(Cpu c, int selector, long gate) {
        if (leadsToTask(c, gate)) {
            TaskSwitch.far(c, selector, gate, TaskSwitch.Kind.NESTED);
            return;
        }
        checkGate(c, selector, gate);
        long offset = gateOffset(c, selector, gate);
        int target = (int) (gate >>> 16) & 0xFFFF;
        long descriptor = readGateTarget(c, target, false);
        int access = Segments.access(descriptor);
        int size = c.longMode() ? 8 : (gate >>> 40 & 8) != 0 ? 4 : 2;
        int cpl = Segments.dpl(access);
        if (Segments.conforming(access) || cpl == c.cpl) {
            callSameLevel(c, target, descriptor, offset, size);
            return;
        }
        TransferStack stack;
        int stackSelector = cpl;
        long stackDescriptor = 0;
        if (size == 8) {
            stack = TransferStack.flat(c, cpl, Segments.tssStackPointer64(c, 4 + 8 * cpl));
            stack.push(8, c.selector[Segments.SS]);
            stack.push(8, c.r[4]);
        } else {
            stackSelector = Segments.tssStackSelector(c, cpl);
            long sp = Segments.tssStackPointer(c, cpl);
            stackDescriptor = Segments.readInnerStack(c, stackSelector, cpl);
            stack = TransferStack.inner(c, cpl, stackSelector, stackDescriptor, sp);
            stack.push(size, c.selector[Segments.SS]);
            stack.push(size, c.r[4]);
            int parameters = (int) (gate >>> 32) & 31;
            long[] values = new long[parameters];
            TransferStack old = TransferStack.current(c);
            for (int i = 0; i < parameters; i++) {
                values[i] = old.pop(size);
            }
            for (int i = parameters - 1; i >= 0; i--) {
                stack.push(size, values[i]);
            }
            Segments.markAccessed(c, stackSelector, stackDescriptor);
        }
        stack.push(size, c.selector[Segments.CS]);
        stack.push(size, c.rip);
        checkOffset(c, descriptor, offset);
        Segments.markAccessed(c, target, descriptor);
        stack.commit();
        if (size == 8) {
            Segments.setNull(c, Segments.SS, stackSelector);
        } else {
            Segments.set(c, Segments.SS, stackSelector, stackDescriptor);
        }
        c.rip = offset;
        Segments.setCode(c, target, descriptor, cpl);
    }

    // ---- RET

    public static void ret16(Cpu c) {
        ret(c, 2, 0);
    }

    public static void ret32(Cpu c) {
        ret(c, 4, 0);
    }

    public static void ret64(Cpu c) {
        ret(c, 8, 0);
    }

    public static void retPop16(Cpu c, int bytes) {
        ret(c, 2, bytes);
    }

    public static void retPop32(Cpu c, int bytes) {
        ret(c, 4, bytes);
    }

    public static void retPop64(Cpu c, int bytes) {
        ret(c, 8, bytes);
    }

    private static void ret(Cpu c, int size, int bytes) {
        TransferStack stack = TransferStack.current(c);
        long offset = stack.pop(size);
        int selector = (int) stack.pop(size) & 0xFFFF;
        stack.skip(bytes);
        if (unprotected(c)) {
            checkRealOffset(c, offset);
            stack.commit();
            c.rip = offset;
            Segments.setCodeReal(c, selector);
            return;
        }
        long descriptor = readReturn(c, selector);
        if ((selector & 3) == c.cpl) {
            checkOffset(c, descriptor, offset);
            Segments.markAccessed(c, selector, descriptor);
            stack.commit();
            c.rip = offset;
            Segments.setCode(c, selector, descriptor, c.cpl);
            return;
        }
        long sp = stack.pop(size);
        int stackSelector = (int) stack.pop(size) & 0xFFFF;
        returnWithStack(c, selector, descriptor, offset, stackSelector, sp, size, bytes);
    }

    /** The code segment a return goes to. */
    private static long readReturn(Cpu c, int selector) {
        long descriptor = readTarget(c, selector);
        int access = Segments.access(descriptor);
        int rpl = selector & 3;
        boolean allowed = Segments.conforming(access) ? Segments.dpl(access) <= rpl : Segments.dpl(access) == rpl;
        if (rpl < c.cpl || !Segments.code(access) || !allowed) {
            throw c.generalProtection(selector & 0xFFFC);
        }
        checkLongAndPresent(c, selector, access);
        return descriptor;
    }

    /** The end of a return that also loads SS:rSP, and drops {@code bytes} of parameters from the new stack. */
    private static void returnWithStack(
            Cpu c, int selector, long descriptor, long offset, int stackSelector, long sp, int size, int bytes) {
        int cpl = selector & 3;
        boolean to64 = Segments.is64(c, Segments.access(descriptor));
        long stackDescriptor = 0;
        boolean nullStack = Segments.isNull(stackSelector);
        if (nullStack) {
            if (!to64 || cpl == 3 || (stackSelector & 3) != cpl) {
                throw c.generalProtection(0);
            }
        } else {
            stackDescriptor = Segments.readStack(c, stackSelector, cpl, 13);
        }
        checkOffset(c, descriptor, offset);
        Segments.markAccessed(c, selector, descriptor);
        if (nullStack) {
            Segments.setNull(c, Segments.SS, stackSelector);
        } else {
            Segments.markAccessed(c, stackSelector, stackDescriptor);
            Segments.set(c, Segments.SS, stackSelector, stackDescriptor);
        }
        boolean big = (c.segmentAccess[Segments.SS] & 0x4000) != 0;
        long next = sp + bytes;
        if (to64) {
            c.r[4] = size == 8 ? next : size == 4 ? next & 0xFFFF_FFFFL : next & 0xFFFF;
        } else if (big) {
            c.r[4] = next & 0xFFFF_FFFFL;
        } else {
            c.r[4] = c.r[4] & 0xFFFF_0000L | next & 0xFFFF;
        }
        boolean outer = cpl > c.cpl;
        c.rip = offset;
        Segments.setCode(c, selector, descriptor, cpl);
        if (outer) {
            Segments.dropInner(c);
        }
    }

    // ---- IRET

    public static void iret16(Cpu c) {
        iret(c, 2);
    }

    public static void iret32(Cpu c) {
        iret(c, 4);
    }

    public static void iret64(Cpu c) {
        iret(c, 8);
    }

    private static void iret(Cpu c, int size) {
        TransferStack stack = TransferStack.current(c);
        boolean virtual = c.virtual8086();
        boolean onVirtualFlag = Virtual8086.onVirtualFlag(c, size);
        if (c.protectedMode() && !virtual && (c.flags & Flags.NT) != 0) {
            if (c.longMode()) {
                throw c.generalProtection(0);
            }
            TaskSwitch.back(c);
            c.nmiBlocked = false;
            return;
        }
        long offset = stack.pop(size);
        int selector = (int) stack.pop(size) & 0xFFFF;
        long flags = stack.pop(size);
        if (unprotected(c)) {
            checkRealOffset(c, offset);
            if (onVirtualFlag) {
                Virtual8086.load(c, flags);
            } else {
                setFlags(c, flags, Flags.VM | Flags.VIF | Flags.VIP | (virtual ? Flags.IOPL : 0), size);
            }
            stack.commit();
            c.nmiBlocked = false;
            c.rip = offset;
            Segments.setCodeReal(c, selector);
            return;
        }
        if ((flags & Flags.VM) != 0 && size == 4 && c.cpl == 0 && !c.longMode()) {
            returnToVirtual8086(c, stack, offset, selector, flags);
            return;
        }
        long descriptor = readReturn(c, selector);
        int iopl = (int) c.flags >> 12 & 3;
        long keep = Flags.VM | (c.cpl > iopl ? Flags.IF : 0) | (c.cpl != 0 ? Flags.IOPL | Flags.VIF | Flags.VIP : 0);
        if (c.codeMode == 64 || (selector & 3) > c.cpl) {
            long sp = stack.pop(size);
            int stackSelector = (int) stack.pop(size) & 0xFFFF;
            returnWithStack(c, selector, descriptor, offset, stackSelector, sp, size, 0);
        } else {
            checkOffset(c, descriptor, offset);
            Segments.markAccessed(c, selector, descriptor);
            stack.commit();
            c.rip = offset;
            Segments.setCode(c, selector, descriptor, c.cpl);
        }
        setFlags(c, flags, keep, size);
        c.nmiBlocked = false;
        c.mmu.contextChanged(); // AC
    }

    /** Loads the flags of the operand size but those in {@code keep}. */
    private static void setFlags(Cpu c, long flags, long keep, int size) {
        long kept = keep | (size == 2 ? ~0xFFFFL : 0);
        c.rflags(flags & ~kept | c.rflags() & kept);
    }

    private static void returnToVirtual8086(Cpu c, TransferStack stack, long offset, int selector, long flags) {
        long sp = stack.pop(4);
        int[] selectors = {0, selector, 0, 0, 0, 0};
        int[] order = {Segments.SS, Segments.ES, Segments.DS, Segments.FS, Segments.GS};
        for (int segment : order) {
            selectors[segment] = (int) stack.pop(4) & 0xFFFF;
        }
        if (offset > 0xFFFF) {
            throw c.generalProtection(0);
        }
        c.rflags(flags);
        c.cpl = 3;
        c.nmiBlocked = false;
        for (int segment = 0; segment < 6; segment++) {
            Segments.setReal(c, segment, selectors[segment]);
        }
        c.r[4] = sp;
        c.rip = offset;
        Segments.modeChanged(c);
    }

    // ---- software interrupts

    public static void int3(Cpu c) {
        if (c.enclave.inEnclave()) {
            // SDM vol. 3D section 40.4: a fault there, or not allowed at all
            throw c.enclave.debugOptOut() ? c.invalidOpcode() : c.fault(3, -1);
        }
        Interrupts.deliver(c, 3, -1, 0, Interrupts.INT3);
    }

    public static void int1(Cpu c) {
        if (c.enclave.debugOptOut()) {
            throw c.invalidOpcode();
        }
        if (c.enclave.inEnclave()) {
            c.enclave.asynchronousExit(c, 1, -1, 0);
        }
        if (c.debugPending != 0) { // held off by MOV SS: one #DB for both, not another one on its handler's stack
            c.breakpoints.report();
        }
        Interrupts.deliver(c, 1, -1, 0, Interrupts.ICEBP);
    }

    public static void intN(Cpu c, int vector) {
        if (c.virtual8086()) {
            Virtual8086.interrupt(c, vector);
        } else {
            Interrupts.deliver(c, vector, -1, 0, Interrupts.SOFTWARE_INT);
        }
    }

    public static void into(Cpu c) {
        if (Flags.of(c.fx)) {
            Interrupts.deliver(c, 4, -1, 0, Interrupts.INTO);
        }
    }

    // ---- fast system calls

    /** Fills CS and SS with the fixed flat segments of the fast system calls. */
    private static void flat(Cpu c, int code, int stack, int codeAccess, int cpl) {
        int dpl = cpl == 3 ? DPL3 : 0;
        Segments.set(c, Segments.SS, stack & 0xFFFC | cpl, 0, FLAT, DATA | dpl);
        Segments.setCode(c, code, 0, FLAT, codeAccess | dpl, cpl);
    }

    private static void checkSyscall(Cpu c) {
        if (c.codeMode != 64 || (c.efer & 1) == 0) {
            throw c.invalidOpcode();
        }
    }

    public static void syscall(Cpu c) {
        checkSyscall(c);
        long star = c.msrs.read(STAR);
        long target = c.msrs.read(LSTAR);
        long mask = c.msrs.read(FMASK);
        long flags = c.rflags();
        c.r[1] = c.rip;
        c.r[11] = flags & ~(long) Flags.RF;
        c.rflags(flags & ~(mask | Flags.RF));
        c.rip = target;
        c.singleStep = (c.flags & Flags.TF) != 0; // what FMASK leaves of it
        int selector = (int) (star >>> 32) & 0xFFFC;
        flat(c, selector, selector + 8, CODE64, 0);
    }

    public static void sysret16(Cpu c) {
        sysret32(c);
    }

    public static void sysret32(Cpu c) {
        checkSyscall(c);
        int selector = (int) (c.msrs.read(STAR) >>> 48);
        sysret(c, c.r[1] & 0xFFFF_FFFFL, selector, selector + 8, CODE32);
    }

    public static void sysret64(Cpu c) {
        checkSyscall(c);
        if (c.r[1] << 16 >> 16 != c.r[1]) {
            throw c.generalProtection(0);
        }
        int selector = (int) (c.msrs.read(STAR) >>> 48);
        sysret(c, c.r[1], selector + 16, selector + 8, CODE64);
    }

    private static void sysret(Cpu c, long target, int code, int stack, int codeAccess) {
        c.rflags(c.r[11] & 0x3C_7FD7L);
        c.singleStep = (c.flags & Flags.TF) != 0; // the trap that SYSCALL put off
        c.rip = target;
        flat(c, code, stack, codeAccess, 3);
    }

    private static int sysenterSelector(Cpu c) {
        int selector = c.protectedMode() ? (int) c.msrs.read(SYSENTER_CS) & 0xFFFC : 0;
        if (selector == 0) {
            throw c.generalProtection(0);
        }
        return selector;
    }

    public static void sysenter(Cpu c) {
        int selector = sysenterSelector(c);
        long sp = c.msrs.read(SYSENTER_ESP);
        long target = c.msrs.read(SYSENTER_EIP);
        boolean wide = c.longMode();
        c.flags &= ~(long) (Flags.VM | Flags.IF | Flags.RF);
        c.r[4] = wide ? sp : sp & 0xFFFF_FFFFL;
        c.rip = wide ? target : target & 0xFFFF_FFFFL;
        flat(c, selector, selector + 8, wide ? CODE64 : CODE32, 0);
    }

    public static void sysexit16(Cpu c) {
        sysexit32(c);
    }

    public static void sysexit32(Cpu c) {
        int selector = sysenterSelector(c);
        c.r[4] = c.r[1] & 0xFFFF_FFFFL;
        c.rip = c.r[2] & 0xFFFF_FFFFL;
        flat(c, selector + 16, selector + 24, CODE32, 3);
    }

    public static void sysexit64(Cpu c) {
        int selector = sysenterSelector(c);
        if (c.r[1] << 16 >> 16 != c.r[1] || c.r[2] << 16 >> 16 != c.r[2]) {
            throw c.generalProtection(0);
        }
        c.r[4] = c.r[1];
        c.rip = c.r[2];
        flat(c, selector + 32, selector + 40, CODE64, 3);
    }

    // ---- undefined instructions

    public static void ud(Cpu c) {
        throw c.invalidOpcode();
    }

    public static void ud16(Cpu c, long op) {
        throw c.invalidOpcode();
    }

    public static void ud32(Cpu c, long op) {
        throw c.invalidOpcode();
    }

    public static void ud64(Cpu c, long op) {
        throw c.invalidOpcode();
    }
}
