package redoubt.machine.boot;

/**
 * The LZ4 legacy frame, which is how Linux packs itself with LZ4: the magic number, then blocks that each unpack to at
 * most 8 MiB, each behind its packed length.
 *
 * <p>Written here rather than taken from commons-compress because its stream unpacks byte by byte, and the 53 MB of a
 * Debian kernel are on the way of every boot.
 *
 * <p>Source: "LZ4 Frame Format Description" (legacy frame) and "LZ4 Block Format Description".
 */
final class Lz4 {
    /** First four bytes of the legacy frame, little-endian. */
    static final int LEGACY_MAGIC = 0x184C2102;

    private static final int LEAST_MATCH = 4;

    private Lz4() {}

    /**
     * Unpacks a legacy frame.
     *
     * @param name what to call the file in messages
     * @param outputBytes what the frame must unpack to, exactly
     */
    static byte[] unpackLegacyFrame(String name, byte[] in, int from, int to, int outputBytes) {
        var frame = new Bytes(name, in);
        byte[] out = new byte[outputBytes];
        int at = from + 4;
        int written = 0;
        while (at < to) {
            long blockBytes = frame.u32(at, "an LZ4 block's length");
            at += 4;
            if (blockBytes == LEGACY_MAGIC) {
                continue; // frames may be joined end to end
            }
            if (blockBytes == 0 || blockBytes > to - at) {
                throw damaged(name, "a block of " + blockBytes + " bytes where " + (to - at) + " are left");
            }
            written = unpackBlock(name, in, at, at + (int) blockBytes, out, written);
            at += (int) blockBytes;
        }
        if (written != outputBytes) {
            throw damaged(name, "unpacks to " + written + " bytes, " + outputBytes + " were announced");
        }
        return out;
    }

    /** Unpacks one block to {@code out} at {@code d}; gives the index behind the last byte written. */
    private static int unpackBlock(String name, byte[] in, int from, int to, byte[] out, int d) {
        int s = from;
        while (s < to) {
            int token = in[s++] & 0xFF;
            long literals = token >>> 4 & 0xFL;
            if (literals == 15) {
                int more;
                do {
                    if (s >= to) {
                        throw damaged(name, "the last block ends within a length");
                    }
                    more = in[s++] & 0xFF;
                    literals += more;
                } while (more == 255);
            }
            if (literals > to - s || literals > out.length - d) {
                throw damaged(name, literals + " literal bytes do not fit");
            }
            System.arraycopy(in, s, out, d, (int) literals);
            s += (int) literals;
            d += (int) literals;
            if (s == to) {
                return d; // the last sequence of a block has no match
            }
            if (to - s < 2) {
                throw damaged(name, "a block ends within an offset");
            }
            int offset = (in[s] & 0xFF) | (in[s + 1] & 0xFF) << 8;
            s += 2;
            long match = token & 15;
            if (match == 15) {
                int more;
                do {
                    if (s >= to) {
                        throw damaged(name, "a block ends within a length");
                    }
                    more = in[s++] & 0xFF;
                    match += more;
                } while (more == 255);
            }
            match += LEAST_MATCH;
            if (offset == 0 || offset > d || match > out.length - d) {
                throw damaged(name, "a match of " + match + " bytes at distance " + offset + " does not fit");
            }
            copyMatch(out, d, offset, (int) match);
            d += (int) match;
        }
        throw damaged(name, "a block ends without its last literals");
    }

    private static void copyMatch(byte[] out, int d, int offset, int length) {
        if (offset >= length) {
            System.arraycopy(out, d - offset, out, d, length);
        } else {
            for (int i = 0; i < length; i++) {
                out[d + i] = out[d + i - offset];
            }
        }
    }

    private static BootException damaged(String name, String what) {
        return new BootException(name + ": the kernel's LZ4 payload is damaged: " + what);
    }
}
