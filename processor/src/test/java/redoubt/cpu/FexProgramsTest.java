package redoubt.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The instruction tests of the FEX emulator, {@code unittests/ASM} and {@code unittests/32Bit_ASM} of its repository, as far
 * as they ask for an Intel processor. Oracle: the registers each of them names. Not part of this repository; the property
 * {@code redoubt.fex} names the folder where FEX's build put the assembled programs, {@code NAME.asm.bin} each with its
 * {@code NAME.asm.config.bin}; {@code redoubt.fex.only} is a regular expression that the path must contain.
 */
class FexProgramsTest {
    private static final String CODE = ".asm.bin";

    @Test
    void programsEndWithTheRegistersTheyName() throws IOException {
        String folder = System.getProperty("redoubt.fex", "");
        assumeTrue(!folder.isEmpty(), "skipped: the property redoubt.fex names no folder");
        Pattern wanted = Pattern.compile(System.getProperty("redoubt.fex.only", ""));
        List<String> failures = new ArrayList<>();
        int run = 0;
        int foreign = 0;
        for (Path binary : programs(Path.of(folder))) {
            String name = binary.toString();
            if (!wanted.matcher(name).find()) {
                continue;
            }
            String stem = name.substring(0, name.length() - CODE.length());
            FexProgram program = new FexProgram(binary, Path.of(stem + ".asm.config.bin"));
            if (program.foreign()) {
                foreign++;
                continue;
            }
            run++;
            List<String> differences = program.differences();
            if (!differences.isEmpty()) {
                failures.add(stem + ": " + String.join("; ", differences));
            }
        }
        System.out.printf(
                "FEX: %d programs run, %d not for this processor, %d failed%n", run, foreign, failures.size());
        assertThat(run).isPositive();
        assertThat(String.join("\n", failures)).isEmpty();
    }

    private static List<Path> programs(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(f -> f.toString().endsWith(CODE)).sorted().toList();
        }
    }
}
