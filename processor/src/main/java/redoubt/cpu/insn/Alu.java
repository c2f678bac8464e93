package redoubt.cpu.insn;

import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;
import redoubt.cpu.Mem;
import redoubt.x86.Op;

/**
 * Integer arithmetic and logic, and the flag instructions: SDM vol. 2, each instruction's "Operation" and "Flags
 * Affected".
 *
 * <p>All without branches: these are the interpreter's hottest functions. Arguments narrower than their type are
 * zero-extended, and the caller ignores the upper bits of an {@code int} result.
 */
public final class Alu {
    /** CF and "CF xor OF" in {@code Cpu.fx}. */
    static final long TOP2 = 0xC000_0000_0000_0000L;

    private static final long LOW32 = 0xFFFF_FFFFL;

    private Alu() {}

    // ---- addition and subtraction

    /** ADD. */
    public static int add8(Cpu c, int a, int b) {
        int s = a + b;
        c.fr = (byte) s;
        c.fx = Flags.add(a, b, s, 8);
        return s;
    }

    /** ADD, 16 bits. */
    public static int add16(Cpu c, int a, int b) {
        int s = a + b;
        c.fr = (short) s;
        c.fx = Flags.add(a, b, s, 16);
        return s;
    }

    /** ADD, 32 bits. */
    public static int add32(Cpu c, int a, int b) {
        int s = a + b;
        c.fr = s;
        c.fx = Flags.add(a, b, s, 32);
        return s;
    }

    /** ADD, 64 bits. */
    public static long add64(Cpu c, long a, long b) {
        long s = a + b;
        c.fr = s;
        c.fx = Flags.add(a, b, s, 64);
        return s;
    }

    /** ADC. */
    public static int adc8(Cpu c, int a, int b) {
        int s = a + b + (int) (c.fx >>> 63);
        c.fr = (byte) s;
        c.fx = Flags.add(a, b, s, 8);
        return s;
    }

    /** ADC, 16 bits. */
    public static int adc16(Cpu c, int a, int b) {
        int s = a + b + (int) (c.fx >>> 63);
        c.fr = (short) s;
        c.fx = Flags.add(a, b, s, 16);
        return s;
    }

    /** ADC, 32 bits. */
    public static int adc32(Cpu c, int a, int b) {
        int s = a + b + (int) (c.fx >>> 63);
        c.fr = s;
        c.fx = Flags.add(a, b, s, 32);
        return s;
    }

    /** ADC, 64 bits. */
    public static long adc64(Cpu c, long a, long b) {
        long s = a + b + (c.fx >>> 63);
        c.fr = s;
        c.fx = Flags.add(a, b, s, 64);
        return s;
    }

    /** SUB. */
    public static int sub8(Cpu c, int a, int b) {
        int s = a - b;
        c.fr = (byte) s;
        c.fx = Flags.sub(a, b, s, 8);
        return s;
    }

    /** SUB, 16 bits. */
    public static int sub16(Cpu c, int a, int b) {
        int s = a - b;
        c.fr = (short) s;
        c.fx = Flags.sub(a, b, s, 16);
        return s;
    }

    /** SUB, 32 bits. */
    public static int sub32(Cpu c, int a, int b) {
        int s = a - b;
        c.fr = s;
        c.fx = Flags.sub(a, b, s, 32);
        return s;
    }

    /** SUB, 64 bits. */
    public static long sub64(Cpu c, long a, long b) {
        long s = a - b;
        c.fr = s;
        c.fx = Flags.sub(a, b, s, 64);
        return s;
    }

    /** SBB. */
    public static int sbb8(Cpu c, int a, int b) {
        int s = a - b - (int) (c.fx >>> 63);
        c.fr = (byte) s;
        c.fx = Flags.sub(a, b, s, 8);
        return s;
    }

    /** SBB, 16 bits. */
    public static int sbb16(Cpu c, int a, int b) {
        int s = a - b - (int) (c.fx >>> 63);
        c.fr = (short) s;
        c.fx = Flags.sub(a, b, s, 16);
        return s;
    }

