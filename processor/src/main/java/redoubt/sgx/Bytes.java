package redoubt.sgx;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Little-endian fields of byte arrays. */
final class Bytes {
    private static final VarHandle SHORTS =
            MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INTS = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private Bytes() {}

    static int get16(byte[] b, int offset) {
        return (short) SHORTS.get(b, offset) & 0xFFFF;
    }

    static int get32(byte[] b, int offset) {
        return (int) INTS.get(b, offset);
    }

    static long get64(byte[] b, int offset) {
        return (long) LONGS.get(b, offset);
    }

    static void put16(byte[] b, int offset, int value) {
        SHORTS.set(b, offset, (short) value);
    }

    static void put32(byte[] b, int offset, int value) {
        INTS.set(b, offset, value);
    }

    static void put64(byte[] b, int offset, long value) {
        LONGS.set(b, offset, value);
    }

    static byte[] slice(byte[] b, int offset, int length) {
        return Arrays.copyOfRange(b, offset, offset + length);
    }

    static boolean isZero(byte[] b, int offset, int length) {
        for (int i = 0; i < length; i++) {
            if (b[offset + i] != 0) {
                return false;
            }
        }
        return true;
    }
}
