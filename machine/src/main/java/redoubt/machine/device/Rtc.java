package redoubt.machine.device;

import java.time.DateTimeException;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import org.jspecify.annotations.Nullable;
import redoubt.machine.BusDevice;
import redoubt.machine.Clock;
import redoubt.machine.InterruptLine;

/**
 * The Motorola MC146818 real-time clock and its 128 bytes of battery-backed RAM, at index and data port. It starts at a
 * date that is given, never at the host's, and goes with the machine's clock.
 *
 * <p>Flags are worked out when somebody looks: the clock holds an event only while an interrupt is enabled.
 *
 * <p>Limitations: no daylight saving, no square wave; a divider other than the 32 kHz one does not stop the time.
 *
 * <p>Source: Motorola MC146818 data sheet; {@code drivers/rtc/rtc-mc146818-lib.c}.
 */
public final class Rtc implements BusDevice {
    private static final int SECONDS = 0;
    private static final int SECONDS_ALARM = 1;
    private static final int MINUTES = 2;
    private static final int MINUTES_ALARM = 3;
    private static final int HOURS = 4;
    private static final int HOURS_ALARM = 5;
    private static final int WEEKDAY = 6;
    private static final int DAY = 7;
    private static final int MONTH = 8;
    private static final int YEAR = 9;
    private static final int A = 10;
    private static final int B = 11;
    private static final int C = 12;
    private static final int D = 13;
    /** Where ACPI's FADT says that the century is. */
    private static final int CENTURY = 0x32;

    private static final int A_UPDATING = 0x80;
    private static final int B_SET = 0x80;
    private static final int B_PERIODIC = 0x40;
    private static final int B_ALARM = 0x20;
    private static final int B_UPDATE = 0x10;
    private static final int B_BINARY = 4;
    private static final int B_24_HOURS = 2;
    private static final int C_REQUEST = 0x80;
    private static final int D_VALID = 0x80;
    private static final int PM = 0x80;

    private static final long SECOND = 1_000_000_000L;
    /** The update bit rises this long before the time changes. */
    private static final long UPDATE_NANOS = 244_000;

    private static final int DAY_SECONDS = 86_400;

    private final Clock clock;
    private final InterruptLine interrupt;
    private final byte[] ram = new byte[128];
    /** Wall time minus the clock's. */
    private long offsetNanos;

    private int index;
    /** Wall time at which register C was last read or time was set: flags count from here. */
    private long flagsSince;

    private Clock.@Nullable Timer timer;

    /**
     * Makes a clock.
     *
     * @param epochSeconds the UTC time at the machine's time zero, in seconds since 1970; 1980 to 2099
     */
    public Rtc(Clock clock, InterruptLine interrupt, long epochSeconds) {
        this.clock = clock;
        this.interrupt = interrupt;
        this.offsetNanos = epochSeconds * SECOND;
        this.flagsSince = wallNanos();
        ram[A] = 0x26;
        ram[B] = B_24_HOURS;
    }

    /** Sets a byte of the RAM as a firmware does, for example the size of memory. */
    public void cmos(int address, int value) {
        ram[address & 127] = (byte) value;
    }

    @Override
    public long read(long offset, int size) {
        if (size == 2 && offset == 0) {
            return index | readRegister(index) << 8;
        }
        return offset == 0 ? index : readRegister(index);
    }

    @Override
    public void write(long offset, int size, long value) {
        if (offset == 0) {
            index = (int) value & 0x7F; // bit 7 masks NMI, of which the board has none
            if (size > 1) {
                writeRegister(index, (int) (value >>> 8) & 0xFF);
            }
        } else {
            writeRegister(index, (int) value & 0xFF);
        }
    }

    private long wallNanos() {
        return clock.nanos() + offsetNanos;
    }

    private boolean isSetting() {
        return (ram[B] & B_SET) != 0;
    }

    private static boolean isTime(int register) {
        return register == CENTURY
                || register <= YEAR
                        && register != SECONDS_ALARM
                        && register != MINUTES_ALARM
                        && register != HOURS_ALARM;
    }

    private int readRegister(int register) {
        if (register == A) {
            long toNext = SECOND - Math.floorMod(wallNanos(), SECOND);
            boolean updating = !isSetting() && toNext <= UPDATE_NANOS;
            return ram[A] & 0x7F | (updating ? A_UPDATING : 0);
        }
        if (register == C) {
            int flags = flags(wallNanos());
            int request = (flags & ram[B] & 0x70) != 0 ? C_REQUEST : 0;
            flagsSince = wallNanos();
            update();
            return flags | request;
        }
        if (register == D) {
            return D_VALID;
        }
        if (isTime(register) && !isSetting()) {
            timeToRegisters();
        }
        return ram[register] & 0xFF;
    }

    private void writeRegister(int register, int value) {
        switch (register) {
            case A -> ram[A] = (byte) (value & 0x7F);
            case B -> writeControl(value);
            case C, D -> {} // read-only
            default -> {
                if (isTime(register) && !isSetting()) {
                    timeToRegisters();
                    ram[register] = (byte) value;
                    registersToTime();
                } else {
                    ram[register] = (byte) value;
                }
            }
        }
        update();
    }

    private void writeControl(int value) {
        boolean set = (value & B_SET) != 0;
        if (set && !isSetting()) {
            timeToRegisters();
        }
        boolean leave = !set && isSetting();
        ram[B] = (byte) (set ? value & ~B_UPDATE : value);
        if (leave) {
            registersToTime();
        }
    }

