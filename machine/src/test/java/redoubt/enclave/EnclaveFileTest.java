package redoubt.enclave;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import redoubt.sgx.Sigstruct;

/**
 * Enclave files. An SGXS stream is its own oracle: MRENCLAVE is the SHA-256 of its measured records. Real signed enclaves,
 * named by {@code -Dredoubt.enclaves=FOLDER}, are theirs: ENCLAVEHASH is what the signer's loader measured.
 */
class EnclaveFileTest {
    /** Records of an SGXS stream, and apart from it what is hashed. */
    private static final class Stream64 {
        final ByteArrayOutputStream file = new ByteArrayOutputStream();
        final ByteArrayOutputStream hashed = new ByteArrayOutputStream();

        Stream64 record(String tag, long a, long b, boolean measured) {
            ByteBuffer record = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
            record.put((tag + "\0".repeat(8 - tag.length())).getBytes(StandardCharsets.ISO_8859_1));
            if (tag.equals("ECREATE")) {
                record.putInt((int) a).putLong(b);
            } else {
                record.putLong(a).putLong(b);
            }
            return bytes(record.array(), measured);
        }

        Stream64 bytes(byte[] bytes, boolean measured) {
            file.writeBytes(bytes);
            if (measured) {
                hashed.writeBytes(bytes);
            }
            return this;
        }

        Stream64 chunk(long offset, int value, boolean measured) {
            byte[] data = new byte[256];
            Arrays.fill(data, (byte) value);
            return record(measured ? "EEXTEND" : "UNMEASRD", offset, 0, measured)
                    .bytes(data, measured);
        }
    }

    private static EnclaveFile first(byte[] file) {
        return EnclaveFile.read("enclave", file).getFirst();
    }

    private static EnclaveLayout layout(EnclaveFile enclave) {
        return Objects.requireNonNull(enclave.layout(), "the file has pages");
    }

    private static Stream64 stream() {
        return new Stream64()
                .record("ECREATE", 1, 0x8000, true)
                .record("EADD", 0x1000, 0x203, true)
                .chunk(0x1000, 7, true)
                .chunk(0x1200, 9, true)
                .chunk(0x1300, 11, false)
                .record("EADD", 0x3000, 0x100, true);
    }

    @Test
    void mrenclaveOfAnSgxsStreamIsTheHashOfItsMeasuredRecords() throws NoSuchAlgorithmException {
        Stream64 stream = stream();

        EnclaveLayout layout = layout(first(stream.file.toByteArray()));

        assertThat(layout.mrenclave())
                .isEqualTo(MessageDigest.getInstance("SHA-256").digest(stream.hashed.toByteArray()));
        assertThat(layout.pages()).isEqualTo(2);
        assertThat(layout.runs().getFirst().measured()).isEqualTo(0b101);
        assertThat(layout.runs().getFirst().content()[0x300]).isEqualTo((byte) 11);
    }

    @Test
    void sgxsStreamOutOfOrderIsRefused() {
        byte[] file = stream().chunk(0x1400, 1, true).file.toByteArray();

        assertThatThrownBy(() -> first(file))
                .isInstanceOf(EnclaveFileException.class)
                .hasMessageContaining("not a canonical SGXS stream: data for 0x1400");
    }

    @Test
    void pageAddedTwiceIsRefused() {
        byte[] file = stream().record("EADD", 0x1000, 0x203, true).file.toByteArray();

        assertThatThrownBy(() -> first(file))
                .isInstanceOf(EnclaveFileException.class)
                .hasMessageContaining("the page at 0x1000 is added twice");
    }

    @Test
    void fileOfNoKnownFormatIsNamedWithWhatWouldBeRight() {
        assertThatThrownBy(() -> first(new byte[100]))
                .isInstanceOf(EnclaveFileException.class)
                .hasMessage("enclave: not an enclave file; an ELF file signed by Intel's SDK or Open Enclave, an SGXS"
                        + " stream, or a SIGSTRUCT of 1808 bytes is needed");
    }

