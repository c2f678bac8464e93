package redoubt.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class HostProcessTest {
    @Test
    void statusOutputMarksAndProcessorTimeOfACommandAreTold() {
        HostProcess.Result result = HostProcess.run(
                List.of(
                        "sh",
                        "-c",
                        "echo first; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo last >&2; exit 3"),
                List.of("first", "last", "never"),
                60);
        assertThat(result.status()).isEqualTo(3);
        assertThat(result.lines()).containsExactly("first", "last");
        assertThat(result.seen()).containsOnlyKeys("first", "last");
        assertThat(result.seen().get("last"))
                .isGreaterThan(result.seen().get("first"))
                .isLessThanOrEqualTo(result.seconds());
        assertThat(result.cpuSeconds()).isBetween(0.01, result.seconds() * 1.5);
        assertThat(result.peakBytes()).isPositive();
    }

    @Test
    void commandThatRunsTooLongIsEndedAndToldOf() {
        assertThatThrownBy(() -> HostProcess.run(List.of("sleep", "30"), List.of(), 1))
                .isInstanceOf(BenchmarkException.class)
                .hasMessageContaining("still ran after 1 s");
    }

    @Test
    void missingCommandIsNamed() {
        assertThatThrownBy(() -> HostProcess.run(List.of("/nonexistent/emulator"), List.of(), 1))
                .isInstanceOf(BenchmarkException.class)
                .hasMessageContaining("/nonexistent/emulator");
    }
}
