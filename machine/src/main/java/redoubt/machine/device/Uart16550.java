package redoubt.machine.device;

import java.util.ArrayDeque;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import redoubt.machine.BusDevice;
import redoubt.machine.Clock;
import redoubt.machine.InterruptLine;

/**
 * A National Semiconductor 16550A serial port with its two 16-byte FIFOs, wired as on a PC: OUT2 gates the interrupt.
 *
 * <p>The line has no speed on the way out: a byte written is a byte sent, and the transmitter is always empty. On the way
 * in, bytes wait outside until the guest asserts RTS, as a peer with hardware flow control would, so that what is typed
 * before the driver has cleared its FIFOs is not lost. The receiver's time-out is kept at four characters' time.
 *
 * <p>Source: National Semiconductor PC16550D data sheet; {@code drivers/tty/serial/8250/8250_port.c} for what autoconfig
 * and the THRE test look at.
 */
public final class Uart16550 implements BusDevice {
    private static final int IER_RECEIVE = 1;
    private static final int IER_TRANSMIT = 2;
    private static final int IER_LINE = 4;
    private static final int IER_MODEM = 8;

    private static final int IIR_NONE = 1;
    private static final int IIR_MODEM = 0;
    private static final int IIR_TRANSMIT = 2;
    private static final int IIR_RECEIVE = 4;
    private static final int IIR_LINE = 6;
    private static final int IIR_TIMEOUT = 0xC;
    private static final int IIR_FIFO = 0xC0;

    private static final int LCR_DLAB = 0x80;

    private static final int MCR_RTS = 2;
    private static final int MCR_OUT2 = 8;
    private static final int MCR_LOOP = 0x10;

    private static final int LSR_READY = 1;
    private static final int LSR_OVERRUN = 2;
    private static final int LSR_BREAK = 0x10;
    private static final int LSR_TRANSMIT_EMPTY = 0x60;
    private static final int LSR_FIFO_ERROR = 0x80;

    /** CTS, DSR and DCD of a peer that is there and ready. */
    private static final int PEER_LINES = 0xB0;

    private static final int FIFO_BYTES = 16;
    private static final int[] TRIGGERS = {1, 4, 8, 14};
    private static final long INPUT_HERTZ = 1_843_200;
    private static final int BREAK = 0x100;

    private final Clock clock;
    private final InterruptLine interrupt;
    private final IntConsumer output;
    private final ArrayDeque<Integer> waiting = new ArrayDeque<>();
    private final ArrayDeque<Integer> fifo = new ArrayDeque<>();

    private int ier;
    private int lcr;
    private int mcr;
    private int scratch;
    private int divisor = 12;
    private boolean fifoEnabled;
    private int trigger = 1;
    private boolean overrun;
    private boolean transmitPending;
    private boolean timeoutPending;
    private int modemDeltas;
    private Clock.@Nullable Timer timeout;

    /** Makes a port that sends each byte to {@code output} on the thread that writes it. */
    public Uart16550(Clock clock, InterruptLine interrupt, IntConsumer output) {
        this.clock = clock;
        this.interrupt = interrupt;
        this.output = output;
    }

    /** A byte arrives on the line; it waits until the guest can take it. To be called on the machine's thread. */
    public void receive(int octet) {
        waiting.add(octet & 0xFF);
        refill();
        update();
    }

    /** A break condition arrives on the line, which Linux takes for the SysRq key. */
    public void receiveBreak() {
        waiting.add(BREAK);
        refill();
        update();
    }

    /** Bytes that have arrived and that the guest has not read. */
    public int unread() {
        return waiting.size() + fifo.size();
    }

    @Override
    public long read(long offset, int size) {
        if (size != 1) {
            return readBytes(offset, size);
        }
        switch ((int) offset) {
            case 0:
                return (lcr & LCR_DLAB) != 0 ? divisor & 0xFF : readReceiver();
            case 1:
                return (lcr & LCR_DLAB) != 0 ? divisor >> 8 : ier;
            case 2:
                return readIdentification();
            case 3:
                return lcr;
            case 4:
                return mcr;
            case 5:
                return readLineStatus();
            case 6:
                int status = modemLines() | modemDeltas;
                modemDeltas = 0;
                update();
                return status;
            case 7:
                return scratch;
            default:
                return 0xFF;
        }
    }

    private long readBytes(long offset, int size) {
        long value = 0;
        for (int i = 0; i < size; i++) {
            value |= read(offset + i, 1) << (i * 8);
        }
        return value;
    }

    @Override
    public void write(long offset, int size, long value) {
        for (int i = 0; i < size; i++) {
            writeByte((int) offset + i, (int) (value >>> (i * 8)) & 0xFF);
        }
    }

    private void writeByte(int offset, int value) {
        switch (offset) {
            case 0 -> {
                if ((lcr & LCR_DLAB) != 0) {
                    divisor = divisor & 0xFF00 | value;
                } else {
                    transmit(value);
                }
            }
            case 1 -> {
                if ((lcr & LCR_DLAB) != 0) {
                    divisor = divisor & 0xFF | value << 8;
                } else {
                    writeInterruptEnable(value & 0xF);
                }
            }
            case 2 -> writeFifoControl(value);
            case 3 -> lcr = value;
            case 4 -> writeModemControl(value & 0x1F);
            case 7 -> scratch = value;
            default -> {} // line and modem status are not for writing
        }
        update();
    }

