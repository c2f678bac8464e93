package redoubt.x86;

import redoubt.x86.Rows.RowList;

/** MMX and legacy-encoded SSE instructions, with AES, PCLMULQDQ and SHA: SDM vol. 1 chapters 9 to 12. */
final class SseRows {
    private SseRows() {}

    static void add(RowList t) {
        t.feature(Feature.BASE);
    }
}
