package redoubt.image;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * The folder that keeps what was fetched and made: {@code $REDOUBT_HOME/cache}, else {@code $XDG_CACHE_HOME/redoubt}, else
 * {@code ~/.cache/redoubt}. Files in it appear whole, and only one process at a time adds to it.
 */
public final class ImageCache {
    /** File locks are the process's, so threads of one process need one between themselves. */
    private static final ReentrantLock WITHIN_PROCESS = new ReentrantLock();

    private final Path folder;

    private ImageCache(Path folder) {
        this.folder = folder;
    }

    public static ImageCache in(Path folder) {
        return new ImageCache(folder.toAbsolutePath());
    }

    /** The cache of this user. */
    public static ImageCache ofUser() {
        return ofUser(System.getenv(), Path.of(System.getProperty("user.home", "/")));
    }

    static ImageCache ofUser(Map<String, String> environment, Path home) {
        String own = environment.getOrDefault("REDOUBT_HOME", "");
        if (!own.isEmpty()) {
            return in(Path.of(own, "cache"));
        }
        String xdg = environment.getOrDefault("XDG_CACHE_HOME", "");
        // The XDG specification wants relative paths ignored.
        return in((xdg.startsWith("/") ? Path.of(xdg) : home.resolve(".cache")).resolve("redoubt"));
    }

    public Path folder() {
        return folder;
    }

    /** Runs {@code work} while no other thread or process adds to this cache. */
    <T> T locked(Supplier<T> work) {
        WITHIN_PROCESS.lock();
        try {
            Files.createDirectories(folder);
            try (FileChannel channel =
                    FileChannel.open(folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
                // Two nested calls of one thread would meet their own lock; the closing of the channel releases it.
                channel.lock();
                return work.get();
            }
        } catch (IOException e) {
            throw new ImageException(
                    "the cache " + folder + " cannot be used: " + e.getMessage()
                            + "; REDOUBT_HOME or XDG_CACHE_HOME name another place",
                    e);
        } finally {
            WITHIN_PROCESS.unlock();
        }
    }
}
