package redoubt.cpu.insn;

import static redoubt.x86.F80Context.C0;
import static redoubt.x86.F80Context.C1;
import static redoubt.x86.F80Context.C2;
import static redoubt.x86.F80Context.C3;
import static redoubt.x86.F80Context.IE;

import redoubt.cpu.Cpu;
import redoubt.cpu.Mem;
import redoubt.x86.F80;
import redoubt.x86.F80Context;
import redoubt.x86.F80Convert;
import redoubt.x86.F80Transcendental;
import redoubt.x86.Op;

/**
 * x87 instructions and EMMS: SDM vol. 1 chapter 8 and vol. 2. Arithmetic is {@link F80}'s; here are the register stack,
 * its faults, the status word and memory. An instruction reads memory before it looks at the stack, and stores before it
 * changes any register, so that a page fault leaves everything as it was.
 *
 * <p>The last instruction's and operand's addresses are not recorded: only FNINIT, FLDENV, FRSTOR and FXRSTOR set them.
 */
public final class X87 {
    private static final int ES = 0x80;
    private static final int STACK_FAULT = 0x40;
    private static final int CODES = C0 | C1 | C2 | C3;
    private static final int TOP = 7 << 11;

    private static final int INDEFINITE_EXPONENT = 0xFFFF;
    private static final long INDEFINITE_SIGNIFICAND = 0xC000_0000_0000_0000L;

    private X87() {}

    // ---- availability, exceptions

    private static void checkAvailable(Cpu c) {
        if ((c.cr0 & 0xC) != 0) { // EM, TS
            throw c.deviceNotAvailable();
        }
    }

    /** A waiting instruction reports a pending unmasked exception first. */
    private static void checkPending(Cpu c) {
        if ((c.fpStatus & ES) != 0) {
            throw c.fault(16, -1);
        }
    }

    /** The checks of a waiting instruction; returns the context of its arithmetic, under the current control word. */
    private static F80Context begin(Cpu c) {
        checkAvailable(c);
        checkPending(c);
        c.fp.control = c.fpControl;
        return c.fp;
    }

    /** Recomputes the error summary and busy bits from exception flags and masks. */
    private static void summarise(Cpu c) {
        boolean pending = (c.fpStatus & ~c.fpControl & 0x3F) != 0;
        c.fpStatus = c.fpStatus & ~0x8080 | (pending ? 0x8080 : 0);
    }

    /** Adds an operation's exceptions to the status word, and replaces the condition codes in {@code which}. */
    private static void report(Cpu c, int flags, int codes, int which) {
        c.fpStatus = c.fpStatus & ~which | codes & which | flags;
        if (flags != 0) {
            summarise(c);
        }
    }

    /** Raises a stack fault, C1 telling overflow; true if it is masked, so that the indefinite is the result. */
    private static boolean overflow(Cpu c) {
        report(c, IE | STACK_FAULT, C1, C1);
        return (c.fpControl & IE) != 0;
    }

    private static boolean underflow(Cpu c) {
        report(c, IE | STACK_FAULT, 0, C1);
        return (c.fpControl & IE) != 0;
    }

    // ---- the register stack

    private static int physical(Cpu c, int i) {
        return (c.fpStatus >>> 11) + i & 7;
    }

    private static boolean isEmpty(Cpu c, int i) {
        return (c.fpTag >>> physical(c, i) & 1) == 0;
    }

    private static int exponent(Cpu c, int i) {
        return c.fpExponent[physical(c, i)] & 0xFFFF;
    }

    private static long significand(Cpu c, int i) {
        return c.fpSignificand[physical(c, i)];
    }

    private static void set(Cpu c, int i, int exponent, long significand) {
        int register = physical(c, i);
        c.fpExponent[register] = exponent;
        c.fpSignificand[register] = significand;
        c.fpTag |= 1 << register;
    }

    private static void setIndefinite(Cpu c, int i) {
        set(c, i, INDEFINITE_EXPONENT, INDEFINITE_SIGNIFICAND);
    }

    private static void rotate(Cpu c, int by) {
        c.fpStatus = c.fpStatus & ~TOP | c.fpStatus + (by << 11) & TOP;
    }

    private static void push(Cpu c, int exponent, long significand) {
        rotate(c, -1);
        set(c, 0, exponent, significand);
    }

    private static void pop(Cpu c) {
        c.fpTag &= ~(1 << physical(c, 0));
        rotate(c, 1);
    }

    private static void popIf(Cpu c, boolean wanted) {
        if (wanted) {
            pop(c);
        }
    }

    /** Whether there is no room to push; then the fault is raised and its masked response given. */
    private static boolean overflows(Cpu c) {
        if (isEmpty(c, 7)) {
            return false;
        }
        if (overflow(c)) {
            push(c, INDEFINITE_EXPONENT, INDEFINITE_SIGNIFICAND);
        }
        return true;
    }

    /** Whether ST(0) is missing; then the fault is raised and the indefinite put there. */
    private static boolean topMissing(Cpu c) {
        if (!isEmpty(c, 0)) {
            return false;
        }
        if (underflow(c)) {
            setIndefinite(c, 0);
        }
        return true;
    }