    @Test
    void sigstructAloneHasNoLayout() {
        EnclaveFile enclave = first(new byte[Sigstruct.SIZE]);

        assertThat(enclave.format()).isEqualTo(EnclaveFile.Format.SIGSTRUCT);
        assertThat(enclave.layout()).isNull();
        assertThat(enclave.sigstruct()).isNotNull();
    }

    @Test
    void sdkEnclaveIsLaidOutSegmentsFirstThenTheTableWithItsGroups() {
        EnclaveFile enclave = first(SdkFile.bytes());

        assertThat(enclave.format()).isEqualTo(EnclaveFile.Format.SDK);
        assertThat(enclave.variant()).isEqualTo("metadata 1.4");
        EnclaveLayout layout = layout(enclave);
        assertThat(layout.sizeBytes()).isEqualTo(0x40000);
        assertThat(layout.xfrm()).isEqualTo(7);
        assertThat(layout.runs())
                .extracting(r -> String.format(
                        "%x+%d %x %s", r.offset(), r.pages(), r.secinfoFlags(), r.measured() == PageRun.ALL))
                .containsExactly(
                        "0+1 205 true", // text, from the file
                        "2000+1 203 true", // data, its first page
                        "3000+2 203 true", // and its zeros
                        "8000+2 203 false", // heap, not measured
                        "10000+1 100 true", // TCS
                        "11000+1 203 true", // filled page
                        "14000+1 100 true", // the group again, one step on
                        "15000+1 203 true");
        byte[] secondTcs = layout.runs().get(6).content();
        assertThat(ByteBuffer.wrap(secondTcs).order(ByteOrder.LITTLE_ENDIAN).getLong(16))
                .as("OSSA moved by the page's own offset")
                .isEqualTo(0x14000 + 0x1000);
        assertThat(layout.runs().get(5).content()).startsWith(0xCC, 0xCC, 0xCC, 0xCC);
        assertThat(layout.runs().getFirst().content()[SdkFile.PATCHED])
                .as("a byte that the patch list changes")
                .isEqualTo((byte) 0x5A);
    }

    @Test
    void damagedFileIsRefusedAndNothingElseIsThrown() {
        byte[] whole = SdkFile.bytes();
        Random random = new Random(4);
        for (int i = 0; i < 4000; i++) {
            byte[] damaged = i < 1000 ? Arrays.copyOf(whole, whole.length * i / 1000) : whole.clone();
            for (int flips = 0; i >= 1000 && flips < 3; flips++) {
                int at = random.nextBoolean() ? SdkFile.METADATA + random.nextInt(2200) : random.nextInt(whole.length);
                damaged[Math.min(at, whole.length - 1)] = (byte) random.nextInt();
            }
            try {
                EnclaveFile.read("damaged", damaged);
            } catch (EnclaveFileException e) {
                assertThat(e).hasMessageStartingWith("damaged");
            }
        }
    }

    @Test
    void realSignedEnclavesMeasureAsTheirSignersMeasuredThem() throws IOException {
        String folder = System.getProperty("redoubt.enclaves");
        assumeTrue(folder != null, "skipped: -Dredoubt.enclaves names no folder with real signed enclaves");
        List<Path> files;
        try (Stream<Path> list = Files.list(Path.of(folder))) {
            files = list.filter(Files::isRegularFile).sorted().toList();
        }
        int compared = 0;
        for (Path file : files) {
            for (EnclaveFile enclave : EnclaveFile.read(file.toString(), Files.readAllBytes(file))) {
                Sigstruct sigstruct = enclave.sigstruct();
                EnclaveLayout layout = enclave.layout();
                if (sigstruct != null && layout != null) {
                    assertThat(layout.mrenclave())
                            .as(file + " " + enclave.variant())
                            .isEqualTo(sigstruct.enclaveHash());
                    compared++;
                }
            }
        }
        assertThat(compared).isPositive();
    }
}
