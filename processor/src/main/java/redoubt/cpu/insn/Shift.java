package redoubt.cpu.insn;

import redoubt.cpu.Cpu;

/**
 * Shifts and rotates: SDM vol. 2, "SAL/SAR/SHL/SHR", "RCL/RCR/ROL/ROR", "SHLD", "SHRD" and the BMI2 forms.
 *
 * <p>A masked count of 0 leaves all flags. OF is defined for a count of 1 only; for others it is what the last of the
 * single steps gives, as common processors do. AF, undefined after shifts, is cleared.
 */
public final class Shift {
    private static final long TOP2 = Alu.TOP2;

    private Shift() {}

    // ---- shifts

    /** SHL: CF and the new sign are the two bits on top before the last step. */
    public static int shl8(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        int before = a << n - 1;
        int s = before << 1;
        c.fr = (byte) s;
        c.fx = (long) before << 56 & TOP2;
        return s;
    }

    /** SHL, 16 bits. */
    public static int shl16(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        int before = a << n - 1;
        int s = before << 1;
        c.fr = (short) s;
        c.fx = (long) before << 48 & TOP2;
        return s;
    }

    /** SHL, 32 bits. */
    public static int shl32(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        int before = a << n - 1;
        int s = before << 1;
        c.fr = s;
        c.fx = (long) before << 32 & TOP2;
        return s;
    }

    /** SHL, 64 bits. */
    public static long shl64(Cpu c, long a, int count) {
        int n = count & 63;
        if (n == 0) {
            return a;
        }
        long before = a << n - 1;
        long s = before << 1;
        c.fr = s;
        c.fx = before & TOP2;
        return s;
    }

    /** SHR. */
    public static int shr8(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        int before = a >>> n - 1;
        int s = before >>> 1;
        long carry = (long) before << 63;
        c.fr = s;
        c.fx = carry | (carry ^ (long) before << 56 & 1L << 63) >>> 1;
        return s;
    }

    /** SHR, 16 bits. */
    public static int shr16(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        int before = a >>> n - 1;
        int s = before >>> 1;
        long carry = (long) before << 63;
        c.fr = s;
        c.fx = carry | (carry ^ (long) before << 48 & 1L << 63) >>> 1;
        return s;
    }

    /** SHR, 32 bits. */
    public static int shr32(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        int before = a >>> n - 1;
        int s = before >>> 1;
        long carry = (long) before << 63;
        c.fr = s;
        c.fx = carry | (carry ^ (long) before << 32 & 1L << 63) >>> 1;
        return s;
    }

    /** SHR, 64 bits. */
    public static long shr64(Cpu c, long a, int count) {
        int n = count & 63;
        if (n == 0) {
            return a;
        }
        long before = a >>> n - 1;
        long s = before >>> 1;
        long carry = before << 63;
        c.fr = s;
        c.fx = carry | (carry ^ before & 1L << 63) >>> 1;
        return s;
    }

    /** SAR: OF is clear, so CF and "CF xor OF" are alike. */
    public static int sar8(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        int before = (byte) a >> n - 1;
        int s = before >> 1;
        c.fr = s;
        c.fx = -((long) before & 1) & TOP2;
        return s;
    }

    /** SAR, 16 bits. */
    public static int sar16(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        int before = (short) a >> n - 1;
        int s = before >> 1;
        c.fr = s;
        c.fx = -((long) before & 1) & TOP2;
        return s;
    }

    /** SAR, 32 bits. */
    public static int sar32(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        int before = a >> n - 1;
        int s = before >> 1;
        c.fr = s;
        c.fx = -((long) before & 1) & TOP2;
        return s;
    }

    /** SAR, 64 bits. */
    public static long sar64(Cpu c, long a, int count) {
        int n = count & 63;
        if (n == 0) {
            return a;
        }
        long before = a >> n - 1;
        long s = before >> 1;
        c.fr = s;
        c.fx = -(before & 1) & TOP2;
        return s;
    }

    // ---- double shifts

    /** SHLD: a 16-bit count above 16, undefined by the manual, goes on with the destination's own bits. */
    public static int shld16(Cpu c, int a, int b, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        long before = (long) a << 48 | (long) b << 32 | (long) a << 16;
        before <<= n - 1;
        int s = (int) (before >>> 47) & 0xFFFF;
        c.fr = (short) s;
        c.fx = before & TOP2;
        return s;
    }

