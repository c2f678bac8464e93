package redoubt.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redoubt.cpu.insn.Far;

/** Hardware task switches. The oracle is SDM vol. 3A chapter 8: 8.3, table 8-1 and 8-2, figures 8-2 and 8-10. */
class TaskSwitchTest {
    private static final long GDT = TestCpu.DATA;
    private static final long IDT = TestCpu.DATA + 0x1000;
    private static final long OLD = TestCpu.DATA + 0x2000;
    private static final long NEW = TestCpu.DATA + 0x3000;
    private static final long STACK = TestCpu.DATA + 0x9000;
    private static final long ENTRY = TestCpu.CODE + 0x1000;
    private static final long HANDLER = TestCpu.CODE + 0x2000;

    private static final int CODE = 0x08;
    private static final int DATA = 0x10;
    private static final int OLD_TSS = 0x18;
    private static final int NEW_TSS = 0x20;
    private static final int GATE = 0x28;
    private static final int USER_DATA = 0x30;

    private final TestCpu t = TestCpu.protectedMode();
    private final Cpu c = t.cpu;

    TaskSwitchTest() {
        t.put(GDT + CODE, 8, 0x00CF9A000000FFFFL);
        t.put(GDT + DATA, 8, 0x00CF92000000FFFFL);
        t.put(GDT + OLD_TSS, 8, tss(OLD, 0x8B, 0x67));
        t.put(GDT + NEW_TSS, 8, tss(NEW, 0x89, 0x67));
        t.put(GDT + GATE, 8, (long) NEW_TSS << 16 | 0xE500L << 32);
        t.put(GDT + USER_DATA, 8, 0x00CFF2000000FFFFL);
        c.gdtBase = GDT;
        c.gdtLimit = 0x37;
        c.idtBase = IDT;
        c.idtLimit = 0xFF;
        c.tr = OLD_TSS;
        c.trBase = OLD;
        c.trLimit = 0x67;
        Segments.load(c, Segments.SS, DATA);
        Segments.load(c, Segments.DS, DATA);
        Segments.setCode(c, CODE, 0x00CF9A000000FFFFL, 0);
        c.r[4] = STACK;
        newTask(4, 0x20, 0x24, 0x28, 0x48);
    }

    private static long tss(long base, int access, int limit) {
        return limit | (base & 0xFFFFFF) << 16 | (long) access << 40;
    }

    /** Fills the new TSS: EAX to EDI 0x100 to 0x107 but ESP. */
    private void newTask(int bytes, int instruction, int flags, int registers, int segments) {
        t.put(NEW + instruction, bytes, ENTRY);
        t.put(NEW + flags, bytes, 0x2 | Flags.CF);
        for (int i = 0; i < 8; i++) {
            t.put(NEW + registers + (long) i * bytes, bytes, i == 4 ? STACK - 0x100 : 0x100 + i);
        }
        for (int i = 0; i < 6; i++) {
            t.put(NEW + segments + (long) i * bytes, 2, i == 1 ? CODE : DATA);
        }
    }

    @AfterEach
    void close() {
        t.close();
    }

    private int typeByte(int selector) {
        return (int) (t.read64(GDT + selector) >>> 40) & 0xFF;
    }

    private interface Action {
        void run();
    }

    private static void assertFault(int vector, int errorCode, Action action) {
        try {
            action.run();
        } catch (GuestFault fault) {
            assertThat(fault.vector).isEqualTo(vector);
            assertThat(fault.errorCode).isEqualTo(errorCode);
            return;
        }
        throw new AssertionError("no fault");
    }

    private void jump(int selector) {
        Far.jmpDirect32(c, 0, (long) selector << 32);
    }

    private void call(int selector) {
        Far.callDirect32(c, 0, (long) selector << 32);
    }

