package redoubt.bench;

import java.lang.management.ManagementFactory;
import java.util.List;
import redoubt.sgx.SgxCosts;

/** What enclaves cost: leaves beside the JDK's own cryptography, transitions, and code inside beside the same outside. */
final class SgxBenchmark {
    private SgxBenchmark() {}

    static Report run(int rounds) {
        List<Report.Figure> figures =
                SgxCosts.measure(rounds, ManagementFactory.getThreadMXBean()::getCurrentThreadCpuTime).stream()
                        .map(cost -> new Report.Figure(
                                cost.name(),
                                cost.unit(),
                                new Samples(cost.ours()),
                                cost.peer() == null ? null : new Samples(cost.peer())))
                        .toList();
        return new Report("sgx", "redoubt", "peer", figures, List.of());
    }
}
