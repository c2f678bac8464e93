package redoubt.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import redoubt.cpu.MsrFault;
import redoubt.machine.device.AcpiPower;
import redoubt.machine.device.Lapic;
import redoubt.machine.device.UnconnectedPins;

/** Plays a kernel on the whole board: what reaches what. */
class BoardTest {
    private final VirtualClock clock = new VirtualClock();
    private final StringBuilder console = new StringBuilder();
    private final List<String> asked = new ArrayList<>();
    private final AcpiPower.Requests requests = new AcpiPower.Requests() {
        @Override
        public void powerOff() {
            asked.add("off");
        }

        @Override
        public void reset() {
            asked.add("reset");
        }
    };
    private final Board board = new Board(
            MachineConfig.of(new MemoryLayout(512L << 20, 64L << 20), 2),
            clock,
            List.of(new UnconnectedPins(), new UnconnectedPins()),
            List.of((int c) -> console.append((char) c), (int c) -> {}),
            requests);

    private void out(int port, int value) {
        board.ports().write(port, 1, value);
    }

    private void redirect(int pin, int vector) {
        board.writeMemory(0, 0xFEC0_0000L, 4, 0x11 + 2 * pin);
        board.writeMemory(0, 0xFEC0_0010L, 4, 0);
        board.writeMemory(0, 0xFEC0_0000L, 4, 0x10 + 2 * pin);
        board.writeMemory(0, 0xFEC0_0010L, 4, vector);
    }

    @Test
    void theConsoleWritesAndInterruptsThroughTheIoApic() {
        out(0x3F8, 'h');
        out(0x3F8, 'i');
        assertThat(console.toString()).isEqualTo("hi");
        board.writeMemory(0, 0xFEE0_00F0L, 4, 0x1FF);
        redirect(4, 0x24);
        out(0x3FC, 0xB);
        out(0x3F9, 1);
        board.serial(0).receive('x');
        assertThat(board.lapic(0).acknowledge()).isEqualTo(0x24);
        assertThat(board.lapic(1).pending()).isFalse();
        assertThat(board.ports().read(0x3F8, 1)).isEqualTo('x');
    }

    @Test
    void theTimerComesOnPinTwoAndAsVectorOfTheLegacyPic() {
        Lapic lapic = board.lapic(0);
        board.writeMemory(0, 0xFEE0_00F0L, 4, 0x1FF);
        redirect(2, 0x30);
        for (int word : new int[] {0x11, 0x40, 4, 1}) {
            out(word == 0x11 ? 0x20 : 0x21, word);
        }
        board.ports().write(0x43, 1, 0x34);
        out(0x40, 0);
        out(0x40, 0x10);
        clock.advanceTo(3_500_000);
        assertThat(lapic.acknowledge()).isEqualTo(0x30);
        lapic.write(0xB0, 4, 0);
        assertThat(lapic.pending()).as("LINT0 is masked").isFalse();
        lapic.write(0x350, 4, 0x700);
        assertThat(lapic.acknowledge()).isEqualTo(0x40);
    }

    @Test
    void eachProcessorSeesItsOwnLocalApic() {
        assertThat(board.readMemory(0, 0xFEE0_0020L, 4)).isZero();
        assertThat(board.readMemory(1, 0xFEE0_0020L, 4)).isEqualTo(1L << 24);
        board.lapic(1).writeMsr(0x1B, 0xFEE0_0C00L);
        assertThat(board.readMemory(1, 0xFEE0_0020L, 4)).isEqualTo(0xFFFF_FFFFL);
    }

    @Test
    void whatIsAbsentReadsAsOnes() {
        for (int port : new int[] {0x60, 0x64, 0x80, 0xCF8, 0xCFC, 0x3E8, 0x3DA}) {
            assertThat(board.ports().read(port, 1)).as("port %x", port).isEqualTo(0xFF);
        }
        board.ports().write(0xCF8, 4, 0x8000_FF04L);
        assertThat(board.ports().read(0xCFC, 4)).isEqualTo(0xFFFF_FFFFL);
        assertThat(board.readMemory(0, 0xFED0_0000L, 8)).isEqualTo(-1);
        assertThat(asked).isEmpty();
    }

    @Test
    void powerOffAndResetAreAsked() {
        out(0x610, 5 << 2 | 0x20);
        out(0xCF9, 6);
        assertThat(asked).containsExactly("off", "reset");
    }

    @Test
    void cmosTellsTheDateAndTheMemory() {
        out(0x70, 9);
        assertThat(board.ports().read(0x71, 1)).isEqualTo(0x26);
        out(0x70, 0x35);
        long high = board.ports().read(0x71, 1);
        out(0x70, 0x34);
        assertThat((high << 8 | board.ports().read(0x71, 1)) << 16).isEqualTo((512L - 16) << 20);
    }

    @Test
    void asManyProcessorsAsApicIds() {
        assertThatThrownBy(() -> new Board(
                        MachineConfig.of(new MemoryLayout(512L << 20, 0), 2),
                        clock,
                        List.of(new UnconnectedPins()),
                        List.of(),
                        requests))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("1 processors for 2 APIC IDs");
    }

    @Test
    void noSequenceOfAccessesMakesADeviceThrow() {
        long seed = Long.getLong("redoubt.test.seed", 1);
        var random = new java.util.Random(seed);
        List<Bus.Mapping> mapped = board.ports().mappings();
        int[] sizes = {1, 1, 1, 2, 4};
        int round = 0;
        try {
            for (; round < 1_000_000; round++) {
                int size = sizes[random.nextInt(sizes.length)];
                Bus.Mapping device = mapped.get(random.nextInt(mapped.size()));
                long port = device.base() + random.nextInt((int) device.lengthBytes()) - random.nextInt(2);
                long value = random.nextBoolean() ? random.nextInt(16) : random.nextLong();
                long address = (random.nextBoolean() ? 0xFEE0_0000L : 0xFEC0_0000L) + random.nextInt(0x400);
                switch (random.nextInt(10)) {
                    case 0, 1 -> board.ports().read(port, size);
                    case 2, 3, 4 -> board.ports().write(port, size, value);
                    case 5 -> board.readMemory(random.nextInt(2), address & -4, 4);
                    case 6 -> board.writeMemory(random.nextInt(2), address & -4, 4, value);
                    case 7 -> accessMsr(random, value);
                    case 8 -> {
                        board.serial(random.nextInt(2)).receive((int) value);
                        board.lapic(0).acknowledge();
                        board.lapic(1).acknowledge();
                    }
                    default -> clock.advanceBy(random.nextInt(20_000));
                }
            }
        } catch (RuntimeException e) {
            throw new AssertionError("seed " + seed + " round " + round, e);
        }
        assertThat(asked).contains("off", "reset");
    }

    private void accessMsr(java.util.Random random, long value) {
        Lapic lapic = board.lapic(random.nextInt(2));
        int[] special = {Lapic.IA32_APIC_BASE, Lapic.IA32_TSC_DEADLINE};
        int index = random.nextInt(4) == 0 ? special[random.nextInt(2)] : 0x800 + random.nextInt(0x40);
        try {
            lapic.readMsr(index);
            lapic.writeMsr(index, index == Lapic.IA32_APIC_BASE ? 0xFEE0_0000L | random.nextInt(16) << 8 : value);
        } catch (MsrFault e) {
            // what the processor answers with #GP
        }
    }
}
