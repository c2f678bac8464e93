package redoubt.cli;

import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Holds the rooms to the order that ARCHITECTURE.md tells, and ARCHITECTURE.md to the rooms there are. */
class ArchitectureTest {
    private static final Path ROOT = root();
    private static JavaClasses classes;

    private static Path root() {
        Path folder = Path.of("").toAbsolutePath();
        while (folder != null && !Files.exists(folder.resolve("ARCHITECTURE.md"))) {
            folder = folder.getParent();
        }
        return java.util.Objects.requireNonNull(folder, "no ARCHITECTURE.md above the working directory");
    }

    @BeforeAll
    static void readAllModules() throws IOException {
        try (Stream<Path> modules = Files.list(ROOT)) {
            classes = new ClassFileImporter()
                    .importPaths(modules.map(m -> m.resolve("target/classes"))
                            .filter(Files::isDirectory)
                            .toList());
        }
    }

    private static Set<String> packages() {
        return classes.stream()
                .filter(c -> !c.getSimpleName().equals("package-info"))
                .map(JavaClass::getPackageName)
                .filter(p -> p.startsWith("redoubt."))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    @Test
    void aRoomIsOnlyEnteredFromAbove() {
        layeredArchitecture()
                .consideringOnlyDependenciesInAnyPackage("redoubt..")
                .layer("x86")
                .definedBy("redoubt.x86..")
                .layer("memory")
                .definedBy("redoubt.memory..")
                .layer("cpu")
                .definedBy("redoubt.cpu..")
                .layer("sgx")
                .definedBy("redoubt.sgx..")
                .layer("hypervisor")
                .definedBy("redoubt.hypervisor..")
                .layer("machine")
                .definedBy("redoubt.machine..")
                .layer("enclave")
                .definedBy("redoubt.enclave..")
                .layer("image")
                .definedBy("redoubt.image..")
                .layer("cli")
                .definedBy("redoubt.cli..")
                .layer("bench")
                .definedBy("redoubt.bench..")
                .withOptionalLayers(true)
                .whereLayer("memory")
                .mayOnlyBeAccessedByLayers("cpu", "sgx", "hypervisor", "machine", "image", "cli", "bench")
                .whereLayer("cpu")
                .mayOnlyBeAccessedByLayers("sgx", "hypervisor", "machine", "image", "cli", "bench")
                .whereLayer("sgx")
                .mayOnlyBeAccessedByLayers("hypervisor", "machine", "enclave", "image", "cli", "bench")
                .whereLayer("hypervisor")
                .mayOnlyBeAccessedByLayers("machine", "image", "cli", "bench")
                .whereLayer("machine")
                .mayOnlyBeAccessedByLayers("enclave", "image", "cli", "bench")
                .whereLayer("enclave")
                .mayOnlyBeAccessedByLayers("image", "cli", "bench")
                .whereLayer("image")
                .mayOnlyBeAccessedByLayers("cli", "bench")
                .whereLayer("cli")
                .mayNotBeAccessedByAnyLayer()
                .check(classes);
    }

    @Test
    void allRoomsWereLookedAt() {
        assertThat(packages())
                .contains(
                        "redoubt.x86",
                        "redoubt.memory",
                        "redoubt.cpu",
                        "redoubt.hypervisor",
                        "redoubt.machine",
                        "redoubt.cli");
    }

    @Test
    void architectureNamesEveryPackage() throws IOException {
        String text = Files.readString(ROOT.resolve("ARCHITECTURE.md"));
        assertThat(packages()).allSatisfy(name -> assertThat(text).contains("`" + name + "`"));
    }
}
