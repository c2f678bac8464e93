package redoubt.machine.device;

/** Pins of a local APIC that lead nowhere. */
public record UnconnectedPins() implements ProcessorPins {
    @Override
    public void interrupt() {}

    @Override
    public void nmi() {}

    @Override
    public void smi() {}

    @Override
    public void init() {}

    @Override
    public void startup(int vector) {}
}
