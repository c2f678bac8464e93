package redoubt.cpu;

/**
 * Virtual-8086 mode: its instructions that are sensitive to IOPL, and its extensions (CR4.VME), by which these work on the
 * virtual interrupt flag and INT n goes to the 8086 program. SDM vol. 3B chapter 21, vol. 2 INT n, IRET, POPF, PUSHF.
 */
public final class Virtual8086 {
    private static final long CR4_VME = 1;
    /** Where a 32-bit TSS keeps the offset of its I/O permission bitmap. */
    private static final int IO_MAP = 0x66;
    /** Bytes of the interrupt redirection bitmap, which ends where the I/O permission bitmap begins. */
    private static final int REDIRECTION = 32;

    private Virtual8086() {}

    private static boolean trusted(Cpu c) {
        return (c.flags & Flags.IOPL) == Flags.IOPL;
    }

    private static boolean extended(Cpu c) {
        return (c.cr4 & CR4_VME) != 0;
    }

    /**
     * Whether PUSHF, POPF or IRET works on VIF now: in virtual-8086 mode with an IOPL below 3 and the extensions.
     *
     * @param bytes the operand size
     * @throws GuestFault #GP(0) if the instruction is the monitor's, in virtual-8086 mode with an IOPL below 3
     */
    public static boolean onVirtualFlag(Cpu c, int bytes) {
        if (!c.virtual8086() || trusted(c)) {
            return false;
        }
        if (!extended(c) || bytes != 2) {
            throw c.generalProtection(0);
        }
        return true;
    }

    /** FLAGS as the 8086 program sees them: VIF in the place of IF, IOPL 3. */
    public static long image(Cpu c) {
        long flags = c.rflags() & ~(long) Flags.IF | Flags.IOPL;
        return (flags & Flags.VIF) != 0 ? flags | Flags.IF : flags;
    }

    /**
     * Loads FLAGS that the 8086 program has had on its stack; IF becomes VIF.
     *
     * @throws GuestFault #GP(0) for a trap flag, and for an interrupt flag while an interrupt is pending
     */
    public static void load(Cpu c, long image) {
        if ((image & Flags.TF) != 0 || (image & Flags.IF) != 0 && (c.flags & Flags.VIP) != 0) {
            throw c.generalProtection(0);
        }
        long kept = ~0xFFFFL & ~(long) Flags.VIF | Flags.IF | Flags.IOPL;
        c.rflags(c.rflags() & kept | image & ~kept & 0xFFFF | ((image & Flags.IF) != 0 ? Flags.VIF : 0));
    }

    /** INT n in virtual-8086 mode: the six methods of table 21-2. */
    public static void interrupt(Cpu c, int vector) {
        if (extended(c) && redirected(c, vector)) {
            handOver(c, vector);
            return;
        }
        if (!trusted(c)) {
            throw c.generalProtection(0);
        }
        Interrupts.deliver(c, vector, -1, 0, Interrupts.SOFTWARE_INT);
    }

    /** Whether the task's bitmap has a 0 for the vector. */
    private static boolean redirected(Cpu c, int vector) {
        if (c.trLimit < IO_MAP + 1) {
            throw c.generalProtection(0);
        }
        long at = (c.mmu.sysLd16(c.trBase + IO_MAP) & 0xFFFF) - REDIRECTION + (vector >> 3);
        if (at < 0 || at > c.trLimit) {
            throw c.generalProtection(0);
        }
        return (c.mmu.sysLd8(c.trBase + at) >> (vector & 7) & 1) == 0;
    }

    /** Methods 5 and 6: through the interrupt table at linear address 0, as in real-address mode. */
    private static void handOver(Cpu c, int vector) {
        int entry = c.mmu.sysLd32(vector * 4L);
        TransferStack stack = TransferStack.current(c);
        stack.push(2, trusted(c) ? c.rflags() : image(c));
        stack.push(2, c.selector[Segments.CS]);
        stack.push(2, c.rip);
        stack.commit();
        c.flags &= ~(long) (Flags.TF | Flags.RF | (trusted(c) ? Flags.IF : Flags.VIF));
        c.singleStep = false;
        c.rip = entry & 0xFFFF;
        Segments.setCodeReal(c, entry >>> 16);
    }
}
