package redoubt.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A small archive on disk, signed by the test's own key, seen through apt configuration below a temporary root. */
class DebianArchiveTest {
    private static final Instant NOW = Instant.parse("2026-06-01T00:00:00Z");
    private static final byte[] DEB =
            "not really a package, but all the same to the archive".getBytes(StandardCharsets.UTF_8);

    @TempDir
    Path folder;

    private final TestKey key = new TestKey();
    private Path root;
    private Path mirror;

    @BeforeEach
    void configure() throws IOException {
        root = Files.createDirectories(folder.resolve("root"));
        mirror = Files.createDirectories(folder.resolve("mirror"));
        write(root.resolve("usr/share/keyrings/test.gpg"), key.certificate());
        source("stable", "");
    }

    @Test
    void aPackageIsFoundByTheSignedChain() throws IOException {
        publish("stable", "", stanza("hello", "1.0", DEB));
        try (DebianArchive archive = archive()) {
            assertThat(archive.fetch("hello")).hasBinaryContent(DEB).hasFileName("hello_1.0_amd64.deb");
        }
    }

    @Test
    void theSecondTimeNeedsNoArchive() throws IOException {
        publish("stable", "", stanza("hello", "1.0", DEB));
        try (DebianArchive archive = archive()) {
            archive.fetch("hello");
        }
        delete(mirror);
        try (DebianArchive archive = archive()) {
            assertThat(archive.fetch("hello")).hasBinaryContent(DEB);
            assertThat(archive.find("hello").version()).isEqualTo("1.0");
        }
    }

    @Test
    void aNewerVersionIsOnlySeenAfterARefresh() throws IOException {
        publish("stable", "", stanza("hello", "1.0", DEB));
        try (DebianArchive archive = archive()) {
            archive.fetch("hello");
        }
        publish("stable", "", stanza("hello", "1.1", DEB));
        try (DebianArchive archive = archive()) {
            assertThat(archive.find("hello").version()).isEqualTo("1.0");
            archive.refresh();
            assertThat(archive.find("hello").version()).isEqualTo("1.1");
        }
    }

    @Test
    void aRefreshThatFailsLeavesWhatTheCacheHas() throws IOException {
        publish("stable", "", stanza("hello", "1.0", DEB));
        try (DebianArchive archive = archive()) {
            archive.fetch("hello");
        }
        publish("stable", "", stanza("hello", "1.1", DEB));
        Files.delete(mirror.resolve("pool/hello.deb"));
        try (DebianArchive archive = archive()) {
            archive.refresh();
            assertThatThrownBy(() -> archive.fetch("hello")).isInstanceOf(ImageException.class);
        }
        delete(mirror);
        try (DebianArchive archive = archive()) {
            assertThat(archive.fetch("hello"))
                    .hasFileName("hello_1.0_amd64.deb")
                    .hasBinaryContent(DEB);
        }
    }

    @Test
    void theNewestVersionOfAllSuitesWinsButForSuitesThatAreNotAutomatic() throws IOException {
        write(root.resolve("etc/apt/sources.list.d/more.list"), line("security", "") + line("backports", ""));
        publish("stable", "", stanza("hello", "1.9", DEB));
        publish("security", "", stanza("hello", "1.10", DEB));
        publish("backports", "NotAutomatic: yes\n", stanza("hello", "2.0", DEB) + stanza("only", "1", DEB));
        try (DebianArchive archive = archive()) {
            assertThat(archive.find("hello").version()).isEqualTo("1.10");
            assertThat(archive.find("only").version()).isEqualTo("1");
        }
    }

    @Test
    void aDetachedSignatureDoesAsWell() throws IOException {
        publish("stable", "", stanza("hello", "1.0", DEB));
        Path dist = mirror.resolve("dists/stable");
        byte[] release = Files.readAllBytes(dist.resolve("plain"));
        write(dist.resolve("Release"), release);
        write(dist.resolve("Release.gpg"), TestKey.armored("SIGNATURE", key.detached(release)));
        Files.delete(dist.resolve("InRelease"));
        try (DebianArchive archive = archive()) {
            assertThat(archive.fetch("hello")).exists();
        }
        write(dist.resolve("Release"), new String(release, StandardCharsets.UTF_8) + " ");
        delete(folder.resolve("cache"));
        refused("hello", "the signature does not hold");
    }

    @Test
    void aReleaseChangedAfterSigningIsRefused() throws IOException {
        publish("stable", "", stanza("hello", "1.0", DEB));
        Path release = mirror.resolve("dists/stable/InRelease");
        write(release, Files.readString(release).replace("Description: test", "Description: evil"));
        refused("hello", "the signature does not hold");
    }

    @Test
    void aReleaseOfAStrangerIsRefused() throws IOException {
        publish("stable", "", stanza("hello", "1.0", DEB));
        write(root.resolve("usr/share/keyrings/test.gpg"), new TestKey().certificate());
        refused("hello", "not in the keyring");
    }

    @Test
    void aMissingKeyringIsNamed() throws IOException {
        publish("stable", "", stanza("hello", "1.0", DEB));
        Files.delete(root.resolve("usr/share/keyrings/test.gpg"));
        refused("hello", "test.gpg is not there");
    }

