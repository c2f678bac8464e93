package redoubt.x86;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A C program of this folder, compiled when a test starts, that executes instructions on the host's processor. */
final class HostProgram implements AutoCloseable {
    private final Path directory;
    private final Process process;

    /** Compiles {@code source} and starts it; the test is skipped, saying why, where that cannot work. */
    HostProgram(String source, String... options) throws IOException, InterruptedException {
        String architecture = System.getProperty("os.arch");
        assumeTrue(
                architecture.equals("amd64") || architecture.equals("x86_64"),
                "the oracle is an x86-64 host processor, and this is " + architecture);
        directory = Files.createTempDirectory("redoubt-oracle");
        Path file = directory.resolve(source);
        try (InputStream text = HostProgram.class.getResourceAsStream(source)) {
            if (text == null) {
                throw new IllegalStateException("no resource " + source);
            }
            Files.copy(text, file);
        }
        Path program = directory.resolve("oracle");
        List<String> command = new ArrayList<>(List.of("gcc", "-O1", "-o", program.toString(), file.toString()));
        command.addAll(List.of(options));
        Process compiler;
        try {
            compiler = new ProcessBuilder(command).redirectErrorStream(true).start();
        } catch (IOException e) {
            delete();
            assumeTrue(false, "the oracle needs gcc: " + e.getMessage());
            throw e;
        }
        String messages = new String(compiler.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (compiler.waitFor() != 0) {
            delete();
            throw new IllegalStateException("gcc refused " + source + ":\n" + messages);
        }
        process = new ProcessBuilder(program.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    /** Sends requests and waits for as many answers of {@code answerBytes} each. */
    ByteBuffer ask(ByteBuffer requests, int count, int answerBytes) {
        Thread.startVirtualThread(() -> {
            try {
                var out = new DataOutputStream(process.getOutputStream());
                out.write(requests.array(), 0, requests.position());
                out.flush();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        try {
            byte[] answers = process.getInputStream().readNBytes(count * answerBytes);
            if (answers.length != count * answerBytes) {
                throw new IllegalStateException("the oracle ended early");
            }
            return ByteBuffer.wrap(answers).order(ByteOrder.LITTLE_ENDIAN);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void delete() {
        try (var files = Files.walk(directory)) {
            for (Path path : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        process.destroy();
        delete();
    }
}
