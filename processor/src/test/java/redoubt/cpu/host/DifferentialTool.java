package redoubt.cpu.host;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import redoubt.x86.Feature;

/** The differential run for whoever is outside this package: the module bench. */
public final class DifferentialTool {
    /**
     * What a run found.
     *
     * @param reports of unexplained differences, the first few of each row
     */
    public record Result(long compared, long unexplained, long nanos, String summary, List<String> reports) {}

    private DifferentialTool() {}

    /**
     * Compares {@code count} random instances.
     *
     * @throws IllegalStateException if this host's processor is none to compare with; the message says why
     */
    public static Result run(long seed, long count) {
        Optional<HostCpu> opened = HostCpu.open();
        if (opened.isEmpty()) {
            throw new IllegalStateException(HostCpu.skipReason());
        }
        Set<Feature> features = HostFeatures.present();
        RandomInstances instances = new RandomInstances(seed, features, _ -> true);
        try (HostCpu host = opened.get()) {
            DifferentialRun run =
                    new DifferentialRun(host, new InterpreterSubject(features), instances, AcceptedDifferences.read());
            long start = System.nanoTime();
            run.run(0, count);
            return new Result(
                    run.compared(), run.unexplained(), System.nanoTime() - start, run.summary(), run.reports());
        }
    }
}
