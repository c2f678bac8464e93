package redoubt.cpu.insn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import org.junit.jupiter.api.Test;
import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;
import redoubt.cpu.GuestFault;
import redoubt.cpu.Mem;
import redoubt.cpu.TestCpu;
import redoubt.x86.Op;

/** Near transfers, the stack and port permission against the operation sections of SDM vol. 2 and vol. 1 chapter 19. */
class StackAndFlowTest {
    private static final long TOP = TestCpu.DATA + 0x1000;
    private static final long UNMAPPED = 1L << 30;

    private static TestCpu machine() {
        TestCpu t = TestCpu.longMode();
        t.cpu.r[4] = TOP;
        t.cpu.r[5] = 0x55;
        t.cpu.rip = TestCpu.CODE;
        return t;
    }

    private static int vector(Runnable instruction) {
        return catchThrowableOfType(GuestFault.class, instruction::run).vector;
    }

    @Test
    void callPushesTheNextAddressAndReturnComesBack() {
        try (TestCpu t = machine()) {
            Flow.call64(t.cpu, 0x1234);
            assertThat(t.cpu.rip).isEqualTo(0x1234);
            assertThat(t.read64(TOP - 8)).isEqualTo(TestCpu.CODE);
            Flow.retPop64(t.cpu, 16);
            assertThat(t.cpu.rip).isEqualTo(TestCpu.CODE);
            assertThat(t.cpu.r[4]).isEqualTo(TOP + 16);
        }
    }

    @Test
    void refusesANonCanonicalTargetBeforePushing() {
        try (TestCpu t = machine()) {
            assertThat(vector(() -> Flow.callTo64(t.cpu, 1L << 47))).isEqualTo(13);
            assertThat(t.cpu.r[4]).isEqualTo(TOP);
            assertThat(t.read64(TOP - 8)).isZero();
        }
    }

    @Test
    void leavesTheInstructionPointerWhenTheCallCannotPush() {
        try (TestCpu t = machine()) {
            t.cpu.r[4] = UNMAPPED;
            assertThat(vector(() -> Flow.call64(t.cpu, 0x1234))).isEqualTo(14);
            assertThat(t.cpu.rip).isEqualTo(TestCpu.CODE);
            assertThat(t.cpu.r[4]).isEqualTo(UNMAPPED);
        }
    }

    @Test
    void checksTheCodeLimitInLegacyModes() {
        try (TestCpu t = machine()) {
            t.cpu.codeMode = 32;
            t.cpu.segmentLimit[1] = 0xFFF;
            Flow.jmp32(t.cpu, 0xFFF);
            assertThat(t.cpu.rip).isEqualTo(0xFFF);
            assertThat(vector(() -> Flow.jmp32(t.cpu, 0x1000))).isEqualTo(13);
            assertThat(t.cpu.rip).isEqualTo(0xFFF);
        }
    }

    @Test
    void loopCountsInTheAddressSize() {
        try (TestCpu t = machine()) {
            t.cpu.r[Op.PAGE] = 0x5000;
            t.cpu.r[1] = 0xFFFF_FFFF_0000_0001L;
            Flow.loop64(t.cpu, Op.pack(0, 0, 0, 1, 0, 0x10));
            assertThat(t.cpu.rip).isEqualTo(TestCpu.CODE); // ECX became zero
            assertThat(t.cpu.r[1]).isZero();
            t.cpu.r[1] = 0;
            Flow.loop64(t.cpu, Op.pack(0, 0, 0, 2, 0, 0x10));
            assertThat(t.cpu.rip).isEqualTo(0x5010);
            assertThat(t.cpu.r[1]).isEqualTo(-1);
        }
    }

    @Test
    void popToMemoryAddressesWithTheIncrementedPointerAndUndoesItOnAFault() {
        try (TestCpu t = machine()) {
            Mem.st64(t.cpu, TOP, 0xABCD);
            Stack.popToMemory64(t.cpu, Op.pack(0, 0, 4, Op.ZERO, 0, 8));
            assertThat(t.read64(TOP + 16)).isEqualTo(0xABCD);
            t.cpu.r[4] = TOP;
            assertThat(vector(() -> Stack.popToMemory64(t.cpu, Op.pack(0, 0, 4, Op.ZERO, 0, 1 << 30))))
                    .isEqualTo(14);
            assertThat(t.cpu.r[4]).isEqualTo(TOP);
        }
    }