    private void transmit(int octet) {
        if ((mcr & MCR_LOOP) != 0) {
            accept(octet);
        } else {
            output.accept(octet);
        }
        transmitPending = true;
    }

    private void writeInterruptEnable(int value) {
        // Enabling the interrupt while the transmitter is empty raises it, even if it was acknowledged before.
        if ((value & ~ier & IER_TRANSMIT) != 0) {
            transmitPending = true;
        }
        ier = value;
    }

    private void writeFifoControl(int value) {
        boolean enable = (value & 1) != 0;
        if (enable != fifoEnabled || (value & 2) != 0) {
            fifo.clear();
            timeoutPending = false;
            stopTimeout();
        }
        if (enable != fifoEnabled || (value & 4) != 0) {
            transmitPending = true;
        }
        fifoEnabled = enable;
        trigger = enable ? TRIGGERS[value >> 6] : 1;
        refill();
    }

    private void writeModemControl(int value) {
        int before = modemLines();
        mcr = value;
        int changed = before ^ modemLines();
        modemDeltas |= changed >> 4 & 0xB; // CTS, DSR, DCD
        if ((changed & 0x40) != 0 && (before & 0x40) != 0) {
            modemDeltas |= 4; // RI counts on its trailing edge
        }
        refill();
    }

    private int modemLines() {
        if ((mcr & MCR_LOOP) == 0) {
            return PEER_LINES;
        }
        // Looped back: RTS to CTS, DTR to DSR, OUT1 to RI, OUT2 to DCD.
        return (mcr & 2) << 3 | (mcr & 1) << 5 | (mcr & 4) << 4 | (mcr & 8) << 4;
    }

    private int capacity() {
        return fifoEnabled ? FIFO_BYTES : 1;
    }

    /** Takes from the line what fits, if the guest says that it is ready. */
    private void refill() {
        if ((mcr & (MCR_RTS | MCR_LOOP)) == MCR_RTS) {
            while (!waiting.isEmpty() && fifo.size() < capacity()) {
                accept(waiting.remove());
            }
        }
    }

    private void accept(int entry) {
        if (fifo.size() >= capacity()) {
            overrun = true; // only loopback gets here
            return;
        }
        fifo.add(entry);
        startTimeout();
    }

    private long readReceiver() {
        Integer entry = fifo.poll();
        timeoutPending = false;
        stopTimeout();
        refill();
        if (!fifo.isEmpty()) {
            startTimeout();
        }
        update();
        return entry == null ? 0 : entry & 0xFF;
    }

    private long readLineStatus() {
        int status = LSR_TRANSMIT_EMPTY | lineErrors();
        if (!fifo.isEmpty()) {
            status |= LSR_READY;
        }
        if (fifoEnabled && fifo.stream().anyMatch(entry -> entry >= BREAK)) {
            status |= LSR_FIFO_ERROR;
        }
        overrun = false;
        Integer first = fifo.peek();
        if (first != null && first >= BREAK) {
            fifo.poll();
            fifo.addFirst(first & 0xFF); // the break was told; its character stays
        }
        update();
        return status;
    }

    private int lineErrors() {
        Integer first = fifo.peek();
        return (overrun ? LSR_OVERRUN : 0) | (first != null && first >= BREAK ? LSR_BREAK : 0);
    }

    private long readIdentification() {
        int source = interruptSource();
        if (source == IIR_TRANSMIT) {
            transmitPending = false;
            update();
        }
        return source | (fifoEnabled ? IIR_FIFO : 0);
    }

    /** The pending interrupt of the highest priority, as the identification register names it. */
    private int interruptSource() {
        if ((ier & IER_LINE) != 0 && lineErrors() != 0) {
            return IIR_LINE;
        }
        if ((ier & IER_RECEIVE) != 0 && fifo.size() >= trigger) {
            return IIR_RECEIVE;
        }
        if ((ier & IER_RECEIVE) != 0 && timeoutPending) {
            return IIR_TIMEOUT;
        }
        if ((ier & IER_TRANSMIT) != 0 && transmitPending) {
            return IIR_TRANSMIT;
        }
        if ((ier & IER_MODEM) != 0 && modemDeltas != 0) {
            return IIR_MODEM;
        }
        return IIR_NONE;
    }

    private void update() {
        interrupt.set((mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2 && interruptSource() != IIR_NONE);
    }

    private void startTimeout() {
        stopTimeout();
        if (fifoEnabled) {
            long bits = 4L * (1 + 5 + (lcr & 3) + (lcr >> 3 & 1) + 1 + (lcr >> 2 & 1));
            long nanos = bits * 16 * Math.max(1, divisor) * 1_000_000_000L / INPUT_HERTZ;
            timeout = clock.schedule(clock.nanos() + nanos, this::timedOut);
        }
    }

    private void stopTimeout() {
        if (timeout != null) {
            timeout.cancel();
            timeout = null;
        }
    }

    private void timedOut() {
        timeout = null;
        timeoutPending = !fifo.isEmpty();
        update();
    }
}
