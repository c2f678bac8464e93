package redoubt.machine.device;

import org.jspecify.annotations.Nullable;
import redoubt.machine.BusDevice;
import redoubt.machine.Clock;
import redoubt.machine.InterruptLine;

/**
 * The Intel 8254 interval timer: three counters, of which the first drives ISA interrupt 0 and the third the speaker
 * gate in port 61H, which Linux measures time with.
 *
 * <p>Nothing ticks: a count is worked out from the time since it was loaded, and only counter 0's next rising edge waits
 * in the clock.
 *
 * <p>Limitations: a count that is loaded while the counter runs in mode 2 or 3 takes effect at once, not at the period's
 * end.
 *
 * <p>Source: Intel 8254 data sheet.
 */
public final class Pit implements BusDevice {
    /** Ticks a second of the input. */
    public static final long HERTZ = 1_193_182;

    private static final long SECOND = 1_000_000_000L;
    private static final long REFRESH_NANOS = 15_085;

    private final Clock clock;
    private final InterruptLine interrupt;
    private final Counter[] counters = {new Counter(true), new Counter(true), new Counter(false)};
    private boolean speaker;
    private Clock.@Nullable Timer timer;

    private final class Counter {
        private boolean gate;
        private int mode;
        private boolean bcd;
        /** 1 low byte, 2 high byte, 3 both. */
        private int access = 3;

        private boolean highWriteNext;
        private boolean highReadNext;
        private int lowWritten;

        /** 1 to 65536 (10000 in BCD); 0 as long as none was loaded. */
        private int initial;
        /** Tick at which counting began, while it runs. */
        private long start;

        private boolean running;
        /** Ticks done before the gate stopped the count. */
        private long done;

        private int latched = -1;
        private int latchedStatus = -1;

        Counter(boolean gate) {
            this.gate = gate;
        }

        private long elapsed() {
            return running ? Math.max(0, ticks() - start) : done;
        }

        private boolean isPeriodic() {
            return mode == 2 || mode == 3;
        }

        private boolean needsTrigger() {
            return mode == 1 || mode == 5;
        }

        void control(int word) {
            mode = word >> 1 & 7;
            mode = mode > 5 ? mode & 3 : mode;
            bcd = (word & 1) != 0;
            access = word >> 4 & 3;
            highWriteNext = false;
            highReadNext = false;
            latched = -1;
            latchedStatus = -1;
            initial = 0;
            running = false;
            done = 0;
        }

        void write(int octet) {
            if (access == 3 && !highWriteNext) {
                lowWritten = octet;
                highWriteNext = true;
                if (mode == 0) {
                    running = false; // the first byte stops the count
                    initial = 0;
                }
                return;
            }
            int value = access == 1 ? octet : access == 2 ? octet << 8 : lowWritten | octet << 8;
            highWriteNext = false;
            load(value);
        }

        private void load(int value) {
            int count = bcd ? fromBcd(value) : value;
            initial = count == 0 ? bcd ? 10_000 : 65_536 : count;
            done = 0;
            running = false;
            if (!needsTrigger() && gate) {
                begin();
            }
        }

        private void begin() {
            start = ticks() + (isPeriodic() ? 0 : 1) - done; // the count is loaded by one clock of its own
            running = true;
        }

        void gate(boolean level) {
            if (level == gate) {
                return;
            }
            gate = level;
            if (initial == 0) {
                return;
            }
            if (level && (needsTrigger() || isPeriodic())) {
                done = 0;
                begin();
            } else if (level) {
                begin();
            } else if (!needsTrigger()) {
                done = elapsed();
                running = false;
            }
        }

        /** Level of the output. */
        boolean output() {
            if (initial == 0) {
                return mode != 0;
            }
            long elapsed = elapsed();
            boolean counting = running || done > 0;
            return switch (mode) {
                case 0 -> elapsed >= initial;
                case 1 -> !counting || elapsed >= initial;
                case 2 -> !gate || elapsed % initial != initial - 1;
                case 3 -> !gate || elapsed % initial < (initial + 1) / 2;
                default -> elapsed != initial;
            };
        }

        /** The value of the counting element. */
        int count() {
            if (initial == 0) {
                return 0;
            }
            long elapsed = elapsed();
            int modulus = bcd ? 10_000 : 65_536;
            long value = switch (mode) {
                case 2 -> initial - elapsed % initial;
                case 3 -> {
                    int high = (initial + 1) / 2;
                    long within = elapsed % initial;
                    long half = within < high ? within : within - high;
                    yield (initial & ~1) - 2 * Math.min(half, (initial & ~1) / 2 - 1);
                }
                default -> Math.floorMod(initial - elapsed, (long) modulus);
            };
            int low = (int) Math.floorMod(value, (long) modulus);
            return bcd ? toBcd(low) : low & 0xFFFF;
        }