    // ---- control

    /** WAIT: SDM vol. 2. */
    public static void fwait(Cpu c) {
        if ((c.cr0 & 0xA) == 0xA) { // MP and TS
            throw c.deviceNotAvailable();
        }
        checkPending(c);
    }

    public static void fninit(Cpu c) {
        checkAvailable(c);
        reset(c);
    }

    /** What FNINIT and a RESET leave; the data registers keep their contents. */
    static void reset(Cpu c) {
        c.fpControl = 0x37F;
        c.fpStatus = 0;
        c.fpTag = 0;
        c.fpOpcode = 0;
        c.fpInstruction = 0;
        c.fpData = 0;
    }

    public static void fnclex(Cpu c) {
        checkAvailable(c);
        c.fpStatus &= ~0x80FF;
    }

    public static void fldcw(Cpu c, long address) {
        checkAvailable(c);
        checkPending(c);
        loadControl(c, Mem.ld16(c, address));
        summarise(c);
    }

    private static void loadControl(Cpu c, int control) {
        c.fpControl = control & 0x1F3F | 0x40;
    }

    public static int fnstcw(Cpu c) {
        checkAvailable(c);
        return c.fpControl;
    }

    public static int fnstsw(Cpu c) {
        checkAvailable(c);
        return c.fpStatus;
    }

    public static void emms(Cpu c) {
        if ((c.cr0 & 4) != 0) {
            throw c.invalidOpcode();
        }
        if ((c.cr0 & 8) != 0) {
            throw c.deviceNotAvailable();
        }
        checkPending(c);
        c.fpTag = 0;
        c.fpStatus &= ~TOP; // SDM vol. 3A, effects of MMX instructions on x87 state
    }

    public static void fnop(Cpu c) {
        begin(c);
    }

    /** FENI, FDISI, FSETPM: instructions of older coprocessors, which do nothing and do not wait. */
    public static void ignored(Cpu c) {
        checkAvailable(c);
    }

    public static void fdecstp(Cpu c) {
        begin(c);
        rotate(c, -1);
        c.fpStatus &= ~C1;
    }

    public static void fincstp(Cpu c) {
        begin(c);
        rotate(c, 1);
        c.fpStatus &= ~C1;
    }

    public static void ffree(Cpu c, long op) {
        begin(c);
        c.fpTag &= ~(1 << physical(c, Op.b(op)));
        c.fpStatus &= ~C1; // undefined by the manual; an AMD Zen 4 clears it
    }

    public static void ffreep(Cpu c, long op) {
        ffree(c, op);
        pop(c);
    }

    // ---- loads

    /** Pushes the context's result; nothing if an unmasked exception forbids it. */
    private static void finishLoad(Cpu c, F80Context f) {
        report(c, f.flags, f.codes, C1);
        if (!f.suppressed()) {
            push(c, f.se, f.sig);
        }
    }

    public static void loadSingle(Cpu c, long address) {
        F80Context f = begin(c);
        int bits = Mem.ld32(c, address);
        if (!overflows(c)) {
            F80Convert.load32(bits, f);
            finishLoad(c, f);
        }
    }

    public static void loadDouble(Cpu c, long address) {
        F80Context f = begin(c);
        long bits = Mem.ld64(c, address);
        if (!overflows(c)) {
            F80Convert.load64(bits, f);
            finishLoad(c, f);
        }
    }

    public static void loadExtended(Cpu c, long address) {
        begin(c);
        long significand = Mem.ld64(c, address);
        int exponent = Mem.ld16(c, address + 8);
        if (!overflows(c)) {
            c.fpStatus &= ~C1;
            push(c, exponent & 0xFFFF, significand);
        }
    }

    public static void loadInteger16(Cpu c, long address) {
        F80Context f = begin(c);
        loadInteger(c, f, (short) Mem.ld16(c, address));
    }

    public static void loadInteger32(Cpu c, long address) {
        F80Context f = begin(c);
        loadInteger(c, f, Mem.ld32(c, address));
    }

    public static void loadInteger64(Cpu c, long address) {
        F80Context f = begin(c);
        loadInteger(c, f, Mem.ld64(c, address));
    }

    private static void loadInteger(Cpu c, F80Context f, long value) {
        if (!overflows(c)) {
            F80Convert.loadInteger(value, f);
            finishLoad(c, f);
        }
    }

    public static void loadDecimal(Cpu c, long address) {
        F80Context f = begin(c);
        long low = Mem.ld64(c, address);
        int high = Mem.ld16(c, address + 8);
        if (!overflows(c)) {
            F80Convert.loadBcd(high & 0xFFFF, low, f);
            finishLoad(c, f);
        }
    }

    public static void load(Cpu c, long op) {
        begin(c);
        int i = Op.b(op);
        if (isEmpty(c, i)) { // reported before a missing place to push to
            if (underflow(c)) {
                push(c, INDEFINITE_EXPONENT, INDEFINITE_SIGNIFICAND);
            }
            return;
        }
        if (overflows(c)) {
            return;
        }
        c.fpStatus &= ~C1;
        push(c, exponent(c, i), significand(c, i));
    }

