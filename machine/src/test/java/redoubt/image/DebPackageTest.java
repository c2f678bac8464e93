package redoubt.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DebPackageTest {
    private static final byte[] CONTENT = "content".getBytes(StandardCharsets.UTF_8);

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"", ".gz", ".xz"})
    void oneFileIsReadOutOfEachCompression(String suffix) throws IOException {
        DebPackage deb = deb(new TestDeb().directory("./usr/").file("./usr/x", 0644, CONTENT), suffix);
        assertThat(deb.read("usr/x")).isEqualTo(CONTENT);
    }

    @Test
    void aFileThatIsNotThereIsNamed() throws IOException {
        DebPackage deb = deb(new TestDeb().file("./a", 0644, CONTENT), ".xz");
        assertThatThrownBy(() -> deb.read(List.of("a", "b")))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("has no b");
    }

    @Test
    void zstdIsRefusedInWords() throws IOException {
        DebPackage deb = deb(new TestDeb().file("./a", 0644, CONTENT), ".zst");
        assertThatThrownBy(() -> deb.read("a"))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("data.tar.zst is in a compression not read here");
    }

    @ParameterizedTest
    @ValueSource(strings = {"../evil", "./a/../../evil", "/etc/evil", "a/.."})
    void aNameThatLeavesThePackageIsRefused(String name) throws IOException {
        DebPackage deb = deb(new TestDeb().file("./good", 0644, CONTENT).file(name, 0644, CONTENT), ".gz");
        assertThatThrownBy(() -> deb.unpack(folder.resolve("out"), p -> true))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("unsafe name");
        assertThat(folder.resolve("evil")).doesNotExist();
    }

    @Test
    void nothingIsWrittenThroughASymbolicLink() throws IOException {
        Path outside = Files.createDirectory(folder.resolve("outside"));
        DebPackage deb =
                deb(new TestDeb().symlink("./link", outside.toString()).file("./link/evil", 0644, CONTENT), ".gz");
        assertThatThrownBy(() -> deb.unpack(folder.resolve("out"), p -> true))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("below the symbolic link link");
        assertThat(outside).isEmptyDirectory();
    }

    @Test
    void aFileReplacesALinkInsteadOfFollowingIt() throws IOException {
        Path outside = Files.writeString(folder.resolve("outside"), "before");
        DebPackage deb = deb(new TestDeb().symlink("./x", outside.toString()).file("./x", 0644, CONTENT), ".gz");
        deb.unpack(folder.resolve("out"), p -> true);
        assertThat(outside).hasContent("before");
        assertThat(folder.resolve("out/x")).hasBinaryContent(CONTENT);
    }

    @Test
    void unpackingKeepsModesLinksAndHardLinks() throws IOException {
        DebPackage deb = deb(
                new TestDeb()
                        .directory("./d/")
                        .file("./d/run", 0750, CONTENT)
                        .symlink("./d/soft", "run")
                        .hardlink("./d/hard", "./d/run"),
                ".xz");
        deb.unpack(folder.resolve("out"), p -> true);
        Path run = folder.resolve("out/d/run");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(run)))
                .isEqualTo("rwxr-x---");
        assertThat(Files.readSymbolicLink(folder.resolve("out/d/soft"))).hasToString("run");
        assertThat(Files.isSameFile(run, folder.resolve("out/d/hard"))).isTrue();
    }

    @Test
    void everyTruncationIsAClearError() throws IOException {
        byte[] random = new byte[5000];
        new Random(1).nextBytes(random);
        byte[] whole = new TestDeb().file("./x", 0644, random).toByteArray(".xz");
        for (int length = 0; length < whole.length - 200; length += 97) {
            Path cut = Files.write(folder.resolve("cut.deb"), Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> DebPackage.of(cut).read("x"))
                    .as("%d bytes", length)
                    .isInstanceOf(ImageException.class)
                    .hasMessageContaining("cut.deb");
        }
    }

    @Test
    void damageNeverEscapesAsAnotherException() throws IOException {
        byte[] whole =
                new TestDeb().directory("./d/").file("./d/x", 0644, CONTENT).toByteArray("");
        long seed = 20260101;
        Random random = new Random(seed);
        for (int i = 0; i < 2000; i++) {
            byte[] bytes = whole.clone();
            for (int n = 0; n < 3; n++) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            Path damaged = Files.write(folder.resolve("damaged.deb"), bytes);
            try {
                DebPackage.of(damaged).forEach((entry, content) -> true);
            } catch (ImageException e) {
                assertThat(e).as("seed %d, round %d", seed, i).hasMessageContaining("damaged.deb");
            }
        }
    }

    private DebPackage deb(TestDeb deb, String suffix) throws IOException {
        return DebPackage.of(Files.write(folder.resolve("test.deb"), deb.toByteArray(suffix)));
    }
}