    /** SHLD, 32 bits. */
    public static int shld32(Cpu c, int a, int b, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        long before = ((long) a << 32 | b & 0xFFFF_FFFFL) << n - 1;
        int s = (int) (before >>> 31);
        c.fr = s;
        c.fx = before & TOP2;
        return s;
    }

    /** SHLD, 64 bits. */
    public static long shld64(Cpu c, long a, long b, int count) {
        int n = count & 63;
        if (n == 0) {
            return a;
        }
        long before = a << n - 1 | b >>> 1 >>> 64 - n;
        long s = a << n | b >>> 64 - n;
        c.fr = s;
        c.fx = before & TOP2;
        return s;
    }

    /** CF is the low bit before the last step, OF a change of the sign, which is each word's top bit. */
    private static long rightFlags(long before, long signBefore, long signAfter) {
        long carry = before << 63;
        return carry | (carry ^ (signBefore ^ signAfter) & 1L << 63) >>> 1;
    }

    /** SHRD: a 16-bit count above 16 as for SHLD. */
    public static int shrd16(Cpu c, int a, int b, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        long before = ((long) a << 32 | (long) b << 16 | a) >>> n - 1;
        int s = (int) (before >>> 1) & 0xFFFF;
        c.fr = (short) s;
        c.fx = rightFlags(before, before << 48, (long) s << 48);
        return s;
    }

    /** SHRD, 32 bits. */
    public static int shrd32(Cpu c, int a, int b, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        long before = ((long) b << 32 | a & 0xFFFF_FFFFL) >>> n - 1;
        int s = (int) (before >>> 1);
        c.fr = s;
        c.fx = rightFlags(before, before << 32, (long) s << 32);
        return s;
    }

    /** SHRD, 64 bits. */
    public static long shrd64(Cpu c, long a, long b, int count) {
        int n = count & 63;
        if (n == 0) {
            return a;
        }
        long before = a >>> n - 1 | b << 1 << 64 - n;
        long s = a >>> n | b << 64 - n;
        c.fr = s;
        c.fx = rightFlags(before, before, s);
        return s;
    }

    // ---- rotates: only CF and OF change

    /** CF is the low bit of {@code carry}; OF is the top bit of {@code overflow}. */
    private static void rotateFlags(Cpu c, long carry, long overflow) {
        long cf = carry << 63;
        c.fx = c.fx & ~TOP2 | cf | (cf ^ overflow & 1L << 63) >>> 1;
    }

    /** ROL: a count that is a multiple of the width still sets CF. */
    public static int rol8(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        int s = (a << (n & 7) | a >>> 8 - (n & 7)) & 0xFF;
        rotateFlags(c, s, (long) s << 56 ^ (long) s << 63);
        return s;
    }

    /** ROL, 16 bits. */
    public static int rol16(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        int s = (a << (n & 15) | a >>> 16 - (n & 15)) & 0xFFFF;
        rotateFlags(c, s, (long) s << 48 ^ (long) s << 63);
        return s;
    }

    /** ROL, 32 bits. */
    public static int rol32(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        int s = Integer.rotateLeft(a, n);
        rotateFlags(c, s, (long) s << 32 ^ (long) s << 63);
        return s;
    }

    /** ROL, 64 bits. */
    public static long rol64(Cpu c, long a, int count) {
        int n = count & 63;
        if (n == 0) {
            return a;
        }
        long s = Long.rotateLeft(a, n);
        rotateFlags(c, s, s ^ s << 63);
        return s;
    }

    /** ROR. */
    public static int ror8(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        int s = (a >>> (n & 7) | a << 8 - (n & 7)) & 0xFF;
        long top = (long) s << 56;
        rotateFlags(c, top >>> 63, top ^ top << 1);
        return s;
    }

    /** ROR, 16 bits. */
    public static int ror16(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        int s = (a >>> (n & 15) | a << 16 - (n & 15)) & 0xFFFF;
        long top = (long) s << 48;
        rotateFlags(c, top >>> 63, top ^ top << 1);
        return s;
    }

