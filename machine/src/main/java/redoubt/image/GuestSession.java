package redoubt.image;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import redoubt.machine.Machine;
import redoubt.machine.boot.BzImage;
import redoubt.sgx.SgxUsage;

/**
 * One run of the default guest: boots it, gives its command the host's streams, and ends with the command.
 *
 * <p>The guest's serial ports, see {@link GuestInit}: the console, the command's standard input and output, its standard
 * error, and the control line.
 */
public final class GuestSession {
    /** The host's ends. Streams are flushed when the guest pauses or ends. */
    public record Streams(
            OutputStream out, OutputStream err, OutputStream console, InputStream in, boolean inputMayWait) {}

    /**
     * How it went.
     *
     * @param status the command's, or -1 if it did not get to its end
     * @param ready whether the command was started
     * @param nanosToReady guest's time from power-up until then
     * @param instructions executed in all
     * @param nanos guest's time from power-up to the end
     * @param sgxWhenReady use of the machine's SGX when the command was started; empty if it was not, or without EPC
     * @param sgx use of the machine's SGX at the end; empty without EPC
     */
    public record Result(
            int status,
            boolean ready,
            long nanosToReady,
            Machine.Outcome outcome,
            long instructions,
            long nanos,
            Optional<SgxUsage> sgxWhenReady,
            Optional<SgxUsage> sgx) {}

    private final Machine.Setup setup;
    private final Streams streams;
    private final boolean terminal;
    private final Runnable whenReady;
    private volatile @Nullable Machine running;
    private int status = -1;
    private boolean ready;
    private long nanosToReady;
    private Optional<SgxUsage> sgxWhenReady = Optional.empty();

    /**
     * @param terminal whether the command has the guest's second port as its terminal ({@link GuestCommand#onTerminal})
     * @param whenReady told when the command is about to start
     */
    public GuestSession(Machine.Setup setup, Streams streams, boolean terminal, Runnable whenReady) {
        this.setup = setup;
        this.streams = streams;
        this.terminal = terminal;
        this.whenReady = whenReady;
    }

    /** Boots the guest and runs it to its end; {@code limitNanos} as in {@link Machine#run}. */
    public Result run(DefaultGuest.Prepared guest, long limitNanos) {
        // The control port's bytes only come once the machine runs, and then there is one.
        Machine[] made = new Machine[1];
        var control = new GuestControl(streams.in(), streams.inputMayWait(), new GuestControl.Listener() {
            @Override
            public void ready() {
                ready = true;
                nanosToReady = made[0].clock().nanos();
                sgxWhenReady = usage(made[0]);
                whenReady.run();
                if (terminal) {
                    pump(made[0]);
                }
            }

            @Override
            public void exited(int exit) {
                status = exit;
                made[0].stop();
            }

            @Override
            public void input(byte[] bytes) {
                Machine machine = made[0];
                machine.post(() -> {
                    for (byte b : bytes) {
                        machine.board().serial(1).receive(b);
                    }
                });
            }
        });
        List<IntConsumer> ports = List.of(
                octet -> write(streams.console(), octet),
                octet -> write(streams.out(), octet),
                octet -> write(streams.err(), octet),
                octet -> control.accept((byte) octet));
        try (Machine machine = new Machine(setup, ports)) {
            made[0] = machine;
            running = machine;
            machine.boot(BzImage.readKernel(guest.kernel()), guest.initramfs(), guest.cmdline());
            Machine.Outcome outcome = machine.run(limitNanos);
            return new Result(
                    status,
                    ready,
                    nanosToReady,
                    outcome,
                    machine.vcpu().instructions(),
                    machine.clock().nanos(),
                    sgxWhenReady,
                    usage(machine));
        } finally {
            running = null;
            flush(streams.out());
            flush(streams.err());
            flush(streams.console());
        }
    }

    private static Optional<SgxUsage> usage(Machine machine) {
        return machine.sgx().map(host -> host.platform().usage());
    }

    /** Ends the run soon; may be called by any thread. */
    public void stop() {
        Machine machine = running;
        if (machine != null) {
            machine.post(machine::stop);
        }
    }

    /** What is typed goes to the guest's terminal as it comes. */
    private void pump(Machine machine) {
        Thread.ofPlatform().daemon().name("terminal-input").start(() -> {
            byte[] piece = new byte[256];
            try {
                for (int n = streams.in().read(piece); n >= 0; n = streams.in().read(piece)) {
                    byte[] typed = java.util.Arrays.copyOf(piece, n);
                    machine.post(() -> {
                        for (byte b : typed) {
                            machine.board().serial(1).receive(b);
                        }
                    });
                }
            } catch (IOException e) {
                // The terminal is gone; the guest goes on without input, as a process in the background would.
            }
        });
    }

    private static void write(OutputStream stream, int octet) {
        try {
            stream.write(octet);
            if (octet == '\n') {
                stream.flush();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void flush(OutputStream stream) {
        try {
            stream.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
