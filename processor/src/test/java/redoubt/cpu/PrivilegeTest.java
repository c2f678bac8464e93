package redoubt.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redoubt.cpu.insn.Far;
import redoubt.cpu.insn.Sys;

/** Segments, events and changes of privilege, over small descriptor tables. The oracle is the SDM, vol. 2 and vol. 3A 5 and 6. */
class PrivilegeTest {
    private static final long GDT = TestCpu.DATA;
    private static final long IDT = TestCpu.DATA + 0x1000;
    private static final long TSS = TestCpu.DATA + 0x2000;
    private static final long RSP0 = TestCpu.DATA + 0x8008;
    private static final long IST1 = TestCpu.DATA + 0x9008;
    private static final long USER_STACK = TestCpu.DATA + 0xA000;
    private static final long HANDLER = TestCpu.DATA + 0xB000;

    private static final int KERNEL_CODE = 0x08;
    private static final int KERNEL_DATA = 0x10;
    private static final int USER_CODE32 = 0x18;
    private static final int USER_DATA = 0x20;
    private static final int USER_CODE = 0x28;
    private static final int TSS_SELECTOR = 0x30;
    private static final int KERNEL_CODE32 = 0x40;
    private static final int ABSENT = 0x48;
    private static final int TSS32_SELECTOR = 0x50;

    private final TestCpu t = TestCpu.longMode();
    private final Cpu c = t.cpu;

    PrivilegeTest() {
        put(GDT + KERNEL_CODE, 0x00AF9A000000FFFFL);
        put(GDT + KERNEL_DATA, 0x00CF92000000FFFFL);
        put(GDT + USER_CODE32, 0x00CFFA000000FFFFL);
        put(GDT + USER_DATA, 0x00CFF2000000FFFFL);
        put(GDT + USER_CODE, 0x00AFFA000000FFFFL);
        put(GDT + TSS_SELECTOR, 0x0000890000000067L | (TSS & 0xFFFFFF) << 16);
        put(GDT + KERNEL_CODE32, 0x00CF9A000000FFFFL);
        put(GDT + ABSENT, 0x00CF12000000FFFFL);
        put(GDT + TSS32_SELECTOR, 0x0000890000000067L | (TSS & 0xFFFFFF) << 16);
        c.gdtBase = GDT;
        c.gdtLimit = 0x57;
        c.idtBase = IDT;
        c.idtLimit = 0xFFF;
        put(TSS + 4, RSP0);
        put(TSS + 36, IST1);
        Sys.ltr(c, TSS_SELECTOR);
        Segments.load(c, Segments.SS, KERNEL_DATA);
        Segments.setCode(c, KERNEL_CODE, 0x00AF9A000000FFFFL, 0);
        c.r[4] = TestCpu.DATA + 0xC000;
    }

    @AfterEach
    void close() {
        t.close();
    }

    private void put(long address, long value) {
        t.write(
                address,
                ByteBuffer.allocate(8)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(value)
                        .array());
    }

    /** A 64-bit gate; {@code access} is the descriptor's byte 5. */
    private void gate(int vector, long handler, int access, int ist) {
        put(
                IDT + vector * 16L,
                handler & 0xFFFF
                        | (long) KERNEL_CODE << 16
                        | (long) ist << 32
                        | (long) access << 40
                        | (handler & 0xFFFF0000L) << 32);
        put(IDT + vector * 16L + 8, handler >>> 32);
    }

    private void enterUser() {
        Segments.set(c, Segments.SS, USER_DATA | 3, 0x00CFF2000000FFFFL);
        Segments.setCode(c, USER_CODE, 0x00AFFA000000FFFFL, 3);
        c.r[4] = USER_STACK;
    }

    private static void assertFault(GuestFault fault, int vector, int errorCode) {
        assertThat(fault.vector).isEqualTo(vector);
        assertThat(fault.errorCode).isEqualTo(errorCode);
    }

    private interface Action {
        void run();
    }

    private static GuestFault faultOf(Action action) {
        try {
            action.run();
        } catch (GuestFault fault) {
            return fault;
        }
        throw new AssertionError("no fault");
    }

    // ---- #SS or #GP for an address that is not canonical

    private static final long NOT_CANONICAL = 0x8000_0000_1000L;

