package redoubt.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The interpreter's loop: oracle is the manual's text for each instruction used. */
class EngineTest {
    @Test
    void stopsAfterExactlyTheInstructionsAskedFor() {
        try (TestCpu t = TestCpu.longMode()) {
            // inc eax; inc eax; inc eax; jmp self
            t.run(2, 0xFF, 0xC0, 0xFF, 0xC0, 0xFF, 0xC0, 0xEB, 0xFE);
            assertThat(t.cpu.r[0]).isEqualTo(2);
            assertThat(t.cpu.rip).isEqualTo(TestCpu.CODE + 4);
            assertThat(t.cpu.instructions).isEqualTo(2);
        }
    }

    @Test
    void loopsThroughABackwardBranch() {
        try (TestCpu t = TestCpu.longMode()) {
            // mov ecx, 10; L: add rax, rcx; dec ecx; jnz L
            t.run(31, 0xB9, 10, 0, 0, 0, 0x48, 0x01, 0xC8, 0xFF, 0xC9, 0x75, 0xF9);
            assertThat(t.cpu.r[0]).isEqualTo(55);
            assertThat(t.cpu.rip).isEqualTo(TestCpu.CODE + 12);
        }
    }

    @Test
    void seesCodeThatItHasJustRewritten() {
        try (TestCpu t = TestCpu.longMode()) {
            // mov byte [rip+1], 7 (the next instruction's immediate); mov eax, 1
            t.run(2, 0xC6, 0x05, 0x01, 0, 0, 0, 7, 0xB8, 1, 0, 0, 0);
            assertThat(t.cpu.r[0]).isEqualTo(7);
        }
    }

    @Test
    void nopIsNotAnExchangeThatTruncatesTheAccumulator() {
        try (TestCpu t = TestCpu.longMode()) {
            t.cpu.r[0] = -1;
            t.run(1, 0x90);
            assertThat(t.cpu.r[0]).isEqualTo(-1);
        }
    }

    @Test
    void popToMemoryAddressesItWithTheIncrementedStackPointerThroughASegmentToo() {
        try (TestCpu t = TestCpu.longMode()) {
            t.cpu.r[4] = TestCpu.DATA;
            t.cpu.segmentBase(4, 0x100);
            t.run(1, 0x64, 0x4A, 0x8F, 0x84, 0x3C, 0, 0, 0, 0); // pop qword fs:[rsp+r15]
            assertThat(t.cpu.r[4]).isEqualTo(TestCpu.DATA + 8);
            t.cpu.r[4] = TestCpu.DATA;
            t.write(TestCpu.DATA, new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
            t.run(1, 0x64, 0x4A, 0x8F, 0x84, 0x3C, 0, 0, 0, 0);
            assertThat(t.read64(TestCpu.DATA + 0x108)).isEqualTo(0x0807060504030201L);
        }
    }

    @Test
    void branchDisplacementNearTwoGibibytesDoesNotWrap() {
        try (TestCpu t = TestCpu.longMode()) {
            t.run(1, 0xE9, 0xFE, 0xFF, 0xFF, 0x7F);
            assertThat(t.cpu.rip).isEqualTo(TestCpu.CODE + 5 + 0x7FFF_FFFEL);
        }
    }

    @Test
    void storesAcrossAPageBoundary() {
        try (TestCpu t = TestCpu.longMode()) {
            t.cpu.r[3] = TestCpu.DATA + 4096 - 3;
            t.cpu.r[0] = 0x1122334455667788L;
            t.run(1, 0x48, 0x89, 0x03); // mov [rbx], rax
            assertThat(t.read64(TestCpu.DATA + 4093)).isEqualTo(0x1122334455667788L);
        }
    }

    @Test
    void shutsDownWhenAFaultCannotBeDelivered() {
        try (TestCpu t = TestCpu.longMode()) {
            assertThat(t.run(5, 0x0F, 0x0B)).isEqualTo(Engine.Stop.SHUTDOWN); // ud2
        }
    }

    @Test
    void executesAnInstructionThatCrossesAPage() {
        try (TestCpu t = TestCpu.longMode()) {
            t.write(TestCpu.CODE + 4094, new byte[] {(byte) 0xB8, 0x78, 0x56, 0x34, 0x12}); // mov eax, 0x12345678
            t.cpu.rip = TestCpu.CODE + 4094;
            t.engine.run(1);
            assertThat(t.cpu.r[0]).isEqualTo(0x12345678);
            assertThat(t.cpu.rip).isEqualTo(TestCpu.CODE + 4099);
        }
    }

    @Test
    void bitScanOfZeroKeepsTheUpperHalfOfTheDestinationToo() {
        try (TestCpu t = TestCpu.longMode()) {
            t.cpu.r[0] = -1;
            t.cpu.r[1] = 0x1_0000_0000L;
            t.run(2, 0x0F, 0xBC, 0xC1, 0x0F, 0xBD, 0xC1); // bsf eax, ecx; bsr eax, ecx
            assertThat(t.cpu.r[0]).isEqualTo(-1);
        }
    }
}
