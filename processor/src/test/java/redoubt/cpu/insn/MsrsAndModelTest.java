package redoubt.cpu.insn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import redoubt.cpu.Cpu;
import redoubt.cpu.CpuModel;
import redoubt.cpu.GuestFault;
import redoubt.cpu.Mem;
import redoubt.cpu.Msrs;
import redoubt.cpu.TestCpu;
import redoubt.x86.Feature;

/** CPUID against SDM vol. 2A and MSRs against vol. 4. */
class MsrsAndModelTest {
    private static int[] leaf(Cpu c, CpuModel model, int leaf, int subLeaf) {
        int[] registers = {-1, -1, -1, -1};
        model.cpuid(c, leaf, subLeaf, registers);
        return registers;
    }

    private static boolean refuses(Cpu c, int index, long value) {
        GuestFault fault = catchThrowableOfType(GuestFault.class, () -> c.msrs.write(index, value));
        return fault != null && fault.vector == 13 && fault.errorCode == 0;
    }

    @Test
    void tellsTheClockFrequencyAndTheVendorThatIsAskedForIt() {
        try (TestCpu t = TestCpu.longMode()) {
            assertThat(leaf(t.cpu, t.cpu.model, 0, 0)).containsExactly(0x16, 0x756E6547, 0x6C65746E, 0x49656E69);
            assertThat(leaf(t.cpu, t.cpu.model, 0x15, 0)).containsExactly(1, 1, 1_000_000_000, 0);
            assertThat(leaf(t.cpu, t.cpu.model, 0x16, 0)).containsExactly(1000, 1000, 100, 0);
        }
    }

    @Test
    void mirrorsControlRegisterBits() {
        try (TestCpu t = TestCpu.longMode()) {
            assertThat(leaf(t.cpu, t.cpu.model, 1, 0)[2] >> 27 & 1).isZero();
            assertThat(leaf(t.cpu, t.cpu.model, 7, 0)[2] >> 4 & 1).isZero();
            t.cpu.cr4 |= 1 << 18 | 1 << 22;
            assertThat(leaf(t.cpu, t.cpu.model, 1, 0)[2] >> 27 & 1).isEqualTo(1);
            assertThat(leaf(t.cpu, t.cpu.model, 7, 0)[2] >> 4 & 1).isEqualTo(1);
        }
    }

    @Test
    void presentsExactlyTheFeaturesGiven() {
        try (TestCpu t = TestCpu.longMode()) {
            CpuModel with = new CpuModel(EnumSet.of(Feature.SSE, Feature.SGX, Feature.SGX_LC, Feature.SGX1), 4)
                    .withEpc(List.of(
                            new CpuModel.EpcSection(0x12_3456_7000L, 0x1000),
                            new CpuModel.EpcSection(0x2000_0000L, 0x13_0000_2000L)));
            CpuModel without = new CpuModel(EnumSet.of(Feature.SSE), 1);
            assertThat(leaf(t.cpu, with, 7, 0)).containsExactly(0, 1 << 2 | 1 << 13, 1 << 30, 0);
            assertThat(leaf(t.cpu, with, 0x12, 0)).containsExactly(1, 0, 0, CpuModel.ENCLAVE_SIZES);
            assertThat(leaf(t.cpu, with, 0x12, 1)).containsExactly(0, 0, 3, 0);
            assertThat(leaf(t.cpu, with, 0x12, 2)).containsExactly(0x3456_7001, 0x12, 0x1001, 0);
            assertThat(leaf(t.cpu, with, 0x12, 3)).containsExactly(0x2000_0001, 0, 0x2001, 0x13);
            assertThat(leaf(t.cpu, with, 0x12, 4)).containsOnly(0);
            assertThat(leaf(t.cpu, without, 7, 0)).containsExactly(0, 1 << 13, 0, 0);
            assertThat(leaf(t.cpu, without, 0x12, 2)).containsOnly(0);
            assertThat(leaf(t.cpu, without, 0xD, 0)).containsOnly(0);
            assertThat(leaf(t.cpu, without, 0x40000000, 0)).containsOnly(0);
            assertThat(leaf(t.cpu, with, 0xB, 1)[0]).isEqualTo(2);
        }
    }

    @Test
    void dropsFeaturesWhoseBasisIsMissing() {
        CpuModel model = new CpuModel(Set.of(Feature.AVX2, Feature.FMA, Feature.XSAVES), 1);
        assertThat(model.features()).containsExactly(Feature.BASE);
        assertThat(model.xcr0Allowed()).isZero();
    }

    @Test
    void sizesTheSaveAreaByWhatIsEnabled() {
        try (TestCpu t = TestCpu.longMode()) {
            EnumSet<Feature> features = EnumSet.copyOf(CpuModel.implemented());
            features.add(Feature.AVX);
            CpuModel model = new CpuModel(features, 1);
            t.cpu.xcr0 = 3;
            assertThat(leaf(t.cpu, model, 0xD, 0)).containsExactly(0x207, 576, 2696, 0);
            t.cpu.xcr0 = 0x207;
            assertThat(leaf(t.cpu, model, 0xD, 1)[1]).isEqualTo(576 + 256 + 8);
            assertThat(leaf(t.cpu, model, 0xD, 2)).containsExactly(256, 576, 0, 0);
        }
    }

