package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.sgx.SgxRig.AEP;
import static redoubt.sgx.SgxRig.BASE32;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;

/** Enclaves without MODE64BIT, entered from compatibility mode. */
class CompatibilityEnclaveTest {
    private final EnclaveMachine machine = new EnclaveMachine();
    private final Cpu c = machine.c;

    private EnclaveMachine boot(int... code) {
        machine.attributes = 0;
        return machine.boot(code);
    }

    @Test
    void anEnclaveOf32BitsComputesAndExits() {
        // mov ebx, ecx; mov eax, 4; inc esi; enclu
        boot(0x89, 0xCB, 0xB8, 4, 0, 0, 0, 0x46, 0x0F, 0x01, 0xD7);
        c.r[6] = 41;
        assertThat(machine.run()).isEqualTo(13); // the HLT outside
        assertThat(machine.pushed(1)).isEqualTo(AEP + 6);
        assertThat(c.r[6]).isEqualTo(42);
        assertThat(c.r[5]).isEqualTo(0x2F101);
        assertThat(machine.cssa()).isZero();
    }

    @Test
    void anExitSavesTheLowHalvesOnlyAndLeavesR8ToR15() {
        boot(0xBE, 0x78, 0x56, 0x34, 0x12, 0xF9, 0xF4); // mov esi, 0x12345678; stc; hlt
        Host.fill(machine.gpr(0), 184, 0x5A);
        for (int i = 8; i < 16; i++) {
            c.r[i] = 0x7777L << 32 | i;
        }
        assertThat(machine.run()).isEqualTo(13);
        assertThat(Host.get64(machine.gpr(0) + 48)).isEqualTo(0x5A5A5A5A12345678L);
        assertThat(Host.get64(machine.gpr(0) + 64)).isEqualTo(0x5A5A5A5A5A5A5A5AL);
        assertThat(Host.get32(machine.gpr(0) + Gprsgx.RIP)).isEqualTo((int) BASE32 + 0x4006);
        assertThat(Host.get32(machine.gpr(0) + Gprsgx.RFLAGS) & Flags.CF).isEqualTo(Flags.CF);
        assertThat(c.r[8]).isEqualTo(0x7777L << 32 | 8);
        assertThat(c.r[3]).isEqualTo(BASE32);
        assertThat(c.r[1]).isEqualTo(AEP);
        assertThat(c.r[6]).isZero();
        assertThat(machine.pushed(4)).isEqualTo(EnclaveMachine.USER_STACK);
        machine.user(3);
        machine.steps(1);
        assertThat(c.rip).isEqualTo(BASE32 + 0x4006);
        assertThat(c.r[6]).isEqualTo(0x12345678);
        assertThat(c.rflags() & Flags.CF).isEqualTo(Flags.CF);
        assertThat(c.segmentLimit[4]).isEqualTo(0xFFFF_FFFFL);
        assertThat(c.segmentBase[4]).isEqualTo(BASE32);
    }

    @Test
    void theModeOfTheProcessorMustBeThatOfTheEnclave() {
        boot(0xF4);
        c.segmentAccess[1] = 0xA0FB;
        c.codeMode = 64;
        assertThat(machine.run()).isEqualTo(13);
        assertThat(machine.cssa()).isZero();
        EnclaveMachine wide = new EnclaveMachine().boot(0xF4);
        wide.c.segmentAccess[1] = 0xC0FB;
        wide.c.codeMode = 32;
        wide.rig.put(SgxRig.TABLES + 0x1000, 0x87);
        wide.c.r[3] = BASE32;
        assertThat(wide.run()).isEqualTo(14); // the TCS is another one's at this address
        assertThat(wide.cssa()).isZero();
    }

    @ParameterizedTest
    @CsvSource({"1, 0x1000", "3, 0x1000", "0, 0x1000", "2, 0x1000"})
    void theFlatSegmentsMustBeginAtZero(int segment, long base) {
        boot(0xF4);
        if (segment == 1) {
            c.rip -= base;
        }
        c.segmentBase(segment, base);
        if (segment == 3) {
            c.r[3] -= base;
        }
        assertThat(machine.run()).isEqualTo(13);
        assertThat(machine.cssa()).isZero();
    }

    @ParameterizedTest
    @CsvSource({"0x10000, 1, 0", "0x10000, 0, 1"})
    void unusableSegmentsMayHaveAnyBase(int unusable, int es, int ss) {
        boot(0xF4);
        if (es != 0) {
            c.segmentBase(0, 0x1000);
            c.segmentAccess[0] |= unusable;
        }
        if (ss != 0) {
            c.segmentBase(2, 0x1000);
            c.segmentAccess[2] |= unusable;
        }
        machine.run();
        assertThat(machine.cssa()).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({
        "0xC0F7, 0xFFFFFFFF, 0", // expand-down
        "0x1C0F3, 0xFFFFFFFF, 0", // not usable
        "0xC0F3, 0x80000FFE, 0", // the TCS is not in DS
        "0xC0F3, 0x80001FFE, 0", // the frame's GPR area is not
        "0xC0F3, 0x80001FFF, 0", // FS and GS of 4 GB are not
        "0xC0F3, 0xFFFFFFFF, 1"
    })
    void theDataSegmentMustHoldWhatTheEnclaveUses(int access, long limit, int entered) {
        boot(0xF4);
        c.segmentAccess[3] = access;
        c.segmentLimit[3] = limit;
        machine.run();
        assertThat(machine.cssa()).isEqualTo(entered);
    }

    @Test
    void anEnclaveOf32BitsLiesBelowFourGigabytesAndHasWholeFsLimits() {
        byte[] secs = SgxRig.secs(0);
        assertThat(SgxRig.faultOf(() -> machine.rig.ecreate(0, secs))).isEqualTo("#GP"); // at 4 GB
        Bytes.put64(secs, Secs.BASEADDR, 0x8000_0000L);
        Bytes.put64(secs, Secs.SIZE, 0x8000_0000L); // the maximum is not below itself
        assertThat(SgxRig.faultOf(() -> machine.rig.ecreate(0, secs))).isEqualTo("#GP");
        Bytes.put64(secs, Secs.SIZE, 0x4000_0000L);
        assertThat(SgxRig.faultOf(() -> machine.rig.ecreate(0, secs))).isEqualTo("none");
        machine.rig.base = BASE32;
        byte[] tcs = SgxRig.tcs(0x1000, 1, 0);
        Bytes.put32(tcs, Tcs.FSLIMIT, 0xFFFFEFFE);
        assertThat(SgxRig.faultOf(() -> machine.rig.eadd(0, 1, 0, 0x100, tcs))).isEqualTo("#GP");
        Bytes.put32(tcs, Tcs.FSLIMIT, 0xFFFFEFFF);
        assertThat(SgxRig.faultOf(() -> machine.rig.eadd(0, 1, 0, 0x100, tcs))).isEqualTo("none");
    }
}
