package redoubt.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The guest that runs when nobody names another: Debian's stock cloud kernel and a userland of busybox, made from Debian's
 * packages on first use and kept in the cache. With a filled cache nothing touches the network.
 */
public final class DefaultGuest {
    private static final String KERNEL_META = "linux-image-cloud-amd64";
    private static final String KERNEL_PREFIX = "linux-image-";
    private static final String BUSYBOX = "busybox-static";

    private DefaultGuest() {}

    /**
     * What is asked for.
     *
     * @param modules of Debian's kernel to insert before the command starts, by name; their dependencies come along
     * @param kernel a bzImage to boot instead of Debian's, or null
     * @param verbose the kernel's log on its console at full length
     * @param update ask the archive for newer packages first
     * @param mirror in place of apt's sources, see {@link AptSources}; or null
     */
    public record Options(
            GuestCommand command,
            List<GuestInit.Copy> copies,
            List<String> modules,
            @Nullable Path kernel,
            boolean verbose,
            boolean update,
            @Nullable String mirror,
            ImageCache cache,
            Progress progress) {
        public static Options of(GuestCommand command) {
            return new Options(
                    command, List.of(), List.of(), null, false, false, null, ImageCache.ofUser(), Progress.NONE);
        }

        public Options copying(List<GuestInit.Copy> more) {
            List<GuestInit.Copy> all = new ArrayList<>(copies);
            all.addAll(more);
            return new Options(command, List.copyOf(all), modules, kernel, verbose, update, mirror, cache, progress);
        }

        public Options inserting(List<String> more) {
            List<String> all = new ArrayList<>(modules);
            all.addAll(more);
            return new Options(command, copies, List.copyOf(all), kernel, verbose, update, mirror, cache, progress);
        }

        public Options withKernel(@Nullable Path bzImage) {
            return new Options(command, copies, modules, bzImage, verbose, update, mirror, cache, progress);
        }

        public Options verbosely(boolean yes) {
            return new Options(command, copies, modules, kernel, yes, update, mirror, cache, progress);
        }

        public Options updating(boolean yes) {
            return new Options(command, copies, modules, kernel, verbose, yes, mirror, cache, progress);
        }

        public Options from(@Nullable String newMirror) {
            return new Options(command, copies, modules, kernel, verbose, update, newMirror, cache, progress);
        }

        public Options in(ImageCache newCache) {
            return new Options(command, copies, modules, kernel, verbose, update, mirror, newCache, progress);
        }

        public Options reportingTo(Progress newProgress) {
            return new Options(command, copies, modules, kernel, verbose, update, mirror, cache, newProgress);
        }
    }

    /** What to boot: a bzImage, an initramfs, the kernel's command line. */
    public record Prepared(Path kernel, byte[] initramfs, String cmdline) {}

    /** The packages in the cache that a guest is made of. */
    private record Parts(Path kernel, byte[] busybox, byte[] sgxLoad, Map<String, byte[]> modules) {}

    /**
     * Makes the guest ready, fetching what the cache lacks.
     *
     * @throws ImageException if that cannot be done, with what was tried and what else can be given
     */
    public static Prepared prepare(Options options) {
        // Read before anything is fetched: a wrong --copy should be said at once.
        Initramfs run = GuestInit.run(options.command(), options.copies());
        if (options.kernel() != null && !options.modules().isEmpty()) {
            throw new ImageException(
                    "kernel modules can only be inserted into Debian's kernel, not into " + options.kernel());
        }
        Parts parts = parts(options);
        GuestInit.insert(run, parts.modules());
        Initramfs base = GuestInit.base(parts.busybox()).file(GuestTools.SGX_LOAD, 0755, parts.sgxLoad());
        byte[] initramfs = Initramfs.concatenated(base.toByteArray(), run.toByteArray(base));
        return new Prepared(parts.kernel(), initramfs, GuestInit.cmdline(options.verbose()));
    }

    /** A verified package of the Debian archive from the cache, fetched if need be. */
    public static Path debianPackage(String name, ImageCache cache, Progress progress) {
        return cache.locked(() -> {
            try (DebianArchive archive = archive(null, cache, progress)) {
                return archive.fetch(name);
            }
        });
    }

    private static Parts parts(Options options) {
        return options.cache().locked(() -> {
            try (DebianArchive archive = archive(options.mirror(), options.cache(), options.progress())) {
                if (options.update()) {
                    archive.refresh();
                }
                Path kernel = options.kernel() != null ? options.kernel() : kernel(archive, options);
                byte[] busybox = read(extracted(archive, options, BUSYBOX, "bin/busybox", "usr/bin/busybox"));
                byte[] sgxLoad = GuestTools.sgxLoad(archive, options.cache(), options.progress(), kernel, busybox);
                Parts parts = new Parts(kernel, busybox, sgxLoad, modules(archive, options.modules()));
                archive.keep();
                return parts;
            } catch (ImageException e) {
                throw new ImageException(
                        "the default guest cannot be made: " + e.getMessage()
                                + "; a guest of your own can be given with --kernel and --initramfs",
                        e);
            }
        });
    }

    private static byte[] read(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new ImageException(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    private static DebianArchive archive(@Nullable String mirror, ImageCache cache, Progress progress) {
        return new DebianArchive(
                () -> AptSources.ofSystem(mirror), cache.folder().resolve("debian"), progress);
    }

    private static String kernelName(DebianArchive archive) {
        DebianArchive.DebianPackage meta = archive.find(KERNEL_META);
        String name = meta.dependency(KERNEL_PREFIX);
        if (name == null) {
            throw new ImageException("the package " + KERNEL_META + " " + meta.version() + " depends on no kernel");
        }
        return name;
    }

    private static Map<String, byte[]> modules(DebianArchive archive, List<String> names) {
        return names.isEmpty()
                ? Map.of()
                : KernelModules.read(DebPackage.of(archive.fetch(kernelName(archive))), names);
    }

    private static Path kernel(DebianArchive archive, Options options) {
        String name = kernelName(archive);
        return extracted(archive, options, name, "boot/vmlinuz-" + name.substring(KERNEL_PREFIX.length()));
    }

    /** One file of a package, kept in a folder of the package's name and version; the first of {@code paths} it has. */
    private static Path extracted(DebianArchive archive, Options options, String name, String... paths) {
        DebianArchive.DebianPackage wanted = archive.find(name);
        Path folder = options.cache().folder().resolve("guest").resolve(wanted.fileStem());
        for (String path : paths) {
            Path file = folder.resolve(path.substring(path.lastIndexOf('/') + 1));
            if (Files.isRegularFile(file)) {
                return file;
            }
        }
        Path deb = archive.fetch(name);
        options.progress().report("unpacking " + name, 0, -1);
        Map<String, byte[]> found = DebPackage.of(deb).readMatching(List.of(paths)::contains, 1);
        if (found.isEmpty()) {
            throw new ImageException(deb + ": has no " + paths[0]);
        }
        Map.Entry<String, byte[]> one = found.entrySet().iterator().next();
        Path file = folder.resolve(one.getKey().substring(one.getKey().lastIndexOf('/') + 1));
        try {
            Files.createDirectories(folder);
            AtomicFiles.write(file, one.getValue());
        } catch (IOException e) {
            throw new ImageException(file + ": cannot be written: " + e.getMessage(), e);
        }
        return file;
    }
}
