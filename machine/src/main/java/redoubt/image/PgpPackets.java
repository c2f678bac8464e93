package redoubt.image;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

/** The outer layers of OpenPGP (RFC 4880 4.2 and 6.2): packets with their tags, and ASCII armor round them. */
final class PgpPackets {
    static final int SIGNATURE = 2;
    static final int PUBLIC_KEY = 6;
    static final int USER_ID = 13;
    static final int PUBLIC_SUBKEY = 14;
    static final int USER_ATTRIBUTE = 17;

    private PgpPackets() {}

    record Packet(int tag, byte[] body) {}

    /** The input was no OpenPGP, or a part of it that this reader refuses. */
    static final class Malformed extends Exception {
        private static final long serialVersionUID = 1L;

        Malformed(String message) {
            super(message);
        }
    }

    /** The packets of {@code bytes}, which may be armored; partial body lengths, which only data packets use, are refused. */
    static List<Packet> read(byte[] bytes) throws Malformed {
        if (bytes.length > 0 && (bytes[0] & 0x80) == 0) {
            return read(unarmor(new String(bytes, StandardCharsets.ISO_8859_1)));
        }
        List<Packet> packets = new ArrayList<>();
        int at = 0;
        while (at < bytes.length) {
            int header = bytes[at++] & 0xff;
            if ((header & 0x80) == 0) {
                throw new Malformed("not an OpenPGP packet");
            }
            int tag;
            long length;
            if ((header & 0x40) != 0) {
                tag = header & 0x3f;
                int first = unsigned(bytes, at++, 1);
                if (first < 192) {
                    length = first;
                } else if (first < 224) {
                    length = (first - 192L << 8) + unsigned(bytes, at++, 1) + 192;
                } else if (first == 255) {
                    length = Integer.toUnsignedLong(unsigned(bytes, at, 4));
                    at += 4;
                } else {
                    throw new Malformed("an OpenPGP packet of partial length");
                }
            } else {
                tag = header >> 2 & 0xf;
                int size = 1 << (header & 3);
                if (size == 8) {
                    throw new Malformed("an OpenPGP packet of unknown length");
                }
                length = Integer.toUnsignedLong(unsigned(bytes, at, size));
                at += size;
            }
            if (length > bytes.length - at) {
                throw new Malformed("a truncated OpenPGP packet");
            }
            packets.add(new Packet(tag, Arrays.copyOfRange(bytes, at, at + (int) length)));
            at += (int) length;
        }
        return packets;
    }

    /** The bytes of all armored blocks of {@code text}, one after the other. The checksum adds nothing to a signature. */
    static byte[] unarmor(String text) throws Malformed {
        StringBuilder base64 = new StringBuilder();
        List<byte[]> blocks = new ArrayList<>();
        boolean inBlock = false;
        boolean inHeaders = false;
        for (String raw : text.split("\n")) {
            String line = raw.strip();
            if (line.startsWith("-----BEGIN PGP ")) {
                inBlock = true;
                inHeaders = true;
                base64.setLength(0);
            } else if (line.startsWith("-----END PGP ")) {
                if (inBlock) {
                    blocks.add(decode(base64.toString()));
                }
                inBlock = false;
            } else if (inBlock && inHeaders) {
                inHeaders = !line.isEmpty();
            } else if (inBlock && !line.startsWith("=")) {
                base64.append(line);
            }
        }
        if (blocks.isEmpty()) {
            throw new Malformed("no OpenPGP data");
        }
        int total = blocks.stream().mapToInt(b -> b.length).sum();
        byte[] all = new byte[total];
        int at = 0;
        for (byte[] block : blocks) {
            if (block.length == 0 || (block[0] & 0x80) == 0) {
                throw new Malformed("armor round something that is not OpenPGP");
            }
            System.arraycopy(block, 0, all, at, block.length);
            at += block.length;
        }
        return all;
    }

    private static byte[] decode(String base64) throws Malformed {
        try {
            return Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException e) {
            throw new Malformed("damaged armor: " + e.getMessage());
        }
    }

    /** A big-endian number of {@code size} (up to 4) bytes. */
    static int unsigned(byte[] bytes, int at, int size) throws Malformed {
        if (at < 0 || size > bytes.length - at) {
            throw new Malformed("a truncated OpenPGP packet");
        }
        int value = 0;
        for (int i = 0; i < size; i++) {
            value = value << 8 | (bytes[at + i] & 0xff);
        }
        return value;
    }

    static byte[] slice(byte[] bytes, int at, int length) throws Malformed {
        if (at < 0 || length < 0 || length > bytes.length - at) {
            throw new Malformed("a truncated OpenPGP packet");
        }
        return Arrays.copyOfRange(bytes, at, at + length);
    }
}
