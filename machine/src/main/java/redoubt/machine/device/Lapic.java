package redoubt.machine.device;

import java.util.Arrays;
import java.util.function.BooleanSupplier;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;
import redoubt.cpu.LocalApic;
import redoubt.cpu.MsrFault;
import redoubt.machine.BusDevice;
import redoubt.machine.Clock;

/**
 * A processor's local APIC: register page (xAPIC) and MSR interface (x2APIC), interrupt priorities, the timer in its
 * three modes, interprocessor interrupts.
 *
 * <p>The timer counts at {@link Clock#TSC_HERTZ} before its divider, which CPUID 15H tells as the core crystal's
 * frequency.
 *
 * <p>Limitations: a periodic timer fires at most once a microsecond. The APIC ID cannot be written. SMIs are passed on,
 * there are no thermal or performance events to raise the other local vectors.
 *
 * <p>Source: SDM 3A chapter 11 (10 in older editions), "Advanced programmable interrupt controller".
 */
public final class Lapic implements BusDevice, LocalApic {
    /** MSR of the APIC's address and mode. */
    public static final int IA32_APIC_BASE = 0x1B;
    /** MSR of the timer's deadline. */
    public static final int IA32_TSC_DEADLINE = 0x6E0;
    /** First MSR of the x2APIC interface. */
    public static final int X2APIC_FIRST = 0x800;
    /** Last MSR of the x2APIC interface. */
    public static final int X2APIC_LAST = 0x8FF;

    // Register numbers: offset in the page / 16, and MSR index - 800H.
    private static final int ID = 0x02;
    private static final int VERSION = 0x03;
    private static final int TPR = 0x08;
    private static final int APR = 0x09;
    private static final int PPR = 0x0A;
    private static final int EOI = 0x0B;
    private static final int LDR = 0x0D;
    private static final int DFR = 0x0E;
    private static final int SVR = 0x0F;
    private static final int ISR = 0x10;
    private static final int TMR = 0x18;
    private static final int IRR = 0x20;
    private static final int ESR = 0x28;
    private static final int ICR = 0x30;
    private static final int ICR_HIGH = 0x31;
    private static final int LVT_TIMER = 0x32;
    private static final int LVT_LINT0 = 0x35;
    private static final int LVT_LINT1 = 0x36;
    private static final int LVT_ERROR = 0x37;
    private static final int INITIAL_COUNT = 0x38;
    private static final int CURRENT_COUNT = 0x39;
    private static final int DIVIDE = 0x3E;
    private static final int SELF_IPI = 0x3F;

    private static final long BASE_BSP = 1 << 8;
    private static final long BASE_EXTD = 1 << 10;
    private static final long BASE_ENABLE = 1 << 11;

    /** Integrated APIC, six local vectors, EOI broadcast can be suppressed. */
    private static final int VERSION_VALUE = 0x0105_0015;

    private static final int SVR_ENABLED = 1 << 8;
    private static final int SVR_SUPPRESS_BROADCAST = 1 << 12;
    private static final int SVR_WRITABLE = 0x13FF;

    private static final int LVT_MASKED = 1 << 16;
    /** Writable bits of timer, thermal, performance, LINT0, LINT1 and error. */
    private static final int[] LVT_WRITABLE = {0x7_00FF, 0x1_07FF, 0x1_07FF, 0x1_A7FF, 0x1_A7FF, 0x1_00FF};

    private static final int MODE_ONE_SHOT = 0;
    private static final int MODE_PERIODIC = 1;
    private static final int MODE_TSC_DEADLINE = 2;

    private static final int ICR_WRITABLE = 0xC_CFFF;
    private static final int ICR_LOGICAL = 1 << 11;
    private static final int ICR_ASSERT = 1 << 14;
    private static final int ICR_LEVEL = 1 << 15;

    private static final int ERROR_SEND_VECTOR = 1 << 5;
    private static final int ERROR_RECEIVE_VECTOR = 1 << 6;
    private static final int ERROR_REGISTER = 1 << 7;

    private static final long LEAST_PERIOD_NANOS = 1_000;

    private final int id;
    private final Clock clock;
    private final ApicBus bus;
    private final ProcessorPins processor;
    private final long baseReserved;

    private BooleanSupplier picLine = () -> false;
    private IntSupplier picAcknowledge = () -> -1;

