package redoubt.bench;

import java.util.List;
import redoubt.cpu.host.DifferentialTool;

/** Random instances of every instruction on Redoubt's interpreter and on the host's processor: how fast, and what differs. */
final class DiffBenchmark {
    private DiffBenchmark() {}

    /** Compares {@code count} instances drawn from {@code seed}; differences stand in the report's notes. */
    static Report run(long count, long seed) {
        DifferentialTool.Result result;
        try {
            result = DifferentialTool.run(seed, count);
        } catch (IllegalStateException e) {
            throw new BenchmarkException(String.valueOf(e.getMessage()), e);
        }
        return new Report(
                "diff",
                "redoubt against the host",
                null,
                List.of(
                        new Report.Figure("instances compared", "", new Samples(result.compared()), null),
                        new Report.Figure("unexplained differences", "", new Samples(result.unexplained()), null),
                        new Report.Figure(
                                "instances", "1/s", new Samples(result.compared() * 1e9 / result.nanos()), null)),
                (result.summary() + String.join("\n", result.reports())).lines().toList());
    }
}
