package redoubt.machine.device;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import redoubt.machine.VirtualClock;

/** Plays Linux' 8250 driver. Oracle: the PC16550D data sheet and what 8250_port.c expects of a 16550A. */
class Uart16550Test {
    private static final int DATA = 0;
    private static final int IER = 1;
    private static final int IIR = 2;
    private static final int FCR = 2;
    private static final int LCR = 3;
    private static final int MCR = 4;
    private static final int LSR = 5;
    private static final int MSR = 6;

    private final VirtualClock clock = new VirtualClock();
    private final StringBuilder sent = new StringBuilder();
    private boolean line;
    private final Uart16550 uart = new Uart16550(clock, level -> line = level, c -> sent.append((char) c));

    private int in(int register) {
        return (int) uart.read(register, 1);
    }

    private void out(int register, int value) {
        uart.write(register, 1, value);
    }

    /** Opens the port as the driver does: FIFOs on, trigger at 8, DTR, RTS and OUT2, 8N1 at 115200. */
    private void open() {
        out(LCR, 0x80);
        out(DATA, 1);
        out(IER, 0);
        out(LCR, 3);
        out(FCR, 0x81 | 6);
        out(MCR, 0xB);
    }

    private void type(String text) {
        text.chars().forEach(uart::receive);
    }

    @Test
    void autoconfigFindsA16550A() {
        out(IER, 0);
        assertThat(in(IER)).isZero();
        out(IER, 0xFF);
        assertThat(in(IER)).as("only four interrupt enables exist").isEqualTo(0xF);
        out(IER, 0);
        out(MCR, 0x1A);
        assertThat(in(MSR) & 0xF0)
                .as("loopback: RTS and OUT2 come back as CTS and DCD")
                .isEqualTo(0x90);
        out(MCR, 0);
        out(LCR, 0xBF);
        out(IIR, 0);
        out(LCR, 0);
        out(FCR, 1);
        assertThat(in(IIR) >> 6)
                .as("both FIFO bits: no 16450, no 16550 with broken FIFOs")
                .isEqualTo(3);
        out(LCR, 0xBF);
        assertThat(in(2)).as("no EFR").isNotZero();
        out(LCR, 0xE0);
        assertThat(in(2) & 0x10).as("no National Super I/O").isZero();
        out(LCR, 0);
        out(FCR, 0x21);
        assertThat(in(IIR) >> 5).as("no 64-byte FIFO").isEqualTo(6);
        out(7, 0xA5);
        assertThat(in(7)).isEqualTo(0xA5);
    }

    @Test
    void whatIsWrittenIsSentAndTheTransmitterIsEmptyAgain() {
        for (char c : "hello\n".toCharArray()) {
            assertThat(in(LSR) & 0x60).isEqualTo(0x60);
            out(DATA, c);
        }
        assertThat(sent.toString()).isEqualTo("hello\n");
    }

    @Test
    void theDivisorHidesBehindItsLatchBit() {
        out(LCR, 0x83);
        out(DATA, 0x34);
        out(IER, 0x12);
        assertThat(in(DATA)).isEqualTo(0x34);
        assertThat(in(IER)).isEqualTo(0x12);
        out(LCR, 3);
        assertThat(in(IER)).isZero();
        assertThat(sent.toString()).isEmpty();
    }

    @Test
    void theTransmitInterruptComesWithEachEnableAndGoesWithTheIdentification() {
        open();
        out(IER, 2);
        assertThat(line).isTrue();
        assertThat(in(IIR)).isEqualTo(0xC2);
        assertThat(line).isFalse();
        assertThat(in(IIR)).isEqualTo(0xC1);
        out(IER, 0);
        out(IER, 2);
        assertThat(in(IIR)).as("the driver's THRE test").isEqualTo(0xC2);
        out(DATA, 'x');
        assertThat(line).as("sent at once, so empty again").isTrue();
    }

    @Test
    void theLineIsQuietWithoutOut2() {
        open();
        out(MCR, 3);
        out(IER, 2);
        assertThat(line).isFalse();
        out(MCR, 0xB);
        assertThat(line).isTrue();
    }

    @Test
    void receivedBytesInterruptAtTheTriggerLevel() {
        open();
        out(IER, 1);
        type("1234567");
        assertThat(line).isFalse();
        type("8");
        assertThat(line).isTrue();
        assertThat(in(IIR)).isEqualTo(0xC4);
        assertThat(in(DATA)).isEqualTo('1');
        assertThat(line).as("below the trigger again").isFalse();
        assertThat(in(LSR) & 1).isEqualTo(1);
    }

    @Test
    void fewerBytesInterruptAfterFourCharactersTime() {
        open();
        out(IER, 1);
        type("ab");
        clock.advanceBy(340_000);
        assertThat(line).isFalse();
        clock.advanceBy(10_000);
        assertThat(line).as("40 bits at 115200 are 347 us").isTrue();
        assertThat(in(IIR)).isEqualTo(0xCC);
        assertThat(in(DATA)).isEqualTo('a');
        assertThat(line).isFalse();
        clock.advanceBy(350_000);
        assertThat(line).isTrue();
        assertThat(in(DATA)).isEqualTo('b');
        clock.advanceBy(1_000_000);
        assertThat(line).isFalse();
        assertThat(in(LSR) & 1).isZero();
    }

    @Test
    void nothingIsLostThoughTheFifoIsFull() {
        open();
        String text = "The quick brown fox jumps over the lazy dog";
        type(text);
        var got = new StringBuilder();
        while ((in(LSR) & 1) != 0) {
            got.append((char) in(DATA));
        }
        assertThat(got.toString()).isEqualTo(text);
        assertThat(in(LSR) & 2).as("overrun").isZero();
    }

    @Test
    void bytesBeforeTheDriverIsReadyWaitForRts() {
        type("early");
        assertThat(in(LSR) & 1).isZero();
        open();
        var got = new StringBuilder();
        while ((in(LSR) & 1) != 0) {
            got.append((char) in(DATA));
        }
        assertThat(got.toString()).isEqualTo("early");
        assertThat(uart.unread()).isZero();
    }

    @Test
    void aBreakIsALineInterruptAndANulByte() {
        open();
        out(IER, 5);
        uart.receiveBreak();
        assertThat(line).isTrue();
        assertThat(in(IIR)).isEqualTo(0xC6);
        assertThat(in(LSR) & 0x91).isEqualTo(0x91);
        assertThat(in(LSR) & 0x91).as("told once").isEqualTo(1);
        assertThat(in(DATA)).isZero();
        assertThat(line).isFalse();
    }

    @Test
    void loopbackReceivesWhatIsSentAndOverruns() {
        out(MCR, MCR_LOOP);
        out(DATA, 'a');
        out(DATA, 'b');
        assertThat(in(LSR) & 3).isEqualTo(3);
        assertThat(in(LSR) & 3).as("overrun told once").isEqualTo(1);
        assertThat(in(DATA)).isEqualTo('a');
        assertThat(sent.toString()).isEmpty();
    }

    private static final int MCR_LOOP = 0x10;

    @Test
    void modemLineChangesAreToldOnce() {
        open();
        in(MSR);
        out(MCR, 0x10);
        assertThat(in(MSR)).as("CTS, DSR, DCD fell").isEqualTo(0x0B);
        assertThat(in(MSR)).isZero();
    }
}