    private long base;
    private int tpr;
    private int ldr;
    private int dfr;
    private int svr;
    private long icr;
    private int esr;
    private int newErrors;
    private final int[] lvt = new int[LVT_WRITABLE.length];
    private final int[] isr = new int[8];
    private final int[] irr = new int[8];
    private final int[] tmr = new int[8];
    private boolean extIntMessage;

    private int initialCount;
    private int divide;
    /** When the count was at its initial value; only meaningful while {@link #counting}. */
    private long countStart;

    private boolean counting;
    private long deadline;
    private long tscOffset;
    private Clock.@Nullable Timer timer;

    /** Highest deliverable vector, or -1: kept so that {@link #pending()} costs a comparison. */
    private int deliverable = -1;

    /**
     * Makes a local APIC in its state after power-up.
     *
     * @param id the initial APIC ID
     * @param bootstrap if this is the bootstrap processor's
     * @param physicalAddressBits MAXPHYADDR: bits from there on are reserved in IA32_APIC_BASE
     */
    public Lapic(
            int id, boolean bootstrap, int physicalAddressBits, Clock clock, ApicBus bus, ProcessorPins processor) {
        this.id = id;
        this.clock = clock;
        this.bus = bus;
        this.processor = processor;
        this.baseReserved = -1L << physicalAddressBits | 0xFF | 1 << 9;
        this.base = 0xFEE0_0000L | BASE_ENABLE | (bootstrap ? BASE_BSP : 0);
        reset();
        bus.add(this);
    }

    /** Wires the 8259 pair's output to LINT0; {@code acknowledge} is its interrupt-acknowledge cycle. */
    public void wireExtInt(BooleanSupplier line, IntSupplier acknowledge) {
        this.picLine = line;
        this.picAcknowledge = acknowledge;
    }

    /** The state a PC's firmware leaves behind on the bootstrap processor: virtual wire mode, NMI on LINT1. */
    public void virtualWire() {
        svr |= SVR_ENABLED;
        lvt[LVT_LINT0 - LVT_TIMER] = ApicBus.EXT_INT << 8;
        lvt[LVT_LINT1 - LVT_TIMER] = ApicBus.NMI << 8;
    }

    /** Back to the state after INIT: all but the ID and IA32_APIC_BASE. */
    public void reset() {
        tpr = 0;
        ldr = 0;
        dfr = -1;
        svr = 0xFF;
        icr = 0;
        esr = 0;
        newErrors = 0;
        Arrays.fill(lvt, LVT_MASKED);
        Arrays.fill(isr, 0);
        Arrays.fill(irr, 0);
        Arrays.fill(tmr, 0);
        extIntMessage = false;
        initialCount = 0;
        divide = 0;
        disarm();
        update();
    }

    /** The initial APIC ID. */
    public int id() {
        return id;
    }

    @Override
    public boolean isBootstrap() {
        return (base & BASE_BSP) != 0;
    }

    /** IA32_APIC_BASE. */
    public long apicBase() {
        return base;
    }

    /** Guest-physical address of the register page, or -1 while there is none (disabled, or x2APIC mode). */
    public long registerPage() {
        return (base & (BASE_ENABLE | BASE_EXTD)) == BASE_ENABLE ? base & ~0xFFFL : -1;
    }

    private boolean isEnabled() {
        return (base & BASE_ENABLE) != 0;
    }

    private boolean isX2() {
        return (base & BASE_EXTD) != 0;
    }

    boolean isSoftwareEnabled() {
        return isEnabled() && (svr & SVR_ENABLED) != 0;
    }

    // ---- Towards the processor -------------------------------------------------------------------------------------

    /** Says if {@link #acknowledge()} would give an interrupt: one above the processor's priority, or the 8259's. */
    @Override
    public boolean pending() {
        return deliverable >= 0 || extIntPending();
    }

    private boolean extIntPending() {
        if (extIntMessage) {
            return true;
        }
        int lint0 = lvt[LVT_LINT0 - LVT_TIMER];
        boolean wired = !isEnabled() || (lint0 & (LVT_MASKED | 0x700)) == ApicBus.EXT_INT << 8;
        return wired && picLine.getAsBoolean();
    }

