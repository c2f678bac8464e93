package redoubt.image;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What apt.conf(5) says on this system: the file that APT_CONFIG names, then the parts in etc/apt/apt.conf.d in the order
 * of their names, then etc/apt/apt.conf; a later value replaces an earlier one. Option names compare without case.
 *
 * <p>Limitations: {@code #include} and the {@code Dir::} options that would move these files are not followed, and lists
 * keep only their last element; nothing here asks for one.
 */
final class AptConfiguration {
    private final Map<String, String> values;

    private AptConfiguration(Map<String, String> values) {
        this.values = values;
    }

    /** Reads the configuration below {@code root}, normally the root of the file system. */
    static AptConfiguration read(Path root, Map<String, String> environment) {
        Map<String, String> values = new HashMap<>();
        String first = environment.getOrDefault("APT_CONFIG", "");
        if (!first.isEmpty()) {
            readFile(Path.of(first), values);
        }
        for (Path part : parts(root.resolve("etc/apt/apt.conf.d"), ".conf", true)) {
            readFile(part, values);
        }
        readFile(root.resolve("etc/apt/apt.conf"), values);
        return new AptConfiguration(values);
    }

    static AptConfiguration of(String text) {
        Map<String, String> values = new HashMap<>();
        parse(text, values);
        return new AptConfiguration(values);
    }

    Optional<String> value(String name) {
        return Optional.ofNullable(values.get(name.toLowerCase(Locale.ROOT)));
    }

    /** A boolean as apt reads them: no, false, without, off, disable and 0 are false. */
    boolean isSet(String name, boolean otherwise) {
        return value(name).map(AptConfiguration::isTrue).orElse(otherwise);
    }

    static boolean isTrue(String value) {
        return !List.of("no", "false", "without", "off", "disable", "0").contains(value.toLowerCase(Locale.ROOT));
    }

    /**
     * The parts of a configuration folder in the order of their names. As in apt, a name is made of letters, digits,
     * hyphens, underscores and dots, and ends in {@code suffix} (or, where {@code bare} says so, has no dot at all).
     */
    static List<Path> parts(Path folder, String suffix, boolean bare) {
        List<Path> parts = new ArrayList<>();
        if (!Files.isDirectory(folder)) {
            return parts;
        }
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
            for (Path file : files) {
                String name = String.valueOf(file.getFileName());
                boolean ours = name.endsWith(suffix) || (bare && !name.contains("."));
                if (ours && name.matches("[A-Za-z0-9_-][A-Za-z0-9_.-]*") && Files.isRegularFile(file)) {
                    parts.add(file);
                }
            }
        } catch (IOException e) {
            throw new ImageException(folder + ": cannot be read: " + e.getMessage(), e);
        }
        parts.sort((a, b) -> String.valueOf(a.getFileName()).compareTo(String.valueOf(b.getFileName())));
        return parts;
    }

    private static void readFile(Path file, Map<String, String> values) {
        if (!Files.isRegularFile(file)) {
            return;
        }
        try {
            parse(new String(Files.readAllBytes(file), StandardCharsets.UTF_8), values);
        } catch (IOException e) {
            throw new ImageException(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    private static void parse(String text, Map<String, String> values) {
        Deque<String> scopes = new ArrayDeque<>();
        List<String> statement = new ArrayList<>();
        int at = 0;
        while (at < text.length()) {
            char c = text.charAt(at);
            if (Character.isWhitespace(c)) {
                at++;
            } else if (c == '#' || text.startsWith("//", at)) {
                at = indexOrEnd(text, "\n", at);
            } else if (text.startsWith("/*", at)) {
                at = Math.min(text.length(), indexOrEnd(text, "*/", at + 2) + 2);
            } else if (c == ';') {
                assign(scopes, statement, values);
                at++;
            } else if (c == '{') {
                scopes.push((scopes.isEmpty() ? "" : scopes.peek()) + (statement.isEmpty() ? "" : statement.getFirst())
                        + "::");
                statement.clear();
                at++;
            } else if (c == '}') {
                assign(scopes, statement, values);
                scopes.poll();
                at++;
            } else if (c == '"') {
                int end = indexOrEnd(text, "\"", at + 1);
                statement.add(text.substring(at + 1, end));
                at = end + 1;
            } else {
                int end = at;
                while (end < text.length()
                        && !Character.isWhitespace(text.charAt(end))
                        && "{};\"".indexOf(text.charAt(end)) < 0) {
                    end++;
                }
                statement.add(text.substring(at, end));
                at = end;
            }
        }
    }

    private static int indexOrEnd(String text, String what, int from) {
        int index = text.indexOf(what, from);
        return index < 0 ? text.length() : index;
    }

    private static void assign(Deque<String> scopes, List<String> statement, Map<String, String> values) {
        if (statement.size() >= 2) {
            String scope = scopes.isEmpty() ? "" : scopes.peek();
            values.put((scope + statement.getFirst()).toLowerCase(Locale.ROOT), statement.get(1));
        }
        statement.clear();
    }
}
