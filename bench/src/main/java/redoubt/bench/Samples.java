package redoubt.bench;

import java.util.Arrays;

/** One figure of several runs. */
record Samples(double... values) {
    Samples {
        if (values.length == 0) {
            throw new IllegalArgumentException("no run, no figure");
        }
    }

    double min() {
        return Arrays.stream(values).min().orElseThrow();
    }

    double max() {
        return Arrays.stream(values).max().orElseThrow();
    }

    /** The middle value; of an even number the mean of the middle two. */
    double median() {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int half = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    }
}
