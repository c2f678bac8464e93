package redoubt.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.spec.RSAKeyGenParameterSpec;
import java.util.Base64;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code redoubt sgx measure} and {@code dump} on files of the test's own making. */
class SgxCommandTest {
    private record Ran(int status, String out, String err) {}

    @TempDir
    private Path folder;

    private static Ran run(String... arguments) {
        var out = new StringWriter();
        var err = new StringWriter();
        int status = Main.run(arguments, new PrintWriter(out, true), new PrintWriter(err, true));
        return new Ran(status, out.toString(), err.toString());
    }

    @Test
    void infoIsWhatAGuestFinds() {
        Ran ran = run("sgx", "info", "--cpu", "coffeelake", "--sgx-epc", "4K", "--sgx-epc", "8M");

        assertThat(ran.err()).isEmpty();
        assertThat(ran.out().lines())
                .contains(
                        "flags    sgx sgxlc sgx1 sgx-debug sgx-mode64 sgx-provisionkey sgx-tokenkey",
                        "CPUID    12H.0   EAX 00000001  EBX 00000000  ECX 00000000  EDX 0000241f",
                        "CPUID    12H.2   EAX 20000001  EBX 00000000  ECX 00001001  EDX 00000000",
                        "CPUID    12H.3   EAX 20200001  EBX 00000000  ECX 00800001  EDX 00000000",
                        "CPUID    12H.4   EAX 00000000  EBX 00000000  ECX 00000000  EDX 00000000",
                        "MSR      IA32_FEATURE_CONTROL   0x0000000000060001",
                        "MSR      IA32_SGXLEPUBKEYHASH0  0xa6053e051270b7ac",
                        "EPC      0x20200000-0x209fffff, 8M, node 0");
        assertThat(ran.status()).isZero();
    }

    @Test
    void moreEpcThanTheHostCanKeepIsSaidInOneLine() {
        Ran ran = run("sgx", "info", "--sgx-epc", "1024G");

        assertThat(ran.err())
                .startsWith("redoubt: not enough memory on this host: ")
                .hasLineCount(1);
        assertThat(ran.status()).isEqualTo(Main.FAILED);
    }

    @Test
    void infoNamesMissingRegistersAndMissingSgx() {
        assertThat(run("sgx", "info", "--cpu", "skylake-sgx1").out())
                .contains("IA32_SGXLEPUBKEYHASH0  none, #GP", "IA32_FEATURE_CONTROL   0x0000000000040001");
        assertThat(run("sgx", "info", "--sgx-epc", "0").out())
                .contains("flags    no SGX")
                .doesNotContain("12H", "EPC ");
        assertThat(run("sgx", "info", "--sgx-epc", "2K").err()).contains("not a multiple of 4096");
    }

    @Test
    void infoInJsonBeginsAsQemusSgxInfo() {
        String hash = "0123456789abcdef".repeat(4);
        Ran ran = run(
                "sgx",
                "info",
                "-o",
                "json",
                "--cpu",
                "icelake-server,-sgx2",
                "--sgx-lepubkeyhash",
                hash,
                "--numa",
                "5",
                "--sgx-epc",
                "1G,node=5");

        JsonNode info = JsonMapper.shared().readTree(ran.out());
        assertThat(info.get("sgx").asBoolean()).isTrue();
        assertThat(info.get("sgx1").asBoolean()).isTrue();
        assertThat(info.get("sgx2").asBoolean()).isFalse();
        assertThat(info.get("flc").asBoolean()).isTrue();
        JsonNode section = info.get("sections").get(0);
        assertThat(section.get("node").asInt()).isEqualTo(5);
        assertThat(section.get("size").asLong()).isEqualTo(1L << 30);
        assertThat(info.get("cpuid").get(1).get("eax").asString()).isEqualTo("0x00000001");
        assertThat(info.get("msrs").get("IA32_SGXLEPUBKEYHASH3").asString()).isEqualTo("0xefcdab8967452301");
        assertThat(info.get("msrs").get("IA32_FEATURE_CONTROL").asString())
                .as("locked, without launch control")
                .isEqualTo("0x0000000000040001");
    }

    /** A stream without unmeasured records: MRENCLAVE is the SHA-256 of the file. */
    private static byte[] stream() {
        return new SgxsFile(0x4000)
                .eadd(0, 0x100)
                .eadd(0x1000, 0x203)
                .eextend(0x1000)
                .bytes();
    }

