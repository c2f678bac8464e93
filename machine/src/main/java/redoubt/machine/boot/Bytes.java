package redoubt.machine.boot;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Little-endian fields of a file that may be cut short or lie about itself: each read checks its bounds and says what
 * was being read.
 */
final class Bytes {
    private static final VarHandle U16 = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle U32 = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle U64 = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final String name;
    private final byte[] bytes;

    Bytes(String name, byte[] bytes) {
        this.name = name;
        this.bytes = bytes;
    }

    long length() {
        return bytes.length;
    }

    byte[] array() {
        return bytes;
    }

    int u8(long offset, String what) {
        return bytes[check(offset, 1, what)] & 0xFF;
    }

    int u16(long offset, String what) {
        return (short) U16.get(bytes, check(offset, 2, what)) & 0xFFFF;
    }

    long u32(long offset, String what) {
        return (int) U32.get(bytes, check(offset, 4, what)) & 0xFFFF_FFFFL;
    }

    /** A 64-bit field that is used as an offset, a size or an address: callers compare it unsigned or check it. */
    long u64(long offset, String what) {
        return (long) U64.get(bytes, check(offset, 8, what));
    }

    /** Checks that {@code [offset, offset + length)} lies in the file and gives the offset as an index. */
    int check(long offset, long length, String what) {
        if (offset < 0 || length < 0 || length > bytes.length || offset > bytes.length - length) {
            throw new BootException(name + ": truncated or damaged: " + what + " is said to be "
                    + Long.toUnsignedString(length) + " bytes at offset 0x" + Long.toHexString(offset)
                    + ", the file has " + bytes.length + " bytes");
        }
        return (int) offset;
    }

    /** The string of a string table at {@code offset}, which ends at a NUL or at {@code limit}. */
    String string(long offset, long limit, String what) {
        check(offset, Math.max(0, limit - offset), what);
        int from = (int) offset;
        int end = from;
        while (end < limit && bytes[end] != 0) {
            end++;
        }
        return new String(bytes, from, end - from, java.nio.charset.StandardCharsets.UTF_8);
    }
}