    /** SBB, 32 bits. */
    public static int sbb32(Cpu c, int a, int b) {
        int s = a - b - (int) (c.fx >>> 63);
        c.fr = s;
        c.fx = Flags.sub(a, b, s, 32);
        return s;
    }

    /** SBB, 64 bits. */
    public static long sbb64(Cpu c, long a, long b) {
        long s = a - b - (c.fx >>> 63);
        c.fr = s;
        c.fx = Flags.sub(a, b, s, 64);
        return s;
    }

    /** CMP. */
    public static void cmp8(Cpu c, int a, int b) {
        int s = a - b;
        c.fr = (byte) s;
        c.fx = Flags.sub(a, b, s, 8);
    }

    /** CMP, 16 bits. */
    public static void cmp16(Cpu c, int a, int b) {
        int s = a - b;
        c.fr = (short) s;
        c.fx = Flags.sub(a, b, s, 16);
    }

    /** CMP, 32 bits. */
    public static void cmp32(Cpu c, int a, int b) {
        int s = a - b;
        c.fr = s;
        c.fx = Flags.sub(a, b, s, 32);
    }

    /** CMP, 64 bits. */
    public static void cmp64(Cpu c, long a, long b) {
        long s = a - b;
        c.fr = s;
        c.fx = Flags.sub(a, b, s, 64);
    }

    /** NEG. */
    public static int neg8(Cpu c, int a) {
        return sub8(c, 0, a);
    }

    /** NEG, 16 bits. */
    public static int neg16(Cpu c, int a) {
        return sub16(c, 0, a);
    }

    /** NEG, 32 bits. */
    public static int neg32(Cpu c, int a) {
        return sub32(c, 0, a);
    }

    /** NEG, 64 bits. */
    public static long neg64(Cpu c, long a) {
        return sub64(c, 0, a);
    }

    /** {@code fx} with the CF of {@code old}, its own OF. */
    private static long keepCarry(long fx, long old) {
        return fx ^ ((fx ^ old) >> 63 & TOP2);
    }

    /** INC: CF stays. */
    public static int inc8(Cpu c, int a) {
        int s = a + 1;
        c.fr = (byte) s;
        c.fx = keepCarry(Flags.add(a, 1, s, 8), c.fx);
        return s;
    }

    /** INC, 16 bits. */
    public static int inc16(Cpu c, int a) {
        int s = a + 1;
        c.fr = (short) s;
        c.fx = keepCarry(Flags.add(a, 1, s, 16), c.fx);
        return s;
    }

    /** INC, 32 bits. */
    public static int inc32(Cpu c, int a) {
        int s = a + 1;
        c.fr = s;
        c.fx = keepCarry(Flags.add(a, 1, s, 32), c.fx);
        return s;
    }

    /** INC, 64 bits. */
    public static long inc64(Cpu c, long a) {
        long s = a + 1;
        c.fr = s;
        c.fx = keepCarry(Flags.add(a, 1, s, 64), c.fx);
        return s;
    }

    /** DEC: CF stays. */
    public static int dec8(Cpu c, int a) {
        int s = a - 1;
        c.fr = (byte) s;
        c.fx = keepCarry(Flags.sub(a, 1, s, 8), c.fx);
        return s;
    }

    /** DEC, 16 bits. */
    public static int dec16(Cpu c, int a) {
        int s = a - 1;
        c.fr = (short) s;
        c.fx = keepCarry(Flags.sub(a, 1, s, 16), c.fx);
        return s;
    }

    /** DEC, 32 bits. */
    public static int dec32(Cpu c, int a) {
        int s = a - 1;
        c.fr = s;
        c.fx = keepCarry(Flags.sub(a, 1, s, 32), c.fx);
        return s;
    }

    /** DEC, 64 bits. */
    public static long dec64(Cpu c, long a) {
        long s = a - 1;
        c.fr = s;
        c.fx = keepCarry(Flags.sub(a, 1, s, 64), c.fx);
        return s;
    }