    /**
     * The processor takes the interrupt: moves it from IRR to ISR.
     *
     * @return its vector, or -1 if none is pending any more
     */
    @Override
    public int acknowledge() {
        int vector = deliverable;
        if (vector >= 0) {
            clear(irr, vector);
            set(isr, vector);
            update();
            return vector;
        }
        if (extIntPending()) {
            extIntMessage = false;
            return picAcknowledge.getAsInt();
        }
        return -1;
    }

    /** CR8: the task priority's class. */
    @Override
    public int cr8() {
        return tpr >> 4;
    }

    /** MOV to CR8; only bits 3:0 count. */
    @Override
    public void cr8(int value) {
        tpr = (value & 0xF) << 4;
        update();
    }

    /** The 8259's output changed: the processor shall look. */
    public void extIntChanged() {
        if (pending()) {
            processor.interrupt();
        }
    }

    /** An edge on the LINT1 pin, which a PC wires to NMI. */
    public void lint1() {
        int entry = lvt[LVT_LINT1 - LVT_TIMER];
        if (!isEnabled()) {
            processor.nmi();
        } else if ((entry & LVT_MASKED) == 0) {
            accept(entry >> 8 & 7, entry & 0xFF, false);
        }
    }

    /** The guest's TSC is the clock plus this; a deadline that is armed moves along. */
    @Override
    public void tscOffset(long offset) {
        tscOffset = offset;
        schedule();
    }

    // ---- From the bus ----------------------------------------------------------------------------------------------

    /** Says if a message's destination means this APIC; 32 bits, all ones is everybody. */
    boolean isAddressedBy(int destination, boolean logical) {
        if (!isEnabled()) {
            return false;
        }
        if (destination == -1) {
            return true;
        }
        if (isX2()) {
            int own = logicalX2();
            return logical ? own >>> 16 == destination >>> 16 && (own & destination & 0xFFFF) != 0 : id == destination;
        }
        if (!logical) {
            return (id & 0xFF) == destination;
        }
        int own = ldr >>> 24;
        if (dfr >>> 28 == 0xF) {
            return (own & destination) != 0;
        }
        return own >> 4 == destination >> 4 && (own & destination & 0xF) != 0;
    }

