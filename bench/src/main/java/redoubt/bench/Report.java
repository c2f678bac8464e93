package redoubt.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a benchmark found.
 *
 * @param ours what the first column of figures is of
 * @param peer what the second is of, or null if there is none
 */
record Report(String benchmark, String ours, @Nullable String peer, List<Figure> figures, List<String> notes) {
    /** One row; a figure without a peer has no ratio. */
    record Figure(
            String name,
            String unit,
            Samples ours,
            @Nullable Samples peer) {
        /** Ours to the peer's, of the medians. */
        double ratio() {
            return peer == null ? Double.NaN : ours.median() / peer.median();
        }
    }

    /** For people: a row a figure, minimum, median and maximum of each side. */
    String table() {
        boolean compared = peer != null;
        StringBuilder out = new StringBuilder(benchmark).append('\n');
        String heading = String.format("%-46s %29s", "", ours + " min/median/max");
        out.append(heading);
        if (compared) {
            out.append(String.format(" %29s %8s", peer + " min/median/max", "ratio"));
        }
        out.append('\n');
        for (Figure figure : figures) {
            out.append(String.format(
                    "%-46s %s",
                    figure.name + (figure.unit.isEmpty() ? "" : " [" + figure.unit + "]"), text(figure.ours)));
            Samples other = figure.peer;
            if (other != null) {
                out.append(String.format(Locale.ROOT, " %s %8.2f", text(other), figure.ratio()));
            }
            out.append('\n');
        }
        for (String note : notes) {
            out.append("  ").append(note).append('\n');
        }
        return out.toString();
    }

    private static String text(Samples samples) {
        return String.format("%9s %9s %9s", number(samples.min()), number(samples.median()), number(samples.max()));
    }

    /** Three digits that matter, or all of a larger whole. */
    private static String number(double value) {
        double magnitude = Math.abs(value);
        return String.format(Locale.ROOT, magnitude >= 100 ? "%.0f" : magnitude >= 10 ? "%.1f" : "%.2f", value);
    }

    /** For programs: the same as maps and lists. */
    Map<String, Object> json() {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("benchmark", benchmark);
        all.put("ours", ours);
        if (peer != null) {
            all.put("peer", peer);
        }
        List<Map<String, Object>> rows = new ArrayList<>();
        for (Figure figure : figures) {
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("name", figure.name);
            row.put("unit", figure.unit);
            row.put("ours", json(figure.ours));
            Samples other = figure.peer;
            if (other != null) {
                row.put("peer", json(other));
                row.put("ratio", figure.ratio());
            }
            rows.add(row);
        }
        all.put("figures", rows);
        all.put("notes", notes);
        return all;
    }

    private static Map<String, Object> json(Samples samples) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("min", samples.min());
        all.put("median", samples.median());
        all.put("max", samples.max());
        all.put("values", samples.values());
        return all;
    }
}
