package redoubt.sgx;

import java.util.ArrayList;
import java.util.List;

/** Bits of ATTRIBUTES.FLAGS: SDM vol. 3D table 35-3. */
public final class Attributes {
    public static final long INIT = 1;
    public static final long DEBUG = 2;
    public static final long MODE64BIT = 4;
    public static final long PROVISIONKEY = 0x10;
    public static final long EINITTOKENKEY = 0x20;
    public static final long KSS = 0x80;
    public static final long AEXNOTIFY = 0x400;

    private static final String[] NAMES = {
        "INIT", "DEBUG", "MODE64BIT", "", "PROVISIONKEY", "EINITTOKENKEY", "CET", "KSS", "", "", "AEXNOTIFY"
    };

    private Attributes() {}

    /** The names of the bits that are set, as the manual gives them; a reserved one as "bit n". */
    public static List<String> names(long flags) {
        List<String> names = new ArrayList<>();
        for (int bit = 0; bit < Long.SIZE; bit++) {
            if ((flags >> bit & 1) != 0) {
                String name = bit < NAMES.length ? NAMES[bit] : "";
                names.add(name.isEmpty() ? "bit " + bit : name);
            }
        }
        return names;
    }
}
