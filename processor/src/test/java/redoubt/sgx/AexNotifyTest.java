package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.sgx.SgxRig.AEP;
import static redoubt.sgx.SgxRig.BASE;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import redoubt.cpu.Cpu;

/** Notification of asynchronous exits and EDECCSSA: SDM vol. 3D, ERESUME and EDECCSSA. */
class AexNotifyTest {
    private static final long CODE = BASE + 0x4000;
    /** cmp eax, 0; jne +1; hlt; then, when entered again: mov eax, 9; enclu; nop; hlt. */
    private static final int[] HANDLER = {
        0x83, 0xF8, 0, 0x75, 0x01, 0xF4, 0xB8, 9, 0, 0, 0, 0x0F, 0x01, 0xD7, 0x90, 0xF4
    };

    private final EnclaveMachine machine = new EnclaveMachine();
    private final Cpu c = machine.c;

    private void boot() {
        machine.attributes = Attributes.MODE64BIT | Attributes.AEXNOTIFY;
        machine.threadFlags = Tcs.AEXNOTIFY;
        machine.boot(HANDLER);
        assertThat(machine.run()).isEqualTo(13); // the HLT of the first entry
        assertThat(machine.cssa()).isEqualTo(1);
        assertThat(machine.savedRip(0)).isEqualTo(CODE + 5);
    }

    private void ask() {
        Host.put8(machine.gpr(0) + Gprsgx.AEXNOTIFY, 1);
    }

    @Test
    void anEnclaveThatDoesNotAskIsResumed() {
        boot();
        machine.user(3);
        machine.steps(1);
        assertThat(c.rip).isEqualTo(CODE + 5);
        assertThat(machine.cssa()).isZero();
    }

    @Test
    void anEnclaveThatAsksIsEnteredWithAnotherFrame() {
        boot();
        ask();
        long savedRax = Host.get64(machine.gpr(0));
        machine.user(3);
        c.r[4] = 0x2E000;
        machine.steps(1);
        assertThat(c.rip).isEqualTo(CODE);
        assertThat(c.r[0]).isEqualTo(1);
        assertThat(c.r[1]).isEqualTo(AEP + 3);
        assertThat(c.r[4]).isEqualTo(0x2E000); // nothing is restored
        assertThat(machine.cssa()).isEqualTo(1);
        assertThat(Host.get64(machine.gpr(1) + Gprsgx.URSP)).isEqualTo(0x2E000);
        assertThat(Host.get64(machine.gpr(0))).isEqualTo(savedRax);
    }

    @Test
    void afterEdeccssaAnExitOverwritesTheInterruptedFrame() {
        boot();
        ask();
        machine.user(3);
        assertThat(machine.run()).isEqualTo(13); // the HLT after EDECCSSA
        assertThat(machine.cssa()).isEqualTo(1);
        assertThat(machine.savedRip(0)).isEqualTo(CODE + 15);
        assertThat(machine.savedRip(1)).isZero();
        assertThat(Host.get64(machine.gpr(0)) & 0xFFFF_FFFFL).isEqualTo(9); // EDECCSSA changes no register
        assertThat(Host.get8(machine.gpr(0) + Gprsgx.AEXNOTIFY)).isEqualTo(1); // nor does an exit touch what is asked
    }

    @Test
    void aNotificationNeedsAFrameMore() {
        boot();
        ask();
        Host.put32(machine.rig.epc.host(1) + Tcs.NSSA, 1);
        machine.user(3);
        assertThat(machine.run()).isEqualTo(13);
        assertThat(machine.pushed(1)).isEqualTo(AEP);
        assertThat(machine.cssa()).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({"0x400, 2, 1", "0, 0, 1", "0x400, 0, 0", "0, 2, 0"})
    void threadAndEnclaveMustAgree(long attribute, int flags, int entered) {
        machine.attributes = Attributes.MODE64BIT | attribute;
        machine.threadFlags = flags;
        machine.boot(0xF4);
        assertThat(machine.run()).isEqualTo(13);
        assertThat(machine.cssa()).isEqualTo(entered);
    }

    @Test
    void edeccssaNeedsTheInterruptedFrameToBeUsable() {
        boot();
        machine.rig.epc.set(2, Epc.BLOCKED);
        machine.user(2); // not notified, but entered with frame 1
        assertThat(machine.run()).isEqualTo(14);
        assertThat(machine.savedRip(1)).isEqualTo(CODE + 11);
        assertThat(c.cr2).isEqualTo(BASE + 0x1000);
        assertThat(machine.cssa()).isEqualTo(2);
    }

    @Test
    void aFrameThatXrstorWouldRefuseIsNotResumed() {
        boot();
        for (int[] change : new int[][] {{XsaveArea.XSTATE_BV, 4}, {520, 1}, {535, 1}, {XsaveArea.MXCSR + 2, 1}}) {
            long at = machine.rig.epc.host(2) + change[0];
            int before = Host.get8(at);
            Host.put8(at, before | change[1]);
            machine.user(3);
            assertThat(machine.run()).as("byte %d", change[0]).isEqualTo(13);
            assertThat(machine.pushed(1)).isEqualTo(AEP);
            assertThat(Host.get64(machine.rig.epc.host(1) + Tcs.STATE)).isZero();
            Host.put8(at, before);
        }
        machine.user(3);
        machine.steps(1);
        assertThat(machine.rig.unit.inEnclave()).isTrue();
    }
}
