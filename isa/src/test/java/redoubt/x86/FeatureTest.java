package redoubt.x86;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The feature table against itself, and some rows against SDM vol. 2A, CPUID. */
class FeatureTest {
    @Test
    void everyBitAndEveryFlagBelongsToOneFeature() {
        List<CpuidBit> bits =
                Arrays.stream(Feature.values()).flatMap(f -> f.bits().stream()).toList();
        List<String> flags =
                Arrays.stream(Feature.values()).flatMap(f -> f.flag().stream()).toList();
        assertThat(bits).doesNotHaveDuplicates().hasSizeGreaterThan(Feature.values().length);
        assertThat(flags).doesNotHaveDuplicates().hasSize(Feature.values().length - 1);
    }

    @Test
    void flagIsFoundWithHyphensOrUnderscores() {
        assertThat(Feature.ofFlag("sgx-aex-notify")).contains(Feature.SGX_AEX_NOTIFY);
        assertThat(Feature.ofFlag("lahf_lm")).contains(Feature.LAHF);
        assertThat(Feature.ofFlag("sgx3")).isEmpty();
        assertThat(Feature.BASE.flag()).isEmpty();
    }

    @Test
    void linuxNameIsTheKernelsOwn() {
        assertThat(Feature.SSE3.linuxName()).contains("pni");
        assertThat(Feature.SSE4_1.linuxName()).contains("sse4_1");
        assertThat(Feature.SGX_LC.linuxName()).contains("sgx_lc");
        assertThat(Feature.SGX2.linuxName()).isEmpty();
    }

    @Test
    void closingASetDropsWhatHangsInTheAir() {
        Set<Feature> all = EnumSet.allOf(Feature.class);
        assertThat(Feature.closed(all)).isEqualTo(all);
        all.remove(Feature.XSAVE);
        assertThat(Feature.closed(all))
                .doesNotContain(Feature.XSAVES, Feature.AVX, Feature.AVX2, Feature.PKU)
                .contains(Feature.BASE, Feature.SSE4_2, Feature.SGX2);
        assertThat(Feature.closed(Set.of(Feature.SGX, Feature.SGX2, Feature.SGX_AEX_NOTIFY)))
                .containsExactlyInAnyOrder(Feature.BASE, Feature.SGX);
    }
}
