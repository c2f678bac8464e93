package redoubt.cpu.host;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The list of differences between the host and the manual that Redoubt follows; see the head of the file it reads. */
final class AcceptedDifferences {
    private static final String FILE = "intel-versus-amd.txt";

    /** One line of the list. */
    record Entry(Pattern mnemonic, Pattern fields, String reason) {
        boolean explains(String key) {
            String without = key.replace("@base", "");
            return Stream.of(key, key.replace("@fault", ""), without, without.replace("@fault", ""))
                    .anyMatch(k -> fields.matcher(k).matches());
        }
    }

    private final List<Entry> entries;

    private AcceptedDifferences(List<Entry> entries) {
        this.entries = List.copyOf(entries);
    }

    static AcceptedDifferences read() {
        try (InputStream in = AcceptedDifferences.class.getResourceAsStream(FILE)) {
            if (in == null) {
                throw new IllegalStateException("no test resource " + FILE);
            }
            return parse(new String(in.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static AcceptedDifferences parse(String text) {
        List<Entry> entries = new ArrayList<>();
        for (String line : text.lines().toList()) {
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            String[] parts = line.split(";", 3);
            if (parts.length < 3) {
                throw new IllegalArgumentException(FILE + ": not three parts: " + line);
            }
            entries.add(new Entry(Pattern.compile(parts[0].trim()), Pattern.compile(parts[1].trim()), parts[2].trim()));
        }
        return new AcceptedDifferences(entries);
    }

    /** The reason that explains every differing field, if there is one. */
    Optional<String> explanation(String mnemonic, Difference difference) {
        String reason = "";
        for (Difference.Field field : difference.fields()) {
            Optional<Entry> entry = entries.stream()
                    .filter(e -> e.mnemonic.matcher(mnemonic).matches() && e.explains(difference.key(field)))
                    .findFirst();
            if (entry.isEmpty()) {
                return Optional.empty();
            }
            reason = entry.get().reason;
        }
        return Optional.of(reason);
    }
}
