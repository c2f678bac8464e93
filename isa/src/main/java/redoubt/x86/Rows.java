package redoubt.x86;

import java.util.ArrayList;
import java.util.List;

/** The whole instruction table, family by family. A family is one class with a static {@code add(RowList)}. */
public final class Rows {
    /** All rows; a row's {@link Row#id} is its position. */
    public static final List<Row> ALL;

    static {
        RowList list = new RowList();
        IntegerRows.add(list);
        SystemRows.add(list);
        X87Rows.add(list);
        MmxRows.add(list);
        SseRows.add(list);
        AvxRows.add(list);
        ALL = list.finish();
    }

    private Rows() {}

    /** Collects rows; {@link #feature} applies to all that follow. */
    static final class RowList {
        private final List<Row> rows = new ArrayList<>();
        private Feature feature = Feature.BASE;

        RowList feature(Feature next) {
            feature = next;
            return this;
        }

        Feature feature() {
            return feature;
        }

        /** The rows collected by now. */
        List<Row> soFar() {
            return List.copyOf(rows);
        }

        RowList row(Row row) {
            rows.add(row);
            return this;
        }

        /** A row without undefined flags; {@code flags} as in {@link Row}. */
        RowList row(String mnemonic, String encoding, String operands, String semantics, String... flags) {
            rows.add(new Row(mnemonic, encoding, operands, semantics, feature, "", flags));
            return this;
        }

        /** A row that leaves the status flags named in {@code undefined} (letters of OSZAPC) undefined. */
        RowList undef(
                String undefined,
                String mnemonic,
                String encoding,
                String operands,
                String semantics,
                String... flags) {
            rows.add(new Row(mnemonic, encoding, operands, semantics, feature, undefined, flags));
            return this;
        }

        List<Row> finish() {
            for (int i = 0; i < rows.size(); i++) {
                rows.get(i).id = i;
            }
            return List.copyOf(rows);
        }
    }
}
