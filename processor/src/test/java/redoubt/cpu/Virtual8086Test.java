package redoubt.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.HexFormat;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import redoubt.x86.Feature;

/** Virtual-8086 mode, its extensions, and protected-mode virtual interrupts. The oracle is SDM vol. 3B chapter 21. */
class Virtual8086Test {
    private static final long GDT = TestCpu.DATA;
    private static final long IDT = TestCpu.DATA + 0x1000;
    private static final long TSS = TestCpu.DATA + 0x2000;
    private static final long OTHER_TSS = TestCpu.DATA + 0x3000;
    private static final long KERNEL_STACK = TestCpu.DATA + 0x9000;
    private static final long HANDLERS = TestCpu.CODE + 0x1000;
    /** Where the 8086 program is: segment 0x500, offset 0x10. */
    private static final long PROGRAM = 0x5010;

    private static final long PROGRAM_STACK = 0x60100;

    private static final int CODE = 0x08;
    private static final int DATA = 0x10;
    private static final int USER_DATA = 0x18;
    private static final int USER_CODE = 0x20;
    private static final int NEW_TSS = 0x28;
    private static final int OLD_TSS = 0x30;

    /** In the TSS: the redirection bitmap, then the I/O permission bitmap. */
    private static final int REDIRECTION = 0x68;

    private static final int IO_MAP = REDIRECTION + 32;
    private static final int IO_MAP_END = IO_MAP + 16;

    private static final int IOPL3 = 0x3000;
    private static final int VME = 1;
    private static final int PVI = 2;

    private final TestCpu t = TestCpu.protectedMode();
    private final Cpu c = t.cpu;

    Virtual8086Test() {
        t.put(GDT + CODE, 8, 0x00CF9A000000FFFFL);
        t.put(GDT + DATA, 8, 0x00CF92000000FFFFL);
        t.put(GDT + USER_DATA, 8, 0x00CFF2000000FFFFL);
        t.put(GDT + USER_CODE, 8, 0x00CFFA000000FFFFL);
        t.put(GDT + NEW_TSS, 8, 0x67 | (OTHER_TSS & 0xFFFFFF) << 16 | 0x89L << 40);
        t.put(GDT + OLD_TSS, 8, 0x67 | (TSS & 0xFFFFFF) << 16 | 0x8BL << 40);
        c.gdtBase = GDT;
        c.gdtLimit = 0x37;
        c.idtBase = IDT;
        c.idtLimit = 0x7FF;
        for (int v = 0; v < 256; v++) {
            gate(v, CODE);
        }
        c.tr = OLD_TSS;
        c.trBase = TSS;
        c.trLimit = IO_MAP_END;
        t.put(TSS + 4, 4, KERNEL_STACK);
        t.put(TSS + 8, 2, DATA);
        t.put(TSS + 0x66, 2, IO_MAP);
        t.put(TSS + IO_MAP, 8, 1L << 0x21); // port 0x21 is not for the program
        t.put(TSS + IO_MAP_END, 1, 0xFF);
        Segments.load(c, Segments.SS, DATA);
        Segments.load(c, Segments.DS, DATA);
        Segments.setCode(c, CODE, 0x00CF9A000000FFFFL, 0);
    }

    /** A 32-bit interrupt gate for everybody; each handler halts. */
    private void gate(int vector, int selector) {
        long handler = HANDLERS + vector * 16L;
        t.put(IDT + vector * 8L, 8, handler & 0xFFFF | (long) selector << 16 | 0xEE00L << 32 | handler >> 16 << 48);
        t.put(handler, 1, 0xF4);
    }

    @AfterEach
    void close() {
        t.close();
    }

    /** Enters virtual-8086 mode by IRET, about to execute this program. */
    private void enter(int flags, int... program) {
        for (int i = 0; i < program.length; i++) {
            t.put(PROGRAM + i, 1, program[i]);
        }
        long sp = TestCpu.DATA + 0x8000;
        long[] frame = {0x10, 0x500, Flags.VM | 2 | flags, 0x100, 0x6000, 0x1111, 0x2222, 0x3333, 0x4444};
        for (int i = 0; i < frame.length; i++) {
            t.put(sp + 4L * i, 4, frame[i]);
        }
        c.r[4] = sp;
        t.run(1, 0xCF);
        assertThat(c.virtual8086()).isTrue();
    }

    /** Runs to the HLT of a handler; its vector. */
    private int vector() {
        assertThat(t.engine.run(100)).isEqualTo(Engine.Stop.HALTED);
        return (int) (c.rip - 1 - HANDLERS) / 16;
    }

    /** A doubleword of the frame that the event pushed: 0 is the one pushed last. */
    private int pushed(int index) {
        return (int) t.read64(c.r[4] + 4L * index);
    }

