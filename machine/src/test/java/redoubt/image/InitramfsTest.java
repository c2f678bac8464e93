package redoubt.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InitramfsTest {
    @TempDir
    Path folder;

    @Test
    void theCpioToolListsWhatWasPutIn() throws Exception {
        HostTools.require("cpio");
        byte[] cpio = new Initramfs()
                .file("usr/bin/run", 04755, bytes("abc"))
                .symlink("bin", "usr/bin")
                .directory("tmp", 01777)
                .characterDevice("dev/console", 0600, 5, 1)
                .toByteArray();
        Path file = Files.write(folder.resolve("x.cpio"), cpio);
        String list = new String(
                HostTools.run(file, List.of("cpio", "-itv", "--quiet", "--numeric-uid-gid")), StandardCharsets.UTF_8);
        assertThat(list.replaceAll(" +", " ").replaceAll("Jan 1 1970 ", "")).isEqualTo("""
                        lrwxrwxrwx 1 0 0 7 bin -> usr/bin
                        drwxr-xr-x 2 0 0 0 dev
                        crw------- 1 0 0 5, 1 dev/console
                        drwxrwxrwt 2 0 0 0 tmp
                        drwxr-xr-x 2 0 0 0 usr
                        drwxr-xr-x 2 0 0 0 usr/bin
                        -rwsr-xr-x 1 0 0 3 usr/bin/run
                        """);
    }

    @Test
    void theSameContentGivesTheSameBytesInWhateverOrder() {
        byte[] one =
                new Initramfs().file("a/b", 0644, bytes("1")).symlink("c", "a").toByteArray();
        byte[] other =
                new Initramfs().symlink("c", "a").file("a/b", 0644, bytes("1")).toByteArray();
        assertThat(one).isEqualTo(other).hasSize(512);
    }

    @Test
    void aFolderThatTheLowerPartHasIsNotMadeAgainWithOtherPermissions() {
        Initramfs base = new Initramfs().directory("tmp", 01777);
        byte[] run = new Initramfs().file("tmp/new/x", 0644, bytes("1")).toByteArray(base);
        String text = new String(run, StandardCharsets.ISO_8859_1);
        assertThat(text).contains("tmp/new\0").contains("tmp/new/x\0").doesNotContain("00tmp\0");
    }

    @Test
    void aCopiedFolderKeepsModesAndLinks() throws Exception {
        HostTools.require("cpio");
        Path tree = Files.createDirectories(folder.resolve("tree/sub"));
        Path file = Files.writeString(tree.resolve("run me"), "#!/bin/sh\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("r-xr-x--x"));
        Files.setPosixFilePermissions(tree, PosixFilePermissions.fromString("rwx------"));
        Files.createSymbolicLink(tree.resolve("dangling"), Path.of("../nowhere"));
        byte[] cpio = new Initramfs().copy(folder.resolve("tree"), "/t").toByteArray();
        Path archive = Files.write(folder.resolve("x.cpio"), cpio);
        String list = new String(HostTools.run(archive, List.of("cpio", "-itv", "--quiet")), StandardCharsets.UTF_8);
        assertThat(list.lines().map(l -> l.charAt(0) + l.substring(1, 10) + l.replaceFirst(".*1970", "")))
                .endsWith("drwx------ t/sub", "lrwxrwxrwx t/sub/dangling -> ../nowhere", "-r-xr-x--x t/sub/run me");
    }

    @Test
    void aTargetThatEndsInASlashGetsTheSourceUnderItsName() throws IOException {
        Path file = Files.writeString(folder.resolve("name"), "x");
        String cpio = new String(new Initramfs().copy(file, "/opt/").toByteArray(), StandardCharsets.ISO_8859_1);
        assertThat(cpio).contains("opt/name\0");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "/../x", "a/../..", "/a\0b"})
    void aPathThatIsNoPlaceInTheGuestIsRefused(String path) {
        assertThatThrownBy(() -> new Initramfs().file(path, 0644, bytes("")))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("in the guest");
    }

    @Test
    void aSourceThatIsNotThereIsNamed() {
        assertThatThrownBy(() -> new Initramfs().copy(folder.resolve("missing"), "/x"))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("missing:/x: no such file or folder");
    }

    @Test
    void aFifoIsRefused() throws Exception {
        HostTools.require("mkfifo");
        Path fifo = folder.resolve("fifo");
        HostTools.run(Files.createFile(folder.resolve("nothing")), List.of("mkfifo", fifo.toString()));
        assertThatThrownBy(() -> new Initramfs().copy(fifo, "/x"))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("neither a file, a folder nor a symbolic link");
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
