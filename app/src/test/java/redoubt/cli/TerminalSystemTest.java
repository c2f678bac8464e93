package redoubt.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import redoubt.image.DefaultGuest;
import redoubt.image.GuestCommand;
import redoubt.image.ImageException;

/** Redoubt on a pseudo-terminal, which python3 makes. Skipped where there is no python3, or no guest. */
class TerminalSystemTest {
    private static final List<String> STEPS = List.of(
            "expect redoubt: booting ...",
            "expect # ",
            "send stty size; echo $TERM; tty\\r",
            "expect 33 111",
            "expect vt220",
            "expect /dev/ttyS1",
            "expect # ",
            "send echo be''gun; sleep 1000\\r", // once it prints, the shell has given the terminal away
            "expect begun",
            "send \\x03",
            "expect ^C",
            "expect # ",
            "send \\x01x");

    private static Path python() {
        return Stream.of(System.getenv("PATH").split(":"))
                .map(folder -> Path.of(folder, "python3"))
                .filter(Files::isExecutable)
                .findFirst()
                .orElseGet(() -> Assumptions.abort("no python3 on the PATH to make a pseudo-terminal"));
    }

    private static String onTerminal(List<String> steps, String... arguments) throws IOException, InterruptedException {
        Path script = Path.of("src/test/resources/redoubt/cli/on-a-terminal.py");
        List<String> command = new ArrayList<>(List.of(
                python().toString(),
                script.toString(),
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=redoubt.processor,redoubt.hypervisor,redoubt.machine,org.jline.terminal.ffm",
                "-XX:+UseSerialGC",
                "-XX:-DontCompileHugeMethods",
                "-p",
                System.getProperty("jdk.module.path"),
                "-m",
                "redoubt.app/redoubt.cli.Main"));
        command.addAll(Arrays.asList(arguments));
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("TERM", "vt220");
        Path input = Files.createTempFile("redoubt", "steps");
        Path output = Files.createTempFile("redoubt", "seen");
        try {
            Files.write(input, steps);
            Process process = builder.redirectInput(input.toFile())
                    .redirectOutput(output.toFile())
                    .start();
            boolean ended = process.waitFor(400, TimeUnit.SECONDS);
            process.destroyForcibly();
            assertThat(ended).isTrue();
            return new String(Files.readAllBytes(output), StandardCharsets.ISO_8859_1);
        } finally {
            Files.delete(input);
            Files.delete(output);
        }
    }

    @Test
    void aShellHasTheTerminalWithSizeTypeAndKeysAndTheEscapeQuits() throws Exception {
        try {
            DefaultGuest.prepare(DefaultGuest.Options.of(GuestCommand.shell()));
        } catch (ImageException e) {
            Assumptions.abort(e.toString());
        }
        String seen = onTerminal(STEPS, "run");
        assertThat(seen).endsWith("status 0, mode as before\n");
        assertThat(seen).startsWith("\r\033[Kredoubt: booting ...\r\033[K\r"); // and nothing asked of the terminal
    }

    @Test
    void theEscapeLetsAllElseThrough() throws IOException {
        var typed = new ByteArrayInputStream(new byte[] {'a', 1, 1, 'b', 1, 'c', 1, 'x', 'd'});
        var quit = new ArrayList<String>();
        try (var escapes = new HostTerminal.Escapes(typed, () -> quit.add("quit"))) {
            assertThat(escapes.readAllBytes()).isEqualTo(new byte[] {'a', 1, 'b', 'c'});
        }
        assertThat(quit).containsExactly("quit");
    }
}