    private int programStack(int word) {
        return (int) t.read64(PROGRAM_STACK - 2L * word) & 0xFFFF;
    }

    private void assertStillInside(int steps) {
        assertThat(t.engine.run(steps)).isEqualTo(Engine.Stop.BUDGET);
        assertThat(c.virtual8086()).isTrue();
    }

    // ---- entering and leaving

    @Test
    void iretEntersWithSegmentsOfThe8086() {
        enter(Flags.CF);
        assertThat(c.cpl).isEqualTo(3);
        assertThat(c.codeMode).isEqualTo(16);
        assertThat(c.rip).isEqualTo(0x10);
        assertThat(c.r[4]).isEqualTo(0x100);
        assertThat(c.rflags()).isEqualTo(Flags.VM | 2 | Flags.CF);
        assertThat(c.selector).containsExactly(0x1111, 0x500, 0x6000, 0x2222, 0x3333, 0x4444);
        assertThat(c.segmentBase).containsExactly(0x11110, 0x5000, 0x60000, 0x22220, 0x33330, 0x44440);
        assertThat(c.segmentLimit).containsOnly(0xFFFF);
        assertThat(c.segmentAccess).containsOnly(0xF3);
    }

    @Test
    void onlyIretAtPrivilegeLevelZeroEnters() {
        c.rip = 0;
        Segments.setCode(c, USER_CODE | 3, 0x00CFFA000000FFFFL, 3);
        Segments.load(c, Segments.SS, USER_DATA | 3);
        c.r[4] = TestCpu.DATA + 0x8000;
        t.put(c.r[4], 8, TestCpu.CODE + 1 | (long) (USER_CODE | 3) << 32);
        t.put(c.r[4] + 8, 4, Flags.VM | 2);
        t.run(1, 0xCF);
        assertThat(c.virtual8086()).isFalse();
        assertThat(c.rip).isEqualTo(TestCpu.CODE + 1);
    }

    @Test
    void aTaskSwitchEnters() {
        t.put(OTHER_TSS + 0x20, 4, 0x10);
        t.put(OTHER_TSS + 0x24, 4, Flags.VM | 2);
        t.put(OTHER_TSS + 0x38, 4, 0x100);
        for (int i = 0; i < 6; i++) {
            t.put(OTHER_TSS + 0x48 + 4L * i, 2, i == 1 ? 0x500 : 0x6000);
        }
        t.run(1, 0xEA, 0, 0, 0, 0, NEW_TSS, 0);
        assertThat(c.virtual8086()).isTrue();
        assertThat(c.cpl).isEqualTo(3);
        assertThat(c.codeMode).isEqualTo(16);
        assertThat(c.rip).isEqualTo(0x10);
        assertThat(c.segmentBase[Segments.CS]).isEqualTo(0x5000);
        assertThat(c.segmentAccess).containsOnly(0xF3);
    }

    @Test
    void anEventPushesTheDataSegmentsAndLeaves() {
        enter(Flags.IF | Flags.CF, 0x90);
        Interrupts.deliver(c, 0x20, -1, 0, Interrupts.HARDWARE);
        assertThat(c.cpl).isZero();
        assertThat(c.codeMode).isEqualTo(32);
        assertThat(c.flags & (Flags.VM | Flags.IF)).isZero();
        assertThat(c.r[4]).isEqualTo(KERNEL_STACK - 36);
        int[] frame = {0x10, 0x500, Flags.VM | 2 | Flags.IF | Flags.CF, 0x100, 0x6000, 0x1111, 0x2222, 0x3333, 0x4444};
        for (int i = 0; i < frame.length; i++) {
            assertThat(pushed(i)).as("doubleword %d", i).isEqualTo(frame[i]);
        }
        assertThat(c.selector).containsExactly(0, CODE, DATA, 0, 0, 0);
        assertThat(c.segmentAccess[Segments.DS] & Segments.UNUSABLE).isNotZero();
        c.rip = TestCpu.CODE;
        t.run(1, 0xCF); // and back
        assertThat(c.segmentBase).containsExactly(0x11110, 0x5000, 0x60000, 0x22220, 0x33330, 0x44440);
        assertThat(c.rip).isEqualTo(0x10);
    }

    @Test
    void aHandlerThatIsNotAtPrivilegeLevelZeroIsRefused() {
        gate(0x21, USER_CODE);
        enter(IOPL3, 0xCD, 0x21);
        assertThat(vector()).isEqualTo(13);
        assertThat(pushed(0)).isEqualTo(USER_CODE);
    }

    // ---- without the extensions

