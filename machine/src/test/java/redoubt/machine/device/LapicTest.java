package redoubt.machine.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import redoubt.cpu.MsrFault;
import redoubt.machine.VirtualClock;

/** Plays Linux' apic.c on two processors. Oracle: SDM 3A, "Advanced programmable interrupt controller". */
class LapicTest {
    private static final int TPR = 0x80;
    private static final int PPR = 0xA0;
    private static final int EOI = 0xB0;
    private static final int LDR = 0xD0;
    private static final int DFR = 0xE0;
    private static final int SVR = 0xF0;
    private static final int ISR = 0x100;
    private static final int IRR = 0x200;
    private static final int ESR = 0x280;
    private static final int ICR = 0x300;
    private static final int ICR_HIGH = 0x310;
    private static final int LVT_TIMER = 0x320;
    private static final int LVT_LINT0 = 0x350;
    private static final int LVT_ERROR = 0x370;
    private static final int INITIAL = 0x380;
    private static final int CURRENT = 0x390;
    private static final int DIVIDE = 0x3E0;

    private static final long X2 = 0xFEE0_0000L | 0xD00;

    private final VirtualClock clock = new VirtualClock();
    private final ApicBus bus = new ApicBus();
    private final List<String> pins = new ArrayList<>();
    private final Lapic apic = lapic(0, true);
    private final Lapic other = lapic(1, false);

    private Lapic lapic(int id, boolean bootstrap) {
        var lapic = new Lapic(id, bootstrap, 46, clock, bus, new ProcessorPins() {
            @Override
            public void interrupt() {}

            @Override
            public void nmi() {
                pins.add(id + " nmi");
            }

            @Override
            public void smi() {
                pins.add(id + " smi");
            }

            @Override
            public void init() {
                pins.add(id + " init");
            }

            @Override
            public void startup(int vector) {
                pins.add(id + " startup " + Integer.toHexString(vector));
            }
        });
        lapic.write(SVR, 4, 0x1FF);
        return lapic;
    }

    private int in(int register) {
        return (int) apic.read(register, 4);
    }

    private void out(int register, int value) {
        apic.write(register, 4, value);
    }

    private void ipi(int destination, int low) {
        out(ICR_HIGH, destination << 24);
        out(ICR, low);
    }

    @Test
    void startsDisabledBySoftwareWithAllVectorsMasked() {
        var fresh = new Lapic(5, true, 46, clock, new ApicBus(), new UnconnectedPins());
        assertThat(fresh.apicBase()).isEqualTo(0xFEE0_0900L);
        assertThat(fresh.read(0x20, 4)).isEqualTo(5L << 24);
        assertThat(fresh.read(SVR, 4)).isEqualTo(0xFF);
        assertThat(fresh.read(DFR, 4)).isEqualTo(0xFFFF_FFFFL);
        assertThat(fresh.read(0x30, 4) & 0xFF).isBetween(0x10L, 0x15L);
        for (int lvt = LVT_TIMER; lvt <= LVT_ERROR; lvt += 0x10) {
            assertThat(fresh.read(lvt, 4)).isEqualTo(0x10000);
            fresh.write(lvt, 4, 0x40);
            assertThat(fresh.read(lvt, 4)).as("stays masked while disabled").isEqualTo(0x10040);
        }
    }

    @Test
    void anInterruptGoesFromRequestToServiceAndEndsWithEoi() {
        bus.send(0, false, ApicBus.FIXED, 0x41, false);
        assertThat(in(IRR + 0x20)).isEqualTo(2);
        assertThat(apic.pending()).isTrue();
        assertThat(apic.acknowledge()).isEqualTo(0x41);
        assertThat(in(IRR + 0x20)).isZero();
        assertThat(in(ISR + 0x20)).isEqualTo(2);
        assertThat(in(PPR)).isEqualTo(0x40);
        assertThat(apic.pending()).isFalse();
        out(EOI, 0);
        assertThat(in(ISR + 0x20)).isZero();
        assertThat(in(PPR)).isZero();
    }

    @Test
    void onlyAHigherClassInterruptsWhatIsServed() {
        bus.send(0, false, ApicBus.FIXED, 0x41, false);
        apic.acknowledge();
        bus.send(0, false, ApicBus.FIXED, 0x4F, false);
        assertThat(apic.pending()).as("same class").isFalse();
        bus.send(0, false, ApicBus.FIXED, 0x50, false);
        assertThat(apic.acknowledge()).isEqualTo(0x50);
        out(EOI, 0);
        assertThat(apic.pending()).isFalse();
        out(EOI, 0);
        assertThat(apic.acknowledge()).isEqualTo(0x4F);
    }

