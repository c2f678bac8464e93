package redoubt.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Oracle: the host's processor executing the same instruction with the same operands and MXCSR. */
class SseFloatTest {
    private static final int COUNT = Integer.getInteger("redoubt.oracle.count", 200_000);
    private static final long SEED = Long.getLong("redoubt.seed", 0x55E_F10A7L);
    private static final int BATCH = 4096;

    private static HostProgram host;

    @BeforeAll
    static void compileTheOracle() throws IOException, InterruptedException {
        host = new HostProgram("sse_oracle.c", "-mavx2", "-mfma", "-mf16c");
    }

    @AfterAll
    static void stopTheOracle() {
        if (host != null) {
            host.close();
        }
    }

    /** An instruction: its number in the oracle, what it reads and our function. */
    record Operation(int number, String name, char operands, Semantics ours) {
        @Override
        public String toString() {
            return name;
        }
    }

    interface Semantics {
        long apply(long a, long b, long c, MxcsrContext m);
    }

    static List<Operation> operations() {
        List<Operation> all = new ArrayList<>();
        add(all, 0, "addsd", 'd', (a, b, c, m) -> SseFloat.add64(a, b, m));
        add(all, 1, "subsd", 'd', (a, b, c, m) -> SseFloat.sub64(a, b, m));
        add(all, 2, "mulsd", 'd', (a, b, c, m) -> SseFloat.mul64(a, b, m));
        add(all, 3, "divsd", 'd', (a, b, c, m) -> SseFloat.div64(a, b, m));
        add(all, 4, "sqrtsd", 'd', (a, b, c, m) -> SseFloat.sqrt64(a, m));
        add(all, 5, "minsd", 'd', (a, b, c, m) -> SseFloat.min64(a, b, m));
        add(all, 6, "maxsd", 'd', (a, b, c, m) -> SseFloat.max64(a, b, m));
        add(all, 7, "vcmpsd", 'd', (a, b, c, m) -> SseFloat.compare64(a, b, (int) c & 31, m) ? 1 : 0);
        add(all, 8, "ucomisd", 'd', (a, b, c, m) -> SseFloat.ucomi64(a, b, m));
        add(all, 9, "comisd", 'd', (a, b, c, m) -> SseFloat.comi64(a, b, m));
        add(all, 10, "addss", 's', (a, b, c, m) -> SseFloat.add32((int) a, (int) b, m));
        add(all, 11, "subss", 's', (a, b, c, m) -> SseFloat.sub32((int) a, (int) b, m));
        add(all, 12, "mulss", 's', (a, b, c, m) -> SseFloat.mul32((int) a, (int) b, m));
        add(all, 13, "divss", 's', (a, b, c, m) -> SseFloat.div32((int) a, (int) b, m));
        add(all, 14, "sqrtss", 's', (a, b, c, m) -> SseFloat.sqrt32((int) a, m));
        add(all, 15, "minss", 's', (a, b, c, m) -> SseFloat.min32((int) a, (int) b, m));
        add(all, 16, "maxss", 's', (a, b, c, m) -> SseFloat.max32((int) a, (int) b, m));
        add(all, 17, "vcmpss", 's', (a, b, c, m) -> SseFloat.compare32((int) a, (int) b, (int) c & 31, m) ? 1 : 0);
        add(all, 18, "ucomiss", 's', (a, b, c, m) -> SseFloat.ucomi32((int) a, (int) b, m));
        add(all, 19, "comiss", 's', (a, b, c, m) -> SseFloat.comi32((int) a, (int) b, m));
        add(all, 20, "cvtsi2sd r64", 'i', (a, b, c, m) -> SseConvert.i64ToF64(a, m));
        add(all, 21, "cvtsi2ss r64", 'j', (a, b, c, m) -> SseConvert.i64ToF32(a, m));
        add(all, 22, "cvtsi2ss r32", 'j', (a, b, c, m) -> SseConvert.i32ToF32((int) a, m));
        add(all, 23, "cvtsd2si r32", 'd', (a, b, c, m) -> unsigned(SseConvert.f64ToI32(a, m.rounding(), m)));
        add(all, 24, "cvtsd2si r64", 'd', (a, b, c, m) -> SseConvert.f64ToI64(a, m.rounding(), m));
        add(all, 25, "cvttsd2si r32", 'd', (a, b, c, m) -> unsigned(SseConvert.f64ToI32(a, 3, m)));
        add(all, 26, "cvttsd2si r64", 'd', (a, b, c, m) -> SseConvert.f64ToI64(a, 3, m));
        add(all, 27, "cvtss2si r32", 't', (a, b, c, m) -> unsigned(SseConvert.f32ToI32((int) a, m.rounding(), m)));
        add(all, 28, "cvtss2si r64", 't', (a, b, c, m) -> SseConvert.f32ToI64((int) a, m.rounding(), m));
        add(all, 29, "cvttss2si r32", 't', (a, b, c, m) -> unsigned(SseConvert.f32ToI32((int) a, 3, m)));
        add(all, 30, "cvttss2si r64", 't', (a, b, c, m) -> SseConvert.f32ToI64((int) a, 3, m));
        add(all, 31, "cvtss2sd", 't', (a, b, c, m) -> SseConvert.f32ToF64((int) a, m));
        add(all, 32, "cvtsd2ss", 'e', (a, b, c, m) -> SseConvert.f64ToF32(a, m));
        add(all, 33, "vcvtph2ps", 'h', (a, b, c, m) -> SseConvert.f16ToF32((int) a & 0xFFFF, m));
        add(all, 34, "vcvtps2ph", 's', (a, b, c, m) -> SseConvert.f32ToF16((int) a, (int) c & 7, m));
        add(all, 35, "roundsd", 'd', (a, b, c, m) -> SseConvert.round64(a, (int) c & 15, m));
        add(all, 36, "roundss", 's', (a, b, c, m) -> SseConvert.round32((int) a, (int) c & 15, m));
        String[] names = {"vfmadd213s", "vfmsub213s", "vfnmadd213s", "vfnmsub213s"};
        int[] negate = {
            0, SseFloat.NEGATE_ADDEND, SseFloat.NEGATE_PRODUCT, SseFloat.NEGATE_PRODUCT | SseFloat.NEGATE_ADDEND
        };
        for (int i = 0; i < 4; i++) {
            int how = negate[i];
            // 213: the first operand is the destination's multiplicand, its second source the multiplier.
            add(all, 37 + i, names[i] + "d", 'd', (a, b, c, m) -> SseFloat.fma64(b, a, c, how, m));
            add(all, 41 + i, names[i] + "s", 's', (a, b, c, m) -> SseFloat.fma32((int) b, (int) a, (int) c, how, m));
        }
        add(all, 47, "dpps", 'v', (a, b, c, m) -> {
            int imm = (int) c << 4;
            long a1 = c;
            long b1 = a ^ c;
            return SseFloat.dotProduct32(
                    (int) a, high(a), (int) a1, high(a1), (int) b, high(b), (int) b1, high(b1), imm, m);
        });
        add(all, 48, "dppd", 'w', (a, b, c, m) -> SseFloat.dotProduct64(a, c, b, a ^ c, (int) c << 4, m));
        return all;
    }

