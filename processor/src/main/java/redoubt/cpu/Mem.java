package redoubt.cpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static redoubt.memory.PhysicalMemory.HOST;

/**
 * Memory accesses of instructions, by linear address, at the current privilege. The fast path is one compare against the
 * TLB: the tag equals the page of the access's last byte only if the page is present, permitted, plain memory, and the
 * access does not cross into the next one. SAFE: addend and tag are written together by {@link Mmu}, which checked the page.
 */
public final class Mem {
    private Mem() {}

    /** Linear address of a plain memory operand. */
    public static long ea(long[] r, long op) {
        return r[(int) (op >>> 17) & 31] + (r[(int) (op >>> 22) & 31] << ((int) (op >>> 27) & 3)) + (op >> 32);
    }

    // ---- byte and word registers

    public static int get8(long[] r, int register) {
        return register < 16 ? (int) r[register] & 0xFF : (int) (r[register - 16] >>> 8) & 0xFF;
    }

    public static void set8(long[] r, int register, int value) {
        if (register < 16) {
            r[register] = r[register] & ~0xFFL | value & 0xFF;
        } else {
            r[register - 16] = r[register - 16] & ~0xFF00L | (value & 0xFF) << 8;
        }
    }

    public static void set16(long[] r, int register, int value) {
        r[register] = r[register] & ~0xFFFFL | value & 0xFFFF;
    }

    // ---- loads

    public static int ld8(Cpu c, long linear) {
        long[] t = c.tlb;
        int k = (int) (linear >>> 10) & Mmu.INDEX_MASK;
        if (t[k] == (linear & -4096)) {
            return HOST.get(JAVA_BYTE, linear + t[k + 2]) & 0xFF;
        }
        return (int) c.mmu.load(linear, 1);
    }

    public static int ld16(Cpu c, long linear) {
        long[] t = c.tlb;
        int k = (int) (linear >>> 10) & Mmu.INDEX_MASK;
        if (t[k] == (linear + 1 & -4096)) {
            return HOST.get(JAVA_SHORT_UNALIGNED, linear + t[k + 2]) & 0xFFFF;
        }
        return (int) c.mmu.load(linear, 2);
    }

    public static int ld32(Cpu c, long linear) {
        long[] t = c.tlb;
        int k = (int) (linear >>> 10) & Mmu.INDEX_MASK;
        if (t[k] == (linear + 3 & -4096)) {
            return HOST.get(JAVA_INT_UNALIGNED, linear + t[k + 2]);
        }
        return (int) c.mmu.load(linear, 4);
    }

    public static long ld64(Cpu c, long linear) {
        long[] t = c.tlb;
        int k = (int) (linear >>> 10) & Mmu.INDEX_MASK;
        if (t[k] == (linear + 7 & -4096)) {
            return HOST.get(JAVA_LONG_UNALIGNED, linear + t[k + 2]);
        }
        return c.mmu.load(linear, 8);
    }

    // ---- loads with write intent: the store that follows cannot fault

    public static int ldw8(Cpu c, long linear) {
        if (c.tlb[((int) (linear >>> 10) & Mmu.INDEX_MASK) + 1] != (linear & -4096)) {
            c.mmu.probeWrite(linear, 1);
        }
        return ld8(c, linear);
    }

    public static int ldw16(Cpu c, long linear) {
        if (c.tlb[((int) (linear >>> 10) & Mmu.INDEX_MASK) + 1] != (linear + 1 & -4096)) {
            c.mmu.probeWrite(linear, 2);
        }
        return ld16(c, linear);
    }

    public static int ldw32(Cpu c, long linear) {
        if (c.tlb[((int) (linear >>> 10) & Mmu.INDEX_MASK) + 1] != (linear + 3 & -4096)) {
            c.mmu.probeWrite(linear, 4);
        }
        return ld32(c, linear);
    }

    public static long ldw64(Cpu c, long linear) {
        if (c.tlb[((int) (linear >>> 10) & Mmu.INDEX_MASK) + 1] != (linear + 7 & -4096)) {
            c.mmu.probeWrite(linear, 8);
        }
        return ld64(c, linear);
    }

    // ---- stores

    public static void st8(Cpu c, long linear, int value) {
        long[] t = c.tlb;
        int k = (int) (linear >>> 10) & Mmu.INDEX_MASK;
        if (t[k + 1] == (linear & -4096)) {
            HOST.set(JAVA_BYTE, linear + t[k + 2], (byte) value);
        } else {
            c.mmu.store(linear, 1, value);
        }
    }

    public static void st16(Cpu c, long linear, int value) {
        long[] t = c.tlb;
        int k = (int) (linear >>> 10) & Mmu.INDEX_MASK;
        if (t[k + 1] == (linear + 1 & -4096)) {
            HOST.set(JAVA_SHORT_UNALIGNED, linear + t[k + 2], (short) value);
        } else {
            c.mmu.store(linear, 2, value);
        }
    }

