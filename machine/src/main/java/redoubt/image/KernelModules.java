package redoubt.image;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Loadable modules of a Debian kernel package, in the order in which they must be inserted. Debian makes {@code
 * modules.dep} only when the package is installed, so the dependencies are read from the modules themselves: the
 * {@code depends=} entry of their {@code .modinfo} section (scripts/mod/modpost.c).
 *
 * <p>Limitations: uncompressed modules, as Debian 12 ships them; soft dependencies are not followed.
 */
final class KernelModules {
    private static final String FOLDER = "lib/modules/";
    private static final byte[] DEPENDS = "\0depends=".getBytes(StandardCharsets.US_ASCII);

    private KernelModules() {}

    /**
     * The named modules and all they depend on: paths in the package to contents, dependencies first.
     *
     * @throws ImageException if a name is not among the package's modules (it may be built into the kernel)
     */
    static Map<String, byte[]> read(DebPackage kernel, List<String> names) {
        if (names.isEmpty()) {
            return Map.of();
        }
        // One pass over everything: the package is one compressed stream, and a dependency may stand before its user.
        Map<String, byte[]> all =
                kernel.readMatching(path -> path.contains(FOLDER) && path.endsWith(".ko"), Integer.MAX_VALUE);
        Map<String, String> paths = new HashMap<>();
        for (String path : all.keySet()) {
            paths.put(name(path), path);
        }
        Set<String> ordered = new LinkedHashSet<>();
        for (String wanted : names) {
            insert(canonical(wanted), paths, all, ordered, new ArrayList<>());
        }
        Map<String, byte[]> modules = new LinkedHashMap<>();
        for (String one : ordered) {
            String path = paths.getOrDefault(one, "");
            modules.put(path, all.getOrDefault(path, new byte[0]));
        }
        return modules;
    }

    private static void insert(
            String name, Map<String, String> paths, Map<String, byte[]> all, Set<String> ordered, List<String> above) {
        String path = paths.get(name);
        if (path == null || above.contains(name)) {
            throw new ImageException("no kernel module " + name
                    + (above.isEmpty() ? " (is it built into the kernel?)" : ", which " + above.getLast() + " needs"));
        }
        if (!ordered.contains(name)) {
            List<String> chain = new ArrayList<>(above);
            chain.add(name);
            for (String dependency : depends(all.getOrDefault(path, new byte[0]))) {
                insert(canonical(dependency), paths, all, ordered, chain);
            }
            ordered.add(name);
        }
    }

    /** The names after {@code depends=}; a module without the entry, or with an empty one, needs nothing. */
    static List<String> depends(byte[] module) {
        for (int at = 0; at + DEPENDS.length <= module.length; at++) {
            int same = 0;
            while (same < DEPENDS.length && module[at + same] == DEPENDS[same]) {
                same++;
            }
            if (same == DEPENDS.length) {
                int end = at + same;
                while (end < module.length && module[end] != 0) {
                    end++;
                }
                String text = new String(module, at + same, end - at - same, StandardCharsets.US_ASCII);
                return text.isEmpty() ? List.of() : List.of(text.split(","));
            }
        }
        return List.of();
    }

    private static String name(String path) {
        return canonical(path.substring(path.lastIndexOf('/') + 1, path.length() - ".ko".length()));
    }

    /** The kernel takes hyphens and underscores in module names for the same. */
    private static String canonical(String name) {
        return name.replace('-', '_');
    }
}
