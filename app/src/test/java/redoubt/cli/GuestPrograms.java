package redoubt.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/** Programs for the guest that tests build with the compiler of the machine they run on. */
final class GuestPrograms {
    private GuestPrograms() {}

    /** Skips the test without that tool. */
    static void need(String tool) {
        boolean present = Stream.of(System.getenv().getOrDefault("PATH", "").split(":"))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, tool)));
        Assumptions.assumeTrue(present, "skipped: no " + tool + " on this machine");
    }

    /** Runs a tool to its end; its output, which goes to the file {@code log}, is the message if it fails. */
    static void execute(Path log, List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        assertThat(process.waitFor(5, TimeUnit.MINUTES))
                .as("%s within 5 minutes", command.getFirst())
                .isTrue();
        assertThat(process.exitValue()).as(Files.readString(log)).isZero();
    }
}
