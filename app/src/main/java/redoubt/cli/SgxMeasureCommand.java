package redoubt.cli;

import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code redoubt sgx measure}: the identity an enclave file will have. */
@Command(
        name = "measure",
        description = "Print an enclave file's MRENCLAVE and MRSIGNER, and whether its signature is good.",
        mixinStandardHelpOptions = true,
        footer = {"", "Exit status: 0, or 1 if it is signed and EINIT would refuse the signature."})
final class SgxMeasureCommand implements Callable<Integer> {
    static final int REFUSED = 1;

    @Spec
    private CommandSpec spec;

    @Mixin
    private EnclaveArguments arguments = new EnclaveArguments();

    SgxMeasureCommand() {}

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        EnclaveReport report = new EnclaveReport(arguments.read().getFirst());
        if (arguments.json()) {
            EnclaveReport.print(out, report.measureJson());
        } else {
            report.measure(out);
        }
        return report.signatureHolds() ? 0 : REFUSED;
    }
}
