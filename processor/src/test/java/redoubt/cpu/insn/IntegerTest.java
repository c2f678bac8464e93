package redoubt.cpu.insn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;
import redoubt.cpu.GuestFault;
import redoubt.cpu.TestCpu;
import redoubt.x86.Op;

/** Integer semantics against independent arithmetic; the differential test compares all of them with the host. */
class IntegerTest {
    private static final BigInteger TWO_64 = BigInteger.ONE.shiftLeft(64);

    private final TestCpu machine = TestCpu.longMode();
    private final Cpu cpu = machine.cpu;

    @AfterEach
    void close() {
        machine.close();
    }

    @Test
    void addSetsTheFlagsOfSignedAndUnsignedOverflow() {
        assertEquals(0x80, Alu.add8(cpu, 0x7F, 1) & 0xFF);
        assertEquals(Flags.OF | Flags.SF | Flags.AF, status());
        assertEquals(0, Alu.add32(cpu, -1, 1));
        assertEquals(Flags.CF | Flags.ZF | Flags.AF | Flags.PF, status());
    }

    @Test
    void incrementAndDecrementKeepCarry() {
        for (int carry = 0; carry < 2; carry++) {
            cpu.status(carry);
            Alu.inc64(cpu, Long.MAX_VALUE);
            assertEquals(Flags.OF | Flags.SF | Flags.AF | Flags.PF | carry, status());
            Alu.dec16(cpu, 1);
            assertEquals(Flags.ZF | Flags.PF | carry, status());
        }
    }

    @Test
    void twoAdditionChainsDoNotDisturbEachOther() {
        cpu.status(Flags.CF | Flags.ZF);
        assertEquals(1, Alu.adox32(cpu, -1, 2)); // OF was clear
        assertEquals(Flags.CF | Flags.OF | Flags.ZF, status());
        assertEquals(4, Alu.adcx64(cpu, 1, 2));
        assertEquals(Flags.OF | Flags.ZF, status());
        assertEquals(4, Alu.adox64(cpu, 1, 2));
        assertEquals(Flags.ZF, status());
    }

