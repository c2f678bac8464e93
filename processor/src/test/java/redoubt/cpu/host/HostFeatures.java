package redoubt.cpu.host;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Set;
import redoubt.x86.Feature;

/** Which features the host's processor offers to user programs, from the flags line of /proc/cpuinfo. */
final class HostFeatures {
    private HostFeatures() {}

    static Set<Feature> present() {
        Set<String> flags = new HashSet<>();
        try {
            for (String line : Files.readAllLines(Path.of("/proc/cpuinfo"))) {
                if (line.startsWith("flags")) {
                    flags.addAll(Arrays.asList(
                            line.substring(line.indexOf(':') + 1).trim().split(" ")));
                    break;
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Set<Feature> present = EnumSet.of(Feature.BASE);
        for (Feature feature : Feature.values()) {
            if (feature.linuxName().map(flags::contains).orElse(false)) {
                present.add(feature);
            }
        }
        return present;
    }
}
