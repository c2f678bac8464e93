package redoubt.cpu;

import java.util.Arrays;

/** Initial states: SDM vol. 3A table 10-1 (RESET, INIT), 8.4 (SIPI), and the entry states of boot protocols. */
public final class Reset {
    private static final int SIGNATURE_LEAF = 1;

    private Reset() {}

    /** RESET or power-up. */
    public static void cold(Cpu c) {
        init(c);
        c.cr0 = 0x6000_0010;
        c.xcr0 = 1;
        c.pkru = 0;
        c.mxcsr = 0x1F80;
        Arrays.fill(c.x, 0);
        Arrays.fill(c.fpSignificand, 0);
        Arrays.fill(c.fpExponent, 0);
        c.fpControl = 0x40;
        c.fpStatus = 0;
        c.fpTag = 0xFF; // eight zeros, none of them empty
        c.fpOpcode = 0;
        c.fpInstruction = 0;
        c.fpData = 0;
        c.mmu.flush();
        c.mmu.contextChanged();
    }

    /** INIT: like RESET, but CR0.CD and CR0.NW, the x87 and vector state, XCR0 and the MSRs but EFER stay. */
    public static void init(Cpu c) {
        int[] out = new int[4];
        c.cr0 = c.cr0 & 0x6000_0000 | 0x10;
        c.cr2 = 0;
        c.cr3 = 0;
        c.cr4 = 0;
        c.efer = 0;
        Arrays.fill(c.r, 0);
        c.rflags(2);
        for (int segment = 0; segment < 6; segment++) {
            Segments.set(c, segment, 0, 0, 0xFFFF, 0x93);
        }
        Segments.set(c, Segments.CS, 0xF000, 0xFFFF_0000L, 0xFFFF, 0x9B);
        c.rip = 0xFFF0;
        c.gdtBase = 0;
        c.gdtLimit = 0xFFFF;
        c.idtBase = 0;
        c.idtLimit = 0xFFFF;
        c.ldtr = 0;
        c.ldtrBase = 0;
        c.ldtrLimit = 0xFFFF;
        c.ldtrAccess = 0x82;
        c.tr = 0;
        c.trBase = 0;
        c.trLimit = 0xFFFF;
        c.trAccess = 0x8B;
        Arrays.fill(c.dr, 0);
        c.dr[6] = 0xFFFF_0FF0L;
        c.dr[7] = 0x400;
        c.cpl = 0;
        c.breakpoints.changed();
        c.interruptShadow = false;
        c.debugShadow = false;
        c.debugPending = 0;
        c.halted = false;
        c.monitor.disarm();
        c.nmiPending = false;
        c.nmiBlocked = false;
        c.mmu.flush();
        Segments.modeChanged(c);
        c.model.cpuid(c, SIGNATURE_LEAF, 0, out);
        c.r[2] = out[0] & 0xFFFF_FFFFL;
    }

    /** A start-up IPI after INIT: execution begins at {@code vector} * 4096. */
    public static void startup(Cpu c, int vector) {
        Segments.set(c, Segments.CS, vector << 8, (long) vector << 12, 0xFFFF, 0x9B);
        c.rip = 0;
        c.halted = false;
        Segments.modeChanged(c);
    }

    /**
     * The entry state of the PVH boot protocol (Xen's {@code docs/misc/pvh.pandoc}): 32-bit protected mode, paging off, flat
     * segments; {@code ebx} is the physical address of the start information.
     */
    public static void pvh(Cpu c, int eip, int ebx) {
        c.cr0 = 0x11;
        c.cr3 = 0;
        c.cr4 = 0;
        c.efer = 0;
        c.rflags(2);
        for (int segment = 0; segment < 6; segment++) {
            Segments.set(c, segment, 0, 0, 0xFFFF_FFFFL, 0xC093);
        }
        Segments.set(c, Segments.CS, 0, 0, 0xFFFF_FFFFL, 0xC09B);
        c.tr = 0;
        c.trBase = 0;
        c.trLimit = 0x67;
        c.trAccess = 0x8B;
        c.r[3] = ebx & 0xFFFF_FFFFL;
        c.rip = eip & 0xFFFF_FFFFL;
        c.cpl = 0;
        c.halted = false;
        c.mmu.flush();
        Segments.modeChanged(c);
    }
}
