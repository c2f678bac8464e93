package redoubt.cpu;

/** Writes of CR0, CR3 and CR4 with the checks of MOV to control register: SDM vol. 2B MOV, vol. 3A 2.5, 4.1, 10.8.5. */
public final class ControlRegisters {
    private static final long PE = 1;
    private static final long ET = 0x10;
    private static final long NW = 0x2000_0000L;
    private static final long CD = 0x4000_0000L;
    private static final long PG = 0x8000_0000L;
    private static final long CR0_DEFINED = 0xE005_003FL;
    private static final long PAE = 0x20;
    private static final long PGE = 0x80;
    private static final long DE = 8;
    private static final long PCIDE = 0x20000;
    private static final long LME = 0x100;
    private static final long LMA = 0x400;

    private ControlRegisters() {}

    /** PAE paging with the four PDPTE registers. */
    private static boolean paePaging(long cr0, long cr4, long efer) {
        return (cr0 & PG) != 0 && (cr4 & PAE) != 0 && (efer & LME) == 0;
    }

    /** Writes CR0; enters and leaves IA-32e mode. */
    public static void cr0(Cpu c, long value) {
        if (value >>> 32 != 0
                || (value & (PG | PE)) == PG
                || (value & (NW | CD)) == NW
                || (value & PG) == 0 && (c.cr4 & PCIDE) != 0) {
            throw c.generalProtection(0);
        }
        long next = value & CR0_DEFINED | ET;
        long changed = next ^ c.cr0;
        long efer = c.efer;
        if ((changed & PG) != 0) {
            if ((next & PG) == 0) {
                if (c.codeMode == 64) {
                    throw c.generalProtection(0);
                }
                efer &= ~LMA;
            } else if ((efer & LME) != 0) {
                boolean tss32 = (c.trAccess & 8) != 0;
                if ((c.cr4 & PAE) == 0 || (c.segmentAccess[Segments.CS] & 0x2000) != 0 || !tss32) {
                    throw c.generalProtection(0);
                }
                efer |= LMA;
            }
        }
        if (paePaging(next, c.cr4, efer) && (changed & (PG | CD | NW)) != 0) {
            c.mmu.loadPdptes();
        }
        c.cr0 = next;
        c.efer = efer;
        if ((changed & PG) != 0) {
            c.mmu.flush();
        }
        Segments.modeChanged(c);
    }

    /** Writes CR3. Bit 63 with CR4.PCIDE allows to keep translations; they are not tagged here and go all the same. */
    public static void cr3(Cpu c, long value) {
        long next = value;
        if ((c.cr4 & PCIDE) != 0) {
            next &= Long.MAX_VALUE;
        }
        if (next >>> c.model.physicalBits() != 0) {
            throw c.generalProtection(0);
        }
        long old = c.cr3;
        c.cr3 = next;
        if (paePaging(c.cr0, c.cr4, c.efer)) {
            try {
                c.mmu.loadPdptes();
            } catch (GuestFault e) {
                c.cr3 = old;
                throw e;
            }
        }
        c.mmu.flushNonGlobal();
    }

    /** Writes CR4. */
    public static void cr4(Cpu c, long value) {
        boolean enablesPcid = (value & ~c.cr4 & PCIDE) != 0;
        if ((value & ~c.model.cr4Allowed()) != 0
                || c.longMode() && (value & PAE) == 0
                || enablesPcid && (!c.longMode() || (c.cr3 & 0xFFF) != 0)) {
            throw c.generalProtection(0);
        }
        long changed = value ^ c.cr4;
        if (paePaging(c.cr0, value, c.efer) && (changed & (PAE | PGE | 0x10 | 0x100000)) != 0) {
            c.mmu.loadPdptes();
        }
        c.cr4 = value;
        if ((changed & (PGE | PAE | 0x10 | PCIDE | 0x100000)) != 0) {
            c.mmu.flush();
        }
        if ((changed & DE) != 0) {
            c.breakpoints.changed();
        }
        c.mmu.contextChanged();
        c.leaveLoop();
    }
}
