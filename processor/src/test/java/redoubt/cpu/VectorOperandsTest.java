package redoubt.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** How handlers pass vector and MMX operands: SDM vol. 2 for each instruction, vol. 1 chapter 9 for the x87 state. */
class VectorOperandsTest {
    private static TestCpu withData() {
        TestCpu t = TestCpu.longMode();
        t.cpu.r[3] = TestCpu.DATA;
        byte[] data = new byte[64];
        for (int i = 0; i < data.length; i++) {
            data[i] = (byte) (i + 1);
        }
        return t.write(TestCpu.DATA, data);
    }

    @Test
    void aScalarLoadClearsTheRestAndARegisterMoveKeepsIt() {
        try (TestCpu t = withData()) {
            t.cpu.x[4] = -1;
            t.cpu.x[5] = -1;
            t.cpu.x[8] = -1;
            t.cpu.x[9] = -1;
            t.run(2, 0xF3, 0x0F, 0x10, 0x0B, 0xF3, 0x0F, 0x10, 0xD1); // movss xmm1, [rbx]; movss xmm2, xmm1
            assertThat(t.cpu.x[4]).isEqualTo(0x04030201);
            assertThat(t.cpu.x[5]).isZero();
            assertThat(t.cpu.x[8]).isEqualTo(0xFFFF_FFFF_0403_0201L);
            assertThat(t.cpu.x[9]).isEqualTo(-1);
        }
    }

    @Test
    void anUnalignedOperandIsRefusedOnlyWhereAlignmentIsAsked() {
        try (TestCpu t = withData()) {
            // movdqu xmm1, [rbx + 1]; movdqa xmm2, [rbx + 16]; paddb xmm1, [rbx + 1]
            Engine.Stop stop =
                    t.run(3, 0xF3, 0x0F, 0x6F, 0x4B, 0x01, 0x66, 0x0F, 0x6F, 0x53, 0x10, 0x66, 0x0F, 0xFC, 0x4B, 0x01);
            assertThat(t.cpu.x[5]).isEqualTo(0x11100F0E0D0C0B0AL);
            assertThat(t.cpu.x[8]).isEqualTo(0x1817161514131211L);
            assertThat(stop).isEqualTo(Engine.Stop.SHUTDOWN); // #GP without an IDT
            assertThat(t.cpu.x[4]).isEqualTo(0x0908070605040302L);
        }
    }

    @Test
    void memoryDestinationsAreStoredInTheirSize() {
        try (TestCpu t = withData()) {
            t.cpu.x[4] = 0x8877665544332211L;
            t.cpu.x[5] = 0xFFEEDDCCBBAA9988L;
            // movhps [rbx], xmm1; pextrb [rbx + 8], xmm1, 2; movdqa [rbx + 16], xmm1
            t.run(3, 0x0F, 0x17, 0x0B, 0x66, 0x0F, 0x3A, 0x14, 0x4B, 0x08, 0x02, 0x66, 0x0F, 0x7F, 0x4B, 0x10);
            assertThat(t.read64(TestCpu.DATA)).isEqualTo(0xFFEEDDCCBBAA9988L);
            assertThat(t.read64(TestCpu.DATA + 8)).isEqualTo(0x100F0E0D0C0B0A33L);
            assertThat(t.read64(TestCpu.DATA + 16)).isEqualTo(0x8877665544332211L);
            assertThat(t.read64(TestCpu.DATA + 24)).isEqualTo(0xFFEEDDCCBBAA9988L);
        }
    }

    @Test
    void anImmediateAfterAMemoryOperandReachesTheFunction() {
        try (TestCpu t = withData()) {
            t.run(1, 0x66, 0x0F, 0x70, 0x0B, 0x1B); // pshufd xmm1, [rbx], 0x1b
            assertThat(t.cpu.x[4]).isEqualTo(0x0C0B0A09100F0E0DL);
            assertThat(t.cpu.x[5]).isEqualTo(0x0403020108070605L);
        }
    }

    @Test
    void convertsToAndFromGeneralRegisters() {
        try (TestCpu t = withData()) {
            t.cpu.r[1] = -5;
            t.cpu.r[0] = -1;
            // cvtsi2sd xmm1, rcx; cvttsd2si eax, xmm1
            t.run(2, 0xF2, 0x48, 0x0F, 0x2A, 0xC9, 0xF2, 0x0F, 0x2C, 0xC1);
            assertThat(Double.longBitsToDouble(t.cpu.x[4])).isEqualTo(-5.0);
            assertThat(t.cpu.r[0]).isEqualTo(0xFFFF_FFFBL);
        }
    }

    @Test
    void anMmxInstructionSetsAllTagsAndTheTopOfStack() {
        try (TestCpu t = withData()) {
            t.cpu.fpStatus = 0x1800;
            t.cpu.fpTag = 0;
            t.run(2, 0x0F, 0x6F, 0x13, 0x0F, 0xFC, 0x53, 0x08); // movq mm2, [rbx]; paddb mm2, [rbx + 8]
            assertThat(t.cpu.fpSignificand[2]).isEqualTo(0x1816_1412_100E_0C0AL);
            assertThat(t.cpu.fpExponent[2]).isEqualTo(0xFFFF);
            assertThat(t.cpu.fpTag).isEqualTo(0xFF);
            assertThat(t.cpu.fpStatus).isZero();
        }
    }

    @Test
    void anUnmaskedExceptionLeavesTheDestinationAlone() {
        try (TestCpu t = withData()) {
            t.cpu.mxcsr = 0x1D80; // ZM clear
            t.cpu.x[4] = 0x3FF0_0000_0000_0000L;
            t.cpu.x[8] = 0;
            assertThat(t.run(1, 0xF2, 0x0F, 0x5E, 0xCA)).isEqualTo(Engine.Stop.SHUTDOWN); // divsd xmm1, xmm2
            assertThat(t.cpu.x[4]).isEqualTo(0x3FF0_0000_0000_0000L);
            assertThat(t.cpu.mxcsr).isEqualTo(0x1D84);
        }
    }
}
