package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class SigstructVerifierTest {
    private static final HexFormat HEX = HexFormat.of();

    static List<Vectors.Signed> signed() {
        return Vectors.signed();
    }

    @Test
    void thereAreElevenPublishedSigstructs() {
        assertThat(signed()).hasSize(11);
    }

    @ParameterizedTest
    @MethodSource("signed")
    void aPublishedSigstructVerifies(Vectors.Signed vector) {
        byte[] s = vector.bytes();
        assertThat(SigstructVerifier.wellFormed(s)).isTrue();
        assertThat(SigstructVerifier.signatureValid(s)).isTrue();
        assertThat(HEX.formatHex(SigstructVerifier.mrsigner(s))).isEqualTo(vector.mrsigner());
        assertThat(HEX.formatHex(SigstructVerifier.enclaveHash(s))).isEqualTo(vector.mrenclave());
        assertThat(Bytes.get16(s, Sigstruct.ISVPRODID)).isEqualTo(vector.isvProdId());
        assertThat(Bytes.get16(s, Sigstruct.ISVSVN)).isEqualTo(vector.isvSvn());
    }

    @ParameterizedTest
    @MethodSource("signed")
    void oneFlippedBitInASignedByteIsRefused(Vectors.Signed vector) {
        byte[] s = vector.bytes();
        for (int i = 0; i < Sigstruct.SIZE; i++) {
            boolean signed = i < 128 || i >= 900 && i < 1028;
            if (!signed && i % 16 != 3) {
                continue; // of modulus, signature, Q1 and Q2 a sample is enough
            }
            s[i] ^= (byte) (1 << i % 8);
            assertThat(SigstructVerifier.wellFormed(s) && SigstructVerifier.signatureValid(s))
                    .as("byte %d flipped", i)
                    .isFalse();
            s[i] ^= (byte) (1 << i % 8);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 16, 24, 44, 512, 908, 992, 1028})
    void aWrongConstantOrReservedByteIsFoundBeforeTheSignature(int offset) {
        byte[] s = signed().getFirst().bytes();
        s[offset] ^= (byte) 0x40;
        assertThat(SigstructVerifier.wellFormed(s)).isFalse();
    }

    @Test
    void theLaunchEnclaveSignerIsTheResetValueOfTheHashRegisters() {
        byte[] signer = SigstructVerifier.mrsigner(Vectors.resource("intel-le-prod-2018c.sigstruct"));
        assertThat(Bytes.get64(signer, 0)).isEqualTo(0xa6053e051270b7acL);
        assertThat(Bytes.get64(signer, 24)).isEqualTo(0xd4f8c05909f9bb3bL);
    }
}
