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
                "--sgx-epc|size=1M,prefault=yes|prefault is on or off, not 'yes'",
                "--sgx-epc|size=1M,node=1|no such node; give --numa guest_numa_id=1 too",
                "--sgx-epc|2048G|EPC of 2199023255552 bytes: must be a multiple of 4096 between 4096 and 1 TiB",
                "--numa|cpus=0|has no guest_numa_id; the first node's is 0",
                "--numa|0,cpus=0-1|not a whole number from 0 to 0",
                "--numa|0,cpus=0:0|processor 0 has a node already",
                "--numa|64|not a whole number from 0 to 63",
                "--numa|0,sgx_epc_sections=epc7|no EPC section 'epc7'; give --sgx-epc id=epc7,size=64M too",
                "--sgx-lepubkeyhash|amd|unknown key 'amd'; intel, unlocked or 64 hex digits",
                "--sgx-lepubkeyhash|unlocked,locked=on|unlocked and locked=on exclude each other",
                "--cpu|pentium|--cpu pentium: unknown model 'pentium'; possible are skylake-sgx1, coffeelake, icelake",
                "--cpu|+sgx2|unknown model '+sgx2'; possible are skylake-sgx1, coffeelake, icelake-server, "
                        + "sapphirerapids, max, and the model comes first",
                "--cpu|max,sgx2|'sgx2' is neither +FLAG nor -FLAG",
                "--cpu|max,|'' is neither +FLAG nor -FLAG",
                "--cpu|max,+sgx3|unknown flag 'sgx3'; --cpu help lists them",
                "--cpu|max,+smx|Redoubt does not implement 'smx'",
                "--cpu|coffeelake,+sgx-aex-notify|'sgx-aex-notify' needs 'sgx-edeccssa', which is not there",
                "--cpu|icelake-server,-sgx,+sgxlc|'sgxlc' needs 'sgx', which is not there",
                "--memory|lots|--memory lots: not a size",
                "--memory|16M|--memory 16M: too little",
                "--memory|9999999T|--memory 9999999T",
                "--cpus|0|--cpus 0: not a whole number from 1 to 64",
                "--cpus|boot=65|--cpus boot=65: not a whole number from 1 to 64",
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
    void launchKeyNeedsAProcessorThatTakesIt() {
        assertOneLine(
                run("run", "--cpu", "skylake-sgx1", "--sgx-lepubkeyhash", "unlocked"),
                2,
                "takes Intel's launch key only; give it +sgxlc");
    }

    @Test
    void epcNeedsAProcessorWithSgx() {
        assertOneLine(run("run", "--cpu", "max,-sgx1", "--sgx-epc", "1M"), 2, "--sgx-epc 1M: the processor");
    }

    @Test
    void epcSectionsAreNamedOnce() {
        assertOneLine(
                run("run", "--sgx-epc", "1M", "--sgx-epc", "id=epc0,size=1M"), 2, "there is a section 'epc0' already");
        assertOneLine(run("run", "--sgx-epc", "1M", "--sgx-epc", "0"), 2, "--sgx-epc 0: none, beside another section");
    }

    @Test
    void nodesAreNamedOnce() {
        assertOneLine(run("run", "--numa", "0", "--numa", "guest_numa_id=0"), 2, "there is a node 0 already");
        assertOneLine(
                run("run", "--sgx-epc", "1M,node=1", "--numa", "0,sgx_epc_sections=epc0", "--numa", "1"),
                2,
                "EPC section 'epc0' belongs to node 1 already");
        assertOneLine(
                run("run", "--sgx-epc", "1M,node=2", "--numa", "0"),
                2,
                "no such node; give --numa guest_numa_id=2 too");
    }

    @Test
    void rootKeyHasThirtyTwoBytes(@TempDir Path folder) throws IOException {
        Path file = Files.write(folder.resolve("key"), new byte[31]);
        assertOneLine(run("run", "--sgx-root-key", file.toString()), 125, "has 31 bytes; 32 are wanted");
        assertOneLine(run("run", "--sgx-root-key", "/no/such/key"), 125, "--sgx-root-key /no/such/key: no such file");
    }

    @Test
    void cpuHelpListsModelsAndFlagsInOneTable() {
        Ran ran = run("run", "--cpu", "help");
        assertThat(ran.status()).isZero();
        assertThat(ran.err()).isEmpty();
        assertThat(ran.out())
                .contains(
                        "skylake-sgx1",
                        "coffeelake",
                        "sapphirerapids",
                        "max",
                        "icelake-server  SGX2, EXINFO, KSS (default)")
                .containsPattern("(?m)^sgx-aex-notify +- +- +- +\\+ +\\+ +sgx-edeccssa$")
                .containsPattern("(?m)^sgxlc +- +\\+ +\\+ +\\+ +\\+ +sgx$");
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
