package redoubt.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class HostMemoryTest {
    private static final long GIB = 1L << 30;

    @Test
    void givesZeroedWholePagesUntilTheArenaIsClosed() {
        MemorySegment memory;
        try (Arena arena = Arena.ofConfined()) {
            memory = HostMemory.allocate(arena, 12288);
            assertThat(memory.address() % 4096).isZero();
            assertThat(memory.byteSize()).isEqualTo(12288);
            assertThat(memory.mismatch(arena.allocate(12288))).isEqualTo(-1);
            memory.set(ValueLayout.JAVA_LONG, 12280, 5);
            assertThat(memory.get(ValueLayout.JAVA_LONG, 12280)).isEqualTo(5);
        }
        assertThatThrownBy(() -> memory.get(ValueLayout.JAVA_LONG, 0)).isInstanceOf(IllegalStateException.class);
    }

    /** Writing all of this would take many seconds, where the host has so much at all. */
    @Test
    void memoryThatNobodyTouchesCostsNothing() {
        long start = System.nanoTime();
        for (int i = 0; i < 100; i++) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment memory = HostMemory.allocate(arena, GIB);
                memory.set(ValueLayout.JAVA_BYTE, GIB / 2, (byte) 1);
            }
        }
        assertThat(System.nanoTime() - start).isLessThan(10_000_000_000L);
    }

    @Test
    void whatTheHostHasNotIsRefused() {
        try (Arena arena = Arena.ofConfined()) {
            assertThatThrownBy(() -> HostMemory.allocate(arena, 1L << 60)).isInstanceOf(OutOfMemoryError.class);
        }
    }
}
