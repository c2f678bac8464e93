package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class MeasurementTest {
    static List<Vectors.Case> cases() {
        return Vectors.cases();
    }

    @Test
    void thereAreEightVectors() {
        assertThat(cases()).hasSize(8);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void aSequenceOfLeavesGivesItsMrenclave(Vectors.Case vector) {
        Measurement measurement = new Measurement().ecreate(vector.ssaFrameSize(), vector.size());
        for (Vectors.Step step : vector.steps()) {
            if (step.content() == null) {
                measurement.eadd(step.offset(), step.flags());
            } else {
                measurement.eextend(step.offset(), step.content(), (int) step.offset() & 4095);
            }
        }
        assertThat(measurement.blocks()).isEqualTo(vector.blocks());
        assertThat(HexFormat.of().formatHex(measurement.digest())).isEqualTo(vector.mrenclave());
    }

    @Test
    void aThreadControlStructureIsMeasuredWithoutPermissions() {
        byte[] plain = new Measurement().ecreate(1, 8192).eadd(0, 0x100).digest();
        byte[] withPermissions =
                new Measurement().ecreate(1, 8192).eadd(0, 0x107).digest();
        assertThat(withPermissions).isEqualTo(plain);
        assertThat(new Measurement().ecreate(1, 8192).eadd(0, 0x200).digest())
                .isNotEqualTo(new Measurement().ecreate(1, 8192).eadd(0, 0x207).digest());
    }

    @Test
    void takingTheDigestDoesNotEndTheMeasurement() {
        Measurement measurement = new Measurement().ecreate(1, 8192);
        measurement.digest();
        assertThat(measurement.eadd(0, 0x100).digest())
                .isEqualTo(new Measurement().ecreate(1, 8192).eadd(0, 0x100).digest());
    }
}
