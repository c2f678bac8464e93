package redoubt.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class ReportTest {
    @Test
    void medianIsTheMiddleValueOrTheMeanOfTheMiddleTwo() {
        assertThat(new Samples(9, 1, 5).median()).isEqualTo(5);
        assertThat(new Samples(9, 1, 5, 6).median()).isEqualTo(5.5);
    }

    @Test
    void ratioIsOfTheMedians() {
        var figure = new Report.Figure("x", "s", new Samples(1, 4, 100), new Samples(2, 2, 50));
        assertThat(figure.ratio()).isEqualTo(2, within(0.0));
    }

    @Test
    void tableShowsBothSidesAndTheRatioAndLeavesOutAPeerThatIsMissing() {
        var compared = new Report.Figure("to init", "s", new Samples(3, 6, 9), new Samples(2));
        var alone = new Report.Figure("speed", "MIPS", new Samples(83.4), null);
        String table = new Report("boot", "redoubt", "qemu", List.of(compared, alone), List.of("a note")).table();
        assertThat(table.lines().toList())
                .satisfiesExactly(
                        l -> assertThat(l).isEqualTo("boot"),
                        l -> assertThat(l).contains("redoubt min/median/max", "qemu min/median/max", "ratio"),
                        l -> assertThat(l)
                                .matches("to init \\[s\\] +3\\.00 +6\\.00 +9\\.00 +2\\.00 +2\\.00 +2\\.00 +3\\.00"),
                        l -> assertThat(l).matches("speed \\[MIPS\\] +83\\.4 +83\\.4 +83\\.4"),
                        l -> assertThat(l).isEqualTo("  a note"));
    }

    @Test
    void jsonHasEveryRunAndNoPeerWhereThereIsNone() {
        var alone = new Report.Figure("speed", "MIPS", new Samples(80, 90), null);
        Map<String, Object> json = new Report("boot", "redoubt", null, List.of(alone), List.of()).json();
        assertThat(json).containsKeys("benchmark", "figures").doesNotContainKey("peer");
        assertThat(((List<?>) Objects.requireNonNull(json.get("figures")))
                        .getFirst()
                        .toString())
                .contains("min=80.0", "median=85.0", "max=90.0")
                .doesNotContain("ratio");
    }
}
