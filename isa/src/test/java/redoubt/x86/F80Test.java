package redoubt.x86;

import static org.assertj.core.api.Assertions.fail;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Oracle: the host's processor executing the same x87 instruction with the same operands and control word. */
class F80Test {
    private static final int COUNT = Integer.getInteger("redoubt.oracle.count", 200_000);
    private static final long SEED = Long.getLong("redoubt.seed", 0xF80L);
    private static final int BATCH = 4096;
    private static final int REQUEST = 40;
    private static final int ANSWER = 56;
    private static final int C1 = F80Context.C1;
    private static final int ALL_CODES = F80Context.C0 | F80Context.C1 | F80Context.C2 | F80Context.C3;

    private static HostProgram host;

    @BeforeAll
    static void compileTheOracle() throws IOException, InterruptedException {
        host = new HostProgram("x87_oracle.c");
    }

    @AfterAll
    static void stopTheOracle() {
        if (host != null) {
            host.close();
        }
    }

    enum Result {
        /** In ST(0); unchanged if suppressed. */
        REGISTER,
        /** FXTRACT: two registers. */
        PAIR,
        /** In memory; unwritten if suppressed. */
        MEMORY,
        /** Condition codes alone. */
        CODES,
        /** RFLAGS alone. */
        FLAGS
    }

    /** An instruction: its number in the oracle, its operands, what it writes and our function. */
    record Operation(int number, String name, char operands, Result result, int bytes, int codes, Semantics ours) {
        @Override
        public String toString() {
            return name;
        }
    }

    /** Returns what a store writes, else zero. */
    interface Semantics {
        long apply(int ase, long asig, int bse, long bsig, F80Context c);
    }

    interface Registers {
        void apply(int ase, long asig, int bse, long bsig, F80Context c);
    }

    static List<Operation> operations() {
        List<Operation> all = new ArrayList<>();
        register(all, 0, "fadd", 'x', F80::add);
        register(all, 1, "fsub", 'x', F80::sub);
        register(all, 2, "fmul", 'x', F80::mul);
        register(all, 3, "fdiv", 'x', F80::div);
        register(all, 4, "fsqrt", 'x', (as, a, bs, b, c) -> F80.sqrt(as, a, c));
        codes(all, 5, "fcom", 'x', F80::compare);
        codes(all, 6, "fucom", 'x', F80::compareUnordered);
        codes(all, 7, "ftst", 'x', (as, a, bs, b, c) -> F80.compare(as, a, 0, 0, c));
        codes(all, 8, "fxam", 'x', (as, a, bs, b, c) -> F80.examine(as, a, c));
        register(all, 9, "frndint", 'r', (as, a, bs, b, c) -> F80.roundToInteger(as, a, c));
        register(all, 10, "fscale", 'k', F80::scale);
        remainder(all, 11, "fprem", F80::remainder);
        remainder(all, 12, "fprem1", F80::remainderIeee);
        all.add(new Operation(13, "fxtract", 'x', Result.PAIR, 0, 0, (as, a, bs, b, c) -> {
            F80.extract(as, a, c);
            return 0;
        }));
        store(all, 14, "fistp m16", 'r', 2, (as, a, bs, b, c) -> F80Convert.storeI16(as, a, c));
        store(all, 15, "fistp m32", 'r', 4, (as, a, bs, b, c) -> F80Convert.storeI32(as, a, c));
        store(all, 16, "fistp m64", 'r', 8, (as, a, bs, b, c) -> F80Convert.storeI64(as, a, c));
        store(all, 17, "fisttp m16", 'r', 2, (as, a, bs, b, c) -> F80Convert.truncateI16(as, a, c));
        store(all, 18, "fisttp m32", 'r', 4, (as, a, bs, b, c) -> F80Convert.truncateI32(as, a, c));
        store(all, 19, "fisttp m64", 'r', 8, (as, a, bs, b, c) -> F80Convert.truncateI64(as, a, c));
        store(all, 20, "fstp m32", 's', 4, (as, a, bs, b, c) -> F80Convert.store32(as, a, c));
        store(all, 21, "fstp m64", 'd', 8, (as, a, bs, b, c) -> F80Convert.store64(as, a, c));
        store(all, 22, "fbstp", 'r', 10, (as, a, bs, b, c) -> F80Convert.storeBcd(as, a, c));
        register(all, 23, "fld m32", 'm', (as, a, bs, b, c) -> F80Convert.load32((int) a, c));
        register(all, 24, "fld m64", 'n', (as, a, bs, b, c) -> F80Convert.load64(a, c));
        register(all, 25, "fild m16", 'i', (as, a, bs, b, c) -> F80Convert.loadInteger((short) a, c));
        register(all, 26, "fild m32", 'i', (as, a, bs, b, c) -> F80Convert.loadInteger((int) a, c));
        register(all, 27, "fild m64", 'i', (as, a, bs, b, c) -> F80Convert.loadInteger(a, c));
        register(all, 28, "fbld", 'b', (as, a, bs, b, c) -> F80Convert.loadBcd(as, a, c));
        register(all, 29, "fadd m32", 'm', (as, a, bs, b, c) -> {
            F80Convert.widen32((int) a, c);
            F80.add(bs, b, c.se, c.sig, c);
        });
        register(all, 30, "fadd m64", 'n', (as, a, bs, b, c) -> {
            F80Convert.widen64(a, c);
            F80.add(bs, b, c.se, c.sig, c);
        });
        register(all, 31, "fmul m32", 'm', (as, a, bs, b, c) -> {
            F80Convert.widen32((int) a, c);
            F80.mul(bs, b, c.se, c.sig, c);
        });
        codes(all, 32, "fcom m64", 'n', (as, a, bs, b, c) -> {
            F80Convert.widen64(a, c);
            F80.compare(bs, b, c.se, c.sig, c);
        });
        register(all, 33, "fldl2t", 'x', (as, a, bs, b, c) -> F80.log2Of10(c));
        register(all, 34, "fldl2e", 'x', (as, a, bs, b, c) -> F80.log2OfE(c));
        register(all, 35, "fldpi", 'x', (as, a, bs, b, c) -> F80.pi(c));
        register(all, 36, "fldlg2", 'x', (as, a, bs, b, c) -> F80.log10Of2(c));
        register(all, 37, "fldln2", 'x', (as, a, bs, b, c) -> F80.lnOf2(c));
        flags(all, 38, "fcomi", F80::compare);
        flags(all, 39, "fucomi", F80::compareUnordered);
        register(all, 48, "fabs", 'x', (as, a, bs, b, c) -> F80.abs(as, a, c));
        register(all, 49, "fchs", 'x', (as, a, bs, b, c) -> F80.chs(as, a, c));
        return all;
    }

