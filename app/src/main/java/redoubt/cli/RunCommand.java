package redoubt.cli;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import redoubt.cpu.CpuModel;
import redoubt.image.DefaultGuest;
import redoubt.image.GuestCommand;
import redoubt.image.GuestInit;
import redoubt.image.GuestSession;
import redoubt.machine.Machine;
import redoubt.machine.boot.BootException;
import redoubt.machine.boot.BzImage;
import redoubt.machine.boot.ElfFile;

/** {@code redoubt run}: boots a guest, runs a command in it, and ends with the command's status. */
@Command(
        name = "run",
        sortOptions = false,
        mixinStandardHelpOptions = true,
        description = {
            "Boot a guest, run CMD in it and exit with its status.",
            "",
            "Without --kernel and --initramfs the guest is Debian's cloud kernel with a small userland, made from "
                    + "Debian's packages on first use. Without CMD it gives a shell. With --initramfs, or --kernel and "
                    + "no CMD, boots just what is given, with its serial port on this terminal."
        },
        footer = {
            "",
            "Exit status: CMD's own; 124 time limit; 125 Redoubt failed; 126/127 CMD not runnable/not found; 2 bad usage."
        })
final class RunCommand implements Callable<Integer> {
    private static final String TTY = "tty";
    private static final String NULL = "null";
    private static final String FILE = "file=";
    private static final int MOST_PROCESSORS = 64;

