package redoubt.image;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * An initramfs as the kernel unpacks it: cpio archives in the "newc" format, one after the other, each file of a later one
 * replacing that of an earlier one (Documentation/driver-api/early-userspace/buffer-format.rst). Uncompressed, since the
 * kernel then only copies.
 *
 * <p>The same content gives the same bytes: entries are sorted, owned by root, without times.
 *
 * <p>Limitations: no hard links (each name gets its own copy), no file of 4 GiB or more, which the format cannot hold.
 */
public final class Initramfs {
    private static final int FILE = 0100000;
    private static final int DIRECTORY = 0040000;
    private static final int SYMLINK = 0120000;
    private static final int CHARACTER_DEVICE = 0020000;

    /** Segments start at a multiple of this, which keeps every header aligned and pleases the cpio tool. */
    private static final int BLOCK_BYTES = 512;

    private record Entry(int mode, byte[] content, int major, int minor) {}

    private final Map<String, Entry> entries = new TreeMap<>();

    /** An initramfs with nothing in it. */
    public Initramfs() {}

    /** Adds a folder, and those above it where they are not there yet (0755). */
    public Initramfs directory(String path, int permissions) {
        return put(path, new Entry(DIRECTORY | permissions, new byte[0], 0, 0));
    }

    public Initramfs file(String path, int permissions, byte[] content) {
        return put(path, new Entry(FILE | permissions, content, 0, 0));
    }

    public Initramfs symlink(String path, String target) {
        return put(path, new Entry(SYMLINK | 0777, target.getBytes(StandardCharsets.UTF_8), 0, 0));
    }

    public Initramfs characterDevice(String path, int permissions, int major, int minor) {
        return put(path, new Entry(CHARACTER_DEVICE | permissions, new byte[0], major, minor));
    }

    /**
     * Adds a file or a folder of the host with all below it: contents, permission bits, symbolic links as links.
     *
     * @param source of the host
     * @param path in the guest; ends in a slash to mean a folder that gets the source under its own name
     */
    public Initramfs copy(Path source, String path) {
        if (!Files.exists(source, LinkOption.NOFOLLOW_LINKS)) {
            throw new ImageException("--copy " + source + ":" + path + ": no such file or folder on the host");
        }
        String name = String.valueOf(source.toAbsolutePath().normalize().getFileName());
        String to = path.endsWith("/") ? path + name : path;
        // The source itself may be a link: what is asked for is what it names.
        boolean folder = Files.isDirectory(source);
        try (Stream<Path> tree = folder ? Files.walk(source.toRealPath()) : Stream.of(source)) {
            Path top = folder ? source.toRealPath() : source;
            for (Path one : (Iterable<Path>) tree::iterator) {
                String relative = top.relativize(one).toString();
                copyOne(one, relative.isEmpty() ? to : to + "/" + relative, one.equals(top));
            }
        } catch (IOException | java.io.UncheckedIOException e) {
            throw new ImageException("--copy " + source + ":" + path + ": cannot be read: " + e.getMessage(), e);
        }
        return this;
    }

    private void copyOne(Path one, String path, boolean follow) throws IOException {
        LinkOption[] options = follow ? new LinkOption[0] : new LinkOption[] {LinkOption.NOFOLLOW_LINKS};
        if (!follow && Files.isSymbolicLink(one)) {
            symlink(path, Files.readSymbolicLink(one).toString());
            return;
        }
        int permissions = ((Integer) Files.getAttribute(one, "unix:mode", options)) & 07777;
        if (Files.isDirectory(one, options)) {
            // The guest's root has its own permissions; a folder copied onto it only adds to it.
            if (!normal(path).isEmpty()) {
                directory(path, permissions);
            }
        } else if (Files.isRegularFile(one, options)) {
            if (Files.size(one) > Integer.MAX_VALUE - (1 << 20)) {
                throw new ImageException("--copy " + one + ": of 2 GiB or more; an initramfs holds only smaller files");
            }
            file(path, permissions, Files.readAllBytes(one));
        } else {
            throw new ImageException("--copy " + one + ": neither a file, a folder nor a symbolic link");
        }
    }

    private Initramfs put(String path, Entry entry) {
        String normal = normal(path);
        if (normal.isEmpty()) {
            throw new ImageException("the path " + path + " in the guest names its root, not a place in it");
        }
        entries.put(normal, entry);
        return this;
    }

    private static String normal(String path) {
        List<String> parts = new ArrayList<>();
        for (String part : path.split("/")) {
            if (part.equals("..")) {
                throw new ImageException("the path " + path + " in the guest has '..' in it");
            }
            if (part.indexOf('\0') >= 0) {
                throw new ImageException("the path " + path.replace("\0", "\\0") + " in the guest has a NUL in it");
            }
            if (!part.isEmpty() && !part.equals(".")) {
                parts.add(part);
            }
        }
        return String.join("/", parts);
    }

    /** The archive. Folders that an entry needs and nobody added come before it, unless {@code below} has them already. */
    public byte[] toByteArray(Initramfs below) {
        Map<String, Entry> all = new TreeMap<>(entries);
        for (String path : entries.keySet()) {
            for (int slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
                String parent = path.substring(0, slash);
                if (!below.entries.containsKey(parent)) {
                    all.putIfAbsent(parent, new Entry(DIRECTORY | 0755, new byte[0], 0, 0));
                }
            }
        }
        Segment out = new Segment();
        int inode = 1;
        for (Map.Entry<String, Entry> one : all.entrySet()) {
            out.put(inode++, one.getKey(), one.getValue());
        }
        out.put(0, "TRAILER!!!", new Entry(0, new byte[0], 0, 0));
        out.pad(BLOCK_BYTES);
        return out.toByteArray();
    }

    public byte[] toByteArray() {
        return toByteArray(new Initramfs());
    }

    /** A growing cpio archive. */
    private static final class Segment extends ByteArrayOutputStream {
        void put(int inode, String name, Entry entry) {
            byte[] path = (name + "\0").getBytes(StandardCharsets.UTF_8);
            int links = (entry.mode() & 0170000) == DIRECTORY ? 2 : 1;
            int[] fields = {
                inode,
                entry.mode(),
                0,
                0,
                links,
                0,
                entry.content().length,
                0,
                0,
                entry.major(),
                entry.minor(),
                path.length,
                0
            };
            StringBuilder header = new StringBuilder("070701");
            for (int field : fields) {
                header.append(String.format(Locale.ROOT, "%08X", field));
            }
            writeBytes(header.toString().getBytes(StandardCharsets.US_ASCII));
            writeBytes(path);
            pad(4);
            writeBytes(entry.content());
            pad(4);
        }

        void pad(int multiple) {
            while (size() % multiple != 0) {
                write(0);
            }
        }
    }

    /** The segments as one initramfs; each is padded, so that they can simply follow one another. */
    static byte[] concatenated(byte[]... segments) {
        long total = 0;
        for (byte[] segment : segments) {
            total += segment.length;
        }
        if (total > Integer.MAX_VALUE - 8) {
            throw new ImageException("the initramfs would be " + total + " bytes; copy less into the guest");
        }
        byte[] all = new byte[(int) total];
        int at = 0;
        for (byte[] segment : segments) {
            System.arraycopy(segment, 0, all, at, segment.length);
            at += segment.length;
        }
        return all;
    }
}