    // ---- stores

    private static boolean masked(Cpu c) {
        return (c.fpControl & IE) != 0;
    }

    /** Whether the store takes place; if an unmasked exception prevents it, memory must be writable all the same. */
    private static boolean stores(Cpu c, F80Context f, boolean missing, long address, int bytes) {
        boolean allowed = missing ? masked(c) : !f.storeSuppressed();
        if (!allowed) {
            c.mmu.probeWrite(address, bytes, Math.min(bytes, 8));
        }
        return allowed;
    }

    /** After the store, or instead of it: exceptions, and the pop if the store took place. */
    private static void finishStore(Cpu c, F80Context f, boolean missing, boolean pops) {
        if (missing) {
            underflow(c);
            popIf(c, pops && masked(c));
        } else {
            report(c, f.flags, f.codes, C1);
            popIf(c, pops && !f.storeSuppressed());
        }
    }

    public static void storeSingle(Cpu c, long address) {
        storeSingle(c, address, false);
    }

    public static void storeSinglePop(Cpu c, long address) {
        storeSingle(c, address, true);
    }

    private static void storeSingle(Cpu c, long address, boolean pops) {
        F80Context f = begin(c);
        boolean missing = isEmpty(c, 0);
        int value = missing ? 0xFFC0_0000 : F80Convert.store32(exponent(c, 0), significand(c, 0), f);
        if (stores(c, f, missing, address, 4)) {
            Mem.st32(c, address, value);
        }
        finishStore(c, f, missing, pops);
    }

    public static void storeDouble(Cpu c, long address) {
        storeDouble(c, address, false);
    }

    public static void storeDoublePop(Cpu c, long address) {
        storeDouble(c, address, true);
    }

    private static void storeDouble(Cpu c, long address, boolean pops) {
        F80Context f = begin(c);
        boolean missing = isEmpty(c, 0);
        long value = missing ? 0xFFF8L << 48 : F80Convert.store64(exponent(c, 0), significand(c, 0), f);
        if (stores(c, f, missing, address, 8)) {
            Mem.st64(c, address, value);
        }
        finishStore(c, f, missing, pops);
    }

    public static void storeExtendedPop(Cpu c, long address) {
        begin(c);
        boolean missing = isEmpty(c, 0);
        c.mmu.probeWrite(address, 10, 8);
        if (missing && !masked(c)) {
            underflow(c);
            return;
        }
        Mem.st64(c, address, missing ? INDEFINITE_SIGNIFICAND : significand(c, 0));
        Mem.st16(c, address + 8, missing ? INDEFINITE_EXPONENT : exponent(c, 0));
        if (missing) {
            underflow(c);
        } else {
            c.fpStatus &= ~C1;
        }
        pop(c);
    }

    public static void storeDecimalPop(Cpu c, long address) {
        F80Context f = begin(c);
        boolean missing = isEmpty(c, 0);
        long low = missing ? INDEFINITE_SIGNIFICAND : F80Convert.storeBcd(exponent(c, 0), significand(c, 0), f);
        if (stores(c, f, missing, address, 10)) {
            c.mmu.probeWrite(address, 10, 8);
            Mem.st64(c, address, low);
            Mem.st16(c, address + 8, missing ? INDEFINITE_EXPONENT : f.se);
        }
        finishStore(c, f, missing, true);
    }

    public static void storeInteger16(Cpu c, long address) {
        storeInteger(c, address, 16, false, false);
    }

    public static void storeInteger16Pop(Cpu c, long address) {
        storeInteger(c, address, 16, false, true);
    }

    public static void storeInteger32(Cpu c, long address) {
        storeInteger(c, address, 32, false, false);
    }

    public static void storeInteger32Pop(Cpu c, long address) {
        storeInteger(c, address, 32, false, true);
    }

    public static void storeInteger64Pop(Cpu c, long address) {
        storeInteger(c, address, 64, false, true);
    }

    public static void truncateInteger16(Cpu c, long address) {
        storeInteger(c, address, 16, true, true);
    }

    public static void truncateInteger32(Cpu c, long address) {
        storeInteger(c, address, 32, true, true);
    }

    public static void truncateInteger64(Cpu c, long address) {
        storeInteger(c, address, 64, true, true);
    }

    private static void storeInteger(Cpu c, long address, int bits, boolean truncates, boolean pops) {
        F80Context f = begin(c);
        boolean missing = isEmpty(c, 0);
        long value = missing ? -1L << bits - 1 : integer(exponent(c, 0), significand(c, 0), bits, truncates, f);
        if (stores(c, f, missing, address, bits / 8)) {
            switch (bits) {
                case 16 -> Mem.st16(c, address, (int) value);
                case 32 -> Mem.st32(c, address, (int) value);
                default -> Mem.st64(c, address, value);
            }
        }
        finishStore(c, f, missing, pops);
    }

