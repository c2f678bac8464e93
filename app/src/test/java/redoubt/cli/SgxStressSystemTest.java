package redoubt.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.RSAKeyGenParameterSpec;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import redoubt.cpu.CpuModel;
import redoubt.enclave.EnclaveLayout;
import redoubt.enclave.PageRun;
import redoubt.image.DefaultGuest;
import redoubt.image.GuestCommand;
import redoubt.image.GuestInit;
import redoubt.image.ImageException;
import redoubt.machine.Machine;
import redoubt.sgx.SgxUsage;
import redoubt.sgx.SigstructSigner;

/**
 * Processes that build enclaves, work in them, change their pages and are killed in the middle, on two processors and an EPC
 * that holds a part of them. Both programs are in {@code sgx-stress.c} and {@code stress-enclave.S}; skipped without gcc.
 */
class SgxStressSystemTest {
    private static final long MODE64BIT = 4;
    private static final long AN_HOUR = 3_600_000_000_000L;
    private static final int HEAP_PAGES = 400;

    /** As {@code sgx-stress.c} has it. */
    private static final long ENCLAVE_BYTES = 8L << 20;

    @TempDir
    private static Path folder;

    private static Path resource(String name, Path to) throws IOException {
        try (InputStream in = Objects.requireNonNull(SgxStressSystemTest.class.getResourceAsStream(name), name)) {
            return Files.write(to.resolve(name), in.readAllBytes());
        }
    }

    private static byte[] tcs(long ossa) {
        return ByteBuffer.allocate(PageRun.PAGE)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(16, ossa)
                .putInt(28, 2)
                .putLong(32, 6 * PageRun.PAGE)
                .putInt(64, -1)
                .putInt(68, -1)
                .array();
    }

    /** Two TCSs with two SSA frames each, the code page, a page for each thread and the heap, signed with a new key. */
    private static byte[] image(byte[] code) throws GeneralSecurityException {
        long data = PageRun.REG | PageRun.R | PageRun.W;
        byte[] zeros = new byte[PageRun.PAGE];
        var layout = new EnclaveLayout(
                ENCLAVE_BYTES,
                1,
                MODE64BIT,
                3,
                0,
                List.of(
                        new PageRun(0, 1, PageRun.TCS, PageRun.ALL, tcs(2 * PageRun.PAGE)),
                        new PageRun(PageRun.PAGE, 1, PageRun.TCS, PageRun.ALL, tcs(4 * PageRun.PAGE)),
                        new PageRun(2 * PageRun.PAGE, 4, data, PageRun.NONE, zeros),
                        new PageRun(
                                6 * PageRun.PAGE,
                                1,
                                PageRun.REG | PageRun.R | PageRun.X,
                                PageRun.ALL,
                                Arrays.copyOf(code, PageRun.PAGE)),
                        new PageRun(7 * PageRun.PAGE, 2, data, PageRun.NONE, zeros),
                        new PageRun(9 * PageRun.PAGE, HEAP_PAGES, data, PageRun.NONE, zeros)));
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(new RSAKeyGenParameterSpec(3072, RSAKeyGenParameterSpec.F0), new SecureRandom());
        var signer = new SigstructSigner(
                (RSAPrivateCrtKey) generator.generateKeyPair().getPrivate());
        byte[] sigstruct = signer.sign(
                        layout.mrenclave(), new SigstructSigner.Identity(0, MODE64BIT, 3, -1, 3, 0, -1, 0, 0))
                .bytes();
        var image = new ByteArrayOutputStream();
        for (PageRun run : layout.runs()) {
            image.writeBytes(header(run.offset(), run.pages(), run.secinfoFlags(), run.measured() == 0 ? 0 : 1));
            image.writeBytes(run.content());
        }
        image.writeBytes(header(0, 0, 0, 0));
        image.writeBytes(Arrays.copyOf(sigstruct, PageRun.PAGE));
        return image.toByteArray();
    }

