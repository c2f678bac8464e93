package redoubt.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code redoubt sgx}: tools for enclave files, which need no virtual machine. */
@Command(
        name = "sgx",
        description = "Look at enclave files.",
        subcommands = {SgxMeasureCommand.class, SgxDumpCommand.class},
        synopsisSubcommandLabel = "COMMAND",
        mixinStandardHelpOptions = true)
final class SgxCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    SgxCommand() {}

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "no command given; " + names() + " are possible");
    }

    private String names() {
        return String.join(" and ", spec.subcommands().keySet());
    }
}
