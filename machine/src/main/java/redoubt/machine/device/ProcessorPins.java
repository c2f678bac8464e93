package redoubt.machine.device;

/** What a local APIC can do to its processor. */
public interface ProcessorPins {
    /** {@link Lapic#pending()} may have become true: look before the next instruction. */
    void interrupt();

    /** A non-maskable interrupt, edge-triggered. */
    void nmi();

    /** A system-management interrupt; a processor without SMM ignores it. */
    void smi();

    /** INIT: the processor resets itself but for what SDM 3A table 10-1 keeps; an application processor waits. */
    void init();

    /** Start-up IPI: an application processor that waits starts in real mode at {@code vector << 12}. */
    void startup(int vector);
}
