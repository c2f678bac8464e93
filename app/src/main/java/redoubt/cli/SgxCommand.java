package redoubt.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code redoubt sgx}: what can be said of SGX without a virtual machine running. */
@Command(
        name = "sgx",
        description = "Look at the SGX of a processor, and at enclave files.",
        subcommands = {SgxInfoCommand.class, SgxMeasureCommand.class, SgxDumpCommand.class, SgxSignCommand.class},
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
        return String.join(", ", spec.subcommands().keySet());
    }
}
