package redoubt.machine.boot;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Writes ACPI Machine Language: just the objects that a description of fixed devices needs.
 *
 * <p>Source: ACPI 6.4, chapter 20 "ACPI Machine Language specification" and 6.4 "Resource data types".
 */
final class Aml {
    private Aml() {}

    /** {@code Scope (name) {content}}. */
    static byte[] scope(String name, byte[]... content) {
        return sized(new byte[] {0x10}, join(nameString(name), join(content)));
    }

    /** {@code Device (name) {content}}. */
    static byte[] device(String name, byte[]... content) {
        return sized(new byte[] {0x5B, (byte) 0x82}, join(nameString(name), join(content)));
    }

    /** {@code Name (name, value)}. */
    static byte[] name(String name, byte[] value) {
        return join(new byte[] {0x08}, nameString(name), value);
    }

    /** {@code Package () {elements}}. */
    static byte[] packageOf(byte[]... elements) {
        return sized(new byte[] {0x12}, join(new byte[] {(byte) elements.length}, join(elements)));
    }

    /** A constant in its shortest form. */
    static byte[] integer(long value) {
        if (value == 0 || value == 1) {
            return new byte[] {(byte) value};
        }
        if (value >>> 8 == 0) {
            return join(new byte[] {0x0A}, little(value, 1));
        }
        if (value >>> 16 == 0) {
            return join(new byte[] {0x0B}, little(value, 2));
        }
        return value >>> 32 == 0
                ? join(new byte[] {0x0C}, little(value, 4))
                : join(new byte[] {0x0E}, little(value, 8));
    }

    /** An ASCII string. */
    static byte[] string(String text) {
        return join(new byte[] {0x0D}, text.getBytes(StandardCharsets.US_ASCII), new byte[1]);
    }

    /** A string in UTF-16, as {@code _STR} wants it. */
    static byte[] unicode(String text) {
        return buffer(join(text.getBytes(StandardCharsets.UTF_16LE), new byte[2]));
    }

    /** {@code Buffer () {bytes}}. */
    static byte[] buffer(byte[] bytes) {
        return sized(new byte[] {0x11}, join(integer(bytes.length), bytes));
    }

    /** {@code EisaId (id)}: three letters of five bits and four hex digits, most significant byte first. */
    static byte[] eisaId(String id) {
        int letters = (id.charAt(0) - '@') << 10 | (id.charAt(1) - '@') << 5 | id.charAt(2) - '@';
        int value = letters << 16 | Integer.parseInt(id.substring(3), 16);
        return join(new byte[] {0x0C}, little(Integer.reverseBytes(value) & 0xFFFF_FFFFL, 4));
    }

    /** {@code ResourceTemplate () {resources}}. */
    static byte[] resources(byte[]... resources) {
        return buffer(join(join(resources), new byte[] {0x79, 0}));
    }

    /** {@code IO (Decode16, port, port, 1, length)}. */
    static byte[] io(int port, int length) {
        return join(new byte[] {0x47, 1}, little(port, 2), little(port, 2), new byte[] {1, (byte) length});
    }

    /** {@code IRQNoFlags () {irq}}: an ISA interrupt, edge-triggered and active high. */
    static byte[] irq(int irq) {
        return join(new byte[] {0x22}, little(1L << irq, 2));
    }

    /** {@code QWordMemory}: a fixed cacheable range that can be read and written. */
    static byte[] memory64(long base, long lengthBytes) {
        return join(
                new byte[] {(byte) 0x8A, 0x2B, 0, 0, 0x0C, 0x03},
                little(0, 8),
                little(base, 8),
                little(base + lengthBytes - 1, 8),
                little(0, 8),
                little(lengthBytes, 8));
    }

    private static byte[] nameString(String name) {
        String segment = name.startsWith("\\") ? name.substring(1) : name;
        if (segment.length() > 4) {
            throw new IllegalArgumentException("ACPI name " + name + ": a segment has at most four characters");
        }
        byte[] bytes = (segment + "_".repeat(4 - segment.length())).getBytes(StandardCharsets.US_ASCII);
        return name.startsWith("\\") ? join(new byte[] {'\\'}, bytes) : bytes;
    }

    /** An opcode, the package length (which counts itself), then the content. */
    private static byte[] sized(byte[] opcode, byte[] content) {
        int bytes = 1;
        int most = 0x3F;
        while (content.length + bytes > most) {
            bytes++;
            most = (1 << 4 + 8 * (bytes - 1)) - 1;
        }
        int length = content.length + bytes;
        byte[] prefix = new byte[bytes];
        if (bytes == 1) {
            prefix[0] = (byte) length;
        } else {
            prefix[0] = (byte) (bytes - 1 << 6 | length & 0xF);
            for (int i = 1; i < bytes; i++) {
                prefix[i] = (byte) (length >>> 4 + 8 * (i - 1));
            }
        }
        return join(opcode, prefix, content);
    }

    static byte[] little(long value, int bytes) {
        byte[] out = new byte[bytes];
        for (int i = 0; i < bytes; i++) {
            out[i] = (byte) (value >>> 8 * i);
        }
        return out;
    }

    static byte[] join(byte[]... parts) {
        var out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }
}
