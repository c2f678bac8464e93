package redoubt.x86;

import static org.assertj.core.api.Assertions.assertThat;

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

/**
 * Oracle: the host's processor. Special results must be equal bit for bit, others within one unit in the last place;
 * exceptions must be the same.
 */
class F80TranscendentalTest {
    private static final int COUNT = Integer.getInteger("redoubt.oracle.count", 200_000);
    private static final long SEED = Long.getLong("redoubt.seed", 0x7A45L);
    private static final int BATCH = 4096;
    private static final int REQUEST = 40;
    private static final int ANSWER = 56;

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

    record Operation(int number, String name, char operands, boolean pair, Semantics ours) {
        @Override
        public String toString() {
            return name;
        }
    }

    interface Semantics {
        void apply(int ase, long asig, int bse, long bsig, F80Context c);
    }

    static List<Operation> operations() {
        List<Operation> all = new ArrayList<>();
        all.add(new Operation(40, "fsin", 't', false, (as, a, bs, b, c) -> F80Transcendental.sin(as, a, c)));
        all.add(new Operation(41, "fcos", 't', false, (as, a, bs, b, c) -> F80Transcendental.cos(as, a, c)));
        all.add(new Operation(42, "fsincos", 't', true, (as, a, bs, b, c) -> F80Transcendental.sincos(as, a, c)));
        all.add(new Operation(43, "fptan", 't', true, (as, a, bs, b, c) -> F80Transcendental.tan(as, a, c)));
        all.add(new Operation(44, "fpatan", 'a', false, F80Transcendental::patan));
        all.add(new Operation(45, "f2xm1", 'e', false, (as, a, bs, b, c) -> F80Transcendental.exp2Minus1(as, a, c)));
        all.add(new Operation(46, "fyl2x", 'l', false, F80Transcendental::yLog2));
        all.add(new Operation(47, "fyl2xp1", 'p', false, F80Transcendental::yLog2Plus1));
        return all;
    }

