package redoubt.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import redoubt.cpu.CpuGeneration;
import redoubt.cpu.CpuModel;
import redoubt.image.DebPackage;
import redoubt.image.DefaultGuest;
import redoubt.image.GuestCommand;
import redoubt.image.GuestInit;
import redoubt.image.ImageCache;
import redoubt.image.ImageException;
import redoubt.image.Progress;
import redoubt.machine.Machine;
import redoubt.sgx.SgxUsage;

/**
 * The kernel's own SGX selftest, built here by gcc from Debian's source and run through the in-tree driver of Debian's
 * kernel. Skipped where there is no Debian source, gcc, make, tar or xz.
 */
class KernelSelftestSystemTest {
    private static final String SOURCE = "linux-source-6.1";
    private static final List<String> PARTS = List.of("tools", "arch/x86", "scripts", "include");

    private static Path testFolder = Path.of("");

    private static Path debian(String name) {
        try {
            return DefaultGuest.debianPackage(name, ImageCache.ofUser(), Progress.NONE);
        } catch (ImageException e) {
            return Assumptions.abort(e.toString());
        }
    }

    /** Builds test_sgx and its enclave; returns their folder. */
    private static Path build(Path work) throws IOException, InterruptedException {
        GuestPrograms.need("gcc");
        GuestPrograms.need("make");
        GuestPrograms.need("tar");
        GuestPrograms.need("xz");
        Path root = work.resolve("root");
        DebPackage.of(debian(SOURCE)).unpack(root, path -> path.endsWith(SOURCE + ".tar.xz"));
        DebPackage.of(debian("libssl-dev")).unpack(root, path -> path.contains("/include/") || path.endsWith(".a"));
        Path log = work.resolve("log");
        List<String> untar = new ArrayList<>(List.of("tar", "-C", work.toString(), "-xJf"));
        untar.add(root.resolve("usr/src/" + SOURCE + ".tar.xz").toString());
        PARTS.forEach(part -> untar.add(SOURCE + "/" + part));
        GuestPrograms.execute(log, untar);
        Path built = Files.createDirectory(work.resolve("sgx"));
        String gcc = String.format(
                Locale.ROOT,
                "gcc -static -I%1$s/usr/include -I%1$s/usr/include/x86_64-linux-gnu -L%1$s/usr/lib/x86_64-linux-gnu",
                root);
        String selftest = work.resolve(SOURCE + "/tools/testing/selftests/sgx").toString();
        GuestPrograms.execute(log, List.of("make", "-C", selftest, "OUTPUT=" + built, "CC=" + gcc));
        Path bundle = Files.createDirectory(work.resolve("bundle"));
        for (String name : List.of("test_sgx", "test_encl.elf")) {
            Files.copy(built.resolve(name), bundle.resolve(name));
        }
        assertThat(bundle.resolve("test_sgx").toFile().setExecutable(true)).isTrue();
        return bundle;
    }

    private static DefaultGuestSystemTest.Run run(CpuGeneration generation, long epcBytes) {
        DefaultGuest.Prepared guest = DefaultGuest.prepare(DefaultGuest.Options.of(GuestCommand.of(
                        List.of("sh", "-c", "cd /t && ./test_sgx; s=$?; dmesg | grep -c WARNING; exit $s")))
                .copying(List.of(GuestInit.Copy.parse(testFolder + ":/t"))));
        CpuModel cpu = new CpuModel(generation, generation.features(), 1);
        return DefaultGuestSystemTest.run(Machine.Setup.of(512L << 20, epcBytes).with(cpu), guest);
    }

    /**
     * The oversubscribed tests take a heap as large as the EPC, so that the kernel must page. The EPC is given back at the
     * end, by EREMOVE.
     */
    private static void sixteenPass(long epcBytes) {
        DefaultGuestSystemTest.Run run = run(CpuGeneration.DEFAULT, epcBytes);
        assertThat(run.out()).contains("# Totals: pass:16 fail:0 xfail:0 xpass:0 skip:0 error:0");
        assertThat(run.out()).as("no WARN of the driver in dmesg").endsWith("\n0\n");
        assertThat(run.result().status()).isZero();
        SgxUsage sgx = run.result().sgx().orElseThrow();
        System.out.printf(
                "test_sgx with %d MiB of EPC: EWB %d, ELDU %d, EINIT %d, EREMOVE %d; %d instructions%n",
                epcBytes >> 20,
                sgx.encls(SgxUsage.EWB),
                sgx.encls(SgxUsage.ELDU),
                sgx.encls(SgxUsage.EINIT),
                sgx.encls(SgxUsage.EREMOVE),
                run.result().instructions());
        assertThat(sgx.encls(SgxUsage.EWB)).as("pages written back").isGreaterThan(epcBytes / 4096 / 8);
        assertThat(sgx.encls(SgxUsage.ELDU)).as("pages loaded back").isPositive();
        assertThat(sgx.validPages()).isZero();
    }

    @BeforeAll
    static void buildOnce(@TempDir Path work) throws IOException, InterruptedException {
        testFolder = build(work);
    }

    @Test
    void allSixteenTestsOfTheKernelsSgxSelftestPass() {
        sixteenPass(64L << 20);
    }

    @Test
    void allSixteenPassWithEightMegabytesOfEpc() {
        sixteenPass(8L << 20);
    }

    @Test
    void onAnSgx1ProcessorTheTestsOfSgx2AreSkippedAndTheOthersPass() {
        DefaultGuestSystemTest.Run run = run(CpuGeneration.COFFEELAKE, 64L << 20);
        assertThat(run.out()).contains("# Totals: pass:6 fail:0 xfail:0 xpass:0 skip:10 error:0");
        assertThat(run.out()).as("no WARN of the driver in dmesg").endsWith("\n0\n");
        assertThat(run.result().status()).isZero();
    }

    @Test
    void withoutLaunchControlTheDriverStaysAwayAndNoTestCanOpenIt() {
        DefaultGuestSystemTest.Run run = run(CpuGeneration.SKYLAKE_SGX1, 64L << 20);
        assertThat(run.out()).contains("# Totals: pass:0 fail:14 xfail:0 xpass:0 skip:2 error:0");
        assertThat(run.out()).as("no WARN of the driver in dmesg").endsWith("\n0\n");
        assertThat(run.result().sgx().orElseThrow().encls(SgxUsage.ECREATE)).isZero();
    }
}