        /** Tick of the output's next rising edge after now, or {@link Long#MAX_VALUE}. */
        long nextRise() {
            if (!running || initial == 0) {
                return Long.MAX_VALUE;
            }
            long elapsed = ticks() - start;
            if (isPeriodic()) {
                return start + (Math.floorDiv(elapsed, (long) initial) + 1) * initial;
            }
            long rise = mode == 4 || mode == 5 ? initial + 1 : initial;
            return elapsed < rise ? start + rise : Long.MAX_VALUE;
        }

        void latchCount() {
            if (latched < 0) {
                latched = count();
            }
        }

        void latchStatus() {
            if (latchedStatus < 0) {
                latchedStatus =
                        (output() ? 0x80 : 0) | (initial == 0 ? 0x40 : 0) | access << 4 | mode << 1 | (bcd ? 1 : 0);
            }
        }

        int read() {
            if (latchedStatus >= 0) {
                int status = latchedStatus;
                latchedStatus = -1;
                return status;
            }
            int value = latched >= 0 ? latched : count();
            boolean high = access == 2 || access == 3 && highReadNext;
            if (access == 3) {
                highReadNext = !highReadNext;
            }
            if (access != 3 || !highReadNext) {
                latched = -1;
            }
            return high ? value >> 8 : value & 0xFF;
        }
    }

    /** Makes a timer whose counters wait for their first control word. */
    public Pit(Clock clock, InterruptLine interrupt) {
        this.clock = clock;
        this.interrupt = interrupt;
    }

    private static int fromBcd(int value) {
        return (value >> 12) * 1000 + (value >> 8 & 15) * 100 + (value >> 4 & 15) * 10 + (value & 15);
    }

    private static int toBcd(int value) {
        return value / 1000 % 10 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10;
    }

    /** Ticks of the input since time zero. */
    private long ticks() {
        long nanos = clock.nanos();
        return nanos / SECOND * HERTZ + nanos % SECOND * HERTZ / SECOND;
    }

    /** The first nanosecond at which {@code ticks} ticks have been. */
    private static long nanosOf(long ticks) {
        return ticks / HERTZ * SECOND + (ticks % HERTZ * SECOND + HERTZ - 1) / HERTZ;
    }

    @Override
    public long read(long offset, int size) {
        return offset < 3 ? counters[(int) offset].read() : 0xFF;
    }

    @Override
    public void write(long offset, int size, long value) {
        int octet = (int) value & 0xFF;
        if (offset < 3) {
            counters[(int) offset].write(octet);
        } else {
            writeControl(octet);
        }
        if (offset == 0 || offset == 3) {
            schedule();
        }
    }

    private void writeControl(int word) {
        int select = word >> 6;
        if (select == 3) {
            for (int i = 0; i < 3; i++) {
                if ((word & 2 << i) != 0) {
                    if ((word & 0x20) == 0) {
                        counters[i].latchCount();
                    }
                    if ((word & 0x10) == 0) {
                        counters[i].latchStatus();
                    }
                }
            }
        } else if ((word & 0x30) == 0) {
            counters[select].latchCount();
        } else {
            counters[select].control(word);
        }
    }

    private void schedule() {
        if (timer != null) {
            timer.cancel();
            timer = null;
        }
        if (counters[0].mode == 0 && !counters[0].output()) {
            interrupt.set(false);
        }
        long rise = counters[0].nextRise();
        if (rise != Long.MAX_VALUE) {
            timer = clock.schedule(nanosOf(rise), this::rise);
        }
    }

    private void rise() {
        timer = null;
        interrupt.set(false);
        interrupt.set(true);
        schedule();
    }

    /** Port 61H: gate of counter 2 and the speaker to be written, counter 2's output and the refresh toggle to be read. */
    public BusDevice controlPort() {
        return new BusDevice() {
            @Override
            public long read(long offset, int size) {
                Counter third = counters[2];
                return (third.gate ? 1 : 0)
                        | (speaker ? 2 : 0)
                        | (clock.nanos() / REFRESH_NANOS & 1) << 4
                        | (third.output() ? 0x20 : 0);
            }

            @Override
            public void write(long offset, int size, long value) {
                counters[2].gate((value & 1) != 0);
                speaker = (value & 2) != 0;
            }
        };
    }
}
