package redoubt.cpu.host;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import redoubt.x86.Row;

/** Runs instances on the host and on a subject and collects where they part. */
final class DifferentialRun {
    /** Reports kept of each row: more of the same says nothing new. */
    private static final int KEPT_PER_ROW = 2;

    private final HostCpu host;
    private final Subject subject;
    private final RandomInstances instances;
    private final AcceptedDifferences accepted;

    private final Case[] cases = new Case[HostCpu.BATCH];
    private final HostResult[] results = new HostResult[HostCpu.BATCH];
    private final Row[] rows = new Row[HostCpu.BATCH];
    private final CpuState ours = new CpuState();
    private final Outcome outcome = new Outcome();

    private long compared;
    private long completed;
    private long exceptions;
    private long notRun;
    private long unimplemented;
    private long unexplained;
    private final List<String> reports = new ArrayList<>();
    private final Map<String, Integer> unexplainedByRow = new TreeMap<>();
    private final Map<String, Integer> acceptedByReason = new TreeMap<>();
    private final Map<String, Integer> unimplementedByRow = new TreeMap<>();

    DifferentialRun(HostCpu host, Subject subject, RandomInstances instances, AcceptedDifferences accepted) {
        this.host = host;
        this.subject = subject;
        this.instances = instances;
        this.accepted = accepted;
        Arrays.setAll(cases, i -> new Case());
        Arrays.setAll(results, i -> new HostResult());
    }

    /** Runs instances {@code first} to {@code first + count - 1}. */
    void run(long first, long count) {
        for (long done = 0; done < count; done += HostCpu.BATCH) {
            int batch = (int) Math.min(HostCpu.BATCH, count - done);
            for (int i = 0; i < batch; i++) {
                rows[i] = instances.fill(cases[i], first + done + i);
            }
            host.run(cases, results, batch);
            for (int i = 0; i < batch; i++) {
                compare(rows[i], cases[i], results[i]);
            }
        }
    }

    private void compare(Row row, Case one, HostResult result) {
        switch (result.outcome.kind) {
            case COMPLETED -> completed++;
            case EXCEPTION -> exceptions++;
            default -> {
                notRun++;
                return;
            }
        }
        subject.run(one, ours, outcome);
        if (outcome.kind == Outcome.Kind.UNIMPLEMENTED) {
            unimplemented++;
            unimplementedByRow.merge(row.toString(), 1, Integer::sum);
            return;
        }
        compared++;
        Difference difference = Difference.between(one, result, ours, outcome);
        if (difference == null) {
            return;
        }
        Optional<String> reason = accepted.explanation(row.mnemonic, difference);
        if (reason.isPresent()) {
            acceptedByReason.merge(row.mnemonic + ": " + reason.get(), 1, Integer::sum);
            return;
        }
        unexplained++;
        if (unexplainedByRow.merge(row.toString(), 1, Integer::sum) <= KEPT_PER_ROW) {
            reports.add(difference.describe());
        }
    }

    long compared() {
        return compared;
    }

    long unexplained() {
        return unexplained;
    }

    /** Cases that ended on the host by an exception. */
    long exceptions() {
        return exceptions;
    }

    /** Reports of unexplained differences, the first few of each row. */
    List<String> reports() {
        return reports;
    }

    /** What was run, what the list of accepted differences explained, what our processor does not implement. */
    String summary() {
        StringBuilder out = new StringBuilder();
        out.append(String.format(
                Locale.ROOT,
                "%d compared of %d rows (host: %d completed, %d raised exceptions, %d not run); %d not implemented here;"
                        + " %d differ without explanation%n",
                compared,
                instances.rows().size(),
                completed,
                exceptions,
                notRun,
                unimplemented,
                unexplained));
        acceptedByReason.forEach((reason, n) ->
                out.append("  accepted ").append(n).append(" x ").append(reason).append('\n'));
        unimplementedByRow.forEach((row, n) -> out.append("  not implemented ")
                .append(n)
                .append(" x ")
                .append(row)
                .append('\n'));
        unexplainedByRow.forEach((row, n) ->
                out.append("  unexplained ").append(n).append(" x ").append(row).append('\n'));
        return out.toString();
    }
}
