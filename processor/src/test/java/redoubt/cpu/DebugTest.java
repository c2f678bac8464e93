package redoubt.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Breakpoints, single-stepping and what holds them off. The oracle is SDM vol. 3B chapter 18 and vol. 3A 6.8. */
class DebugTest {
    private static final long GDT = TestCpu.DATA;
    private static final long IDT = TestCpu.DATA + 0x1000;
    private static final long STACK = TestCpu.DATA + 0x8000;
    private static final long WATCHED = TestCpu.DATA + 0x9000;
    private static final long HANDLER = TestCpu.DATA + 0xB000;
    private static final int CODE = 8;

    private final TestCpu t = TestCpu.longMode();
    private final Cpu c = t.cpu;

    DebugTest() {
        t.put(GDT + CODE, 8, 0x00AF9A000000FFFFL);
        t.put(GDT + 0x10, 8, 0x00CF92000000FFFFL);
        c.gdtBase = GDT;
        c.gdtLimit = 0x17;
        c.idtBase = IDT;
        c.idtLimit = 0xFFF;
        gate(1, HANDLER);
        t.put(HANDLER, 1, 0xF4);
        gate(0x40, HANDLER + 0x100);
        c.selector[Segments.CS] = CODE;
        c.r[4] = STACK;
        c.r[3] = WATCHED;
    }

    private void gate(int vector, long handler) {
        t.put(
                IDT + vector * 16L,
                8,
                handler & 0xFFFF | (long) CODE << 16 | 0x8E00L << 32 | (handler & 0xFFFF0000L) << 32);
    }

    @AfterEach
    void close() {
        t.close();
    }

    /** Arms breakpoint {@code n}; kind and length as in DR7. */
    private void arm(int n, long address, int kind, int length) {
        c.dr[n] = address;
        c.dr[7] |= 2L << 2 * n | (long) (kind | length << 2) << 16 + 4 * n;
        c.breakpoints.changed();
    }

    private void assertTrap(long rip, long dr6) {
        t.engine.run(1); // the handler's HLT, if it has not been executed yet
        assertThat(c.halted).isTrue();
        assertThat(c.rip).isEqualTo(HANDLER + 1);
        assertThat(t.read64(c.r[4])).isEqualTo(rip);
        assertThat(c.dr[6]).isEqualTo(0xFFFF_0FF0L | dr6);
    }

    @Test
    void aDataBreakpointTrapsBehindTheWriteInTheMiddleOfABlock() {
        arm(1, WATCHED + 4, 1, 3);
        // mov ecx,[rbx+4]; inc eax; mov [rbx+7],al; inc eax
        t.run(4, 0x8B, 0x4B, 4, 0xFF, 0xC0, 0x88, 0x43, 7, 0xFF, 0xC0);
        assertTrap(TestCpu.CODE + 8, 2);
        assertThat(c.r[0]).isEqualTo(1);
        assertThat(t.read64(WATCHED) >>> 56).isEqualTo(1);
        assertThat(t.read64(c.r[4] + 16) & Flags.RF).isZero();
    }

    @Test
    void aReadMeetsOnlyABreakpointForReadsAndOnlyItsBytes() {
        arm(0, WATCHED + 8, 3, 1);
        t.run(2, 0x8A, 0x43, 10, 0xFF, 0xC0); // mov al,[rbx+10]: beside
        assertThat(c.rip).isEqualTo(TestCpu.CODE + 5);
        t.run(2, 0x8A, 0x43, 9, 0xFF, 0xC0); // mov al,[rbx+9]
        assertTrap(TestCpu.CODE + 3, 1);
    }

    @Test
    void aReadModifyWriteIsDoneOnceAndTrapsOnce() {
        arm(0, WATCHED, 1, 3);
        t.put(WATCHED, 8, 5);
        t.run(2, 0x90, 0xFF, 0x03); // nop; inc dword [rbx]
        assertTrap(TestCpu.CODE + 3, 1);
        assertThat(t.read64(WATCHED)).isEqualTo(6);
    }

    @Test
    void aRepeatedStoreStopsBehindTheIterationThatHits() {
        arm(0, WATCHED + 16, 1, 0);
        c.r[7] = WATCHED;
        c.r[1] = 100;
        t.run(100, 0xF3, 0xAA); // rep stosb
        assertTrap(TestCpu.CODE, 1);
        assertThat(c.r[1]).isEqualTo(100 - 17);
    }

