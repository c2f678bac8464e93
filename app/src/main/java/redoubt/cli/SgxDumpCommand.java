package redoubt.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code redoubt sgx dump}: all that an enclave file says. */
@Command(
        name = "dump",
        description = {
            "Print an enclave file's identity, attributes, SIGSTRUCT and pages.",
            "A file of Intel's SDK may describe its enclave several times, for loaders of several versions: all are printed,"
                    + " the one a loader prefers first. JSON is a list of them."
        },
        mixinStandardHelpOptions = true,
        footer = {"", "Exit status: 0, or 1 if one is signed and EINIT would refuse the signature."})
final class SgxDumpCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private EnclaveArguments arguments = new EnclaveArguments();

    SgxDumpCommand() {}

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        List<EnclaveReport> reports =
                arguments.read().stream().map(EnclaveReport::new).toList();
        if (arguments.json()) {
            EnclaveReport.print(
                    out, reports.stream().map(EnclaveReport::dumpJson).toList());
        } else {
            for (int i = 0; i < reports.size(); i++) {
                if (i > 0) {
                    out.println();
                }
                reports.get(i).dump(out);
            }
        }
        return reports.stream().allMatch(EnclaveReport::signatureHolds) ? 0 : SgxMeasureCommand.REFUSED;
    }
}
