package redoubt.machine.boot;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Little-endian fields of a file that may be cut short or lie about itself: each read checks its bounds and says what
 * was being read.
 */
public final class Bytes {
    private static final VarHandle U16 = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle U32 = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle U64 = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final String name;
    private final byte[] bytes;

    /** The bytes of the file that messages call {@code name}; not copied. */
    public Bytes(String name, byte[] bytes) {
        this.name = name;
        this.bytes = bytes;
    }

    /** Bytes in the file. */
    public long length() {
        return bytes.length;
    }

    /** The bytes, not copied. */
    public byte[] array() {
        return bytes;
    }

    /** An 8-bit field; {@code what} names it if it lies outside the file. */
    public int u8(long offset, String what) {
        return bytes[check(offset, 1, what)] & 0xFF;
    }

    /** A 16-bit field. */
    public int u16(long offset, String what) {
        return (short) U16.get(bytes, check(offset, 2, what)) & 0xFFFF;
    }

    /** A 32-bit field, zero-extended. */
    public long u32(long offset, String what) {
        return (int) U32.get(bytes, check(offset, 4, what)) & 0xFFFF_FFFFL;
    }

    /** A 64-bit field that is used as an offset, a size or an address: callers compare it unsigned or check it. */
    public long u64(long offset, String what) {
        return (long) U64.get(bytes, check(offset, 8, what));
    }

    /** A 64-bit field of bytes that are known to be there. */
    public static long get64(byte[] bytes, int offset) {
        return (long) U64.get(bytes, offset);
    }

    /** Writes a 64-bit field of bytes that are known to be there. */
    public static void put64(byte[] bytes, int offset, long value) {
        U64.set(bytes, offset, value);
    }

    /** Checks that {@code [offset, offset + length)} lies in the file and gives the offset as an index. */
    public int check(long offset, long length, String what) {
        if (offset < 0 || length < 0 || length > bytes.length || offset > bytes.length - length) {
            throw new BootException(name + ": truncated or damaged: " + what + " is said to be "
                    + Long.toUnsignedString(length) + " bytes at offset 0x" + Long.toHexString(offset)
                    + ", the file has " + bytes.length + " bytes");
        }
        return (int) offset;
    }

    /** The string of a string table at {@code offset}, which ends at a NUL or at {@code limit}. */
    public String string(long offset, long limit, String what) {
        check(offset, Math.max(0, limit - offset), what);
        int from = (int) offset;
        int end = from;
        while (end < limit && bytes[end] != 0) {
            end++;
        }
        return new String(bytes, from, end - from, java.nio.charset.StandardCharsets.UTF_8);
    }
}