    @Test
    void taskPriorityHoldsBackItsClassAndBelow() {
        out(TPR, 0x50);
        assertThat(apic.cr8()).isEqualTo(5);
        bus.send(0, false, ApicBus.FIXED, 0x5F, false);
        assertThat(apic.pending()).isFalse();
        assertThat(in(PPR)).isEqualTo(0x50);
        apic.cr8(4);
        assertThat(in(TPR)).isEqualTo(0x40);
        assertThat(apic.pending()).isTrue();
    }

    @Test
    void fixedInterruptsAreLostWhileDisabledBySoftware() {
        out(SVR, 0xFF);
        assertThat(bus.send(0, false, ApicBus.FIXED, 0x41, false)).isFalse();
        bus.send(0, false, ApicBus.NMI, 0, false);
        out(SVR, 0x1FF);
        assertThat(apic.pending()).isFalse();
        assertThat(pins).containsExactly("0 nmi");
    }

    @Test
    void aOneShotTimerFiresOnceAfterItsCount() {
        out(DIVIDE, 3);
        out(LVT_TIMER, 0xEC);
        out(INITIAL, 1000);
        clock.advanceTo(8000);
        assertThat(in(CURRENT)).isEqualTo(500);
        clock.advanceTo(15_999);
        assertThat(apic.pending()).isFalse();
        clock.advanceTo(16_000);
        assertThat(in(CURRENT)).isZero();
        assertThat(apic.acknowledge()).isEqualTo(0xEC);
        out(EOI, 0);
        clock.advanceTo(100_000);
        assertThat(apic.pending()).isFalse();
    }

