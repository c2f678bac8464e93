package redoubt.machine.device;

import redoubt.machine.BusDevice;
import redoubt.machine.Clock;
import redoubt.machine.InterruptLine;

/**
 * ACPI's fixed hardware: the PM1 block with the power button, the PM timer, the sleep control register of reduced
 * hardware, the reset register, and the system control port 92H with its fast reset. The machine is always in ACPI mode.
 *
 * <p>Source: ACPI 6.4, 4.8 "ACPI hardware specification"; reset register CF9H as in Intel's chip sets.
 */
public final class AcpiPower {
    /** What the guest asks of the machine. */
    public interface Requests {
        /** Soft-off (S5). */
        void powerOff();

        /** Reset of the whole machine. */
        void reset();
    }

    /** Ticks a second of the PM timer. */
    public static final long PM_TIMER_HERTZ = 3_579_545;

    private static final int STATUS_POWER_BUTTON = 1 << 8;
    private static final int STATUS_WAKE = 1 << 15;
    /** Enables of the RTC, sleep button, power button and global lock: an OS reads back what it wrote. */
    private static final int ENABLE_WRITABLE = 0x720;

    private static final int CONTROL_SCI = 1;
    private static final int SLEEP_ENABLE_PM1 = 1 << 13;
    private static final int SLEEP_ENABLE = 1 << 5;
    private static final long SECOND = 1_000_000_000L;

    private final Clock clock;
    private final InterruptLine sci;
    private final int sleepTypeOff;
    private final Requests requests;
    private int status;
    private int enable;
    private int control;
    private int reset;
    private int systemControl;

    /**
     * Makes the block.
     *
     * @param sleepTypeOff SLP_TYP that means soft-off, as {@code \_S5} tells it
     */
    public AcpiPower(Clock clock, InterruptLine sci, int sleepTypeOff, Requests requests) {
        this.clock = clock;
        this.sci = sci;
        this.sleepTypeOff = sleepTypeOff;
        this.requests = requests;
    }

    /** Somebody pressed the power button. */
    public void pressPowerButton() {
        status |= STATUS_POWER_BUTTON;
        update();
    }

    private void update() {
        sci.set((status & enable) != 0);
    }

    /** PM1 event block: status, then enable, two bytes each. */
    public BusDevice eventPorts() {
        return new BusDevice() {
            @Override
            public long read(long offset, int size) {
                return (status | (long) enable << 16) >>> offset * 8;
            }

            @Override
            public void write(long offset, int size, long value) {
                long shifted = value << offset * 8;
                long mask = (1L << size * 8) - 1 << offset * 8;
                status &= ~(int) (shifted & mask & 0xFFFF); // written ones clear
                int enableMask = (int) (mask >>> 16) & ENABLE_WRITABLE;
                enable = enable & ~enableMask | (int) (shifted >>> 16) & enableMask;
                update();
            }
        };
    }

    /** PM1 control register, two bytes. */
    public BusDevice controlPorts() {
        return new BusDevice() {
            @Override
            public long read(long offset, int size) {
                return (long) (control | CONTROL_SCI) >>> offset * 8;
            }

            @Override
            public void write(long offset, int size, long value) {
                int shifted = (int) (value << offset * 8);
                int mask = (int) ((1L << size * 8) - 1 << offset * 8);
                control = (control & ~mask | shifted & mask) & 0x1C06;
                if ((shifted & mask & SLEEP_ENABLE_PM1) != 0) {
                    sleep(control >> 10 & 7);
                }
            }
        };
    }

    private void sleep(int type) {
        if (type == sleepTypeOff) {
            requests.powerOff();
        }
    }

    /** The PM timer: 32 bits, read-only. */
    public BusDevice timerPorts() {
        return new BusDevice() {
            @Override
            public long read(long offset, int size) {
                long nanos = clock.nanos();
                long ticks = nanos / SECOND * PM_TIMER_HERTZ + nanos % SECOND * PM_TIMER_HERTZ / SECOND;
                return (ticks & 0xFFFF_FFFFL) >>> offset * 8;
            }

            @Override
            public void write(long offset, int size, long value) {
                // read-only
            }
        };
    }

    /** Sleep control and sleep status of reduced hardware, a byte each. */
    public BusDevice sleepPorts() {
        return new BusDevice() {
            private int sleepControl;

            @Override
            public long read(long offset, int size) {
                return offset == 0 ? sleepControl : status >>> 8 & STATUS_WAKE >> 8;
            }

            @Override
            public void write(long offset, int size, long value) {
                if (offset == 0) {
                    sleepControl = (int) value & 0x1C;
                    if ((value & SLEEP_ENABLE) != 0) {
                        sleep(sleepControl >> 2);
                    }
                }
            }
        };
    }

    /**
     * Ports CF8H to CFBH: byte CF9H is the reset register, bit 2 of which resets when it rises. Doublewords written here
     * select a PCI function on other machines and must not reset ours, which has no PCI and gives ones.
     */
    public BusDevice resetPorts() {
        return new BusDevice() {
            @Override
            public long read(long offset, int size) {
                return offset == 1 && size == 1 ? reset : -1;
            }

            @Override
            public void write(long offset, int size, long value) {
                if (offset == 1 && size == 1) {
                    boolean rise = (value & 4) != 0 && (reset & 4) == 0;
                    reset = (int) value & 0xE;
                    if (rise) {
                        requests.reset();
                    }
                }
            }
        };
    }

    /** System control port A at 92H: bit 0 resets; the A20 gate in bit 1 is always open. */
    public BusDevice systemControlPort() {
        return new BusDevice() {
            @Override
            public long read(long offset, int size) {
                return systemControl | 2;
            }

            @Override
            public void write(long offset, int size, long value) {
                boolean rise = (value & 1) != 0 && (systemControl & 1) == 0;
                systemControl = (int) value & 1;
                if (rise) {
                    requests.reset();
                }
            }
        };
    }
}
