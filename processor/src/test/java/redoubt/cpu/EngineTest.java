package redoubt.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import redoubt.memory.PhysicalMemory;

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
    void stopsWithEveryBudgetWhereSingleInstructionsDo() {
        // mov ecx, 5; L: dec ecx; jz O; inc eax; jnz L; nop; nop; O: inc edx; jmp self
        int[] code = {0xB9, 5, 0, 0, 0, 0xFF, 0xC9, 0x74, 6, 0xFF, 0xC0, 0x75, 0xF8, 0x90, 0x90, 0xFF, 0xC2, 0xEB, 0xFE
        };
        try (TestCpu single = TestCpu.longMode();
                TestCpu whole = TestCpu.longMode()) {
            single.run(0, code);
            single.cpu.r[2] = 0;
            for (int budget = 1; budget <= 25; budget++) {
                single.engine.run(1);
                whole.cpu.r[0] = 0;
                whole.cpu.r[2] = 0;
                long before = whole.cpu.instructions;
                whole.cpu.rip = TestCpu.CODE;
                if (budget == 1) {
                    whole.run(budget, code);
                } else { // on what has been decoded before
                    whole.engine.run(budget);
                }
                assertThat(whole.cpu.instructions - before).isEqualTo(budget);
                assertThat(whole.cpu.rip).as("RIP after %d", budget).isEqualTo(single.cpu.rip);
                assertThat(whole.cpu.r).as("registers after %d", budget).startsWith(Arrays.copyOf(single.cpu.r, 16));
            }
            assertThat(single.cpu.r[0]).isEqualTo(4);
            assertThat(single.cpu.r[2]).isEqualTo(1);
        }
    }

    @Test
    void faultsPreciselyInABlockThatABranchOfItsPageLeadsTo() {
        try (TestCpu t = TestCpu.longMode()) {
            t.cpu.r[3] = 2 << 20;
            // L: mov eax, [rbx]; add rbx, 4 MiB; jmp L: the fifth load is above the 16 MiB that are mapped
            Engine.Stop stop = t.run(100, 0x8B, 0x03, 0x48, 0x81, 0xC3, 0, 0, 0x40, 0, 0xEB, 0xF5);
            assertThat(stop).isEqualTo(Engine.Stop.SHUTDOWN);
            assertThat(t.cpu.r[3]).isEqualTo(18 << 20);
            assertThat(t.cpu.rip).isEqualTo(TestCpu.CODE);
            assertThat(t.cpu.instructions).isEqualTo(4 * 3 + 1);
        }
    }

    @Test
    void leavesALoopWithinAPageWhenItIsAskedTo() {
        try (TestCpu t = TestCpu.longMode()) {
            t.write(TestCpu.CODE, new byte[] {(byte) 0x8B, 0x03, (byte) 0xFF, (byte) 0xC1, (byte) 0xEB, (byte) 0xFA});
            t.cpu.rip = TestCpu.CODE; // L: mov eax, [rbx]; inc ecx; jmp L
            device(t, () -> {
                if (t.cpu.r[1] == 10) {
                    t.cpu.requestReturn();
                }
            });
            assertThat(t.engine.run(1000)).isEqualTo(Engine.Stop.BUDGET);
            assertThat(t.cpu.r[1]).isEqualTo(10);
        }
    }

    @Test
    void deviceSeesExactlyTheInstructionsUpToTheOneThatReadsIt() {
        try (TestCpu t = TestCpu.longMode()) {
            List<Long> seen = new ArrayList<>();
            device(t, () -> seen.add(t.cpu.instructions));
            // L: inc ecx; mov eax, [rbx]; test eax, eax; jz L; nop; nop
            t.run(12, 0xFF, 0xC1, 0x8B, 0x03, 0x85, 0xC0, 0x74, 0xF8, 0x90, 0x90);
            assertThat(seen).containsExactly(2L, 6L, 10L);
        }
    }

    /** A device above RAM, at RBX, whose registers read as 0. */
    private static void device(TestCpu t, Runnable onRead) {
        long address = 16 << 20;
        t.cpu.r[3] = address;
        t.put(0x3000 + (address >>> 21) * 8, 8, address | 0x87);
        t.cpu.memory.addMmio(address, 4096, new PhysicalMemory.Mmio() {
            @Override
            public long read(long offset, int size) {
                onRead.run();
                return 0;
            }

            @Override
            public void write(long offset, int size, long value) {}
        });
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
