package redoubt.machine.device;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import redoubt.machine.BusDevice;

/** Plays Linux' i8259.c. Oracle: Intel 8259A data sheet. */
class PicTest {
    private final Pic pic = new Pic(() -> {});
    private final BusDevice master = pic.masterPorts();
    private final BusDevice slave = pic.slavePorts();

    @BeforeEach
    void initialize() {
        for (int word : new int[] {0x11, 0x30, 0x04, 0x01}) {
            master.write(word == 0x11 ? 0 : 1, 1, word);
        }
        for (int word : new int[] {0x11, 0x38, 0x02, 0x01}) {
            slave.write(word == 0x11 ? 0 : 1, 1, word);
        }
    }

    @Test
    void theProbeReadsBackItsMask() {
        slave.write(1, 1, 0xFF);
        master.write(1, 1, 0xFB);
        assertThat(master.read(1, 1)).isEqualTo(0xFB);
    }

    @Test
    void anEdgeIsAcknowledgedWithItsVectorAndBlocksLowerOnes() {
        pic.line(4).set(true);
        assertThat(pic.isAsserted()).isTrue();
        assertThat(pic.acknowledge()).isEqualTo(0x34);
        pic.line(5).set(true);
        assertThat(pic.isAsserted()).as("5 is lower than 4").isFalse();
        pic.line(0).pulse();
        assertThat(pic.isAsserted()).as("an edge that fell again is gone").isFalse();
        pic.line(0).set(true);
        assertThat(pic.acknowledge()).isEqualTo(0x30);
        master.write(0, 1, 0x60);
        master.write(0, 1, 0x64);
        assertThat(pic.acknowledge()).isEqualTo(0x35);
        master.write(0, 1, 0x0B);
        assertThat(master.read(0, 1)).as("in service").isEqualTo(0x20);
    }

    @Test
    void theSlaveComesThroughTheCascade() {
        pic.line(8).set(true);
        assertThat(pic.acknowledge()).isEqualTo(0x38);
        slave.write(0, 1, 0x60);
        master.write(0, 1, 0x62);
        assertThat(pic.isAsserted()).isFalse();
    }

    @Test
    void aMaskedInputWaits() {
        master.write(1, 1, 0x10);
        pic.line(4).set(true);
        assertThat(pic.isAsserted()).isFalse();
        master.write(1, 1, 0);
        assertThat(pic.isAsserted()).isTrue();
    }

    @Test
    void aRequestThatWentAwayIsSpurious() {
        pic.line(3).set(true);
        pic.line(3).set(false);
        assertThat(pic.isAsserted()).isFalse();
        assertThat(pic.acknowledge()).isEqualTo(0x37);
        master.write(0, 1, 0x0B);
        assertThat(master.read(0, 1)).as("nothing is in service").isZero();
    }

    @Test
    void aLevelInputInterruptsAgainAfterItsEnd() {
        pic.edgeLevelPorts().write(0, 1, 0xFF);
        assertThat(pic.edgeLevelPorts().read(0, 1)).isEqualTo(0xF8);
        pic.line(5).set(true);
        pic.acknowledge();
        assertThat(pic.isAsserted()).isFalse();
        master.write(0, 1, 0x20);
        assertThat(pic.acknowledge()).isEqualTo(0x35);
        pic.line(5).set(false);
        master.write(0, 1, 0x20);
        assertThat(pic.isAsserted()).isFalse();
    }

    @Test
    void automaticEndLeavesNothingInService() {
        for (int word : new int[] {0x11, 0x30, 0x04, 0x03}) {
            master.write(word == 0x11 ? 0 : 1, 1, word);
        }
        pic.line(4).set(true);
        pic.acknowledge();
        pic.line(5).set(true);
        assertThat(pic.acknowledge()).isEqualTo(0x35);
    }

    @Test
    void rotationMakesTheServedInputTheLowest() {
        pic.line(4).set(true);
        pic.acknowledge();
        master.write(0, 1, 0xA0);
        pic.line(4).set(false);
        pic.line(4).set(true);
        pic.line(5).set(true);
        assertThat(pic.acknowledge()).isEqualTo(0x35);
    }

    @Test
    void aPollAcknowledges() {
        pic.line(6).set(true);
        master.write(0, 1, 0x0C);
        assertThat(master.read(0, 1)).isEqualTo(0x86);
        assertThat(pic.isAsserted()).isFalse();
        master.write(0, 1, 0x0C);
        assertThat(master.read(0, 1)).isZero();
    }
}