    @Test
    void aPeriodicTimerFiresUntilItsCountIsZeroed() {
        out(DIVIDE, 0xB);
        out(LVT_TIMER, 0x200EC);
        out(INITIAL, 4_000_000);
        for (int tick = 1; tick <= 3; tick++) {
            clock.advanceTo(tick * 4_000_000L - 1);
            assertThat(apic.pending()).isFalse();
            clock.advanceTo(tick * 4_000_000L);
            assertThat(apic.acknowledge()).isEqualTo(0xEC);
            out(EOI, 0);
        }
        clock.advanceTo(13_000_000);
        assertThat(in(CURRENT)).isEqualTo(3_000_000);
        out(INITIAL, 0);
        clock.advanceTo(30_000_000);
        assertThat(apic.pending()).isFalse();
        assertThat(clock.nextDeadline()).isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void allDividersDivide() {
        int[] codes = {0, 1, 2, 3, 8, 9, 10, 11};
        int[] divisors = {2, 4, 8, 16, 32, 64, 128, 1};
        for (int i = 0; i < codes.length; i++) {
            out(LVT_TIMER, 0x100EC);
            out(DIVIDE, codes[i]);
            out(INITIAL, 1_000_000);
            clock.advanceBy(divisors[i] * 1000L);
            assertThat(in(CURRENT)).isEqualTo(999_000);
        }
    }

    @Test
    void theTscDeadlineFiresOnceAndReadsAsZeroThen() {
        out(LVT_TIMER, 0x400EC);
        apic.writeMsr(0x6E0, 5000);
        assertThat(apic.readMsr(0x6E0)).isEqualTo(5000);
        out(INITIAL, 7);
        assertThat(in(CURRENT)).isZero();
        clock.advanceTo(4999);
        assertThat(apic.pending()).isFalse();
        clock.advanceTo(5000);
        assertThat(apic.acknowledge()).isEqualTo(0xEC);
        assertThat(apic.readMsr(0x6E0)).isZero();
        out(EOI, 0);
        apic.writeMsr(0x6E0, 100);
        assertThat(apic.pending()).as("a deadline in the past fires at once").isTrue();
    }

    @Test
    void theDeadlineIsInTheGuestsTscAndLeavingTheModeDisarms() {
        out(LVT_TIMER, 0x400EC);
        apic.tscOffset(1_000_000);
        apic.writeMsr(0x6E0, 1_005_000);
        clock.advanceTo(4999);
        assertThat(apic.pending()).isFalse();
        out(LVT_TIMER, 0xEC);
        clock.advanceTo(10_000);
        assertThat(apic.pending()).isFalse();
        apic.writeMsr(0x6E0, 1);
        assertThat(apic.readMsr(0x6E0)).as("ignored outside the mode").isZero();
    }

    @Test
    void ipisReachTheirDestinations() {
        ipi(1, 0x4055);
        assertThat(apic.pending()).isFalse();
        assertThat(other.acknowledge()).isEqualTo(0x55);
        ipi(0, 0x4_4056);
        assertThat(apic.acknowledge()).isEqualTo(0x56);
        ipi(0, 0x8_4057);
        assertThat(apic.read(IRR + 0x20, 4)).isEqualTo(1 << 23);
        assertThat(other.read(IRR + 0x20, 4)).isEqualTo(1 << 23);
        ipi(0, 0xC_4058);
        assertThat(apic.read(IRR + 0x20, 4)).isEqualTo(1 << 23);
        assertThat(other.read(IRR + 0x20, 4)).isEqualTo(3 << 23);
        ipi(0xFF, 0x4400);
        assertThat(pins).containsExactly("0 nmi", "1 nmi");
    }

    @Test
    void initAndStartupWakeAnApplicationProcessor() {
        other.write(LVT_TIMER, 4, 0xEC);
        ipi(1, 0xC500);
        ipi(1, 0x8500);
        ipi(1, 0x4699);
        assertThat(pins).containsExactly("1 init", "1 startup 99");
        assertThat(other.read(LVT_TIMER, 4)).isEqualTo(0x10000);
        assertThat(other.read(0x20, 4)).isEqualTo(1L << 24);
    }

    @Test
    void logicalDestinationsInFlatAndClusterModel() {
        out(LDR, 0x0100_0000);
        other.write(LDR, 4, 0x0200_0000);
        ipi(3, 0x4860);
        assertThat(apic.acknowledge()).isEqualTo(0x60);
        assertThat(other.acknowledge()).isEqualTo(0x60);
        for (Lapic lapic : List.of(apic, other)) {
            lapic.write(EOI, 4, 0);
            lapic.write(DFR, 4, 0x0FFF_FFFF);
        }
        out(LDR, 0x1100_0000);
        other.write(LDR, 4, 0x2100_0000);
        ipi(0x21, 0x4861);
        assertThat(apic.pending()).isFalse();
        assertThat(other.acknowledge()).isEqualTo(0x61);
    }

    @Test
    void lowestPriorityGoesToTheLessBusyProcessor() {
        out(TPR, 0x30);
        bus.send(0xFF, true, ApicBus.LOWEST_PRIORITY, 0x70, false);
        assertThat(apic.pending()).isFalse();
        assertThat(other.acknowledge()).isEqualTo(0x70);
    }

    @Test
    void illegalVectorsAndRegistersShowInTheErrorStatus() {
        out(LVT_ERROR, 0xFE);
        ipi(0, 0x4005);
        assertThat(apic.acknowledge()).isEqualTo(0xFE);
        assertThat(in(ESR)).as("latched only by a write").isZero();
        out(ESR, 0);
        assertThat(in(ESR)).isEqualTo(0x20);
        bus.send(0, false, ApicBus.FIXED, 3, false);
        in(0x3F0);
        out(ESR, 0);
        assertThat(in(ESR)).isEqualTo(0xC0);
        out(ESR, 0);
        assertThat(in(ESR)).isZero();
    }

    @Test
    void x2ApicIsTheSameApicThroughMsrs() {
        apic.writeMsr(0x1B, X2);
        assertThat(apic.registerPage()).isEqualTo(-1);
        assertThat(apic.readMsr(0x802)).isZero();
        assertThat(apic.readMsr(0x80D)).isEqualTo(1);
        apic.writeMsr(0x808, 0x20);
        assertThat(apic.cr8()).isEqualTo(2);
        apic.writeMsr(0x83F, 0x91);
        assertThat(apic.acknowledge()).isEqualTo(0x91);
        assertThat(apic.readMsr(0x814)).isEqualTo(1 << 17);
        apic.writeMsr(0x80B, 0);
        assertThat(apic.readMsr(0x814)).isZero();
        apic.writeMsr(0x830, 1L << 32 | 0x92);
        assertThat(apic.readMsr(0x830)).isEqualTo(1L << 32 | 0x92);
        assertThat(other.acknowledge()).isEqualTo(0x92);
    }

    @Test
    void x2LogicalIdsAreClusterAndBit() {
        Lapic far = lapic(0x123, false);
        far.writeMsr(0x1B, 0xFEE0_0C00L);
        assertThat(far.readMsr(0x80D)).isEqualTo(0x12_0008);
        apic.writeMsr(0x1B, X2);
        apic.writeMsr(0x830, 0x12_0018L << 32 | 0x800 | 0x93);
        assertThat(far.acknowledge()).isEqualTo(0x93);
        assertThat(apic.pending()).isFalse();
        apic.writeMsr(0x830, 0xFFFF_FFFFL << 32 | 0xA4);
        assertThat(far.pending()).isTrue();
        assertThat(apic.pending()).isTrue();
    }

    @Test
    void x2ApicFaultsOnWhatIsReserved() {
        assertThatThrownBy(() -> apic.readMsr(0x802)).as("not in xAPIC mode").isInstanceOf(MsrFault.class);
        apic.writeMsr(0x1B, X2);
        for (int index : new int[] {0x800, 0x801, 0x80E, 0x82F, 0x831, 0x83A, 0x840}) {
            assertThatThrownBy(() -> apic.readMsr(index)).isInstanceOf(MsrFault.class);
            assertThatThrownBy(() -> apic.writeMsr(index, 0)).isInstanceOf(MsrFault.class);
        }
        for (int readOnly : new int[] {0x802, 0x803, 0x80A, 0x80D, 0x810, 0x827, 0x839}) {
            apic.readMsr(readOnly);
            assertThatThrownBy(() -> apic.writeMsr(readOnly, 0)).isInstanceOf(MsrFault.class);
        }
        assertThatThrownBy(() -> apic.readMsr(0x80B)).isInstanceOf(MsrFault.class);
        assertThatThrownBy(() -> apic.writeMsr(0x80B, 1)).isInstanceOf(MsrFault.class);
        assertThatThrownBy(() -> apic.writeMsr(0x828, 1)).isInstanceOf(MsrFault.class);
        assertThatThrownBy(() -> apic.writeMsr(0x808, 0x100)).isInstanceOf(MsrFault.class);
        assertThatThrownBy(() -> apic.writeMsr(0x832, 1L << 32)).isInstanceOf(MsrFault.class);
    }

    @Test
    void modeTransitionsFollowTheManualsDiagram() {
        assertThatThrownBy(() -> apic.writeMsr(0x1B, 0xFEE0_0500L)).isInstanceOf(MsrFault.class);
        apic.writeMsr(0x1B, X2);
        assertThatThrownBy(() -> apic.writeMsr(0x1B, 0xFEE0_0900L)).isInstanceOf(MsrFault.class);
        apic.writeMsr(0x1B, 0xFEE0_0100L);
        assertThat(apic.registerPage()).isEqualTo(-1);
        assertThatThrownBy(() -> apic.writeMsr(0x1B, X2)).isInstanceOf(MsrFault.class);
        apic.writeMsr(0x1B, 0xFED0_0900L);
        assertThat(apic.registerPage()).isEqualTo(0xFED0_0000L);
        assertThat(in(SVR)).as("as after reset").isEqualTo(0xFF);
        assertThatThrownBy(() -> apic.writeMsr(0x1B, 1L << 46 | 0x900)).isInstanceOf(MsrFault.class);
        assertThatThrownBy(() -> apic.writeMsr(0x1B, 0xFEE0_0A00L)).isInstanceOf(MsrFault.class);
    }

    @Test
    void the8259ComesThroughLint0OrPastADisabledApic() {
        boolean[] line = {true};
        apic.wireExtInt(() -> line[0], () -> 0x30);
        assertThat(apic.pending()).isFalse();
        out(LVT_LINT0, 0x700);
        assertThat(apic.pending()).isTrue();
        assertThat(apic.acknowledge()).isEqualTo(0x30);
        assertThat(in(PPR)).as("the APIC does not see it").isZero();
        out(LVT_LINT0, 0x10700);
        assertThat(apic.pending()).isFalse();
        apic.writeMsr(0x1B, 0xFEE0_0100L);
        assertThat(apic.pending()).isTrue();
        line[0] = false;
        assertThat(apic.pending()).isFalse();
    }

    @Test
    void messageSignalledInterruptsAreDecoded() {
        bus.message(0xFEE0_1000L, 0x4066);
        assertThat(other.acknowledge()).isEqualTo(0x66);
        assertThat(apic.pending()).isFalse();
    }
}
