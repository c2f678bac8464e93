package redoubt.cli;

import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.Objects;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import redoubt.enclave.EnclaveFileException;
import redoubt.image.ImageException;
import redoubt.machine.boot.BootException;

/** The program: reads the command line, runs a command, and gives its exit status. */
@Command(
        name = "redoubt",
        description = "Virtual machines with Intel SGX, on machines that have none.",
        subcommands = {
            RunCommand.class,
            SgxCommand.class,
            DoctorCommand.class,
            VersionCommand.class,
            CommandLine.HelpCommand.class
        },
        mixinStandardHelpOptions = true,
        versionProvider = VersionCommand.class,
        synopsisSubcommandLabel = "COMMAND",
        footer = {
            "",
            "The launcher ./redoubt also knows:",
            "  test [--all]  Build and run the test suite.",
            "  bench [NAME]  Measure it beside QEMU and the JDK; bench --help tells more.",
            "",
            "Exit status:",
            "  0..123  of the command in the guest",
            "  124     the time limit of --timeout",
            "  125     Redoubt failed: no such kernel, no guest, the virtual machine crashed",
            "  126     the command is not runnable in the guest",
            "  127     the command was not found in the guest",
            "  128+n   the command was ended by signal n",
            "  2       bad usage"
        })
public final class Main {
    static final int FAILED = 125;
    static final int TIME_LIMIT = 124;

    /** Made by picocli. */
    Main() {}

    /** Runs the command line {@code arguments} and ends the process with its status. */
    public static void main(String[] arguments) {
        int status = run(
                arguments,
                new PrintWriter(System.out, true, System.out.charset()),
                new PrintWriter(System.err, true, System.err.charset()));
        System.out.flush();
        // Halts even if a thread still waits for the standard input.
        Runtime.getRuntime().exit(status);
    }

    /** Runs the command line {@code arguments}: errors are one line on {@code err}. */
    static int run(String[] arguments, PrintWriter out, PrintWriter err) {
        if (arguments.length == 0) {
            return complain(err, "no command given; try redoubt run, or redoubt --help", CommandLine.ExitCode.USAGE);
        }
        try {
            return execute(arguments, out, err);
        } catch (OutOfMemoryError e) {
            return complain(err, "not enough memory on this host: " + firstLine(e), FAILED);
        }
    }

    private static int execute(String[] arguments, PrintWriter out, PrintWriter err) {
        CommandLine commands = new CommandLine(new Main());
        // What follows the guest's command belongs to it.
        Objects.requireNonNull(commands.getSubcommands().get("run")).setStopAtPositional(true);
        return commands.setOut(out)
                .setErr(err)
                .setUsageHelpAutoWidth(true)
                .setParameterExceptionHandler((e, _) -> {
                    String help = e.getCommandLine().getCommandSpec().qualifiedName(" ") + " --help";
                    return complain(err, firstLine(e) + "; see " + help, CommandLine.ExitCode.USAGE);
                })
                .setExecutionExceptionHandler((e, _, _) -> failure(err, e))
                .execute(arguments);
    }

    private static int failure(PrintWriter err, Exception e) {
        return switch (e) {
            case UsageException _ -> complain(err, firstLine(e), CommandLine.ExitCode.USAGE);
            case BootException _, ImageException _, EnclaveFileException _ -> complain(err, firstLine(e), FAILED);
            case UncheckedIOException io ->
                complain(
                        err,
                        "input or output failed: " + firstLine(io.getCause() == null ? io : io.getCause()),
                        FAILED);
            default -> {
                StackTraceElement[] trace = e.getStackTrace();
                String where = trace.length > 0 ? " at " + trace[0] : "";
                yield complain(
                        err,
                        "a bug in Redoubt: " + e.toString().lines().findFirst().orElse("") + where,
                        FAILED);
            }
        };
    }

    static int complain(PrintWriter err, String message, int status) {
        err.println("redoubt: " + message);
        err.flush();
        return status;
    }

    private static String firstLine(Throwable e) {
        String message = e.getMessage();
        return message == null ? e.toString() : message.lines().findFirst().orElse(e.toString());
    }
}
