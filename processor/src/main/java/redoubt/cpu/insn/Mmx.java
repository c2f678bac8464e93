package redoubt.cpu.insn;

import static redoubt.x86.MxcsrContext.TRUNCATE;

import redoubt.cpu.Cpu;
import redoubt.x86.MxcsrContext;
import redoubt.x86.SseConvert;

/**
 * MMX instructions and the 64-bit forms of later ones: SDM vol. 1, chapter 9. Operands and result are the registers'
 * contents. What executing one does to the x87 state is {@link Cpu#enterMmx}'s.
 */
public final class Mmx {
    private Mmx() {}

    // ---- moves

    public static long movq(Cpu c, long a) {
        return a;
    }

    public static long movd32(Cpu c, int value) {
        return value & Lanes.LOW32;
    }

    public static long movd64(Cpu c, long value) {
        return value;
    }

    /** MOVD to a general register or memory. */
    public static int movdTo32(Cpu c, long a) {
        return (int) a;
    }

    public static long movdTo64(Cpu c, long a) {
        return a;
    }

    public static void movq2dq(Cpu c, int d, long a) {
        c.x[d] = a;
        c.x[d + 1] = 0;
    }

    public static long movdq2q(Cpu c, int a) {
        return c.x[a];
    }

    public static int pmovmskb(Cpu c, long a) {
        return Lanes.topBitsB(a);
    }

    /** MASKMOVQ; see {@link Vec#maskmovdqu}. */
    public static void maskmovq(Cpu c, long a, long mask) {
        Vec.storeSelected(c, a, 0, Lanes.topBitsB(mask));
    }

    // ---- logic

    public static long pand(Cpu c, long a, long b) {
        return a & b;
    }

    public static long pandn(Cpu c, long a, long b) {
        return ~a & b;
    }

    public static long por(Cpu c, long a, long b) {
        return a | b;
    }

    public static long pxor(Cpu c, long a, long b) {
        return a ^ b;
    }

    // ---- arithmetic

    public static long paddb(Cpu c, long a, long b) {
        return Lanes.add(a, b, Lanes.B);
    }

    public static long paddw(Cpu c, long a, long b) {
        return Lanes.add(a, b, Lanes.W);
    }

    public static long paddd(Cpu c, long a, long b) {
        return Lanes.add(a, b, Lanes.D);
    }

    public static long paddq(Cpu c, long a, long b) {
        return a + b;
    }

    public static long paddsb(Cpu c, long a, long b) {
        return Lanes.addSignedSaturating(a, b, Lanes.B, 8);
    }

    public static long paddusb(Cpu c, long a, long b) {
        return Lanes.addUnsignedSaturating(a, b, Lanes.B, 8);
    }

    public static long paddsw(Cpu c, long a, long b) {
        return Lanes.addSignedSaturating(a, b, Lanes.W, 16);
    }

    public static long paddusw(Cpu c, long a, long b) {
        return Lanes.addUnsignedSaturating(a, b, Lanes.W, 16);
    }

    public static long psubb(Cpu c, long a, long b) {
        return Lanes.sub(a, b, Lanes.B);
    }

    public static long psubw(Cpu c, long a, long b) {
        return Lanes.sub(a, b, Lanes.W);
    }

    public static long psubd(Cpu c, long a, long b) {
        return Lanes.sub(a, b, Lanes.D);
    }

    public static long psubq(Cpu c, long a, long b) {
        return a - b;
    }

    public static long psubsb(Cpu c, long a, long b) {
        return Lanes.subSignedSaturating(a, b, Lanes.B, 8);
    }

    public static long psubusb(Cpu c, long a, long b) {
        return Lanes.subUnsignedSaturating(a, b, Lanes.B, 8);
    }

    public static long psubsw(Cpu c, long a, long b) {
        return Lanes.subSignedSaturating(a, b, Lanes.W, 16);
    }

    public static long psubusw(Cpu c, long a, long b) {
        return Lanes.subUnsignedSaturating(a, b, Lanes.W, 16);
    }

    public static long pavgb(Cpu c, long a, long b) {
        return Lanes.average(a, b, Lanes.B);
    }

    public static long pavgw(Cpu c, long a, long b) {
        return Lanes.average(a, b, Lanes.W);
    }

    public static long pabsb(Cpu c, long a) {
        return Lanes.absolute(a, Lanes.B, 8);
    }

    public static long pabsw(Cpu c, long a) {
        return Lanes.absolute(a, Lanes.W, 16);
    }

