package redoubt.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ValuesTest {
    @ParameterizedTest
    @CsvSource({"4096,4096", "8K,8192", "64M,67108864", "1G,1073741824", "2GiB,2147483648", "1t,1099511627776", "0,0"})
    void sizesHaveBinarySuffixes(String text, long bytes) {
        assertThat(Values.size("--x", text, text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @CsvSource({
        "5,5000000000",
        "5s,5000000000",
        "250ms,250000000",
        "1.5s,1500000000",
        "2m,120000000000",
        "1h,3600000000000"
    })
    void durationsAreSecondsUnlessSaid(String text, long nanos) {
        assertThat(Values.nanos("--x", text)).isEqualTo(nanos);
    }

    @ParameterizedTest
    @CsvSource({"4096,4K", "1048576,1M", "0,0", "5000,5000", "8192,8K"})
    void sizesArePrintedAsTyped(long bytes, String text) {
        assertThat(Values.sizeText(bytes)).isEqualTo(text);
    }

    @Test
    void aSizeThatOverflowsIsRefused() {
        assertThatThrownBy(() -> Values.size("--x", "99999999999G", "99999999999G"))
                .isInstanceOf(UsageException.class);
    }
}
