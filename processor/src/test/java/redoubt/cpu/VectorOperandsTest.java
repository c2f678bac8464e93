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

    private static TestCpu withAvx() {
        TestCpu t = withData();
        t.cpu.cr4 |= 1 << 18;
        t.cpu.xcr0 = 7;
        return t;
    }

    @Test
    void aVexEncodedInstructionOf128BitsClearsTheUpperLane() {
        try (TestCpu t = withAvx()) {
            java.util.Arrays.fill(t.cpu.x, 4, 12, -1);
            t.run(2, 0xC5, 0xE9, 0xEF, 0xCA, 0x66, 0x0F, 0xEF, 0xD2); // vpxor xmm1, xmm2, xmm2; pxor xmm2, xmm2
            assertThat(java.util.Arrays.copyOfRange(t.cpu.x, 4, 12)).containsExactly(0, 0, 0, 0, 0, 0, -1, -1);
        }
    }

    @Test
    void anExceptionInTheUpperLaneLeavesBothLanesAndTellsOfBoth() {
        try (TestCpu t = withAvx()) {
            long half = Double.doubleToRawLongBits(0.5);
            long third = Double.doubleToRawLongBits(1.0 / 3);
            t.cpu.cr4 |= 1 << 10;
            t.cpu.mxcsr = 0x1F80 & ~0x200; // division by zero unmasked
            t.cpu.x[4] = third;
            t.cpu.x[7] = half; // over 0
            java.util.Arrays.fill(t.cpu.x, 8, 11, half);
            Engine.Stop stop = t.run(1, 0xC5, 0xF5, 0x5E, 0xCA); // vdivpd ymm1, ymm1, ymm2
            assertThat(stop).isEqualTo(Engine.Stop.SHUTDOWN); // #XM without an IDT
            assertThat(t.cpu.x[4]).isEqualTo(third);
            assertThat(t.cpu.mxcsr & 0x3F).isEqualTo(4);
            t.cpu.mxcsr = 0x1F80;
            t.run(1, 0xC5, 0xF5, 0x5E, 0xCA);
            assertThat(t.cpu.mxcsr & 0x3F).isEqualTo(4); // 1/3 over 1/2 is exact
            assertThat(t.cpu.x[4]).isEqualTo(Double.doubleToRawLongBits(2.0 / 3));
            assertThat(t.cpu.x[7]).isEqualTo(Double.doubleToRawLongBits(Double.POSITIVE_INFINITY));
        }
    }

    @Test
    void aGatherThatFaultsKeepsWhatItHasLoadedAndGoesOnBehindIt() {
        try (TestCpu t = withAvx()) {
            long[] x = t.cpu.x;
            x[8] = 8; // indices in ymm2: within the data, then non-canonical
            x[9] = 1L << 60;
            x[10] = 0;
            java.util.Arrays.fill(x, 12, 16, Long.MIN_VALUE); // mask in ymm3
            java.util.Arrays.fill(x, 4, 8, -1);
            int[] code = {0xC4, 0xE2, 0xE5, 0x91, 0x0C, 0x13}; // vpgatherqq ymm1, [rbx + ymm2], ymm3
            assertThat(t.run(1, code)).isEqualTo(Engine.Stop.SHUTDOWN); // #GP without an IDT
            assertThat(java.util.Arrays.copyOfRange(x, 4, 8)).containsExactly(0x100F0E0D0C0B0A09L, -1, -1, -1);
            assertThat(java.util.Arrays.copyOfRange(x, 12, 16)).containsExactly(0, -1, -1, -1);
            x[9] = 16;
            x[4] = 7; // not to be loaded again
            t.run(1, code);
            assertThat(java.util.Arrays.copyOfRange(x, 4, 8))
                    .containsExactly(7, 0x1817161514131211L, 0x0807060504030201L, 0x0807060504030201L);
            assertThat(java.util.Arrays.copyOfRange(x, 12, 16)).containsOnly(0);
        }
    }

    @Test
    void vexIsUndefinedUnlessTheOperatingSystemHasEnabledIt() {
        try (TestCpu t = withAvx()) {
            t.cpu.xcr0 = 3;
            t.cpu.x[4] = 1;
            assertThat(t.run(1, 0xC5, 0xF1, 0xEF, 0xC9)).isEqualTo(Engine.Stop.SHUTDOWN); // vpxor xmm1, xmm1, xmm1
            assertThat(t.cpu.x[4]).isEqualTo(1);
        }
    }

    @Test
    void protectedModeHasEightVectorRegistersAndNoW() {
        try (TestCpu t = withAvx()) {
            t.cpu.segmentAccess[1] = 0xC09B;
            t.cpu.codeMode = 32;
            t.cpu.cpl(0);
            for (int i = 0; i < 8; i++) {
                t.cpu.x[4 * i] = i;
            }
            java.util.Arrays.fill(t.cpu.x, 32, 36, -1);
            t.cpu.x[28] = 1L << 63;
            // vblendvpd xmm1, xmm2, xmm3, is4 = 15: register 7; vmovq is vmovd; vzeroupper
            t.run(3, 0xC4, 0xE3, 0x69, 0x4B, 0xCB, 0xF0, 0xC4, 0xE1, 0xF9, 0x7E, 0xC8, 0xC5, 0xF8, 0x77);
            assertThat(t.cpu.x[4]).isEqualTo(3);
            assertThat(t.cpu.r[0]).isEqualTo(3);
            assertThat(t.cpu.x[34]).isEqualTo(-1); // YMM8 is not of this mode
        }
    }

    @Test
    void integerOperandsHaveAtLeast32BitsWhateverThePrefixesAndTheMode() {
        try (TestCpu t = withData()) {
            t.cpu.x[0] = 0xC2A0_0000L; // -80.0
            t.cpu.r[0] = -1;
            t.run(1, 0x66, 0xF3, 0x0F, 0x2C, 0xC0); // cvttss2si eax, xmm0 with an operand-size prefix
            assertThat(t.cpu.r[0]).isEqualTo(0xFFFF_FFB0L);
            assertThat(t.cpu.rip).isEqualTo(TestCpu.CODE + 5);
        }
        try (TestCpu t = TestCpu.protectedMode()) {
            t.cpu.cr4 |= 0x600;
            t.cpu.segmentAccess[1] = 0x809B;
            t.cpu.codeMode = 16;
            t.cpu.r[0] = 0x1234_5678;
            // movd xmm1, eax; cvtsi2sd xmm2, eax
            assertThat(t.run(2, 0x66, 0x0F, 0x6E, 0xC8, 0xF2, 0x0F, 0x2A, 0xD0)).isEqualTo(Engine.Stop.BUDGET);
            assertThat(t.cpu.x[4]).isEqualTo(0x1234_5678);
            assertThat(Double.longBitsToDouble(t.cpu.x[8])).isEqualTo(0x1234_5678);
        }
    }
}