    @ParameterizedTest
    @ValueSource(strings = {"FA", "FB", "9C", "669C", "9D", "CD21", "CF", "66CF"})
    void sensitiveInstructionsAreTheMonitorsBelowIopl3(String instruction) {
        byte[] bytes = HexFormat.of().parseHex(instruction);
        enter(0, bytes[0] & 0xFF, bytes.length > 1 ? bytes[1] & 0xFF : 0x90);
        assertThat(vector()).isEqualTo(13);
        assertThat(pushed(0)).isZero();
        assertThat(pushed(1)).isEqualTo(0x10);
        assertThat(pushed(4)).as("SP").isEqualTo(0x100);
    }

    @Test
    void otherInstructionsAreNotSensitive() {
        enter(0, 0xF8, 0x50, 0x58, 0xE4, 0x20, 0xCC); // clc; push ax; pop ax; in al,0x20; int3
        assertThat(vector()).isEqualTo(3);
        assertThat(pushed(0)).isEqualTo(0x16);
    }

    @Test
    void withIopl3TheyWork() {
        // sti; nop; pushf; cli; pushf; popf; popf; int 0x21
        enter(IOPL3, 0xFB, 0x90, 0x9C, 0xFA, 0x9C, 0x9D, 0x9D, 0xCD, 0x21);
        assertStillInside(5);
        assertThat(programStack(1)).isEqualTo(0x3202);
        assertThat(programStack(2)).isEqualTo(0x3002);
        assertStillInside(2);
        assertThat(c.flags & (Flags.IF | Flags.IOPL)).isEqualTo(Flags.IF | IOPL3);
        assertThat(vector()).isEqualTo(0x21);
        assertThat(pushed(0)).isEqualTo(0x19);
    }

    @Test
    void theProgramCannotChangeItsIopl() {
        enter(IOPL3, 0x6A, 0x02, 0x9D); // push 2; popf
        assertStillInside(2);
        assertThat(c.flags & Flags.IOPL).isEqualTo(IOPL3);
    }

    @Test
    void portsGoByTheBitmapWhateverTheIopl() {
        enter(IOPL3, 0xE4, 0x20, 0xE4, 0x21);
        assertThat(vector()).isEqualTo(13);
        assertThat(pushed(1)).isEqualTo(0x12);
    }

    @Test
    void instructionsOfProtectedModeAreUndefined() {
        enter(IOPL3, 0x0F, 0x00, 0xC0); // sldt ax
        assertThat(vector()).isEqualTo(6);
        assertThat(pushed(0)).isEqualTo(0x10);
    }

    // ---- with the extensions

    private void extended(int flags, int... program) {
        ControlRegisters.cr4(c, c.cr4 | VME);
        enter(flags, program);
    }

    @Test
    void cliStiPushfAndPopfWorkOnTheVirtualFlag() {
        // sti; pushf; cli; pushf; pop ax; popf; iret of what is there
        extended(0, 0xFB, 0x9C, 0xFA, 0x9C, 0x58, 0x9D);
        assertStillInside(1);
        assertThat(c.flags & (Flags.IF | Flags.VIF)).isEqualTo(Flags.VIF);
        assertStillInside(2);
        assertThat(programStack(1)).isEqualTo(0x3202); // VIF as IF, IOPL 3
        assertThat(c.flags & (Flags.IF | Flags.VIF)).isZero();
        assertStillInside(1);
        assertThat(programStack(2)).isEqualTo(0x3002);
        assertStillInside(2);
        assertThat(c.flags & (Flags.IF | Flags.VIF | Flags.IOPL)).isEqualTo(Flags.VIF);
        assertThat(c.r[4]).isEqualTo(0x100);
    }

    @Test
    void theRealInterruptFlagDoesNotShow() {
        extended(Flags.IF, 0x9C);
        assertStillInside(1);
        assertThat(programStack(1)).isEqualTo(0x3002);
    }

    @ParameterizedTest
    @CsvSource({"FB, 0, 1", "9D, 200, 1", "9D, 100, 0", "669D, 0, 0", "669C, 0, 0", "66CF, 0, 0", "CF, 0, 0"})
    void theMonitorGetsPendingInterruptsTrapFlagsAndWideForms(String instruction, String image, int pending) {
        byte[] bytes = HexFormat.of().parseHex(instruction);
        t.put(PROGRAM_STACK, 2, Integer.parseInt(image, 16));
        t.put(PROGRAM_STACK + 4, 2, Flags.TF); // IRET's
        extended(pending != 0 ? Flags.VIP : 0, bytes[0] & 0xFF, bytes.length > 1 ? bytes[1] & 0xFF : 0x90);
        assertThat(vector()).isEqualTo(13);
        assertThat(pushed(1)).isEqualTo(0x10);
        assertThat(pushed(4)).as("SP").isEqualTo(0x100);
        assertThat(pushed(3) & Flags.VIF).isZero();
    }