    @Test
    void anotherSuitesReleaseIsRefused() throws IOException {
        publish("stable", "", stanza("hello", "1.0", DEB));
        source("security", "");
        Path other = Files.createDirectories(mirror.resolve("dists/security"));
        Files.copy(mirror.resolve("dists/stable/InRelease"), other.resolve("InRelease"));
        refused("hello", "is of suite stable");
    }

    @Test
    void anIndexThatIsNotTheSignedOneIsRefused() throws IOException {
        publish("stable", "", stanza("hello", "1.0", DEB));
        write(
                mirror.resolve("dists/stable/main/binary-amd64/Packages"),
                stanza("hello", "1.0", "evil".getBytes(StandardCharsets.UTF_8)));
        refused("hello", "SHA-256");
    }

    @Test
    void aPackageThatIsNotTheIndexedOneIsRefusedAndNotKept() throws IOException {
        publish("stable", "", stanza("hello", "1.0", DEB));
        byte[] evil = DEB.clone();
        evil[3] ^= 1;
        write(mirror.resolve("pool/hello.deb"), evil);
        refused("hello", "SHA-256");
        write(mirror.resolve("pool/hello.deb"), java.util.Arrays.copyOf(DEB, DEB.length - 1));
        refused("hello", "SHA-256");
        write(mirror.resolve("pool/hello.deb"), TestKey.joined(DEB, DEB));
        refused("hello", "longer than");
        assertThat(folder.resolve("cache/archives")).isEmptyDirectory();
    }

    @Test
    void anExpiredReleaseIsRefusedUnlessAptIsToldOtherwise() throws IOException {
        publish("stable", "Valid-Until: Sun, 31 May 2026 00:00:00 UTC\n", stanza("hello", "1.0", DEB));
        refused("hello", "expired at 2026-05-31T00:00:00Z");
        write(root.resolve("etc/apt/apt.conf.d/99dates"), "Acquire::Check-Valid-Until \"false\";\n");
        try (DebianArchive archive = archive()) {
            assertThat(archive.fetch("hello")).exists();
        }
    }

    @Test
    void oneSourceThatIsAwayLeavesTheOthers() throws IOException {
        write(root.resolve("etc/apt/sources.list.d/away.list"), line("away", ""));
        publish("stable", "", stanza("hello", "1.0", DEB));
        try (DebianArchive archive = archive()) {
            assertThat(archive.fetch("hello")).exists();
            assertThatThrownBy(() -> archive.fetch("nosuch"))
                    .isInstanceOf(ImageException.class)
                    .hasMessageContaining("no package nosuch in")
                    .hasMessageContaining("away");
        }
    }

    @Test
    void noSourceAtAllNamesTheVariable() throws IOException {
        delete(root.resolve("etc"));
        refused("hello", AptSources.MIRROR_VARIABLE);
    }

    @Test
    void namesThatWouldLeaveTheCacheAreNotTaken() throws IOException {
        publish("stable", "", stanza("hello", "1.0/../../x", DEB) + stanza("../x", "1", DEB));
        refused("hello", "no package hello");
        refused("../x", "no package");
    }

    private void refused(String name, String message) {
        try (DebianArchive archive = archive()) {
            assertThatThrownBy(() -> archive.fetch(name))
                    .isInstanceOf(ImageException.class)
                    .hasMessageContaining(message);
        }
    }

    private DebianArchive archive() {
        return new DebianArchive(
                () -> AptSources.read(root, Map.of(), null), folder.resolve("cache"), Progress.NONE, NOW);
    }

    private void source(String suite, String options) throws IOException {
        write(root.resolve("etc/apt/sources.list"), line(suite, options));
    }

    private String line(String suite, String options) {
        return "deb [signed-by=/usr/share/keyrings/test.gpg " + options + "] " + mirror.toUri() + " " + suite
                + " main\n";
    }

    private String stanza(String name, String version, byte[] deb) {
        return "Package: " + name + "\nVersion: " + version + "\nArchitecture: amd64\nDescription: a\n b\n"
                + "Filename: pool/hello.deb\nSize: " + deb.length + "\nSHA256: " + DebianArchive.sha256(deb) + "\n\n";
    }

    private void publish(String suite, String fields, String packages) throws IOException {
        byte[] index = packages.getBytes(StandardCharsets.UTF_8);
        String release = "Origin: Test\nSuite: " + suite + "\nDescription: test\nDate: Fri, 1 May 2026 10:00:00 UTC\n"
                + fields + "SHA256:\n " + DebianArchive.sha256(index) + " " + index.length
                + " main/binary-amd64/Packages\n";
        write(mirror.resolve("pool/hello.deb"), DEB);
        write(mirror.resolve("dists/" + suite + "/main/binary-amd64/Packages"), index);
        write(mirror.resolve("dists/" + suite + "/plain"), release);
        write(mirror.resolve("dists/" + suite + "/InRelease"), key.clearSigned(release));
    }

    private static void write(Path file, String text) throws IOException {
        write(file, text.getBytes(StandardCharsets.UTF_8));
    }

    private static void write(Path file, byte[] bytes) throws IOException {
        Files.createDirectories(file.getParent());
        Files.write(file, bytes);
    }

    private static void delete(Path tree) throws IOException {
        try (Stream<Path> all = Files.walk(tree)) {
            all.sorted((a, b) -> b.compareTo(a)).forEach(p -> {
                try {
                    Files.delete(p);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
    }
}
