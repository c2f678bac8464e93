package redoubt.cpu.insn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import redoubt.cpu.Flags;
import redoubt.cpu.GuestFault;
import redoubt.cpu.Mem;
import redoubt.cpu.TestCpu;
import redoubt.x86.Op;

/** The string instructions against SDM vol. 2, REP/REPE/REPNE and each instruction's operation section. */
class StringsTest {
    private static final long FROM = TestCpu.DATA + 0xF01;
    private static final long TO = TestCpu.DATA + 0x8FF3;
    /** End of the test machine's mapped memory. */
    private static final long END = 16 << 20;

    private static long op(int repeat, int addressSize) {
        return Op.pack(0, 3, repeat, addressSize, 0, 0);
    }

    private static final long REP = op(1, 2);
    private static final long REPNE = op(2, 2);

    private static void set(TestCpu t, long count, long from, long to) {
        t.cpu.r[1] = count;
        t.cpu.r[6] = from;
        t.cpu.r[7] = to;
    }

    private static void pattern(TestCpu t, long at, int length) {
        for (int i = 0; i < length; i++) {
            Mem.st8(t.cpu, at + i, i * 31 + 7);
        }
    }

    @Test
    void copiesAcrossPagesByteForByte() {
        try (TestCpu t = TestCpu.longMode()) {
            pattern(t, FROM, 9001);
            set(t, 9001, FROM, TO);
            Strings.movs8(t.cpu, REP);
            for (int i = 0; i < 9001; i++) {
                assertThat(Mem.ld8(t.cpu, TO + i)).isEqualTo(i * 31 + 7 & 0xFF);
            }
            assertThat(Mem.ld8(t.cpu, TO + 9001)).isZero();
            assertThat(t.cpu.r[1]).isZero();
            assertThat(t.cpu.r[6]).isEqualTo(FROM + 9001);
            assertThat(t.cpu.r[7]).isEqualTo(TO + 9001);
        }
    }

    @Test
    void repeatsThePatternWhenTheDestinationOverlapsAhead() {
        try (TestCpu t = TestCpu.longMode()) {
            pattern(t, FROM, 3);
            set(t, 6000, FROM, FROM + 3);
            Strings.movs8(t.cpu, REP);
            for (int i = 0; i < 6003; i++) {
                assertThat(Mem.ld8(t.cpu, FROM + i)).isEqualTo(i % 3 * 31 + 7);
            }
        }
    }

    @Test
    void copiesWiderElementsOntoAnOverlapThatIsNoMultipleOfThem() {
        try (TestCpu t = TestCpu.longMode()) {
            pattern(t, FROM, 64);
            byte[] expected = new byte[64];
            for (int i = 0; i < 64; i++) {
                expected[i] = (byte) (i * 31 + 7);
            }
            for (int element = 0; element < 6; element++) { // one after the other, each reading what was written
                byte[] value = Arrays.copyOfRange(expected, 8 * element, 8 * element + 8);
                System.arraycopy(value, 0, expected, 8 * element + 13, Math.min(8, 64 - (8 * element + 13)));
            }
            set(t, 6, FROM, FROM + 13);
            Strings.movs64(t.cpu, REP);
            for (int i = 0; i < 61; i++) {
                assertThat(Mem.ld8(t.cpu, FROM + i)).as("byte %d", i).isEqualTo(expected[i] & 0xFF);
            }
        }
    }

    @Test
    void goesDownwardsWithTheDirectionFlag() {
        try (TestCpu t = TestCpu.longMode()) {
            pattern(t, FROM, 10);
            t.cpu.flags |= Flags.DF;
            set(t, 10, FROM + 9, FROM + 11);
            Strings.movs8(t.cpu, REP);
            for (int i = 0; i < 10; i++) {
                assertThat(Mem.ld8(t.cpu, FROM + 2 + i)).isEqualTo(i * 31 + 7 & 0xFF);
            }
            assertThat(t.cpu.r[6]).isEqualTo(FROM - 1);
        }
    }

    @Test
    void stopsAtAFaultWithRegistersFromWhichItContinues() {
        try (TestCpu t = TestCpu.longMode()) {
            t.cpu.r[0] = 0x1122334455667788L;
            set(t, 5000, 0, END - 8 * 600);
            GuestFault fault = catchThrowableOfType(GuestFault.class, () -> Strings.stos64(t.cpu, REP));
            assertThat(fault.vector).isEqualTo(14);
            assertThat(fault.address).isEqualTo(END);
            assertThat(t.cpu.r[1]).isEqualTo(4400);
            assertThat(t.cpu.r[7]).isEqualTo(END);
            assertThat(t.read64(END - 8)).isEqualTo(0x1122334455667788L);
        }
    }

