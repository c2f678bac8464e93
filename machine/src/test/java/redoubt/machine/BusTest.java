package redoubt.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class BusTest {
    private final List<String> log = new ArrayList<>();

    private BusDevice logging(String name) {
        return new BusDevice() {
            @Override
            public long read(long offset, int size) {
                log.add(name + " read " + offset + "/" + size);
                return 0x11L * (offset + 1);
            }

            @Override
            public void write(long offset, int size, long value) {
                log.add(name + " write " + offset + "/" + size + "=" + Long.toHexString(value));
            }
        };
    }

    @Test
    void aDeviceSeesOffsetsFromItsBase() {
        var bus = new Bus("port");
        bus.map("a", 0x60, 4, logging("a"));
        bus.map("b", 0x40, 4, logging("b"));
        assertThat(bus.read(0x61, 1)).isEqualTo(0x22);
        bus.write(0x42, 2, 0x12345);
        assertThat(log).containsExactly("a read 1/1", "b write 2/2=2345");
    }

    @Test
    void unclaimedReadsGiveOnesAndWritesVanish() {
        var bus = new Bus("memory");
        assertThat(bus.read(0xFED0_0000L, 1)).isEqualTo(0xFF);
        assertThat(bus.read(0xFED0_0000L, 4)).isEqualTo(0xFFFF_FFFFL);
        assertThat(bus.read(0xFED0_0000L, 8)).isEqualTo(-1L);
        bus.write(0xFED0_0000L, 8, 1);
    }

    @Test
    void anAccessOverADevicesEndIsSplit() {
        var bus = new Bus("port");
        bus.map("a", 0x70, 2, logging("a"));
        assertThat(bus.read(0x71, 4)).isEqualTo(0xFFFF_FF22L);
        bus.write(0x6F, 4, 0xDDCCBBAAL);
        assertThat(log).containsExactly("a read 1/1", "a write 0/1=bb", "a write 1/1=cc");
    }

    @Test
    void anOverlapIsRefusedAndNamesBoth() {
        var bus = new Bus("port");
        bus.map("serial port 1", 0x3F8, 8, logging("a"));
        assertThatThrownBy(() -> bus.map("speaker", 0x3FF, 1, logging("b")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("port bus: speaker at 0x3ff..0x3ff overlaps serial port 1 at 0x3f8..0x3ff");
        assertThatThrownBy(() -> bus.map("all", 0, 0x10000, logging("b"))).hasMessageContaining("serial port 1");
        bus.map("behind", 0x400, 1, logging("c"));
        for (int port = 0; port < 30; port++) {
            bus.map("p" + port, port * 2L, 1, logging("p" + port));
        }
        assertThat(bus.mappings()).hasSize(32).isSortedAccordingTo((x, y) -> Long.compare(x.base(), y.base()));
        assertThat(bus.read(58, 1)).isEqualTo(0x11);
        assertThat(bus.read(59, 1)).isEqualTo(0xFF);
    }
}