    @Test
    void enterBuildsADisplayAndLeaveTakesItDown() {
        try (TestCpu t = machine()) {
            long outer = TOP + 0x100;
            t.cpu.r[5] = outer;
            Mem.st64(t.cpu, outer - 8, 0x1111);
            Stack.enter64(t.cpu, Op.pack(0, 0, 0, 0, 0, 2 << 16 | 32));
            assertThat(t.cpu.r[5]).isEqualTo(TOP - 8);
            assertThat(t.read64(TOP - 8)).isEqualTo(outer);
            assertThat(t.read64(TOP - 16)).isEqualTo(0x1111);
            assertThat(t.read64(TOP - 24)).isEqualTo(TOP - 8);
            assertThat(t.cpu.r[4]).isEqualTo(TOP - 24 - 32);
            Stack.leave64(t.cpu);
            assertThat(t.cpu.r[4]).isEqualTo(TOP);
            assertThat(t.cpu.r[5]).isEqualTo(outer);
        }
    }

    @Test
    void wrapsASixteenBitStackAndKeepsTheUpperHalf() {
        try (TestCpu t = machine()) {
            t.cpu.codeMode = 16;
            t.cpu.segmentAccess[2] = 0x93;
            t.cpu.segmentLimit[2] = 0xFFFF;
            t.cpu.r[4] = 0x1234_0000;
            Stack.push16(t.cpu, 0xBEEF);
            assertThat(t.cpu.r[4]).isEqualTo(0x1234_FFFEL);
            assertThat(Mem.ld16(t.cpu, 0xFFFE)).isEqualTo(0xBEEF);
            assertThat(Stack.pop16(t.cpu)).isEqualTo(0xBEEF);
            assertThat(t.cpu.r[4]).isEqualTo(0x1234_0000);
        }
    }

    @Test
    void popAllSkipsTheStackPointer() {
        try (TestCpu t = machine()) {
            t.cpu.codeMode = 32;
            for (int i = 0; i < 8; i++) {
                t.cpu.r[i] = i == 4 ? TOP : 0x10 + i;
            }
            Stack.pusha32(t.cpu);
            assertThat(Mem.ld32(t.cpu, TOP - 20)).isEqualTo((int) TOP);
            for (int i = 0; i < 8; i++) {
                t.cpu.r[i] = i == 4 ? t.cpu.r[4] : 0;
            }
            Stack.popa32(t.cpu);
            for (int i = 0; i < 8; i++) {
                assertThat(t.cpu.r[i]).isEqualTo(i == 4 ? TOP : 0x10 + i);
            }
        }
    }

    private static long flagsAfterPopping(Cpu c, long image) {
        Stack.push64(c, image);
        Stack.popf64(c);
        return c.rflags();
    }

    @Test
    void popfChangesOnlyWhatThePrivilegeAllows() {
        try (TestCpu t = machine()) {
            Cpu c = t.cpu;
            assertThat(flagsAfterPopping(c, -1)).isEqualTo(0x247FD7); // no RF, VM, VIF, VIP
            c.rflags(0x1002);
            c.cpl = 2;
            assertThat(flagsAfterPopping(c, -1)).isEqualTo(0x245DD7); // no IF, IOPL stays 1
            c.rflags(0x2002);
            assertThat(flagsAfterPopping(c, Flags.IF)).isEqualTo(0x2202); // IF, IOPL stays 2
        }
    }

    @Test
    void readsThePortBitmapOnlyAboveTheIoPrivilege() {
        try (TestCpu t = machine()) {
            Cpu c = t.cpu;
            c.trBase = TestCpu.DATA;
            c.trAccess = 0x8B;
            c.trLimit = 0x68 + 0x20;
            Mem.st16(c, TestCpu.DATA + 0x66, 0x68);
            Mem.st8(c, TestCpu.DATA + 0x68 + 0x0F, 0x80); // port 0x7F
            c.cpl = 1;
            Io.in8(c, 0x7E);
            assertThat(c.r[0] & 0xFF).isEqualTo(0xFF);
            assertThat(vector(() -> Io.in8(c, 0x7F))).isEqualTo(13);
            assertThat(vector(() -> Io.in16(c, 0x7E))).isEqualTo(13);
            assertThat(vector(() -> Io.in8(c, 0x100))).isEqualTo(13); // its second byte is beyond the limit
            c.flags |= 1 << 12;
            Io.in8(c, 0x7F);
        }
    }

    @Test
    void boundAcceptsItsLimitsThemselves() {
        try (TestCpu t = machine()) {
            Mem.st32(t.cpu, TestCpu.DATA, -5);
            Mem.st32(t.cpu, TestCpu.DATA + 4, 5);
            Stack.bound32(t.cpu, -5, TestCpu.DATA);
            Stack.bound32(t.cpu, 5, TestCpu.DATA);
            assertThat(vector(() -> Stack.bound32(t.cpu, 6, TestCpu.DATA))).isEqualTo(5);
        }
    }
}
