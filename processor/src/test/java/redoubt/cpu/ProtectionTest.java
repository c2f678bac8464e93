package redoubt.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Alignment checking and protection keys. The oracle is SDM vol. 3A 6.15 (#AC) and 4.6.2, 4.7. */
class ProtectionTest {
    private static final long PAGE = TestCpu.DATA;
    /** The directory entry that maps {@link TestCpu#DATA}, in the tables of {@link TestCpu#longMode}. */
    private static final long ENTRY = 0x3000 + (PAGE >> 21) * 8;

    private final TestCpu t = TestCpu.longMode();
    private final Cpu c = t.cpu;

    @AfterEach
    void close() {
        t.close();
    }

    private interface Access {
        void run();
    }

    private static void assertFault(int vector, int errorCode, Access access) {
        try {
            access.run();
        } catch (GuestFault fault) {
            assertThat(fault.vector).isEqualTo(vector);
            assertThat(fault.errorCode).isEqualTo(errorCode);
            return;
        }
        throw new AssertionError("no fault");
    }

    private void alignmentChecks() {
        c.cr0 |= 0x40000;
        c.flags |= Flags.AC;
        c.cpl(3);
    }

    @Test
    void alignmentIsCheckedOnlyInUserModeAndOnlyWhileBothBitsAreSet() {
        Mem.ld32(c, PAGE + 1);
        alignmentChecks();
        assertFault(17, 0, () -> Mem.ld32(c, PAGE + 1));
        assertFault(17, 0, () -> Mem.st64(c, PAGE + 4, 0));
        assertFault(17, 0, () -> Mem.ldw16(c, PAGE + 3));
        assertThatCode(() -> Mem.ld32(c, PAGE + 4)).doesNotThrowAnyException();
        assertThatCode(() -> Mem.ld8(c, PAGE + 1)).doesNotThrowAnyException();
        c.cpl(0);
        assertThatCode(() -> Mem.ld32(c, PAGE + 1)).doesNotThrowAnyException();
        c.cpl(3);
        c.flags &= ~(long) Flags.AC;
        c.mmu.contextChanged();
        assertThatCode(() -> Mem.ld32(c, PAGE + 1)).doesNotThrowAnyException();
    }

    @Test
    void aRepeatedMoveIsCheckedToo() {
        alignmentChecks();
        c.r[6] = PAGE + 1;
        c.r[7] = PAGE + 0x100;
        c.r[1] = 8;
        assertThat(t.run(1, 0xF3, 0x48, 0xA5)).isEqualTo(Engine.Stop.SHUTDOWN); // rep movsq, and no IDT
        assertThat(c.r[1]).isEqualTo(8);
    }

    /** Runs one instruction on a misaligned operand at [rbx], all mask elements set. */
    private Engine.Stop misaligned(int... code) {
        c.cr4 |= 0x40000;
        c.xcr0 = 7;
        Arrays.fill(c.x, 8, 12, -1); // xmm2
        c.r[3] = PAGE + 1;
        alignmentChecks();
        return t.run(1, code);
    }

    @Test
    void alignmentDoesNotCountForMaskedMovesGathersAndHalfPrecision() {
        assertThat(misaligned(0xC4, 0xE2, 0x69, 0x8C, 0x0B))
                .isEqualTo(Engine.Stop.BUDGET); // vpmaskmovd xmm1,xmm2,[rbx]
        assertThat(misaligned(0xC4, 0xE2, 0xE9, 0x8C, 0x0B)).isEqualTo(Engine.Stop.BUDGET); // vpmaskmovq
        assertThat(misaligned(0xC4, 0xE2, 0x69, 0x8E, 0x0B))
                .isEqualTo(Engine.Stop.BUDGET); // vpmaskmovd [rbx],xmm2,xmm1
        assertThat(misaligned(0xC4, 0xE2, 0xE9, 0x8E, 0x0B)).isEqualTo(Engine.Stop.BUDGET); // vpmaskmovq
        assertThat(misaligned(0xC4, 0xE2, 0x69, 0x92, 0x0C, 0x1B)).isEqualTo(Engine.Stop.BUDGET); // vgatherdps
        assertThat(misaligned(0xC4, 0xE2, 0xE9, 0x92, 0x0C, 0x1B)).isEqualTo(Engine.Stop.BUDGET); // vgatherdpd
        assertThat(misaligned(0xC4, 0xE2, 0x79, 0x13, 0x0B)).isEqualTo(Engine.Stop.BUDGET); // vcvtph2ps xmm1,[rbx]
        assertThat(misaligned(0xC4, 0xE3, 0x79, 0x1D, 0x0B, 0)).isEqualTo(Engine.Stop.BUDGET); // vcvtps2ph [rbx],xmm1,0
        assertThat(misaligned(0xC5, 0xFA, 0x7E, 0x0B)).isEqualTo(Engine.Stop.SHUTDOWN); // vmovq xmm1,[rbx]: #AC
    }

    @Test
    void maskedStoresOfMisalignedElementsReachAcrossAPageOrFaultWhole() {
        misaligned(0x90);
        c.r[3] = PAGE + 0x1FFFF9;
        t.put(PAGE + 0x1FFFF8, 8, 0x1122334455667788L);
        c.x[4] = 0x0807060504030201L;
        c.x[5] = 0x100F0E0D0C0B0A09L;
        t.run(1, 0xC4, 0xE2, 0x69, 0x8E, 0x0B);
        assertThat(t.read64(PAGE + 0x1FFFF8)).isEqualTo(0x0706050403020188L);
        assertThat(t.read64(PAGE + 0x200000)).isEqualTo(0x0F0E0D0C0B0A0908L);
        t.put(ENTRY + 8, 8, 0); // the second page is gone
        c.mmu.flush();
        t.put(PAGE + 0x1FFFF8, 8, 0);
        t.run(1, 0xC4, 0xE2, 0x69, 0x8E, 0x0B);
        assertThat(t.read64(PAGE + 0x1FFFF8)).isZero();
    }

    @Test
    void invlpgForgetsAllOfALargePageAndNothingElse() {
        long other = PAGE + 0x200000;
        t.put(PAGE + 0x5000, 8, 5);
        t.put(other + 0x6000, 8, 6);
        assertThat(Mem.ld64(c, PAGE + 0x5000) + Mem.ld64(c, other + 0x6000)).isEqualTo(11);
        t.put(ENTRY, 8, 0);
        t.put(ENTRY + 8, 8, 0);
        c.mmu.flushPage(PAGE + 0x1FF000); // another part of the page
        assertFault(14, 0, () -> Mem.ld64(c, PAGE + 0x5000));
        assertThat(Mem.ld64(c, other + 0x6000)).isEqualTo(6);
    }

    private void key(int key, int rights) {
        c.cr4 |= 0x40_0000;
        t.put(ENTRY, 8, PAGE & -0x20_0000 | 0x87 | (long) key << 59);
        c.pkru = rights << 2 * key;
        c.mmu.flush();
        c.mmu.contextChanged();
    }

    @Test
    void aKeyThatDisablesAccessStopsLoadsOfEverybodyButNoFetch() {
        key(5, 1);
        assertFault(14, 0x21, () -> Mem.ld8(c, PAGE));
        assertFault(14, 0x23, () -> Mem.st8(c, PAGE, 0));
        c.cpl(3);
        assertFault(14, 0x25, () -> Mem.ld8(c, PAGE));
        c.rip = PAGE;
        t.put(PAGE, 2, 0xC0FF);
        t.engine.run(1);
        assertThat(c.rip).isEqualTo(PAGE + 2);
    }

    @Test
    void aKeyThatDisablesWritesBindsTheSupervisorOnlyWithWriteProtection() {
        key(5, 2);
        Mem.ld8(c, PAGE);
        c.cr0 |= 0x10000;
        c.mmu.contextChanged();
        assertFault(14, 0x23, () -> Mem.st8(c, PAGE, 0));
        c.cr0 &= ~0x10000L;
        c.mmu.contextChanged();
        assertThatCode(() -> Mem.st8(c, PAGE, 0)).doesNotThrowAnyException();
        c.cpl(3);
        assertFault(14, 0x27, () -> Mem.st8(c, PAGE, 0));
    }

    @Test
    void aWriteOfPkruIsInForceAtOnce() {
        key(5, 0);
        c.cpl(3);
        Mem.ld8(c, PAGE);
        c.r[0] = 1 << 10;
        c.r[2] = 0;
        t.run(1, 0x0F, 0x01, 0xEF); // wrpkru
        assertFault(14, 0x25, () -> Mem.ld8(c, PAGE));
    }
}