    @Option(
            names = "--cpus",
            paramLabel = "N",
            defaultValue = "1",
            description = "Processors, 1 to " + MOST_PROCESSORS + ", as N or boot=N (${DEFAULT-VALUE}).")
    private String cpus = "1";

    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            defaultValue = "512M",
            description = "RAM, as 1G or size=1G (${DEFAULT-VALUE}).")
    private String memory = "512M";

    @Mixin
    private CpuOption cpu = new CpuOption();

    @Mixin
    private SgxOptions sgx = new SgxOptions();

    @Option(names = "--kernel", paramLabel = "FILE", description = "A Linux kernel, bzImage or vmlinux.")
    private @Nullable Path kernel;

    @Option(
            names = {"--initramfs", "--initrd"},
            paramLabel = "FILE",
            description = "An initial RAM file system.")
    private @Nullable Path initramfs;

    @Option(
            names = "--cmdline",
            paramLabel = "TEXT",
            description = "The kernel's command line; for the default guest, added to its own.")
    private @Nullable String cmdline;

    @Option(
            names = "--serial",
            paramLabel = "WHERE",
            description = "The first serial port of a kernel of yours: tty, null or file=PATH (tty).")
    private @Nullable String serial;

    @Option(
            names = "--console",
            paramLabel = "WHERE",
            description = "The default guest's console: tty (that is, standard error), null or file=PATH (null).")
    private @Nullable String console;

    @Option(names = "-v", description = "The kernel's log, in full, on standard error.")
    private boolean verbose;

    @Option(
            names = "--copy",
            paramLabel = "HOST:GUEST",
            description = "Put a file or folder into the guest; may be repeated.")
    private List<String> copies = List.of();

    @Option(
            names = "--module",
            paramLabel = "NAME",
            description = "Insert a module of Debian's kernel; may be repeated.")
    private List<String> modules = List.of();

    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            description =
                    "End with status 124 after this time of the host or of the guest, whichever is over first; as 300, 5s, 10m.")
    private @Nullable String timeout;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "0",
            description = "Seed of the guest's random numbers (${DEFAULT-VALUE}).")
    private String seed = "0";

    @Option(
            names = "--clock",
            paramLabel = "KIND",
            defaultValue = "virtual",
            description = "virtual: the same run every time; host: the host's time (${DEFAULT-VALUE}).")
    private String clock = "virtual";

    @Option(names = "--mirror", paramLabel = "URL", description = "A Debian mirror in place of apt's sources.")
    private @Nullable String mirror;

    @Option(names = "--update", description = "Ask the Debian archive for newer packages first.")
    private boolean update;

    @Option(
            names = "--statistics",
            description = "At the end a line on standard error: instructions executed, seconds, guest's time.")
    private boolean statistics;

    @Option(names = "--quiet", description = "No progress line.")
    private boolean quiet;

    @Parameters(paramLabel = "CMD", arity = "0..*", description = "The command and its arguments, best after --.")
    private List<String> command = List.of();

    @Spec
    private CommandSpec spec;

    RunCommand() {}

    @Override
    public Integer call() {
        if (cpu.asksForHelp()) {
            CpuOption.list(spec.commandLine().getOut());
            return 0;
        }
        boolean plain = initramfs != null || kernel != null && command.isEmpty();
        if (initramfs != null && !command.isEmpty()) {
            throw new UsageException(
                    "run " + command.getFirst()
                            + ": a command needs Redoubt's own initramfs; leave out --initramfs, or name the command in --cmdline");
        }
        if (initramfs != null && kernel == null) {
            throw new UsageException("--initramfs " + initramfs + ": needs its kernel; give --kernel too");
        }
        if (plain && !copies.isEmpty()) {
            throw new UsageException("--copy " + copies.getFirst()
                    + ": only into Redoubt's own initramfs; leave out --initramfs and give a command");
        }
        if (!plain && serial != null) {
            throw new UsageException(
                    "--serial " + serial + ": is for a kernel and initramfs of yours; the default guest has --console");
        }
        long limit = timeout == null ? Long.MAX_VALUE : Values.nanos("--timeout", timeout);
        return plain ? bootPlain(limit) : runCommand(limit);
    }

    private Machine.Setup setup(Machine.Input input) {
        if (!clock.equals("virtual") && !clock.equals("host")) {
            throw new UsageException("--clock " + clock + ": unknown; virtual or host is possible");
        }
        Map<String, String> size = Values.list("--memory", memory, "size", Set.of("size"));
        long ram = Values.pages("--memory", memory, size.getOrDefault("size", ""));
        if (ram < 64L << 20) {
            throw new UsageException("--memory " + memory + ": too little for a Linux kernel; 64M is the least");
        }
        CpuModel model = cpu.model(processors());
        long seedNumber = Values.number("--seed", seed, seed, 0, Long.MAX_VALUE);
        Machine.Setup setup = new Machine.Setup(
                ram, model, sgx.setup(model), sgx.topology(model), seedNumber, clock.equals("host"), input);
        try {
            var _ = setup.layout();
        } catch (IllegalArgumentException e) {
            throw new UsageException("--memory " + memory + ": " + e.getMessage());
        }
        return setup;
    }

    private int processors() {
        Map<String, String> list = Values.list("--cpus", cpus, "boot", Set.of("boot"));
        return (int) Values.number("--cpus", cpus, list.getOrDefault("boot", ""), 1, MOST_PROCESSORS);
    }

    // ---- a kernel and initramfs of the user's

    private int bootPlain(long limit) {
        HostTerminal.Kind in = HostTerminal.kind(0);
        String where = serial == null ? TTY : serial;
        boolean tty = where.equals(TTY);
        boolean typed = tty && in == HostTerminal.Kind.TERMINAL;
        Machine.Setup setup = setup(
                typed
                        ? Machine.Input.TYPED
                        : tty && in != HostTerminal.Kind.NOTHING ? Machine.Input.STREAM : Machine.Input.NONE);
        ElfFile elf = BzImage.readKernel(java.util.Objects.requireNonNull(kernel));
        byte[] ramdisk = initramfs == null ? new byte[0] : read(initramfs);
        try (OutputStream out = open("--serial", where, FileDescriptor.out);
                HostTerminal.Raw raw = typed ? new HostTerminal.Raw() : null;
                Machine machine = new Machine(setup, List.of(octet -> put(out, octet)))) {
            if (raw != null) {
                raw.enter();
            }
            machine.boot(elf, ramdisk, cmdline == null ? "console=ttyS0" : cmdline);
            if (tty && in != HostTerminal.Kind.NOTHING) {
                InputStream source = new FileInputStream(FileDescriptor.in);
                pump(
                        machine,
                        raw != null ? new HostTerminal.Escapes(source, () -> machine.post(machine::stop)) : source);
            }
            long start = System.nanoTime();
            Machine.Outcome outcome = machine.run(limit);
            out.flush();
            tellStatistics(
                    machine.vcpu().instructions(),
                    System.nanoTime() - start,
                    machine.clock().nanos());
            return switch (outcome.end()) {
                case POWER_OFF, RESET, STOPPED -> 0;
                case TIME_LIMIT -> Main.TIME_LIMIT;
                default -> complain("the guest " + tell(outcome));
            };
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void pump(Machine machine, InputStream source) {
        Thread.ofPlatform().daemon().name("serial-input").start(() -> {
            byte[] piece = new byte[1024];
            try {
                for (int n = source.read(piece); n >= 0; n = source.read(piece)) {
                    byte[] typed = Arrays.copyOf(piece, n);
                    machine.post(() -> {
                        for (byte b : typed) {
                            machine.board().serial(0).receive(b);
                        }
                    });
                }
            } catch (IOException e) {
                // The input has ended; the guest goes on without, as it would with the cable pulled.
            }
        });
    }

    private static byte[] read(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (java.nio.file.NoSuchFileException e) {
            throw new BootException("--initramfs " + file + ": no such file", e);
        } catch (IOException e) {
            throw new BootException("--initramfs " + file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    // ---- the default guest

    private int runCommand(long limit) {
        HostTerminal.Kind in = HostTerminal.kind(0);
        boolean terminal = command.isEmpty()
                && in == HostTerminal.Kind.TERMINAL
                && HostTerminal.kind(1) == HostTerminal.Kind.TERMINAL;
        Machine.Setup setup = setup(
                terminal || in == HostTerminal.Kind.TERMINAL
                        ? Machine.Input.TYPED
                        : in == HostTerminal.Kind.STREAM ? Machine.Input.STREAM : Machine.Input.NONE);
        List<GuestInit.Copy> copied = copies.stream().map(RunCommand::copy).toList();
        String where = console != null ? console : verbose ? TTY : NULL;
        try (var progress = new ProgressLine(
                        spec.commandLine().getErr(),
                        !quiet && HostTerminal.kind(2) == HostTerminal.Kind.TERMINAL && !where.equals(TTY));
                OutputStream log = open("--console", where, FileDescriptor.err)) {
            GuestCommand what = command.isEmpty() ? GuestCommand.of(List.of("sh", "-l")) : GuestCommand.of(command);
            try (HostTerminal.Raw raw = terminal ? new HostTerminal.Raw() : null) {
                if (raw != null) {
                    what = GuestCommand.shell().onTerminal(raw.rows(), raw.columns());
                    String type = System.getenv("TERM");
                    what = type == null ? what : what.with("TERM", type);
                }
                DefaultGuest.Prepared guest = DefaultGuest.prepare(DefaultGuest.Options.of(what)
                        .copying(copied)
                        .inserting(modules)
                        .withKernel(kernel)
                        .verbosely(verbose)
                        .updating(update)
                        .from(mirror)
                        .reportingTo(progress));
                if (cmdline != null) {
                    guest = new DefaultGuest.Prepared(
                            guest.kernel(), guest.initramfs(), guest.cmdline() + " " + cmdline);
                }
                progress.say("booting");
                return session(setup, guest, in, raw, log, progress, limit);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private int session(
            Machine.Setup setup,
            DefaultGuest.Prepared guest,
            HostTerminal.Kind in,
            HostTerminal.@Nullable Raw raw,
            OutputStream log,
            ProgressLine progress,
            long limit) {
        OutputStream out = new FileOutputStream(FileDescriptor.out);
        OutputStream err = new FileOutputStream(FileDescriptor.err);
        InputStream input = in == HostTerminal.Kind.NOTHING
                ? InputStream.nullInputStream()
                : new FileInputStream(FileDescriptor.in);
        GuestSession[] made = new GuestSession[1];
        if (raw != null) {
            input = new HostTerminal.Escapes(input, () -> made[0].stop());
        }
        boolean mayWait = in == HostTerminal.Kind.STREAM || in == HostTerminal.Kind.TERMINAL;
        var streams = new GuestSession.Streams(
                raw != null ? out : new BufferedOutputStream(out), new BufferedOutputStream(err), log, input, mayWait);
        made[0] = new GuestSession(setup, streams, raw != null, () -> {
            progress.close();
            if (raw != null) { // not before, so that Ctrl-C ends a boot that takes too long
                raw.enter();
            }
        });
        long start = System.nanoTime();
        GuestSession.Result result = made[0].run(guest, limit);
        progress.close();
        tellStatistics(result.instructions(), System.nanoTime() - start, result.nanos());
        if (result.status() >= 0) {
            return result.status();
        }
        return switch (result.outcome().end()) {
            case TIME_LIMIT -> Main.TIME_LIMIT;
            case STOPPED -> 0;
            default ->
                complain("the guest " + tell(result.outcome())
                        + (result.ready() ? " before its command ended" : " before its command was started")
                        + (verbose ? "" : "; -v shows its console"));
        };
    }

    private static GuestInit.Copy copy(String text) {
        try {
            return GuestInit.Copy.parse(text);
        } catch (redoubt.image.ImageException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }

    // ---- both

    private static String tell(Machine.Outcome outcome) {
        String what = switch (outcome.end()) {
            case POWER_OFF -> "powered off";
            case RESET -> "reset the machine";
            case STOPPED -> "was stopped";
            case TIME_LIMIT -> "reached the time limit";
            case DEAD -> "halted for ever";
            case SHUTDOWN -> "crashed with a triple fault";
            case INTERNAL_ERROR -> "met what Redoubt cannot do:";
        };
        return outcome.detail().isEmpty() ? what : what + " (" + outcome.detail() + ")";
    }

    private void tellStatistics(long instructions, long hostNanos, long guestNanos) {
        if (statistics) {
            PrintWriter err = spec.commandLine().getErr();
            err.printf(
                    Locale.ROOT,
                    "redoubt: %d instructions in %.3f s, %.1f MIPS; guest's time %.3f s%n",
                    instructions,
                    hostNanos / 1e9,
                    instructions * 1e3 / Math.max(hostNanos, 1),
                    guestNanos / 1e9);
            err.flush();
        }
    }

    private int complain(String message) {
        return Main.complain(spec.commandLine().getErr(), message, Main.FAILED);
    }

    private static OutputStream open(String option, String where, FileDescriptor tty) {
        if (where.equals(TTY)) {
            return new BufferedOutputStream(new Unclosed(new FileOutputStream(tty)));
        }
        if (where.equals(NULL) || where.equals("off")) {
            return OutputStream.nullOutputStream();
        }
        if (where.startsWith(FILE) && where.length() > FILE.length()) {
            try {
                return new BufferedOutputStream(Files.newOutputStream(Path.of(where.substring(FILE.length()))));
            } catch (IOException e) {
                throw new BootException(option + " " + where + ": cannot be written: " + e, e);
            }
        }
        throw new UsageException(option + " " + where + ": unknown; tty, null or file=PATH is possible");
    }

    private static void put(OutputStream out, int octet) {
        try {
            out.write(octet);
            // A prompt has no newline; whatever is at the end of it must be seen.
            if (octet == '\n' || octet == ' ') {
                out.flush();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Standard output or error: not ours to close. */
    private static final class Unclosed extends java.io.FilterOutputStream {
        Unclosed(OutputStream out) {
            super(out);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            out.write(bytes, offset, length);
        }

        @Override
        public void close() throws IOException {
            flush();
        }
    }

    /** One line on the terminal that tells what takes so long, and is gone when it is over. */
    private static final class ProgressLine implements redoubt.image.Progress, AutoCloseable {
        private final PrintWriter err;
        private final boolean shown;
        private boolean dirty;

        ProgressLine(PrintWriter err, boolean shown) {
            this.err = err;
            this.shown = shown && !"dumb".equals(System.getenv("TERM"));
        }

        void say(String what) {
            if (shown) {
                err.print("\r\033[Kredoubt: " + what + " ...");
                err.flush();
                dirty = true;
            }
        }

        @Override
        public void report(String what, long done, long total) {
            say(total > 0 ? what + " " + done * 100 / total + "%" : what);
        }

        @Override
        public void close() {
            if (dirty) {
                err.print("\r\033[K");
                err.flush();
                dirty = false;
            }
        }
    }
}
