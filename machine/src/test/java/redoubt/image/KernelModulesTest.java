package redoubt.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelModulesTest {
    @TempDir
    Path folder;

    @Test
    void dependenciesComeFirstAndOnce() throws IOException {
        DebPackage kernel = kernel(
                module("net/a-top", "b_mid,c_low"), module("b_mid", "c_low"), module("c-low", ""), module("d", ""));
        assertThat(KernelModules.read(kernel, List.of("a_top", "c_low")).keySet())
                .containsExactly("lib/modules/1/c-low.ko", "lib/modules/1/b_mid.ko", "lib/modules/1/net/a-top.ko");
    }

    @Test
    void aModuleThatIsNotThereIsNamedWithItsUser() throws IOException {
        DebPackage kernel = kernel(module("a", "b"));
        assertThatThrownBy(() -> KernelModules.read(kernel, List.of("x")))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("no kernel module x (is it built into the kernel?)");
        assertThatThrownBy(() -> KernelModules.read(kernel, List.of("a")))
                .hasMessage("no kernel module b, which a needs");
    }

    @Test
    void aCircleEndsInAnErrorNotInAnOverflow() throws IOException {
        DebPackage kernel = kernel(module("a", "b"), module("b", "a"));
        assertThatThrownBy(() -> KernelModules.read(kernel, List.of("a"))).isInstanceOf(ImageException.class);
    }

    private record Module(String path, String info) {}

    private static Module module(String path, String depends) {
        return new Module(path, "ELF\0license=GPL\0depends=" + depends + "\0name=x\0");
    }

    private DebPackage kernel(Module... modules) throws IOException {
        TestDeb deb = new TestDeb();
        for (Module module : modules) {
            deb.file(
                    "./lib/modules/1/" + module.path() + ".ko",
                    0644,
                    module.info().getBytes(StandardCharsets.US_ASCII));
        }
        return DebPackage.of(Files.write(folder.resolve("kernel.deb"), deb.toByteArray(".gz")));
    }
}
