package redoubt.cpu;

/** The processor's view of its local APIC (SDM vol. 3A chapter 11). Implemented by the machine. */
public interface LocalApic {
    /** Whether an interrupt is deliverable, that is above the processor priority. */
    boolean pending();

    /** Accepts the highest deliverable interrupt (IRR to ISR) and returns its vector. */
    int acknowledge();

    /** IA32_APIC_BASE.BSP: INIT starts this processor at the reset vector, others wait for a start-up IPI. */
    default boolean isBootstrap() {
        return true;
    }

    /** IA32_APIC_BASE, IA32_TSC_DEADLINE and the x2APIC MSRs 0x800 to 0x8FF. Throws {@link MsrFault} for #GP. */
    long readMsr(int index);

    /** Likewise for writing. */
    void writeMsr(int index, long value);

    /** The guest has set its time-stamp counter: it now is the platform's plus {@code offset} (IA32_TSC_ADJUST). */
    default void tscOffset(long offset) {}

    /** CR8: task priority, bits 7:4. */
    int cr8();

    /** Sets CR8, 0 to 15. */
    void cr8(int priority);

    /** None: no interrupt is ever pending, and its MSRs do not exist. */
    LocalApic NONE = new LocalApic() {
        @Override
        public boolean pending() {
            return false;
        }

        @Override
        public int acknowledge() {
            throw new IllegalStateException("no interrupt is pending");
        }

        @Override
        public long readMsr(int index) {
            throw MsrFault.INSTANCE;
        }

        @Override
        public void writeMsr(int index, long value) {
            throw MsrFault.INSTANCE;
        }

        @Override
        public int cr8() {
            return 0;
        }

        @Override
        public void cr8(int priority) {}
    };
}
