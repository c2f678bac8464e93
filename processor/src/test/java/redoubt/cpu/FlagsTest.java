package redoubt.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** The packed flags against a bit-by-bit adder and subtracter. */
class FlagsTest {
    @Test
    void everyCombinationSurvivesARoundTrip() {
        int[] flags = {Flags.CF, Flags.PF, Flags.AF, Flags.ZF, Flags.SF, Flags.OF};
        for (int i = 0; i < 64; i++) {
            int bits = 0;
            for (int j = 0; j < 6; j++) {
                bits |= (i >> j & 1) != 0 ? flags[j] : 0;
            }
            assertThat(Flags.status(Flags.result(bits), Flags.auxiliary(bits))).isEqualTo(bits);
        }
    }

    @Test
    void carriesOfAdditionAndSubtractionAreThoseOfAnAdderWorkedBitByBit() {
        Random random = new Random(1);
        for (int i = 0; i < 100_000; i++) {
            int width = 8 << random.nextInt(4);
            long mask = width == 64 ? -1 : (1L << width) - 1;
            long a = random.nextLong() & mask;
            long b = (random.nextBoolean() ? random.nextLong() : a) & mask;
            boolean subtract = random.nextBoolean();
            long operand = subtract ? ~b & mask : b;
            int carry = subtract ? 1 : 0;
            long sum = 0;
            int intoTop = 0;
            int half = 0;
            for (int bit = 0; bit < width; bit++) {
                if (bit == width - 1) {
                    intoTop = carry;
                }
                int x = (int) (a >>> bit & 1) + (int) (operand >>> bit & 1) + carry;
                sum |= (long) (x & 1) << bit;
                carry = x >> 1;
                if (bit == 3) {
                    half = carry;
                }
            }
            long fx = subtract ? Flags.sub(a, b, sum, width) : Flags.add(a, b, sum, width);
            assertThat(Flags.cf(fx)).isEqualTo((carry == 1) != subtract);
            assertThat(Flags.of(fx)).isEqualTo(carry != intoTop);
            assertThat(Flags.af(fx)).isEqualTo((half == 1) != subtract);
        }
    }
}