    @Test
    void iretLoadsTheVirtualFlag() {
        extended(0, 0xCF);
        t.put(PROGRAM_STACK, 8, 0x20 | 0x501L << 16 | (long) (Flags.IF | Flags.ZF) << 32);
        assertStillInside(1);
        assertThat(c.rip).isEqualTo(0x20);
        assertThat(c.segmentBase[Segments.CS]).isEqualTo(0x5010);
        assertThat(c.rflags()).isEqualTo(Flags.VM | 2 | Flags.VIF | Flags.ZF);
        assertThat(c.r[4]).isEqualTo(0x106);
    }

    /** Table 21-2: IOPL, bit of the bitmap, vector of the protected-mode handler or -1 for the program's own. */
    @ParameterizedTest
    @CsvSource({"0, 1, 13", "3, 1, 33", "3, 0, -1", "0, 0, -1"})
    void anInterruptInstructionGoesByIoplAndTheBitmap(int iopl, int bit, int expected) {
        t.put(TSS + REDIRECTION + 4, 1, bit << 1);
        t.put(0x21 * 4, 4, 0x0700_0034);
        extended(iopl << 12 | Flags.IF | Flags.VIF | Flags.NT, 0xCD, 0x21);
        if (expected >= 0) {
            assertThat(vector()).isEqualTo(expected);
            return;
        }
        assertStillInside(1);
        assertThat(c.rip).isEqualTo(0x34);
        assertThat(c.segmentBase[Segments.CS]).isEqualTo(0x7000);
        assertThat(programStack(1)).isEqualTo(0x3202 | Flags.NT); // below IOPL 3: VIF as IF
        assertThat(programStack(2)).isEqualTo(0x500);
        assertThat(programStack(3)).isEqualTo(0x12);
        assertThat(c.flags & (Flags.IF | Flags.VIF)).isEqualTo(iopl == 3 ? Flags.VIF : Flags.IF);
    }

    @Test
    void aBitmapBeyondTheTaskStateSegmentFaults() {
        t.put(TSS + 0x66, 2, 0x400);
        extended(IOPL3, 0xCD, 0x21);
        assertThat(vector()).isEqualTo(13);
        assertThat(pushed(0)).isZero();
    }

    @Test
    void breakpointInstructionsAreNotRedirected() {
        extended(0, 0xCC);
        assertThat(vector()).isEqualTo(3);
    }

    // ---- protected-mode virtual interrupts

    private void user(int flags) {
        Segments.setCode(c, USER_CODE | 3, 0x00CFFA000000FFFFL, 3);
        Segments.load(c, Segments.SS, USER_DATA | 3);
        c.r[4] = TestCpu.DATA + 0x8000;
        c.rflags(2 | flags);
    }

    @Test
    void inProtectedModeCliAndStiWorkOnTheVirtualFlag() {
        ControlRegisters.cr4(c, c.cr4 | PVI);
        user(Flags.IF);
        t.run(1, 0xFB, 0x9C, 0xFA);
        assertThat(c.flags & (Flags.IF | Flags.VIF)).isEqualTo(Flags.IF | Flags.VIF);
        t.engine.run(2);
        assertThat(c.flags & (Flags.IF | Flags.VIF)).isEqualTo(Flags.IF);
        assertThat(t.read64(c.r[4]) & 0x3F_FFFFL).as("PUSHF shows both").isEqualTo(2 | Flags.IF | Flags.VIF);
        user(Flags.VIP);
        t.run(1, 0xFB);
        assertThat(vector()).isEqualTo(13);
    }

    @Test
    void withoutThemCliAndStiFault() {
        user(0);
        t.run(1, 0xFA);
        assertThat(vector()).isEqualTo(13);
    }

    @Test
    void aProcessorWithoutTheExtensionsRefusesTheirBits() {
        Set<Feature> features = EnumSet.copyOf(CpuModel.implemented());
        features.remove(Feature.VME);
        try (TestCpu without = TestCpu.longMode(new CpuModel(features, 1))) {
            for (int bit : new int[] {VME, PVI}) {
                without.cpu.r[0] = without.cpu.cr4 | bit;
                assertThat(without.run(1, 0x0F, 0x22, 0xE0)).isEqualTo(Engine.Stop.SHUTDOWN); // mov cr4,rax
                assertThat(without.cpu.cr4 & bit).isZero();
            }
            int[] leaf = new int[4];
            without.cpu.model.cpuid(without.cpu, 1, 0, leaf);
            assertThat(leaf[3] & 2).isZero();
            c.model.cpuid(c, 1, 0, leaf);
            assertThat(leaf[3] & 2).isEqualTo(2);
        }
    }
}
