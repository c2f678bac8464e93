package redoubt.cli;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jline.terminal.Attributes;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.jspecify.annotations.Nullable;

/** The terminal, pipe or file that Redoubt itself was started on. */
final class HostTerminal {
    private static final int ESCAPE = 1; // Ctrl-A

    private HostTerminal() {}

    /** What a file descriptor, 0 to 2, is. */
    enum Kind {
        TERMINAL,
        FILE,
        STREAM,
        /** Nothing to read: /dev/null, or closed. */
        NOTHING
    }

    static Kind kind(int descriptor) {
        Path link = Path.of("/dev/fd/" + descriptor);
        try {
            if (!Files.exists(link)) {
                // A pipe's link leads nowhere in some sandboxes; a closed descriptor has none.
                return Files.isSymbolicLink(link) ? Kind.STREAM : Kind.NOTHING;
            }
            if (Files.isRegularFile(link)) {
                return Kind.FILE;
            }
            if (Files.isSameFile(link, Path.of("/dev/null"))) {
                return Kind.NOTHING;
            }
            String target = link.toRealPath().toString();
            return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty") || target.equals("/dev/console")
                    ? Kind.TERMINAL
                    : Kind.STREAM;
        } catch (IOException e) {
            return Kind.STREAM;
        }
    }

    /**
     * The terminal that is to be the guest's. From {@link #enter} until it is closed every key goes to the guest, Ctrl-C too.
     * Output is still processed, as QEMU leaves it, so that our own messages look right.
     */
    static final class Raw implements AutoCloseable {
        private final Terminal terminal;
        private final Attributes before;
        private final Thread hook;

        Raw() throws IOException {
            terminal = TerminalBuilder.builder()
                    .system(true)
                    .dumb(false)
                    .nativeSignals(false)
                    .graphemeCluster(false) // or it asks the terminal, whose answer the guest would take for input
                    .build();
            before = terminal.getAttributes();
            hook = new Thread(() -> terminal.setAttributes(before));
            Runtime.getRuntime().addShutdownHook(hook);
        }

        /** Raw mode from now on. */
        void enter() {
            terminal.enterRawMode();
        }

        int rows() {
            return terminal.getSize().getRows();
        }

        int columns() {
            return terminal.getSize().getColumns();
        }

        @Override
        public void close() throws IOException {
            terminal.setAttributes(before);
            Runtime.getRuntime().removeShutdownHook(hook);
            terminal.close();
        }
    }

    /** Typed input with QEMU's escape: Ctrl-A x quits, Ctrl-A Ctrl-A is one Ctrl-A. */
    static final class Escapes extends FilterInputStream {
        private final Runnable quit;

        Escapes(InputStream in, Runnable quit) {
            super(in);
            this.quit = quit;
        }

        @Override
        public int read() throws IOException {
            int octet = in.read();
            if (octet != ESCAPE) {
                return octet;
            }
            int next = in.read();
            if (next == 'x' || next == 'X') {
                quit.run();
                return -1;
            }
            return next;
        }

        @Override
        public int read(byte @Nullable [] bytes, int offset, int length) throws IOException {
            if (bytes == null || length == 0) {
                return 0;
            }
            int octet = read();
            if (octet < 0) {
                return -1;
            }
            bytes[offset] = (byte) octet;
            return 1;
        }
    }
}
