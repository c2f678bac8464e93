package redoubt.cli;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;
import redoubt.image.AptSources;
import redoubt.image.ImageCache;
import redoubt.image.ImageException;

/** {@code redoubt doctor}: what this host offers. */
@Command(
        name = "doctor",
        description = "Say what this host has, what is missing and how to get it.",
        footer = {"", "Exit status: 0 if a default guest can be made or is cached, else 125."})
final class DoctorCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    DoctorCommand() {}

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        line(out, true, "JDK", Runtime.version() + ", " + System.getProperty("java.home"));
        boolean sources = sources(out);
        boolean cache = cache(out);
        Path gcc = program("gcc");
        line(
                out,
                gcc != null,
                "gcc",
                gcc != null ? gcc.toString() : "not found; only for building enclaves: install gcc");
        return sources || cache ? 0 : Main.FAILED;
    }

    private static boolean sources(PrintWriter out) {
        try {
            List<AptSources.Source> sources = AptSources.ofSystem(null).sources();
            line(
                    out,
                    !sources.isEmpty(),
                    "Debian source",
                    sources.isEmpty()
                            ? "apt has none configured; name one in " + AptSources.MIRROR_VARIABLE
                                    + ", or run with --kernel and --initramfs"
                            : sources.getFirst()
                                    + (sources.size() > 1 ? " and " + (sources.size() - 1) + " more" : ""));
            return !sources.isEmpty();
        } catch (ImageException e) {
            line(out, false, "Debian source", String.valueOf(e.getMessage()));
            return false;
        }
    }

    private static boolean cache(PrintWriter out) {
        Path folder = ImageCache.ofUser().folder();
        boolean filled = Files.isDirectory(folder.resolve("guest"));
        Path existing = folder;
        while (existing.getParent() != null && !Files.exists(existing)) {
            existing = existing.getParent();
        }
        boolean writable = Files.isWritable(existing);
        String state = filled
                ? "has a default guest"
                : writable ? "empty; the first run fills it" : "cannot be written; name another place in REDOUBT_HOME";
        line(out, filled || writable, "cache", folder + ", " + state);
        return filled;
    }

    private static @Nullable Path program(String name) {
        for (String folder : System.getenv().getOrDefault("PATH", "").split(java.io.File.pathSeparator)) {
            Path path = Path.of(folder, name);
            if (Files.isExecutable(path)) {
                return path;
            }
        }
        return null;
    }

    private static void line(PrintWriter out, boolean good, String what, String value) {
        out.printf("%-4s %-14s %s%n", good ? "ok" : "--", what, value);
    }
}