    private static long integer(int exponent, long significand, int bits, boolean truncates, F80Context f) {
        return switch (bits) {
            case 16 ->
                truncates
                        ? F80Convert.truncateI16(exponent, significand, f)
                        : F80Convert.storeI16(exponent, significand, f);
            case 32 ->
                truncates
                        ? F80Convert.truncateI32(exponent, significand, f)
                        : F80Convert.storeI32(exponent, significand, f);
            default ->
                truncates
                        ? F80Convert.truncateI64(exponent, significand, f)
                        : F80Convert.storeI64(exponent, significand, f);
        };
    }

    public static void store(Cpu c, long op) {
        store(c, Op.b(op) & 7, false);
    }

    public static void storePop(Cpu c, long op) {
        store(c, Op.b(op) & 7, true);
    }

    /** The form of FSTP in D9, which finds nothing wrong with an empty ST(0). */
    public static void storePopUnchecked(Cpu c, long op) {
        begin(c);
        c.fpStatus &= ~C1;
        if (!isEmpty(c, 0)) {
            set(c, Op.b(op) & 7, exponent(c, 0), significand(c, 0));
        }
        pop(c);
    }

    private static void store(Cpu c, int i, boolean pops) {
        begin(c);
        if (isEmpty(c, 0)) {
            if (underflow(c)) {
                setIndefinite(c, i);
                popIf(c, pops);
            }
            return;
        }
        c.fpStatus &= ~C1;
        set(c, i, exponent(c, 0), significand(c, 0));
        popIf(c, pops);
    }

    public static void fxch(Cpu c, long op) {
        begin(c);
        int i = Op.b(op) & 7;
        if (isEmpty(c, 0) || isEmpty(c, i)) {
            if (!underflow(c)) {
                return;
            }
            if (isEmpty(c, 0)) {
                setIndefinite(c, 0);
            }
            if (isEmpty(c, i)) {
                setIndefinite(c, i);
            }
        } else {
            c.fpStatus &= ~C1;
        }
        int topExponent = exponent(c, 0);
        long topSignificand = significand(c, 0);
        set(c, 0, exponent(c, i), significand(c, i));
        set(c, i, topExponent, topSignificand);
    }

    /** FCMOVB, FCMOVE, FCMOVBE, FCMOVU by ModRM.reg. */
    public static void moveIf(Cpu c, long op) {
        move(c, op, true);
    }

    /** FCMOVNB, FCMOVNE, FCMOVNBE, FCMOVNU. */
    public static void moveIfNot(Cpu c, long op) {
        move(c, op, false);
    }

    private static void move(Cpu c, long op, boolean wanted) {
        begin(c);
        int i = Op.b(op) & 7;
        if (isEmpty(c, 0) || isEmpty(c, i)) {
            if (underflow(c)) {
                setIndefinite(c, 0);
            }
            return;
        }
        boolean holds = switch (Op.a(op) & 3) {
            case 0 -> Cond.b(c);
            case 1 -> Cond.e(c);
            case 2 -> Cond.be(c);
            default -> Cond.p(c);
        };
        if (holds == wanted) {
            set(c, 0, exponent(c, i), significand(c, i));
        }
    }

    // ---- arithmetic

    /**
     * The operation that ModRM.reg names in D8, ST(0) on the left: 0 FADD, 1 FMUL, 4 FSUB, 5 FSUBR, 6 FDIV, 7 FDIVR.
     */
    private static void operate(int reg, int ase, long asig, int bse, long bsig, F80Context f) {
        switch (reg) {
            case 0 -> F80.add(ase, asig, bse, bsig, f);
            case 1 -> F80.mul(ase, asig, bse, bsig, f);
            case 4 -> F80.sub(ase, asig, bse, bsig, f);
            case 5 -> F80.sub(bse, bsig, ase, asig, f);
            case 6 -> F80.div(ase, asig, bse, bsig, f);
            case 7 -> F80.div(bse, bsig, ase, asig, f);
            default -> throw new IllegalArgumentException("no arithmetic: " + reg);
        }
    }

    private static void finish(Cpu c, F80Context f, int i, boolean pops) {
        report(c, f.flags, f.codes, C1);
        if (!f.suppressed()) {
            set(c, i, f.se, f.sig);
            popIf(c, pops);
        }
    }

    /** A form with the second operand converted into the context, ST(0) not being empty. */
    private static void withConverted(Cpu c, long op, F80Context f) {
        int reg = Op.a(op) & 7;
        if ((reg & 6) == 2) {
            F80.compare(exponent(c, 0), significand(c, 0), f.se, f.sig, f);
            finishComparison(c, f, reg & 1);
        } else {
            operate(reg, exponent(c, 0), significand(c, 0), f.se, f.sig, f);
            finish(c, f, 0, false);
        }
    }

    /** ST(0) is missing for a form with a memory operand. */
    private static boolean memoryFormStops(Cpu c, long op) {
        if (!isEmpty(c, 0)) {
            return false;
        }
        int reg = Op.a(op) & 7;
        if ((reg & 6) == 2) {
            comparisonUnderflow(c, reg & 1);
        } else {
            topMissing(c);
        }
        return true;
    }