    public static void st32(Cpu c, long linear, int value) {
        long[] t = c.tlb;
        int k = (int) (linear >>> 10) & Mmu.INDEX_MASK;
        if (t[k + 1] == (linear + 3 & -4096)) {
            HOST.set(JAVA_INT_UNALIGNED, linear + t[k + 2], value);
        } else {
            c.mmu.store(linear, 4, value);
        }
    }

    public static void st64(Cpu c, long linear, long value) {
        long[] t = c.tlb;
        int k = (int) (linear >>> 10) & Mmu.INDEX_MASK;
        if (t[k + 1] == (linear + 7 & -4096)) {
            HOST.set(JAVA_LONG_UNALIGNED, linear + t[k + 2], value);
        } else {
            c.mmu.store(linear, 8, value);
        }
    }

    // ---- the stack in 64-bit mode: a non-canonical address is #SS(0)

    public static long pop64(Cpu c, long linear) {
        long[] t = c.tlb;
        int k = (int) (linear >>> 10) & Mmu.INDEX_MASK;
        if (t[k] == (linear + 7 & -4096)) {
            return HOST.get(JAVA_LONG_UNALIGNED, linear + t[k + 2]);
        }
        checkStack(c, linear, 8);
        return c.mmu.load(linear, 8);
    }

    public static void push64(Cpu c, long linear, long value) {
        long[] t = c.tlb;
        int k = (int) (linear >>> 10) & Mmu.INDEX_MASK;
        if (t[k + 1] == (linear + 7 & -4096)) {
            HOST.set(JAVA_LONG_UNALIGNED, linear + t[k + 2], value);
        } else {
            checkStack(c, linear, 8);
            c.mmu.store(linear, 8, value);
        }
    }

    /** #SS(0) unless all bytes of a stack access in 64-bit mode are canonical. */
    public static void checkStack(Cpu c, long linear, int bytes) {
        if (!Mmu.canonical(linear) || !Mmu.canonical(linear + bytes - 1)) {
            throw c.fault(12, 0);
        }
    }

    // ---- vectors, to and from Cpu.x

    public static void ld128(Cpu c, long linear, int index) {
        long[] t = c.tlb;
        int k = (int) (linear >>> 10) & Mmu.INDEX_MASK;
        if (t[k] == (linear + 15 & -4096)) {
            long host = linear + t[k + 2];
            c.x[index] = HOST.get(JAVA_LONG_UNALIGNED, host);
            c.x[index + 1] = HOST.get(JAVA_LONG_UNALIGNED, host + 8);
            return;
        }
        long low = ldPart64(c, linear);
        long high = ldPart64(c, linear + 8);
        c.x[index] = low;
        c.x[index + 1] = high;
    }

    public static void st128(Cpu c, long linear, int index) {
        long[] t = c.tlb;
        int k = (int) (linear >>> 10) & Mmu.INDEX_MASK;
        if (t[k + 1] == (linear + 15 & -4096)) {
            long host = linear + t[k + 2];
            HOST.set(JAVA_LONG_UNALIGNED, host, c.x[index]);
            HOST.set(JAVA_LONG_UNALIGNED, host + 8, c.x[index + 1]);
            return;
        }
        c.mmu.probeWrite(linear, 16);
        stPart64(c, linear, c.x[index]);
        stPart64(c, linear + 8, c.x[index + 1]);
    }

    // ---- parts of operands for which RFLAGS.AC does not count: SDM vol. 2 table 2-14 and exceptions type 4

    public static int ldPart32(Cpu c, long linear) {
        long[] t = c.tlb;
        int k = (int) (linear >>> 10) & Mmu.INDEX_MASK;
        if (t[k] == (linear + 3 & -4096)) {
            return HOST.get(JAVA_INT_UNALIGNED, linear + t[k + 2]);
        }
        return (int) c.mmu.loadPart(linear, 4);
    }

    public static void stPart32(Cpu c, long linear, int value) {
        long[] t = c.tlb;
        int k = (int) (linear >>> 10) & Mmu.INDEX_MASK;
        if (t[k + 1] == (linear + 3 & -4096)) {
            HOST.set(JAVA_INT_UNALIGNED, linear + t[k + 2], value);
        } else {
            c.mmu.storePart(linear, 4, value & 0xFFFF_FFFFL);
        }
    }

    /** Faults as a store of such a part does. */
    public static void probePart(Cpu c, long linear, int bytes) {
        if (c.tlb[((int) (linear >>> 10) & Mmu.INDEX_MASK) + 1] != (linear + bytes - 1 & -4096)) {
            c.mmu.probeWrite(linear, bytes, 1);
        }
    }

