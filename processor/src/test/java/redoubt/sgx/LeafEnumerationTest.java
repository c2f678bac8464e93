package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.sgx.SgxRig.BASE;
import static redoubt.sgx.SgxRig.faultOf;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A leaf exists if CPUID leaf 12H says so: SDM vol. 3D table 34-3; otherwise it is #GP. */
class LeafEnumerationTest {
    private static final int SGX1 = SgxCapabilities.SGX1;
    /** Not EPC, but mapped. */
    private static final long RAM = 0x20000;

    private static SgxRig rig(int features) {
        SgxCapabilities s = SgxCapabilities.standard(3);
        return new SgxRig(new SgxCapabilities(features, s.miscselect(), s.sizes(), s.attributes(), s.xfrm()), "boot");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 0x41, 0x401, 0x801, 0x43, 0x443, 0xC63, 0xFFF})
    void enclsHasTheLeavesThatItsBitsName(int features) {
        SgxRig rig = rig(features);
        List<Integer> expected = new ArrayList<>();
        List<Integer> found = new ArrayList<>();
        for (int leaf = -1; leaf < 0x48; leaf++) {
            boolean exists = leaf >= 0
                    && (leaf <= 0xC
                            || leaf <= 0xF && (features & 2) != 0
                            || leaf >= 0x10 && leaf <= 0x13 && (features & 0x40) != 0
                            || leaf == 0x18 && (features & 0x400) != 0);
            if (exists) {
                expected.add(leaf);
            }
            int number = leaf;
            if (!faultOf(() -> rig.encls(number, number == 0xA ? PageType.VA : RAM, RAM, RAM))
                    .equals("#GP")) {
                found.add(leaf);
            }
        }
        assertThat(found).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 0x801, 0xFFF})
    void encluHasTheLeavesThatItsBitsName(int features) {
        List<Integer> expected = new ArrayList<>(List.of(0, 1, 4));
        if ((features & 2) != 0) {
            expected.addAll(List.of(5, 6, 7));
        }
        if ((features & 0x800) != 0) {
            expected.add(9);
        }
        List<Integer> found = new ArrayList<>();
        for (int leaf = -1; leaf < 0x20; leaf++) {
            SgxRig rig = rig(features).standardEnclave(Attributes.MODE64BIT);
            rig.eenter(0);
            Host.put32(rig.epc.host(1) + Tcs.CSSA, 1);
            int number = leaf;
            // a TCS is no operand: #PF
            if (!faultOf(() -> rig.enclu(number, BASE, BASE + 0x5000, BASE + 0x5000))
                    .equals("#GP")) {
                found.add(leaf);
            }
        }
        assertThat(found).isEqualTo(expected);
    }

    @Test
    void enclvIsUndefinedToAGuestUnlessItsHypervisorTakesIt() {
        SgxRig rig = SgxRig.withAllLeaves();
        rig.ecreate(0, SgxRig.secs(Attributes.MODE64BIT));
        rig.c.r[0] = 2;
        assertThat(faultOf(() -> rig.unit.enclv(rig.c))).isEqualTo("#UD");
        rig.unit.interceptEnclv((c, leaf) -> {
            rig.unit.enclvInRoot(c);
            return true;
        });
        rig.put(SgxRig.SOURCE, 0x123456789L);
        rig.c.r[0] = 2;
        rig.c.r[1] = SgxRig.address(0);
        rig.c.r[2] = SgxRig.SOURCE;
        assertThat(faultOf(() -> rig.unit.enclv(rig.c))).isEqualTo("none");
        assertThat(rig.c.r[0]).isZero();
        assertThat(rig.encls(0x10, SgxRig.PCMD, SgxRig.address(0), 0)).isZero();
        assertThat(rig.get(SgxRig.PCMD + 16)).isEqualTo(0x123456789L);
        rig.c.cpl(3);
        assertThat(faultOf(() -> rig.unit.enclv(rig.c))).isEqualTo("#UD");
        rig.c.cpl(0);
        rig.c.codeMode = 32; // compatibility mode
        assertThat(faultOf(() -> rig.unit.enclv(rig.c))).isEqualTo("#UD");
        SgxRig without = rig(SGX1);
        without.unit.interceptEnclv((c, leaf) -> true);
        assertThat(faultOf(() -> without.unit.enclv(without.c))).isEqualTo("#UD");
        assertThat(faultOf(() -> without.enclv(2, 0, 0, 0))).isEqualTo("#UD");
    }

    @Test
    void virtualChildrenAreCounted() {
        SgxRig rig = SgxRig.withAllLeaves();
        rig.ecreate(0, SgxRig.secs(Attributes.MODE64BIT));
        rig.eadd(0, 1, 0x3000, 0x203, new byte[4096]);
        long secs = SgxRig.address(0);
        assertThat(rig.enclv(0, secs, secs, 0)).isEqualTo(ErrorCode.INVALID_COUNTER);
        assertThat(rig.enclv(1, SgxRig.address(1), secs, 0)).isZero();
        assertThat(rig.enclv(1, secs, secs, 0)).isZero();
        assertThat(rig.encls(0x10, SgxRig.PCMD, secs, 0)).isZero();
        assertThat(rig.get(SgxRig.PCMD)).isEqualTo(3);
        assertThat(rig.enclv(0, secs, secs, 0)).isZero();
        assertThat(rig.enclv(0, secs, secs, 0)).isZero();
        assertThat(rig.encls(0x10, SgxRig.PCMD, secs, 0)).isZero();
        assertThat(rig.get(SgxRig.PCMD)).isEqualTo(1);
        assertThat(faultOf(() -> rig.enclv(1, SgxRig.address(1), secs + 8, 0))).isEqualTo("#GP");
        assertThat(faultOf(() -> rig.enclv(1, SgxRig.address(1), RAM, 0))).isEqualTo("#PF 8001 20000");
        assertThat(faultOf(() -> rig.enclv(3, secs, secs, 0))).isEqualTo("#GP");
    }

    @Test
    void trackingByAnyPageIsThatOfItsEnclave() {
        SgxRig rig = SgxRig.withAllLeaves().standardEnclave(Attributes.MODE64BIT);
        rig.eenter(0);
        SgxUnit outside = new SgxUnit(rig.platform);
        assertThat(rig.enclsElsewhere(outside, 0x11, 0, SgxRig.address(4), 0)).isZero();
        assertThat(rig.enclsElsewhere(outside, 0xC, 0, SgxRig.address(0), 0)).isEqualTo(ErrorCode.PREV_TRK_INCMPL);
        assertThat(rig.enclsElsewhere(outside, 0x11, 0, SgxRig.address(1), 0)).isEqualTo(ErrorCode.PREV_TRK_INCMPL);
    }
}