    /** ADCX: only CF changes. */
    public static int adcx32(Cpu c, int a, int b) {
        int s = a + b + (int) (c.fx >>> 63);
        c.fx = keepCarry(c.fx, Flags.add(a, b, s, 32));
        return s;
    }

    /** ADCX, 64 bits. */
    public static long adcx64(Cpu c, long a, long b) {
        long s = a + b + (c.fx >>> 63);
        c.fx = keepCarry(c.fx, Flags.add(a, b, s, 64));
        return s;
    }

    /** ADOX: OF is the carry in and out, nothing else changes. */
    public static int adox32(Cpu c, int a, int b) {
        long fx = c.fx;
        int s = a + b + (int) ((fx ^ fx << 1) >>> 63);
        long carry = Flags.add(a, b, s, 32) >>> 1 & 1L << 62;
        c.fx = fx & ~(1L << 62) | (fx >>> 1 & 1L << 62 ^ carry);
        return s;
    }

    /** ADOX, 64 bits. */
    public static long adox64(Cpu c, long a, long b) {
        long fx = c.fx;
        long s = a + b + ((fx ^ fx << 1) >>> 63);
        long carry = Flags.add(a, b, s, 64) >>> 1 & 1L << 62;
        c.fx = fx & ~(1L << 62) | (fx >>> 1 & 1L << 62 ^ carry);
        return s;
    }

    /** XADD: the second destination gets the old value. */
    public static int xadd8(Cpu c, int a, int b) {
        c.out2 = a;
        return add8(c, a, b);
    }

    /** XADD, 16 bits. */
    public static int xadd16(Cpu c, int a, int b) {
        c.out2 = a;
        return add16(c, a, b);
    }

    /** XADD, 32 bits. */
    public static int xadd32(Cpu c, int a, int b) {
        c.out2 = a;
        return add32(c, a, b);
    }

    /** XADD, 64 bits. */
    public static long xadd64(Cpu c, long a, long b) {
        c.out2 = a;
        return add64(c, a, b);
    }

    // ---- compare and exchange

    /** CMPXCHG: compares with the accumulator, which gets the old value when they differ. */
    public static int cmpxchg8(Cpu c, int a, int b) {
        int accumulator = (int) c.r[0] & 0xFF;
        cmp8(c, accumulator, a);
        if (accumulator == a) {
            return b;
        }
        c.r[0] = c.r[0] & ~0xFFL | a;
        return a;
    }

    /** CMPXCHG, 16 bits. */
    public static int cmpxchg16(Cpu c, int a, int b) {
        int accumulator = (int) c.r[0] & 0xFFFF;
        cmp16(c, accumulator, a);
        if (accumulator == a) {
            return b;
        }
        c.r[0] = c.r[0] & ~0xFFFFL | a;
        return a;
    }

    /** CMPXCHG, 32 bits. */
    public static int cmpxchg32(Cpu c, int a, int b) {
        int accumulator = (int) c.r[0];
        cmp32(c, accumulator, a);
        if (accumulator == a) {
            return b;
        }
        c.r[0] = a & LOW32;
        return a;
    }

    /** CMPXCHG, 64 bits. */
    public static long cmpxchg64(Cpu c, long a, long b) {
        long accumulator = c.r[0];
        cmp64(c, accumulator, a);
        if (accumulator == a) {
            return b;
        }
        c.r[0] = a;
        return a;
    }

    /** CMPXCHG of two registers, 16 bits. */
    public static void cmpxchgRegister16(Cpu c, long op) {
        long old = c.r[Op.b(op)];
        int value = cmpxchg16(c, (int) old & 0xFFFF, (int) c.r[Op.a(op)] & 0xFFFF);
        if (c.fr == 0) {
            c.r[Op.b(op)] = old & ~0xFFFFL | value & 0xFFFF;
        }
    }

    /** CMPXCHG of two registers, 32 bits: the destination's high half is cleared only when it is written. */
    public static void cmpxchgRegister32(Cpu c, long op) {
        int value = cmpxchg32(c, (int) c.r[Op.b(op)], (int) c.r[Op.a(op)]);
        if (c.fr == 0) {
            c.r[Op.b(op)] = value & LOW32;
        }
    }

