package redoubt.cpu.insn;

import static redoubt.x86.MxcsrContext.TRUNCATE;
import static redoubt.x86.SseFloat.NEGATE_ADDEND;
import static redoubt.x86.SseFloat.NEGATE_PRODUCT;

import redoubt.cpu.Cpu;
import redoubt.x86.MxcsrContext;
import redoubt.x86.SseConvert;
import redoubt.x86.SseFloat;

/**
 * Floating-point vector instructions (SDM vol. 1, 10.4, 11.4, 12.3 and 12.8), one 128-bit lane at a time; operands as in
 * {@link Vec}. The arithmetic of an element is in {@link SseFloat} and {@link SseConvert}. Exceptions of all elements are
 * raised together, before anything is written.
 */
public final class VecFloat {
    private static final long CR4_OSXMMEXCPT = 1 << 10;

    private VecFloat() {}

    /** Readies the processor's context for an instruction. */
    static MxcsrContext begin(Cpu c) {
        MxcsrContext m = c.sse;
        m.mxcsr = c.mxcsr;
        m.raised &= m.carried;
        return m;
    }

    /** Before the lanes of a 256-bit instruction: their exceptions are collected until {@link #endJoint}. */
    public static void beginJoint(Cpu c) {
        c.sse.raised = 0;
        c.sse.carried = -1;
    }

    /** After the last lane and before the destination is written: raises the exceptions of all lanes. */
    public static void endJoint(Cpu c) {
        c.sse.carried = 0;
        end(c, c.sse);
    }

    /**
     * Moves the exceptions met into MXCSR; an unmasked one is #XM, or #UD if the operating system does not expect that
     * (CR4.OSXMMEXCPT, SDM vol. 3A, 2.5). To be called before the destination is written.
     */
    static void end(Cpu c, MxcsrContext m) {
        if ((m.raised & ~m.carried) != 0) {
            boolean unmasked = m.commit();
            c.mxcsr = m.mxcsr;
            if (unmasked) {
                throw (c.cr4 & CR4_OSXMMEXCPT) != 0 ? c.fault(19, -1) : c.invalidOpcode();
            }
        }
    }

    /** Result of a scalar single-precision instruction: {@code bits}, and the rest of {@code a}. */
    private static void scalar32(Cpu c, int d, int a, int bits) {
        long[] x = c.x;
        x[d] = x[a] & Lanes.HIGH32 | bits & Lanes.LOW32;
        x[d + 1] = x[a + 1];
    }

    private static void scalar64(Cpu c, int d, int a, long bits) {
        c.x[d] = bits;
        c.x[d + 1] = c.x[a + 1];
    }

    private static void write(Cpu c, int d, long low, long high) {
        c.x[d] = low;
        c.x[d + 1] = high;
    }

    // ---- moves and shuffles

    /** MOVSS between registers. */
    public static void movss(Cpu c, int d, int a, int b) {
        scalar32(c, d, a, (int) c.x[b]);
    }

    /** MOVSD between registers, MOVLPS and MOVLPD from memory: the low half of {@code b}, the high half of {@code a}. */
    public static void movlps(Cpu c, int d, int a, int b) {
        write(c, d, c.x[b], c.x[a + 1]);
    }

    /** MOVLHPS, MOVHPS and MOVHPD from memory: the low half of {@code a} below that of {@code b}. */
    public static void movhps(Cpu c, int d, int a, int b) {
        write(c, d, c.x[a], c.x[b]);
    }

    public static void movhlps(Cpu c, int d, int a, int b) {
        write(c, d, c.x[b + 1], c.x[a + 1]);
    }

    /** MOVHPS to memory. */
    public static void movhpsTo(Cpu c, int d, int a) {
        c.x[d] = c.x[a + 1];
    }

    public static void movsldup(Cpu c, int d, int a) {
        write(c, d, evenTwice(c.x[a]), evenTwice(c.x[a + 1]));
    }

    public static void movshdup(Cpu c, int d, int a) {
        write(c, d, oddTwice(c.x[a]), oddTwice(c.x[a + 1]));
    }

    private static long evenTwice(long a) {
        return a & Lanes.LOW32 | a << 32;
    }

    private static long oddTwice(long a) {
        return a >>> 32 | a & Lanes.HIGH32;
    }

