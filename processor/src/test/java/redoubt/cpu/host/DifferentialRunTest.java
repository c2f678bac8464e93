package redoubt.cpu.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The comparison itself: the host against itself must agree, and a subject with a known error must be found out. */
class DifferentialRunTest {
    private static final int COUNT = 20_000;

    @Test
    void theHostAgreesWithItselfOnEveryInstance() {
        DifferentialRun run = run(false, "");
        assertThat(run.reports()).isEmpty();
        assertThat(run.compared()).isGreaterThan(COUNT * 9 / 10);
        assertThat(run.exceptions()).isBetween((long) COUNT / 20, (long) COUNT * 2 / 3);
    }

    @Test
    void aWrongRegisterIsReportedWithBytesInputsAndSeed() {
        DifferentialRun run = run(true, "");
        assertThat(run.unexplained()).isPositive();
        assertThat(run.reports().getFirst())
                .contains("XADD [0F.C1]: ", "-Dredoubt.diff.seed=5 -Dredoubt.diff.case=", "r15: host ", "rflags=");
        assertThat(run.summary()).contains("unexplained " + run.unexplained() + " x XADD [0F.C1]");
    }

    @Test
    void anAcceptedDifferenceIsCountedWithItsReason() {
        DifferentialRun run = run(true, "XADD ; r1[45] ; a test of the list\n");
        assertThat(run.unexplained()).isZero();
        assertThat(run.summary()).containsPattern("accepted \\d+ x XADD: a test of the list");
    }

    @Test
    void anEntryForOtherFieldsExplainsNothing() {
        DifferentialRun run = run(true, "XADD ; flags.* ; a test of the list\n");
        assertThat(run.unexplained()).isPositive();
        assertThat(run.summary()).doesNotContain("accepted");
    }

    /** Runs the host against itself, with R15 changed after every XADD that completes if {@code wrong}. */
    private static DifferentialRun run(boolean wrong, String list) {
        Optional<HostCpu> opened = HostCpu.open();
        assumeTrue(opened.isPresent(), HostCpu::skipReason);
        RandomInstances instances = new RandomInstances(
                5, HostFeatures.present(), row -> !wrong || row.toString().equals("XADD [0F.C1]"));
        try (HostCpu host = opened.get();
                HostCpu second = HostCpu.open().orElseThrow()) {
            HostSubject subject = new HostSubject(second, wrong);
            DifferentialRun run = new DifferentialRun(host, subject, instances, AcceptedDifferences.parse(list));
            run.run(0, wrong ? 500 : COUNT);
            return run;
        }
    }

    /** The host as subject. */
    private static final class HostSubject implements Subject {
        private final HostCpu host;
        private final boolean wrong;
        private final HostResult[] results = {new HostResult()};

        HostSubject(HostCpu host, boolean wrong) {
            this.host = host;
            this.wrong = wrong;
        }

        @Override
        public void run(Case of, CpuState last, Outcome outcome) {
            host.run(new Case[] {of}, results, 1);
            last.copyFrom(results[0].state);
            outcome.copyFrom(results[0].outcome);
            if (wrong && outcome.kind == Outcome.Kind.COMPLETED) {
                last.gpr[15] ^= 4;
            }
        }
    }
}