    private int encode(int value) {
        return (ram[B] & B_BINARY) != 0 ? value : value / 10 << 4 | value % 10;
    }

    private int decode(int value) {
        int octet = value & 0xFF;
        return (ram[B] & B_BINARY) != 0 ? octet : (octet >> 4) * 10 + (octet & 15);
    }

    private int encodeHour(int hour) {
        if ((ram[B] & B_24_HOURS) != 0) {
            return encode(hour);
        }
        int half = hour % 12 == 0 ? 12 : hour % 12;
        return encode(half) | (hour >= 12 ? PM : 0);
    }

    private int decodeHour(int value) {
        if ((ram[B] & B_24_HOURS) != 0) {
            return decode(value);
        }
        return decode(value & ~PM) % 12 + ((value & PM) != 0 ? 12 : 0);
    }

    private void timeToRegisters() {
        LocalDateTime now = LocalDateTime.ofEpochSecond(Math.floorDiv(wallNanos(), SECOND), 0, ZoneOffset.UTC);
        ram[SECONDS] = (byte) encode(now.getSecond());
        ram[MINUTES] = (byte) encode(now.getMinute());
        ram[HOURS] = (byte) encodeHour(now.getHour());
        ram[WEEKDAY] = (byte) encode(now.getDayOfWeek().getValue() % 7 + 1);
        ram[DAY] = (byte) encode(now.getDayOfMonth());
        ram[MONTH] = (byte) encode(now.getMonthValue());
        ram[YEAR] = (byte) encode(Math.floorMod(now.getYear(), 100));
        ram[CENTURY] = (byte) encode(Math.floorMod(now.getYear() / 100, 100));
    }

    private void registersToTime() {
        try {
            LocalDateTime time = LocalDateTime.of(
                    decode(ram[CENTURY]) * 100 + decode(ram[YEAR]),
                    decode(ram[MONTH]),
                    decode(ram[DAY]),
                    decodeHour(ram[HOURS] & 0xFF),
                    decode(ram[MINUTES]),
                    decode(ram[SECONDS]));
            long wall = time.toEpochSecond(ZoneOffset.UTC) * SECOND;
            offsetNanos = wall - clock.nanos();
            flagsSince = wall;
        } catch (DateTimeException e) {
            // No such date: the chip would count on from nonsense; we keep the time that we had.
            timeToRegisters();
        }
    }

    // ---- Flags and interrupts --------------------------------------------------------------------------------------

    /** Period of the periodic flag in nanoseconds, 0 if it is off. */
    private long periodNanos() {
        int rate = ram[A] & 15;
        if (rate == 0) {
            return 0;
        }
        int shift = rate <= 2 ? rate + 6 : rate - 1; // of the 32.768 kHz input
        return (SECOND << shift) / 32_768;
    }

    /** Flags that have come up since register C was last read. */
    private int flags(long wall) {
        int flags = 0;
        if (!isSetting()) {
            if (nextUpdate(flagsSince) <= wall) {
                flags |= B_UPDATE;
                if (nextAlarm(flagsSince) <= wall) {
                    flags |= B_ALARM;
                }
            }
        }
        if (periodNanos() != 0 && nextPeriod(flagsSince) <= wall) {
            flags |= B_PERIODIC;
        }
        return flags;
    }

    private static long nextUpdate(long wall) {
        return (Math.floorDiv(wall, SECOND) + 1) * SECOND;
    }

    private long nextPeriod(long wall) {
        return (Math.floorDiv(wall, periodNanos()) + 1) * periodNanos();
    }

    /** The first second after {@code wall} that the alarm registers match; within a day or never. */
    private long nextAlarm(long wall) {
        long first = Math.floorDiv(wall, SECOND) + 1;
        int ofDay = (int) Math.floorMod(first, (long) DAY_SECONDS);
        for (int i = 0; i < DAY_SECONDS; i++) {
            int second = (ofDay + i) % DAY_SECONDS;
            if (matches(HOURS_ALARM, encodeHour(second / 3600))) {
                if (matches(MINUTES_ALARM, encode(second / 60 % 60)) && matches(SECONDS_ALARM, encode(second % 60))) {
                    return (first + i) * SECOND;
                }
            } else {
                i += 3599 - second % 3600; // on to the next hour
            }
        }
        return Long.MAX_VALUE;
    }

    /** An alarm byte with its two highest bits set matches anything. */
    private boolean matches(int alarm, int value) {
        return (ram[alarm] & 0xC0) == 0xC0 || (ram[alarm] & 0xFF) == value;
    }

    private void update() {
        if (timer != null) {
            timer.cancel();
            timer = null;
        }
        long wall = wallNanos();
        boolean requested = (flags(wall) & ram[B] & 0x70) != 0;
        interrupt.set(requested);
        if (!requested) {
            long next = nextInterrupt();
            if (next != Long.MAX_VALUE) {
                timer = clock.schedule(next - offsetNanos, this::update);
            }
        }
    }

    private long nextInterrupt() {
        long next = Long.MAX_VALUE;
        if ((ram[B] & B_UPDATE) != 0 && !isSetting()) {
            next = Math.min(next, nextUpdate(flagsSince));
        }
        if ((ram[B] & B_ALARM) != 0 && !isSetting()) {
            next = Math.min(next, nextAlarm(flagsSince));
        }
        if ((ram[B] & B_PERIODIC) != 0 && periodNanos() != 0) {
            next = Math.min(next, nextPeriod(flagsSince));
        }
        return next;
    }
}
