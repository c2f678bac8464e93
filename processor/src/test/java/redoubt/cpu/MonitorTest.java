package redoubt.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redoubt.cpu.insn.Sys;

/** MONITOR and MWAIT. The oracle is SDM vol. 2, their pages. */
class MonitorTest {
    private static final long IDT = TestCpu.DATA + 0x1000;
    private static final long GDT = TestCpu.DATA + 0x2000;
    private static final long HANDLER = TestCpu.DATA + 0x3000;
    private static final long STACK = TestCpu.DATA + 0x8000;
    private static final long LINE = TestCpu.DATA + 0x40;
    private static final int VECTOR = 0x40;

    /** monitor; mwait; inc edx; hlt. */
    private static final int[] WAIT = {0x0F, 0x01, 0xC8, 0x0F, 0x01, 0xC9, 0xFF, 0xC2, 0xF4};

    private static final long BEHIND_MWAIT = TestCpu.CODE + 6;

    private final TestCpu t = TestCpu.longMode();
    private final Cpu c = t.cpu;
    private boolean interrupt;

    MonitorTest() {
        t.put(GDT + 8, 8, 0x00AF9A000000FFFFL);
        c.gdtBase = GDT;
        c.gdtLimit = 15;
        c.selector[Segments.CS] = 8;
        c.idtBase = IDT;
        c.idtLimit = 0xFFF;
        for (int vector : new int[] {6, 13, 14, VECTOR}) {
            long handler = HANDLER + vector * 16L;
            t.put(IDT + vector * 16L, 8, handler & 0xFFFF | 8L << 16 | 0x8E00L << 32 | handler >> 16 << 48);
            t.put(handler, 1, 0xF4);
        }
        c.r[4] = STACK;
        c.r[0] = LINE + 8;
        c.r[2] = 0;
        LocalApic none = c.apic;
        c.apic = new LocalApic() {
            @Override
            public boolean pending() {
                return interrupt;
            }

            @Override
            public int acknowledge() {
                interrupt = false;
                return VECTOR;
            }

            @Override
            public long readMsr(int index) {
                return none.readMsr(index);
            }

            @Override
            public void writeMsr(int index, long value) {
                none.writeMsr(index, value);
            }

            @Override
            public int cr8() {
                return 0;
            }

            @Override
            public void cr8(int priority) {}
        };
    }

    @AfterEach
    void close() {
        t.close();
    }

    private void assertWaits() {
        assertThat(c.isIdle()).isTrue();
        assertThat(t.engine.run(10)).isEqualTo(Engine.Stop.HALTED);
        assertThat(c.rip).isEqualTo(BEHIND_MWAIT);
    }

    private void assertGoesOn() {
        assertThat(t.engine.run(10)).isEqualTo(Engine.Stop.HALTED);
        assertThat(c.rip).isEqualTo(TestCpu.CODE + WAIT.length);
        assertThat(c.r[2]).isEqualTo(1);
        t.put(LINE, 1, 0x77); // HLT waits for no store
        assertThat(c.isIdle()).isTrue();
    }

    private int vector() {
        assertThat(t.engine.run(10)).isEqualTo(Engine.Stop.HALTED);
        return (int) (c.rip - 1 - HANDLER) / 16;
    }

    @Test
    void waitsUntilAnybodyStoresToTheLine() {
        t.run(2, WAIT);
        assertWaits();
        t.put(LINE - 1, 1, 1);
        t.put(LINE + 64, 1, 1);
        assertWaits();
        t.put(LINE + 63, 1, 1);
        assertThat(c.isIdle()).isFalse();
        assertGoesOn();
    }

    @Test
    void aStoreBetweenMonitorAndMwaitIsNotMissed() {
        t.run(1, WAIT);
        t.put(LINE, 1, 1);
        assertGoesOn();
    }

    @Test
    void withoutMonitorThereIsNothingToWaitFor() {
        t.run(2, 0x90, 0x90, 0x90, 0x0F, 0x01, 0xC9, 0xFF, 0xC2, 0xF4);
        assertGoesOn();
    }