    private static Semantics semantics(Registers ours) {
        return (as, a, bs, b, c) -> {
            ours.apply(as, a, bs, b, c);
            return 0;
        };
    }

    private static void register(List<Operation> all, int number, String name, char operands, Registers ours) {
        boolean constant = number >= 33 && number <= 37;
        all.add(new Operation(number, name, operands, Result.REGISTER, 0, constant ? 0 : C1, semantics(ours)));
    }

    private static void remainder(List<Operation> all, int number, String name, Registers ours) {
        all.add(new Operation(number, name, 'p', Result.REGISTER, 0, ALL_CODES, semantics(ours)));
    }

    private static void codes(List<Operation> all, int number, String name, char operands, Registers ours) {
        all.add(new Operation(number, name, operands, Result.CODES, 0, ALL_CODES, semantics(ours)));
    }

    private static void flags(List<Operation> all, int number, String name, Registers ours) {
        all.add(new Operation(number, name, 'x', Result.FLAGS, 0, 0, semantics(ours)));
    }

    private static void store(List<Operation> all, int number, String name, char operands, int bytes, Semantics ours) {
        all.add(new Operation(number, name, operands, Result.MEMORY, bytes, C1, ours));
    }

    @ParameterizedTest
    @MethodSource("operations")
    void resultFlagsAndCodesAreTheHosts(Operation operation) {
        var random = new SplittableRandom(SEED + operation.number());
        var c = new F80Context();
        for (int done = 0; done < COUNT; done += BATCH) {
            ByteBuffer requests = ByteBuffer.allocate(BATCH * REQUEST).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < BATCH; i++) {
                putRequest(requests, operation, random);
            }
            ByteBuffer answers = host.ask(requests, BATCH, ANSWER);
            for (int i = 0; i < BATCH; i++) {
                int at = i * REQUEST;
                c.control = requests.getShort(at + 4);
                long a = requests.getLong(at + 8);
                int as = requests.getShort(at + 16) & 0xFFFF;
                long b = requests.getLong(at + 24);
                int bs = requests.getShort(at + 32) & 0xFFFF;
                long stored = operation.ours().apply(as, a, bs, b, c);
                if (!agree(operation, stored, answers, i * ANSWER, c)) {
                    fail(
                            "%s a=%04x:%016x b=%04x:%016x cw=%04x seed=%d%nexpected: %s%n but was: %s",
                            operation.name(),
                            as,
                            a,
                            bs,
                            b,
                            c.control & 0xFFFF,
                            SEED,
                            theirs(operation, answers, i * ANSWER, c),
                            ours(operation, stored, c));
                }
            }
        }
    }

    /** What {@link #ours} and {@link #theirs} show, compared without making strings. */
    private static boolean agree(Operation operation, long stored, ByteBuffer answers, int at, F80Context c) {
        int status = answers.getInt(at + 48);
        if (c.flags != (status & 0x3F) || ((c.codes ^ status) & operation.codes()) != 0) {
            return false;
        }
        boolean first = c.sig == answers.getLong(at) && c.se == (answers.getShort(at + 8) & 0xFFFF);
        return switch (operation.result()) {
            case REGISTER -> c.suppressed() || first;
            case PAIR ->
                c.suppressed()
                        || c.sig2 == answers.getLong(at)
                                && c.se2 == (answers.getShort(at + 8) & 0xFFFF)
                                && c.sig == answers.getLong(at + 16)
                                && c.se == (answers.getShort(at + 24) & 0xFFFF);
            case MEMORY -> {
                long memory = answers.getLong(at + 32);
                if (c.storeSuppressed()) {
                    yield memory == 0xA5A5_A5A5_A5A5_A5A5L;
                }
                long width = -1L >>> 64 - Math.min(64, operation.bytes() * 8);
                yield ((stored ^ memory) & width) == 0
                        && (operation.bytes() <= 8 || c.se == (answers.getShort(at + 40) & 0xFFFF));
            }
            case CODES -> true;
            case FLAGS -> F80.codesAsFlags(c.codes) == answers.getInt(at + 52);
        };
    }

    private static String ours(Operation operation, long stored, F80Context c) {
        String result = switch (operation.result()) {
            case REGISTER -> c.suppressed() ? "" : "%04x:%016x".formatted(c.se, c.sig);
            case PAIR -> c.suppressed() ? "" : "%04x:%016x %04x:%016x".formatted(c.se2, c.sig2, c.se, c.sig);
            case MEMORY ->
                c.storeSuppressed()
                        ? "a5a5a5a5a5a5a5a5"
                        : "%016x".formatted(stored & -1L >>> 64 - Math.min(64, operation.bytes() * 8))
                                + (operation.bytes() > 8 ? " %04x".formatted(c.se) : "");
            case CODES -> "";
            case FLAGS -> "%02x".formatted(F80.codesAsFlags(c.codes));
        };
        int codes = c.codes & operation.codes();
        return "%s flags %02x codes %04x".formatted(result, c.flags, codes);
    }

    private static String theirs(Operation operation, ByteBuffer answers, int at, F80Context c) {
        long first = answers.getLong(at);
        int firstSe = answers.getShort(at + 8) & 0xFFFF;
        long second = answers.getLong(at + 16);
        int secondSe = answers.getShort(at + 24) & 0xFFFF;
        long memory = answers.getLong(at + 32);
        int status = answers.getInt(at + 48);
        int flags = answers.getInt(at + 52);
        boolean unwritten = memory == 0xA5A5_A5A5_A5A5_A5A5L;
        String result = switch (operation.result()) {
            case REGISTER -> c.suppressed() ? "" : "%04x:%016x".formatted(firstSe, first);
            case PAIR -> c.suppressed() ? "" : "%04x:%016x %04x:%016x".formatted(firstSe, first, secondSe, second);
            case MEMORY ->
                unwritten
                        ? "a5a5a5a5a5a5a5a5"
                        : "%016x".formatted(memory & -1L >>> 64 - Math.min(64, operation.bytes() * 8))
                                + (operation.bytes() > 8 ? " %04x".formatted(answers.getShort(at + 40) & 0xFFFF) : "");
            case CODES -> "";
            case FLAGS -> "%02x".formatted(flags);
        };
        int codes = status & operation.codes();
        return "%s flags %02x codes %04x".formatted(result, status & 0x3F, codes);
    }

    private static void putRequest(ByteBuffer requests, Operation operation, SplittableRandom random) {
        long a = significand(random);
        int as = signExponent(random);
        long b = significand(random);
        int bs = signExponent(random);
        switch (operation.operands()) {
            case 'r' -> as = random.nextInt(4) == 0 ? as : near(random, 0x3FFF + random.nextInt(68), 2);
            case 's' -> as = random.nextInt(4) == 0 ? as : near(random, 0x3FFF + random.nextInt(310) - 155, 1);
            case 'd' -> as = random.nextInt(4) == 0 ? as : near(random, 0x3FFF + random.nextInt(2160) - 1080, 1);
            case 'k' -> bs = random.nextInt(4) == 0 ? bs : near(random, 0x3FFF + random.nextInt(16), 2);
            case 'p' -> {
                if (random.nextInt(4) != 0) {
                    bs = as ^ (random.nextBoolean() ? 0x8000 : 0);
                    as = as & 0x8000 | Math.clamp((as & 0x7FFF) + random.nextInt(140) - 10, 0, 0x7FFF);
                }
                if (random.nextInt(8) == 0) {
                    b = random.nextInt(1, 100);
                    b <<= Long.numberOfLeadingZeros(b);
                    a = random.nextInt(1, 1000);
                    a <<= Long.numberOfLeadingZeros(a);
                }
            }
            case 'm' -> a = random.nextInt(3) == 0 ? random.nextInt() : float32(random);
            case 'n' -> a = random.nextInt(3) == 0 ? random.nextLong() : float64(random);
            case 'i' -> a = random.nextLong() >> random.nextInt(64);
            case 'b' -> {
                as = random.nextBoolean() ? 0x8000 : 0;
                a = 0;
                int digits = random.nextInt(17);
                for (int i = 0; i < digits; i++) {
                    a = a << 4 | random.nextInt(10);
                }
                as |= digits == 16 ? random.nextInt(10) << 4 | random.nextInt(10) : 0;
            }
            default -> {
                if (random.nextInt(2) == 0) {
                    // Near in exponent, perhaps equal up to the sign.
                    bs = as + random.nextInt(5) - 2 & 0x7FFF | random.nextInt() & 0x8000;
                    if (random.nextInt(3) == 0) {
                        b = a + random.nextInt(5) - 2;
                    }
                }
            }
        }
        requests.putInt(operation.number()).putShort((short) control(random)).putShort((short) 0);
        requests.putLong(a).putLong(as).putLong(b).putLong(bs);
    }

    private static int near(SplittableRandom random, int field, int spread) {
        return field + random.nextInt(2 * spread + 1) - spread & 0x7FFF | random.nextInt() & 0x8000;
    }

    /** Mostly all masked, with any rounding and any precision but the reserved one; now and then any masks. */
    private static int control(SplittableRandom random) {
        int precision = new int[] {0, 2, 3, 3}[random.nextInt(4)] << 8;
        int masks = random.nextInt(4) == 0 ? random.nextInt(0x40) : 0x3F;
        return 0x40 | precision | random.nextInt(4) << 10 | masks;
    }

    private static int signExponent(SplittableRandom random) {
        int sign = random.nextInt() & 0x8000;
        return sign
                | switch (random.nextInt(10)) {
                    case 0 -> 0;
                    case 1 -> 0x7FFF;
                    case 2 -> 1 + random.nextInt(70);
                    case 3 -> 0x7FFE - random.nextInt(70);
                    case 4 -> random.nextInt(0x8000);
                    case 5 -> 0x1FFF + random.nextInt(140) - 70; // squares are near the least normal number
                    case 6 -> 0x5FFF + random.nextInt(70) - 35; // and near the largest
                    default -> 0x3FFF + random.nextInt(140) - 70;
                };
    }

    private static long significand(SplittableRandom random) {
        long integer = random.nextInt(16) == 0 ? 0 : 1L << 63;
        long fraction = switch (random.nextInt(9)) {
            case 0 -> 0;
            case 1 -> random.nextLong() >>> 1 + random.nextInt(63);
            case 2 -> random.nextLong() >>> 1 & -1L << random.nextInt(63);
            case 3 -> (-1L >>> 1) - random.nextInt(4);
            case 4 -> random.nextLong() >>> 1 & -1L << 40 | (random.nextBoolean() ? 1L << 39 : 0);
            case 5 -> random.nextLong() >>> 1 & -1L << 11 | (random.nextBoolean() ? 1L << 10 : 0);
            case 6 -> -1L >>> 1 & -1L << (random.nextBoolean() ? 38 : 9);
            default -> random.nextLong() >>> 1;
        };
        return integer | fraction;
    }

    private static long float32(SplittableRandom random) {
        int field = new int[] {0, 0, 255, 127, 126, 130, 1, 254}[random.nextInt(8)];
        int fraction = random.nextInt(4) == 0 ? 0 : random.nextInt(1 << 23) >>> random.nextInt(23);
        return (random.nextInt() & 1 << 31 | field << 23 | fraction) & 0xFFFF_FFFFL;
    }

    private static long float64(SplittableRandom random) {
        long field = new int[] {0, 0, 2047, 1023, 1022, 1026, 1, 2046}[random.nextInt(8)];
        long fraction = random.nextInt(4) == 0 ? 0 : random.nextLong() >>> 12 + random.nextInt(52);
        return random.nextLong() & 1L << 63 | field << 52 | fraction;
    }
}