    private static byte[] header(long... words) {
        ByteBuffer page = ByteBuffer.allocate(PageRun.PAGE).order(ByteOrder.LITTLE_ENDIAN);
        for (long word : words) {
            page.putLong(word);
        }
        return page.array();
    }

    @BeforeAll
    static void buildOnce(@TempDir Path work) throws IOException, InterruptedException, GeneralSecurityException {
        GuestPrograms.need("gcc");
        GuestPrograms.need("objcopy");
        Path log = work.resolve("log");
        String program = folder.resolve("sgx-stress").toString();
        Path source = resource("sgx-stress.c", work);
        GuestPrograms.execute(
                log,
                List.of("gcc", "-O2", "-Wall", "-Werror", "-static", "-pthread", "-o", program, source.toString()));
        String object = work.resolve("enclave.o").toString();
        Path code = work.resolve("enclave.bin");
        GuestPrograms.execute(
                log,
                List.of(
                        "gcc",
                        "-c",
                        "-o",
                        object,
                        resource("stress-enclave.S", work).toString()));
        GuestPrograms.execute(log, List.of("objcopy", "-O", "binary", "-j", ".text", object, code.toString()));
        Files.write(folder.resolve("image"), image(Files.readAllBytes(code)));
    }

    private static DefaultGuestSystemTest.Run run(long epcBytes, String arguments) {
        String script = "/s/sgx-stress /s/image " + arguments + "; s=$?; sleep 2;"
                + " dmesg | grep -i -e warning -e bug: -e oops -e hung -e stall -e 'sgx:.*returned'; pidof sgx-stress | wc -w;"
                + " exit $s";
        DefaultGuest.Prepared guest;
        try {
            guest = DefaultGuest.prepare(DefaultGuest.Options.of(GuestCommand.of(List.of("sh", "-c", script)))
                    .copying(List.of(new GuestInit.Copy(folder, "/s"))));
        } catch (ImageException e) {
            return Assumptions.abort(e.toString());
        }
        Machine.Setup setup = Machine.Setup.of(256L << 20, epcBytes);
        CpuModel two = setup.cpu().withProcessors(2);
        return DefaultGuestSystemTest.run(setup.with(two), guest, AN_HOUR);
    }

    private static void survives(long epcBytes, String arguments) {
        long start = System.nanoTime();
        DefaultGuestSystemTest.Run run = run(epcBytes, arguments);
        Optional<SgxUsage> before = run.result().sgxWhenReady();
        SgxUsage after = run.result().sgx().orElseThrow();
        System.out.printf(
                "sgx-stress %s: %s ENCLS %s ENCLU %s; valid EPC pages %d before, %d after; %.1f s of guest time, %.1f s%n",
                arguments,
                run.out().replace('\n', ' '),
                after.encls(),
                after.enclu(),
                before.orElseThrow().validPages(),
                after.validPages(),
                run.result().nanos() / 1e9,
                (System.nanoTime() - start) / 1e9);
        assertThat(run.out()).matches("built \\d+ .* wrong 0\n0\n");
        assertThat(run.result().status()).isZero();
        assertThat(after.validPages()).isEqualTo(before.orElseThrow().validPages());
        assertThat(after.encls(SgxUsage.EWB)).isPositive();
        assertThat(after.encls(SgxUsage.ELDU)).isPositive();
        assertThat(after.enclu(SgxUsage.ERESUME)).isPositive();
    }

    @Test
    void enclavesOfKilledProcessesLeaveNoEpcPageBehind() {
        survives(3L << 20, "1 4 20000 60000");
    }

    @Test
    void processesKilledEveryFewMillisecondsLeaveNoEpcPageBehind() {
        survives(3L << 20, "1 4 0 4000");
    }

    @Test
    @EnabledIfSystemProperty(named = "redoubt.test.all", matches = "true")
    void nothingIsLeftBehindAfterFiveMinutes() {
        survives(3L << 20, "300 4 200000 600000");
    }
}
