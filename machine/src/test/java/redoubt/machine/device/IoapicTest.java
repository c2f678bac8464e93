package redoubt.machine.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import redoubt.machine.InterruptLine;
import redoubt.machine.VirtualClock;

/** Plays Linux' io_apic.c against one processor. Oracle: Intel 82093AA data sheet. */
class IoapicTest {
    private static final long LEVEL = 1 << 15;
    private static final long MASKED = 1 << 16;

    private final ApicBus bus = new ApicBus();
    private final Ioapic ioapic = new Ioapic(2, bus);
    private final Lapic lapic = new Lapic(0, true, 46, new VirtualClock(), bus, new UnconnectedPins());

    IoapicTest() {
        lapic.write(0xF0, 4, 0x1FF);
    }

    private long read(int register) {
        ioapic.write(0, 4, register);
        return ioapic.read(0x10, 4);
    }

    private void write(int register, long value) {
        ioapic.write(0, 4, register);
        ioapic.write(0x10, 4, value);
    }

    private void entry(int pin, long low) {
        write(0x11 + 2 * pin, 0);
        write(0x10 + 2 * pin, low);
    }

    private void eoi() {
        lapic.write(0xB0, 4, 0);
    }

    @Test
    void tellsItsIdAndSizeAndStartsMasked() {
        assertThat(read(0)).isEqualTo(2L << 24);
        assertThat(read(1)).isEqualTo(0x0017_0020);
        for (int pin = 0; pin < 24; pin++) {
            assertThat(read(0x10 + 2 * pin)).isEqualTo(MASKED);
            assertThat(read(0x11 + 2 * pin)).isZero();
        }
        write(0, 0x0500_0000);
        assertThat(read(0)).isEqualTo(5L << 24);
        assertThat(read(0x40)).isZero();
    }

    @Test
    void statusBitsOfAnEntryCannotBeWritten() {
        write(0x11, 0xFF00_0000L);
        write(0x10, 0xFFFF_FFFFL);
        assertThat(read(0x10)).isEqualTo(0x1_AFFF);
        assertThat(read(0x11)).isEqualTo(0xFF00_0000L);
    }

    @Test
    void anEdgeInterruptsOnceForEachRise() {
        InterruptLine line = ioapic.pin(4);
        entry(4, 0x34);
        line.set(true);
        assertThat(lapic.acknowledge()).isEqualTo(0x34);
        eoi();
        line.set(true);
        assertThat(lapic.pending()).isFalse();
        line.set(false);
        line.set(true);
        assertThat(lapic.pending()).isTrue();
    }

    @Test
    void anEdgeOnAMaskedPinIsLost() {
        InterruptLine line = ioapic.pin(4);
        line.set(true);
        entry(4, 0x34);
        assertThat(lapic.pending()).isFalse();
    }

    @Test
    void aLevelInterruptsAgainAfterEoiWhileItLasts() {
        InterruptLine line = ioapic.pin(9);
        entry(9, 0x39 | LEVEL);
        line.set(true);
        assertThat(lapic.acknowledge()).isEqualTo(0x39);
        assertThat(read(0x10 + 18) >> 14 & 1).as("remote IRR").isEqualTo(1);
        line.set(false);
        line.set(true);
        assertThat(lapic.pending()).as("held by remote IRR").isFalse();
        eoi();
        assertThat(lapic.acknowledge()).isEqualTo(0x39);
        line.set(false);
        eoi();
        assertThat(lapic.pending()).isFalse();
        assertThat(read(0x10 + 18) >> 14 & 1).isZero();
    }

    @Test
    void aLevelThatWaitedBehindTheMaskComesWithUnmasking() {
        entry(9, 0x39 | LEVEL | MASKED);
        ioapic.pin(9).set(true);
        assertThat(lapic.pending()).isFalse();
        entry(9, 0x39 | LEVEL);
        assertThat(lapic.pending()).isTrue();
    }

    @Test
    void withBroadcastSuppressedTheEoiRegisterEndsALevel() {
        lapic.write(0xF0, 4, 0x11FF);
        entry(9, 0x39 | LEVEL);
        ioapic.pin(9).set(true);
        lapic.acknowledge();
        eoi();
        assertThat(lapic.pending()).isFalse();
        ioapic.write(0x40, 4, 0x39);
        assertThat(lapic.pending()).isTrue();
    }

    @Test
    void aPinThatDoesNotExistIsRefused() {
        assertThatThrownBy(() -> ioapic.pin(24)).hasMessageContaining("24");
    }
}
