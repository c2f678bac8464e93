package redoubt.cpu.insn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.Arrays;
import java.util.Set;
import org.junit.jupiter.api.Test;
import redoubt.cpu.Cpu;
import redoubt.cpu.GuestFault;
import redoubt.cpu.Mem;
import redoubt.cpu.TestCpu;

/** Save areas against SDM vol. 1 chapters 10.5 and 13. */
class XStateTest {
    private static final long AREA = TestCpu.DATA + 64;
    private static final Set<Integer> XMM = Set.of(0, 7, 15);

    private static TestCpu machine() {
        TestCpu t = TestCpu.longMode();
        t.cpu.cr4 |= 1 << 18;
        t.cpu.xcr0 = 0x207;
        for (int i : XMM) {
            for (int word = 0; word < 4; word++) {
                t.cpu.x[4 * i + word] = 0x1000L * (i + 1) + word;
            }
        }
        t.cpu.mxcsr = 0x1FA0;
        t.cpu.fpStatus = 5 << 11;
        t.cpu.fpTag = 0x60;
        t.cpu.fpSignificand[5] = 0x8000_0000_0000_0000L;
        t.cpu.fpExponent[5] = 0xBFFF;
        t.cpu.pkru = 0x5555_5554;
        return t;
    }

    private static void ask(Cpu c, long components) {
        c.r[0] = components;
        c.r[2] = 0;
    }

    private static void clobber(Cpu c) {
        Arrays.fill(c.x, 0x77);
        c.mxcsr = 0x1F80;
        c.fpStatus = 0;
        c.fpTag = 0;
        c.fpSignificand[5] = 1;
        c.fpExponent[5] = 1;
        c.pkru = 0;
    }

    private static void assertOriginal(Cpu c) {
        for (int i : XMM) {
            for (int word = 0; word < 4; word++) {
                assertThat(c.x[4 * i + word]).isEqualTo(0x1000L * (i + 1) + word);
            }
        }
        assertThat(c.x[4]).isZero();
        assertThat(c.mxcsr).isEqualTo(0x1FA0);
        assertThat(c.fpStatus).isEqualTo(5 << 11);
        assertThat(c.fpTag).isEqualTo(0x60);
        assertThat(c.fpSignificand[5]).isEqualTo(0x8000_0000_0000_0000L);
        assertThat(c.fpExponent[5]).isEqualTo(0xBFFF);
        assertThat(c.pkru).isEqualTo(0x5555_5554);
    }

    @Test
    void restoresWhatXsaveSaved() {
        try (TestCpu t = machine()) {
            ask(t.cpu, 0x207);
            XState.xsave64(t.cpu, AREA);
            clobber(t.cpu);
            ask(t.cpu, -1);
            XState.xrstor64(t.cpu, AREA);
            assertOriginal(t.cpu);
        }
    }

    @Test
    void restoresWhatXsavecSavedWithoutTheGaps() {
        try (TestCpu t = machine()) {
            ask(t.cpu, 0x207);
            XState.xsavec64(t.cpu, AREA);
            assertThat(t.read64(AREA + 520)).isEqualTo(1L << 63 | 0x207);
            assertThat(t.read64(AREA + 576 + 256)).isEqualTo(0x5555_5554L); // PKRU right behind AVX
            clobber(t.cpu);
            ask(t.cpu, 0x207);
            XState.xrstor64(t.cpu, AREA);
            assertOriginal(t.cpu);
        }
    }

    @Test
    void putsRegistersInStackOrderFromOffset32() {
        try (TestCpu t = machine()) {
            XState.fxsave64(t.cpu, AREA);
            assertThat(t.read64(AREA + 32)).isEqualTo(0x8000_0000_0000_0000L);
            assertThat(t.read64(AREA + 40)).isEqualTo(0xBFFF);
            assertThat(Mem.ld8(t.cpu, AREA + 4)).isEqualTo(0x60);
            assertThat(Mem.ld32(t.cpu, AREA + 24)).isEqualTo(0x1FA0);
            assertThat(t.read64(AREA + 160 + 15 * 16)).isEqualTo(0x10000);
        }
    }

    @Test
    void initialisesComponentsThatTheHeaderLacks() {
        try (TestCpu t = machine()) {
            Mem.st32(t.cpu, AREA + 24, 0x1F80);
            ask(t.cpu, 0x7);
            XState.xrstor64(t.cpu, AREA); // an area of zeros
            assertThat(t.cpu.x[0]).isZero();
            assertThat(t.cpu.x[2]).isZero();
            assertThat(t.cpu.fpControl).isEqualTo(0x37F);
            assertThat(t.cpu.pkru).isEqualTo(0x5555_5554); // not asked for
        }
    }

    @Test
    void refusesBadHeadersAndChangesNothing() {
        long[][] bad = {{512, 0x10}, {520, 1}, {528, 1}, {24, 0x10000}};
        for (long[] word : bad) {
            try (TestCpu t = machine()) {
                Mem.st64(t.cpu, AREA + word[0], word[1]);
                ask(t.cpu, 0x207);
                GuestFault fault = catchThrowableOfType(GuestFault.class, () -> XState.xrstor64(t.cpu, AREA));
                assertThat(fault.vector).as("word at %d", word[0]).isEqualTo(13);
                assertOriginal(t.cpu);
            }
        }
    }

    @Test
    void faultsBeforeWorkingWhenDisabledOrMisaligned() {
        try (TestCpu t = machine()) {
            ask(t.cpu, 7);
            assertThat(catchThrowableOfType(GuestFault.class, () -> XState.xsave64(t.cpu, AREA + 16)).vector)
                    .isEqualTo(13);
            assertThat(catchThrowableOfType(GuestFault.class, () -> XState.fxsave64(t.cpu, AREA + 8)).vector)
                    .isEqualTo(13);
            t.cpu.cr0 |= 8;
            assertThat(catchThrowableOfType(GuestFault.class, () -> XState.xsave64(t.cpu, AREA)).vector)
                    .isEqualTo(7);
            t.cpu.cr4 &= ~(1L << 18);
            assertThat(catchThrowableOfType(GuestFault.class, () -> XState.xsave64(t.cpu, AREA)).vector)
                    .isEqualTo(6);
        }
    }

    @Test
    void xsaveoptLeavesAComponentInItsInitialStateUnwritten() {
        try (TestCpu t = machine()) {
            t.cpu.pkru = 0;
            Mem.st64(t.cpu, AREA + 2688, 0x1234);
            ask(t.cpu, 0x207);
            XState.xsaveopt64(t.cpu, AREA);
            assertThat(t.read64(AREA + 512)).isEqualTo(7);
            assertThat(t.read64(AREA + 2688)).isEqualTo(0x1234);
            XState.xsave64(t.cpu, AREA);
            assertThat(t.read64(AREA + 2688)).isZero();
        }
    }

    @Test
    void enclaveAreaRoundTripsThroughHostMemory() {
        try (TestCpu t = machine()) {
            long host = t.cpu.memory.hostAddress(AREA);
            XState.saveStandard(t.cpu, host, 3);
            assertThat(t.read64(AREA + 512)).isEqualTo(3);
            XState.initState(t.cpu, 3);
            assertThat(t.cpu.x[0]).isZero();
            assertThat(t.cpu.x[2]).isEqualTo(0x1002); // AVX was not in the mask
            assertThat(t.cpu.mxcsr).isEqualTo(0x1F80);
            XState.restoreStandard(t.cpu, host, 3);
            assertOriginal(t.cpu);
        }
    }
}