    @Test
    void anEventBetweenMonitorAndMwaitForgetsTheLine() {
        t.run(1, WAIT);
        c.signalNmi();
        t.put(IDT + 32, 8, t.read64(IDT + VECTOR * 16L));
        t.put(HANDLER + VECTOR * 16L, 2, 0xCF48); // iretq
        assertGoesOn();
    }

    @Test
    void anInterruptEndsTheWaitAndIsDelivered() {
        c.flags |= Flags.IF;
        t.run(2, WAIT);
        assertWaits();
        interrupt = true;
        assertThat(c.isIdle()).isFalse();
        assertThat(vector()).isEqualTo(VECTOR);
        assertThat(t.read64(c.r[4])).isEqualTo(BEHIND_MWAIT);
    }

    @Test
    void aMaskedInterruptDoesNotEndTheWait() {
        t.run(2, WAIT);
        interrupt = true;
        assertWaits();
    }

    @Test
    void aMaskedInterruptEndsTheWaitWhereTheExtensionAsksForIt() {
        t.run(1, WAIT);
        c.r[1] = 1;
        t.engine.run(1);
        assertWaits();
        interrupt = true;
        assertThat(c.isIdle()).isFalse();
        assertGoesOn();
        assertThat(interrupt).as("still pending").isTrue();
    }

    @Test
    void unknownExtensionsFault() {
        c.r[1] = 1;
        t.run(1, WAIT);
        assertThat(vector()).isEqualTo(13);
        c.halted = false;
        c.r[1] = 1L << 32;
        t.run(1, WAIT);
        assertThat(vector()).isEqualTo(13);
        c.halted = false;
        c.r[1] = 2;
        t.run(1, 0x0F, 0x01, 0xC9);
        assertThat(vector()).isEqualTo(13);
    }

    @Test
    void monitorFaultsLikeALoad() {
        c.r[0] = 0x4000_0000;
        t.run(1, WAIT);
        assertThat(vector()).isEqualTo(14);
        c.halted = false;
        c.r[0] = 1L << 60;
        t.run(1, WAIT);
        assertThat(vector()).isEqualTo(13);
    }

    @Test
    void theAddressIsOfTheAddressSizeAndInTheSegmentOfThePrefix() {
        c.segmentBase(Segments.FS, LINE - 0x100);
        c.r[0] = 0xABCD_0000_0000L | 0x110;
        t.run(2, 0x64, 0x67, 0x0F, 0x01, 0xC8, 0x0F, 0x01, 0xC9, 0x90);
        assertThat(c.isIdle()).isTrue();
        t.put(LINE + 0x20, 1, 1);
        assertThat(c.isIdle()).isFalse();
    }

    @Test
    void bothAreUndefinedForTheUser() {
        for (int last : new int[] {0xC8, 0xC9}) {
            Cpu user = TestCpu.longMode().cpu;
            user.cpl(3);
            try {
                if (last == 0xC8) {
                    Sys.monitor(user);
                } else {
                    Sys.mwait(user);
                }
                throw new AssertionError("no fault");
            } catch (GuestFault fault) {
                assertThat(fault.vector).isEqualTo(6);
            }
        }
    }

    @Test
    void cpuidAndMiscEnableTellOfThem() {
        int[] leaf = new int[4];
        c.model.cpuid(c, 5, 0, leaf);
        assertThat(leaf).containsExactly(64, 64, 3, 0x11);
        assertThat(c.msrs.read(Msrs.MISC_ENABLE) >> 18 & 1).isEqualTo(1);
        c.msrs.write(Msrs.MISC_ENABLE, c.msrs.read(Msrs.MISC_ENABLE) & ~1L);
        CpuModel without = new CpuModel(CpuGeneration.DEFAULT, CpuGeneration.DEFAULT.features(), 1);
        try (TestCpu other = TestCpu.longMode(without)) {
            without.cpuid(other.cpu, 5, 0, leaf);
            assertThat(leaf).containsOnly(0);
            assertThat(other.cpu.msrs.read(Msrs.MISC_ENABLE) >> 18 & 1).isZero();
            assertThat(other.run(1, WAIT)).isEqualTo(Engine.Stop.SHUTDOWN);
        }
    }
}