    /** Runs one instruction that faults and returns the vector, by the handler it ended in. */
    private int vectorOf(int... code) {
        for (int vector = 0; vector < 32; vector++) {
            gate(vector, HANDLER + 16L * vector, 0x8E, 1);
        }
        t.run(1, code);
        assertThat(c.rip).isBetween(HANDLER, HANDLER + 0x200);
        return (int) (c.rip - HANDLER) >> 4;
    }

    @Test
    void aNonCanonicalStackIsAStackFaultOfWhatPushesAndPops() {
        c.r[4] = NOT_CANONICAL;
        assertThat(vectorOf(0x50)).isEqualTo(12); // push rax
        c.r[4] = NOT_CANONICAL;
        assertThat(vectorOf(0xC3)).isEqualTo(12); // ret
        c.r[4] = NOT_CANONICAL;
        assertThat(vectorOf(0x66, 0x50)).isEqualTo(12); // push ax
        c.r[4] = 0x7FFF_FFFF_FFFCL;
        assertThat(vectorOf(0x58)).isEqualTo(12); // pop rax, its upper half over the edge
        c.r[5] = NOT_CANONICAL;
        assertThat(vectorOf(0xC9)).isEqualTo(12); // leave
    }

    @Test
    void anOperandThroughTheStackPointerIsAStackFaultAndAnotherIsNotWhateverTheInstruction() {
        c.r[4] = NOT_CANONICAL;
        c.r[3] = NOT_CANONICAL;
        assertThat(vectorOf(0x8B, 0x44, 0x24, 0x10)).isEqualTo(12); // mov eax, [rsp+16]
        c.r[4] = NOT_CANONICAL;
        assertThat(vectorOf(0xFF, 0x13)).isEqualTo(13); // call [rbx]
        assertThat(vectorOf(0xFF, 0x33)).isEqualTo(13); // push [rbx]
        c.r[4] = NOT_CANONICAL;
        assertThat(vectorOf(0x64, 0x8B, 0x44, 0x24, 0x10)).isEqualTo(13); // mov eax, fs:[rsp+16]
        c.r[4] = NOT_CANONICAL;
        assertThat(vectorOf(0x67, 0xFF, 0x33)).isEqualTo(12); // push [ebx], which is at 0 and can be read
    }

    @Test
    void aPendingX87ExceptionComesBeforeTheOperandOfFldcw() {
        c.fpControl = 0x37E;
        c.fpStatus = 0x8081;
        c.r[3] = NOT_CANONICAL;
        assertThat(vectorOf(0xD9, 0x2B)).isEqualTo(16); // fldcw [rbx]
    }

    // ---- events in IA-32e mode

    @Test
    void aFaultInUserModeSwitchesToTheAlignedStackOfTheTss() {
        gate(6, HANDLER, 0x8E, 0);
        enterUser();
        c.rip = TestCpu.CODE;
        c.rflags(0x202 | Flags.NT | Flags.CF);
        Interrupts.deliver(c, 6, -1, 0, Interrupts.EXCEPTION);
        long sp = (RSP0 & -16) - 40;
        assertThat(c.r[4]).isEqualTo(sp);
        assertThat(t.read64(sp)).isEqualTo(TestCpu.CODE);
        assertThat(t.read64(sp + 8)).isEqualTo(USER_CODE | 3);
        assertThat(t.read64(sp + 16)).isEqualTo(0x203 | Flags.NT | Flags.RF);
        assertThat(t.read64(sp + 24)).isEqualTo(USER_STACK);
        assertThat(t.read64(sp + 32)).isEqualTo(USER_DATA | 3);
        assertThat(c.rip).isEqualTo(HANDLER);
        assertThat(c.cpl).isZero();
        assertThat(c.selector[Segments.CS]).isEqualTo(KERNEL_CODE);
        assertThat(c.selector[Segments.SS]).isZero();
        assertThat(c.rflags()).isEqualTo(2 | Flags.CF);
    }

    @Test
    void aTrapGateLeavesInterruptsEnabled() {
        gate(0x80, HANDLER, 0xEF, 0);
        enterUser();
        c.flags = 0x202;
        c.rip = TestCpu.CODE;
        Far.intN(c, 0x80);
        assertThat(c.flags).isEqualTo(0x202);
        assertThat(c.cpl).isZero();
    }