    static List<Operation> unsignedConversions() {
        List<Operation> all = new ArrayList<>();
        add(all, 49, "vcvtsd2usi r32", 'd', (a, b, c, m) -> unsigned(SseConvert.f64ToU32(a, m.rounding(), m)));
        add(all, 50, "vcvtsd2usi r64", 'd', (a, b, c, m) -> SseConvert.f64ToU64(a, m.rounding(), m));
        add(all, 51, "vcvttsd2usi r32", 'd', (a, b, c, m) -> unsigned(SseConvert.f64ToU32(a, 3, m)));
        add(all, 52, "vcvttsd2usi r64", 'd', (a, b, c, m) -> SseConvert.f64ToU64(a, 3, m));
        add(all, 53, "vcvtss2usi r32", 't', (a, b, c, m) -> unsigned(SseConvert.f32ToU32((int) a, m.rounding(), m)));
        add(all, 54, "vcvtss2usi r64", 't', (a, b, c, m) -> SseConvert.f32ToU64((int) a, m.rounding(), m));
        add(all, 55, "vcvttss2usi r32", 't', (a, b, c, m) -> unsigned(SseConvert.f32ToU32((int) a, 3, m)));
        add(all, 56, "vcvttss2usi r64", 't', (a, b, c, m) -> SseConvert.f32ToU64((int) a, 3, m));
        add(all, 57, "vcvtusi2sd r64", 'i', (a, b, c, m) -> SseConvert.u64ToF64(a, m));
        add(all, 58, "vcvtusi2ss r64", 'j', (a, b, c, m) -> SseConvert.u64ToF32(a, m));
        return all;
    }

