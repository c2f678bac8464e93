package redoubt.cpu;

import java.util.Arrays;

/**
 * What the debug registers watch: SDM vol. 3B 18.2. Kept apart from the registers so that what does not meet a breakpoint
 * costs nothing: a page with one has no TLB entry, a page of code with one is run instruction by instruction, and only
 * there is anybody asked here.
 *
 * <p>A data breakpoint is a trap of the instruction that hit it. When one is met in the middle of a block, the instruction
 * is begun again alone ({@link Resync}), as it would be after a page fault; then the hit is noted in
 * {@link Cpu#debugPending}.
 */
public final class Breakpoints {
    private static final int EXECUTE = 0;
    private static final int WRITE = 1;
    private static final int PORT = 2;
    private static final long CR4_DE = 8;

    private final Cpu c;

    /** Numbers of the enabled breakpoints, as bits, by kind (DR7.RW). */
    private final int[] enabled = new int[4];

    private final long[] mask = new long[4];

    Breakpoints(Cpu c) {
        this.c = c;
    }

    /** After a write of a debug register or CR4. */
    public void changed() {
        boolean before = watchesMemory();
        Arrays.fill(enabled, 0);
        int dr7 = (int) c.dr[7];
        for (int i = 0; i < 4; i++) {
            int kind = dr7 >> 16 + 4 * i & 3;
            boolean on = (dr7 >> 2 * i & 3) != 0 && (kind != PORT || (c.cr4 & CR4_DE) != 0);
            int length = new int[] {1, 2, 8, 4}[dr7 >> 18 + 4 * i & 3];
            enabled[kind] |= on ? 1 << i : 0;
            mask[i] = kind == EXECUTE ? -1 : -length;
        }
        if (before || watchesMemory()) {
            c.mmu.flush();
        }
    }

    private boolean watchesMemory() {
        return (enabled[EXECUTE] | enabled[WRITE] | enabled[3]) != 0;
    }

    /** The breakpoints of these numbers whose range meets the bytes from {@code from} on. */
    private int hits(int numbers, long from, int bytes) {
        int hits = 0;
        for (int i = 0; i < 4; i++) {
            if ((numbers >> i & 1) != 0) {
                long start = c.dr[i] & mask[i];
                boolean meets = from >= start ? from - start < -mask[i] : start - from < bytes;
                hits |= meets ? 1 << i : 0;
            }
        }
        return hits;
    }

    // ---- data

    /** Whether there is any data breakpoint. */
    boolean onData() {
        return (enabled[WRITE] | enabled[3]) != 0;
    }

    /** Whether there is one in the page of this address. */
    boolean onData(long linear) {
        return onData() && hits(enabled[WRITE] | enabled[3], linear & -4096, 4096) != 0;
    }

    /** An access on the slow path, or by a leaf of ENCLU; a write has not been done yet. */
    public void data(long linear, int bytes, boolean write) {
        if (!onData() || c.enclave.debugOptOut() && c.enclave.inElrange(linear)) {
            return;
        }
        int hits = hits(enabled[3] | (write ? enabled[WRITE] : 0), linear, bytes);
        if (hits != 0) {
            if (!c.stepping) {
                throw c.stepAlone();
            }
            c.debugPending |= hits;
        }
    }

    /** A write that will follow. */
    void dataAhead(long linear, int bytes) {
        if (onData() && !c.stepping) {
            data(linear, bytes, true);
        }
    }

    /** Puts the traps that are due into DR6, as the #DB does that is about to be delivered for them. */
    public void report() {
        c.dr[6] = c.dr[6] & ~0xFL | c.debugPending;
        c.debugPending = 0;
    }

    // ---- ports

    /** An access to an I/O port. */
    public void port(int port, int bytes) {
        if (enabled[PORT] != 0) {
            c.debugPending |= hits(enabled[PORT], port, bytes);
        }
    }

    // ---- instructions

    /** Whether there is an instruction breakpoint in the page of this address. */
    boolean onCode(long linear) {
        return enabled[EXECUTE] != 0 && hits(enabled[EXECUTE], linear & -4096, 4096) != 0;
    }

    /**
     * Before an instruction is executed, in a page with a breakpoint.
     *
     * @throws GuestFault #DB when there is one here and nothing holds it off
     */
    void instruction(long linear) {
        if (c.debugHeldOff || c.enclave.debugOptOut()) {
            return;
        }
        int hits = hits(enabled[EXECUTE], linear, 1);
        if (hits != 0) {
            c.dr[6] = c.dr[6] & ~0xFL | hits;
            throw c.fault(1, -1);
        }
    }
}
