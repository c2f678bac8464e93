package redoubt.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import redoubt.image.PgpPackets.Malformed;

class PgpKeyringTest {
    private static final Instant NOW = Instant.parse("2026-06-01T00:00:00Z");
    private static final String TEXT = "Suite: stable\n- a dash\ntrailing  \nlast\n";

    @Test
    void aClearSignedTextComesBackWithoutItsDashEscapesAndTrailingBlanks() throws Malformed {
        TestKey key = new TestKey();
        byte[] text = PgpKeyring.read(key.certificate()).verifiedClearText(bytes(key.clearSigned(TEXT)), NOW);
        assertThat(new String(text, StandardCharsets.UTF_8)).isEqualTo("Suite: stable\n- a dash\ntrailing\nlast\n");
    }

    @Test
    void anArmoredKeyringIsReadToo() throws Malformed {
        TestKey key = new TestKey();
        PgpKeyring keyring = PgpKeyring.read(bytes(TestKey.armored("PUBLIC KEY BLOCK", key.certificate())));
        assertThat(keyring.verifiedClearText(bytes(key.clearSigned(TEXT)), NOW)).isNotEmpty();
    }

    @Test
    void everyChangedBitOfTheTextIsNoticed() throws Malformed {
        TestKey key = new TestKey();
        PgpKeyring keyring = PgpKeyring.read(key.certificate());
        byte[] data = bytes(TEXT);
        byte[] signature = key.detached(data);
        keyring.verifyDetached(data, signature, NOW);
        for (int bit = 0; bit < data.length * 8; bit++) {
            byte[] changed = data.clone();
            changed[bit / 8] ^= (byte) (1 << bit % 8);
            assertThatThrownBy(() -> keyring.verifyDetached(changed, signature, NOW))
                    .isInstanceOf(Malformed.class)
                    .hasMessage("the signature does not hold");
        }
    }

    @Test
    void aDamagedSignatureIsAFailureAndNothingElse() throws Malformed {
        TestKey key = new TestKey();
        PgpKeyring keyring = PgpKeyring.read(key.certificate());
        byte[] signature = key.detached(bytes(TEXT));
        // The issuer (unhashed) and the hint of the digest's first bytes are not covered, and two counts of bits may
        // make
        // the same number of bytes; everything else counts.
        int unhashedAt = 6 + 6 + 6;
        int r = unhashedAt + 14;
        int s = r + 2 + ((signature[r] << 8 | signature[r + 1] & 0xff) + 7) / 8;
        for (int at = 0; at < signature.length; at++) {
            byte[] changed = signature.clone();
            changed[at] ^= 1;
            if ((at >= unhashedAt && at < r) || at == r + 1 || at == s + 1) {
                continue;
            }
            assertThatThrownBy(() -> keyring.verifyDetached(bytes(TEXT), changed, NOW))
                    .as("byte %d", at)
                    .isInstanceOf(Malformed.class);
        }
        for (int length = 0; length < signature.length; length++) {
            byte[] cut = java.util.Arrays.copyOf(signature, length);
            assertThatThrownBy(() -> keyring.verifyDetached(bytes(TEXT), cut, NOW))
                    .isInstanceOf(Malformed.class);
        }
    }

    @Test
    void aStrangersSignatureNamesTheMissingKey() throws Malformed {
        PgpKeyring keyring = PgpKeyring.read(new TestKey().certificate());
        String message = new TestKey().clearSigned(TEXT);
        assertThatThrownBy(() -> keyring.verifiedClearText(bytes(message), NOW))
                .isInstanceOf(Malformed.class)
                .hasMessageMatching("signed by [0-9A-F]{16}, not in the keyring");
    }

    @Test
    void anExpiredKeySignsNothing() throws Malformed {
        TestKey key = new TestKey(1000);
        PgpKeyring keyring = PgpKeyring.read(key.certificate());
        byte[] message = bytes(key.clearSigned(TEXT));
        assertThat(keyring.verifiedClearText(message, TestKey.CREATED.plusSeconds(999)))
                .isNotEmpty();
        assertThatThrownBy(() -> keyring.verifiedClearText(message, TestKey.CREATED.plusSeconds(1000)))
                .isInstanceOf(Malformed.class);
    }

    @Test
    void aKeyWhoseSelfSignatureWasTamperedWithIsNotTaken() throws Malformed {
        byte[] certificate = new TestKey().certificate();
        // Within the name of the user, which the self-signature covers.
        int at = new String(certificate, StandardCharsets.ISO_8859_1).indexOf("Test");
        certificate[at] = 'B';
        assertThat(PgpKeyring.read(certificate).isEmpty()).isTrue();
    }

    @ParameterizedTest
    @CsvSource({"2, true, true", "12, true, false", "2, false, false"})
    void aSubkeyCountsIfItMaySignAndClaimsItsPrimaryKey(int flags, boolean claimed, boolean counts) throws Malformed {
        TestKey subkey = new TestKey();
        PgpKeyring keyring = PgpKeyring.read(new TestKey().certificateWith(subkey, flags, claimed));
        if (counts) {
            keyring.verifyDetached(bytes(TEXT), subkey.detached(bytes(TEXT)), NOW);
        } else {
            assertThatThrownBy(() -> keyring.verifyDetached(bytes(TEXT), subkey.detached(bytes(TEXT)), NOW))
                    .hasMessageContaining("not in the keyring");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"evil\n%s", "%sevil\n", "%s%s"})
    void textOutsideTheSignedPartIsRefused(String frame) throws Malformed {
        TestKey key = new TestKey();
        PgpKeyring keyring = PgpKeyring.read(key.certificate());
        String message = frame.replace("%s", key.clearSigned(TEXT));
        assertThatThrownBy(() -> keyring.verifiedClearText(bytes(message), NOW)).isInstanceOf(Malformed.class);
    }