    @Test
    void aCallSavesTheOldTaskAndEntersTheNewOneLinkedToIt() {
        c.r[0] = 0x11111111L;
        c.rflags(0x202);
        t.run(1, 0x9A, 0, 0, 0, 0, NEW_TSS, 0);
        assertThat(c.rip).isEqualTo(ENTRY);
        assertThat(c.r[0]).isEqualTo(0x100);
        assertThat(c.r[7]).isEqualTo(0x107);
        assertThat(c.r[4]).isEqualTo(STACK - 0x100);
        assertThat(c.rflags()).isEqualTo(2 | Flags.CF | Flags.NT);
        assertThat(c.tr).isEqualTo(NEW_TSS);
        assertThat(c.cr0 & 8).isEqualTo(8);
        assertThat(typeByte(OLD_TSS)).isEqualTo(0x8B);
        assertThat(typeByte(NEW_TSS)).isEqualTo(0x8B);
        assertThat(t.read64(NEW) & 0xFFFF).isEqualTo(OLD_TSS);
        assertThat(t.read64(OLD + 0x20)).isEqualTo(TestCpu.CODE + 7 | 0x202L << 32);
        assertThat(t.read64(OLD + 0x28) & 0xFFFF_FFFFL).isEqualTo(0x11111111L);
        assertThat(t.read64(OLD + 0x50) & 0xFFFF).isEqualTo(DATA);
    }

    @Test
    void iretWithNtGoesBackAndFreesTheTaskItLeaves() {
        c.rip = TestCpu.CODE + 7;
        call(NEW_TSS);
        Far.iret32(c);
        assertThat(c.rip).isEqualTo(TestCpu.CODE + 7);
        assertThat(c.r[4]).isEqualTo(STACK);
        assertThat(c.tr).isEqualTo(OLD_TSS);
        assertThat(c.flags & Flags.NT).isZero();
        assertThat(typeByte(NEW_TSS)).isEqualTo(0x89);
        assertThat(typeByte(OLD_TSS)).isEqualTo(0x8B);
        assertThat(t.read64(NEW + 0x24) & Flags.NT).isZero();
    }

    @Test
    void aJumpThroughATaskGateDoesNotNest() {
        jump(GATE);
        assertThat(c.rip).isEqualTo(ENTRY);
        assertThat(c.flags & Flags.NT).isZero();
        assertThat(typeByte(OLD_TSS)).isEqualTo(0x89);
        assertThat(typeByte(NEW_TSS)).isEqualTo(0x8B);
    }

    @Test
    void aTaskGateServesAnExceptionAndGetsItsErrorCode() {
        t.put(IDT + 13 * 8, 8, (long) NEW_TSS << 16 | 0x8500L << 32);
        c.rip = TestCpu.CODE + 0x55;
        Interrupts.deliver(c, 13, 0x1234, 0, Interrupts.EXCEPTION);
        assertThat(c.rip).isEqualTo(ENTRY);
        assertThat(c.r[4]).isEqualTo(STACK - 0x104);
        assertThat(t.read64(STACK - 0x104) & 0xFFFF_FFFFL).isEqualTo(0x1234);
        assertThat(t.read64(OLD + 0x20) & 0xFFFF_FFFFL).isEqualTo(TestCpu.CODE + 0x55);
        assertThat(t.read64(OLD + 0x24) & Flags.RF).isEqualTo(Flags.RF);
    }

    @Test
    void aTaskThatCannotBeEnteredIsRefusedInTheOldOne() {
        assertFault(13, OLD_TSS, () -> jump(OLD_TSS)); // busy
        t.put(GDT + NEW_TSS, 8, tss(NEW, 0x09, 0x67));
        assertFault(11, NEW_TSS, () -> jump(NEW_TSS));
        t.put(GDT + NEW_TSS, 8, tss(NEW, 0x89, 0x66));
        assertFault(10, NEW_TSS, () -> jump(NEW_TSS));
        t.put(OLD, 2, NEW_TSS); // a link to a task that is not busy
        c.flags |= Flags.NT;
        assertFault(10, NEW_TSS, () -> Far.iret32(c));
        assertThat(c.tr).isEqualTo(OLD_TSS);
        assertThat(typeByte(OLD_TSS)).isEqualTo(0x8B);
    }

