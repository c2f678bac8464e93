package redoubt.image;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The Debian archives this system is configured for, by sources.list(5): etc/apt/sources.list, then the {@code .list} and
 * {@code .sources} files of etc/apt/sources.list.d. Only enabled binary sources that offer amd64 count, since that is the
 * guest's architecture whatever the host's is.
 *
 * <p>A mirror may be named instead (an option of the caller, or the variable {@value #MIRROR_VARIABLE}), in the form of a
 * sources.list line without its leading {@code deb}: {@code [signed-by=FILE] URI [SUITE [COMPONENT…]]}. With no suite it
 * serves the suites that the system is configured for, security suites apart, or else {@code stable}.
 *
 * <p>Limitations: suites that are exact paths (ending in a slash) are skipped, and {@code trusted=yes} does not switch the
 * signature check off.
 */
public final class AptSources {
    /** Names a mirror that is used instead of the configured sources. */
    public static final String MIRROR_VARIABLE = "REDOUBT_DEBIAN_MIRROR";

    static final String ARCHITECTURE = "amd64";

    /**
     * One suite of one archive. {@code uris} are alternatives for the same content; {@code signedBy} holds paths of
     * keyrings, fingerprints, or one armored key, and is empty where the system's trusted keyrings apply.
     */
    public record Source(
            List<URI> uris,
            String suite,
            List<String> components,
            List<String> signedBy,
            @Nullable Boolean checkValidUntil) {
        @Override
        public String toString() {
            return uris.getFirst() + " " + suite;
        }
    }

    private final List<Source> sources;
    private final AptConfiguration configuration;
    private final Path root;
    private final Map<String, String> environment;

    private AptSources(
            List<Source> sources, AptConfiguration configuration, Path root, Map<String, String> environment) {
        this.sources = List.copyOf(sources);
        this.configuration = configuration;
        this.root = root;
        this.environment = environment;
    }

    /** The sources of this system, or the mirror of the environment. */
    public static AptSources ofSystem(@Nullable String mirror) {
        return read(Path.of("/"), System.getenv(), mirror);
    }

    /**
     * The sources configured below {@code root}.
     *
     * @param mirror replaces them; if null, the environment's {@value #MIRROR_VARIABLE} does
     */
    public static AptSources read(Path root, Map<String, String> environment, @Nullable String mirror) {
        AptConfiguration configuration = AptConfiguration.read(root, environment);
        List<Source> sources = new ArrayList<>();
        Path folder = root.resolve("etc/apt");
        if (Files.isRegularFile(folder.resolve("sources.list"))) {
            readLines(root, folder.resolve("sources.list"), sources);
        }
        for (Path file : AptConfiguration.parts(folder.resolve("sources.list.d"), ".list", false)) {
            readLines(root, file, sources);
        }
        for (Path file : AptConfiguration.parts(folder.resolve("sources.list.d"), ".sources", false)) {
            readStanzas(root, file, sources);
        }
        String named = mirror != null ? mirror : environment.getOrDefault(MIRROR_VARIABLE, "");
        if (!named.isBlank()) {
            sources = ofMirror(root, named.strip(), sources);
        }
        return new AptSources(sources, configuration, root, environment);
    }

    public List<Source> sources() {
        return sources;
    }

    AptConfiguration configuration() {
        return configuration;
    }

    Path root() {
        return root;
    }

    Map<String, String> environment() {
        return environment;
    }

    private static List<Source> ofMirror(Path root, String mirror, List<Source> configured) {
        String where = MIRROR_VARIABLE + " " + mirror;
        List<Source> named = new ArrayList<>();
        Line line = Line.parse(where, mirror);
        if (line.words().size() > 1) {
            List<String> words = new ArrayList<>(line.words());
            if (words.size() == 2) {
                words.add("main");
            }
            addLine(root, where, new Line(line.options(), words), named);
            return named;
        }
        Set<String> suites = new LinkedHashSet<>();
        Set<String> components = new LinkedHashSet<>();
        for (Source source : configured) {
            if (!source.suite().contains("security")) {
                suites.add(source.suite());
                components.addAll(source.components());
            }
        }
        if (suites.isEmpty()) {
            suites.add("stable");
            components.add("main");
        }
        for (String suite : suites) {
            List<String> words = new ArrayList<>(line.words());
            words.add(suite);
            words.addAll(components);
            addLine(root, where, new Line(line.options(), words), named);
        }
        return named;
    }

    /** The options in brackets and the words after them of a one-line source. */
    private record Line(Map<String, String> options, List<String> words) {
        static Line parse(String where, String text) {
            Map<String, String> options = new HashMap<>();
            String rest = text.strip();
            if (rest.startsWith("[")) {
                int end = rest.indexOf(']');
                if (end < 0) {
                    throw new ImageException(where + ": '[' without ']'");
                }
                for (String option : rest.substring(1, end).strip().split("\\s+")) {
                    int equals = option.indexOf('=');
                    if (equals > 0) {
                        options.put(option.substring(0, equals).toLowerCase(Locale.ROOT), option.substring(equals + 1));
                    }
                }
                rest = rest.substring(end + 1).strip();
            }
            return new Line(options, rest.isEmpty() ? List.of() : List.of(rest.split("\\s+")));
        }
    }

    private static void readLines(Path root, Path file, List<Source> sources) {
        int number = 0;
        for (String raw : text(file).split("\n", -1)) {
            number++;
            int hash = raw.indexOf('#');
            String line = (hash < 0 ? raw : raw.substring(0, hash)).strip();
            if (line.matches("deb(\\s.*|\\[.*)")) {
                String where = file + ":" + number;
                addLine(root, where, Line.parse(where, line.substring(3)), sources);
            }
        }
    }

    private static void addLine(Path root, String where, Line line, List<Source> sources) {
        if (line.words().size() < 2) {
            throw new ImageException(where + ": a source needs a URI and a suite");
        }
        String architectures = line.options().getOrDefault("arch", ARCHITECTURE);
        if (!List.of(architectures.split(",")).contains(ARCHITECTURE)) {
            return;
        }
        String signedBy = line.options().getOrDefault("signed-by", "");
        String valid = line.options().get("check-valid-until");
        add(
                root,
                where,
                line.words().get(0),
                line.words().get(1),
                line.words().subList(2, line.words().size()),
                signedBy.isEmpty() ? List.of() : List.of(signedBy.split(",")),
                valid == null ? null : (Boolean) AptConfiguration.isTrue(valid),
                sources);
    }

    private static void readStanzas(Path root, Path file, List<Source> sources) {
        for (Map<String, String> stanza : Deb822.parse(text(file))) {
            List<String> architectures = Deb822.words(stanza, "Architectures");
            if (!AptConfiguration.isTrue(stanza.getOrDefault("Enabled", "yes"))
                    || !Deb822.words(stanza, "Types").contains("deb")
                    || !(architectures.isEmpty() || architectures.contains(ARCHITECTURE))) {
                continue;
            }
            String valid = stanza.get("Check-Valid-Until");
            for (String uri : Deb822.words(stanza, "URIs")) {
                for (String suite : Deb822.words(stanza, "Suites")) {
                    add(
                            root,
                            file.toString(),
                            uri,
                            suite,
                            Deb822.words(stanza, "Components"),
                            signedBy(stanza),
                            valid == null ? null : (Boolean) AptConfiguration.isTrue(valid),
                            sources);
                }
            }
        }
    }

    /** The field names files and fingerprints, or holds a whole armored key whose empty lines are written as dots. */
    private static List<String> signedBy(Map<String, String> stanza) {
        String value = stanza.getOrDefault("Signed-By", "");
        if (!value.contains("-----BEGIN")) {
            return value.isBlank() ? List.of() : Arrays.asList(value.strip().split("[\\s,]+"));
        }
        StringBuilder key = new StringBuilder();
        for (String line : value.split("\n")) {
            key.append(line.strip().equals(".") ? "" : line.strip()).append('\n');
        }
        return List.of(key.toString());
    }

    private static void add(
            Path root,
            String where,
            String uri,
            String suite,
            List<String> components,
            List<String> signedBy,
            @Nullable Boolean checkValidUntil,
            List<Source> sources) {
        if (suite.endsWith("/") || components.isEmpty()) {
            return;
        }
        String expanded = suite.replace("$(ARCH)", ARCHITECTURE);
        List<URI> uris = new ArrayList<>();
        if (uri.startsWith("mirror+file:")) {
            Path list = root.resolve(uri.substring("mirror+file:".length()).replaceFirst("^/+", ""));
            for (String line : text(list).split("\n")) {
                String first = line.strip().split("\\s+")[0];
                if (!first.isEmpty() && !first.startsWith("#")) {
                    uris.add(uri(where, first));
                }
            }
        } else {
            uris.add(uri(where, uri));
        }
        // cdrom: and helpers such as tor+http: need programs of apt's; a source of theirs is of no use here.
        uris.removeIf(u -> u.getScheme() == null
                || !Set.of("http", "https", "file", "copy").contains(u.getScheme()));
        if (!uris.isEmpty()) {
            sources.add(new Source(
                    List.copyOf(uris), expanded, List.copyOf(components), List.copyOf(signedBy), checkValidUntil));
        }
    }

    private static URI uri(String where, String text) {
        try {
            return new URI(text.endsWith("/") ? text : text + "/");
        } catch (URISyntaxException e) {
            throw new ImageException(where + ": " + text + " is not a URI: " + e.getReason(), e);
        }
    }

    private static String text(Path file) {
        try {
            return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new ImageException(file + ": cannot be read: " + e.getMessage(), e);
        }
    }
}
