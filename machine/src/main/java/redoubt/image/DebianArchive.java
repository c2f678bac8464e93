package redoubt.image;

import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.tukaani.xz.XZInputStream;
import redoubt.image.AptSources.Source;

/**
 * Packages of the configured Debian archives, kept in a cache. The chain is apt's: a Release file signed by a key of the
 * system's Debian keyring names the SHA-256 of each package index, and the index names that of each package
 * (https://wiki.debian.org/DebianRepository/Format; apt-secure(8)). Of several versions the newest is taken; suites that
 * say {@code NotAutomatic} (backports, experimental) only count for packages that are nowhere else.
 *
 * <p>What was found is noted in the cache, so that the same question is answered again without the network until
 * {@link #refresh()}.
 *
 * <p>Limitations: apt's pinning is not followed; no {@code .deb} of other architectures than amd64 and all.
 */
public final class DebianArchive implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DebianArchive.class);
    private static final long LARGEST_RELEASE_BYTES = 32L << 20;
    private static final long LARGEST_INDEX_BYTES = 512L << 20;
    private static final int XZ_MEMORY_KIB = 256 << 10;
    /** apt's own default of Acquire::Max-FutureTime. */
    private static final long CLOCK_TOLERANCE_SECONDS = 10;

    /** A package as the signed index describes it. */
    public record DebianPackage(
            String name,
            String version,
            String architecture,
            String depends,
            String filename,
            long sizeBytes,
            String sha256) {
        /** The first package it depends on whose name starts with {@code prefix}. */
        public @Nullable String dependency(String prefix) {
            for (String group : depends.split(",")) {
                for (String alternative : group.split("\\|")) {
                    String name = alternative.strip().split("[\\s(:]", 2)[0];
                    if (name.startsWith(prefix)) {
                        return name;
                    }
                }
            }
            return null;
        }

        /** NAME_VERSION_ARCHITECTURE with the colon of an epoch escaped, as apt names its files. */
        public String fileStem() {
            return name + "_" + version.replace(":", "%3a") + "_" + architecture;
        }
    }

    /** Where a package was found: its archive's address, among alternatives. */
    private record Found(DebianPackage debianPackage, Index index) {}

    private record Index(Source source, URI base, boolean notAutomatic, Map<String, List<DebianPackage>> packages) {}

    private record Listed(String path, long sizeBytes, String sha256) {}

    private record Release(URI base, Map<String, String> fields, Map<String, Listed> files) {}

    private final Supplier<AptSources> configured;
    private final Path folder;
    private final Progress progress;
    private final Instant now;
    private final Map<String, DebianPackage> known = new TreeMap<>();
    /** Of those known, the ones to ask the archive for again. They are only replaced once the answer is there. */
    private final Set<String> stale = new HashSet<>();

    private final List<String> troubles = new ArrayList<>();
    private @Nullable AptSources sources;
    private @Nullable Downloads downloads;
    private @Nullable List<Index> indexes;
    private boolean changed;

    /**
     * @param configured the sources, only asked for when the cache does not suffice
     * @param folder the part of the cache that is this archive's own
     */
    public DebianArchive(Supplier<AptSources> configured, Path folder, Progress progress) {
        this(configured, folder, progress, Instant.now());
    }

    DebianArchive(Supplier<AptSources> configured, Path folder, Progress progress, Instant now) {
        this.configured = configured;
        this.folder = folder;
        this.progress = progress;
        this.now = now;
        try {
            Files.createDirectories(folder.resolve("archives"));
            Files.createDirectories(folder.resolve("lists"));
            Path noted = folder.resolve("packages");
            if (Files.isRegularFile(noted)) {
                for (Map<String, String> stanza : Deb822.parse(Files.readString(noted))) {
                    DebianPackage one = debianPackage(stanza);
                    if (one != null) {
                        known.put(one.name(), one);
                    }
                }
            }
        } catch (IOException e) {
            throw new ImageException("the cache " + folder + " cannot be used: " + e.getMessage(), e);
        }
    }

    private AptSources sources() {
        AptSources read = sources;
        if (read == null) {
            read = configured.get();
            sources = read;
        }
        return read;
    }

    private Downloads downloads() {
        Downloads open = downloads;
        if (open == null) {
            open = new Downloads(sources().configuration(), sources().environment(), progress);
            downloads = open;
        }
        return open;
    }

    /**
     * Has the next question about each package go to the archive. What the cache holds stays, and stays noted, until the
     * archive has given something newer.
     */
    public void refresh() {
        stale.addAll(known.keySet());
        indexes = null;
    }

    /** The newest version of a package: from the cache's notes, else from the archives. */
    public DebianPackage find(String name) {
        DebianPackage noted = noted(name);
        return noted != null ? noted : look(name).debianPackage();
    }

    /** The {@code .deb} of the newest version of a package, verified, in the cache. Without the network if it is there. */
    public Path fetch(String name) {
        DebianPackage noted = noted(name);
        if (noted != null && Files.isRegularFile(path(noted))) {
            return path(noted);
        }
        Found found = look(name);
        DebianPackage wanted = found.debianPackage();
        Path file = path(wanted);
        if (Files.isRegularFile(file) && wanted.sha256().equals(sha256(file))) {
            keep();
            return file;
        }
        List<String> tried = new ArrayList<>();
        for (URI uri : found.index().source().uris()) {
            try {
                fetchVerified(resolve(uri, wanted.filename()), name, wanted.sizeBytes(), wanted.sha256(), file);
                keep();
                return file;
            } catch (IOException e) {
                tried.add(e.getMessage());
            }
        }
        throw new ImageException("the package " + name + " could not be fetched: " + String.join("; ", tried));
    }

    private @Nullable DebianPackage noted(String name) {
        return stale.contains(name) ? null : known.get(name);
    }

    private Path path(DebianPackage one) {
        return folder.resolve("archives").resolve(one.fileStem() + ".deb");
    }

    private Found look(String name) {
        Found best = null;
        for (Index index : indexes()) {
            for (DebianPackage one : index.packages().getOrDefault(name, List.of())) {
                Found found = new Found(one, index);
                best = best == null || isBetter(found, best) ? found : best;
            }
        }
        if (best == null) {
            throw new ImageException(missing(name));
        }
        changed |= !best.debianPackage().equals(known.put(name, best.debianPackage()));
        stale.remove(name);
        return best;
    }

    private static boolean isBetter(Found left, Found right) {
        if (left.index().notAutomatic() != right.index().notAutomatic()) {
            return right.index().notAutomatic();
        }
        return DebianVersion.compare(
                        left.debianPackage().version(), right.debianPackage().version())
                > 0;
    }

    private String missing(String name) {
        if (sources().sources().isEmpty()) {
            return "no Debian source is configured (looked at apt's sources below "
                    + sources().root() + "); name one in " + AptSources.MIRROR_VARIABLE;
        }
        StringBuilder message = new StringBuilder("no package ").append(name).append(" in ");
        message.append(String.join(
                ", ", sources().sources().stream().map(Source::toString).toList()));
        if (!troubles.isEmpty()) {
            message.append(" (").append(String.join("; ", troubles)).append(')');
        }
        return message.toString();
    }

    /** Notes in the cache what was found. A fetched package is noted without asking; this is for those only found. */
    public void keep() {
        if (!changed) {
            return;
        }
        StringBuilder text = new StringBuilder();
        for (DebianPackage one : known.values()) {
            text.append("Package: ")
                    .append(one.name())
                    .append("\nVersion: ")
                    .append(one.version())
                    .append("\nArchitecture: ")
                    .append(one.architecture())
                    .append("\nDepends: ")
                    .append(one.depends().replace('\n', ' '))
                    .append("\nFilename: ")
                    .append(one.filename())
                    .append("\nSize: ")
                    .append(one.sizeBytes())
                    .append("\nSHA256: ")
                    .append(one.sha256())
                    .append("\n\n");
        }
        try {
            AtomicFiles.write(folder.resolve("packages"), text.toString().getBytes(StandardCharsets.UTF_8));
            changed = false;
        } catch (IOException e) {
            throw new ImageException("the cache " + folder + " cannot be written: " + e.getMessage(), e);
        }
    }

    // ---------------------------------------------------------------- Release and Packages

    private List<Index> indexes() {
        List<Index> read = indexes;
        if (read != null) {
            return read;
        }
        read = new ArrayList<>();
        troubles.clear();
        Map<String, Boolean> kept = new HashMap<>();
        for (Source source : sources().sources()) {
            try {
                Release release = release(source);
                boolean notAutomatic = "yes".equals(release.fields().get("NotAutomatic"));
                for (String component : source.components()) {
                    Listed listed = index(release, component);
                    if (listed == null) {
                        troubles.add(source + ": no index of " + component + " for " + AptSources.ARCHITECTURE);
                        continue;
                    }
                    Path file = indexFile(release, source, listed);
                    kept.put(String.valueOf(file.getFileName()), true);
                    read.add(new Index(source, release.base(), notAutomatic, packages(file)));
                }
            } catch (IOException | PgpPackets.Malformed e) {
                // One archive that is away or not trusted must not take the others along, but nobody should overlook
                // it.
                LOG.warn("{}: not used: {}", source, e.getMessage());
                troubles.add(source + ": " + e.getMessage());
            }
        }
        if (!read.isEmpty()) {
            forgetOtherLists(kept);
        }
        indexes = read;
        return read;
    }

    private void forgetOtherLists(Map<String, Boolean> kept) {
        try (DirectoryStream<Path> lists = Files.newDirectoryStream(folder.resolve("lists"))) {
            for (Path list : lists) {
                if (!kept.containsKey(String.valueOf(list.getFileName()))) {
                    Files.deleteIfExists(list);
                }
            }
        } catch (IOException e) {
            LOG.warn("{}: old lists stay: {}", folder, e.getMessage());
        }
    }

    private Release release(Source source) throws IOException, PgpPackets.Malformed {
        IOException last = null;
        for (URI base : source.uris()) {
            try {
                byte[] text = releaseText(source, resolve(base, "dists/" + source.suite() + "/"));
                return parse(source, base, new String(text, StandardCharsets.UTF_8));
            } catch (IOException e) {
                last = e;
            }
        }
        throw last == null ? new IOException("no address") : last;
    }

    private byte[] releaseText(Source source, URI dists) throws IOException, PgpPackets.Malformed {
        PgpKeyring keyring = keyring(source);
        if (keyring.isEmpty()) {
            throw new PgpPackets.Malformed("no keyring to check it with (is debian-archive-keyring installed?)");
        }
        String what = source + " Release";
        Path file = Files.createTempFile(folder, "release", ".tmp");
        try {
            try {
                downloads().fetch(dists.resolve("InRelease"), what, LARGEST_RELEASE_BYTES, file);
                return keyring.verifiedClearText(Files.readAllBytes(file), now);
            } catch (FileNotFoundException e) {
                downloads().fetch(dists.resolve("Release"), what, LARGEST_RELEASE_BYTES, file);
                byte[] text = Files.readAllBytes(file);
                downloads().fetch(dists.resolve("Release.gpg"), what, LARGEST_RELEASE_BYTES, file);
                keyring.verifyDetached(text, Files.readAllBytes(file), now);
                return text;
            }
        } finally {
            Files.deleteIfExists(file);
        }
    }

    private Release parse(Source source, URI base, String text) throws IOException {
        List<Map<String, String>> stanzas = Deb822.parse(text);
        if (stanzas.size() != 1) {
            throw new IOException("its Release file has " + stanzas.size() + " stanzas instead of one");
        }
        Map<String, String> fields = stanzas.getFirst();
        // Without this a signed file of another suite (or an old one, for the suite's new name) would do.
        if (!source.suite().equals(fields.get("Suite")) && !source.suite().equals(fields.get("Codename"))) {
            throw new IOException(
                    "its Release file is of suite " + fields.get("Suite") + " (" + fields.get("Codename") + ")");
        }
        checkDates(source, fields);
        Map<String, Listed> files = new HashMap<>();
        for (String line : fields.getOrDefault("SHA256", "").split("\n")) {
            String[] words = line.strip().split("\\s+");
            if (words.length == 3 && words[0].matches("[0-9a-f]{64}") && words[1].matches("[0-9]{1,15}")) {
                files.put(words[2], new Listed(words[2], Long.parseLong(words[1]), words[0]));
            }
        }
        return new Release(base, fields, files);
    }

    private void checkDates(Source source, Map<String, String> fields) throws IOException {
        AptConfiguration apt = sources().configuration();
        Instant date = date(fields.get("Date"));
        if (date != null
                && apt.isSet("Acquire::Check-Date", true)
                && date.isAfter(now.plusSeconds(CLOCK_TOLERANCE_SECONDS))) {
            throw new IOException(
                    "its Release file is of " + date + ", in the future (is this machine's clock right?)");
        }
        Boolean own = source.checkValidUntil();
        boolean check = own != null
                ? own
                : apt.isSet("Acquire::Check-Valid-Until", true) && apt.isSet("Acquire::Check-Date", true);
        Instant until = date(fields.get("Valid-Until"));
        if (check && until != null && until.isBefore(now)) {
            throw new IOException("its Release file expired at " + until);
        }
    }

    private static @Nullable Instant date(@Nullable String text) throws IOException {
        if (text == null) {
            return null;
        }
        try {
            DateTimeFormatter format = DateTimeFormatter.ofPattern("EEE, d MMM yyyy H:mm:ss z", Locale.US);
            return ZonedDateTime.parse(text, format).toInstant();
        } catch (DateTimeException e) {
            throw new IOException("its Release file has a date that cannot be read: " + text, e);
        }
    }

    private static @Nullable Listed index(Release release, String component) {
        for (String suffix : List.of(".xz", ".gz", "")) {
            Listed listed =
                    release.files().get(component + "/binary-" + AptSources.ARCHITECTURE + "/Packages" + suffix);
            if (listed != null && listed.sizeBytes() <= LARGEST_INDEX_BYTES) {
                return listed;
            }
        }
        return null;
    }

    private Path indexFile(Release release, Source source, Listed listed) throws IOException {
        String name = listed.path().substring(listed.path().lastIndexOf('/') + 1);
        int dot = name.lastIndexOf('.');
        Path file = folder.resolve("lists").resolve(listed.sha256() + (dot < 0 ? "" : name.substring(dot)));
        if (Files.isRegularFile(file) && listed.sha256().equals(sha256(file))) {
            return file;
        }
        URI dists = resolve(release.base(), "dists/" + source.suite() + "/");
        if ("yes".equals(release.fields().get("Acquire-By-Hash"))) {
            String byHash = listed.path().substring(0, listed.path().length() - name.length()) + "by-hash/SHA256/"
                    + listed.sha256();
            try {
                fetchVerified(resolve(dists, byHash), source + " index", listed.sizeBytes(), listed.sha256(), file);
                return file;
            } catch (FileNotFoundException e) {
                LOG.debug("{}: {}", source, e.getMessage());
            }
        }
        fetchVerified(resolve(dists, listed.path()), source + " index", listed.sizeBytes(), listed.sha256(), file);
        return file;
    }

    private Map<String, List<DebianPackage>> packages(Path file) throws IOException {
        Map<String, List<DebianPackage>> packages = new HashMap<>();
        progress.report("reading the package index", 0, -1);
        try (InputStream raw = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
                InputStream in = decompressed(String.valueOf(file.getFileName()), raw)) {
            Deb822.forEach(new InputStreamReader(in, StandardCharsets.UTF_8), stanza -> {
                DebianPackage one = debianPackage(stanza);
                if (one != null) {
                    packages.computeIfAbsent(one.name(), n -> new ArrayList<>(1))
                            .add(one);
                }
            });
        }
        return packages;
    }

    /** A file of the archive by its suffix: {@code .xz}, {@code .gz}, or as it is. */
    static InputStream decompressed(String name, InputStream in) throws IOException {
        if (name.endsWith(".xz")) {
            return new XZInputStream(in, XZ_MEMORY_KIB);
        }
        return name.endsWith(".gz") ? new GZIPInputStream(in, 1 << 16) : in;
    }

    private static @Nullable DebianPackage debianPackage(Map<String, String> stanza) {
        String name = stanza.getOrDefault("Package", "");
        String version = stanza.getOrDefault("Version", "");
        String architecture = stanza.getOrDefault("Architecture", "");
        String filename = stanza.getOrDefault("Filename", "");
        String size = stanza.getOrDefault("Size", "");
        String sha256 = stanza.getOrDefault("SHA256", "");
        // These become names in the cache and parts of addresses: Policy 5.6.1 and 5.6.12 allow no more than this.
        boolean sound = name.matches("[a-z0-9][a-z0-9+.-]+")
                && version.matches("[A-Za-z0-9.+:~-]+")
                && (architecture.equals(AptSources.ARCHITECTURE) || architecture.equals("all"))
                && sha256.matches("[0-9a-f]{64}")
                && size.matches("[0-9]{1,15}")
                && filename.matches("[A-Za-z0-9/._+:~%-]+")
                && !filename.contains("..");
        return sound
                ? new DebianPackage(
                        name,
                        version,
                        architecture,
                        stanza.getOrDefault("Depends", ""),
                        filename,
                        Long.parseLong(size),
                        sha256)
                : null;
    }

    // ---------------------------------------------------------------- keys

    private PgpKeyring keyring(Source source) throws IOException {
        PgpKeyring keyring = PgpKeyring.empty();
        List<String> fingerprints = new ArrayList<>();
        for (String signedBy : source.signedBy()) {
            if (signedBy.contains("-----BEGIN")) {
                keyring = keyring.and(keyring(signedBy.getBytes(StandardCharsets.US_ASCII), "Signed-By"));
            } else if (signedBy.startsWith("/")) {
                Path file = sources().root().resolve(signedBy.substring(1));
                if (!Files.isRegularFile(file)) {
                    throw new IOException("its keyring " + file + " is not there");
                }
                keyring = keyring.and(keyring(Files.readAllBytes(file), file.toString()));
            } else {
                fingerprints.add(signedBy);
            }
        }
        if (source.signedBy().isEmpty()) {
            return trusted();
        }
        for (String fingerprint : fingerprints) {
            keyring = keyring.and(trusted().only(fingerprint));
        }
        return keyring;
    }

    /** apt's trusted keyrings, and Debian's own where a mirror is named on a system whose apt knows no Debian. */
    private PgpKeyring trusted() throws IOException {
        Path apt = sources().root().resolve("etc/apt");
        List<Path> files = new ArrayList<>();
        files.add(apt.resolve("trusted.gpg"));
        files.addAll(AptConfiguration.parts(apt.resolve("trusted.gpg.d"), ".gpg", false));
        files.addAll(AptConfiguration.parts(apt.resolve("trusted.gpg.d"), ".asc", false));
        files.add(sources().root().resolve("usr/share/keyrings/debian-archive-keyring.gpg"));
        PgpKeyring keyring = PgpKeyring.empty();
        for (Path file : files) {
            if (Files.isRegularFile(file)) {
                keyring = keyring.and(keyring(Files.readAllBytes(file), file.toString()));
            }
        }
        return keyring;
    }

    private static PgpKeyring keyring(byte[] bytes, String where) {
        try {
            return PgpKeyring.read(bytes);
        } catch (PgpPackets.Malformed e) {
            // A keyring that cannot be read trusts nobody, so this is on the safe side.
            LOG.debug("{}: {}", where, e.getMessage());
            return PgpKeyring.empty();
        }
    }

    // ---------------------------------------------------------------- files

    private static URI resolve(URI base, String path) {
        return base.resolve(path.replace("%", "%25"));
    }

    private void fetchVerified(URI uri, String what, long sizeBytes, String sha256, Path file) throws IOException {
        Path temporary = Files.createTempFile(file.toAbsolutePath().getParent(), "fetch", ".tmp");
        try {
            downloads().fetch(uri, what, sizeBytes, temporary);
            String actual = sha256(temporary);
            if (Files.size(temporary) != sizeBytes || !actual.equals(sha256)) {
                throw new IOException(uri + ": its SHA-256 is " + actual + ", the signed index says " + sha256);
            }
            AtomicFiles.move(temporary, file);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    static String sha256(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            return sha256(in);
        } catch (IOException e) {
            throw new ImageException(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    static String sha256(byte[] bytes) {
        try {
            return sha256(new ByteArrayInputStream(bytes));
        } catch (IOException e) {
            throw new IllegalStateException("memory cannot fail to be read", e);
        }
    }

    private static String sha256(InputStream raw) throws IOException {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            DigestInputStream in = new DigestInputStream(raw, digest);
            byte[] buffer = new byte[1 << 16];
            while (in.read(buffer) >= 0) {
                // The stream feeds the digest.
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    @Override
    public void close() {
        Downloads open = downloads;
        if (open != null) {
            open.close();
        }
    }
}
