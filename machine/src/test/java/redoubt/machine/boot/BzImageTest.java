package redoubt.machine.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorOutputStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.LZMAOutputStream;
import org.tukaani.xz.XZOutputStream;

/** Oracle: the packers of other people's libraries, and the real Debian kernel if redoubt.test.kernel names it. */
class BzImageTest {
    private static final byte[] VMLINUX = BootFiles.vmlinux();

    private static void unpacksToVmlinux(byte[] image) {
        ElfFile kernel = BzImage.readKernel("vmlinuz", image);
        assertThat(kernel.entry()).isEqualTo(BootFiles.SEGMENT_AT);
        assertThat(kernel.contents(kernel.segments().getFirst()).toArray(ValueLayout.JAVA_BYTE))
                .isEqualTo(Arrays.copyOfRange(VMLINUX, 0x1000, 0x2000));
    }

    @FunctionalInterface
    private interface Packer {
        OutputStream open(OutputStream out) throws Exception;
    }

    private static byte[] pack(Packer packer) throws Exception {
        var bytes = new ByteArrayOutputStream();
        try (OutputStream out = packer.open(bytes)) {
            out.write(VMLINUX);
        }
        return bytes.toByteArray();
    }

    @Test
    void takesAVmlinuxAsItIs() {
        unpacksToVmlinux(VMLINUX);
    }

    @Test
    void unpacksLz4InOneAndInSeveralBlocks() {
        unpacksToVmlinux(BootFiles.bzImage(BootFiles.withSize(BootFiles.lz4(VMLINUX, 8 << 20), VMLINUX.length)));
        unpacksToVmlinux(BootFiles.bzImage(BootFiles.withSize(BootFiles.lz4(VMLINUX, 1000), VMLINUX.length)));
    }

    @Test
    void unpacksGzipWhoseTrailerIsTheSize() throws Exception {
        unpacksToVmlinux(BootFiles.bzImage(pack(GZIPOutputStream::new)));
    }

    @Test
    void unpacksXzLzmaAndBzip2() throws Exception {
        int size = VMLINUX.length;
        unpacksToVmlinux(
                BootFiles.bzImage(BootFiles.withSize(pack(out -> new XZOutputStream(out, new LZMA2Options())), size)));
        unpacksToVmlinux(BootFiles.bzImage(
                BootFiles.withSize(pack(out -> new LZMAOutputStream(out, new LZMA2Options(), -1)), size)));
        unpacksToVmlinux(BootFiles.bzImage(BootFiles.withSize(pack(BZip2CompressorOutputStream::new), size)));
    }

    @Test
    void zstdIsNamedAndSaysWhatToGiveInstead() {
        byte[] payload = BootFiles.withSize(new byte[] {0x28, (byte) 0xB5, 0x2F, (byte) 0xFD, 0, 0, 0, 0}, 100);
        assertThatThrownBy(() -> BzImage.readKernel("vmlinuz", BootFiles.bzImage(payload)))
                .isInstanceOf(BootException.class)
                .hasMessageContaining("zstd")
                .hasMessageContaining("vmlinux");
    }

    @Test
    void aTextFileIsNotAKernel() {
        assertThatThrownBy(() -> BzImage.readKernel("notes.txt", new byte[5000]))
                .isInstanceOf(BootException.class)
                .hasMessage("notes.txt: not a Linux kernel (5000 bytes, neither a bzImage nor an ELF file)");
    }

    @Test
    void aMissingFileIsNamed() {
        assertThatThrownBy(() -> BzImage.readKernel(Path.of("no", "such")))
                .isInstanceOf(BootException.class)
                .hasMessage("no/such: no such kernel file");
    }

    @Test
    void aTruncatedImageSaysWhereItShouldEnd() {
        byte[] image = BootFiles.bzImage(BootFiles.withSize(BootFiles.lz4(VMLINUX, 8 << 20), VMLINUX.length));
        byte[] cut = Arrays.copyOf(image, image.length - 100);
        assertThatThrownBy(() -> BzImage.readKernel("vmlinuz", cut))
                .isInstanceOf(BootException.class)
                .hasMessage("vmlinuz: truncated: the header says the packed kernel ends at byte " + image.length
                        + ", the file has " + cut.length);
    }

    @Test
    void aSizeFieldOfGigabytesIsRefusedBeforeMemoryIsTaken() {
        byte[] image = BootFiles.bzImage(BootFiles.withSize(BootFiles.lz4(VMLINUX, 8 << 20), -1));
        assertThatThrownBy(() -> BzImage.readKernel("vmlinuz", image))
                .isInstanceOf(BootException.class)
                .hasMessageContaining("4294967295");
    }

    @Test
    void anyDamageIsABootExceptionOrAKernel() throws Exception {
        byte[][] images = {
            VMLINUX,
            BootFiles.bzImage(BootFiles.withSize(BootFiles.lz4(VMLINUX, 3000), VMLINUX.length)),
            BootFiles.bzImage(pack(GZIPOutputStream::new)),
            BootFiles.bzImage(
                    BootFiles.withSize(pack(out -> new XZOutputStream(out, new LZMA2Options())), VMLINUX.length)),
            BootFiles.bzImage(BootFiles.withSize(pack(BZip2CompressorOutputStream::new), VMLINUX.length)),
        };
        long seed = Long.getLong("redoubt.test.seed", 1);
        var random = new Random(seed);
        int refused = 0;
        for (int round = 0; round < 3000; round++) {
            byte[] image = images[round % images.length].clone();
            for (int i = 0; i <= random.nextInt(4); i++) {
                int at = random.nextBoolean()
                        ? random.nextInt(image.length)
                        : random.nextInt(Math.min(image.length, 700));
                image[at] = (byte) random.nextInt();
            }
            byte[] cut = random.nextInt(4) == 0 ? Arrays.copyOf(image, random.nextInt(image.length)) : image;
            try {
                ElfFile kernel = BzImage.readKernel("fuzz", cut);
                kernel.notes();
                kernel.sections();
                kernel.symbols();
            } catch (BootException e) {
                refused++;
            } catch (RuntimeException e) {
                throw new AssertionError("seed " + seed + " round " + round, e);
            }
        }
        assertThat(refused).isGreaterThan(500);
    }

    @Test
    void theDebianKernelUnpacksWithItsPvhEntry() {
        String path = System.getProperty("redoubt.test.kernel");
        Assumptions.assumeTrue(path != null, "redoubt.test.kernel does not name a kernel");
        ElfFile kernel = BzImage.readKernel(Path.of(path));
        assertThat(kernel.entry()).isEqualTo(0x100_0000L);
        assertThat(kernel.segments())
                .filteredOn(s -> s.type() == ElfFile.PT_LOAD)
                .hasSize(4);
        assertThat(kernel.notes()).anyMatch(n -> n.name().equals("Xen") && n.type() == ElfFile.XEN_PHYS32_ENTRY);
    }
}
