package redoubt.image;

/**
 * Order of Debian version numbers, {@code [epoch:]upstream[-revision]} (Debian Policy 5.6.12): letters before other
 * characters, a tilde before everything including the end, runs of digits by their value.
 */
final class DebianVersion {
    private DebianVersion() {}

    static int compare(String left, String right) {
        int byEpoch = compareNumbers(epoch(left), epoch(right));
        if (byEpoch != 0) {
            return byEpoch;
        }
        int byUpstream = comparePart(upstream(left), upstream(right));
        return byUpstream != 0 ? byUpstream : comparePart(revision(left), revision(right));
    }

    private static String epoch(String version) {
        int colon = version.indexOf(':');
        return colon < 0 ? "" : version.substring(0, colon);
    }

    private static String upstream(String version) {
        String rest = version.substring(version.indexOf(':') + 1);
        int dash = rest.lastIndexOf('-');
        return dash < 0 ? rest : rest.substring(0, dash);
    }

    private static String revision(String version) {
        int dash = version.lastIndexOf('-');
        return dash < 0 ? "" : version.substring(dash + 1);
    }

    private static int comparePart(String left, String right) {
        int i = 0;
        int j = 0;
        while (i < left.length() || j < right.length()) {
            while ((i < left.length() && !isDigit(left.charAt(i)))
                    || (j < right.length() && !isDigit(right.charAt(j)))) {
                int difference = Integer.compare(weight(left, i), weight(right, j));
                if (difference != 0) {
                    return difference;
                }
                i++;
                j++;
            }
            int leftEnd = endOfDigits(left, i);
            int rightEnd = endOfDigits(right, j);
            int difference = compareNumbers(
                    left.substring(Math.min(i, leftEnd), leftEnd), right.substring(Math.min(j, rightEnd), rightEnd));
            if (difference != 0) {
                return difference;
            }
            i = leftEnd;
            j = rightEnd;
        }
        return 0;
    }

    /** Digits and the end weigh nothing, so that a part which ends or turns numeric sorts between tilde and letter. */
    private static int weight(String text, int at) {
        if (at >= text.length() || isDigit(text.charAt(at))) {
            return 0;
        }
        char c = text.charAt(at);
        if (c == '~') {
            return -1;
        }
        boolean letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return letter ? c : c + 0x10000;
    }

    private static int endOfDigits(String text, int from) {
        int end = Math.min(from, text.length());
        while (end < text.length() && isDigit(text.charAt(end))) {
            end++;
        }
        return end;
    }

    private static int compareNumbers(String left, String right) {
        String a = stripZeros(left);
        String b = stripZeros(right);
        return a.length() != b.length() ? Integer.compare(a.length(), b.length()) : Integer.signum(a.compareTo(b));
    }

    private static String stripZeros(String digits) {
        int start = 0;
        while (start < digits.length() && digits.charAt(start) == '0') {
            start++;
        }
        return digits.substring(start);
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }
}
