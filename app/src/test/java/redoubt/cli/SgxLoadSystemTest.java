package redoubt.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.RSAKeyGenParameterSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import redoubt.enclave.EnclaveFile;
import redoubt.enclave.EnclaveLayout;
import redoubt.image.DefaultGuest;
import redoubt.image.GuestCommand;
import redoubt.image.GuestInit;
import redoubt.machine.Machine;
import redoubt.sgx.Attributes;
import redoubt.sgx.SgxUsage;
import redoubt.sgx.SigstructSigner;
import redoubt.sgx.Tcs;

/**
 * Enclaves through the in-tree driver of Debian's kernel by {@code sgx-load}: one of the test's own making, changed in each
 * way that EINIT must refuse; and real signed ones, whose folder {@code -Dredoubt.enclaves=FOLDER} names.
 */
class SgxLoadSystemTest {
    /** Of 4 KiB: what fits in the guest's EPC without paging for minutes. */
    private static final long MOST_PAGES = 16_000;

    private static final long HALF_AN_HOUR = 1_800_000_000_000L;

    @TempDir
    private Path folder;

    // mov rbx, rcx; mov eax, 4 (EEXIT); mov edi, 0x1234; mov esi, 0x5678; enclu
    private static final byte[] CODE = {
        0x48,
        (byte) 0x89,
        (byte) 0xCB,
        (byte) 0xB8,
        4,
        0,
        0,
        0,
        (byte) 0xBF,
        0x34,
        0x12,
        0,
        0,
        (byte) 0xBE,
        0x78,
        0x56,
        0,
        0,
        0x0F,
        0x01,
        (byte) 0xD7
    };

    /** TCS, two SSA frames, code that leaves at once: an SGXS stream. */
    private static byte[] stream() {
        ByteBuffer tcs = ByteBuffer.allocate(Tcs.GSLIMIT + 4).order(ByteOrder.LITTLE_ENDIAN);
        tcs.putLong(Tcs.OSSA, 0x1000).putInt(Tcs.NSSA, 2).putLong(Tcs.OENTRY, 0x3000);
        tcs.putInt(Tcs.FSLIMIT, -1).putInt(Tcs.GSLIMIT, -1);
        return new SgxsFile(0x8000)
                .page(0, 0x100, tcs.array())
                .page(0x1000, 0x203)
                .page(0x2000, 0x203)
                .page(0x3000, 0x205, CODE)
                .bytes();
    }

