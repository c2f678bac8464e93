package redoubt.x86;

import redoubt.x86.Rows.RowList;

/** x87 floating point: SDM vol. 1 chapter 8. */
final class X87Rows {
    private X87Rows() {}

    static void add(RowList t) {
        t.feature(Feature.X87);
        t.row("WAIT", "9B", "", "X87.fwait");
        t.row("FNINIT", "DB=E3", "", "X87.fninit");
        t.row("FNCLEX", "DB=E2", "", "X87.fnclex");
        t.row("FLDCW", "D9/5", "Ew", "X87.fldcw", "mem");
        t.row("FNSTCW", "D9/7", "=Ew", "X87.fnstcw", "mem");
        t.row("FNSTSW", "DD/7", "=Ew", "X87.fnstsw", "mem");
        t.row("FNSTSW", "DF=E0", "=Aw", "X87.fnstsw");
        t.feature(Feature.MMX).row("EMMS", "NP.0F.77", "", "X87.emms");
        t.feature(Feature.BASE);
    }
}