    @ParameterizedTest
    @MethodSource("operations")
    void resultIsWithinOneUnitOfTheHosts(Operation operation) {
        var random = new SplittableRandom(SEED + operation.number());
        var c = new F80Context();
        for (int done = 0; done < COUNT; done += BATCH) {
            ByteBuffer requests = ByteBuffer.allocate(BATCH * REQUEST).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < BATCH; i++) {
                putRequest(requests, operation, random);
            }
            ByteBuffer answers = host.ask(requests, BATCH, ANSWER);
            for (int i = 0; i < BATCH; i++) {
                check(operation, requests, i * REQUEST, answers, i * ANSWER, c);
            }
        }
    }

    @Test
    void aTinyLogarithmOfAPowerOfTwoIsInexactAndThereforeUnderflows() {
        F80Context c = new F80Context();
        F80Transcendental.yLog2(0x402C, Long.MIN_VALUE, 0, 0x02A7_9330_8C2D_04CDL, c); // 45 times a denormal
        assertThat(c.flags).isEqualTo(F80Context.DE | F80Context.UE | F80Context.PE);
        assertThat(c.se).isZero();
    }

    private static void check(
            Operation operation, ByteBuffer requests, int at, ByteBuffer answers, int answer, F80Context c) {
        c.control = requests.getShort(at + 4);
        long a = requests.getLong(at + 8);
        int as = requests.getShort(at + 16) & 0xFFFF;
        long b = requests.getLong(at + 24);
        int bs = requests.getShort(at + 32) & 0xFFFF;
        operation.ours().apply(as, a, bs, b, c);
        long first = answers.getLong(answer);
        int firstSe = answers.getShort(answer + 8) & 0xFFFF;
        long second = answers.getLong(answer + 16);
        int secondSe = answers.getShort(answer + 24) & 0xFFFF;
        int status = answers.getInt(answer + 48);
        boolean outOfRange = (c.codes & F80Context.C2) != 0;
        boolean agrees = c.flags == (status & 0x3F) && (c.codes & F80Context.C2) == (status & F80Context.C2);
        if (!c.suppressed()) {
            if (operation.pair() && !outOfRange) {
                agrees &= near(c.se2, c.sig2, firstSe, first) && near(c.se, c.sig, secondSe, second);
            } else {
                agrees &= near(c.se, c.sig, firstSe, first);
            }
        }
        if (!agrees) {
            String ours = "%04x:%016x".formatted(c.se, c.sig);
            String theirs = "%04x:%016x".formatted(firstSe, first);
            if (operation.pair() && !outOfRange) {
                ours = "%04x:%016x ".formatted(c.se2, c.sig2) + ours;
                theirs += " %04x:%016x".formatted(secondSe, second);
            }
            assertThat("%s flags %02x C2 %b".formatted(ours, c.flags, outOfRange))
                    .as(
                            "%s a=%04x:%016x b=%04x:%016x cw=%04x seed=%d",
                            operation.name(), as, a, bs, b, c.control & 0xFFFF, SEED)
                    .isEqualTo("%s flags %02x C2 %b".formatted(theirs, status & 0x3F, (status & F80Context.C2) != 0));
        }
    }

    /** Equal, or neighbours among the numbers of one sign. */
    private static boolean near(int se, long sig, int otherSe, long otherSig) {
        int exponents = (se & 0x7FFF) - (otherSe & 0x7FFF);
        if ((se ^ otherSe) << 16 < 0 || exponents < -1 || exponents > 1) {
            return false;
        }
        boolean special = (se & 0x7FFF) == 0x7FFF || (otherSe & 0x7FFF) == 0x7FFF || sig == 0 || otherSig == 0;
        if (special) {
            return se == otherSe && sig == otherSig;
        }
        long difference = ((long) exponents << 63) + (sig & ~(1L << 63)) - (otherSig & ~(1L << 63));
        return difference >= -1 && difference <= 1;
    }

    private static void putRequest(ByteBuffer requests, Operation operation, SplittableRandom random) {
        long a = significand(random);
        int as = signExponent(random);
        long b = significand(random);
        int bs = signExponent(random);
        if (random.nextInt(8) != 0) {
            a |= 1L << 63;
            b |= 1L << 63;
            switch (operation.operands()) {
                case 't' -> as = around(random, 0x3FFF - 8, random.nextInt(4) == 0 ? 75 : 20);
                case 'a' -> {
                    as = around(random, 0x3FFF, random.nextInt(4) == 0 ? 2000 : 20);
                    bs = (as & 0x7FFF) + random.nextInt(40) - 20 ^ random.nextInt() & 0x8000;
                    if (random.nextInt(4) == 0) {
                        bs = (as & 0x7FFF) + random.nextInt(200) - 100 ^ random.nextInt() & 0x8000;
                    }
                }
                case 'e' -> as = random.nextInt() & 0x8000 | 0x3FFE - random.nextInt(random.nextBoolean() ? 8 : 80);
                case 'l' -> {
                    as = random.nextInt(3) == 0 ? random.nextInt(1, 0x7FFF) : 0x3FFE + random.nextInt(2);
                    if (random.nextInt(4) == 0) {
                        a = random.nextLong() >>> 63 << 63 | random.nextLong() >>> random.nextInt(1, 64);
                        a = as == 0x3FFE ? ~a : a;
                        a |= 1L << 63;
                    }
                    bs = around(random, 0x3FFF, 100);
                }
                default -> {
                    as = random.nextInt() & 0x8000 | 0x3FFC - random.nextInt(random.nextBoolean() ? 8 : 100);
                    bs = around(random, 0x3FFF, 100);
                }
            }
        } else if ("ep".indexOf(operation.operands()) >= 0) {
            // Beyond their range F2XM1 and FYL2XP1 are undefined.
            as = as & 0x8000 | Math.min(as & 0x7FFF, 0x3FFC);
        }
        int control = 0x40 | 3 << 8 | random.nextInt(4) << 10 | (random.nextInt(16) == 0 ? random.nextInt(0x40) : 0x3F);
        requests.putInt(operation.number()).putShort((short) control).putShort((short) 0);
        requests.putLong(a).putLong(as).putLong(b).putLong(bs);
    }

    private static int around(SplittableRandom random, int field, int spread) {
        return field + random.nextInt(2 * spread + 1) - spread | random.nextInt() & 0x8000;
    }

    private static int signExponent(SplittableRandom random) {
        int sign = random.nextInt() & 0x8000;
        return sign
                | switch (random.nextInt(6)) {
                    case 0 -> 0;
                    case 1 -> 0x7FFF;
                    case 2 -> random.nextInt(0x8000);
                    case 3 -> 0x3FFF;
                    default -> 0x3FFF + random.nextInt(140) - 70;
                };
    }

    private static long significand(SplittableRandom random) {
        long integer = random.nextInt(8) == 0 ? 0 : 1L << 63;
        return integer
                | switch (random.nextInt(5)) {
                    case 0 -> 0;
                    case 1 -> random.nextLong() >>> 1 & -1L << random.nextInt(63);
                    default -> random.nextLong() >>> 1;
                };
    }
}