    public static long pabsd(Cpu c, long a) {
        return Lanes.absolute(a, Lanes.D, 32);
    }

    public static long psignb(Cpu c, long a, long b) {
        return Lanes.sign(a, b, Lanes.B, 8);
    }

    public static long psignw(Cpu c, long a, long b) {
        return Lanes.sign(a, b, Lanes.W, 16);
    }

    public static long psignd(Cpu c, long a, long b) {
        return Lanes.sign(a, b, Lanes.D, 32);
    }

    public static long phaddw(Cpu c, long a, long b) {
        return Vec.addedPairsW(a, b);
    }

    public static long phaddd(Cpu c, long a, long b) {
        return Vec.addedPairsD(a, b);
    }

    public static long phaddsw(Cpu c, long a, long b) {
        return Vec.addedPairsSaturatingW(a, b);
    }

    public static long phsubw(Cpu c, long a, long b) {
        return Vec.subtractedPairsW(a, b);
    }

    public static long phsubd(Cpu c, long a, long b) {
        return Vec.subtractedPairsD(a, b);
    }

    public static long phsubsw(Cpu c, long a, long b) {
        return Vec.subtractedPairsSaturatingW(a, b);
    }

    public static long pmullw(Cpu c, long a, long b) {
        return Lanes.multiplyLowW(a, b);
    }

    public static long pmulhw(Cpu c, long a, long b) {
        return Lanes.multiplyHighSignedW(a, b);
    }

    public static long pmulhuw(Cpu c, long a, long b) {
        return Lanes.multiplyHighUnsignedW(a, b);
    }

    public static long pmulhrsw(Cpu c, long a, long b) {
        return Lanes.multiplyHighRoundedW(a, b);
    }

    public static long pmaddwd(Cpu c, long a, long b) {
        return Lanes.multiplyAddW(a, b);
    }

    public static long pmaddubsw(Cpu c, long a, long b) {
        return Lanes.multiplyAddB(a, b);
    }

    public static long psadbw(Cpu c, long a, long b) {
        return Lanes.sumOfDifferences(a, b);
    }

    public static long pmuludq(Cpu c, long a, long b) {
        return (a & Lanes.LOW32) * (b & Lanes.LOW32);
    }

    // ---- comparison, minimum, maximum

    public static long pcmpeqb(Cpu c, long a, long b) {
        return Lanes.equal(a, b, Lanes.B, 8);
    }

    public static long pcmpgtb(Cpu c, long a, long b) {
        return Lanes.greater(a, b, Lanes.B, 8);
    }

    public static long pcmpeqw(Cpu c, long a, long b) {
        return Lanes.equal(a, b, Lanes.W, 16);
    }

    public static long pcmpgtw(Cpu c, long a, long b) {
        return Lanes.greater(a, b, Lanes.W, 16);
    }

    public static long pcmpeqd(Cpu c, long a, long b) {
        return Lanes.equal(a, b, Lanes.D, 32);
    }

    public static long pcmpgtd(Cpu c, long a, long b) {
        return Lanes.greater(a, b, Lanes.D, 32);
    }

    public static long pminub(Cpu c, long a, long b) {
        return Lanes.minUnsigned(a, b, Lanes.B, 8);
    }

    public static long pmaxub(Cpu c, long a, long b) {
        return Lanes.maxUnsigned(a, b, Lanes.B, 8);
    }

    public static long pminsw(Cpu c, long a, long b) {
        return Lanes.minSigned(a, b, Lanes.W, 16);
    }

    public static long pmaxsw(Cpu c, long a, long b) {
        return Lanes.maxSigned(a, b, Lanes.W, 16);
    }

    // ---- shifts

    public static long psllw(Cpu c, long a, long count) {
        return (count & ~15L) == 0 ? Lanes.shiftLeftW(a, (int) count) : 0;
    }

    public static long psrlw(Cpu c, long a, long count) {
        return (count & ~15L) == 0 ? Lanes.shiftRightW(a, (int) count) : 0;
    }

    public static long pslld(Cpu c, long a, long count) {
        return (count & ~31L) == 0 ? Lanes.shiftLeftD(a, (int) count) : 0;
    }

    public static long psrld(Cpu c, long a, long count) {
        return (count & ~31L) == 0 ? Lanes.shiftRightD(a, (int) count) : 0;
    }