    /** Takes a message; false if it is lost because the APIC is off. */
    boolean accept(int mode, int vector, boolean levelTriggered) {
        switch (mode) {
            case ApicBus.FIXED -> {
                return acceptFixed(vector, levelTriggered);
            }
            case ApicBus.SMI -> processor.smi();
            case ApicBus.NMI -> processor.nmi();
            case ApicBus.INIT -> {
                reset();
                processor.init();
            }
            case ApicBus.STARTUP -> processor.startup(vector);
            case ApicBus.EXT_INT -> {
                extIntMessage = true;
                processor.interrupt();
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    private boolean acceptFixed(int vector, boolean levelTriggered) {
        if (!isSoftwareEnabled()) {
            return false;
        }
        if (vector < 16) {
            error(ERROR_RECEIVE_VECTOR);
            return true;
        }
        set(irr, vector);
        if (levelTriggered) {
            set(tmr, vector);
        } else {
            clear(tmr, vector);
        }
        update();
        return true;
    }

    int processorPriority() {
        int served = highest(isr) & 0xF0;
        return served > (tpr & 0xF0) ? served : tpr;
    }

    /** Works out what can be delivered and tells the processor if there is something. */
    private void update() {
        int requested = highest(irr);
        deliverable = isEnabled() && requested >> 4 > processorPriority() >> 4 ? requested : -1;
        if (deliverable >= 0) {
            processor.interrupt();
        }
    }

    private void endOfInterrupt() {
        int vector = highest(isr);
        if (vector == 0) {
            return;
        }
        clear(isr, vector);
        update();
        if ((tmr[vector >> 5] & 1 << vector) != 0 && (svr & SVR_SUPPRESS_BROADCAST) == 0) {
            bus.endOfInterrupt(vector);
        }
    }

    /** Highest vector whose bit is set, 0 if none is: vectors below 16 never are. */
    private static int highest(int[] bits) {
        for (int i = 7; i >= 0; i--) {
            if (bits[i] != 0) {
                return i * 32 + 31 - Integer.numberOfLeadingZeros(bits[i]);
            }
        }
        return 0;
    }

    private static void set(int[] bits, int vector) {
        bits[vector >> 5] |= 1 << vector;
    }

    private static void clear(int[] bits, int vector) {
        bits[vector >> 5] &= ~(1 << vector);
    }

    private void error(int bits) {
        newErrors |= bits;
        int entry = lvt[LVT_ERROR - LVT_TIMER];
        if ((entry & LVT_MASKED) == 0 && (entry & 0xFF) >= 16) {
            acceptFixed(entry & 0xFF, false);
        }
    }

    // ---- Register page ---------------------------------------------------------------------------------------------

    /** Reads the register page; the caller has found the address within {@link #registerPage()}. */
    @Override
    public long read(long offset, int size) {
        int register = (int) offset >> 4;
        int within = (int) offset & 15;
        if (within >= 4) {
            return 0;
        }
        return (readPage(register) & 0xFFFF_FFFFL) >>> (within * 8);
    }

    /** Writes the register page: only aligned doublewords count, all else is undefined by the manual and vanishes. */
    @Override
    public void write(long offset, int size, long value) {
        if ((offset & 15) == 0 && size >= 4) {
            writePage((int) offset >> 4, (int) value);
        }
    }

    private int readPage(int register) {
        return switch (register) {
            case ID -> id << 24;
            case APR -> 0;
            case LDR -> ldr;
            case DFR -> dfr;
            case ICR -> (int) icr;
            case ICR_HIGH -> (int) (icr >>> 32);
            default -> {
                if (!isReadable(register)) {
                    error(ERROR_REGISTER);
                    yield 0;
                }
                yield readCommon(register);
            }
        };
    }

    private void writePage(int register, int value) {
        switch (register) {
            case ID, VERSION, APR, PPR, CURRENT_COUNT -> {} // read-only
            case LDR -> ldr = value & 0xFF00_0000;
            case DFR -> dfr = value | 0x0FFF_FFFF;
            case ICR -> {
                icr = icr & 0xFFFF_FFFF_0000_0000L | value & ICR_WRITABLE;
                sendIpi(value & ICR_WRITABLE, (int) (icr >>> 56), false);
            }
            case ICR_HIGH -> icr = icr & 0xFFFF_FFFFL | (value & 0xFF00_0000L) << 32;
            default -> {
                if (register != SELF_IPI && isWritable(register)) {
                    writeCommon(register, value);
                } else {
                    error(ERROR_REGISTER);
                }
            }
        }
    }

    /** Registers that both interfaces read in the same form. */
    private static boolean isReadable(int register) {
        return switch (register) {
            case VERSION, TPR, PPR, SVR, ESR, INITIAL_COUNT, CURRENT_COUNT, DIVIDE -> true;
            default -> register >= ISR && register < ESR || register >= LVT_TIMER && register <= LVT_ERROR;
        };
    }

    private static boolean isWritable(int register) {
        return switch (register) {
            case TPR, EOI, SVR, ESR, INITIAL_COUNT, DIVIDE, SELF_IPI -> true;
            default -> register >= LVT_TIMER && register <= LVT_ERROR;
        };
    }

    private int readCommon(int register) {
        if (register >= ISR && register < ESR) {
            return (register < TMR ? isr : register < IRR ? tmr : irr)[register & 7];
        }
        return switch (register) {
            case VERSION -> VERSION_VALUE;
            case TPR -> tpr;
            case PPR -> processorPriority();
            case SVR -> svr;
            case ESR -> esr;
            case INITIAL_COUNT -> initialCount;
            case CURRENT_COUNT -> currentCount();
            case DIVIDE -> divide;
            default -> lvt[register - LVT_TIMER];
        };
    }

    private void writeCommon(int register, int value) {
        switch (register) {
            case TPR -> {
                tpr = value & 0xFF;
                update();
            }
            case EOI -> endOfInterrupt();
            case SVR -> writeSpurious(value & SVR_WRITABLE);
            case ESR -> {
                esr = newErrors;
                newErrors = 0;
            }
            case INITIAL_COUNT -> writeInitialCount(value);
            case DIVIDE -> writeDivide(value & 0xB);
            case SELF_IPI -> sendIpi(value & 0xFF | 1 << 18, 0, true);
            default -> writeLocalVector(register - LVT_TIMER, value);
        }
    }

    private void writeSpurious(int value) {
        svr = value;
        if ((value & SVR_ENABLED) == 0) {
            for (int i = 0; i < lvt.length; i++) {
                lvt[i] |= LVT_MASKED;
            }
        }
        extIntChanged();
    }

    private void writeLocalVector(int index, int value) {
        int before = lvt[index];
        if (index == 0 && counting && timerMode() == MODE_PERIODIC) {
            long period = periodNanos();
            countStart += (clock.nanos() - countStart) / period * period; // a one-shot goes on from this round
        }
        lvt[index] = value & LVT_WRITABLE[index] | ((svr & SVR_ENABLED) == 0 ? LVT_MASKED : 0);
        if (index == 0) {
            boolean wasDeadline = (before >> 17 & 3) == MODE_TSC_DEADLINE;
            if (wasDeadline != (timerMode() == MODE_TSC_DEADLINE)) {
                disarm();
            }
            schedule();
        }
        extIntChanged();
    }

    // ---- MSR interface ---------------------------------------------------------------------------------------------

    /**
     * RDMSR of IA32_APIC_BASE, IA32_TSC_DEADLINE or an x2APIC register.
     *
     * @throws MsrFault where the processor answers with #GP(0)
     */
    @Override
    public long readMsr(int index) {
        if (index == IA32_APIC_BASE) {
            return base;
        }
        if (index == IA32_TSC_DEADLINE) {
            return timerMode() == MODE_TSC_DEADLINE ? deadline : 0;
        }
        int register = x2Register(index);
        if (register == ID) {
            return id & 0xFFFF_FFFFL;
        }
        if (register == LDR) {
            return logicalX2() & 0xFFFF_FFFFL;
        }
        if (register == ICR) {
            return icr;
        }
        if (!isReadable(register)) {
            throw MsrFault.INSTANCE;
        }
        return readCommon(register) & 0xFFFF_FFFFL;
    }

    /** WRMSR, see {@link #readMsr}. */
    @Override
    public void writeMsr(int index, long value) {
        if (index == IA32_APIC_BASE) {
            writeBase(value);
            return;
        }
        if (index == IA32_TSC_DEADLINE) {
            writeDeadline(value);
            return;
        }
        int register = x2Register(index);
        if (register == ICR) {
            if ((value & 0xFFFF_FFFFL & ~(ICR_WRITABLE & ~(1L << 12))) != 0) {
                throw MsrFault.INSTANCE;
            }
            icr = value;
            sendIpi((int) value, (int) (value >>> 32), true);
            return;
        }
        if (!isWritable(register) || (value & ~writableX2(register)) != 0) {
            throw MsrFault.INSTANCE;
        }
        writeCommon(register, (int) value);
    }

    private int x2Register(int index) {
        if (!isX2() || index < X2APIC_FIRST || index > X2APIC_LAST) {
            throw MsrFault.INSTANCE;
        }
        return index - X2APIC_FIRST;
    }

    private static long writableX2(int register) {
        return switch (register) {
            case EOI, ESR -> 0;
            case TPR, SELF_IPI -> 0xFF;
            case SVR -> SVR_WRITABLE;
            case DIVIDE -> 0xB;
            case INITIAL_COUNT -> 0xFFFF_FFFFL;
            default -> LVT_WRITABLE[register - LVT_TIMER] | 1 << 12 | 1 << 14; // status bits may be written, not set
        };
    }

    /** The logical ID in x2APIC mode: the cluster above, one bit of sixteen below. */
    private int logicalX2() {
        return id >>> 4 << 16 | 1 << (id & 0xF);
    }

    private void writeBase(long value) {
        boolean enable = (value & BASE_ENABLE) != 0;
        boolean x2 = (value & BASE_EXTD) != 0;
        if ((value & baseReserved) != 0
                || x2 && !enable // no such mode
                || x2 && !isEnabled() // x2APIC only from xAPIC
                || isX2() && enable && !x2) { // and back only through disabled
            throw MsrFault.INSTANCE;
        }
        boolean wasX2 = isX2();
        base = value;
        if (!enable) {
            reset();
        } else if (x2 && !wasX2) {
            icr &= 0xFFFF_FFFFL;
        }
        extIntChanged();
    }

    // ---- Interprocessor interrupts ---------------------------------------------------------------------------------

    private void sendIpi(int low, int destination, boolean x2) {
        int vector = low & 0xFF;
        int mode = low >> 8 & 7;
        boolean level = (low & ICR_LEVEL) != 0;
        if (mode == ApicBus.INIT && level && (low & ICR_ASSERT) == 0) {
            return; // INIT level de-assert only set arbitration IDs, long ago
        }
        if ((mode == ApicBus.FIXED || mode == ApicBus.LOWEST_PRIORITY) && vector < 16) {
            error(ERROR_SEND_VECTOR);
            return;
        }
        // The trigger mode of a fixed IPI is ignored: it is always an edge.
        switch (low >> 18 & 3) {
            case 1 -> {
                if (mode == ApicBus.FIXED) {
                    accept(mode, vector, false);
                }
            }
            case 2 -> bus.sendWide(-1, false, mode, vector, false);
            case 3 -> bus.sendToOthers(this, mode, vector, false);
            default -> {
                int wide = !x2 && destination == ApicBus.BROADCAST_8 ? -1 : destination;
                bus.sendWide(wide, (low & ICR_LOGICAL) != 0, mode, vector, false);
            }
        }
    }

    // ---- Timer -----------------------------------------------------------------------------------------------------

    private int timerMode() {
        return lvt[0] >> 17 & 3;
    }

    /** What the input is divided by: 2, 4, 8, 16, 32, 64, 128 or 1. */
    private int divisor() {
        int code = divide & 3 | divide >> 1 & 4;
        return code == 7 ? 1 : 2 << code;
    }

    private long periodNanos() {
        return (initialCount & 0xFFFF_FFFFL) * divisor();
    }

    private int currentCount() {
        if (!counting) {
            return 0;
        }
        long elapsed = clock.nanos() - countStart;
        if (timerMode() == MODE_PERIODIC) {
            elapsed %= periodNanos();
        } else if (elapsed >= periodNanos()) {
            return 0;
        }
        return (int) ((initialCount & 0xFFFF_FFFFL) - elapsed / divisor());
    }

    private void writeInitialCount(int value) {
        if (timerMode() == MODE_TSC_DEADLINE) {
            return;
        }
        initialCount = value;
        counting = value != 0;
        countStart = clock.nanos();
        schedule();
    }

    private void writeDivide(int value) {
        long done = counting ? (clock.nanos() - countStart) / divisor() : 0;
        divide = value;
        countStart = clock.nanos() - done * divisor();
        schedule();
    }

    private void writeDeadline(long value) {
        if (timerMode() == MODE_TSC_DEADLINE) {
            deadline = value;
            schedule();
        }
    }

    private void disarm() {
        counting = false;
        deadline = 0;
        schedule();
    }

    /** Puts the timer's next event into the clock. */
    private void schedule() {
        if (timer != null) {
            timer.cancel();
            timer = null;
        }
        if (timerMode() == MODE_TSC_DEADLINE) {
            if (deadline != 0) {
                long at = deadline - tscOffset;
                if (Long.compareUnsigned(deadline, clock.nanos() + tscOffset) <= 0) {
                    fire();
                } else if (at > 0) {
                    timer = clock.schedule(at, this::fire);
                } // else it is centuries away
            }
        } else if (counting) {
            long period = periodNanos();
            long at = countStart + period;
            if (timerMode() == MODE_PERIODIC) {
                long gone = Math.max(0, clock.nanos() - countStart) / period;
                at = Math.max(countStart + (gone + 1) * period, clock.nanos() + Math.min(period, LEAST_PERIOD_NANOS));
                at = period < LEAST_PERIOD_NANOS ? clock.nanos() + LEAST_PERIOD_NANOS : at;
            } else if (timerMode() != MODE_ONE_SHOT) {
                return;
            }
            timer = clock.schedule(at, this::fire);
        }
    }

    private void fire() {
        timer = null;
        switch (timerMode()) {
            case MODE_TSC_DEADLINE -> deadline = 0;
            case MODE_ONE_SHOT -> counting = false;
            default -> schedule();
        }
        if ((lvt[0] & LVT_MASKED) == 0) {
            accept(ApicBus.FIXED, lvt[0] & 0xFF, false);
        }
    }
}
