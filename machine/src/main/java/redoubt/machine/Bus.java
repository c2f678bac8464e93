package redoubt.machine;

import java.util.ArrayList;
import java.util.List;

/**
 * An address space of devices: the I/O ports, or physical memory outside RAM. Reads that no device claims give all ones
 * and writes vanish, as on a PC's bus, where nobody pulls the data lines down.
 *
 * <p>An access that is only partly within a device is split into bytes, so that for example a four-byte read at a
 * device's last register sees that register and ones behind it.
 */
public final class Bus {
    /** One device's place, for the monitor and for messages. */
    public record Mapping(String device, long base, long lengthBytes) {
        private long last() {
            return base + lengthBytes - 1;
        }
    }

    private static final int STEP = 8;

    private final String name;
    private final List<Mapping> mappings = new ArrayList<>();
    private long[] bases = new long[STEP];
    private long[] lengths = new long[STEP];
    private BusDevice[] devices = new BusDevice[STEP];
    private int count;
    private int lastHit;

    /** Makes an empty bus; {@code name} is for messages, as "port" or "memory". */
    public Bus(String name) {
        this.name = name;
    }

    /**
     * Gives a device a range of addresses.
     *
     * @throws IllegalArgumentException if another device has part of it; names both and where
     */
    public void map(String device, long base, long lengthBytes, BusDevice registers) {
        var mapping = new Mapping(device, base, lengthBytes);
        if (base < 0 || lengthBytes <= 0 || mapping.last() < base) {
            throw new IllegalArgumentException(
                    name + " bus: " + device + " wants " + lengthBytes + " bytes at 0x" + Long.toHexString(base));
        }
        int at = 0;
        while (at < count && bases[at] <= base) {
            at++;
        }
        refuseOverlap(mapping, at - 1);
        refuseOverlap(mapping, at);
        if (count == devices.length) {
            bases = java.util.Arrays.copyOf(bases, count + STEP);
            lengths = java.util.Arrays.copyOf(lengths, count + STEP);
            devices = java.util.Arrays.copyOf(devices, count + STEP);
        }
        System.arraycopy(bases, at, bases, at + 1, count - at);
        System.arraycopy(lengths, at, lengths, at + 1, count - at);
        System.arraycopy(devices, at, devices, at + 1, count - at);
        bases[at] = base;
        lengths[at] = lengthBytes;
        devices[at] = registers;
        mappings.add(at, mapping);
        count++;
        lastHit = at;
    }

    private void refuseOverlap(Mapping wanted, int at) {
        if (at >= 0 && at < count) {
            Mapping there = mappings.get(at);
            if (wanted.base <= there.last() && there.base <= wanted.last()) {
                throw new IllegalArgumentException(String.format(
                        "%s bus: %s at 0x%x..0x%x overlaps %s at 0x%x..0x%x",
                        name, wanted.device, wanted.base, wanted.last(), there.device, there.base, there.last()));
            }
        }
    }

    /** All devices in ascending order of address. */
    public List<Mapping> mappings() {
        return List.copyOf(mappings);
    }

    /** Reads {@code size} bytes (1, 2, 4 or 8), little-endian. */
    public long read(long address, int size) {
        int at = find(address);
        if (at >= 0 && address - bases[at] <= lengths[at] - size) {
            long value = devices[at].read(address - bases[at], size);
            return size == 8 ? value : value & (1L << (size * 8)) - 1;
        }
        if (size == 1) {
            return 0xFF;
        }
        long value = 0;
        for (int i = 0; i < size; i++) {
            value |= read(address + i, 1) << (i * 8);
        }
        return value;
    }

    /** Writes the low {@code size} bytes (1, 2, 4 or 8) of {@code value}. */
    public void write(long address, int size, long value) {
        int at = find(address);
        if (at >= 0 && address - bases[at] <= lengths[at] - size) {
            devices[at].write(address - bases[at], size, size == 8 ? value : value & (1L << (size * 8)) - 1);
        } else if (size > 1) {
            for (int i = 0; i < size; i++) {
                write(address + i, 1, value >>> (i * 8) & 0xFF);
            }
        }
    }

    /** Index of the device that has {@code address}, or -1. */
    private int find(long address) {
        if (count > 0 && address >= bases[lastHit] && address - bases[lastHit] < lengths[lastHit]) {
            return lastHit;
        }
        int low = 0;
        int high = count - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            if (address < bases[middle]) {
                high = middle - 1;
            } else if (address - bases[middle] >= lengths[middle]) {
                low = middle + 1;
            } else {
                lastHit = middle;
                return middle;
            }
        }
        return -1;
    }
}
