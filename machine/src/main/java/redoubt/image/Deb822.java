package redoubt.image;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Reader;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * The stanza format of Debian's control files: {@code Field: value}, continuation lines that start with a blank, stanzas
 * parted by empty lines (deb822(5)). Field names compare without case.
 */
final class Deb822 {
    private Deb822() {}

    /** All stanzas of {@code text}; continuation lines are joined to their field with a newline, leading blank removed. */
    static List<Map<String, String>> parse(String text) {
        List<Map<String, String>> stanzas = new ArrayList<>();
        try {
            forEach(new StringReader(text), stanzas::add);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return stanzas;
    }

    /** Hands over the stanzas one by one, so that an index of fifty megabytes need not be held whole. */
    static void forEach(Reader reader, Consumer<Map<String, String>> consumer) throws IOException {
        BufferedReader lines = new BufferedReader(reader, 1 << 16);
        Map<String, String> stanza = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        String field = "";
        StringBuilder value = new StringBuilder();
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (line.startsWith("#")) {
                continue;
            }
            if (line.isBlank()) {
                finish(stanza, field, value);
                field = "";
                if (!stanza.isEmpty()) {
                    consumer.accept(stanza);
                    stanza = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
                }
            } else if (line.charAt(0) == ' ' || line.charAt(0) == '\t') {
                if (!field.isEmpty()) {
                    value.append('\n').append(line, 1, line.length());
                }
            } else {
                finish(stanza, field, value);
                int colon = line.indexOf(':');
                // A line that is no field cannot start one; what follows it belongs to nothing.
                field = colon < 0 ? "" : line.substring(0, colon).strip();
                if (colon >= 0) {
                    value.append(line.substring(colon + 1).strip());
                }
            }
        }
        finish(stanza, field, value);
        if (!stanza.isEmpty()) {
            consumer.accept(stanza);
        }
    }

    private static void finish(Map<String, String> stanza, String field, StringBuilder value) {
        if (!field.isEmpty()) {
            stanza.putIfAbsent(field, value.toString());
        }
        value.setLength(0);
    }

    /** The blank-separated words of a field, none for an absent one. */
    static List<String> words(Map<String, String> stanza, String field) {
        String value = stanza.getOrDefault(field, "").strip();
        return value.isEmpty() ? List.of() : List.of(value.split("\\s+"));
    }
}
