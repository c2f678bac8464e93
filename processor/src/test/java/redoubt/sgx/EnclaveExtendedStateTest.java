package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.sgx.SgxRig.AEP;
import static redoubt.sgx.SgxRig.BASE;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redoubt.cpu.Cpu;
import redoubt.cpu.CpuModel;
import redoubt.memory.PhysicalMemory;

/** Extended state of enclaves: what XFRM names is the enclave's, the rest is not touched. SDM vol. 3D section 39.7. */
class EnclaveExtendedStateTest {
    private static final int SSE = 2;
    private static final int AVX = 4;
    private static final int PKRU = 0x200;
    private static final int YMM_HIGH = 576;
    private static final int PKRU_PLACE = 2688;
    private static final int SSA = 2;
    private static final int RAX = 0;

    private final SgxRig rig = new SgxRig(new CpuModel(CpuModel.implemented(), 1));
    private final Cpu c = rig.c;

    /** An enclave with this XFRM; initialized by hand, since signatures are another test's. */
    private void build(long xfrm) {
        byte[] secs = SgxRig.secs(Attributes.MODE64BIT);
        Bytes.put64(secs, Secs.XFRM, xfrm);
        rig.ecreate(0, secs);
        byte[] zero = new byte[4096];
        rig.eadd(0, 1, 0, 0x100, SgxRig.tcs(0x1000, 2, 0x4000));
        rig.eadd(0, SSA, 0x1000, 0x203, zero);
        rig.eadd(0, 3, 0x2000, 0x203, zero);
        for (int i = 1; i <= 3; i++) {
            rig.map((i - 1) * 4096L, i);
        }
        long host = rig.epc.host(0);
        Host.put64(host + Secs.ATTRIBUTES, Host.get64(host + Secs.ATTRIBUTES) | Attributes.INIT);
        c.cr4 |= 1 << 22; // PKE
        c.xcr0 = 3 | AVX | PKRU;
    }

    private static long ssa(SgxRig rig, int offset) {
        return PhysicalMemory.HOST.get(ValueLayout.JAVA_LONG_UNALIGNED, rig.epc.host(SSA) + offset);
    }

    @ParameterizedTest
    @ValueSource(longs = {3, 3 | AVX, 3 | PKRU, 3 | AVX | PKRU})
    void anExitSavesWhatXfrmNamesAndAResumptionRestoresIt(long xfrm) {
        build(xfrm);
        rig.eenter(0);
        assertThat(c.xcr0).isEqualTo(xfrm);
        for (int i = 0; i < 64; i++) {
            c.x[i] = 0x1000L + i;
        }
        c.pkru = 0x5A00;

        rig.unit.asynchronousExit(c, 6, -1, 0);

        boolean avx = (xfrm & AVX) != 0;
        boolean pkru = (xfrm & PKRU) != 0;
        assertThat(c.xcr0).as("XCR0 of the outside").isEqualTo(3 | AVX | PKRU);
        assertThat(ssa(rig, XsaveArea.XSTATE_BV) & ~1).isEqualTo(SSE | xfrm & (AVX | PKRU));
        assertThat(ssa(rig, 160 + 16 * 5)).isEqualTo(0x1000 + 4 * 5);
        assertThat(ssa(rig, YMM_HIGH + 16 * 5)).isEqualTo(avx ? 0x1002 + 4 * 5 : 0);
        assertThat(ssa(rig, PKRU_PLACE) & 0xFFFF_FFFFL).isEqualTo(pkru ? 0x5A00 : 0);
        assertThat(c.x[4 * 5]).isZero();
        assertThat(c.x[4 * 5 + 2]).as("upper half").isEqualTo(avx ? 0 : 0x1002 + 4 * 5);
        assertThat(c.pkru).isEqualTo(pkru ? 0 : 0x5A00);

        long[] outside = new long[64];
        Arrays.fill(outside, 7);
        System.arraycopy(outside, 0, c.x, 0, 64);
        c.pkru = 0x100;
        rig.enclu(3, BASE, AEP, 0);

        assertThat(rig.unit.inEnclave()).isTrue();
        assertThat(c.xcr0).isEqualTo(xfrm);
        assertThat(c.x[4 * 5 + 1]).isEqualTo(0x1001 + 4 * 5);
        assertThat(c.x[4 * 5 + 3]).isEqualTo(avx ? 0x1003 + 4 * 5 : 7);
        assertThat(c.pkru).isEqualTo(pkru ? 0x5A00 : 0x100);
    }

    @Test
    void theGprAreaStaysBehindTheExtendedState() {
        build(3 | AVX | PKRU);
        rig.eenter(0);
        assertThat(c.r[RAX]).isZero();
        c.r[12] = 0x1212;
        rig.unit.asynchronousExit(c, 6, -1, 0);
        assertThat(XsaveArea.size(3 | AVX | PKRU)).isLessThan(4096 - Gprsgx.SIZE);
        assertThat(ssa(rig, 4096 - Gprsgx.SIZE + 8 * 12)).isEqualTo(0x1212);
    }
}
