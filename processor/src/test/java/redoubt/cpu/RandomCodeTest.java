package redoubt.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/**
 * Random bytes at CPL 0: whatever they do ends as a fault, a shutdown, a limit or a named internal error.
 *
 * <p>Properties: {@code redoubt.random.first} and {@code redoubt.random.seeds}, the first seed and how many;
 * {@code redoubt.random.instructions} for each.
 */
class RandomCodeTest {
    private static final long SEEDS = TestScale.count("redoubt.random.seeds", 20, 100);
    private static final long FIRST = Long.getLong("redoubt.random.first", 1);
    private static final long INSTRUCTIONS = TestScale.count("redoubt.random.instructions", 200_000, 10_000_000);

    /** Starts random code over and over until so many instructions have run, with new registers each time. */
    private static void execute(long seed) {
        Random random = new Random(seed);
        long executed = 0;
        while (executed < INSTRUCTIONS) {
            try (TestCpu t = TestCpu.longMode()) {
                byte[] code = new byte[64 << 10];
                random.nextBytes(code);
                t.write(TestCpu.CODE, code);
                for (int start = 0; start < 200; start++) {
                    t.cpu.halted = false;
                    t.cpu.codeMode = 64;
                    t.cpu.rip = TestCpu.CODE + random.nextInt(code.length);
                    for (int i = 0; i < 16; i++) {
                        t.cpu.r[i] =
                                random.nextInt(3) == 0 ? random.nextLong() : TestCpu.DATA + random.nextInt(1 << 20);
                    }
                    long before = t.cpu.instructions;
                    try {
                        t.engine.run(2_000);
                    } catch (UnimplementedException e) {
                        assertThat(e.getMessage()).containsPattern(" at RIP 0x[0-9a-f]+: ([0-9a-f]{2} )+\\([a-z]");
                    }
                    executed += Math.max(1, t.cpu.instructions - before);
                }
            }
        }
    }

    @Test
    void noJavaExceptionEscapesRandomCode() {
        LongStream.range(FIRST, FIRST + SEEDS).parallel().forEach(seed -> {
            try {
                execute(seed);
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("-Dredoubt.random.seeds=1 -Dredoubt.random.first=" + seed, e);
            }
        });
    }
}
