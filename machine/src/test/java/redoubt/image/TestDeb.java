package redoubt.image;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.ar.ArArchiveEntry;
import org.apache.commons.compress.archivers.ar.ArArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

/** A .deb made by a test, entry by entry, so that it may say what dpkg-deb would never write. */
final class TestDeb {
    private final ByteArrayOutputStream tarBytes = new ByteArrayOutputStream();
    private final TarArchiveOutputStream tar = new TarArchiveOutputStream(tarBytes);

    TestDeb directory(String name) {
        return put(new TarArchiveEntry(name, TarArchiveEntry.LF_DIR, true), new byte[0]);
    }

    TestDeb file(String name, int mode, byte[] content) {
        TarArchiveEntry entry = new TarArchiveEntry(name, TarArchiveEntry.LF_NORMAL, true);
        entry.setMode(mode);
        return put(entry, content);
    }

    TestDeb symlink(String name, String target) {
        TarArchiveEntry entry = new TarArchiveEntry(name, TarArchiveEntry.LF_SYMLINK, true);
        entry.setLinkName(target);
        return put(entry, new byte[0]);
    }

    TestDeb hardlink(String name, String target) {
        TarArchiveEntry entry = new TarArchiveEntry(name, TarArchiveEntry.LF_LINK, true);
        entry.setLinkName(target);
        return put(entry, new byte[0]);
    }

    private TestDeb put(TarArchiveEntry entry, byte[] content) {
        try {
            entry.setSize(content.length);
            tar.putArchiveEntry(entry);
            tar.write(content);
            tar.closeArchiveEntry();
            return this;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** @param suffix of data.tar: empty, .gz, .xz, or one of no known compression, which leaves the bytes as they are */
    byte[] toByteArray(String suffix) {
        try {
            tar.finish();
            ByteArrayOutputStream data = new ByteArrayOutputStream();
            try (OutputStream out = switch (suffix) {
                case ".xz" -> new XZOutputStream(data, new LZMA2Options(1));
                case ".gz" -> new GZIPOutputStream(data);
                default -> data;
            }) {
                out.write(tarBytes.toByteArray());
            }
            ByteArrayOutputStream deb = new ByteArrayOutputStream();
            try (ArArchiveOutputStream ar = new ArArchiveOutputStream(deb)) {
                member(ar, "debian-binary", "2.0\n".getBytes(StandardCharsets.US_ASCII));
                member(ar, "control.tar", new byte[1024]);
                member(ar, "data.tar" + suffix, data.toByteArray());
            }
            return deb.toByteArray();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static void member(ArArchiveOutputStream ar, String name, byte[] content) throws IOException {
        ar.putArchiveEntry(new ArArchiveEntry(name, content.length));
        ar.write(content);
        ar.closeArchiveEntry();
    }
}