    @Test
    void anInstructionBreakpointFaultsBeforeItAndTheResumeFlagPassesIt() {
        arm(2, TestCpu.CODE + 4, 0, 0);
        t.run(4, 0xFF, 0xC0, 0xFF, 0xC0, 0xFF, 0xC0, 0xFF, 0xC0);
        assertTrap(TestCpu.CODE + 4, 4);
        assertThat(c.r[0]).isEqualTo(2);
        c.rip = TestCpu.CODE + 4;
        c.flags |= Flags.RF;
        c.halted = false;
        t.engine.run(1);
        assertThat(c.rip).isEqualTo(TestCpu.CODE + 6);
        assertThat(c.flags & Flags.RF).isZero();
    }

    @Test
    void removedBreakpointsAreForgotten() {
        arm(0, WATCHED, 3, 3);
        arm(1, TestCpu.CODE + 2, 0, 0);
        c.dr[7] = 0x400;
        c.breakpoints.changed();
        t.run(3, 0x8B, 0x03, 0x89, 0x03, 0x90);
        assertThat(c.rip).isEqualTo(TestCpu.CODE + 5);
    }

    @Test
    void aPortBreakpointNeedsTheDebuggingExtensions() {
        arm(3, 0x61, 2, 0);
        t.run(1, 0xE4, 0x61); // in al, 0x61
        assertThat(c.rip).isEqualTo(TestCpu.CODE + 2);
        ControlRegisters.cr4(c, c.cr4 | 8);
        t.run(1, 0xE4, 0x61);
        assertTrap(TestCpu.CODE + 2, 8);
    }

    @Test
    void aSingleStepTrapComesBehindEachInstructionAndEachIteration() {
        c.r[7] = WATCHED;
        c.r[1] = 3;
        c.flags |= Flags.TF;
        t.run(1, 0xF3, 0xAA);
        assertTrap(TestCpu.CODE, 0x4000);
        assertThat(c.r[1]).isEqualTo(2);
    }

    @Test
    void anInterruptInstructionIsNotFollowedByASingleStepTrap() {
        c.flags |= Flags.TF;
        t.run(1, 0xCD, 0x40);
        assertThat(c.rip).isEqualTo(HANDLER + 0x100);
        assertThat(t.read64(c.r[4] + 16) & Flags.TF).isEqualTo(Flags.TF);
    }

    @Test
    void aLoadOfSsHoldsOffItsTrapsUntilTheNextInstructionHasCompleted() {
        arm(0, WATCHED, 3, 1);
        t.put(WATCHED, 8, 0x10);
        t.run(2, 0x8E, 0x13, 0xFF, 0xC0, 0xFF, 0xC0); // mov ss,[rbx]; inc eax; inc eax
        assertTrap(TestCpu.CODE + 4, 1);
        assertThat(c.r[0]).isEqualTo(1);
    }

    @Test
    void aTrapHeldOffByALoadOfSsComesInTheHandlerOfAnInterruptInstructionAndTogetherWithInt1() {
        arm(0, WATCHED, 3, 1);
        t.put(WATCHED, 8, 0x10);
        t.run(2, 0x8E, 0x13, 0xCD, 0x40); // mov ss,[rbx]; int 0x40
        assertTrap(HANDLER + 0x100, 1);
        c.halted = false;
        c.r[4] = STACK;
        c.dr[6] = 0xFFFF_0FF0L;
        t.run(2, 0x8E, 0x13, 0xF1); // mov ss,[rbx]; int1
        assertTrap(TestCpu.CODE + 3, 1);
        assertThat(c.r[4]).as("one frame").isEqualTo(STACK - 40);
    }

    @Test
    void aLoadOfSsHidesAnInstructionBreakpointBehindIt() {
        arm(0, TestCpu.CODE + 2, 0, 0);
        c.r[1] = 0x10;
        t.run(2, 0x8E, 0xD1, 0xFF, 0xC0); // mov ss,ecx; inc eax
        assertThat(c.r[0]).isEqualTo(1);
    }

    @Test
    void generalDetectStopsAMoveToADebugRegister() {
        c.dr[7] |= 0x2000;
        t.run(1, 0x0F, 0x23, 0xC0);
        assertTrap(TestCpu.CODE, 0x2000);
        assertThat(c.dr[7] & 0x2000).isZero();
    }
}
