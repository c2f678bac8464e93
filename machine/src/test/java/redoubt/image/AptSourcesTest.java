package redoubt.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AptSourcesTest {
    @TempDir
    Path root;

    @Test
    void oneLineSourcesAreReadWithTheirOptions() throws IOException {
        write("etc/apt/sources.list", """
                # a comment
                deb http://a.example/debian bookworm main contrib # and another
                deb-src http://a.example/debian bookworm main
                deb [ arch=amd64,arm64 signed-by=/k.gpg check-valid-until=no ] http://b.example/x/ suite/sub c
                deb [arch=arm64] http://c.example/ other main
                deb http://d.example/ exact/
                deb cdrom:[Debian]/ bookworm main
                """);
        assertThat(AptSources.read(root, Map.of(), null).sources())
                .extracting(Object::toString)
                .containsExactly("http://a.example/debian/ bookworm", "http://b.example/x/ suite/sub");
        AptSources.Source second =
                AptSources.read(root, Map.of(), null).sources().get(1);
        assertThat(second.components()).containsExactly("c");
        assertThat(second.signedBy()).containsExactly("/k.gpg");
        assertThat(second.checkValidUntil()).isFalse();
    }

    @Test
    void stanzasMultiplySuitesAndAddresses() throws IOException {
        write("etc/apt/sources.list.d/debian.sources", """
                Types: deb deb-src
                # a comment within
                URIs: http://a.example/debian
                Suites: bookworm
                 bookworm-updates
                Components: main
                Signed-By:
                 -----BEGIN PGP PUBLIC KEY BLOCK-----
                 .
                 AAAA
                 -----END PGP PUBLIC KEY BLOCK-----

                Enabled: no
                Types: deb
                URIs: http://off.example/
                Suites: s
                Components: main

                Types: deb
                URIs: http://b.example/
                Suites: s
                Components: main
                Architectures: arm64
                """);
        write("etc/apt/sources.list.d/ignored.sources.save", "Types: deb\nURIs: http://c/\nSuites: s\nComponents: m\n");
        var sources = AptSources.read(root, Map.of(), null).sources();
        assertThat(sources)
                .extracting(Object::toString)
                .containsExactly("http://a.example/debian/ bookworm", "http://a.example/debian/ bookworm-updates");
        assertThat(sources.getFirst().signedBy().getFirst())
                .isEqualTo("\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n");
    }

    @Test
    void aMirrorListGivesAlternatives() throws IOException {
        write("etc/apt/mirrors.list", "http://one.example/debian\tpriority:1\n# x\nhttp://two.example/debian\n");
        write("etc/apt/sources.list", "deb mirror+file:/etc/apt/mirrors.list bookworm main\n");
        assertThat(AptSources.read(root, Map.of(), null).sources().getFirst().uris())
                .containsExactly(URI.create("http://one.example/debian/"), URI.create("http://two.example/debian/"));
    }

    @Test
    void aNamedMirrorServesTheConfiguredSuitesButSecuritys() throws IOException {
        write("etc/apt/sources.list", """
                deb http://a.example/debian bookworm main
                deb http://a.example/debian bookworm-updates main
                deb http://a.example/debian-security bookworm-security main
                """);
        Map<String, String> environment = Map.of(AptSources.MIRROR_VARIABLE, "[signed-by=/k] http://m.example/d");
        var sources = AptSources.read(root, environment, null).sources();
        assertThat(sources)
                .extracting(Object::toString)
                .containsExactly("http://m.example/d/ bookworm", "http://m.example/d/ bookworm-updates");
        assertThat(sources.getFirst().signedBy()).containsExactly("/k");
        assertThat(AptSources.read(root, environment, "http://o.example/ sid contrib")
                        .sources())
                .extracting(Object::toString)
                .containsExactly("http://o.example/ sid");
    }

    @Test
    void aMirrorAloneOnASystemWithoutAptServesStable() {
        assertThat(AptSources.read(root, Map.of(), "file:///mirror").sources())
                .extracting(Object::toString)
                .containsExactly("file:///mirror/ stable");
    }

    @Test
    void aLineThatNamesNoSuiteIsAnErrorWithItsPlace() throws IOException {
        write("etc/apt/sources.list", "\ndeb http://a.example/\n");
        assertThatThrownBy(() -> AptSources.read(root, Map.of(), null))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("sources.list:2: a source needs a URI and a suite");
    }

    @Test
    void aptConfIsReadInOrderWithScopesAndComments() throws IOException {
        write("etc/apt/apt.conf.d/10first", """
                // a comment
                Acquire { Check-Valid-Until "false"; http { Proxy "http://one.example:1"; }; };
                """);
        write(
                "etc/apt/apt.conf.d/20second.conf",
                "# another\nacquire::HTTP::proxy /* here */ \"http://two.example:2/\";\n");
        write("etc/apt/apt.conf.d/30third.bak", "Acquire::http::Proxy \"http://never.example:3\";\n");
        AptConfiguration configuration = AptConfiguration.read(root, Map.of());
        assertThat(configuration.isSet("Acquire::Check-Valid-Until", true)).isFalse();
        assertThat(configuration.isSet("Acquire::Check-Date", true)).isTrue();
        assertThat(configuration.value("Acquire::http::Proxy")).contains("http://two.example:2/");
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "-",
            value = {
                "'Acquire::http::Proxy \"http://p.example:3128\";', '', '', p.example:3128",
                "'Acquire::http::Proxy \"DIRECT\";', http://e.example:1, '', -",
                "'Acquire::http::Proxy \"http://p.example:1\"; Acquire::http::Proxy::h.example \"DIRECT\";', '', '', -",
                "'', http://e.example:8080, '', e.example:8080",
                "'', e.example, '', e.example:80",
                "'', http://e.example:8080, 'x.example,.h.example', -",
                "'', '', '', -",
            })
    void theProxyIsTheOneAptWouldTake(String configuration, String variable, String exempt, String expected) {
        var proxy = Downloads.proxy(
                URI.create("http://h.example/x"),
                AptConfiguration.of(configuration),
                Map.of("http_proxy", variable, "no_proxy", exempt));
        assertThat(proxy.map(InetSocketAddress::getHostString).orElse(null))
                .isEqualTo(expected == null ? null : expected.split(":")[0]);
        assertThat(proxy.map(p -> String.valueOf(p.getPort())).orElse(null))
                .isEqualTo(expected == null ? null : expected.split(":")[1]);
    }

    private void write(String path, String text) throws IOException {
        Path file = root.resolve(path);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }
}
