package redoubt.image;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Programs of the host that serve tests as oracles; a test that needs one which is not there is skipped and says so. */
final class HostTools {
    private HostTools() {}

    static void require(String program) {
        boolean found = false;
        for (String folder : System.getenv().getOrDefault("PATH", "").split(":")) {
            found |= !folder.isEmpty() && Files.isExecutable(Path.of(folder, program));
        }
        assumeTrue(found, program + " is not installed here: skipped");
    }

    /** The program's standard output; fails if it does not end with 0. */
    static byte[] run(Path input, List<String> command) throws IOException, InterruptedException {
        Path output = Files.createTempFile("tool", ".out");
        Path errors = Files.createTempFile("tool", ".err");
        try {
            Process process = new ProcessBuilder(command)
                    .redirectInput(input.toFile())
                    .redirectOutput(output.toFile())
                    .redirectError(errors.toFile())
                    .start();
            if (!process.waitFor(60, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new AssertionError(command + " did not end");
            }
            if (process.exitValue() != 0) {
                throw new AssertionError(
                        command + " ended with " + process.exitValue() + ": " + Files.readString(errors));
            }
            return Files.readAllBytes(output);
        } finally {
            Files.delete(output);
            Files.delete(errors);
        }
    }
}
