package redoubt.cpu;

/** How much the tests on random inputs do: the usual amount, or with {@code ./redoubt test --all} the large one. */
public final class TestScale {
    private static final boolean ALL = Boolean.getBoolean("redoubt.test.all");

    private TestScale() {}

    /** The number that {@code property} names, else {@code usual}, or {@code all} in a long run. */
    public static long count(String property, long usual, long all) {
        return Long.getLong(property, ALL ? all : usual);
    }
}
