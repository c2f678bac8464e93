package redoubt.cpu.insn;

import redoubt.cpu.Cpu;

/** Control instructions of the x87 and EMMS: SDM vol. 2. */
public final class X87 {
    private static final int ES = 0x80;

    private X87() {}

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

    /** Recomputes the error summary and busy bits from exception flags and masks. */
    private static void summarise(Cpu c) {
        boolean pending = (c.fpStatus & ~c.fpControl & 0x3F) != 0;
        c.fpStatus = c.fpStatus & ~0x8080 | (pending ? 0x8080 : 0);
    }

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

    public static void fldcw(Cpu c, int control) {
        checkAvailable(c);
        checkPending(c);
        c.fpControl = control & 0x1F3F | 0x40;
        summarise(c);
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
    }
}