    @Test
    void anInterruptStackIsTakenWithoutAChangeOfPrivilegeAndSsStays() {
        gate(2, HANDLER, 0x8E, 1);
        Interrupts.deliver(c, 2, -1, 0, Interrupts.HARDWARE);
        assertThat(c.r[4]).isEqualTo((IST1 & -16) - 40);
        assertThat(t.read64(c.r[4] + 24)).isEqualTo(TestCpu.DATA + 0xC000);
        assertThat(c.selector[Segments.SS]).isEqualTo(KERNEL_DATA);
    }

    @Test
    void aSoftwareInterruptThroughAPrivilegedGateIsAGeneralProtectionFaultOfTheInstruction() {
        gate(0x80, HANDLER, 0x8E, 0);
        enterUser();
        assertFault(faultOf(() -> Far.intN(c, 0x80)), 13, 0x80 * 8 + 2);
        assertThat(c.cpl).isEqualTo(3);
        assertThat(c.r[4]).isEqualTo(USER_STACK);
    }

    @Test
    void anAbsentGateForABenignExceptionBecomesNotPresentWithTheExternalBit() {
        gate(6, HANDLER, 0x0E, 0);
        gate(11, HANDLER, 0x8E, 0);
        Interrupts.deliver(c, 6, -1, 0, Interrupts.EXCEPTION);
        assertThat(c.rip).isEqualTo(HANDLER);
        assertThat(t.read64(c.r[4])).isEqualTo(6 * 8 + 2 + 1);
    }

    @Test
    void aContributoryFaultDuringAnotherIsADoubleFault() {
        gate(13, HANDLER, 0x0E, 0);
        gate(11, HANDLER, 0x8E, 0);
        gate(8, HANDLER + 64, 0x8E, 0);
        Interrupts.deliver(c, 13, 0, 0, Interrupts.EXCEPTION);
        assertThat(c.rip).isEqualTo(HANDLER + 64);
        assertThat(t.read64(c.r[4])).isZero();
    }

    @Test
    void aPageFaultOnTheHandlersStackAfterAGeneralProtectionFaultIsServedAsAPageFault() {
        gate(13, HANDLER, 0x8E, 0);
        gate(14, HANDLER + 64, 0x8E, 1);
        c.r[4] = 0x4000_0000L; // not mapped
        Interrupts.deliver(c, 13, 0, 0, Interrupts.EXCEPTION);
        assertThat(c.rip).isEqualTo(HANDLER + 64);
        assertThat(t.read64(c.r[4])).isEqualTo(2); // write, supervisor, not present
        assertThat(c.cr2).isEqualTo(0x4000_0000L - 8);
    }

    @Test
    void aFaultDuringADoubleFaultIsATripleFault() {
        assertThatThrownBy(() -> Interrupts.deliver(c, 13, 0, 0, Interrupts.EXCEPTION))
                .isSameAs(TripleFault.INSTANCE);
    }

    @Test
    void aReturnToAnOuterLevelMakesNullSelectorsZeroAndOneToTheSameLevelDoesNot() {
        for (int level : new int[] {0, 3}) {
            Segments.load(c, Segments.DS, 3);
            Segments.load(c, Segments.FS, 3);
            c.segmentBase(Segments.FS, 0x1234);
            long frame = TestCpu.DATA + 0xC000 - 40;
            put(frame, HANDLER);
            put(frame + 8, level == 0 ? KERNEL_CODE : USER_CODE | 3);
            put(frame + 16, 2);
            put(frame + 24, USER_STACK);
            put(frame + 32, level == 0 ? KERNEL_DATA : USER_DATA | 3);
            c.r[4] = frame;
            Far.iret64(c);
            assertThat(c.cpl).isEqualTo(level);
            assertThat(c.selector[Segments.DS]).isEqualTo(3 - level);
            assertThat(c.selector[Segments.FS]).isEqualTo(3 - level);
            assertThat(c.segmentBase[Segments.FS]).isEqualTo(0x1234);
        }
    }

