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
            DifferentialRun run =
                    new DifferentialRun(host, subject, instances, AcceptedDifferences.parse(list), bytes -> "");
            run.run(0, wrong ? 500 : COUNT);
            return run;
        }
    }

    /** The host as subject. */
    private static final class HostSubject implements Subject {
        private final HostCpu host;
        private final boolean wrong;
        private final Case[] cases = {new Case()};
        private final HostResult[] results = {new HostResult()};

        HostSubject(HostCpu host, boolean wrong) {
            this.host = host;
            this.wrong = wrong;
        }

        @Override
        public void run(CpuState inOut, byte[] code, int length, Outcome outcome) {
            Case one = cases[0];
            one.initial.copyFrom(inOut);
            System.arraycopy(code, 0, one.code, 0, 16);
            one.length = length;
            one.singleStep = isBranchOrPopf(code, length);
            host.run(cases, results, 1);
            inOut.copyFrom(results[0].state);
            outcome.copyFrom(results[0].outcome);
            if (wrong && outcome.kind == Outcome.Kind.COMPLETED) {
                inOut.gpr[15] ^= 4;
            }
        }

        /** The subject's contract has no such flag: everything but a repeated string instruction and PUSHF steps alike. */
        private static boolean isBranchOrPopf(byte[] code, int length) {
            for (int i = 0; i < length; i++) {
                int b = code[i] & 0xFF;
                boolean prefix = b == 0x66
                        || b == 0x67
                        || b == 0x64
                        || b == 0x65
                        || b == 0xF0
                        || b == 0xF2
                        || b == 0xF3
                        || b >= 0x40 && b < 0x50
                        || b == 0x26
                        || b == 0x2E
                        || b == 0x36
                        || b == 0x3E;
                if (!prefix) {
                    return !(b == 0x9C || b >= 0xA4 && b <= 0xA7 || b >= 0xAA && b <= 0xAF || b >= 0x6C && b <= 0x6F);
                }
            }
            return true;
        }
    }
}
