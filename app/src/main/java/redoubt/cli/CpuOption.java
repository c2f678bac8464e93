package redoubt.cli;

import java.io.PrintWriter;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import picocli.CommandLine.Option;
import redoubt.cpu.CpuGeneration;
import redoubt.cpu.CpuModel;
import redoubt.x86.Feature;

/** {@code --cpu MODEL[,+FLAG,-FLAG]}, under QEMU's names. */
final class CpuOption {
    private static final String OPTION = "--cpu";
    private static final String HELP = "help";

    @Option(
            names = OPTION,
            paramLabel = "MODEL[,+FLAG,-FLAG]",
            description = "The processor, as coffeelake or icelake-server,-sgx2; help lists models and flags "
                    + "(icelake-server).")
    private String text = CpuGeneration.DEFAULT.modelName();

    CpuOption() {}

    /** Whether it only asks what there is. */
    boolean asksForHelp() {
        return text.equals(HELP) || text.equals("?");
    }

    /**
     * The processor asked for.
     *
     * @throws UsageException if there is no such thing
     */
    CpuModel model(int processors) {
        String[] parts = text.split(",", -1);
        CpuGeneration generation = CpuGeneration.ofName(parts[0])
                .orElseThrow(() -> refused("unknown model '" + parts[0] + "'; possible are " + models()
                        + (parts[0].startsWith("+") || parts[0].startsWith("-") ? ", and the model comes first" : "")));
        Set<Feature> features = EnumSet.copyOf(generation.features());
        Set<Feature> added = EnumSet.noneOf(Feature.class);
        for (String part : Arrays.asList(parts).subList(1, parts.length)) {
            Optional<Boolean> on = switch (part.isEmpty() ? ' ' : part.charAt(0)) {
                case '+' -> Optional.of(true);
                case '-' -> Optional.of(false);
                default -> Optional.empty();
            };
            boolean wanted = on.orElseThrow(() -> refused("'" + part + "' is neither +FLAG nor -FLAG"));
            String name = part.substring(1);
            Feature feature = Feature.ofFlag(name)
                    .orElseThrow(() -> refused("unknown flag '" + name + "'; " + OPTION + " help lists them"));
            if (wanted) {
                if (!CpuModel.implemented().contains(feature)) {
                    throw refused("Redoubt does not implement '" + name + "'");
                }
                features.add(feature);
                added.add(feature);
            } else {
                features.remove(feature);
                added.remove(feature);
            }
        }
        Set<Feature> closed = Feature.closed(features);
        for (Feature feature : added) {
            for (Feature need : feature.needs()) {
                if (!closed.contains(need)) {
                    throw refused("'" + flag(feature) + "' needs '" + flag(need) + "', which is not there");
                }
            }
        }
        return new CpuModel(generation, closed, processors);
    }

    private UsageException refused(String why) {
        return new UsageException(OPTION + " " + text + ": " + why);
    }

    private static String models() {
        return Arrays.stream(CpuGeneration.values())
                .map(CpuGeneration::modelName)
                .collect(Collectors.joining(", "));
    }

    private static String flag(Feature feature) {
        return feature.flag().orElse("base");
    }

    /** One table: a line for every flag, a column for every model. */
    static void list(PrintWriter out) {
        CpuGeneration[] models = CpuGeneration.values();
        for (CpuGeneration model : models) {
            out.printf(
                    "%-15s %s%s%n",
                    model.modelName(), model.summary(), model == CpuGeneration.DEFAULT ? " (default)" : "");
        }
        out.println();
        out.printf("%-18s", "flag");
        for (CpuGeneration model : models) {
            out.printf(" %s", model.modelName());
        }
        out.println(" needs");
        for (Feature feature : CpuModel.implemented()) {
            if (feature.flag().isEmpty()) {
                continue;
            }
            out.printf("%-18s", flag(feature));
            for (CpuGeneration model : models) {
                String mark = model.features().contains(feature) ? "+" : "-";
                out.printf(" %-" + model.modelName().length() + "s", mark);
            }
            out.println(
                    feature.needs().isEmpty()
                            ? ""
                            : " "
                                    + feature.needs().stream()
                                            .map(CpuOption::flag)
                                            .collect(Collectors.joining(" ")));
        }
    }
}
