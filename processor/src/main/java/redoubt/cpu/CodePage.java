package redoubt.cpu;

import java.util.Arrays;

/** The decoded instructions of one page of code, in one mode: packed operations in one array, blocks found by page offset. */
final class CodePage {
    /** In {@link #entry}: the instruction here continues in the next page and is decoded anew each time. */
    static final char STRADDLES = 0xFFFF;

    /** Stands in for a page with an instruction breakpoint: every instruction is decoded alone, and looked at before. */
    static final CodePage ONE_BY_ONE = new CodePage(0, 0);

    static {
        Arrays.fill(ONE_BY_ONE.entry, STRADDLES);
    }

    private static final int MOST_WORDS = 0xFF00;

    final long host;
    final int mode;
    /** In a header: the engine may go on here from another block of the page; only where RIP is a linear address. */
    static final long LINKED = Long.MIN_VALUE;

    /**
     * Per block: a header (bits 0..15 instructions, 16..31 page offset after the block, 63 {@link #LINKED}), then its
     * operations. The first word is 0, a header of no block.
     */
    long[] ops = new long[64];
    /** Page offset of the instruction each word belongs to; of a header -1. */
    short[] offsets = new short[64];
    /** Index of a block's header by page offset; 0 none. */
    final char[] entry = new char[4096];
    /** Bytes of the page that have been decoded, one bit each. */
    final long[] decoded = new long[64];

    private int used = 1;

    CodePage(long host, int mode) {
        this.host = host;
        this.mode = mode;
    }

    boolean isEmpty() {
        return used == 1;
    }

    /** Whether a write of these bytes changes something decoded. */
    boolean covers(int offset, int length) {
        for (int i = offset; i < Math.min(offset + length, 4096); i++) {
            if ((decoded[i >> 6] >>> i & 1) != 0) {
                return true;
            }
        }
        return false;
    }

    void mark(int from, int to) {
        for (int i = from; i < Math.min(to, 4096); i++) {
            decoded[i >> 6] |= 1L << i;
        }
    }

    /** Page offset of the {@code n}th instruction behind the one that begins at this word of a block. */
    int offset(int word, int n) {
        int at = word;
        for (int i = n; i > 0; i--) {
            int of = offsets[at];
            while (offsets[at] == of) {
                at++;
            }
        }
        return offsets[at] & 0xFFFF;
    }

    /** The first word of the instruction that a word belongs to. */
    int firstWord(int word) {
        int first = word;
        while (offsets[first - 1] == offsets[first]) {
            first--;
        }
        return first;
    }

    /** Forgets everything. What is running here finds {@link redoubt.x86.Kinds#RESYNC} at its next operation. */
    void clear() {
        if (used > 1) {
            Arrays.fill(ops, 0, used, 0);
            Arrays.fill(entry, (char) 0);
            Arrays.fill(decoded, 0);
            used = 1;
        }
    }

    /** Appends a block; returns the header's index. */
    int append(long[] words, short[] wordOffsets, int count, long header) {
        if (used + count + 1 > MOST_WORDS) {
            clear();
        }
        if (used + count + 1 > ops.length) {
            int size = Math.max(ops.length * 2, used + count + 1);
            ops = Arrays.copyOf(ops, size);
            offsets = Arrays.copyOf(offsets, size);
        }
        int at = used;
        ops[at] = mode == 64 ? header | LINKED : header;
        offsets[at] = -1;
        System.arraycopy(words, 0, ops, at + 1, count);
        System.arraycopy(wordOffsets, 0, offsets, at + 1, count);
        used = at + 1 + count;
        return at;
    }
}
