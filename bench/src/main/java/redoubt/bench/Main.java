package redoubt.bench;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import redoubt.image.ImageException;
import redoubt.machine.boot.BootException;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** {@code ./redoubt bench}: runs benchmarks and prints what they found. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Measure Redoubt beside a peer on this machine. Without NAME all are run.",
            "",
            "  boot  the default guest's kernel, from start to end, beside QEMU's TCG",
            "  diff  every instruction on random operands against this host's processor",
            "  sgx   leaves beside the JDK's cryptography, transitions, code inside beside outside"
        })
public final class Main implements Callable<Integer> {
    private static final List<String> NAMES = List.of("boot", "diff", "sgx");
    private static final int FAILED = 125;

    @Parameters(paramLabel = "NAME", arity = "0..*", description = "Which; all if none is given.")
    private List<String> names = List.of();

    @Option(
            names = "--runs",
            paramLabel = "N",
            defaultValue = "5",
            description = "boot, sgx: runs of each side (${DEFAULT-VALUE}).")
    private int runs = 5;

    @Option(
            names = "--memory",
            paramLabel = "MIB",
            defaultValue = "512",
            description = "boot: memory of the guest (${DEFAULT-VALUE}).")
    private int memory = 512;

    @Option(
            names = "--count",
            paramLabel = "N",
            defaultValue = "1000000",
            description = "diff: instances (${DEFAULT-VALUE}).")
    private long count = 1_000_000;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "1",
            description = "diff: seed of the instances (${DEFAULT-VALUE}).")
    private long seed = 1;

    @Option(
            names = "-o",
            paramLabel = "FORMAT",
            defaultValue = "table",
            description = "table or json (${DEFAULT-VALUE}).")
    private String format = "table";

    @Spec
    private CommandSpec spec;

    private final Path launcher;

    private Main(Path launcher) {
        this.launcher = launcher;
    }

    /** The first argument is the launcher's path, the others are the user's. */
    public static void main(String[] arguments) {
        List<String> all = List.of(arguments);
        PrintWriter err = new PrintWriter(System.err, true);
        int status = new CommandLine(new Main(Path.of(all.getFirst())))
                .setParameterExceptionHandler((e, _) ->
                        complain(err, e.getMessage() + "; see redoubt bench --help", CommandLine.ExitCode.USAGE))
                .setExecutionExceptionHandler((e, _, _) -> switch (e) {
                    case BenchmarkException _, BootException _, ImageException _ ->
                        complain(err, String.valueOf(e.getMessage()), FAILED);
                    default -> throw e;
                })
                .execute(all.subList(1, all.size()).toArray(String[]::new));
        System.exit(status);
    }

    private static int complain(PrintWriter err, String message, int status) {
        err.println("redoubt: " + message);
        return status;
    }

    @Override
    public Integer call() {
        for (String name : names) {
            if (!NAMES.contains(name)) {
                throw new CommandLine.ParameterException(
                        spec.commandLine(), "bench " + name + ": unknown; one of " + String.join(", ", NAMES));
            }
        }
        if (!format.equals("table") && !format.equals("json")) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "-o " + format + ": unknown; table or json is possible");
        }
        if (runs < 1 || count < 1) {
            throw new CommandLine.ParameterException(spec.commandLine(), "--runs and --count: 1 is the least");
        }
        PrintWriter out = new PrintWriter(System.out, true);
        List<Object> reports = new ArrayList<>();
        for (String name : names.isEmpty() ? NAMES : names) {
            Report report = run(name);
            if (format.equals("table")) {
                out.println(report.table());
            }
            reports.add(report.json());
        }
        if (format.equals("json")) {
            out.println(JsonMapper.builder()
                    .enable(SerializationFeature.INDENT_OUTPUT)
                    .build()
                    .writeValueAsString(reports));
        }
        return 0;
    }

    private Report run(String name) {
        return switch (name) {
            case "boot" -> BootBenchmark.run(launcher, runs, memory);
            case "sgx" -> SgxBenchmark.run(runs);
            case "diff" -> DiffBenchmark.run(count, seed);
            default -> throw new IllegalStateException(name);
        };
    }
}
