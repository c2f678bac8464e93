package redoubt.cpu;

/**
 * What MONITOR watches and MWAIT waits for: SDM vol. 2 MONITOR and MWAIT, vol. 3A 9.10.
 *
 * <p>Nobody tells of stores: whoever asks whether the processor is idle has the line compared with what it held when it was
 * armed. So a store by another processor or by a device ends the wait when the waiting one would get its turn. One that
 * changes nothing does not, nor do two of which the second undoes the first in between.
 */
public final class Monitor {
    private static final int LINE_BYTES = 64;

    private final Cpu c;
    private final long[] contents = new long[LINE_BYTES / 8];
    private long line;
    private boolean armed;
    private boolean waiting;
    private boolean interruptsEndIt;

    Monitor(Cpu c) {
        this.c = c;
    }

    /** MONITOR: watches the line of this linear address, which can be read; only if it is memory and no device's. */
    public void arm(long linear) {
        line = c.mmu.translate(linear, EnclaveUnit.READ) & -LINE_BYTES;
        armed = c.memory.hostAddress(line & -4096) != 0;
        for (int i = 0; armed && i < contents.length; i++) {
            contents[i] = c.memory.readSystem64(line + 8L * i);
        }
    }

    /**
     * MWAIT: halts the processor, unless nothing is watched any more.
     *
     * @param masked whether a maskable interrupt ends the wait also while RFLAGS.IF is clear
     */
    public void await(boolean masked) {
        waiting = armed;
        interruptsEndIt = masked;
        c.halted = armed;
        if (isOver()) {
            disarm();
            c.halted = false;
        }
    }

    /** An event came: what was watched is forgotten, and a wait is over. */
    void disarm() {
        armed = false;
        waiting = false;
    }

    /** Whether the processor waits for what has happened, so that it is halted no more. */
    boolean isOver() {
        return waiting && (interruptsEndIt && c.apic.pending() || written());
    }

    private boolean written() {
        for (int i = 0; i < contents.length; i++) {
            if (contents[i] != c.memory.readSystem64(line + 8L * i)) {
                return true;
            }
        }
        return false;
    }
}
