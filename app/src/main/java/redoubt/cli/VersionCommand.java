package redoubt.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code redoubt version}. */
@Command(name = "version", description = "Print the version and the Java it runs on.")
final class VersionCommand implements Callable<Integer>, IVersionProvider {
    @Spec
    private CommandSpec spec;

    VersionCommand() {}

    @Override
    public String[] getVersion() {
        var descriptor = Main.class.getModule().getDescriptor();
        String version = descriptor == null
                ? ""
                : descriptor.rawVersion().map(v -> " " + v).orElse("");
        return new String[] {"redoubt" + version + " (Java " + Runtime.version() + ")"};
    }

    @Override
    public Integer call() {
        for (String line : getVersion()) {
            spec.commandLine().getOut().println(line);
        }
        return 0;
    }
}
