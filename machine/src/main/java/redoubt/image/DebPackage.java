package redoubt.image;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.apache.commons.compress.archivers.ar.ArArchiveEntry;
import org.apache.commons.compress.archivers.ar.ArArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;

/**
 * The files of a {@code .deb} (deb(5)): an ar archive whose member {@code data.tar} holds them. Names are paths without a
 * leading slash; a member whose name would leave the package's own tree makes the whole package refused.
 *
 * <p>Limitations: {@code data.tar} as it is, or compressed with gzip or xz, as in Debian 12; not zstd, which Ubuntu uses.
 */
public final class DebPackage {
    private static final long LARGEST_FILE_BYTES = 1L << 30;

    private final Path file;

    private DebPackage(Path file) {
        this.file = file;
    }

    public static DebPackage of(Path file) {
        return new DebPackage(file);
    }

    /** What an entry of the package is. */
    public enum Kind {
        FILE,
        DIRECTORY,
        SYMLINK,
        HARDLINK
    }

    /** One entry. {@code target} is a link's: as written for a symbolic link, a path of the package for a hard link. */
    public record Entry(String path, Kind kind, int mode, long sizeBytes, String target) {}

    /** Takes the entries in the package's order. */
    @FunctionalInterface
    public interface Visitor {
        /**
         * Takes one entry.
         *
         * @param content the bytes of a file, valid during the call; empty for other kinds
         * @return false to stop
         */
        boolean visit(Entry entry, InputStream content) throws IOException;
    }

    /** Hands over every entry until the visitor has enough. Device nodes and FIFOs are left out. */
    public void forEach(Visitor visitor) {
        try (InputStream raw = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
                ArArchiveInputStream members = new ArArchiveInputStream(raw)) {
            ArArchiveEntry member = members.getNextEntry();
            if (member == null
                    || !member.getName().equals("debian-binary")
                    || !new String(members.readNBytes(64), StandardCharsets.US_ASCII).startsWith("2.")) {
                throw new ImageException(file + ": not a Debian package of format 2");
            }
            for (member = members.getNextEntry(); member != null; member = members.getNextEntry()) {
                String name = member.getName();
                if (name.equals("data.tar") || name.equals("data.tar.gz") || name.equals("data.tar.xz")) {
                    walk(name, members, visitor);
                    return;
                }
                if (name.startsWith("data.tar")) {
                    throw new ImageException(file + ": its " + name
                            + " is in a compression not read here; packages with xz or gzip are");
                }
            }
            throw new ImageException(file + ": has no data.tar");
        } catch (IOException | IllegalArgumentException e) {
            // commons-compress reports some damaged headers as illegal arguments.
            throw new ImageException(file + ": damaged: " + e.getMessage(), e);
        }
    }