    public static void movddup(Cpu c, int d, int a) {
        write(c, d, c.x[a], c.x[a]);
    }

    public static int movmskps(Cpu c, int a) {
        long low = c.x[a];
        long high = c.x[a + 1];
        return (int) (low >>> 31 & 1 | low >>> 63 << 1 | (high >>> 31 & 1) << 2 | high >>> 63 << 3);
    }

    public static int movmskpd(Cpu c, int a) {
        return (int) (c.x[a] >>> 63 | c.x[a + 1] >>> 63 << 1);
    }

    public static void unpcklps(Cpu c, int d, int a, int b) {
        Vec.punpckldq(c, d, a, b);
    }

    public static void unpckhps(Cpu c, int d, int a, int b) {
        Vec.punpckhdq(c, d, a, b);
    }

    public static void unpcklpd(Cpu c, int d, int a, int b) {
        Vec.punpcklqdq(c, d, a, b);
    }

    public static void unpckhpd(Cpu c, int d, int a, int b) {
        Vec.punpckhqdq(c, d, a, b);
    }

    private static int element(Cpu c, int a, int i) {
        return (int) (c.x[a + (i >>> 1 & 1)] >>> 32 * (i & 1));
    }

    public static void shufps(Cpu c, int d, int a, int b, int imm) {
        long low = Lanes.pair(element(c, a, imm), element(c, a, imm >>> 2));
        long high = Lanes.pair(element(c, b, imm >>> 4), element(c, b, imm >>> 6));
        write(c, d, low, high);
    }

    public static void shufpd(Cpu c, int d, int a, int b, int imm) {
        write(c, d, c.x[a + (imm & 1)], c.x[b + (imm >>> 1 & 1)]);
    }

    // ---- arithmetic

    private static long addPair(long a, long b, MxcsrContext m) {
        int low = SseFloat.add32((int) a, (int) b, m);
        return Lanes.pair(low, SseFloat.add32(Lanes.high(a), Lanes.high(b), m));
    }

