package redoubt.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Memory operands that are more than a number against segment limits and types; VEX in 16-bit code. SDM vol. 3A 5.3, 5.4. */
class StructureOperandsTest {
    private final TestCpu t = TestCpu.protectedMode();
    private final Cpu c = t.cpu;

    StructureOperandsTest() {
        c.r[3] = TestCpu.DATA;
        c.r[0] = 0;
        c.r[2] = 0;
        c.cr4 |= 0x40600; // OSFXSR, OSXMMEXCPT, OSXSAVE
        c.xcr0 = 7;
    }

    @AfterEach
    void close() {
        t.close();
    }

    private Engine.Stop run(String code) {
        byte[] bytes = HexFormat.of().parseHex(code);
        int[] words = new int[bytes.length];
        for (int i = 0; i < words.length; i++) {
            words[i] = bytes[i] & 0xFF;
        }
        return t.run(1, words);
    }

    @ParameterizedTest
    @CsvSource({
        "0FC70B, 8", // cmpxchg8b
        "6203, 8", // bound eax
        "666203, 4", // bound ax
        "0F0103, 6", // sgdt
        "0F010B, 6", // sidt
        "C403, 6", // les eax
        "66C503, 4", // lds ax
        "D903, 4", // fld dword
        "DD03, 8", // fld qword
        "DB2B, 10", // fld tbyte
        "D91B, 4", // fstp dword
        "DF03, 2", // fild word
        "DF23, 10", // fbld
        "D933, 28", // fnstenv
        "66D933, 14", // fnstenv, 16 bits
        "DD33, 108", // fnsave
        "66DD33, 94", // fnsave, 16 bits
        "0FAE03, 512", // fxsave
        "0FAE23, 576", // xsave
    })
    void theWholeOperandHasToLieInTheSegment(String code, int bytes) {
        c.segmentLimit[Segments.DS] = TestCpu.DATA + bytes - 1;
        assertThat(run(code)).isEqualTo(Engine.Stop.BUDGET);
        c.segmentLimit[Segments.DS] = TestCpu.DATA + bytes - 2;
        assertThat(run(code)).isEqualTo(Engine.Stop.SHUTDOWN); // #GP, and no IDT
    }

    @ParameterizedTest
    @CsvSource({
        "0FC70B, false", // cmpxchg8b
        "6203, true", // bound
        "0F0103, false", // sgdt
        "D903, true", // fld
        "D91B, false", // fstp
        "DF0B, false", // fisttp
        "D933, false", // fnstenv
        "D923, true", // fldenv
        "0FAE03, false", // fxsave
        "0FAE23, false", // xsave
        "0FAE33, false", // xsaveopt
    })
    void aReadOnlySegmentTakesLoadsOnly(String code, boolean load) {
        c.segmentAccess[Segments.DS] = 0xC091;
        assertThat(run(code)).isEqualTo(load ? Engine.Stop.BUDGET : Engine.Stop.SHUTDOWN);
    }

    /** andn eax, ebx, ecx; vpxor xmm1, xmm1, xmm1 with a memory operand at [ebx]. */
    @ParameterizedTest
    @CsvSource({"C4E260F2C1", "67C5F1EF0B"})
    void vexDecodesIn16BitProtectedModeAndNowhereElseOfSixteenBits(String code) {
        Segments.setCode(c, 8, 0, 0xFFFF_FFFFL, 0x009B, 0);
        assertThat(c.codeMode).isEqualTo(16);
        c.segmentBase[Segments.CS] = TestCpu.CODE & -0x10000;
        assertRuns(code, Engine.Stop.BUDGET);
        c.flags |= Flags.VM;
        c.cpl(3);
        assertRuns(code, Engine.Stop.SHUTDOWN);
        c.flags &= ~(long) Flags.VM;
        c.cpl(0);
        c.cr0 &= ~1L;
        c.idtLimit = 0;
        assertRuns(code, Engine.Stop.SHUTDOWN);
    }

    private void assertRuns(String code, Engine.Stop stop) {
        c.mmu.contextChanged();
        t.write(TestCpu.CODE, HexFormat.of().parseHex(code));
        c.rip = TestCpu.CODE & 0xFFFF;
        assertThat(t.engine.run(1)).isEqualTo(stop);
    }

    @Test
    void andnIn16BitCodeWorksOn32Bits() {
        Segments.setCode(c, 8, 0, 0xFFFF_FFFFL, 0x009B, 0);
        c.segmentBase[Segments.CS] = TestCpu.CODE & -0x10000;
        c.r[3] = 0xFF00_FF00L;
        c.r[1] = 0x1234_5678L;
        assertRuns("C4E260F2C1", Engine.Stop.BUDGET);
        assertThat(c.r[0]).isEqualTo(0x0034_0078L);
    }
}