    private void walk(String name, InputStream member, Visitor visitor) throws IOException {
        InputStream decompressed = DebianArchive.decompressed(name, member);
        // The tar reader is not closed: that would close the ar archive, which the caller does.
        TarArchiveInputStream tar = new TarArchiveInputStream(decompressed);
        for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
            String path = safePath(entry.getName());
            Kind kind = entry.isDirectory()
                    ? Kind.DIRECTORY
                    : entry.isSymbolicLink()
                            ? Kind.SYMLINK
                            : entry.isLink() ? Kind.HARDLINK : entry.isFile() ? Kind.FILE : null;
            if (kind == null || path.isEmpty()) {
                continue;
            }
            String target = kind == Kind.SYMLINK
                    ? entry.getLinkName()
                    : kind == Kind.HARDLINK ? safePath(entry.getLinkName()) : "";
            long size = kind == Kind.FILE ? entry.getSize() : 0;
            Entry one = new Entry(path, kind, entry.getMode() & 07777, size, target);
            if (!visitor.visit(one, kind == Kind.FILE ? tar : InputStream.nullInputStream())) {
                return;
            }
        }
    }

    private String safePath(String name) {
        Deque<String> parts = new ArrayDeque<>();
        if (name.startsWith("/") || name.indexOf('\0') >= 0) {
            throw new ImageException(file + ": has an entry with the unsafe name " + name);
        }
        for (String part : name.split("/")) {
            if (part.equals("..")) {
                throw new ImageException(file + ": has an entry with the unsafe name " + name);
            }
            if (!part.isEmpty() && !part.equals(".")) {
                parts.add(part);
            }
        }
        return String.join("/", parts);
    }

    /** One file's bytes. */
    public byte[] read(String path) {
        return read(Set.of(path)).values().iterator().next();
    }

    /** Several files' bytes, by path, in one pass. All must be there. */
    public Map<String, byte[]> read(Collection<String> paths) {
        Map<String, byte[]> found = readMatching(new HashSet<>(paths)::contains, paths.size());
        for (String path : paths) {
            if (!found.containsKey(path)) {
                throw new ImageException(file + ": has no " + path);
            }
        }
        return found;
    }

    /** The bytes of up to {@code most} files whose paths {@code wanted} accepts, in the package's order. */
    public Map<String, byte[]> readMatching(Predicate<String> wanted, int most) {
        Map<String, byte[]> found = new LinkedHashMap<>();
        if (most > 0) {
            forEach((entry, content) -> {
                if (entry.kind() == Kind.FILE && wanted.test(entry.path())) {
                    if (entry.sizeBytes() > LARGEST_FILE_BYTES) {
                        throw new ImageException(file + ": " + entry.path() + " is too large to hold");
                    }
                    byte[] bytes = content.readNBytes((int) entry.sizeBytes());
                    if (bytes.length != entry.sizeBytes()) {
                        throw new ImageException(file + ": damaged: ends within " + entry.path());
                    }
                    found.put(entry.path(), bytes);
                }
                return found.size() < most;
            });
        }
        return found;
    }

    /**
     * Unpacks the entries whose paths {@code wanted} accepts below a folder. No entry is written through a symbolic link,
     * so that a package cannot reach out of the folder by a link of its own.
     */
    public void unpack(Path into, Predicate<String> wanted) {
        try {
            Files.createDirectories(into);
        } catch (IOException e) {
            throw new ImageException(into + ": cannot be written: " + e.getMessage(), e);
        }
        forEach((entry, content) -> {
            if (!wanted.test(entry.path())) {
                return true;
            }
            Path place = into.resolve(entry.path());
            requireRealParents(into, place);
            switch (entry.kind()) {
                case DIRECTORY -> {
                    if (!Files.isDirectory(place, LinkOption.NOFOLLOW_LINKS)) {
                        Files.deleteIfExists(place);
                        Files.createDirectory(place);
                    }
                }
                case FILE -> {
                    Files.deleteIfExists(place);
                    Files.copy(content, place);
                    Files.setPosixFilePermissions(place, permissions(entry.mode()));
                }
                case SYMLINK -> {
                    Files.deleteIfExists(place);
                    Files.createSymbolicLink(place, Path.of(entry.target()));
                }
                case HARDLINK -> {
                    Path target = into.resolve(entry.target());
                    requireRealParents(into, target);
                    Files.deleteIfExists(place);
                    Files.createLink(place, target);
                }
            }
            return true;
        });
    }

    private void requireRealParents(Path into, Path place) throws IOException {
        Path at = into;
        for (Path part : into.relativize(place.getParent())) {
            if (part.toString().isEmpty()) {
                continue;
            }
            at = at.resolve(part);
            if (Files.isSymbolicLink(at)) {
                throw new ImageException(file + ": has an entry below the symbolic link " + into.relativize(at));
            }
            if (!Files.isDirectory(at, LinkOption.NOFOLLOW_LINKS)) {
                Files.createDirectory(at);
            }
        }
    }

    private static Set<PosixFilePermission> permissions(int mode) {
        Set<PosixFilePermission> permissions = EnumSet.noneOf(PosixFilePermission.class);
        // The enum lists owner, group, others, each read, write, execute: the bits from 0400 downwards.
        int bit = 0400;
        for (PosixFilePermission permission : PosixFilePermission.values()) {
            if ((mode & bit) != 0) {
                permissions.add(permission);
            }
            bit >>>= 1;
        }
        return permissions;
    }
}
