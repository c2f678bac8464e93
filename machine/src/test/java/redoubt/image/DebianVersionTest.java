package redoubt.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class DebianVersionTest {
    /** In rising order; checked with dpkg --compare-versions. */
    private static final List<String> RISING = List.of(
            "0~~",
            "0~~a",
            "0~",
            "0",
            "0a",
            "0+",
            "0.9",
            "1.0~beta1",
            "1.0",
            "1.0-1~deb12u1",
            "1.0-1",
            "1.0-1+b1",
            "1.0a",
            "1.0.1",
            "1.2",
            "1.10",
            "6.1.176-1",
            "6.1.192-2",
            "6.12.1-1",
            "1:0.1",
            "1:1.35.0-4",
            "1:1.35.0-4+b5",
            "1:1.35.0-4+deb12u1+b1",
            "10:0");

    @Test
    void versionsSortAsDpkgSortsThem() {
        for (int i = 0; i < RISING.size(); i++) {
            for (int j = 0; j < RISING.size(); j++) {
                assertThat(Integer.signum(DebianVersion.compare(RISING.get(i), RISING.get(j))))
                        .as("%s against %s", RISING.get(i), RISING.get(j))
                        .isEqualTo(Integer.compare(i, j));
            }
        }
    }

    @Test
    void leadingZerosAndAnAbsentEpochCountNothing() {
        assertThat(DebianVersion.compare("1.02-3", "0:1.2-03")).isZero();
    }
}
