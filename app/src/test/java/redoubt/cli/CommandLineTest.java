package redoubt.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the command line says to what it cannot do: one line on standard error, and the status. */
class CommandLineTest {
    private record Ran(int status, String out, String err) {}

    private static Ran run(String... arguments) {
        var out = new StringWriter();
        var err = new StringWriter();
        int status = Main.run(arguments, new PrintWriter(out, true), new PrintWriter(err, true));
        return new Ran(status, out.toString(), err.toString());
    }

    private static void assertOneLine(Ran ran, int status, String part) {
        assertThat(ran.err()).startsWith("redoubt: ").contains(part).hasLineCount(1);
        assertThat(ran.out()).isEmpty();
        assertThat(ran.status()).isEqualTo(status);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "--sgx-epc|size=5000|--sgx-epc size=5000: not a multiple of 4096; try 8K",
                "--sgx-epc|5000|--sgx-epc 5000: not a multiple of 4096; try 8K",
                "--sgx-epc|colour=red|unknown key 'colour'",
                "--sgx-epc|size=64M,size=1M|'size' is given twice",
                "--sgx-epc|node=0|has no size; try size=64M",
                "--memory|lots|--memory lots: not a size",
                "--memory|16M|--memory 16M: too little",
                "--memory|9999999T|--memory 9999999T",
                "--cpus|0|--cpus 0: not a whole number from 1 to 1",
                "--cpus|boot=2|--cpus boot=2: not a whole number from 1 to 1",
                "--timeout|soon|--timeout soon: not a duration",
                "--timeout|0|--timeout 0: no time at all",
                "--seed|x|--seed x: not a whole number",
                "--clock|sundial|--clock sundial: unknown; virtual or host",
                "--console|printer|--console printer: unknown; tty, null or file=PATH",
                "--copy|nowhere|--copy nowhere: not of the form HOST:GUEST",
                "--serial|null|--serial null: is for a kernel and initramfs of yours",
            })
    void badValueIsNamedWithWhatWouldBeRight(String option, String value, String message) {
        assertOneLine(run("run", option, value, "--", "true"), 2, message);
    }

    @Test
    void unknownOptionIsBadUsage() {
        assertOneLine(run("run", "--colour"), 2, "--colour");
    }

    @Test
    void unknownCommandIsBadUsage() {
        assertOneLine(run("fly"), 2, "fly");
    }

    @Test
    void noCommandIsBadUsage() {
        assertOneLine(run(), 2, "no command given");
    }

    @Test
    void missingKernelIsNamed() {
        assertOneLine(run("run", "--kernel", "/no/such/kernel"), 125, "/no/such/kernel: no such kernel file");
    }

    @Test
    void truncatedKernelIsNamed(@TempDir Path folder) throws IOException {
        byte[] kernel = new byte[4096];
        kernel[0x1FE] = 0x55;
        kernel[0x1FF] = (byte) 0xAA;
        System.arraycopy("HdrS".getBytes(java.nio.charset.StandardCharsets.US_ASCII), 0, kernel, 0x202, 4);
        kernel[0x206] = 0x0F;
        kernel[0x207] = 2;
        kernel[0x1F1] = 1;
        kernel[0x24E] = 0x10; // a payload of 1 MiB
        Path file = Files.write(folder.resolve("vmlinuz"), kernel);
        assertOneLine(run("run", "--kernel", file.toString()), 125, file + ": truncated");
    }

    @Test
    void initramfsAloneNeedsItsKernel() {
        assertOneLine(run("run", "--initramfs", "x"), 2, "needs its kernel; give --kernel too");
    }

    @Test
    void commandCannotGoIntoAForeignInitramfs() {
        assertOneLine(run("run", "--kernel", "k", "--initrd", "x", "--", "true"), 2, "leave out --initramfs");
    }

    @Test
    void helpNamesEveryExitStatus() {
        Ran ran = run("--help");
        assertThat(ran.status()).isZero();
        assertThat(ran.out()).contains("124", "125", "126", "127", "128+n");
    }

    @Test
    void versionSaysWhichJavaItRunsOn() {
        Ran ran = run("version");
        assertThat(ran.out()).startsWith("redoubt").contains("Java " + Runtime.version());
        assertThat(ran.status()).isZero();
    }

    @Test
    void doctorLooksAtWhatARunNeeds() {
        Ran ran = run("doctor");
        assertThat(ran.out()).contains("JDK", "Debian source", "cache", "gcc");
        assertThat(ran.err()).isEmpty();
    }
}