    private static int high(long pair) {
        return (int) (pair >>> 32);
    }

    private static void add(List<Operation> all, int number, String name, char operands, Semantics ours) {
        all.add(new Operation(number, name, operands, ours));
    }

    private static long unsigned(int value) {
        return value & 0xFFFF_FFFFL;
    }

    @ParameterizedTest
    @MethodSource("operations")
    void resultAndFlagsAreTheHosts(Operation operation) {
        compareWithHost(operation);
    }

    @ParameterizedTest
    @MethodSource("unsignedConversions")
    void unsignedConversionIsTheHosts(Operation operation) {
        ByteBuffer question = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
        question.putInt(59).position(32);
        assumeTrue(host.ask(question, 1, 16).getLong(0) == 1, "the host has no AVX-512");
        compareWithHost(operation);
    }

    @Test
    void reciprocalsAreWithinTheManualsErrorOfTheHosts() {
        var random = new SplittableRandom(SEED);
        for (int done = 0; done < COUNT; done += BATCH) {
            ByteBuffer requests = ByteBuffer.allocate(BATCH * 32).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < BATCH; i++) {
                long a = operand32(random) & 0xFFFF_FFFFL;
                requests.putInt(45 + (i & 1))
                        .putInt(MxcsrContext.DEFAULT)
                        .putLong(a)
                        .putLong(0)
                        .putLong(0);
            }
            ByteBuffer answers = host.ask(requests, BATCH, 16);
            for (int i = 0; i < BATCH; i++) {
                int a = requests.getInt(i * 32 + 8);
                int ours = (i & 1) == 0 ? SseFloat.rcp32(a) : SseFloat.rsqrt32(a);
                int theirs = answers.getInt(i * 16);
                double x = Float.intBitsToFloat(ours);
                double y = Float.intBitsToFloat(theirs);
                // Each is within 1.5 * 2^-12 of the truth; where one may be flushed to zero, the other is tiny.
                boolean tiny = Math.abs(x) < 0x1.01p-126 && Math.abs(y) < 0x1.01p-126 && (ours ^ theirs) >= 0;
                if (ours != theirs && !tiny && !(Math.abs(x - y) <= 3 * 0x1p-12 * Math.abs(y))) {
                    assertThat("%08x".formatted(ours))
                            .as("%s %08x", (i & 1) == 0 ? "rcpss" : "rsqrtss", a)
                            .isEqualTo("%08x".formatted(theirs));
                }
            }
        }
    }

    private static void compareWithHost(Operation operation) {
        var random = new SplittableRandom(SEED + operation.number());
        var m = new MxcsrContext();
        boolean single = "st".indexOf(operation.operands()) >= 0;
        boolean masked = operation.name().startsWith("dp"); // the manual leaves open which step an exception stops
        boolean singleResult = "sjehv".indexOf(operation.operands()) >= 0;
        for (int done = 0; done < COUNT; done += BATCH) {
            ByteBuffer requests = ByteBuffer.allocate(BATCH * 32).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < BATCH; i++) {
                long a = operand(random, operation.operands());
                long b = related(random, a, operation.operands());
                long c = related(random, random.nextBoolean() ? a : b, operation.operands());
                if (operation.number() >= 37 && operation.number() <= 44 && random.nextInt(4) == 0) {
                    c = nearProduct(random, a, b, single);
                }
                if ("vcmpsd vcmpss vcvtps2ph roundsd roundss".contains(operation.name())) {
                    c = random.nextInt(32);
                }
                requests.putInt(operation.number())
                        .putInt(mxcsr(random) | (masked ? 0x1F80 : 0))
                        .putLong(a)
                        .putLong(b)
                        .putLong(c);
            }
            ByteBuffer answers = host.ask(requests, BATCH, 16);
            for (int i = 0; i < BATCH; i++) {
                int mxcsr = requests.getInt(i * 32 + 4);
                long a = requests.getLong(i * 32 + 8);
                long b = requests.getLong(i * 32 + 16);
                long c = requests.getLong(i * 32 + 24);
                m.mxcsr = mxcsr;
                m.raised = 0;
                long result = operation.ours().apply(a, b, c, m);
                boolean trapped = m.commit();
                long expected = answers.getLong(i * 16);
                int expectedMxcsr = answers.getInt(i * 16 + 8);
                boolean expectedTrap = answers.getInt(i * 16 + 12) != 0;
                if (singleResult) {
                    result &= 0xFFFF_FFFFL;
                    expected &= 0xFFFF_FFFFL;
                }
                if (trapped != expectedTrap || m.mxcsr != expectedMxcsr || !trapped && result != expected) {
                    assertThat("%016x mxcsr %04x trap %b".formatted(result, m.mxcsr, trapped))
                            .as("%s a=%016x b=%016x c=%016x mxcsr=%04x seed=%d", operation.name(), a, b, c, mxcsr, SEED)
                            .isEqualTo("%016x mxcsr %04x trap %b".formatted(expected, expectedMxcsr, expectedTrap));
                }
            }
        }
    }

    /** Mostly everything masked with or without sticky flags; now and then any value. */
    private static int mxcsr(SplittableRandom random) {
        return switch (random.nextInt(8)) {
            case 0, 1 -> MxcsrContext.DEFAULT;
            case 2 -> MxcsrContext.DEFAULT | MxcsrContext.PE;
            case 3 -> 0x1F80 | random.nextInt() & 0xE07F;
            case 4, 5 -> 0x1F80 | random.nextInt(4) << 13;
            case 6 -> 0x1F80 | random.nextInt() & 0x807F;
            default -> random.nextInt(8) == 0 ? random.nextInt() & 0xFFC0 : 0x1F80 | random.nextInt(4) << 13;
        };
    }

    private static long operand(SplittableRandom random, char operands) {
        return switch (operands) {
            case 's', 't' -> operand32(random) & 0xFFFF_FFFFL;
            case 'v' -> (long) operand32(random) << 32 | operand32(random) & 0xFFFF_FFFFL;
            case 'h' -> random.nextInt(0x10000);
            case 'i', 'j' -> random.nextLong() >> random.nextInt(64) << random.nextInt(64);
            case 'e' -> random.nextBoolean() ? operand64(random) : nearSingle(random);
            default -> operand64(random);
        };
    }

    /** Often independent of {@code a}, often close to it or of a like exponent. */
    private static long related(SplittableRandom random, long a, char operands) {
        if ("st".indexOf(operands) >= 0) {
            return switch (random.nextInt(6)) {
                        case 0 -> a ^ random.nextInt(8);
                        case 1 -> a ^ 0x8000_0000L ^ random.nextInt(8);
                        case 2 -> a + ((long) random.nextInt(60) - 30 << 23) ^ random.nextInt(1 << 23);
                        default -> operand32(random);
                    }
                    & 0xFFFF_FFFFL;
        }
        return switch (random.nextInt(6)) {
            case 0 -> a ^ random.nextInt(8);
            case 1 -> a ^ 1L << 63 ^ random.nextInt(8);
            case 2 -> a + ((long) random.nextInt(120) - 60 << 52) ^ random.nextLong() >>> 12;
            default -> operand64(random);
        };
    }

    private static long nearProduct(SplittableRandom random, long a, long b, boolean single) {
        if (single) {
            float product = Float.intBitsToFloat((int) a) * Float.intBitsToFloat((int) b);
            return Float.floatToRawIntBits(random.nextBoolean() ? -product : product) + random.nextInt(3)
                    & 0xFFFF_FFFFL;
        }
        double product = Double.longBitsToDouble(a) * Double.longBitsToDouble(b);
        return Double.doubleToRawLongBits(random.nextBoolean() ? -product : product) + random.nextInt(3);
    }

    private static long nearSingle(SplittableRandom random) {
        double wide = Float.intBitsToFloat(operand32(random));
        return Double.doubleToRawLongBits(wide) + ((long) random.nextInt(5) - 2 << random.nextInt(30));
    }

    private static long operand64(SplittableRandom random) {
        long sign = random.nextLong() & 1L << 63;
        return switch (random.nextInt(12)) {
            case 0 -> sign;
            case 1 -> sign | 0x7FF0_0000_0000_0000L;
            case 2 -> sign | 0x7FF0_0000_0000_0000L | random.nextLong() >>> 12 + random.nextInt(52);
            case 3 -> sign | random.nextLong() >>> 12 + random.nextInt(52);
            case 4 -> sign | (1023L + random.nextInt(70) << 52) | random.nextLong() >>> 12 & -1L << random.nextInt(52);
            case 5 -> sign | Double.doubleToRawLongBits(random.nextInt(1000));
            case 6 -> sign | 0x7FE0_0000_0000_0000L - ((long) random.nextInt(3) << 52) | random.nextLong() >>> 12;
            case 7 -> sign | (long) random.nextInt(120) << 52 | random.nextLong() >>> 12;
            case 8 -> sign | (500L + random.nextInt(30) << 52) | random.nextLong() >>> 12;
            case 9 -> sign | (1023L + random.nextInt(64) << 52) | (-1L >>> 12) - random.nextInt(4);
            case 10 -> sign | Double.doubleToRawLongBits(random.nextInt(1 << 20) * 0x1p-4);
            default -> random.nextLong();
        };
    }

    private static int operand32(SplittableRandom random) {
        int sign = random.nextInt() & 1 << 31;
        return switch (random.nextInt(12)) {
            case 0 -> sign;
            case 1 -> sign | 0x7F80_0000;
            case 2 -> sign | 0x7F80_0000 | random.nextInt() >>> 9 + random.nextInt(23);
            case 3 -> sign | random.nextInt() >>> 9 + random.nextInt(23);
            case 4 -> sign | 127 + random.nextInt(70) << 23 | random.nextInt() >>> 9 & -1 << random.nextInt(23);
            case 5 -> sign | Float.floatToRawIntBits(random.nextInt(1000));
            case 6 -> sign | 0x7F00_0000 - (random.nextInt(3) << 23) | random.nextInt() >>> 9;
            case 7 -> sign | random.nextInt(30) << 23 | random.nextInt() >>> 9;
            case 8 -> sign | 55 + random.nextInt(20) << 23 | random.nextInt() >>> 9;
            case 9 -> sign | 127 + random.nextInt(64) << 23 | (-1 >>> 9) - random.nextInt(4);
            case 10 -> sign | Float.floatToRawIntBits(random.nextInt(1 << 12) * 0x1p-4f);
            default -> random.nextInt();
        };
    }
}