    @Test
    void aTextInTheArmorHeadersIsRefused() throws Malformed {
        TestKey key = new TestKey();
        PgpKeyring keyring = PgpKeyring.read(key.certificate());
        String message = key.clearSigned(TEXT).replaceFirst("Hash: SHA512\n", "Hash: SHA512\nSuite: evil\n");
        assertThatThrownBy(() -> keyring.verifiedClearText(bytes(message), NOW)).isInstanceOf(Malformed.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"rsa2048", "ed25519"})
    void whatGnuPgSignedWithASubkeyHoldsHere(String algorithm, @TempDir Path folder) throws Exception {
        HostTools.require("gpg");
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
        Path nothing = Files.createFile(folder.resolve("nothing"));
        Path text = Files.writeString(folder.resolve("text"), TEXT);
        try {
            gpg(folder, nothing, "--quick-generate-key", "test@example.org", algorithm, "cert", "1y");
            String listing = new String(gpg(folder, nothing, "--with-colons", "--list-keys"), StandardCharsets.UTF_8);
            String fingerprint = listing.lines()
                    .filter(l -> l.startsWith("fpr:"))
                    .findFirst()
                    .orElseThrow()
                    .split(":")[9];
            gpg(folder, nothing, "--quick-add-key", fingerprint, algorithm, "sign", "1y");
            PgpKeyring keyring = PgpKeyring.read(gpg(folder, nothing, "--export"));
            byte[] clear = gpg(folder, text, "--digest-algo", "SHA256", "--clearsign");
            byte[] detached = gpg(folder, text, "--digest-algo", "SHA512", "--detach-sign");
            assertThat(new String(keyring.verifiedClearText(clear, Instant.now()), StandardCharsets.UTF_8))
                    .isEqualTo("Suite: stable\n- a dash\ntrailing\nlast\n");
            keyring.verifyDetached(bytes(TEXT), detached, Instant.now());
            keyring.only(fingerprint).verifyDetached(bytes(TEXT), detached, Instant.now());
            assertThat(keyring.only(fingerprint + "!").isEmpty()).isTrue();
            assertThatThrownBy(() -> keyring.verifyDetached(bytes(TEXT + "x"), detached, Instant.now()))
                    .hasMessage("the signature does not hold");

            byte[] weak = gpg(folder, text, "--digest-algo", "SHA1", "--detach-sign");
            assertThatThrownBy(() -> keyring.verifyDetached(bytes(TEXT), weak, Instant.now()))
                    .isInstanceOf(Malformed.class);
        } finally {
            HostTools.run(nothing, List.of("gpgconf", "--homedir", folder.toString(), "--kill", "gpg-agent"));
        }
    }

    @Test
    void whatTheseTestsSignIsWhatGnuPgAccepts(@TempDir Path folder) throws Exception {
        HostTools.require("gpg");
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
        TestKey key = new TestKey();
        Path certificate = Files.write(folder.resolve("certificate"), key.certificate());
        Path message = Files.writeString(folder.resolve("message"), key.clearSigned(TEXT));
        gpg(folder, certificate, "--import");
        gpg(folder, message, "--verify");
    }

    @Test
    void theReleaseFilesThatAptKeepsHereAreSignedByTheDebianKeyring() throws Exception {
        Path lists = Path.of("/var/lib/apt/lists");
        Path keyring = Path.of("/usr/share/keyrings/debian-archive-keyring.gpg");
        assumeTrue(Files.isDirectory(lists) && Files.isRegularFile(keyring), "no apt lists or no Debian keyring here");
        List<Path> releases = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(lists, "*debian*_InRelease")) {
            files.forEach(releases::add);
        }
        assumeTrue(!releases.isEmpty(), "apt keeps no InRelease of Debian's here");
        PgpKeyring debian = PgpKeyring.read(Files.readAllBytes(keyring));
        for (Path release : releases) {
            byte[] message = Files.readAllBytes(release);
            String text = new String(debian.verifiedClearText(message, Instant.now()), StandardCharsets.UTF_8);
            assertThat(text).contains("SHA256:");
            int at = new String(message, StandardCharsets.ISO_8859_1).indexOf("SHA256:");
            message[at] ^= 1;
            assertThatThrownBy(() -> debian.verifiedClearText(message, Instant.now()))
                    .isInstanceOf(Malformed.class);
        }
    }

    private static byte[] gpg(Path home, Path input, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                "gpg",
                "--homedir",
                home.toString(),
                "--batch",
                "--no-tty",
                "--quiet",
                "--pinentry-mode",
                "loopback",
                "--passphrase",
                ""));
        command.addAll(List.of(arguments));
        return HostTools.run(input, command);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