    private static byte[] sign(byte[] stream, long attributes) throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(new RSAKeyGenParameterSpec(3072, RSAKeyGenParameterSpec.F0), new SecureRandom());
        EnclaveLayout layout = Objects.requireNonNull(
                EnclaveFile.read("enclave", stream).getFirst().layout(), "the stream has pages");
        return new SigstructSigner(
                        (RSAPrivateCrtKey) generator.generateKeyPair().getPrivate())
                .sign(layout.mrenclave(), new SigstructSigner.Identity(0, attributes, 3, -1, 3, 0, -1, 0, 0))
                .bytes();
    }

    private static byte[] flipped(byte[] bytes, int at) {
        byte[] changed = bytes.clone();
        changed[at] ^= 1;
        return changed;
    }

    private DefaultGuestSystemTest.Run inGuest(Machine.Setup setup, String script) {
        DefaultGuest.Prepared guest =
                DefaultGuest.prepare(DefaultGuest.Options.of(GuestCommand.of(List.of("sh", "-c", script)))
                        .copying(List.of(new GuestInit.Copy(folder, "/e"))));
        DefaultGuestSystemTest.Run run = DefaultGuestSystemTest.run(setup, guest, HALF_AN_HOUR);
        assertThat(run.err()).isEmpty();
        return run;
    }

    @Test
    void enclaveIsEnteredAndEachChangeOfItGetsItsOwnCode() throws IOException, GeneralSecurityException {
        byte[] stream = stream();
        byte[] sig = sign(stream, Attributes.MODE64BIT);
        Files.write(folder.resolve("good.sgxs"), stream);
        Files.write(folder.resolve("page.sgxs"), flipped(stream, stream.length - 1));
        Files.write(folder.resolve("good.sig"), sig);
        Files.write(folder.resolve("signature.sig"), flipped(sig, 516));
        Files.write(folder.resolve("prodid.sig"), flipped(sig, 1024));
        Files.write(folder.resolve("header.sig"), flipped(sig, 0));
        Files.write(folder.resolve("provision.sig"), sign(stream, Attributes.MODE64BIT | Attributes.PROVISIONKEY));

        String out = inGuest(Machine.Setup.of(256L << 20, 8L << 20), """
                for way in "good good" "page good" "good signature" "good prodid" "good header" "good good --debug" \\
                        "good provision"; do
                    set -- $way
                    echo "$way:"
                    sgx-load /e/$1.sgxs --css /e/$2.sig $3 | grep -E 'ECREATE|EINIT|EENTER'
                done
                """).out();

        assertThat(out).isEqualTo("""
                        good good:
                        ECREATE     0, size 0x8000, attributes 0x4, XFRM 0x3
                        EINIT       0
                        EENTER      0, EEXIT with RDI 0x1234, RSI 0x5678
                        page good:
                        ECREATE     0, size 0x8000, attributes 0x4, XFRM 0x3
                        EINIT       -1 EPERM, EINIT returned 4 SGX_INVALID_MEASUREMENT
                        good signature:
                        ECREATE     0, size 0x8000, attributes 0x4, XFRM 0x3
                        EINIT       -1 EPERM, EINIT returned 8 SGX_INVALID_SIGNATURE
                        good prodid:
                        ECREATE     0, size 0x8000, attributes 0x4, XFRM 0x3
                        EINIT       -1 EPERM, EINIT returned 8 SGX_INVALID_SIGNATURE
                        good header:
                        ECREATE     0, size 0x8000, attributes 0x4, XFRM 0x3
                        EINIT       -1 EPERM, EINIT returned 1 SGX_INVALID_SIG_STRUCT
                        good good --debug:
                        ECREATE     0, size 0x8000, attributes 0x6, XFRM 0x3
                        EINIT       -1 EPERM, EINIT returned 2 SGX_INVALID_ATTRIBUTE
                        good provision:
                        ECREATE     -5 EIO, size 0x8000, attributes 0x14, XFRM 0x3
                        """);
    }

    @Test
    void provisioningKeyEnclaveStartsWithTheGateOpen() throws IOException, GeneralSecurityException {
        byte[] stream = stream();
        Files.write(folder.resolve("p.sgxs"), stream);
        Files.write(folder.resolve("p.sig"), sign(stream, Attributes.MODE64BIT | Attributes.PROVISIONKEY));
        Machine.Setup closed = Machine.Setup.of(256L << 20, 8L << 20);

        String out = inGuest(
                        closed.with(closed.sgx().withProvisioning(true)),
                        "sgx-load /e/p.sgxs --css /e/p.sig | grep EINIT")
                .out();

        assertThat(out).isEqualTo("EINIT       0\n");
    }

    /** The signed enclaves of the folder {@code -Dredoubt.enclaves} names, with what a loader makes of them. */
    private static Map<Path, EnclaveLayout> real() throws IOException {
        String real = System.getProperty("redoubt.enclaves");
        assumeTrue(real != null, "skipped: -Dredoubt.enclaves names no folder with real signed enclaves");
        Map<Path, EnclaveLayout> found = new LinkedHashMap<>();
        try (Stream<Path> files = Files.list(Path.of(real))) {
            for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
                EnclaveFile enclave = EnclaveFile.read(file.toString(), Files.readAllBytes(file))
                        .getFirst();
                EnclaveLayout layout = enclave.layout();
                if (layout != null && enclave.sigstruct() != null) {
                    found.put(file, layout);
                }
            }
        }
        return found;
    }

    @Test
    void realSignedEnclavesReachEinitAndAreEntered() throws IOException {
        List<String> commands = new ArrayList<>();
        for (Map.Entry<Path, EnclaveLayout> enclave : real().entrySet()) {
            if (enclave.getValue().pages() <= MOST_PAGES) {
                String name = "e" + commands.size();
                Files.copy(enclave.getKey(), folder.resolve(name));
                commands.add("sgx-load /e/" + name + " > /tmp/out && grep -c '^EINIT *0$' /tmp/out || cat /tmp/out");
            }
        }
        assertThat(commands).isNotEmpty();
        Machine.Setup setup = Machine.Setup.of(1024L << 20, 64L << 20);

        String out = inGuest(setup.with(setup.sgx().withProvisioning(true)), String.join("\n", commands))
                .out();

        assertThat(out).isEqualTo("1\n".repeat(commands.size()));
    }

    /** One of each size of ELRANGE: the kernel must write nearly every page back before EINIT. */
    @Test
    @EnabledIfSystemProperty(named = "redoubt.test.all", matches = "true")
    void realEnclavesOfManyTimesTheEpcReachEinitByPaging() throws IOException {
        Map<Long, Path> ofSize = new TreeMap<>();
        Map<Path, EnclaveLayout> real = real();
        real.forEach((file, layout) -> {
            if (layout.pages() > MOST_PAGES) {
                ofSize.putIfAbsent(layout.sizeBytes(), file);
            }
        });
        assertThat(ofSize).isNotEmpty();
        for (Path file : ofSize.values()) {
            long pages = Objects.requireNonNull(real.get(file)).pages();
            Files.copy(file, folder.resolve("big"), StandardCopyOption.REPLACE_EXISTING);
            long epcBytes = 64L << 20;
            long pageCachePages = pages + (256L << 20 >> 12); // of what is written back, and the kernel
            long start = System.nanoTime();

            DefaultGuestSystemTest.Run run =
                    inGuest(Machine.Setup.of((pageCachePages << 12 >> 20) * 9 / 8 << 20, epcBytes), "sgx-load /e/big");

            SgxUsage sgx = run.result().sgx().orElseThrow();
            System.out.printf(
                    "%d pages on %d MiB of EPC: EADD %d, EWB %d, ELDU %d; %.1f s of guest time, %.1f s%n",
                    pages,
                    epcBytes >> 20,
                    sgx.encls(SgxUsage.EADD),
                    sgx.encls(SgxUsage.EWB),
                    sgx.encls(SgxUsage.ELDU),
                    run.result().nanos() / 1e9,
                    (System.nanoTime() - start) / 1e9);
            assertThat(run.out()).containsPattern("EINIT *0\n").contains("EENTER      0, EEXIT with");
            assertThat(sgx.encls(SgxUsage.EADD)).isEqualTo(pages);
            assertThat(sgx.encls(SgxUsage.EWB)).isGreaterThan(pages - epcBytes / 4096);
            assertThat(sgx.validPages()).isZero();
        }
    }
}
