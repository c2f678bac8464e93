package redoubt.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Against a server of one answer after the other, on the loopback address. */
class DownloadsTest {
    @TempDir
    Path folder;

    private final Queue<String> answers = new ConcurrentLinkedQueue<>();
    private final Queue<String> requests = new ConcurrentLinkedQueue<>();
    private ServerSocket server;

    @BeforeEach
    void listen() throws IOException {
        server = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());
        Thread.ofVirtual().start(() -> {
            while (!server.isClosed()) {
                try (Socket socket = server.accept()) {
                    BufferedReader in = new BufferedReader(
                            new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
                    requests.add(in.readLine());
                    while (!in.readLine().isEmpty()) {
                        // The other headers do not matter.
                    }
                    String answer = answers.poll();
                    socket.getOutputStream().write(String.valueOf(answer).getBytes(StandardCharsets.ISO_8859_1));
                } catch (IOException e) {
                    // Closed, or the client went away: the test sees what the client says.
                }
            }
        });
    }

    @AfterEach
    void close() throws IOException {
        server.close();
    }

    @Test
    void aRedirectIsFollowed() throws IOException {
        answers.add("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        answers.add(ok("abc", 3));
        assertThat(fetch("", 10)).hasContent("abc");
        assertThat(requests).containsExactly("GET /file HTTP/1.1", "GET /other HTTP/1.1");
    }

    @Test
    void aFileThatIsNotThereIsNotAskedForTwice() {
        answers.add("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        assertThatThrownBy(() -> fetch("", 10)).isInstanceOf(FileNotFoundException.class);
        assertThat(requests).hasSize(1);
    }

    @Test
    void aBodyThatBreaksOffIsFetchedAgain() throws IOException {
        answers.add(ok("ab", 3));
        answers.add(ok("abc", 3));
        assertThat(fetch("", 10)).hasContent("abc");
    }

    @Test
    void aServerThatKeepsFailingIsGivenUpWithItsAnswer() {
        for (int i = 0; i < 3; i++) {
            answers.add("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        assertThatThrownBy(() -> fetch("", 10))
                .isInstanceOf(IOException.class)
                .hasMessageEndingWith("/file: the server answered 503");
        assertThat(requests).hasSize(3);
    }

    @Test
    void moreThanMayComeIsCutOff() {
        answers.add(ok("x".repeat(1000), 1000));
        assertThatThrownBy(() -> fetch("", 999)).hasMessageContaining("longer than the 999 bytes");
        assertThat(requests).hasSize(1);
    }

    @Test
    void theConfiguredProxyIsAskedForTheWholeAddress() throws IOException {
        answers.add(ok("abc", 3));
        String proxy = "Acquire::http::Proxy \"http://127.0.0.1:" + server.getLocalPort() + "/\";";
        Path out = folder.resolve("out");
        try (Downloads downloads = new Downloads(AptConfiguration.of(proxy), Map.of(), Progress.NONE)) {
            downloads.fetch(URI.create("http://mirror.invalid/x"), "x", 10, out);
        }
        assertThat(out).hasContent("abc");
        assertThat(requests).containsExactly("GET http://mirror.invalid/x HTTP/1.1");
    }

    private Path fetch(String configuration, long limit) throws IOException {
        Path out = folder.resolve("out");
        URI uri = URI.create("http://127.0.0.1:" + server.getLocalPort() + "/file");
        try (Downloads downloads = new Downloads(AptConfiguration.of(configuration), Map.of(), Progress.NONE)) {
            downloads.fetch(uri, "x", limit, out);
        }
        assertThat(Files.exists(out)).isTrue();
        return out;
    }

    private static String ok(String body, int length) {
        return "HTTP/1.1 200 OK\r\nContent-Length: " + length + "\r\nConnection: close\r\n\r\n" + body;
    }
}