    @Test
    void iretReturnsToUserModeWithStackAndFlags() {
        gate(0x80, HANDLER, 0xEE, 0);
        enterUser();
        c.flags = 0x202;
        c.rip = TestCpu.CODE + 2;
        Far.intN(c, 0x80);
        Segments.load(c, Segments.DS, KERNEL_DATA);
        Far.iret64(c);
        assertThat(c.rip).isEqualTo(TestCpu.CODE + 2);
        assertThat(c.cpl).isEqualTo(3);
        assertThat(c.r[4]).isEqualTo(USER_STACK);
        assertThat(c.selector[Segments.SS]).isEqualTo(USER_DATA | 3);
        assertThat(c.flags).isEqualTo(0x202);
        assertThat(c.selector[Segments.DS]).as("inner data segment is dropped").isZero();
    }

    // ---- fast system calls

    @Test
    void syscallAndSysretChangePrivilegeThereAndBack() {
        c.msrs.write(0xC000_0081, (long) KERNEL_CODE << 32 | (long) (USER_CODE32 | 3) << 48);
        c.msrs.write(0xC000_0082, HANDLER);
        c.msrs.write(0xC000_0084, 0x200);
        enterUser();
        c.flags = 0x202;
        t.run(1, 0x0F, 0x05);
        assertThat(c.cpl).isZero();
        assertThat(c.rip).isEqualTo(HANDLER);
        assertThat(c.r[1]).isEqualTo(TestCpu.CODE + 2);
        assertThat(c.r[11]).isEqualTo(0x202);
        assertThat(c.flags).isEqualTo(2);
        assertThat(c.selector[Segments.SS]).isEqualTo(KERNEL_DATA);
        Far.sysret64(c);
        assertThat(c.cpl).isEqualTo(3);
        assertThat(c.rip).isEqualTo(TestCpu.CODE + 2);
        assertThat(c.selector[Segments.CS]).isEqualTo(USER_CODE | 3);
        assertThat(c.selector[Segments.SS]).isEqualTo(USER_DATA | 3);
        assertThat(c.flags).isEqualTo(0x202);
    }

    @Test
    void sysretToANonCanonicalAddressFaultsInRingZero() {
        c.r[1] = 0x0000_8000_0000_0000L;
        assertFault(faultOf(() -> Far.sysret64(c)), 13, 0);
        assertThat(c.cpl).isZero();
    }

    @Test
    void sysretToCompatibilityModeRunsThirtyTwoBitCode() {
        c.msrs.write(0xC000_0081, (long) (USER_CODE32 | 3) << 48);
        c.r[1] = TestCpu.CODE;
        c.r[11] = 0x202;
        Far.sysret32(c);
        assertThat(c.codeMode).isEqualTo(32);
        assertThat(c.selector[Segments.CS]).isEqualTo(USER_CODE32 | 3);
    }

    // ---- segment loads

    @Test
    void aLoadSetsTheAccessedBitInTheTable() {
        Sys.movToSegment(c, Segments.DS, USER_DATA);
        assertThat(t.read64(GDT + USER_DATA) >>> 40 & 1).isEqualTo(1);
        assertThat(c.segmentAccess[Segments.DS]).isEqualTo(0xC0F3);
        assertThat(c.segmentLimit[Segments.DS]).isEqualTo(0xFFFF_FFFFL);
    }

    @Test
    void loadsAreRefusedInTheManualsOrder() {
        assertFault(faultOf(() -> Segments.load(c, Segments.DS, 0x58)), 13, 0x58); // beyond the limit
        assertFault(faultOf(() -> Segments.load(c, Segments.DS, ABSENT)), 11, ABSENT);
        assertFault(faultOf(() -> Segments.load(c, Segments.SS, ABSENT)), 12, ABSENT);
        assertFault(faultOf(() -> Segments.load(c, Segments.DS, TSS_SELECTOR)), 13, TSS_SELECTOR);
        assertFault(faultOf(() -> Segments.load(c, Segments.SS, USER_DATA)), 13, USER_DATA); // RPL is not CPL
        assertFault(faultOf(() -> Segments.load(c, Segments.DS, 4)), 13, 4); // no LDT
        enterUser();
        assertFault(faultOf(() -> Segments.load(c, Segments.DS, KERNEL_DATA)), 13, KERNEL_DATA);
        assertFault(faultOf(() -> Segments.load(c, Segments.SS, 3)), 13, 0); // null in ring 3
        assertFault(faultOf(() -> Sys.movToSegment(c, Segments.CS, USER_CODE)), 6, -1);
    }

