package redoubt.sgx;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static redoubt.memory.PhysicalMemory.HOST;

import java.lang.foreign.MemorySegment;

/** Reads and writes at host addresses of EPC pages. SAFE: addresses come from {@link Epc#host} and stay within that page. */
final class Host {
    private Host() {}

    static int get8(long address) {
        return HOST.get(JAVA_BYTE, address) & 0xFF;
    }

    static int get16(long address) {
        return HOST.get(JAVA_SHORT_UNALIGNED, address) & 0xFFFF;
    }

    static int get32(long address) {
        return HOST.get(JAVA_INT_UNALIGNED, address);
    }

    static long get64(long address) {
        return HOST.get(JAVA_LONG_UNALIGNED, address);
    }

    static void put8(long address, int value) {
        HOST.set(JAVA_BYTE, address, (byte) value);
    }

    static void put16(long address, int value) {
        HOST.set(JAVA_SHORT_UNALIGNED, address, (short) value);
    }

    static void put32(long address, int value) {
        HOST.set(JAVA_INT_UNALIGNED, address, value);
    }

    static void put64(long address, long value) {
        HOST.set(JAVA_LONG_UNALIGNED, address, value);
    }

    static void copy(long from, long to, int bytes) {
        MemorySegment.copy(HOST, from, HOST, to, bytes);
    }

    static void fill(long address, int bytes, int value) {
        HOST.asSlice(address, bytes).fill((byte) value);
    }

    static byte[] bytes(long address, int length) {
        byte[] out = new byte[length];
        MemorySegment.copy(HOST, JAVA_BYTE, address, out, 0, length);
        return out;
    }

    static void put(long address, byte[] bytes) {
        MemorySegment.copy(bytes, 0, HOST, JAVA_BYTE, address, bytes.length);
    }

    static boolean isZero(long address, int bytes) {
        for (int i = 0; i < bytes; i++) {
            if (HOST.get(JAVA_BYTE, address + i) != 0) {
                return false;
            }
        }
        return true;
    }
}