    @Test
    void fillsWithEveryWidth() {
        try (TestCpu t = TestCpu.longMode()) {
            t.cpu.r[0] = 0x0102_0304_0506_0708L;
            set(t, 5000, 0, TO);
            Strings.stos16(t.cpu, REP);
            assertThat(Mem.ld16(t.cpu, TO + 9998)).isEqualTo(0x0708);
            assertThat(Mem.ld16(t.cpu, TO + 10000)).isZero();
            set(t, 700, 0, TO + 20000);
            Strings.stos8(t.cpu, REP);
            assertThat(Mem.ld64(t.cpu, TO + 20000 + 692)).isEqualTo(0x0808080808080808L);
            t.cpu.r[0] = 0x5A5A_5A5A_5A5A_5A5AL;
            set(t, 700, 0, TO + 30000);
            Strings.stos32(t.cpu, REP);
            assertThat(Mem.ld64(t.cpu, TO + 30000 + 2796)).isEqualTo(0x5A5A5A5AL);
        }
    }

    @Test
    void keepsTheFlagsWhenAComparisonFaultsHalfWay() {
        try (TestCpu t = TestCpu.longMode()) {
            t.cpu.status(Flags.CF | Flags.SF);
            t.cpu.r[0] = 0;
            set(t, 100, 0, END - 10);
            GuestFault fault = catchThrowableOfType(GuestFault.class, () -> Strings.scas8(t.cpu, REP));
            assertThat(fault.vector).isEqualTo(14);
            assertThat(t.cpu.r[1]).isEqualTo(90);
            assertThat((int) t.cpu.rflags() & Flags.STATUS).isEqualTo(Flags.CF | Flags.SF);
        }
    }

    @Test
    void findsAByteAndCountsTheOneThatMatched() {
        try (TestCpu t = TestCpu.longMode()) {
            Mem.st64(t.cpu, TO, 0x00FF_FFFF_FFFFL);
            t.cpu.r[0] = 0;
            set(t, -1, 0, TO);
            Strings.scas8(t.cpu, REPNE);
            assertThat(t.cpu.r[7]).isEqualTo(TO + 6);
            assertThat(~t.cpu.r[1] - 1).isEqualTo(5); // the strlen idiom
            assertThat((int) t.cpu.rflags() & Flags.STATUS).isEqualTo(Flags.ZF | Flags.PF);
        }
    }

    @Test
    void comparesSourceMinusDestination() {
        try (TestCpu t = TestCpu.longMode()) {
            Mem.st32(t.cpu, FROM, 1);
            Mem.st32(t.cpu, TO, 2);
            set(t, 3, FROM, TO);
            Strings.cmps32(t.cpu, REP);
            assertThat(t.cpu.r[1]).isEqualTo(2);
            assertThat((int) t.cpu.rflags() & Flags.STATUS).isEqualTo(Flags.CF | Flags.SF | Flags.AF | Flags.PF);
        }
    }

    @Test
    void doesNothingWhenTheCountIsZeroInTheAddressSize() {
        try (TestCpu t = TestCpu.longMode()) {
            t.cpu.status(Flags.ZF);
            set(t, 1L << 32, FROM, 1L << 40);
            Strings.cmps8(t.cpu, op(1, 1));
            assertThat(t.cpu.r[6]).isEqualTo(FROM);
            assertThat((int) t.cpu.rflags() & Flags.STATUS).isEqualTo(Flags.ZF);
        }
    }

    @Test
    void wrapsSixteenBitOffsetsAndKeepsTheUpperBits() {
        try (TestCpu t = TestCpu.longMode()) {
            t.cpu.codeMode = 16;
            t.cpu.r[0] = 0x77;
            set(t, 0xABCD_0008L, 0, 0x1234_FFFCL);
            Strings.stos8(t.cpu, op(1, 0));
            assertThat(Mem.ld8(t.cpu, 0xFFFF)).isEqualTo(0x77);
            assertThat(Mem.ld8(t.cpu, 3)).isEqualTo(0x77);
            assertThat(t.cpu.r[7]).isEqualTo(0x1234_0004L);
            assertThat(t.cpu.r[1]).isEqualTo(0xABCD_0000L);
        }
    }

    @Test
    void obeysTheSegmentLimitInLegacyModes() {
        try (TestCpu t = TestCpu.longMode()) {
            t.cpu.codeMode = 32;
            t.cpu.segmentBase(0, TestCpu.DATA);
            t.cpu.segmentLimit[0] = 99;
            set(t, 1000, 0, 0);
            GuestFault fault = catchThrowableOfType(GuestFault.class, () -> Strings.stos8(t.cpu, op(1, 1)));
            assertThat(fault.vector).isEqualTo(13);
            assertThat(t.cpu.r[7]).isEqualTo(100);
        }
    }
}
