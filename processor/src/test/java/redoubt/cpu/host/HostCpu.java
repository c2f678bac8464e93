package redoubt.cpu.host;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The processor of this host, running single instructions in a child process ({@code src/test/c/hostcpu.c}, compiled on
 * first use). Cases travel through a file that both sides map. A child that dies is started again, and the case it died
 * of is reported as {@link Outcome.Kind#HOST_DIED}. Not thread-safe.
 */
public final class HostCpu implements AutoCloseable {
    /** Cases handed to the child at a time. */
    public static final int BATCH = 128;

    private static final int SLOT_SIZE = 12288;
    private static final int CODE = 8;
    private static final int STATUS = 24;
    private static final int SIGNAL = 28;
    private static final int SIGNAL_CODE = 32;
    private static final int TRAP_NUMBER = 36;
    private static final int ERROR_CODE = 40;
    private static final int FAULT_ADDRESS = 48;
    private static final int GPR = 64;
    private static final int RIP = 192;
    private static final int RFLAGS = 200;
    private static final int FS_BASE = 208;
    private static final int GS_BASE = 216;
    private static final int FX = 256;
    private static final int FX_MXCSR = FX + 24;
    private static final int FX_XMM = FX + 160;
    private static final int FX_X87_END = 160;
    private static final int YMM_HIGH = 832;
    private static final int WINDOW = 4096;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;

    private static @Nullable String skipReason;

    private final Path program;
    private final Path file;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment shared;
    private final byte[] request = new byte[4];
    private Process child;
    private OutputStream toChild;
    private InputStream fromChild;
    private long deaths;

    private HostCpu(Path program) throws IOException, Unavailable {
        this.program = program;
        file = Files.createTempFile("hostcpu", ".slots");
        long size = (long) BATCH * SLOT_SIZE + 4096;
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            channel.write(java.nio.ByteBuffer.allocate(1), size - 1);
            shared = channel.map(FileChannel.MapMode.READ_WRITE, 0, size, arena);
        }
        child = start();
        toChild = child.getOutputStream();
        fromChild = child.getInputStream();
        String line = readLine();
        if (!line.equals("ready")) {
            close();
            throw new Unavailable(line.startsWith("skipped: ") ? line.substring(9) : "the host program did not start");
        }
    }

    /** Opens the host's processor, or says through {@link #skipReason} why this host is none to compare with. */
    public static Optional<HostCpu> open() {
        try {
            if (!System.getProperty("os.name").equals("Linux")
                    || !System.getProperty("os.arch").equals("amd64")) {
                throw new Unavailable("the host is not x86-64 Linux");
            }
            return Optional.of(new HostCpu(compile()));
        } catch (Unavailable e) {
            skipReason = e.getMessage();
            return Optional.empty();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Why {@link #open} gave nothing. */
    public static String skipReason() {
        return "skipped: " + skipReason;
    }

    /** How often the child has died so far. */
    public long deaths() {
        return deaths;
    }

    /** Runs the first {@code count} cases, filling as many results. */
    public void run(Case[] cases, HostResult[] results, int count) {
        for (int first = 0; first < count; first += BATCH) {
            int batch = Math.min(BATCH, count - first);
            for (int i = 0; i < batch; i++) {
                write(cases[first + i], (long) i * SLOT_SIZE);
            }
            try {
                runSlots(batch);
            } catch (IOException e) {
                throw new UncheckedIOException("the host program cannot be started again", e);
            }
            for (int i = 0; i < batch; i++) {
                read((long) i * SLOT_SIZE, cases[first + i], results[first + i]);
            }
        }
    }

    /** Runs one case. */
    public HostResult run(Case one) {
        HostResult result = new HostResult();
        run(new Case[] {one}, new HostResult[] {result}, 1);
        return result;
    }

    @Override
    public void close() {
        try {
            toChild.close();
            if (!child.waitFor(1, TimeUnit.SECONDS)) {
                child.destroyForcibly();
            }
            Files.deleteIfExists(file);
        } catch (IOException e) {
            child.destroyForcibly();
        } catch (InterruptedException e) {
            child.destroyForcibly();
            Thread.currentThread().interrupt();
        } finally {
            arena.close();
        }
    }

    private void runSlots(int count) throws IOException {
        int first = 0;
        while (first < count) {
            int n = count - first;
            request[0] = (byte) n;
            request[1] = (byte) (n >> 8);
            request[2] = (byte) first;
            request[3] = (byte) (first >> 8);
            boolean answered;
            try {
                toChild.write(request);
                toChild.flush();
                answered = fromChild.readNBytes(4).length == 4;
            } catch (IOException e) { // a broken pipe: the child is gone
                answered = false;
            }
            if (answered) {
                return;
            }
            deaths++;
            int guilty = shared.get(INT, (long) BATCH * SLOT_SIZE);
            shared.set(INT, (long) guilty * SLOT_SIZE + STATUS, -1);
            first = guilty + 1;
            restart();
        }
    }

    private void restart() throws IOException {
        child.destroyForcibly();
        child = start();
        toChild = child.getOutputStream();
        fromChild = child.getInputStream();
        String line = readLine();
        if (!line.equals("ready")) {
            throw new IOException(line);
        }
    }

    private void write(Case from, long slot) {
        CpuState s = from.initial;
        shared.set(INT, slot, (from.singleStep ? 1 : 0) | (from.is32Bit ? 2 : 0));
        shared.set(INT, slot + 4, from.length);
        MemorySegment.copy(from.code, 0, shared, BYTE, slot + CODE, 16);
        shared.set(INT, slot + STATUS, 0);
        MemorySegment.copy(s.gpr, 0, shared, LONG, slot + GPR, 16);
        shared.set(LONG, slot + RIP, s.rip);
        shared.set(LONG, slot + RFLAGS, s.rflags);
        shared.set(LONG, slot + FS_BASE, s.fsBase);
        shared.set(LONG, slot + GS_BASE, s.gsBase);
        MemorySegment.copy(s.fx, 0, shared, BYTE, slot + FX, FX_X87_END);
        shared.set(INT, slot + FX_MXCSR, s.mxcsr);
        for (int i = 0; i < 16; i++) {
            MemorySegment.copy(s.ymm[i], 0, shared, LONG, slot + FX_XMM + 16L * i, 2);
            MemorySegment.copy(s.ymm[i], 2, shared, LONG, slot + YMM_HIGH + 16L * i, 2);
        }
        MemorySegment.copy(s.window, 0, shared, BYTE, slot + WINDOW, CpuState.WINDOW_SIZE);
    }

    private void read(long slot, Case from, HostResult to) {
        int status = shared.get(INT, slot + STATUS);
        if (status != 1) {
            to.outcome.other(status == 2 ? Outcome.Kind.NOT_RUN : Outcome.Kind.HOST_DIED, "");
            to.state.copyFrom(from.initial);
            return;
        }
        CpuState s = to.state;
        to.signal = shared.get(INT, slot + SIGNAL);
        to.signalCode = shared.get(INT, slot + SIGNAL_CODE);
        int trap = shared.get(INT, slot + TRAP_NUMBER);
        if (trap == 1) {
            to.outcome.completed();
        } else {
            long error = shared.get(LONG, slot + ERROR_CODE);
            long address = shared.get(LONG, slot + FAULT_ADDRESS);
            // Linux shows every fault on a kernel address as a protection violation, so as not to tell its layout
            // (arch/x86/mm/fault.c, set_signal_archinfo and its callers); nothing is mapped there for a user.
            to.outcome.exception(trap, trap == 14 && address < 0 ? error & ~1 : error, address);
        }
        MemorySegment.copy(shared, LONG, slot + GPR, s.gpr, 0, 16);
        s.rip = shared.get(LONG, slot + RIP);
        s.rflags = shared.get(LONG, slot + RFLAGS);
        s.fsBase = shared.get(LONG, slot + FS_BASE);
        s.gsBase = shared.get(LONG, slot + GS_BASE);
        MemorySegment.copy(shared, BYTE, slot + FX, s.fx, 0, FX_X87_END);
        s.mxcsr = shared.get(INT, slot + FX_MXCSR);
        for (int i = 0; i < 16; i++) {
            MemorySegment.copy(shared, LONG, slot + FX_XMM + 16L * i, s.ymm[i], 0, 2);
            MemorySegment.copy(shared, LONG, slot + YMM_HIGH + 16L * i, s.ymm[i], 2, 2);
        }
        MemorySegment.copy(shared, BYTE, slot + WINDOW, s.window, 0, CpuState.WINDOW_SIZE);
    }

    private Process start() throws IOException {
        return new ProcessBuilder(program.toString(), file.toString(), Integer.toString(BATCH))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    private String readLine() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = fromChild.read(); c >= 0 && c != '\n'; c = fromChild.read()) {
            line.append((char) c);
        }
        return line.toString();
    }

    /** Compiles the host program beside the test classes, unless a newer one is there. */
    private static Path compile() throws IOException, Unavailable, URISyntaxException {
        Path classes = Path.of(HostCpu.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        Path target = Objects.requireNonNull(classes.getParent());
        Path source = target.resolveSibling(Path.of("src", "test", "c", "hostcpu.c"));
        if (!Files.exists(source)) {
            throw new Unavailable("no source of the host program beside " + target);
        }
        Path binary = target.resolve("hostcpu");
        if (Files.exists(binary)
                && Files.getLastModifiedTime(binary).compareTo(Files.getLastModifiedTime(source)) >= 0) {
            return binary;
        }
        Path fresh = Files.createTempFile(target, "hostcpu", ".new");
        Process gcc;
        try {
            gcc = new ProcessBuilder(
                            "gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-o", fresh.toString(), source.toString())
                    .redirectErrorStream(true)
                    .start();
        } catch (IOException e) {
            Files.delete(fresh);
            throw new Unavailable("no gcc on this machine");
        }
        String messages = new String(gcc.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            if (gcc.waitFor() != 0) {
                throw new IOException("gcc: " + messages);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Unavailable("interrupted");
        }
        Files.move(fresh, binary, StandardCopyOption.ATOMIC_MOVE);
        return binary;
    }

    /** The host cannot be an oracle; the message says why. */
    private static final class Unavailable extends Exception {
        private static final long serialVersionUID = 1;

        Unavailable(String reason) {
            super(reason);
        }
    }
}