    private static String hash(byte[] bytes) throws NoSuchAlgorithmException {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }

    @Test
    void measurePrintsTheHashOfAnSgxsStream() throws IOException, NoSuchAlgorithmException {
        Path file = Files.write(folder.resolve("a.sgxs"), stream());

        Ran ran = run("sgx", "measure", file.toString());

        assertThat(ran.out()).contains("MRENCLAVE       " + hash(stream())).contains("not signed");
        assertThat(ran.status()).isZero();
    }

    @Test
    void dumpAsJsonListsPagesAndAttributes() throws IOException {
        Path file = Files.write(folder.resolve("a.sgxs"), stream());

        Ran ran = run("sgx", "dump", file.toString(), "-o", "json");

        JsonNode enclave = JsonMapper.builder().build().readTree(ran.out()).get(0);
        assertThat(enclave.get("format").asString()).isEqualTo("sgxs");
        assertThat(enclave.get("size").asLong()).isEqualTo(0x4000);
        assertThat(enclave.get("tcs_count").asLong()).isEqualTo(1);
        assertThat(enclave.get("pages").get(1).get("access").asString()).isEqualTo("rw-");
        assertThat(enclave.get("pages").get(1).get("measured").asString()).isEqualTo("0x0001");
    }

    @Test
    void signatureThatEinitWouldRefuseIsSaidAndGivesStatusOne() throws IOException {
        Path file = Files.write(folder.resolve("a.sgxs"), stream());
        Files.write(folder.resolve("a.sig"), new byte[1808]);

        Ran ran = run("sgx", "measure", file.toString());

        assertThat(ran.out()).contains("SGX_INVALID_SIG_STRUCT");
        assertThat(ran.status()).isEqualTo(1);
    }

    private Path key(int bits, BigInteger exponent) throws GeneralSecurityException, IOException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(new RSAKeyGenParameterSpec(bits, exponent));
        byte[] pkcs8 = generator.generateKeyPair().getPrivate().getEncoded();
        String body = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(pkcs8);
        return Files.writeString(
                folder.resolve("key.pem"), "-----BEGIN PRIVATE KEY-----\n" + body + "\n-----END PRIVATE KEY-----\n");
    }

    @Test
    void whatSignMakesMeasureFindsGood() throws GeneralSecurityException, IOException {
        String file = Files.write(folder.resolve("a.sgxs"), stream()).toString();
        String key = key(3072, RSAKeyGenParameterSpec.F0).toString();
        String sig = folder.resolve("a.sig").toString();

        Ran signed = run("sgx", "sign", file, "--key", key, "--out", sig, "--isvsvn", "7", "--date", "20260131");
        Ran dumped = run("sgx", "dump", file, "--css", sig);

        assertThat(signed.err()).isEmpty();
        assertThat(dumped.out())
                .contains("Signature       good", "ISVSVN        7", "Date          20260131", hash(stream()));
        assertThat(dumped.status()).isZero();
    }

    @Test
    void keyThatEinitDoesNotKnowIsRefused() throws GeneralSecurityException, IOException {
        String file = Files.write(folder.resolve("a.sgxs"), stream()).toString();
        String key = key(2048, RSAKeyGenParameterSpec.F4).toString();

        Ran ran = run(
                "sgx",
                "sign",
                file,
                "--key",
                key,
                "--out",
                folder.resolve("a.sig").toString());

        assertThat(ran.err())
                .contains("an RSA key of 2048 bits with the public exponent 65537; EINIT wants 3072 bits")
                .hasLineCount(1);
        assertThat(ran.status()).isEqualTo(2);
    }

    @Test
    void fileThatIsNoEnclaveIsNamed() throws IOException {
        Path file = Files.write(folder.resolve("a.txt"), new byte[10]);

        Ran ran = run("sgx", "dump", file.toString());

        assertThat(ran.err())
                .startsWith("redoubt: " + file + ": not an enclave file")
                .hasLineCount(1);
        assertThat(ran.status()).isEqualTo(Main.FAILED);
    }

    @Test
    void missingFileAndMissingCommandAreSaidInOneLine() {
        assertThat(run("sgx", "measure", "/no/such").err()).isEqualTo("redoubt: /no/such: no such file\n");
        assertThat(run("sgx").err()).contains("no command given").hasLineCount(1);
        assertThat(run("sgx").status()).isEqualTo(2);
    }
}
