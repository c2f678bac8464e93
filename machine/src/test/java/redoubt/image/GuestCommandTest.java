package redoubt.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The oracle is the host's own POSIX shell. */
class GuestCommandTest {
    @TempDir
    Path folder;

    @Test
    void argumentsOfAllBytesArriveAsTheyAre() throws Exception {
        byte[] all = new byte[255];
        for (int i = 0; i < all.length; i++) {
            all[i] = (byte) (i + 1);
        }
        List<byte[]> sent =
                List.of(all, bytes(""), bytes("a'b\"c\\"), bytes("two\nlines\n"), bytes("$(x) `y` *"), bytes("-n"));
        List<byte[]> command =
                new ArrayList<>(List.of(bytes("sh"), bytes("-c"), bytes("printf '%s\\0' \"$@\""), bytes("x")));
        command.addAll(sent);
        byte[] output = run(GuestCommand.ofBytes(command).in("/"));
        assertThat(output).isEqualTo(sent.stream().reduce(new byte[0], (a, b) -> TestKey.joined(a, b, new byte[1])));
    }

    @Test
    void variablesAndFolderAreSet() throws Exception {
        GuestCommand command = GuestCommand.of(List.of("sh", "-c", "printf '%s|%s' \"$V\" \"$PWD\""))
                .with("V", "it's $HOME")
                .in(folder.toRealPath().toString());
        assertThat(new String(run(command), StandardCharsets.UTF_8)).isEqualTo("it's $HOME|" + folder.toRealPath());
    }

    @ParameterizedTest
    @ValueSource(strings = {"A-B", "1A", "", "A=B"})
    void aVariableThatNoShellCanSetIsRefused(String name) {
        assertThatThrownBy(() -> GuestCommand.shell().with(name, "x")).isInstanceOf(ImageException.class);
    }

    @Test
    void noProgramAndANulAreRefused() {
        assertThatThrownBy(() -> GuestCommand.of(List.of())).isInstanceOf(ImageException.class);
        assertThatThrownBy(() -> GuestCommand.of(List.of("a", "b\0c"))).isInstanceOf(ImageException.class);
    }

    @ParameterizedTest
    @CsvSource({"a:/b, a, /b", "c:/d:/e, c:/d, /e", "./x y:/t/, ./x y, /t/"})
    void aCopyIsSplitAtTheLastColonBeforeAnAbsolutePath(String text, String host, String guest) {
        assertThat(GuestInit.Copy.parse(text)).isEqualTo(new GuestInit.Copy(Path.of(host), guest));
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "a:b", ":/x", ""})
    void aCopyWithoutBothSidesIsRefused(String text) {
        assertThatThrownBy(() -> GuestInit.Copy.parse(text))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("HOST:GUEST");
    }

    private byte[] run(GuestCommand command) throws Exception {
        HostTools.require("sh");
        Path script = Files.write(folder.resolve("script"), command.script());
        return HostTools.run(Files.createFile(folder.resolve("nothing")), List.of("sh", script.toString()));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
