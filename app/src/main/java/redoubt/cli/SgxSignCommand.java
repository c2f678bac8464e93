package redoubt.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.KeySpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.RSAPrivateCrtKeySpec;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.concurrent.Callable;
import org.bouncycastle.asn1.pkcs.RSAPrivateKey;
import org.bouncycastle.util.io.pem.PemObject;
import org.bouncycastle.util.io.pem.PemReader;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import redoubt.enclave.EnclaveFile;
import redoubt.enclave.EnclaveLayout;
import redoubt.sgx.Attributes;
import redoubt.sgx.Sigstruct;
import redoubt.sgx.SigstructSigner;

/** {@code redoubt sgx sign}: makes the SIGSTRUCT of an enclave file. */
@Command(
        name = "sign",
        description = {
            "Sign an enclave file as it is laid out now and write its SIGSTRUCT to a file of its own.",
            "The file itself is not changed; loaders take the SIGSTRUCT beside it (sgx-load --css)."
        },
        mixinStandardHelpOptions = true)
final class SgxSignCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private EnclaveArguments arguments;

    @Option(
            names = "--key",
            required = true,
            paramLabel = "FILE",
            description = "The signer's RSA key in PEM: 3072 bits, exponent 3 (openssl genrsa -3 3072).")
    private Path key;

    @Option(names = "--out", required = true, paramLabel = "FILE", description = "Where to write the SIGSTRUCT.")
    private Path out;

    @Option(names = "--isvprodid", paramLabel = "N", description = "ISVPRODID, 0 to 65535 (default: 0).")
    private int isvProdId;

    @Option(names = "--isvsvn", paramLabel = "N", description = "ISVSVN, 0 to 65535 (default: 0).")
    private int isvSvn;

    @Option(names = "--debug", description = "Leave it to the loader whether the enclave is a debug one.")
    private boolean debug;

    @Option(
            names = "--date",
            paramLabel = "YYYYMMDD",
            description = "The date in the SIGSTRUCT (default: today). With one, the result can be repeated.")
    private @Nullable String date;

    SgxSignCommand() {}

    @Override
    public Integer call() throws IOException {
        checkRange("--isvprodid", isvProdId);
        checkRange("--isvsvn", isvSvn);
        EnclaveFile enclave = arguments.read().getFirst();
        EnclaveLayout layout = enclave.layout();
        if (layout == null) {
            throw new UsageException("a SIGSTRUCT alone cannot be signed: it says nothing of the enclave's pages");
        }
        SigstructSigner signer;
        try {
            signer = new SigstructSigner(readKey());
        } catch (IllegalArgumentException e) {
            throw new UsageException("--key " + key + ": " + e.getMessage());
        }
        var identity = new SigstructSigner.Identity(
                date(),
                layout.attributes(),
                layout.xfrm(),
                debug ? ~Attributes.DEBUG : -1,
                3, // the x87 and SSE bits; what else the platform has is the loader's choice
                layout.miscselect(),
                -1,
                isvProdId,
                isvSvn);
        Sigstruct sigstruct = signer.sign(layout.mrenclave(), identity);
        Files.write(out, sigstruct.bytes());
        PrintWriter text = spec.commandLine().getOut();
        EnclaveReport report =
                new EnclaveReport(new EnclaveFile(enclave.format(), enclave.variant(), layout, sigstruct));
        if (arguments.json()) {
            EnclaveReport.print(text, report.measureJson());
        } else {
            report.measure(text);
        }
        return 0;
    }

    private static void checkRange(String option, int value) {
        if (value < 0 || value > 0xFFFF) {
            throw new UsageException(option + " " + value + ": not a number from 0 to 65535");
        }
    }

    private int date() {
        String text = date == null ? LocalDate.now(ZoneOffset.UTC).format(DateTimeFormatter.BASIC_ISO_DATE) : date;
        if (!text.matches("[0-9]{8}")) {
            throw new UsageException("--date " + text + ": not of the form YYYYMMDD");
        }
        return Integer.parseInt(text, 16);
    }

    /** An RSA key in PKCS #1 ("RSA PRIVATE KEY") or PKCS #8 ("PRIVATE KEY"). */
    private RSAPrivateCrtKey readKey() {
        try (Reader reader = Files.newBufferedReader(key);
                PemReader pem = new PemReader(reader)) {
            PemObject object = pem.readPemObject();
            String type = object == null ? "nothing in PEM" : object.getType();
            KeySpec spec = switch (type) {
                case "RSA PRIVATE KEY" -> {
                    RSAPrivateKey rsa = RSAPrivateKey.getInstance(object.getContent());
                    yield new RSAPrivateCrtKeySpec(
                            rsa.getModulus(),
                            rsa.getPublicExponent(),
                            rsa.getPrivateExponent(),
                            rsa.getPrime1(),
                            rsa.getPrime2(),
                            rsa.getExponent1(),
                            rsa.getExponent2(),
                            rsa.getCoefficient());
                }
                case "PRIVATE KEY" -> new PKCS8EncodedKeySpec(object.getContent());
                default ->
                    throw new UsageException(
                            "--key " + key + ": " + type + "; an unencrypted PRIVATE KEY or RSA PRIVATE KEY is needed");
            };
            if (KeyFactory.getInstance("RSA").generatePrivate(spec) instanceof RSAPrivateCrtKey crt) {
                return crt;
            }
            throw new UsageException("--key " + key + ": the key lacks its public exponent");
        } catch (IOException | GeneralSecurityException | IllegalArgumentException e) {
            throw new UsageException("--key " + key + ": cannot be read as an RSA key: " + e.getMessage());
        }
    }
}