    public static void arithmeticSingle(Cpu c, long op) {
        F80Context f = begin(c);
        int bits = Mem.ld32(c, Mem.ea(c.r, op));
        if (!memoryFormStops(c, op)) {
            F80Convert.widen32(bits, f);
            withConverted(c, op, f);
        }
    }

    public static void arithmeticDouble(Cpu c, long op) {
        F80Context f = begin(c);
        long bits = Mem.ld64(c, Mem.ea(c.r, op));
        if (!memoryFormStops(c, op)) {
            F80Convert.widen64(bits, f);
            withConverted(c, op, f);
        }
    }

    public static void arithmeticInteger16(Cpu c, long op) {
        F80Context f = begin(c);
        int value = (short) Mem.ld16(c, Mem.ea(c.r, op));
        if (!memoryFormStops(c, op)) {
            F80Convert.loadInteger(value, f);
            withConverted(c, op, f);
        }
    }

    public static void arithmeticInteger32(Cpu c, long op) {
        F80Context f = begin(c);
        int value = Mem.ld32(c, Mem.ea(c.r, op));
        if (!memoryFormStops(c, op)) {
            F80Convert.loadInteger(value, f);
            withConverted(c, op, f);
        }
    }

    /** D8 with registers: the result to ST(0); FCOM and FCOMP among them. */
    public static void arithmeticTop(Cpu c, long op) {
        int reg = Op.a(op) & 7;
        if ((reg & 6) == 2) {
            compare(c, Op.b(op) & 7, true, reg & 1);
        } else {
            arithmetic(c, op, 0, false);
        }
    }

    /** DC with registers: the result to ST(i). */
    public static void arithmeticRegister(Cpu c, long op) {
        arithmetic(c, op, Op.b(op) & 7, false);
    }

    /** DE with registers: the result to ST(i), and a pop. */
    public static void arithmeticRegisterPop(Cpu c, long op) {
        arithmetic(c, op, Op.b(op) & 7, true);
    }

    private static void arithmetic(Cpu c, long op, int destination, boolean pops) {
        F80Context f = begin(c);
        int i = Op.b(op) & 7;
        if (isEmpty(c, 0) || isEmpty(c, i)) {
            if (underflow(c)) {
                setIndefinite(c, destination);
                popIf(c, pops);
            }
            return;
        }
        operate(Op.a(op) & 7, exponent(c, 0), significand(c, 0), exponent(c, i), significand(c, i), f);
        finish(c, f, destination, pops);
    }

    // ---- comparisons

    private static void finishComparison(Cpu c, F80Context f, int pops) {
        report(c, f.flags, f.codes, CODES);
        if (!f.suppressed()) {
            for (int i = 0; i < pops; i++) {
                pop(c);
            }
        }
    }

    private static void comparisonUnderflow(Cpu c, int pops) {
        report(c, IE | STACK_FAULT, C0 | C2 | C3, CODES);
        if (masked(c)) {
            for (int i = 0; i < pops; i++) {
                pop(c);
            }
        }
    }

    private static void compare(Cpu c, int i, boolean ordered, int pops) {
        F80Context f = begin(c);
        if (isEmpty(c, 0) || isEmpty(c, i)) {
            comparisonUnderflow(c, pops);
            return;
        }
        compareWith(c, i, ordered, f);
        finishComparison(c, f, pops);
    }

    private static void compareWith(Cpu c, int i, boolean ordered, F80Context f) {
        if (ordered) {
            F80.compare(exponent(c, 0), significand(c, 0), exponent(c, i), significand(c, i), f);
        } else {
            F80.compareUnordered(exponent(c, 0), significand(c, 0), exponent(c, i), significand(c, i), f);
        }
    }

    /** The form of FCOMP in DE. */
    public static void fcomp(Cpu c, long op) {
        compare(c, Op.b(op) & 7, true, 1);
    }

    public static void fcompp(Cpu c) {
        compare(c, 1, true, 2);
    }

    public static void fucom(Cpu c, long op) {
        compare(c, Op.b(op) & 7, false, 0);
    }

    public static void fucomp(Cpu c, long op) {
        compare(c, Op.b(op) & 7, false, 1);
    }

    public static void fucompp(Cpu c) {
        compare(c, 1, false, 2);
    }

    public static void fcomi(Cpu c, long op) {
        compareToFlags(c, Op.b(op) & 7, true, false);
    }

    public static void fcomip(Cpu c, long op) {
        compareToFlags(c, Op.b(op) & 7, true, true);
    }

    public static void fucomi(Cpu c, long op) {
        compareToFlags(c, Op.b(op) & 7, false, false);
    }

    public static void fucomip(Cpu c, long op) {
        compareToFlags(c, Op.b(op) & 7, false, true);
    }

    private static void compareToFlags(Cpu c, int i, boolean ordered, boolean pops) {
        F80Context f = begin(c);
        if (isEmpty(c, 0) || isEmpty(c, i)) {
            c.status(F80.codesAsFlags(C0 | C2 | C3));
            popIf(c, underflow(c) && pops);
            return;
        }
        compareWith(c, i, ordered, f);
        c.status(F80.codesAsFlags(f.codes));
        report(c, f.flags, 0, C1);
        popIf(c, pops && !f.suppressed());
    }