    @Test
    void refusesUnknownRegistersAndReservedBits() {
        try (TestCpu t = TestCpu.longMode()) {
            Cpu c = t.cpu;
            assertThat(catchThrowableOfType(GuestFault.class, () -> c.msrs.read(0x4E)).vector)
                    .isEqualTo(13); // PPIN
            assertThat(refuses(c, 0x4E, 0)).isTrue();
            assertThat(refuses(c, Msrs.EFER, c.efer | 2)).isTrue();
            assertThat(refuses(c, Msrs.LSTAR, 1L << 47)).isTrue();
            assertThat(refuses(c, Msrs.PAT, 0x0007_0406_0007_0402L)).isTrue();
            assertThat(refuses(c, Msrs.MTRR_DEF_TYPE, 0xC07)).isTrue();
            assertThat(refuses(c, 0x8C, 0)).isTrue(); // no SGX
            assertThat(c.msrs.read(Msrs.PAT)).isEqualTo(0x0007_0406_0007_0406L);
            assertThat(c.msrs.read(Msrs.MTRR_DEF_TYPE)).isEqualTo(0xC06);
        }
    }

    @Test
    void registersGoWithTheirFeature() {
        EnumSet<Feature> none = EnumSet.of(Feature.SSE, Feature.SSE2);
        try (TestCpu t = TestCpu.longMode(new CpuModel(none, 1))) {
            Cpu c = t.cpu;
            assertThat(refuses(c, Msrs.TSC_DEADLINE, 1)).isTrue();
            assertThat(refuses(c, Msrs.TSC_ADJUST, 1)).isTrue();
            assertThat(refuses(c, Msrs.TSC_AUX, 1)).isTrue();
            assertThat(refuses(c, Msrs.APIC_BASE, 0xFEE0_0D00L)).as("x2APIC").isTrue();
            assertThat(catchThrowableOfType(GuestFault.class, () -> c.msrs.read(0x802)).vector)
                    .isEqualTo(13);
            assertThat(catchThrowableOfType(GuestFault.class, () -> c.msrs.read(0x10A)).vector)
                    .isEqualTo(13);
        }
    }

    @Test
    void gigabytePagesAreReservedWithoutTheFeature() {
        for (boolean present : new boolean[] {true, false}) {
            EnumSet<Feature> features = EnumSet.of(Feature.SSE, Feature.SSE2);
            if (present) {
                features.add(Feature.PAGES_1G);
            }
            try (TestCpu t = TestCpu.longMode(new CpuModel(features, 1))) {
                Cpu c = t.cpu;
                // the page tables' second level entry 1: the first GiB once more
                t.write(0x2008, new byte[] {(byte) 0x83, 0, 0, 0, 0, 0, 0, 0});
                c.mmu.flush();
                GuestFault fault = catchThrowableOfType(GuestFault.class, () -> Mem.ld64(c, (1L << 30) + TestCpu.DATA));
                assertThat(fault == null).isEqualTo(present);
                if (fault != null) {
                    assertThat(fault.vector).isEqualTo(14);
                    assertThat(fault.errorCode).isEqualTo(1 | 8);
                }
            }
        }
    }

    @Test
    void keepsLongModeFromChangingUnderPaging() {
        try (TestCpu t = TestCpu.longMode()) {
            Cpu c = t.cpu;
            assertThat(refuses(c, Msrs.EFER, 0x801)).isTrue(); // LME off
            c.msrs.write(Msrs.EFER, 0x900); // SCE off; LMA in the value is ignored
            assertThat(c.efer).isEqualTo(0xD00);
        }
    }

    @Test
    void locksFeatureControl() {
        try (TestCpu t = TestCpu.longMode()) {
            Cpu c = t.cpu;
            assertThat(refuses(c, Msrs.FEATURE_CONTROL, 1 | 1 << 18)).isTrue(); // no such bit without SGX
            c.msrs.write(Msrs.FEATURE_CONTROL, 1);
            assertThat(refuses(c, Msrs.FEATURE_CONTROL, 1)).isTrue();
            assertThat(c.msrs.read(Msrs.FEATURE_CONTROL)).isEqualTo(1);
        }
    }

    @Test
    void movesTheCounterAndItsAdjustmentTogether() {
        try (TestCpu t = TestCpu.longMode()) {
            Cpu c = t.cpu;
            long before = c.msrs.tsc();
            c.msrs.write(Msrs.TSC_ADJUST, 500);
            assertThat(c.msrs.tsc()).isEqualTo(before + 500);
            c.msrs.write(Msrs.TSC, 10_000);
            assertThat(c.msrs.tsc()).isEqualTo(10_000);
            assertThat(c.msrs.read(Msrs.TSC_ADJUST)).isEqualTo(10_000 - before);
        }
    }
}
