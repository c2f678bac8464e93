package redoubt.cli;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * The forms of option values: sizes with binary suffixes, durations, and the comma lists of cloud-hypervisor
 * ({@code key=value,key=value}), where a first part without a key stands for the list's main key.
 */
final class Values {
    static final long PAGE = 4096;
    private static final String UNITS = "KMGT";

    private Values() {}

    /** A comma list; {@code main} is the key of a part without one. */
    static Map<String, String> list(String option, String text, String main, Set<String> keys) {
        Map<String, String> values = new LinkedHashMap<>();
        for (String part : text.split(",", -1)) {
            int equals = part.indexOf('=');
            String key = equals < 0 ? main : part.substring(0, equals);
            if (!keys.contains(key)) {
                throw new UsageException(
                        option + " " + text + ": unknown key '" + key + "'; possible are " + String.join(", ", keys));
            }
            if (equals < 0 && !values.isEmpty() || values.put(key, part.substring(equals + 1)) != null) {
                throw new UsageException(option + " " + text + ": '" + key + "' is given twice");
            }
        }
        return values;
    }

    /** Bytes: a whole number, with K, M, G or T for powers of 1024. */
    static long size(String option, String text, String value) {
        String number = value.strip().toUpperCase(Locale.ROOT);
        int shift = 0;
        if (number.endsWith("IB")) {
            number = number.substring(0, number.length() - 2);
        }
        if (!number.isEmpty() && UNITS.indexOf(number.charAt(number.length() - 1)) >= 0) {
            shift = 10 * (UNITS.indexOf(number.charAt(number.length() - 1)) + 1);
            number = number.substring(0, number.length() - 1);
        }
        if (!number.matches("[0-9]{1,18}") || Long.parseLong(number) > Long.MAX_VALUE >> shift) {
            throw new UsageException(option + " " + text + ": not a size; a number with K, M or G is wanted, as 64M");
        }
        return Long.parseLong(number) << shift;
    }

    /** A size in whole pages. */
    static long pages(String option, String text, String value) {
        long bytes = size(option, text, value);
        if (bytes % PAGE != 0) {
            throw new UsageException(option + " " + text + ": not a multiple of 4096; try "
                    + sizeText(Math.ceilDiv(bytes, PAGE) * PAGE));
        }
        return bytes;
    }

    /** A size as one would type it. */
    static String sizeText(long bytes) {
        int unit = -1;
        long rest = bytes;
        while (rest != 0 && rest % 1024 == 0 && unit < UNITS.length() - 1) {
            rest /= 1024;
            unit++;
        }
        return unit < 0 ? Long.toString(rest) : rest + UNITS.substring(unit, unit + 1);
    }

    /** Nanoseconds: seconds, or a number with ms, s, m or h. */
    static long nanos(String option, String text) {
        var match = java.util.regex.Pattern.compile("([0-9]{1,9}(?:\\.[0-9]{1,9})?)(ms|s|m|h)?")
                .matcher(text.strip());
        if (!match.matches()) {
            throw new UsageException(
                    option + " " + text + ": not a duration; seconds are wanted or a number with s, m or h, as 90s");
        }
        double unit = switch (match.group(2) == null ? "s" : match.group(2)) {
            case "ms" -> 1e6;
            case "m" -> 60e9;
            case "h" -> 3600e9;
            default -> 1e9;
        };
        long nanos = (long) (Double.parseDouble(match.group(1)) * unit);
        if (nanos == 0) {
            throw new UsageException(option + " " + text + ": no time at all; leave it out for no limit");
        }
        return nanos;
    }

    /** A whole number within bounds. */
    static long number(String option, String text, String value, long least, long most) {
        if (value.matches("-?[0-9]{1,18}")) {
            long number = Long.parseLong(value);
            if (number >= least && number <= most) {
                return number;
            }
        }
        throw new UsageException(option + " " + text + ": not a whole number from " + least + " to " + most);
    }

    /** {@code on} or {@code off}. */
    static boolean flag(String option, String text, String key, String value) {
        if (!value.equals("on") && !value.equals("off")) {
            throw new UsageException(option + " " + text + ": " + key + " is on or off, not '" + value + "'");
        }
        return value.equals("on");
    }
}