    public static void ftst(Cpu c) {
        F80Context f = begin(c);
        if (isEmpty(c, 0)) {
            comparisonUnderflow(c, 0);
            return;
        }
        F80.compare(exponent(c, 0), significand(c, 0), 0, 0, f);
        finishComparison(c, f, 0);
    }

    public static void fxam(Cpu c) {
        F80Context f = begin(c);
        F80.examine(exponent(c, 0), significand(c, 0), f);
        report(c, 0, isEmpty(c, 0) ? C3 | C0 | f.codes & C1 : f.codes, CODES);
    }

    // ---- ST(0) alone

    public static void fchs(Cpu c) {
        F80Context f = begin(c);
        if (!topMissing(c)) {
            F80.chs(exponent(c, 0), significand(c, 0), f);
            finish(c, f, 0, false);
        }
    }

    public static void fabs(Cpu c) {
        F80Context f = begin(c);
        if (!topMissing(c)) {
            F80.abs(exponent(c, 0), significand(c, 0), f);
            finish(c, f, 0, false);
        }
    }

    public static void fsqrt(Cpu c) {
        F80Context f = begin(c);
        if (!topMissing(c)) {
            F80.sqrt(exponent(c, 0), significand(c, 0), f);
            finish(c, f, 0, false);
        }
    }

    public static void frndint(Cpu c) {
        F80Context f = begin(c);
        if (!topMissing(c)) {
            F80.roundToInteger(exponent(c, 0), significand(c, 0), f);
            finish(c, f, 0, false);
        }
    }

    public static void f2xm1(Cpu c) {
        F80Context f = begin(c);
        if (!topMissing(c)) {
            F80Transcendental.exp2Minus1(exponent(c, 0), significand(c, 0), f);
            finish(c, f, 0, false);
        }
    }

    public static void fsin(Cpu c) {
        F80Context f = begin(c);
        c.fpStatus &= ~C2;
        if (!topMissing(c)) {
            F80Transcendental.sin(exponent(c, 0), significand(c, 0), f);
            finishTrigonometric(c, f);
        }
    }

    public static void fcos(Cpu c) {
        F80Context f = begin(c);
        c.fpStatus &= ~C2;
        if (!topMissing(c)) {
            F80Transcendental.cos(exponent(c, 0), significand(c, 0), f);
            finishTrigonometric(c, f);
        }
    }

    /** C2 says that the operand is out of range and stays. Returns whether there is a result. */
    private static boolean finishTrigonometric(Cpu c, F80Context f) {
        report(c, f.flags, f.codes, C1 | C2);
        if (f.suppressed() || (f.codes & C2) != 0) {
            return false;
        }
        set(c, 0, f.se, f.sig);
        return true;
    }

    /** Whether an operand or the room for a second result is missing; the masked response is two indefinites. */
    private static boolean twoResultsStop(Cpu c) {
        boolean missing = isEmpty(c, 0);
        if (!missing && isEmpty(c, 7)) {
            return false;
        }
        boolean proceeds = missing ? underflow(c) : overflow(c);
        if (proceeds) {
            setIndefinite(c, 0);
            push(c, INDEFINITE_EXPONENT, INDEFINITE_SIGNIFICAND);
        }
        return true;
    }

    public static void fsincos(Cpu c) {
        F80Context f = begin(c);
        c.fpStatus &= ~C2;
        if (!twoResultsStop(c)) {
            F80Transcendental.sincos(exponent(c, 0), significand(c, 0), f);
            if (finishTrigonometric(c, f)) {
                push(c, f.se2, f.sig2);
            }
        }
    }

    public static void fptan(Cpu c) {
        F80Context f = begin(c);
        c.fpStatus &= ~C2;
        if (!twoResultsStop(c)) {
            F80Transcendental.tan(exponent(c, 0), significand(c, 0), f);
            if (finishTrigonometric(c, f)) {
                push(c, f.se2, f.sig2);
            }
        }
    }

    public static void fxtract(Cpu c) {
        F80Context f = begin(c);
        if (!twoResultsStop(c)) {
            F80.extract(exponent(c, 0), significand(c, 0), f);
            finish(c, f, 0, false);
            if (!f.suppressed()) {
                push(c, f.se2, f.sig2);
            }
        }
    }

    // ---- ST(0) and ST(1)

    /** Whether ST(0) or ST(1) is missing; the masked response goes to ST({@code destination}), a pop following for 1. */
    private static boolean pairMissing(Cpu c, int destination) {
        if (!isEmpty(c, 0) && !isEmpty(c, 1)) {
            return false;
        }
        if (underflow(c)) {
            setIndefinite(c, destination);
            popIf(c, destination == 1);
        }
        return true;
    }

    public static void fscale(Cpu c) {
        F80Context f = begin(c);
        if (!pairMissing(c, 0)) {
            F80.scale(exponent(c, 0), significand(c, 0), exponent(c, 1), significand(c, 1), f);
            finish(c, f, 0, false);
        }
    }