    /** CMPXCHG of two registers, 64 bits. */
    public static void cmpxchgRegister64(Cpu c, long op) {
        long value = cmpxchg64(c, c.r[Op.b(op)], c.r[Op.a(op)]);
        if (c.fr == 0) {
            c.r[Op.b(op)] = value;
        }
    }

    /** CMPXCHG8B with a 16-bit operand size, which makes no difference. */
    public static void cmpxchg8b16(Cpu c, long ea) {
        cmpxchg8b32(c, ea);
    }

    /** CMPXCHG8B: the old value is written back when they differ, so the page must be writable either way. */
    public static void cmpxchg8b32(Cpu c, long ea) {
        long[] r = c.r;
        long old = Mem.ldw64(c, ea);
        boolean equal = old == (r[0] & LOW32 | r[2] << 32);
        if (equal) {
            Mem.st64(c, ea, r[3] & LOW32 | r[1] << 32);
        } else {
            Mem.st64(c, ea, old);
            r[0] = old & LOW32;
            r[2] = old >>> 32;
        }
        zeroFlag(c, equal);
    }

    /** CMPXCHG16B: the operand must be aligned, which also keeps it within one page. */
    public static void cmpxchg8b64(Cpu c, long ea) {
        if ((ea & 15) != 0) {
            throw c.generalProtection(0);
        }
        long[] r = c.r;
        long low = Mem.ldw64(c, ea);
        long high = Mem.ldw64(c, ea + 8);
        boolean equal = low == r[0] && high == r[2];
        if (equal) {
            Mem.st64(c, ea, r[3]);
            Mem.st64(c, ea + 8, r[1]);
        } else {
            Mem.st64(c, ea, low);
            Mem.st64(c, ea + 8, high);
            r[0] = low;
            r[2] = high;
        }
        zeroFlag(c, equal);
    }

    private static void zeroFlag(Cpu c, boolean set) {
        c.status(Flags.status(c.fr, c.fx) & ~Flags.ZF | (set ? Flags.ZF : 0));
    }

    // ---- logic

    /** AND. */
    public static int and8(Cpu c, int a, int b) {
        int s = a & b;
        c.fr = (byte) s;
        c.fx = 0;
        return s;
    }

    /** AND, 16 bits. */
    public static int and16(Cpu c, int a, int b) {
        int s = a & b;
        c.fr = (short) s;
        c.fx = 0;
        return s;
    }

    /** AND, 32 bits. */
    public static int and32(Cpu c, int a, int b) {
        int s = a & b;
        c.fr = s;
        c.fx = 0;
        return s;
    }

    /** AND, 64 bits. */
    public static long and64(Cpu c, long a, long b) {
        long s = a & b;
        c.fr = s;
        c.fx = 0;
        return s;
    }

    /** OR. */
    public static int or8(Cpu c, int a, int b) {
        int s = a | b;
        c.fr = (byte) s;
        c.fx = 0;
        return s;
    }

    /** OR, 16 bits. */
    public static int or16(Cpu c, int a, int b) {
        int s = a | b;
        c.fr = (short) s;
        c.fx = 0;
        return s;
    }

    /** OR, 32 bits. */
    public static int or32(Cpu c, int a, int b) {
        int s = a | b;
        c.fr = s;
        c.fx = 0;
        return s;
    }

    /** OR, 64 bits. */
    public static long or64(Cpu c, long a, long b) {
        long s = a | b;
        c.fr = s;
        c.fx = 0;
        return s;
    }

    /** XOR. */
    public static int xor8(Cpu c, int a, int b) {
        int s = a ^ b;
        c.fr = (byte) s;
        c.fx = 0;
        return s;
    }

    /** XOR, 16 bits. */
    public static int xor16(Cpu c, int a, int b) {
        int s = a ^ b;
        c.fr = (short) s;
        c.fx = 0;
        return s;
    }

    /** XOR, 32 bits. */
    public static int xor32(Cpu c, int a, int b) {
        int s = a ^ b;
        c.fr = s;
        c.fx = 0;
        return s;
    }