    @Test
    void aLoadOfSsHoldsOffInterrupts() {
        Sys.movToSegment(c, Segments.SS, KERNEL_DATA);
        assertThat(c.interruptShadow).isTrue();
    }

    // ---- modes

    @Test
    void farJumpsLeadFromThirtyTwoBitEntryIntoLongMode() {
        Reset.pvh(c, (int) TestCpu.CODE, 0x1234);
        assertThat(c.codeMode).isEqualTo(32);
        assertThat(c.r[3]).isEqualTo(0x1234);
        c.gdtBase = GDT;
        c.gdtLimit = 0x57;
        Sys.movToControl32(c, 4, 0x20);
        Sys.movToControl32(c, 3, 0x1000);
        c.msrs.write(0xC000_0080, 0x100);
        Sys.movToControl32(c, 0, 0x8000_0011);
        assertThat(c.longMode()).isTrue();
        assertThat(c.codeMode).as("compatibility mode until CS is loaded").isEqualTo(32);
        // jmp 8:HANDLER
        Far.jmpDirect32(c, 0, HANDLER | (long) KERNEL_CODE << 32);
        assertThat(c.codeMode).isEqualTo(64);
        assertThat(c.rip).isEqualTo(HANDLER);
        assertFault(faultOf(() -> Sys.movToControl64(c, 0, 0x11)), 13, 0); // paging off in 64-bit mode
        assertFault(faultOf(() -> Sys.movToControl64(c, 4, 0)), 13, 0); // PAE off in IA-32e mode
    }

    @Test
    void inconsistentControlRegistersAreRefused() {
        assertFault(faultOf(() -> Sys.movToControl64(c, 0, 0x8000_0010L)), 13, 0); // PG without PE
        assertFault(faultOf(() -> Sys.movToControl64(c, 0, 0xA000_0011L)), 13, 0); // NW without CD
        assertFault(faultOf(() -> Sys.movToControl64(c, 0, 1L << 32 | 0x8000_0011L)), 13, 0);
        assertFault(faultOf(() -> Sys.movToControl64(c, 3, 1L << 60)), 13, 0);
        assertFault(faultOf(() -> Sys.movToControl64(c, 4, c.cr4 | 1L << 40)), 13, 0);
        assertFault(faultOf(() -> Sys.movToControl64(c, 8, 16)), 13, 0);
        assertFault(faultOf(() -> Sys.movToControl64(c, 1, 0)), 6, -1);
        assertThat(c.cr0).isEqualTo(0x8000_0033L);
    }

    @Test
    void aThirtyTwoBitInterruptFromUserModePushesTheOuterStackAndIretRestoresIt() {
        Reset.pvh(c, (int) TestCpu.CODE, 0);
        c.gdtBase = GDT;
        c.gdtLimit = 0x57;
        c.idtBase = IDT;
        c.idtLimit = 0x7FF;
        put(TSS + 4, RSP0 | (long) KERNEL_DATA << 32);
        put(IDT + 0x80 * 8, HANDLER & 0xFFFF | KERNEL_CODE32 << 16 | 0xEEL << 40 | (HANDLER & 0xFFFF0000L) << 32);
        Sys.ltr(c, TSS32_SELECTOR);
        Segments.set(c, Segments.SS, USER_DATA | 3, 0x00CFF2000000FFFFL);
        Segments.setCode(c, USER_CODE32, 0x00CFFA000000FFFFL, 3);
        c.r[4] = USER_STACK;
        c.flags = 0x202;
        c.rip = 0x1002;
        Far.intN(c, 0x80);
        assertThat(c.r[4]).isEqualTo(RSP0 - 20);
        assertThat(c.selector[Segments.SS]).isEqualTo(KERNEL_DATA);
        assertThat(c.selector[Segments.CS]).isEqualTo(KERNEL_CODE32);
        assertThat(c.rip).isEqualTo(HANDLER);
        assertThat(t.read64(RSP0 - 20)).isEqualTo(0x1002 | (long) (USER_CODE32 | 3) << 32);
        assertThat(t.read64(RSP0 - 8)).isEqualTo(USER_STACK | (long) (USER_DATA | 3) << 32);
        Far.iret32(c);
        assertThat(c.cpl).isEqualTo(3);
        assertThat(c.rip).isEqualTo(0x1002);
        assertThat(c.r[4]).isEqualTo(USER_STACK);
        assertThat(c.flags).isEqualTo(0x202);
    }