    public static long psllq(Cpu c, long a, long count) {
        return (count & ~63L) == 0 ? a << count : 0;
    }

    public static long psrlq(Cpu c, long a, long count) {
        return (count & ~63L) == 0 ? a >>> count : 0;
    }

    public static long psraw(Cpu c, long a, long count) {
        return Lanes.shiftRightSignedW(a, (count & ~15L) == 0 ? (int) count : 15);
    }

    public static long psrad(Cpu c, long a, long count) {
        return Lanes.shiftRightSignedD(a, (count & ~31L) == 0 ? (int) count : 31);
    }

    // ---- shuffles and single elements

    public static long punpckhbw(Cpu c, long a, long b) {
        return Lanes.spreadB(a >>> 32) | Lanes.spreadB(b >>> 32) << 8;
    }

    public static long punpckhwd(Cpu c, long a, long b) {
        return Lanes.spreadW(a >>> 32) | Lanes.spreadW(b >>> 32) << 16;
    }

    public static long punpckhdq(Cpu c, long a, long b) {
        return a >>> 32 | b & Lanes.HIGH32;
    }

    public static long punpcklbw(Cpu c, long a, int b) {
        return Lanes.spreadB(a) | Lanes.spreadB(b) << 8;
    }

    public static long punpcklwd(Cpu c, long a, int b) {
        return Lanes.spreadW(a) | Lanes.spreadW(b) << 16;
    }

    public static long punpckldq(Cpu c, long a, int b) {
        return a & Lanes.LOW32 | (long) b << 32;
    }

    public static long packsswb(Cpu c, long a, long b) {
        return Lanes.packSignedW(a) | Lanes.packSignedW(b) << 32;
    }

    public static long packuswb(Cpu c, long a, long b) {
        return Lanes.packUnsignedW(a) | Lanes.packUnsignedW(b) << 32;
    }

    public static long packssdw(Cpu c, long a, long b) {
        return Lanes.packSignedD(a) | Lanes.packSignedD(b) << 32;
    }

    public static long pshufb(Cpu c, long a, long b) {
        return Vec.shuffledBytes(a, a, b);
    }

    public static long pshufw(Cpu c, long a, int imm) {
        return Vec.shuffledWords(a, imm);
    }

    public static long palignr(Cpu c, long a, long b, int imm) {
        return Vec.eightBytes(b, a, 0, 0, Math.min(imm, 16));
    }

    public static long pinsrw(Cpu c, long a, int value, int imm) {
        int bit = (imm & 3) * 16;
        return a & ~(0xFFFFL << bit) | (value & 0xFFFFL) << bit;
    }

    public static int pextrw(Cpu c, long a, int imm) {
        return Lanes.wordAt(a, imm & 3);
    }

    // ---- conversions

    public static void cvtpi2ps(Cpu c, int d, int a, long b) {
        MxcsrContext m = VecFloat.begin(c);
        long low = VecFloat.pairFromI32(b, m);
        VecFloat.end(c, m);
        c.x[d] = low;
    }

    public static void cvtpi2pd(Cpu c, int d, long a) {
        c.x[d] = SseConvert.i32ToF64((int) a);
        c.x[d + 1] = SseConvert.i32ToF64(Lanes.high(a));
    }

    public static long cvtps2pi(Cpu c, int a) {
        MxcsrContext m = VecFloat.begin(c);
        long result = VecFloat.pairToI32(c.x[a], m.rounding(), m);
        VecFloat.end(c, m);
        return result;
    }

    public static long cvtpd2pi(Cpu c, int a) {
        MxcsrContext m = VecFloat.begin(c);
        int low = SseConvert.f64ToI32(c.x[a], m.rounding(), m);
        int high = SseConvert.f64ToI32(c.x[a + 1], m.rounding(), m);
        VecFloat.end(c, m);
        return Lanes.pair(low, high);
    }

    public static long cvttps2pi(Cpu c, int a) {
        MxcsrContext m = VecFloat.begin(c);
        long result = VecFloat.pairToI32(c.x[a], TRUNCATE, m);
        VecFloat.end(c, m);
        return result;
    }

    public static long cvttpd2pi(Cpu c, int a) {
        MxcsrContext m = VecFloat.begin(c);
        int low = SseConvert.f64ToI32(c.x[a], TRUNCATE, m);
        int high = SseConvert.f64ToI32(c.x[a + 1], TRUNCATE, m);
        VecFloat.end(c, m);
        return Lanes.pair(low, high);
    }
}