    /** XOR, 64 bits. */
    public static long xor64(Cpu c, long a, long b) {
        long s = a ^ b;
        c.fr = s;
        c.fx = 0;
        return s;
    }

    /** TEST. */
    public static void test8(Cpu c, int a, int b) {
        c.fr = (byte) (a & b);
        c.fx = 0;
    }

    /** TEST, 16 bits. */
    public static void test16(Cpu c, int a, int b) {
        c.fr = (short) (a & b);
        c.fx = 0;
    }

    /** TEST, 32 bits. */
    public static void test32(Cpu c, int a, int b) {
        c.fr = a & b;
        c.fx = 0;
    }

    /** TEST, 64 bits. */
    public static void test64(Cpu c, long a, long b) {
        c.fr = a & b;
        c.fx = 0;
    }

    /** NOT: no flags. */
    public static int not8(Cpu c, int a) {
        return ~a;
    }

    /** NOT, 16 bits. */
    public static int not16(Cpu c, int a) {
        return ~a;
    }

    /** NOT, 32 bits. */
    public static int not32(Cpu c, int a) {
        return ~a;
    }

    /** NOT, 64 bits. */
    public static long not64(Cpu c, long a) {
        return ~a;
    }

    /** BSWAP of a 16-bit register: undefined by the manual, zero on the processors there are. */
    public static int bswap16(Cpu c, int a) {
        return 0;
    }

    /** BSWAP. */
    public static int bswap32(Cpu c, int a) {
        return Integer.reverseBytes(a);
    }

    /** BSWAP, 64 bits. */
    public static long bswap64(Cpu c, long a) {
        return Long.reverseBytes(a);
    }

    // ---- sign extension of the accumulator

    /** CBW. */
    public static void extendAccumulator16(Cpu c) {
        c.r[0] = c.r[0] & ~0xFFFFL | (byte) c.r[0] & 0xFFFF;
    }

    /** CWDE. */
    public static void extendAccumulator32(Cpu c) {
        c.r[0] = (short) c.r[0] & LOW32;
    }

    /** CDQE. */
    public static void extendAccumulator64(Cpu c) {
        c.r[0] = (int) c.r[0];
    }

    /** CWD. */
    public static void signAccumulator16(Cpu c) {
        c.r[2] = c.r[2] & ~0xFFFFL | (short) c.r[0] >> 15 & 0xFFFF;
    }

    /** CDQ. */
    public static void signAccumulator32(Cpu c) {
        c.r[2] = (int) c.r[0] >> 31 & LOW32;
    }

    /** CQO. */
    public static void signAccumulator64(Cpu c) {
        c.r[2] = c.r[0] >> 63;
    }

    // ---- flags

    /** LAHF. */
    public static void lahf(Cpu c) {
        int ah = Flags.status(c.fr, c.fx) & 0xD5 | 2;
        c.r[0] = c.r[0] & ~0xFF00L | ah << 8;
    }

    /** SAHF: OF stays. */
    public static void sahf(Cpu c) {
        c.status((int) (c.r[0] >>> 8) & 0xD5 | (Flags.of(c.fx) ? Flags.OF : 0));
    }

    /** CMC. */
    public static void cmc(Cpu c) {
        c.fx ^= TOP2;
    }

    /** CLC. */
    public static void clc(Cpu c) {
        c.fx = keepCarry(c.fx, 0);
    }

    /** STC. */
    public static void stc(Cpu c) {
        c.fx = keepCarry(c.fx, -1);
    }

    /** CLD. */
    public static void cld(Cpu c) {
        c.flags &= ~(long) Flags.DF;
    }

    /** STD. */
    public static void std(Cpu c) {
        c.flags |= Flags.DF;
    }

    /** SALC (opcode D6, not in Intel's manual; AMD's APM vol. 3 lists it): AL = CF ? FF : 0. */
    public static void salc(Cpu c) {
        c.r[0] = c.r[0] & ~0xFFL | c.fx >> 63 & 0xFF;
    }
}