    /** ROR, 32 bits. */
    public static int ror32(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        int s = Integer.rotateRight(a, n);
        long top = (long) s << 32;
        rotateFlags(c, top >>> 63, top ^ top << 1);
        return s;
    }

    /** ROR, 64 bits. */
    public static long ror64(Cpu c, long a, int count) {
        int n = count & 63;
        if (n == 0) {
            return a;
        }
        long s = Long.rotateRight(a, n);
        rotateFlags(c, s >>> 63, s ^ s << 1);
        return s;
    }

    /** RCL: rotates CF and the operand as one number, of 9 bits for a byte. */
    public static int rcl8(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        n %= 9;
        long old = (c.fx >>> 63) << 8 | a;
        long s = old << n | old >>> 9 - n;
        rotateFlags(c, s >>> 8, s << 56 ^ s << 55);
        return (int) s;
    }

    /** RCL, 16 bits. */
    public static int rcl16(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        n %= 17;
        long old = (c.fx >>> 63) << 16 | a;
        long s = old << n | old >>> 17 - n;
        rotateFlags(c, s >>> 16, s << 48 ^ s << 47);
        return (int) s;
    }

    /** RCL, 32 bits. */
    public static int rcl32(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        long old = (c.fx >>> 63) << 32 | a & 0xFFFF_FFFFL;
        long s = old << n | old >>> 33 - n;
        rotateFlags(c, s >>> 32, s << 32 ^ s << 31);
        return (int) s;
    }

    /** RCL, 64 bits. */
    public static long rcl64(Cpu c, long a, int count) {
        int n = count & 63;
        if (n == 0) {
            return a;
        }
        long s = a << n | c.fx >>> 63 << n - 1 | a >>> 1 >>> 64 - n;
        long carry = a >>> 64 - n;
        rotateFlags(c, carry, s ^ carry << 63);
        return s;
    }

    /** RCR. */
    public static int rcr8(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        n %= 9;
        long old = (c.fx >>> 63) << 8 | a;
        long s = old >>> n | old << 9 - n;
        long top = s << 56;
        rotateFlags(c, s >>> 8, top ^ top << 1);
        return (int) s;
    }

    /** RCR, 16 bits. */
    public static int rcr16(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        n %= 17;
        long old = (c.fx >>> 63) << 16 | a;
        long s = old >>> n | old << 17 - n;
        long top = s << 48;
        rotateFlags(c, s >>> 16, top ^ top << 1);
        return (int) s;
    }

    /** RCR, 32 bits. */
    public static int rcr32(Cpu c, int a, int count) {
        int n = count & 31;
        if (n == 0) {
            return a;
        }
        long old = (c.fx >>> 63) << 32 | a & 0xFFFF_FFFFL;
        long s = old >>> n | old << 33 - n;
        long top = s << 32;
        rotateFlags(c, s >>> 32, top ^ top << 1);
        return (int) s;
    }

    /** RCR, 64 bits. */
    public static long rcr64(Cpu c, long a, int count) {
        int n = count & 63;
        if (n == 0) {
            return a;
        }
        long s = a >>> n | c.fx >>> 63 << 64 - n | a << 1 << 64 - n;
        rotateFlags(c, a >>> n - 1, s ^ s << 1);
        return s;
    }

    // ---- BMI2: no flags

    /** SHLX. */
    public static int shlx32(Cpu c, int a, int count) {
        return a << count;
    }

    /** SHLX, 64 bits. */
    public static long shlx64(Cpu c, long a, long count) {
        return a << count;
    }

    /** SARX. */
    public static int sarx32(Cpu c, int a, int count) {
        return a >> count;
    }

    /** SARX, 64 bits. */
    public static long sarx64(Cpu c, long a, long count) {
        return a >> count;
    }

    /** SHRX. */
    public static int shrx32(Cpu c, int a, int count) {
        return a >>> count;
    }

    /** SHRX, 64 bits. */
    public static long shrx64(Cpu c, long a, long count) {
        return a >>> count;
    }

    /** RORX. */
    public static int rorx32(Cpu c, int a, int count) {
        return Integer.rotateRight(a, count);
    }

    /** RORX, 64 bits. */
    public static long rorx64(Cpu c, long a, int count) {
        return Long.rotateRight(a, count);
    }
}
