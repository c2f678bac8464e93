package redoubt.image;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Fetches from {@code http:}, {@code https:}, {@code file:} and {@code copy:} URIs, through the proxy that apt would take:
 * {@code Acquire::http::Proxy::HOST}, {@code Acquire::http::Proxy} ({@code DIRECT} for none), then the environment's
 * {@code http_proxy} and {@code no_proxy} (apt.conf(5), apt-transport-http(1)).
 *
 * <p>Limitations: no proxy that wants a password, no {@code Proxy-Auto-Detect}.
 */
final class Downloads implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final int ATTEMPTS = 3;

    private final HttpClient client;
    private final Progress progress;

    Downloads(AptConfiguration configuration, Map<String, String> environment, Progress progress) {
        this.progress = progress;
        this.client = HttpClient.newBuilder()
                .connectTimeout(PATIENCE)
                .followRedirects(HttpClient.Redirect.NORMAL)
                .version(HttpClient.Version.HTTP_1_1)
                .proxy(new ProxySelector() {
                    @Override
                    public List<Proxy> select(URI uri) {
                        return List.of(proxy(uri, configuration, environment)
                                .map(p -> new Proxy(Proxy.Type.HTTP, p))
                                .orElse(Proxy.NO_PROXY));
                    }

                    @Override
                    public void connectFailed(URI uri, SocketAddress address, IOException cause) {
                        // The request itself fails and says so.
                    }
                })
                .build();
    }

    /**
     * Copies what {@code uri} names to {@code out}, at most {@code limitBytes}.
     *
     * @throws FileNotFoundException if the server says that there is no such file
     * @throws IOException for every other failure, a longer file included
     */
    void fetch(URI uri, String what, long limitBytes, Path out) throws IOException {
        IOException last = null;
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            try {
                fetchOnce(uri, what, limitBytes, out);
                return;
            } catch (FileNotFoundException | TooLong e) {
                throw e;
            } catch (IOException e) {
                last = e;
            }
        }
        throw last == null ? new IOException(uri + ": not fetched") : last;
    }

    /** More bytes than the signed index allows: not worth another attempt. */
    private static final class TooLong extends IOException {
        private static final long serialVersionUID = 1L;

        TooLong(URI uri, long limitBytes) {
            super(uri + ": longer than the " + limitBytes + " bytes it may have");
        }
    }

    private void fetchOnce(URI uri, String what, long limitBytes, Path out) throws IOException {
        String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
        if (scheme.equals("file") || scheme.equals("copy")) {
            Path file = Path.of(uri.getPath());
            if (!Files.isRegularFile(file)) {
                throw new FileNotFoundException(file + ": no such file");
            }
            try (InputStream in = Files.newInputStream(file)) {
                copy(in, uri, what, Files.size(file), limitBytes, out, new AtomicLong());
            }
            return;
        }
        HttpRequest request = HttpRequest.newBuilder(uri)
                .timeout(PATIENCE)
                .header("User-Agent", "Redoubt")
                .build();
        try {
            HttpResponse<InputStream> response = client.send(request, HttpResponse.BodyHandlers.ofInputStream());
            try (InputStream in = response.body()) {
                if (response.statusCode() == 404 || response.statusCode() == 410) {
                    throw new FileNotFoundException(uri + ": not found");
                }
                if (response.statusCode() != 200) {
                    throw new IOException(uri + ": the server answered " + response.statusCode());
                }
                AtomicLong lastMove = new AtomicLong(System.nanoTime());
                // A server that stops in mid body would hold us for ever; a request's timeout only covers its headers.
                Thread watch = Thread.ofVirtual().start(() -> closeWhenStalled(in, lastMove));
                try {
                    copy(
                            in,
                            uri,
                            what,
                            response.headers()
                                    .firstValueAsLong("content-length")
                                    .orElse(-1),
                            limitBytes,
                            out,
                            lastMove);
                } finally {
                    watch.interrupt();
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(uri + ": interrupted", e);
        } catch (FileNotFoundException | TooLong e) {
            throw e;
        } catch (IOException e) {
            String reason = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
            throw new IOException(reason.startsWith(uri.toString()) ? reason : uri + ": " + reason, e);
        }
    }

    private static void closeWhenStalled(InputStream in, AtomicLong lastMove) {
        try {
            while (System.nanoTime() - lastMove.get() < PATIENCE.toNanos()) {
                Thread.sleep(Duration.ofSeconds(1));
            }
            in.close();
        } catch (InterruptedException e) {
            // The copy has ended.
        } catch (IOException e) {
            // The reader meets the same failure.
        }
    }

    private void copy(InputStream in, URI uri, String what, long total, long limitBytes, Path out, AtomicLong lastMove)
            throws IOException {
        byte[] buffer = new byte[1 << 16];
        long done = 0;
        try (OutputStream to = Files.newOutputStream(out)) {
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                lastMove.set(System.nanoTime());
                done += n;
                if (done > limitBytes) {
                    throw new TooLong(uri, limitBytes);
                }
                to.write(buffer, 0, n);
                progress.report(what, done, total);
            }
        }
        if (total >= 0 && done != total) {
            throw new IOException(uri + ": ended after " + done + " of " + total + " bytes");
        }
    }

    static Optional<InetSocketAddress> proxy(URI uri, AptConfiguration configuration, Map<String, String> environment) {
        String scheme = uri.getScheme().toLowerCase(Locale.ROOT);
        String host = uri.getHost() == null ? "" : uri.getHost();
        String named = null;
        for (String section : scheme.equals("https") ? List.of("https", "http") : List.of("http")) {
            named = named != null
                    ? named
                    : configuration
                            .value("Acquire::" + section + "::Proxy::" + host)
                            .orElse(null);
            named = named != null
                    ? named
                    : configuration.value("Acquire::" + section + "::Proxy").orElse(null);
        }
        if (named == null && !isExempt(host, environment)) {
            named = fromEnvironment(scheme, environment);
        }
        if (named == null || named.isBlank() || named.equalsIgnoreCase("DIRECT") || named.equals("false")) {
            return Optional.empty();
        }
        URI proxy;
        try {
            proxy = URI.create(named.contains("://") ? named : "http://" + named);
        } catch (IllegalArgumentException e) {
            throw new ImageException("the proxy " + named + " is not a URI", e);
        }
        if (proxy.getHost() == null || !"http".equals(proxy.getScheme())) {
            throw new ImageException("the proxy " + named + " is not of the form http://HOST:PORT");
        }
        return Optional.of(new InetSocketAddress(proxy.getHost(), proxy.getPort() < 0 ? 80 : proxy.getPort()));
    }

    private static @Nullable String fromEnvironment(String scheme, Map<String, String> environment) {
        for (String name : List.of(scheme + "_proxy", "all_proxy")) {
            for (String spelled : List.of(name, name.toUpperCase(Locale.ROOT))) {
                // HTTP_PROXY in capitals may come from a request's header in a CGI program; curl ignores it as well.
                if (!spelled.equals("HTTP_PROXY")
                        && !environment.getOrDefault(spelled, "").isBlank()) {
                    return environment.get(spelled);
                }
            }
        }
        return null;
    }

    private static boolean isExempt(String host, Map<String, String> environment) {
        String exempt = environment.getOrDefault("no_proxy", environment.getOrDefault("NO_PROXY", ""));
        for (String entry : exempt.split("[,\\s]+")) {
            String suffix = entry.startsWith(".") ? entry.substring(1) : entry;
            if (entry.equals("*") || (!suffix.isEmpty() && (host.equals(suffix) || host.endsWith("." + suffix)))) {
                return true;
            }
        }
        return false;
    }

    @Override
    public void close() {
        client.shutdownNow();
    }
}
