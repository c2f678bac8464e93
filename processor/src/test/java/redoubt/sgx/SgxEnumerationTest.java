package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.HexFormat;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import redoubt.cpu.Cpu;
import redoubt.cpu.CpuGeneration;
import redoubt.cpu.CpuModel;
import redoubt.cpu.GuestFault;
import redoubt.cpu.Msrs;
import redoubt.x86.Feature;

/** CPUID, MSRs and the availability of leaf functions tell the same story: SDM vol. 3D section 34.7. */
class SgxEnumerationTest {
    private static final int LAUNCH_KEY = 0x8C;
    private static final int EREMOVE = 3;
    private static final int EAUG = 0xD;

    private static CpuModel model(boolean sgx1, boolean sgx2, boolean launchControl) {
        Set<Feature> features = EnumSet.copyOf(CpuModel.implemented());
        if (!sgx1) {
            features.remove(Feature.SGX1);
        }
        if (!sgx2) {
            features.remove(Feature.SGX2);
        }
        if (!launchControl) {
            features.remove(Feature.SGX_LC);
        }
        return new CpuModel(features, 1);
    }

    private static int bit(CpuModel model, Cpu c, int leaf, int register, int bit) {
        int[] registers = new int[4];
        model.cpuid(c, leaf, 0, registers);
        return registers[register] >> bit & 1;
    }

    private static boolean faults(Runnable access) {
        try {
            access.run();
            return false;
        } catch (GuestFault fault) {
            assertThat(fault.vector).isEqualTo(13);
            return true;
        }
    }

    @ParameterizedTest(name = "SGX1 {0}, SGX2 {1}, launch control {2}")
    @CsvSource({
        "false,false,false",
        "false,false,true",
        "false,true,false",
        "false,true,true",
        "true,false,false",
        "true,false,true",
        "true,true,false",
        "true,true,true"
    })
    void cpuidMsrsAndLeavesAgree(boolean sgx1, boolean sgx2, boolean launchControl) {
        CpuModel model = model(sgx1, sgx2, launchControl);
        SgxRig rig = new SgxRig(model);
        Cpu c = rig.c;
        rig.c.msrs.set(Msrs.FEATURE_CONTROL, 0);
        boolean both = sgx1 && sgx2; // SGX2 builds on SGX1

        assertThat(bit(model, c, 7, 1, 2)).as("SGX").isEqualTo(1);
        assertThat(bit(model, c, 7, 2, 30)).as("SGX_LC").isEqualTo(launchControl ? 1 : 0);
        assertThat(bit(model, c, 0x12, 0, 0)).as("SGX1").isEqualTo(sgx1 ? 1 : 0);
        assertThat(bit(model, c, 0x12, 0, 1)).as("SGX2").isEqualTo(both ? 1 : 0);

        boolean hashes = launchControl && sgx1;
        assertThat(faults(() -> c.msrs.read(LAUNCH_KEY + 3))).isEqualTo(!hashes);
        assertThat(faults(() -> c.msrs.write(LAUNCH_KEY, 5)))
                .as("not before FEATURE_CONTROL says so")
                .isTrue();
        long everything = Msrs.LOCK | Msrs.SGX_ENABLE | Msrs.SGX_LC_ENABLE;
        assertThat(faults(() -> c.msrs.write(Msrs.FEATURE_CONTROL, everything))).isEqualTo(!launchControl);
        if (!launchControl) {
            c.msrs.write(Msrs.FEATURE_CONTROL, Msrs.LOCK | Msrs.SGX_ENABLE);
        }
        assertThat(faults(() -> c.msrs.write(LAUNCH_KEY, 5))).isEqualTo(!hashes);
        assertThat(c.msrs.get(LAUNCH_KEY)).isEqualTo(hashes ? 5 : 0xa6053e051270b7acL);

        String eremove = SgxRig.faultOf(() -> rig.encls(EREMOVE, 0, SgxRig.address(0), 0));
        assertThat(eremove).isEqualTo(sgx1 ? "none" : "#UD");
        String eaug = SgxRig.faultOf(() -> rig.encls(EAUG, SgxRig.PAGEINFO, SgxRig.SOURCE, 0));
        assertThat(eaug).matches(both ? "#PF .*" : sgx1 ? "#GP" : "#UD"); // its operand is no EPC
    }

    @Test
    void processorWithoutLaunchControlTakesIntelsKeyOnly() {
        SgxRig rig = new SgxRig(new CpuModel(CpuGeneration.SKYLAKE_SGX1, CpuGeneration.SKYLAKE_SGX1.features(), 1));
        assertThat(HexFormat.of().formatHex(SgxUnit.launchKeyHash(rig.c)))
                .isEqualTo("acb77012053e05a63d413b8bbae8fb6c5d73b3f2996d91c43bbbf90959c0f8d4");
        rig.ecreate(0, SgxRig.secs(4));
        assertThat(rig.einit(0, rig.sign(0, 4))).isEqualTo(ErrorCode.INVALID_EINITTOKEN);
    }

    @ParameterizedTest
    @EnumSource(CpuGeneration.class)
    void generationHasItsSgxAndNoOther(CpuGeneration generation) {
        CpuModel model = new CpuModel(generation, generation.features(), 1);
        SgxCapabilities sgx = SgxCapabilities.of(model);
        int features = sgx.features();
        switch (generation) {
            case SKYLAKE_SGX1, COFFEELAKE -> {
                assertThat(features).isEqualTo(SgxCapabilities.SGX1);
                assertThat(sgx.miscselect()).isZero();
                assertThat(sgx.attributes()).isEqualTo(0x36);
            }
            case ICELAKE_SERVER -> {
                assertThat(features).isEqualTo(SgxCapabilities.SGX1 | SgxCapabilities.SGX2);
                assertThat(sgx.miscselect()).isEqualTo(SgxCapabilities.EXINFO);
                assertThat(sgx.attributes()).isEqualTo(0xB6);
            }
            case SAPPHIRERAPIDS -> {
                assertThat(features).isEqualTo(SgxCapabilities.SGX1 | SgxCapabilities.SGX2 | SgxCapabilities.EDECCSSA);
                assertThat(sgx.attributes()).isEqualTo(0x4B6);
            }
            case MAX -> assertThat(model.features()).isEqualTo(CpuModel.implemented());
        }
        assertThat(model.has(Feature.SGX_LC)).isEqualTo(generation != CpuGeneration.SKYLAKE_SGX1);
        assertThat(sgx.xfrm() & ~model.xcr0Allowed()).isZero();
    }

    @Test
    void attributesOfEnclavesFollowTheModel() {
        SgxRig rig = new SgxRig(new CpuModel(CpuGeneration.COFFEELAKE, CpuGeneration.COFFEELAKE.features(), 1));
        assertThat(SgxRig.faultOf(() -> rig.ecreate(0, SgxRig.secs(4 | 0x80)))).isEqualTo("#GP"); // KSS
        assertThat(SgxRig.faultOf(() -> rig.ecreate(0, SgxRig.secs(4)))).isEqualTo("none");
    }
}