    public static void addps(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = addPair(c.x[a], c.x[b], m);
        long high = addPair(c.x[a + 1], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void addpd(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = SseFloat.add64(c.x[a], c.x[b], m);
        long high = SseFloat.add64(c.x[a + 1], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void addss(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        int result = SseFloat.add32((int) c.x[a], (int) c.x[b], m);
        end(c, m);
        scalar32(c, d, a, result);
    }

    public static void addsd(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long result = SseFloat.add64(c.x[a], c.x[b], m);
        end(c, m);
        scalar64(c, d, a, result);
    }

    private static long subPair(long a, long b, MxcsrContext m) {
        int low = SseFloat.sub32((int) a, (int) b, m);
        return Lanes.pair(low, SseFloat.sub32(Lanes.high(a), Lanes.high(b), m));
    }

    public static void subps(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = subPair(c.x[a], c.x[b], m);
        long high = subPair(c.x[a + 1], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void subpd(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = SseFloat.sub64(c.x[a], c.x[b], m);
        long high = SseFloat.sub64(c.x[a + 1], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void subss(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        int result = SseFloat.sub32((int) c.x[a], (int) c.x[b], m);
        end(c, m);
        scalar32(c, d, a, result);
    }

    public static void subsd(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long result = SseFloat.sub64(c.x[a], c.x[b], m);
        end(c, m);
        scalar64(c, d, a, result);
    }

    private static long mulPair(long a, long b, MxcsrContext m) {
        int low = SseFloat.mul32((int) a, (int) b, m);
        return Lanes.pair(low, SseFloat.mul32(Lanes.high(a), Lanes.high(b), m));
    }

    public static void mulps(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = mulPair(c.x[a], c.x[b], m);
        long high = mulPair(c.x[a + 1], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void mulpd(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = SseFloat.mul64(c.x[a], c.x[b], m);
        long high = SseFloat.mul64(c.x[a + 1], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void mulss(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        int result = SseFloat.mul32((int) c.x[a], (int) c.x[b], m);
        end(c, m);
        scalar32(c, d, a, result);
    }

    public static void mulsd(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long result = SseFloat.mul64(c.x[a], c.x[b], m);
        end(c, m);
        scalar64(c, d, a, result);
    }

    private static long divPair(long a, long b, MxcsrContext m) {
        int low = SseFloat.div32((int) a, (int) b, m);
        return Lanes.pair(low, SseFloat.div32(Lanes.high(a), Lanes.high(b), m));
    }

    public static void divps(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = divPair(c.x[a], c.x[b], m);
        long high = divPair(c.x[a + 1], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void divpd(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = SseFloat.div64(c.x[a], c.x[b], m);
        long high = SseFloat.div64(c.x[a + 1], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void divss(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        int result = SseFloat.div32((int) c.x[a], (int) c.x[b], m);
        end(c, m);
        scalar32(c, d, a, result);
    }

    public static void divsd(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long result = SseFloat.div64(c.x[a], c.x[b], m);
        end(c, m);
        scalar64(c, d, a, result);
    }

    private static long minPair(long a, long b, MxcsrContext m) {
        int low = SseFloat.min32((int) a, (int) b, m);
        return Lanes.pair(low, SseFloat.min32(Lanes.high(a), Lanes.high(b), m));
    }

    public static void minps(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = minPair(c.x[a], c.x[b], m);
        long high = minPair(c.x[a + 1], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void minpd(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = SseFloat.min64(c.x[a], c.x[b], m);
        long high = SseFloat.min64(c.x[a + 1], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void minss(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        int result = SseFloat.min32((int) c.x[a], (int) c.x[b], m);
        end(c, m);
        scalar32(c, d, a, result);
    }

    public static void minsd(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long result = SseFloat.min64(c.x[a], c.x[b], m);
        end(c, m);
        scalar64(c, d, a, result);
    }

    private static long maxPair(long a, long b, MxcsrContext m) {
        int low = SseFloat.max32((int) a, (int) b, m);
        return Lanes.pair(low, SseFloat.max32(Lanes.high(a), Lanes.high(b), m));
    }

    public static void maxps(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = maxPair(c.x[a], c.x[b], m);
        long high = maxPair(c.x[a + 1], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void maxpd(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = SseFloat.max64(c.x[a], c.x[b], m);
        long high = SseFloat.max64(c.x[a + 1], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void maxss(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        int result = SseFloat.max32((int) c.x[a], (int) c.x[b], m);
        end(c, m);
        scalar32(c, d, a, result);
    }

    public static void maxsd(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long result = SseFloat.max64(c.x[a], c.x[b], m);
        end(c, m);
        scalar64(c, d, a, result);
    }

    private static long sqrtPair(long a, MxcsrContext m) {
        int low = SseFloat.sqrt32((int) a, m);
        return Lanes.pair(low, SseFloat.sqrt32(Lanes.high(a), m));
    }

    public static void sqrtps(Cpu c, int d, int a) {
        MxcsrContext m = begin(c);
        long low = sqrtPair(c.x[a], m);
        long high = sqrtPair(c.x[a + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void sqrtpd(Cpu c, int d, int a) {
        MxcsrContext m = begin(c);
        long low = SseFloat.sqrt64(c.x[a], m);
        long high = SseFloat.sqrt64(c.x[a + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void sqrtss(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        int result = SseFloat.sqrt32((int) c.x[b], m);
        end(c, m);
        scalar32(c, d, a, result);
    }

    public static void sqrtsd(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long result = SseFloat.sqrt64(c.x[b], m);
        end(c, m);
        scalar64(c, d, a, result);
    }

    private static long roundPair(long a, int imm, MxcsrContext m) {
        int low = SseConvert.round32((int) a, imm, m);
        return Lanes.pair(low, SseConvert.round32(Lanes.high(a), imm, m));
    }

    public static void roundps(Cpu c, int d, int a, int imm) {
        MxcsrContext m = begin(c);
        long low = roundPair(c.x[a], imm, m);
        long high = roundPair(c.x[a + 1], imm, m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void roundpd(Cpu c, int d, int a, int imm) {
        MxcsrContext m = begin(c);
        long low = SseConvert.round64(c.x[a], imm, m);
        long high = SseConvert.round64(c.x[a + 1], imm, m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void roundss(Cpu c, int d, int a, int b, int imm) {
        MxcsrContext m = begin(c);
        int result = SseConvert.round32((int) c.x[b], imm, m);
        end(c, m);
        scalar32(c, d, a, result);
    }

    public static void roundsd(Cpu c, int d, int a, int b, int imm) {
        MxcsrContext m = begin(c);
        long result = SseConvert.round64(c.x[b], imm, m);
        end(c, m);
        scalar64(c, d, a, result);
    }

    private static long rcpPair(long a) {
        return Lanes.pair(SseFloat.rcp32((int) a), SseFloat.rcp32(Lanes.high(a)));
    }

    public static void rcpps(Cpu c, int d, int a) {
        write(c, d, rcpPair(c.x[a]), rcpPair(c.x[a + 1]));
    }

    public static void rcpss(Cpu c, int d, int a, int b) {
        scalar32(c, d, a, SseFloat.rcp32((int) c.x[b]));
    }

    private static long rsqrtPair(long a) {
        return Lanes.pair(SseFloat.rsqrt32((int) a), SseFloat.rsqrt32(Lanes.high(a)));
    }

    public static void rsqrtps(Cpu c, int d, int a) {
        write(c, d, rsqrtPair(c.x[a]), rsqrtPair(c.x[a + 1]));
    }

    public static void rsqrtss(Cpu c, int d, int a, int b) {
        scalar32(c, d, a, SseFloat.rsqrt32((int) c.x[b]));
    }

    private static long haddPair(long low, long high, MxcsrContext m) {
        int first = SseFloat.add32((int) low, Lanes.high(low), m);
        return Lanes.pair(first, SseFloat.add32((int) high, Lanes.high(high), m));
    }

    public static void haddps(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = haddPair(c.x[a], c.x[a + 1], m);
        long high = haddPair(c.x[b], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void haddpd(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = SseFloat.add64(c.x[a], c.x[a + 1], m);
        long high = SseFloat.add64(c.x[b], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    private static long hsubPair(long low, long high, MxcsrContext m) {
        int first = SseFloat.sub32((int) low, Lanes.high(low), m);
        return Lanes.pair(first, SseFloat.sub32((int) high, Lanes.high(high), m));
    }

    public static void hsubps(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = hsubPair(c.x[a], c.x[a + 1], m);
        long high = hsubPair(c.x[b], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void hsubpd(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = SseFloat.sub64(c.x[a], c.x[a + 1], m);
        long high = SseFloat.sub64(c.x[b], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    private static long addsubPair(long a, long b, MxcsrContext m) {
        int low = SseFloat.sub32((int) a, (int) b, m);
        return Lanes.pair(low, SseFloat.add32(Lanes.high(a), Lanes.high(b), m));
    }

    public static void addsubps(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = addsubPair(c.x[a], c.x[b], m);
        long high = addsubPair(c.x[a + 1], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void addsubpd(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long low = SseFloat.sub64(c.x[a], c.x[b], m);
        long high = SseFloat.add64(c.x[a + 1], c.x[b + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void dpps(Cpu c, int d, int a, int b, int imm) {
        MxcsrContext m = begin(c);
        long[] x = c.x;
        int sum = SseFloat.dotProduct32(
                (int) x[a],
                Lanes.high(x[a]),
                (int) x[a + 1],
                Lanes.high(x[a + 1]),
                (int) x[b],
                Lanes.high(x[b]),
                (int) x[b + 1],
                Lanes.high(x[b + 1]),
                imm,
                m);
        end(c, m);
        write(
                c,
                d,
                Lanes.pair((imm & 1) != 0 ? sum : 0, (imm & 2) != 0 ? sum : 0),
                Lanes.pair((imm & 4) != 0 ? sum : 0, (imm & 8) != 0 ? sum : 0));
    }

    public static void dppd(Cpu c, int d, int a, int b, int imm) {
        MxcsrContext m = begin(c);
        long sum = SseFloat.dotProduct64(c.x[a], c.x[a + 1], c.x[b], c.x[b + 1], imm, m);
        end(c, m);
        write(c, d, (imm & 1) != 0 ? sum : 0, (imm & 2) != 0 ? sum : 0);
    }

    // ---- comparison

    private static long cmpPair(long a, long b, int predicate, MxcsrContext m) {
        int low = SseFloat.compare32((int) a, (int) b, predicate, m) ? -1 : 0;
        return Lanes.pair(low, SseFloat.compare32(Lanes.high(a), Lanes.high(b), predicate, m) ? -1 : 0);
    }

    /** CMPPS; the predicate is bits 2:0 of {@code imm}. */
    public static void cmpps(Cpu c, int d, int a, int b, int imm) {
        MxcsrContext m = begin(c);
        long low = cmpPair(c.x[a], c.x[b], imm & 7, m);
        long high = cmpPair(c.x[a + 1], c.x[b + 1], imm & 7, m);
        end(c, m);
        write(c, d, low, high);
    }

    /** CMPPD; the predicate is bits 2:0 of {@code imm}. */
    public static void cmppd(Cpu c, int d, int a, int b, int imm) {
        MxcsrContext m = begin(c);
        long low = SseFloat.compare64(c.x[a], c.x[b], imm & 7, m) ? -1 : 0;
        long high = SseFloat.compare64(c.x[a + 1], c.x[b + 1], imm & 7, m) ? -1 : 0;
        end(c, m);
        write(c, d, low, high);
    }

    /** CMPSS; the predicate is bits 2:0 of {@code imm}. */
    public static void cmpss(Cpu c, int d, int a, int b, int imm) {
        MxcsrContext m = begin(c);
        int result = SseFloat.compare32((int) c.x[a], (int) c.x[b], imm & 7, m) ? -1 : 0;
        end(c, m);
        scalar32(c, d, a, result);
    }

    /** CMPSD; the predicate is bits 2:0 of {@code imm}. */
    public static void cmpsd(Cpu c, int d, int a, int b, int imm) {
        MxcsrContext m = begin(c);
        long result = SseFloat.compare64(c.x[a], c.x[b], imm & 7, m) ? -1 : 0;
        end(c, m);
        scalar64(c, d, a, result);
    }

    /** VCMPPS; the predicate is bits 4:0 of {@code imm}. */
    public static void vcmpps(Cpu c, int d, int a, int b, int imm) {
        MxcsrContext m = begin(c);
        long low = cmpPair(c.x[a], c.x[b], imm & 31, m);
        long high = cmpPair(c.x[a + 1], c.x[b + 1], imm & 31, m);
        end(c, m);
        write(c, d, low, high);
    }

    /** VCMPPD; the predicate is bits 4:0 of {@code imm}. */
    public static void vcmppd(Cpu c, int d, int a, int b, int imm) {
        MxcsrContext m = begin(c);
        long low = SseFloat.compare64(c.x[a], c.x[b], imm & 31, m) ? -1 : 0;
        long high = SseFloat.compare64(c.x[a + 1], c.x[b + 1], imm & 31, m) ? -1 : 0;
        end(c, m);
        write(c, d, low, high);
    }

    /** VCMPSS; the predicate is bits 4:0 of {@code imm}. */
    public static void vcmpss(Cpu c, int d, int a, int b, int imm) {
        MxcsrContext m = begin(c);
        int result = SseFloat.compare32((int) c.x[a], (int) c.x[b], imm & 31, m) ? -1 : 0;
        end(c, m);
        scalar32(c, d, a, result);
    }

    /** VCMPSD; the predicate is bits 4:0 of {@code imm}. */
    public static void vcmpsd(Cpu c, int d, int a, int b, int imm) {
        MxcsrContext m = begin(c);
        long result = SseFloat.compare64(c.x[a], c.x[b], imm & 31, m) ? -1 : 0;
        end(c, m);
        scalar64(c, d, a, result);
    }

    public static void comiss(Cpu c, int a, int b) {
        MxcsrContext m = begin(c);
        int flags = SseFloat.comi32((int) c.x[a], (int) c.x[b], m);
        end(c, m);
        c.status(flags);
    }

    public static void comisd(Cpu c, int a, int b) {
        MxcsrContext m = begin(c);
        int flags = SseFloat.comi64(c.x[a], c.x[b], m);
        end(c, m);
        c.status(flags);
    }

    public static void ucomiss(Cpu c, int a, int b) {
        MxcsrContext m = begin(c);
        int flags = SseFloat.ucomi32((int) c.x[a], (int) c.x[b], m);
        end(c, m);
        c.status(flags);
    }

    public static void ucomisd(Cpu c, int a, int b) {
        MxcsrContext m = begin(c);
        int flags = SseFloat.ucomi64(c.x[a], c.x[b], m);
        end(c, m);
        c.status(flags);
    }

    // ---- conversions

    public static void cvtsi2ss32(Cpu c, int d, int a, int value) {
        MxcsrContext m = begin(c);
        int result = SseConvert.i32ToF32(value, m);
        end(c, m);
        scalar32(c, d, a, result);
    }

    public static void cvtsi2ss64(Cpu c, int d, int a, long value) {
        MxcsrContext m = begin(c);
        int result = SseConvert.i64ToF32(value, m);
        end(c, m);
        scalar32(c, d, a, result);
    }

    public static void cvtsi2sd32(Cpu c, int d, int a, int value) {
        scalar64(c, d, a, SseConvert.i32ToF64(value));
    }

    public static void cvtsi2sd64(Cpu c, int d, int a, long value) {
        MxcsrContext m = begin(c);
        long result = SseConvert.i64ToF64(value, m);
        end(c, m);
        scalar64(c, d, a, result);
    }

    public static int cvtss2si32(Cpu c, int a) {
        MxcsrContext m = begin(c);
        int result = SseConvert.f32ToI32((int) c.x[a], m.rounding(), m);
        end(c, m);
        return result;
    }

    public static long cvtss2si64(Cpu c, int a) {
        MxcsrContext m = begin(c);
        long result = SseConvert.f32ToI64((int) c.x[a], m.rounding(), m);
        end(c, m);
        return result;
    }

    public static int cvtsd2si32(Cpu c, int a) {
        MxcsrContext m = begin(c);
        int result = SseConvert.f64ToI32(c.x[a], m.rounding(), m);
        end(c, m);
        return result;
    }

    public static long cvtsd2si64(Cpu c, int a) {
        MxcsrContext m = begin(c);
        long result = SseConvert.f64ToI64(c.x[a], m.rounding(), m);
        end(c, m);
        return result;
    }

    public static int cvttss2si32(Cpu c, int a) {
        MxcsrContext m = begin(c);
        int result = SseConvert.f32ToI32((int) c.x[a], TRUNCATE, m);
        end(c, m);
        return result;
    }

    public static long cvttss2si64(Cpu c, int a) {
        MxcsrContext m = begin(c);
        long result = SseConvert.f32ToI64((int) c.x[a], TRUNCATE, m);
        end(c, m);
        return result;
    }

    public static int cvttsd2si32(Cpu c, int a) {
        MxcsrContext m = begin(c);
        int result = SseConvert.f64ToI32(c.x[a], TRUNCATE, m);
        end(c, m);
        return result;
    }

    public static long cvttsd2si64(Cpu c, int a) {
        MxcsrContext m = begin(c);
        long result = SseConvert.f64ToI64(c.x[a], TRUNCATE, m);
        end(c, m);
        return result;
    }

    public static void cvtps2dq(Cpu c, int d, int a) {
        MxcsrContext m = begin(c);
        long low = pairToI32(c.x[a], m.rounding(), m);
        long high = pairToI32(c.x[a + 1], m.rounding(), m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void cvtpd2dq(Cpu c, int d, int a) {
        MxcsrContext m = begin(c);
        int low = SseConvert.f64ToI32(c.x[a], m.rounding(), m);
        int high = SseConvert.f64ToI32(c.x[a + 1], m.rounding(), m);
        end(c, m);
        write(c, d, Lanes.pair(low, high), 0);
    }

    public static void cvttps2dq(Cpu c, int d, int a) {
        MxcsrContext m = begin(c);
        long low = pairToI32(c.x[a], TRUNCATE, m);
        long high = pairToI32(c.x[a + 1], TRUNCATE, m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void cvttpd2dq(Cpu c, int d, int a) {
        MxcsrContext m = begin(c);
        int low = SseConvert.f64ToI32(c.x[a], TRUNCATE, m);
        int high = SseConvert.f64ToI32(c.x[a + 1], TRUNCATE, m);
        end(c, m);
        write(c, d, Lanes.pair(low, high), 0);
    }

    static long pairToI32(long a, int rounding, MxcsrContext m) {
        int low = SseConvert.f32ToI32((int) a, rounding, m);
        return Lanes.pair(low, SseConvert.f32ToI32(Lanes.high(a), rounding, m));
    }

    static long pairFromI32(long a, MxcsrContext m) {
        int low = SseConvert.i32ToF32((int) a, m);
        return Lanes.pair(low, SseConvert.i32ToF32(Lanes.high(a), m));
    }

    public static void cvtdq2ps(Cpu c, int d, int a) {
        MxcsrContext m = begin(c);
        long low = pairFromI32(c.x[a], m);
        long high = pairFromI32(c.x[a + 1], m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void cvtdq2pd(Cpu c, int d, int a) {
        long source = c.x[a];
        write(c, d, SseConvert.i32ToF64((int) source), SseConvert.i32ToF64(Lanes.high(source)));
    }

    public static void cvtps2pd(Cpu c, int d, int a) {
        MxcsrContext m = begin(c);
        long source = c.x[a];
        long low = SseConvert.f32ToF64((int) source, m);
        long high = SseConvert.f32ToF64(Lanes.high(source), m);
        end(c, m);
        write(c, d, low, high);
    }

    public static void cvtpd2ps(Cpu c, int d, int a) {
        MxcsrContext m = begin(c);
        int low = SseConvert.f64ToF32(c.x[a], m);
        int high = SseConvert.f64ToF32(c.x[a + 1], m);
        end(c, m);
        write(c, d, Lanes.pair(low, high), 0);
    }

    public static void cvtss2sd(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        long result = SseConvert.f32ToF64((int) c.x[b], m);
        end(c, m);
        scalar64(c, d, a, result);
    }

    public static void cvtsd2ss(Cpu c, int d, int a, int b) {
        MxcsrContext m = begin(c);
        int result = SseConvert.f64ToF32(c.x[b], m);
        end(c, m);
        scalar32(c, d, a, result);
    }

    /** VCVTPH2PS: four elements. */
    public static void cvtph2ps(Cpu c, int d, int a) {
        MxcsrContext m = begin(c);
        long source = c.x[a];
        long low = pairFromF16(source, m);
        long high = pairFromF16(source >>> 32, m);
        end(c, m);
        write(c, d, low, high);
    }

    private static long pairFromF16(long a, MxcsrContext m) {
        int low = SseConvert.f16ToF32(Lanes.wordAt(a, 0), m);
        return Lanes.pair(low, SseConvert.f16ToF32(Lanes.wordAt(a, 1), m));
    }

    /** VCVTPS2PH: four elements, to the low half of the destination. */
    public static void cvtps2ph(Cpu c, int d, int a, int imm) {
        MxcsrContext m = begin(c);
        int w0 = SseConvert.f32ToF16((int) c.x[a], imm, m);
        int w1 = SseConvert.f32ToF16(Lanes.high(c.x[a]), imm, m);
        int w2 = SseConvert.f32ToF16((int) c.x[a + 1], imm, m);
        int w3 = SseConvert.f32ToF16(Lanes.high(c.x[a + 1]), imm, m);
        end(c, m);
        write(c, d, Lanes.words(w0, w1, w2, w3), 0);
    }

    // ---- fused multiply-add: x * y + z; which operands these are, the row says

    /** Packed single; {@code even} and {@code odd} say what is negated in the even and the odd elements. */
    private static void fma32(Cpu c, int d, int x, int y, int z, int even, int odd) {
        MxcsrContext m = begin(c);
        long[] v = c.x;
        int e0 = SseFloat.fma32((int) v[x], (int) v[y], (int) v[z], even, m);
        int e1 = SseFloat.fma32(Lanes.high(v[x]), Lanes.high(v[y]), Lanes.high(v[z]), odd, m);
        int e2 = SseFloat.fma32((int) v[x + 1], (int) v[y + 1], (int) v[z + 1], even, m);
        int e3 = SseFloat.fma32(Lanes.high(v[x + 1]), Lanes.high(v[y + 1]), Lanes.high(v[z + 1]), odd, m);
        end(c, m);
        write(c, d, Lanes.pair(e0, e1), Lanes.pair(e2, e3));
    }

    private static void fma64(Cpu c, int d, int x, int y, int z, int even, int odd) {
        MxcsrContext m = begin(c);
        long low = SseFloat.fma64(c.x[x], c.x[y], c.x[z], even, m);
        long high = SseFloat.fma64(c.x[x + 1], c.x[y + 1], c.x[z + 1], odd, m);
        end(c, m);
        write(c, d, low, high);
    }

    /** Scalar single: the rest of the destination stays. */
    private static void fma32(Cpu c, int d, int x, int y, int z, int negated) {
        MxcsrContext m = begin(c);
        int result = SseFloat.fma32((int) c.x[x], (int) c.x[y], (int) c.x[z], negated, m);
        end(c, m);
        scalar32(c, d, d, result);
    }

    private static void fma64(Cpu c, int d, int x, int y, int z, int negated) {
        MxcsrContext m = begin(c);
        long result = SseFloat.fma64(c.x[x], c.x[y], c.x[z], negated, m);
        end(c, m);
        scalar64(c, d, d, result);
    }

    public static void fmaddps(Cpu c, int d, int x, int y, int z) {
        fma32(c, d, x, y, z, 0, 0);
    }

    public static void fmaddpd(Cpu c, int d, int x, int y, int z) {
        fma64(c, d, x, y, z, 0, 0);
    }

    public static void fmaddss(Cpu c, int d, int x, int y, int z) {
        fma32(c, d, x, y, z, 0);
    }

    public static void fmaddsd(Cpu c, int d, int x, int y, int z) {
        fma64(c, d, x, y, z, 0);
    }

    public static void fmsubps(Cpu c, int d, int x, int y, int z) {
        fma32(c, d, x, y, z, NEGATE_ADDEND, NEGATE_ADDEND);
    }

    public static void fmsubpd(Cpu c, int d, int x, int y, int z) {
        fma64(c, d, x, y, z, NEGATE_ADDEND, NEGATE_ADDEND);
    }

    public static void fmsubss(Cpu c, int d, int x, int y, int z) {
        fma32(c, d, x, y, z, NEGATE_ADDEND);
    }

    public static void fmsubsd(Cpu c, int d, int x, int y, int z) {
        fma64(c, d, x, y, z, NEGATE_ADDEND);
    }

    public static void fnmaddps(Cpu c, int d, int x, int y, int z) {
        fma32(c, d, x, y, z, NEGATE_PRODUCT, NEGATE_PRODUCT);
    }

    public static void fnmaddpd(Cpu c, int d, int x, int y, int z) {
        fma64(c, d, x, y, z, NEGATE_PRODUCT, NEGATE_PRODUCT);
    }

    public static void fnmaddss(Cpu c, int d, int x, int y, int z) {
        fma32(c, d, x, y, z, NEGATE_PRODUCT);
    }

    public static void fnmaddsd(Cpu c, int d, int x, int y, int z) {
        fma64(c, d, x, y, z, NEGATE_PRODUCT);
    }

    public static void fnmsubps(Cpu c, int d, int x, int y, int z) {
        fma32(c, d, x, y, z, NEGATE_PRODUCT | NEGATE_ADDEND, NEGATE_PRODUCT | NEGATE_ADDEND);
    }

    public static void fnmsubpd(Cpu c, int d, int x, int y, int z) {
        fma64(c, d, x, y, z, NEGATE_PRODUCT | NEGATE_ADDEND, NEGATE_PRODUCT | NEGATE_ADDEND);
    }

    public static void fnmsubss(Cpu c, int d, int x, int y, int z) {
        fma32(c, d, x, y, z, NEGATE_PRODUCT | NEGATE_ADDEND);
    }

    public static void fnmsubsd(Cpu c, int d, int x, int y, int z) {
        fma64(c, d, x, y, z, NEGATE_PRODUCT | NEGATE_ADDEND);
    }

    public static void fmaddsubps(Cpu c, int d, int x, int y, int z) {
        fma32(c, d, x, y, z, NEGATE_ADDEND, 0);
    }

    public static void fmaddsubpd(Cpu c, int d, int x, int y, int z) {
        fma64(c, d, x, y, z, NEGATE_ADDEND, 0);
    }

    public static void fmsubaddps(Cpu c, int d, int x, int y, int z) {
        fma32(c, d, x, y, z, 0, NEGATE_ADDEND);
    }

    public static void fmsubaddpd(Cpu c, int d, int x, int y, int z) {
        fma64(c, d, x, y, z, 0, NEGATE_ADDEND);
    }
}