    @Test
    void divisionsOf128BitsAgreeWithBigInteger() {
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 100_000; i++) {
            long high = random.nextLong() >> random.nextInt(64);
            long low = random.nextLong() >> random.nextInt(64);
            long divisor = random.nextLong() >> random.nextInt(64);
            divide(high, low, divisor, false);
            divide(high, low, divisor, true);
            divide(divisor - 1, low, divisor, false); // the largest quotients
            divide(divisor >> 1, low, divisor, true);
        }
    }

    private void divide(long high, long low, long divisor, boolean signed) {
        BigInteger dividend = BigInteger.valueOf(high).shiftLeft(64).add(unsigned(low));
        BigInteger by = BigInteger.valueOf(divisor);
        if (!signed) {
            dividend = dividend.mod(TWO_64.multiply(TWO_64));
            by = by.mod(TWO_64);
        }
        cpu.r[0] = low;
        cpu.r[2] = high;
        BigInteger[] expected = by.signum() == 0 ? new BigInteger[0] : dividend.divideAndRemainder(by);
        boolean fits = expected.length > 0 && (signed ? expected[0].bitLength() < 64 : expected[0].bitLength() <= 64);
        if (fits) {
            divide(divisor, signed);
            assertEquals(expected[0].longValue(), cpu.r[0]);
            assertEquals(expected[1].longValue(), cpu.r[2]);
        } else {
            GuestFault fault = assertThrows(GuestFault.class, () -> divide(divisor, signed));
            assertEquals(0, fault.vector);
            assertEquals(low, cpu.r[0]);
            assertEquals(high, cpu.r[2]);
        }
    }

    private void divide(long divisor, boolean signed) {
        if (signed) {
            MulDiv.idiv64(cpu, divisor);
        } else {
            MulDiv.div64(cpu, divisor);
        }
    }

    private static BigInteger unsigned(long value) {
        return BigInteger.valueOf(value).mod(TWO_64);
    }

    @Test
    void mostNegativeDividendByMinusOneIsADivideError() {
        cpu.r[0] = 0;
        cpu.r[2] = 0x8000_0000L;
        assertThrows(GuestFault.class, () -> MulDiv.idiv32(cpu, -1));
        cpu.r[2] = 0x8000;
        assertThrows(GuestFault.class, () -> MulDiv.idiv16(cpu, 0xFFFF));
        cpu.r[0] = 0x8000;
        assertThrows(GuestFault.class, () -> MulDiv.idiv8(cpu, 0xFF));
    }

    @Test
    void shiftByZeroLeavesFlags() {
        cpu.status(Flags.STATUS);
        assertEquals(5, Shift.shl32(cpu, 5, 32));
        assertEquals(5, Shift.rcr64(cpu, 5, 64));
        assertEquals(5, Shift.shld16(cpu, 5, 6, 0));
        assertEquals(Flags.STATUS, status());
    }

    @Test
    void rotateThroughCarryGoesRoundInOneMoreThanTheWidth() {
        cpu.status(Flags.CF);
        int value = 0x35;
        for (int i = 0; i < 9; i++) {
            value = Shift.rcl8(cpu, value, 1) & 0xFF;
        }
        assertEquals(0x35, value);
        assertEquals(Flags.CF, status() & Flags.CF);
        assertEquals(0x6B, Shift.rcl8(cpu, value, 10) & 0xFF);
    }

    @Test
    void crcOfAnySizeIsCrc32c() {
        long data = 0x0123_4567_89AB_CDEFL;
        CRC32C reference = new CRC32C();
        reference.update(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, data));
        int expected = ~(int) reference.getValue();
        assertEquals(expected, Bits.crc32_64(cpu, -1, data));
        int byBytes = -1;
        int byWords = -1;
        for (int i = 0; i < 64; i += 8) {
            byBytes = Bits.crc32b(cpu, byBytes, (int) (data >>> i) & 0xFF);
        }
        for (int i = 0; i < 64; i += 16) {
            byWords = Bits.crc32_16(cpu, byWords, (int) (data >>> i) & 0xFFFF);
        }
        assertEquals(expected, byBytes);
        assertEquals(expected, byWords);
    }

    @Test
    void bitScanOfZeroLeavesTheDestination() {
        assertEquals(77, Bits.bsf32(cpu, 77, 0));
        assertEquals(Flags.ZF, status() & Flags.ZF);
        assertEquals(63, Bits.bsr64(cpu, 77, -1));
        assertEquals(0, status() & Flags.ZF);
    }

    @Test
    void failedCompareExchangeLoadsTheAccumulator() {
        cpu.r[0] = 0x1111_1111_2222_2222L;
        assertEquals(7, Alu.cmpxchg32(cpu, 7, 9));
        assertEquals(7, cpu.r[0]);
        assertEquals(9, Alu.cmpxchg32(cpu, 7, 9));
        assertEquals(Flags.ZF | Flags.PF, status());
    }

    @Test
    void sixteenByteCompareExchangeNeedsAlignment() {
        GuestFault fault = assertThrows(GuestFault.class, () -> Alu.cmpxchg8b64(cpu, TestCpu.DATA + 8));
        assertEquals(13, fault.vector);
        cpu.r[0] = 0;
        cpu.r[2] = 0;
        cpu.r[3] = 3;
        cpu.r[1] = 4;
        cpu.status(Flags.CF);
        Alu.cmpxchg8b64(cpu, TestCpu.DATA);
        assertEquals(Flags.CF | Flags.ZF, status());
        assertEquals(3, machine.read64(TestCpu.DATA));
        assertEquals(4, machine.read64(TestCpu.DATA + 8));
        Alu.cmpxchg8b64(cpu, TestCpu.DATA);
        assertEquals(Flags.CF, status());
        assertEquals(3, cpu.r[0]);
        assertEquals(4, cpu.r[2]);
    }

    @Test
    void decimalSumIsCorrectedToTwoDigits() {
        cpu.r[0] = Alu.add8(cpu, 0x79, 0x35) & 0xFF;
        Decimal.daa(cpu); // 79 + 35 = 114
        assertEquals(0x14, cpu.r[0]);
        assertEquals(Flags.CF, status() & Flags.CF);
        assertThrows(GuestFault.class, () -> Decimal.aam(cpu, 0));
    }

    @Test
    void xlatReadsTheTableAtRbxPlusAl() {
        machine.write(TestCpu.DATA, new byte[] {1, 2, (byte) 0xF3});
        cpu.r[3] = TestCpu.DATA;
        cpu.r[0] = 0x1_0002;
        Move.xlat(cpu, Op.pack(0, 3, 0, 2, 0, 0));
        assertEquals(0x1_00F3, cpu.r[0]);
    }

    private int status() {
        return Flags.status(cpu.fr, cpu.fx);
    }
}
