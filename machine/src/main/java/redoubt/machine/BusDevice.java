package redoubt.machine;

/**
 * What the processor can read and write: a set of registers at offsets. A device knows neither its address nor which bus
 * it hangs on.
 */
public interface BusDevice {
    /**
     * Reads {@code size} bytes (1, 2, 4 or 8) at {@code offset} within the device; higher bits of the result are ignored.
     * The bus only passes accesses that lie wholly within the device.
     */
    long read(long offset, int size);

    /** Writes the low {@code size} bytes (1, 2, 4 or 8) of {@code value} at {@code offset} within the device. */
    void write(long offset, int size, long value);
}