    public static long ldPart64(Cpu c, long linear) {
        long[] t = c.tlb;
        int k = (int) (linear >>> 10) & Mmu.INDEX_MASK;
        if (t[k] == (linear + 7 & -4096)) {
            return HOST.get(JAVA_LONG_UNALIGNED, linear + t[k + 2]);
        }
        return c.mmu.loadPart(linear, 8);
    }

    public static void stPart64(Cpu c, long linear, long value) {
        long[] t = c.tlb;
        int k = (int) (linear >>> 10) & Mmu.INDEX_MASK;
        if (t[k + 1] == (linear + 7 & -4096)) {
            HOST.set(JAVA_LONG_UNALIGNED, linear + t[k + 2], value);
        } else {
            c.mmu.storePart(linear, 8, value);
        }
    }

    public static void ldVector128(Cpu c, long linear, int index) {
        ld128(c, linear, index);
    }

    public static void ldVector128Aligned(Cpu c, long linear, int index) {
        checkAligned(c, linear);
        ld128(c, linear, index);
    }

    public static void ldVector64(Cpu c, long linear, int index) {
        c.x[index] = ld64(c, linear);
        c.x[index + 1] = 0;
    }

    public static void ldVector64Part(Cpu c, long linear, int index) {
        c.x[index] = ldPart64(c, linear);
        c.x[index + 1] = 0;
    }

    public static void ldVector32(Cpu c, long linear, int index) {
        c.x[index] = ld32(c, linear) & 0xFFFF_FFFFL;
        c.x[index + 1] = 0;
    }

    public static void ldVector16(Cpu c, long linear, int index) {
        c.x[index] = ld16(c, linear);
        c.x[index + 1] = 0;
    }

    public static void ldVector8(Cpu c, long linear, int index) {
        c.x[index] = ld8(c, linear);
        c.x[index + 1] = 0;
    }

    public static void stVector128(Cpu c, long linear, int index) {
        st128(c, linear, index);
    }

    public static void stVector128Aligned(Cpu c, long linear, int index) {
        checkAligned(c, linear);
        st128(c, linear, index);
    }

    public static void stVector64(Cpu c, long linear, int index) {
        st64(c, linear, c.x[index]);
    }

    public static void stVector64Part(Cpu c, long linear, int index) {
        stPart64(c, linear, c.x[index]);
    }

    public static void stVector32(Cpu c, long linear, int index) {
        st32(c, linear, (int) c.x[index]);
    }

    public static void stVector16(Cpu c, long linear, int index) {
        st16(c, linear, (int) c.x[index]);
    }

    public static void stVector8(Cpu c, long linear, int index) {
        st8(c, linear, (int) c.x[index]);
    }

    public static void ldVector256(Cpu c, long linear, int index) {
        long[] t = c.tlb;
        int k = (int) (linear >>> 10) & Mmu.INDEX_MASK;
        if (t[k] == (linear + 31 & -4096)) {
            long host = linear + t[k + 2];
            c.x[index] = HOST.get(JAVA_LONG_UNALIGNED, host);
            c.x[index + 1] = HOST.get(JAVA_LONG_UNALIGNED, host + 8);
            c.x[index + 2] = HOST.get(JAVA_LONG_UNALIGNED, host + 16);
            c.x[index + 3] = HOST.get(JAVA_LONG_UNALIGNED, host + 24);
            return;
        }
        long first = ldPart64(c, linear);
        long second = ldPart64(c, linear + 8);
        ld128(c, linear + 16, index + 2);
        c.x[index] = first;
        c.x[index + 1] = second;
    }

    public static void ldVector256Aligned(Cpu c, long linear, int index) {
        if ((linear & 31) != 0) {
            throw c.generalProtection(0);
        }
        ldVector256(c, linear, index);
    }

    public static void stVector256(Cpu c, long linear, int index) {
        if (c.tlb[((int) (linear >>> 10) & Mmu.INDEX_MASK) + 1] != (linear + 31 & -4096)) {
            c.mmu.probeWrite(linear, 32);
        }
        st128(c, linear, index);
        st128(c, linear + 16, index + 2);
    }

    public static void stVector256Aligned(Cpu c, long linear, int index) {
        if ((linear & 31) != 0) {
            throw c.generalProtection(0);
        }
        stVector256(c, linear, index);
    }

    /** After a 128-bit VEX instruction: bits 255:128 of the destination are zero. */
    public static void clearUpper(Cpu c, int index) {
        c.x[index + 2] = 0;
        c.x[index + 3] = 0;
    }

    private static void checkAligned(Cpu c, long linear) {
        if ((linear & 15) != 0) {
            throw c.generalProtection(0);
        }
    }
}
