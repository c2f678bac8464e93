package redoubt.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DefaultGuestTest {
    @TempDir
    Path folder;

    @Test
    void anArchiveThatIsAwayIsOneLineThatNamesTheOtherWay() {
        DefaultGuest.Options options = DefaultGuest.Options.of(GuestCommand.shell())
                .from(folder.resolve("nosuch").toUri() + " stable main")
                .in(ImageCache.in(folder.resolve("cache")));
        assertThatThrownBy(() -> DefaultGuest.prepare(options))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("nosuch")
                .hasMessageContaining("--kernel and --initramfs")
                .message()
                .doesNotContain("\n");
    }

    @Test
    void aMissingCopyIsSaidBeforeAnythingIsFetched() {
        DefaultGuest.Options options = DefaultGuest.Options.of(GuestCommand.shell())
                .copying(List.of(GuestInit.Copy.parse("/no/such/file:/x")))
                .in(ImageCache.in(folder.resolve("cache")));
        assertThatThrownBy(() -> DefaultGuest.prepare(options)).hasMessageContaining("/no/such/file:/x");
        assertThat(folder.resolve("cache")).doesNotExist();
    }

    @Test
    void theCacheIsWhereTheVariablesSay() {
        Path home = Path.of("/h");
        assertThat(ImageCache.ofUser(Map.of(), home).folder()).hasToString("/h/.cache/redoubt");
        assertThat(ImageCache.ofUser(Map.of("XDG_CACHE_HOME", "/x"), home).folder())
                .hasToString("/x/redoubt");
        assertThat(ImageCache.ofUser(Map.of("XDG_CACHE_HOME", "x"), home).folder())
                .hasToString("/h/.cache/redoubt");
        assertThat(ImageCache.ofUser(Map.of("XDG_CACHE_HOME", "/x", "REDOUBT_HOME", "/r"), home)
                        .folder())
                .hasToString("/r/cache");
    }

    @Test
    void onlyOneAtATimeAddsToTheCache() throws Exception {
        ImageCache cache = ImageCache.in(folder.resolve("cache"));
        int[] inside = {0};
        try (ExecutorService pool = Executors.newFixedThreadPool(4)) {
            Callable<Integer> work = () -> cache.locked(() -> {
                int now = ++inside[0];
                LockSupport.parkNanos(1000);
                inside[0]--;
                return now;
            });
            for (Future<Integer> result : pool.invokeAll(java.util.Collections.nCopies(50, work))) {
                assertThat(result.get()).isEqualTo(1);
            }
        }
    }

    // ---------------------------------------------------------------- the real kernel, under QEMU as the machine

    /** How a guest ended: the bytes of the command's two streams, and its status. */
    private record Ended(byte[] out, byte[] err, int status) {
        String text() {
            return new String(out, StandardCharsets.UTF_8);
        }
    }

    @Test
    @Tag("network")
    void theCommandsStreamsAndStatusAreTheHosts() throws Exception {
        Path tree = Files.createDirectory(folder.resolve("tree"));
        Files.writeString(tree.resolve("data"), "copied\n");
        Files.createSymbolicLink(tree.resolve("link"), Path.of("data"));
        GuestCommand command =
                GuestCommand.of(List.of("sh", "-c", """
                        cat link; echo "$V"; cat; uname -r; tty; grep -c noexec /proc/mounts
                        sleep 1000 & seq 1 2000 >&2; exit 7""")).with("V", "a\nb").in("/t");
        byte[] input = new byte[5000];
        java.util.Arrays.fill(input, (byte) 'i');
        Ended ended = boot(command, List.of(new GuestInit.Copy(tree, "/t")), input);
        assertThat(ended.text())
                .startsWith("copied\na\nb\n" + "i".repeat(5000))
                .containsPattern("\\d+\\.\\d+\\.\\d+-\\d+-cloud-amd64\nnot a tty\n0\n$");
        assertThat(new String(ended.err(), StandardCharsets.UTF_8))
                .endsWith("1999\n2000\n")
                .hasSize(8893);
        assertThat(ended.status()).isEqualTo(7);
    }

    @Test
    @Tag("network")
    void aProgramThatIsNotThereIs127AndASignalIs128More() throws Exception {
        assertThat(boot(GuestCommand.of(List.of("nosuch")), List.of(), new byte[0])
                        .status())
                .isEqualTo(127);
        Ended killed = boot(GuestCommand.of(List.of("sh", "-c", "kill -9 $$")), List.of(), new byte[0]);
        assertThat(killed.status()).isEqualTo(137);
        assertThat(killed.err()).isEmpty();
    }

    @Test
    @Tag("network")
    void modulesAreInsertedWithWhatTheyNeed() throws Exception {
        GuestCommand command = GuestCommand.of(List.of("lsmod"));
        Ended ended = boot(DefaultGuest.Options.of(command).inserting(List.of("virtio-blk")), new byte[0]);
        assertThat(ended.text()).contains("virtio_blk ", "virtio_ring ", "virtio ");
    }

    private Ended boot(GuestCommand command, List<GuestInit.Copy> copies, byte[] input) throws Exception {
        return boot(DefaultGuest.Options.of(command).copying(copies), input);
    }

    private Ended boot(DefaultGuest.Options options, byte[] input) throws Exception {
        HostTools.require("qemu-system-x86_64");
        DefaultGuest.Prepared guest;
        try {
            guest = DefaultGuest.prepare(options);
        } catch (ImageException e) {
            return abort("skipped: " + e.getMessage());
        }
        Path initramfs = Files.write(folder.resolve("initramfs"), guest.initramfs());
        List<String> qemu = new ArrayList<>(List.of(
                "qemu-system-x86_64",
                "-M",
                "q35",
                "-accel",
                "tcg",
                "-m",
                "512",
                "-nodefaults",
                "-display",
                "none",
                "-no-reboot",
                "-kernel",
                guest.kernel().toString(),
                "-initrd",
                initramfs.toString(),
                "-append",
                guest.cmdline()));
        List<ServerSocketChannel> ports = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            Path socket = folder.resolve("port" + i);
            Files.deleteIfExists(socket);
            ports.add(ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(socket)));
            qemu.addAll(List.of("-chardev", "socket,id=p" + i + ",path=" + socket, "-serial", "chardev:p" + i));
        }
        Process process = new ProcessBuilder(qemu)
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("qemu.log").toFile())
                .start();
        try (ExecutorService readers = Executors.newVirtualThreadPerTaskExecutor()) {
            List<SocketChannel> channels = new ArrayList<>();
            for (ServerSocketChannel port : ports) {
                channels.add(port.accept());
            }
            List<Future<byte[]>> bytes = new ArrayList<>();
            for (SocketChannel channel : channels.subList(0, 3)) {
                bytes.add(readers.submit(() -> Channels.newInputStream(channel).readAllBytes()));
            }
            Future<Integer> status = readers.submit(() -> control(channels.get(3), channels.get(1), input));
            boolean ended = process.waitFor(120, TimeUnit.SECONDS);
            process.destroyForcibly();
            String console = new String(bytes.get(0).get(), StandardCharsets.ISO_8859_1);
            assertThat(ended).as("the guest ended; console: %s", console).isTrue();
            return new Ended(bytes.get(1).get(), bytes.get(2).get(), status.get());
        } finally {
            process.destroyForcibly();
            for (ServerSocketChannel port : ports) {
                port.close();
            }
        }
    }

    /** The host's side, as the command line would have it. */
    private static int control(SocketChannel control, SocketChannel data, byte[] input) throws IOException {
        OutputStream out = Channels.newOutputStream(data);
        int[] status = {-1};
        GuestControl host = new GuestControl(new ByteArrayInputStream(input), false, new GuestControl.Listener() {
            @Override
            public void ready() {
                assertThat(status[0]).isEqualTo(-1);
                status[0] = -2;
            }

            @Override
            public void exited(int ended) {
                assertThat(status[0]).as("ready was said before").isEqualTo(-2);
                status[0] = ended;
            }

            @Override
            public void input(byte[] bytes) {
                try {
                    out.write(bytes);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        });
        InputStream in = Channels.newInputStream(control);
        for (int c = in.read(); c >= 0; c = in.read()) {
            host.accept((byte) c);
        }
        return status[0];
    }
}
