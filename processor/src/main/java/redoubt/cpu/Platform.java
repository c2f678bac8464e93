package redoubt.cpu;

/** What the processor reaches outside its package, apart from memory. */
public interface Platform {
    /** Whether {@link #in} and {@link #out} serve this port; if not, the run ends and its caller does (see {@link IoExits}). */
    default boolean handlesPort(int port) {
        return true;
    }

    /** Reads an I/O port; {@code size} is 1, 2 or 4 bytes. */
    int in(int port, int size);

    /** Writes an I/O port. */
    void out(int port, int size, int value);

    /** The time-stamp counter for a given number of retired instructions. */
    long tsc(long instructions);

    /** A fresh random number, from the VM's seed. */
    long random();

    /** None: ports that nothing answers, time that is the count of instructions, 0 for every random number. */
    Platform NONE = new Platform() {
        @Override
        public int in(int port, int size) {
            return -1;
        }

        @Override
        public void out(int port, int size, int value) {}

        @Override
        public long tsc(long instructions) {
            return instructions;
        }

        @Override
        public long random() {
            return 0;
        }
    };
}