    public static void fprem(Cpu c) {
        F80Context f = begin(c);
        c.fpStatus &= ~C2;
        if (!pairMissing(c, 0)) {
            F80.remainder(exponent(c, 0), significand(c, 0), exponent(c, 1), significand(c, 1), f);
            finishRemainder(c, f);
        }
    }

    public static void fprem1(Cpu c) {
        F80Context f = begin(c);
        c.fpStatus &= ~C2;
        if (!pairMissing(c, 0)) {
            F80.remainderIeee(exponent(c, 0), significand(c, 0), exponent(c, 1), significand(c, 1), f);
            finishRemainder(c, f);
        }
    }

    private static void finishRemainder(Cpu c, F80Context f) {
        boolean quotient = (f.flags & IE) == 0 && (f.se & F80.MAX_FIELD) != F80.MAX_FIELD;
        report(c, f.flags, f.codes, quotient ? CODES : C1 | C2); // without a quotient its bits stay
        if (!f.suppressed()) {
            set(c, 0, f.se, f.sig);
        }
    }

    public static void fpatan(Cpu c) {
        F80Context f = begin(c);
        if (!pairMissing(c, 1)) {
            F80Transcendental.patan(exponent(c, 0), significand(c, 0), exponent(c, 1), significand(c, 1), f);
            finish(c, f, 1, true);
        }
    }

    public static void fyl2x(Cpu c) {
        F80Context f = begin(c);
        if (!pairMissing(c, 1)) {
            F80Transcendental.yLog2(exponent(c, 0), significand(c, 0), exponent(c, 1), significand(c, 1), f);
            finish(c, f, 1, true);
        }
    }

    public static void fyl2xp1(Cpu c) {
        F80Context f = begin(c);
        if (!pairMissing(c, 1)) {
            F80Transcendental.yLog2Plus1(exponent(c, 0), significand(c, 0), exponent(c, 1), significand(c, 1), f);
            finish(c, f, 1, true);
        }
    }

    // ---- constants

    public static void fld1(Cpu c) {
        F80Context f = begin(c);
        F80.one(f);
        loadConstant(c, f);
    }

    public static void fldl2t(Cpu c) {
        F80Context f = begin(c);
        F80.log2Of10(f);
        loadConstant(c, f);
    }

    public static void fldl2e(Cpu c) {
        F80Context f = begin(c);
        F80.log2OfE(f);
        loadConstant(c, f);
    }

    public static void fldpi(Cpu c) {
        F80Context f = begin(c);
        F80.pi(f);
        loadConstant(c, f);
    }

    public static void fldlg2(Cpu c) {
        F80Context f = begin(c);
        F80.log10Of2(f);
        loadConstant(c, f);
    }

    public static void fldln2(Cpu c) {
        F80Context f = begin(c);
        F80.lnOf2(f);
        loadConstant(c, f);
    }

    public static void fldz(Cpu c) {
        F80Context f = begin(c);
        F80.zero(f);
        loadConstant(c, f);
    }

    private static void loadConstant(Cpu c, F80Context f) {
        if (!overflows(c)) {
            c.fpStatus &= ~C1;
            push(c, f.se, f.sig);
        }
    }

    // ---- environment (SDM vol. 1, figures 8-9 to 8-12)

    private static boolean realFormat(Cpu c) {
        return !c.protectedMode() || c.virtual8086();
    }

    private static int environmentBytes(boolean wide) {
        return wide ? 28 : 14;
    }

    /** The two bits per register that the environment has: 0 valid, 1 zero, 2 special, 3 empty. */
    private static int fullTag(Cpu c) {
        int tag = 0;
        for (int i = 0; i < 8; i++) {
            int field = c.fpExponent[i] & 0x7FFF;
            long significand = c.fpSignificand[i];
            int two;
            if ((c.fpTag >>> i & 1) == 0) {
                two = 3;
            } else if (field == 0 && significand == 0) {
                two = 1;
            } else {
                two = field == 0 || field == F80.MAX_FIELD || significand >= 0 ? 2 : 0;
            }
            tag |= two << 2 * i;
        }
        return tag;
    }

    /** Stores the environment; the caller has probed the whole area. Selectors are stored as zero, as FXSAVE does. */
    private static void storeEnvironment(Cpu c, long at, boolean wide) {
        int instruction = (int) c.fpInstruction;
        int data = (int) c.fpData;
        boolean real = realFormat(c);
        if (wide) {
            int unused = 0xFFFF_0000;
            Mem.st32(c, at, c.fpControl | unused);
            Mem.st32(c, at + 4, c.fpStatus | unused);
            Mem.st32(c, at + 8, fullTag(c) | unused);
            Mem.st32(c, at + 12, real ? instruction & 0xFFFF | unused : instruction);
            Mem.st32(c, at + 16, real ? instruction >>> 16 << 12 | c.fpOpcode & 0x7FF : (c.fpOpcode & 0x7FF) << 16);
            Mem.st32(c, at + 20, real ? data & 0xFFFF | unused : data);
            Mem.st32(c, at + 24, real ? data >>> 16 << 12 : unused);
        } else {
            Mem.st16(c, at, c.fpControl);
            Mem.st16(c, at + 2, c.fpStatus);
            Mem.st16(c, at + 4, fullTag(c));
            Mem.st16(c, at + 6, instruction);
            Mem.st16(c, at + 8, real ? (instruction >>> 16 & 15) << 12 | c.fpOpcode & 0x7FF : 0);
            Mem.st16(c, at + 10, data);
            Mem.st16(c, at + 12, real ? (data >>> 16 & 15) << 12 : 0);
        }
    }

