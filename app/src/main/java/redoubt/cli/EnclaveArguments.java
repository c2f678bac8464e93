package redoubt.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import redoubt.enclave.EnclaveFile;
import redoubt.enclave.EnclaveFileException;
import redoubt.sgx.Sigstruct;

/** The enclave file that a command is about, and how its result is to be written. */
final class EnclaveArguments {
    /** How a result is written. */
    enum Output {
        text,
        json
    }

    @Parameters(
            paramLabel = "FILE",
            description = "An enclave signed by Intel's SDK or Open Enclave, an SGXS stream, or a SIGSTRUCT.")
    private Path file = Path.of("");

    @Option(
            names = "--css",
            paramLabel = "FILE",
            description =
                    "The SIGSTRUCT, if it is another file (default: FILE.sig beside an SGXS stream, if there is one).")
    private @Nullable Path css;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "FORMAT",
            defaultValue = "text",
            description = "How to write the result: ${COMPLETION-CANDIDATES} (default: text).")
    private Output output = Output.text;

    EnclaveArguments() {}

    /** Reads the file: each description of the enclave that it holds, the one a loader prefers first. */
    List<EnclaveFile> read() {
        List<EnclaveFile> enclaves = EnclaveFile.read(file.toString(), bytes(file));
        Path signature = css != null ? css : beside();
        if (signature == null) {
            return enclaves;
        }
        byte[] bytes = bytes(signature);
        if (bytes.length != Sigstruct.SIZE) {
            throw new EnclaveFileException(
                    signature + ": " + bytes.length + " bytes; a SIGSTRUCT has " + Sigstruct.SIZE);
        }
        Sigstruct sigstruct = Sigstruct.of(bytes);
        return enclaves.stream()
                .map(e -> new EnclaveFile(e.format(), e.variant(), e.layout(), sigstruct))
                .toList();
    }

    boolean json() {
        return output == Output.json;
    }

    private @Nullable Path beside() {
        String name = String.valueOf(file.getFileName());
        if (!name.endsWith(".sgxs")) {
            return null;
        }
        Path sibling = file.resolveSibling(name.substring(0, name.length() - 5) + ".sig");
        return Files.exists(sibling) ? sibling : null;
    }

    private static byte[] bytes(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (NoSuchFileException e) {
            throw new EnclaveFileException(file + ": no such file");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
