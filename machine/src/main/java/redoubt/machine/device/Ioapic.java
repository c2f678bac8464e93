package redoubt.machine.device;

import redoubt.machine.BusDevice;
import redoubt.machine.InterruptLine;

/**
 * An I/O APIC with 24 pins. Lines are logical: driven true is asserted, whichever polarity the guest programs.
 *
 * <p>Source: Intel 82093AA data sheet; the EOI register at offset 40H as in the ICH chip sets, told by version 20H.
 */
public final class Ioapic implements BusDevice {
    /** Number of pins. */
    public static final int PINS = 24;

    private static final int SELECT = 0x00;
    private static final int WINDOW = 0x10;
    private static final int EOI = 0x40;

    private static final int VERSION_VALUE = 0x20 | PINS - 1 << 16;

    private static final long VECTOR = 0xFF;
    private static final long LOGICAL = 1 << 11;
    private static final long REMOTE_IRR = 1 << 14;
    private static final long LEVEL = 1 << 15;
    private static final long MASKED = 1 << 16;
    private static final long WRITABLE_LOW = 0x1_AFFF;

    private final ApicBus bus;
    private final long[] entries = new long[PINS];
    private int id;
    private int select;
    private int asserted;

    /** Makes an I/O APIC with all pins masked. */
    public Ioapic(int id, ApicBus bus) {
        this.id = id;
        this.bus = bus;
        java.util.Arrays.fill(entries, MASKED);
        bus.add(this);
    }

    /** The wire to a pin. */
    public InterruptLine pin(int pin) {
        if (pin < 0 || pin >= PINS) {
            throw new IllegalArgumentException("I/O APIC pin " + pin + ": there are pins 0 to " + (PINS - 1));
        }
        return level -> drive(pin, level);
    }

    private void drive(int pin, boolean level) {
        int bit = 1 << pin;
        boolean rising = level && (asserted & bit) == 0;
        asserted = level ? asserted | bit : asserted & ~bit;
        if ((entries[pin] & LEVEL) != 0) {
            serveLevel(pin);
        } else if (rising && (entries[pin] & MASKED) == 0) {
            send(pin); // an edge on a masked pin is lost
        }
    }

    private void serveLevel(int pin) {
        if ((asserted & 1 << pin) != 0 && (entries[pin] & (LEVEL | MASKED | REMOTE_IRR)) == LEVEL && send(pin)) {
            entries[pin] |= REMOTE_IRR;
        }
    }

    private boolean send(int pin) {
        long entry = entries[pin];
        return bus.send(
                (int) (entry >>> 56),
                (entry & LOGICAL) != 0,
                (int) (entry >>> 8) & 7,
                (int) (entry & VECTOR),
                (entry & LEVEL) != 0);
    }

    /** A processor has served the vector: a level that is still there interrupts again. */
    void endOfInterrupt(int vector) {
        for (int pin = 0; pin < PINS; pin++) {
            if ((entries[pin] & (LEVEL | REMOTE_IRR)) == (LEVEL | REMOTE_IRR) && (entries[pin] & VECTOR) == vector) {
                entries[pin] &= ~REMOTE_IRR;
                serveLevel(pin);
            }
        }
    }

    @Override
    public long read(long offset, int size) {
        if (offset == SELECT) {
            return select;
        }
        return offset == WINDOW ? readRegister() & 0xFFFF_FFFFL : 0;
    }

    @Override
    public void write(long offset, int size, long value) {
        switch ((int) offset) {
            case SELECT -> select = (int) value & 0xFF;
            case WINDOW -> writeRegister(value & 0xFFFF_FFFFL);
            case EOI -> endOfInterrupt((int) value & 0xFF);
            default -> {} // reserved
        }
    }

    private long readRegister() {
        if (select >= 0x10 && select < 0x10 + 2 * PINS) {
            return entries[select - 0x10 >> 1] >>> ((select & 1) * 32);
        }
        return switch (select) {
            case 0, 2 -> (long) id << 24;
            case 1 -> VERSION_VALUE;
            default -> 0;
        };
    }

    private void writeRegister(long value) {
        if (select == 0) {
            id = (int) (value >>> 24) & 0xF;
        } else if (select >= 0x10 && select < 0x10 + 2 * PINS) {
            int pin = select - 0x10 >> 1;
            long entry = entries[pin];
            if ((select & 1) != 0) {
                entry = entry & 0xFFFF_FFFFL | value << 32;
            } else {
                entry = entry & ~WRITABLE_LOW | value & WRITABLE_LOW;
                if ((entry & LEVEL) == 0) {
                    entry &= ~REMOTE_IRR;
                }
            }
            entries[pin] = entry;
            serveLevel(pin);
        }
    }
}