    /** Reads an environment whole, as the seven fields of either format. */
    private static int[] readEnvironment(Cpu c, long at, boolean wide) {
        int[] field = new int[7];
        for (int i = 0; i < 7; i++) {
            field[i] = wide ? Mem.ld32(c, at + 4L * i) : Mem.ld16(c, at + 2L * i) & 0xFFFF;
        }
        return field;
    }

    private static void loadEnvironment(Cpu c, int[] field, boolean wide) {
        loadControl(c, field[0]);
        c.fpStatus = field[1] & 0xFFFF;
        c.fpTag = 0;
        for (int i = 0; i < 8; i++) {
            if ((field[2] >>> 2 * i & 3) != 3) {
                c.fpTag |= 1 << i;
            }
        }
        if (realFormat(c)) {
            int high = wide ? 0xFFFF : 15;
            c.fpInstruction = (field[3] & 0xFFFF | (field[4] >>> 12 & high) << 16) & 0xFFFF_FFFFL;
            c.fpOpcode = field[4] & 0x7FF;
            c.fpData = (field[5] & 0xFFFF | (field[6] >>> 12 & high) << 16) & 0xFFFF_FFFFL;
        } else {
            c.fpInstruction = field[3] & 0xFFFF_FFFFL;
            c.fpOpcode = wide ? field[4] >>> 16 & 0x7FF : 0;
            c.fpData = field[5] & 0xFFFF_FFFFL;
        }
        summarise(c);
    }

    public static void fldenv16(Cpu c, long address) {
        begin(c);
        loadEnvironment(c, readEnvironment(c, address, false), false);
    }

    public static void fldenv32(Cpu c, long address) {
        begin(c);
        loadEnvironment(c, readEnvironment(c, address, true), true);
    }

    public static void fldenv64(Cpu c, long address) {
        fldenv32(c, address);
    }

    public static void fnstenv16(Cpu c, long address) {
        storeEnvironmentAndMask(c, address, false);
    }

    public static void fnstenv32(Cpu c, long address) {
        storeEnvironmentAndMask(c, address, true);
    }

    public static void fnstenv64(Cpu c, long address) {
        storeEnvironmentAndMask(c, address, true);
    }

    private static void storeEnvironmentAndMask(Cpu c, long address, boolean wide) {
        checkAvailable(c);
        c.mmu.probeWrite(address, environmentBytes(wide), wide ? 4 : 2);
        storeEnvironment(c, address, wide);
        c.fpControl |= F80Context.EXCEPTIONS;
        summarise(c);
    }

    public static void frstor16(Cpu c, long address) {
        restore(c, address, false);
    }

    public static void frstor32(Cpu c, long address) {
        restore(c, address, true);
    }

    public static void frstor64(Cpu c, long address) {
        restore(c, address, true);
    }

    private static void restore(Cpu c, long address, boolean wide) {
        begin(c);
        int[] environment = readEnvironment(c, address, wide);
        long registers = address + environmentBytes(wide);
        long[] significands = new long[8];
        int[] exponents = new int[8];
        for (int i = 0; i < 8; i++) {
            for (int k = 0; k < 8; k += 2) { // words: the area need not be aligned to more, whatever AC says
                significands[i] |= (Mem.ld16(c, registers + 10L * i + k) & 0xFFFFL) << 8 * k;
            }
            exponents[i] = Mem.ld16(c, registers + 10L * i + 8) & 0xFFFF;
        }
        loadEnvironment(c, environment, wide);
        for (int i = 0; i < 8; i++) {
            c.fpSignificand[physical(c, i)] = significands[i];
            c.fpExponent[physical(c, i)] = exponents[i];
        }
    }

    public static void fnsave16(Cpu c, long address) {
        save(c, address, false);
    }

    public static void fnsave32(Cpu c, long address) {
        save(c, address, true);
    }

    public static void fnsave64(Cpu c, long address) {
        save(c, address, true);
    }

    private static void save(Cpu c, long address, boolean wide) {
        checkAvailable(c);
        c.mmu.probeWrite(address, environmentBytes(wide) + 80, wide ? 4 : 2);
        storeEnvironment(c, address, wide);
        long registers = address + environmentBytes(wide);
        for (int i = 0; i < 8; i++) {
            for (int k = 0; k < 8; k += 2) {
                Mem.st16(c, registers + 10L * i + k, (int) (significand(c, i) >>> 8 * k));
            }
            Mem.st16(c, registers + 10L * i + 8, exponent(c, i));
        }
        reset(c);
    }
}
