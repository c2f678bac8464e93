package redoubt.cli;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Writes SGXS streams. */
final class SgxsFile {
    private static final int CHUNK = 256;

    private final ByteArrayOutputStream stream = new ByteArrayOutputStream();

    /** Starts with ECREATE, SSA frames of one page. */
    SgxsFile(long enclaveBytes) {
        stream.writeBytes(
                record("ECREATE").putInt(8, 1).putLong(12, enclaveBytes).array());
    }

    private static ByteBuffer record(String tag) {
        return ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN).put(0, tag.getBytes(StandardCharsets.ISO_8859_1));
    }

    SgxsFile eadd(long offset, long secinfoFlags) {
        stream.writeBytes(
                record("EADD").putLong(8, offset).putLong(16, secinfoFlags).array());
        return this;
    }

    /** Measures a chunk that starts with these bytes. */
    SgxsFile eextend(long offset, byte... start) {
        stream.writeBytes(record("EEXTEND").putLong(8, offset).array());
        stream.writeBytes(Arrays.copyOf(start, CHUNK));
        return this;
    }

    /** Adds a page that starts with these bytes, and measures all of it. */
    SgxsFile page(long offset, long secinfoFlags, byte... start) {
        eadd(offset, secinfoFlags);
        byte[] content = Arrays.copyOf(start, 4096);
        for (int at = 0; at < content.length; at += CHUNK) {
            eextend(offset + at, Arrays.copyOfRange(content, at, at + CHUNK));
        }
        return this;
    }

    byte[] bytes() {
        return stream.toByteArray();
    }
}
