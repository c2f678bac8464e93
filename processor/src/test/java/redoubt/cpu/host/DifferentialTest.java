package redoubt.cpu.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import redoubt.cpu.TestScale;
import redoubt.x86.Feature;
import redoubt.x86.Row;

/**
 * Our interpreter against the processor of this host, on random instances of every row of the instruction table. Oracle:
 * the host.
 *
 * <p>Properties: {@code redoubt.diff.count} instances, {@code redoubt.diff.seed}, {@code redoubt.diff.case} to run one
 * alone, {@code redoubt.diff.rows} a regular expression that the row's name must contain.
 */
class DifferentialTest {
    @Test
    void everyInstructionDoesWhatTheHostDoes() {
        Optional<HostCpu> opened = HostCpu.open();
        assumeTrue(opened.isPresent(), HostCpu::skipReason);
        long seed = Long.getLong("redoubt.diff.seed", 1);
        long only = Long.getLong("redoubt.diff.case", -1);
        long count = only >= 0 ? 1 : TestScale.count("redoubt.diff.count", 300_000, 5_000_000);
        Pattern wanted = Pattern.compile(System.getProperty("redoubt.diff.rows", ""));
        Predicate<Row> filter = row -> wanted.matcher(row.toString()).find();
        Set<Feature> features = HostFeatures.present();
        InterpreterSubject subject = new InterpreterSubject(features);
        RandomInstances instances = new RandomInstances(seed, features, filter);
        try (HostCpu host = opened.get()) {
            DifferentialRun run = new DifferentialRun(host, subject, instances, AcceptedDifferences.read());
            run.run(Math.max(only, 0), count);
            System.out.print(run.summary());
            assertThat(String.join("\n", run.reports())).isEmpty();
            assertThat(run.compared()).isGreaterThan(only >= 0 ? 0 : count / 2);
        }
    }
}
