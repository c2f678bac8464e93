package redoubt.x86;

import redoubt.x86.Rows.RowList;

/** VEX-encoded vector instructions: SDM vol. 1 chapter 14. */
final class AvxRows {
    private AvxRows() {}

    static void add(RowList t) {
        t.feature(Feature.BASE);
    }
}