    @Test
    void realModeInterruptsGoThroughTheVectorTable() {
        Reset.cold(c);
        put(0x10 * 4, 0x1234_5678L);
        Segments.load(c, Segments.SS, 0x100);
        c.r[4] = 0x20;
        c.rip = 0x42;
        c.flags = 0x202;
        Far.intN(c, 0x10);
        assertThat(c.selector[Segments.CS]).isEqualTo(0x1234);
        assertThat(c.segmentBase[Segments.CS]).isEqualTo(0x12340);
        assertThat(c.rip).isEqualTo(0x5678);
        assertThat(c.flags).isEqualTo(2);
        assertThat(t.read64(0x101A) & 0xFFFF_FFFF_FFFFL).isEqualTo(0x0202_F000_0042L);
        Far.iret16(c);
        assertThat(c.rip).isEqualTo(0x42);
        assertThat(c.selector[Segments.CS]).isEqualTo(0xF000);
        assertThat(c.flags).isEqualTo(0x202);
    }

    @Test
    void resetStartsAtTheResetVector() {
        Reset.cold(c);
        assertThat(c.rip + c.segmentBase[Segments.CS]).isEqualTo(0xFFFF_FFF0L);
        assertThat(c.codeMode).isEqualTo(16);
        assertThat(c.cr0).isEqualTo(0x6000_0010L);
        assertThat(c.rflags()).isEqualTo(2);
        Reset.startup(c, 0x9A);
        assertThat(c.segmentBase[Segments.CS]).isEqualTo(0x9A000);
        assertThat(c.selector[Segments.CS]).isEqualTo(0x9A00);
    }

    @Test
    void farCallAndReturnThroughAGateChangePrivilege() {
        put(GDT + 0x40, HANDLER & 0xFFFF | KERNEL_CODE << 16 | 0xECL << 40 | (HANDLER & 0xFFFF0000L) << 32);
        put(GDT + 0x48, 0);
        put(TestCpu.DATA + 0xD000, 0x43L << 32); // 0x43:ignored
        enterUser();
        c.rip = 0x1003;
        Far.callIndirect32(c, TestCpu.DATA + 0xD000);
        assertThat(c.cpl).isZero();
        assertThat(c.rip).isEqualTo(HANDLER);
        assertThat(c.r[4]).isEqualTo(RSP0 - 32);
        Far.ret64(c);
        assertThat(c.cpl).isEqualTo(3);
        assertThat(c.rip).isEqualTo(0x1003);
        assertThat(c.r[4]).isEqualTo(USER_STACK);
    }

    // ---- system instructions

    @Test
    void larAndLslReportOnlyWhatThePrivilegeMaySee() {
        assertThat(Sys.lsl64(c, -1, KERNEL_DATA)).isEqualTo(0xFFFF_FFFFL);
        assertThat(c.rflags() & Flags.ZF).isNotZero();
        assertThat(Sys.lar32(c, -1, KERNEL_CODE)).isEqualTo(0xAF9A00);
        enterUser();
        assertThat(Sys.lsl64(c, -1, KERNEL_DATA)).isEqualTo(-1);
        assertThat(c.rflags() & Flags.ZF).isZero();
    }

    @Test
    void stiShadowsOnlyWhenInterruptsWereOff() {
        c.flags = 2;
        Sys.sti(c);
        assertThat(c.interruptShadow).isTrue();
        c.interruptShadow = false;
        Sys.sti(c);
        assertThat(c.interruptShadow).isFalse();
        enterUser();
        assertFault(faultOf(() -> Sys.cli(c)), 13, 0);
        assertThat(c.flags).isEqualTo(0x202);
    }

    @Test
    void generalDetectGuardsTheDebugRegisters() {
        Sys.movToDebug64(c, 7, 0x2000);
        assertFault(faultOf(() -> Sys.movFromDebug64(c, 0)), 1, -1);
        assertThat(c.dr[6]).isEqualTo(0xFFFF_2FF0L);
    }
}