    @Test
    void whatIsWrongWithTheNewTasksSegmentsIsAFaultOfTheNewTask() {
        t.put(NEW + 0x50, 2, USER_DATA); // a stack of the wrong privilege
        t.put(IDT + 10 * 8, 8, HANDLER & 0xFFFF | CODE << 16 | 0x8E00L << 32 | HANDLER >> 16 << 48);
        assertFault(10, USER_DATA, () -> jump(NEW_TSS));
        assertThat(c.tr).isEqualTo(NEW_TSS);
        assertThat(c.rip).isEqualTo(ENTRY);
    }

    @Test
    void theFaultOfTheNewTaskIsReportedAtItsFirstInstruction() {
        t.put(NEW + 0x54, 2, 0x50); // DS outside the GDT
        t.put(IDT + 10 * 8, 8, HANDLER & 0xFFFF | CODE << 16 | 0x8E00L << 32 | HANDLER >> 16 << 48);
        t.run(1, 0xEA, 0, 0, 0, 0, NEW_TSS, 0);
        assertThat(c.rip).isEqualTo(HANDLER);
        assertThat(t.read64(c.r[4]) & 0xFFFF_FFFFL).isEqualTo(0x50);
        assertThat(t.read64(c.r[4] + 4) & 0xFFFF_FFFFL).isEqualTo(ENTRY);
    }

    @Test
    void theTrapFlagOfATssStopsBeforeItsFirstInstruction() {
        t.put(NEW + 0x64, 2, 1);
        t.put(IDT + 8, 8, HANDLER & 0xFFFF | CODE << 16 | 0x8E00L << 32 | HANDLER >> 16 << 48);
        t.run(1, 0xEA, 0, 0, 0, 0, NEW_TSS, 0);
        assertThat(c.rip).isEqualTo(HANDLER);
        assertThat(c.dr[6] & 0x8000).isEqualTo(0x8000);
        assertThat(t.read64(c.r[4]) & 0xFFFF_FFFFL).isEqualTo(ENTRY);
    }

    @Test
    void aSixteenBitTaskIsSavedAndLoadedInItsOwnLayout() {
        t.put(GDT + CODE, 8, 0x000F9A000000FFFFL | (ENTRY & -0x1000) << 16); // based so that 16 bits reach it
        t.put(GDT + NEW_TSS, 8, tss(NEW, 0x81, 0x2B));
        newTask(2, 0x0E, 0x10, 0x12, 0x22);
        t.put(NEW + 0x0E, 2, 0x34);
        t.put(NEW + 0x2A, 2, 0);
        c.rip = 0x10;
        call(NEW_TSS);
        assertThat(c.rip).isEqualTo(0x34);
        assertThat(c.r[0]).isEqualTo(0x100);
        assertThat(c.codeMode).isEqualTo(16);
        assertThat(c.selector[Segments.GS]).isZero();
        assertThat(typeByte(NEW_TSS)).isEqualTo(0x83);
        c.r[3] = 0x4321;
        Far.iret16(c);
        assertThat(t.read64(NEW + 0x18) & 0xFFFF).isEqualTo(0x4321);
        assertThat(c.tr).isEqualTo(OLD_TSS);
    }

    @Test
    void thereAreNoTaskSwitchesInIa32eMode() {
        try (TestCpu l = TestCpu.longMode()) {
            l.put(GDT + NEW_TSS, 8, tss(NEW, 0x89, 0x67));
            l.cpu.gdtBase = GDT;
            l.cpu.gdtLimit = 0x37;
            l.put(TestCpu.DATA + 0x5000, 8, (long) NEW_TSS << 32);
            assertFault(13, NEW_TSS, () -> Far.jmpIndirect32(l.cpu, TestCpu.DATA + 0x5000));
        }
    }
}
