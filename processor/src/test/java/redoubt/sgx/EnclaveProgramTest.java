package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.sgx.SgxRig.AEP;
import static redoubt.sgx.SgxRig.BASE;

import org.junit.jupiter.api.Test;
import redoubt.cpu.Cpu;

/** Enclaves whose code the engine executes: entering, leaving, faulting. */
class EnclaveProgramTest {
    private final EnclaveMachine machine = new EnclaveMachine();
    private final Cpu c = machine.c;

    @Test
    void anEnclaveComputesAndExits() {
        // mov rbx, rcx; mov eax, 4; mov r13d, 77; enclu
        machine.boot(0x48, 0x89, 0xCB, 0xB8, 4, 0, 0, 0, 0x41, 0xBD, 77, 0, 0, 0, 0x0F, 0x01, 0xD7);
        assertThat(machine.run()).isEqualTo(13); // HLT after INC R12
        assertThat(c.r[13]).isEqualTo(77);
        assertThat(c.r[12]).isEqualTo(1);
        assertThat(machine.rig.unit.inEnclave()).isFalse();
    }

    @Test
    void aWriteToItsCodePageIsReportedByPageOnly() {
        // lea rax, [rip]; mov [rax], eax
        machine.boot(0x48, 0x8D, 0x05, 0, 0, 0, 0, 0x89, 0x00);
        assertThat(machine.run()).isEqualTo(14);
        assertThat(c.cr2).isEqualTo(BASE + 0x4000);
        assertThat(machine.pushed(0)).isEqualTo(0x8007);
        assertThat(machine.pushed(1)).isEqualTo(AEP);
        assertThat(machine.pushed(4)).isEqualTo(EnclaveMachine.USER_STACK);
        assertThat(c.r[0]).isEqualTo(3);
        assertThat(machine.savedRip(0)).isEqualTo(BASE + 0x4007);
    }

    @Test
    void leavingTheRangeByAJumpIsAGeneralProtectionFault() {
        machine.boot(0xFF, 0xE1); // jmp rcx
        assertThat(machine.run()).isEqualTo(13);
        assertThat(machine.savedRip(0)).isEqualTo(AEP + 3);
    }

    @Test
    void leavingTheRangeForWhereNothingIsMappedIsTheSameFault() {
        // lea rax, [rip + 0x200000]; jmp rax
        machine.boot(0x48, 0x8D, 0x05, 0, 0, 0x20, 0, 0xFF, 0xE0);
        assertThat(machine.run()).isEqualTo(13);
        assertThat(machine.savedRip(0)).isEqualTo(BASE + 0x4007 + 0x20_0000);
    }

    @Test
    void faultsAreDescribedOnlyWhereMiscselectAsksForIt() {
        for (boolean exinfo : new boolean[] {false, true}) {
            EnclaveMachine m = new EnclaveMachine();
            m.miscselect = exinfo ? SgxCapabilities.EXINFO : 0;
            m.boot(0x48, 0x8D, 0x05, 0x11, 0, 0, 0, 0x89, 0x00); // lea rax, [rip + 0x11]; mov [rax], eax
            Host.fill(m.gpr(0) - 16, 16, 0x5A);
            assertThat(m.run()).isEqualTo(14);
            assertThat(m.exitInformation(0)).isEqualTo(exinfo ? 0x8000030E : 0);
            assertThat(Host.get64(m.gpr(0) + Gprsgx.EXINFO_MADDR))
                    .isEqualTo(exinfo ? BASE + 0x4018 : 0x5A5A5A5A5A5A5A5AL);
            assertThat(Host.get64(m.gpr(0) + Gprsgx.EXINFO_ERRCD)).isEqualTo(exinfo ? 0x8007 : 0x5A5A5A5A5A5A5A5AL);
            assertThat(m.c.cr2).isEqualTo(BASE + 0x4000);

            EnclaveMachine general = new EnclaveMachine();
            general.miscselect = m.miscselect;
            general.boot(0xF4); // hlt
            Host.fill(general.gpr(0) - 16, 16, 0x5A);
            assertThat(general.run()).isEqualTo(13);
            assertThat(general.exitInformation(0)).isEqualTo(exinfo ? 0x8000030D : 0);
            assertThat(Host.get64(general.gpr(0) + Gprsgx.EXINFO_MADDR)).isEqualTo(exinfo ? 0 : 0x5A5A5A5A5A5A5A5AL);
        }
    }

    @Test
    void aFaultSavesTheResumeFlagAndErRestoresAllButTheTrapFlag() {
        // pushes are outside ELRANGE, on the user's stack: pushfq; or dword [rsp], AC|DF|CF; popfq; hlt
        machine.boot(0x9C, 0x81, 0x0C, 0x24, 1, 4, 4, 0, 0x9D, 0xF4);
        assertThat(machine.run()).isEqualTo(13);
        long saved = Host.get64(machine.gpr(0) + Gprsgx.RFLAGS);
        assertThat(saved & 0x50501).isEqualTo(0x50401); // RF, AC, DF, CF; not TF
        assertThat(machine.pushed(3) & 0x50501).isEqualTo(0x50400); // RF is pushed for the fault; CF is cleared
        machine.user(3);
        c.flags &= ~0x40400L;
        machine.steps(1);
        assertThat(machine.rig.unit.inEnclave()).isTrue();
        assertThat(c.rflags() & 0x40501).isEqualTo(0x40401);
    }

    @Test
    void basesThatTheEnclaveHasWrittenComeBackAfterAnExit() {
        // mov eax, 0x1234; wrfsbase rax; hlt
        machine.boot(0xB8, 0x34, 0x12, 0, 0, 0xF3, 0x48, 0x0F, 0xAE, 0xD0, 0xF4);
        c.cr4 |= 0x10000;
        c.segmentBase(4, 0x777000);
        assertThat(machine.run()).isEqualTo(13);
        assertThat(c.segmentBase[4]).isEqualTo(0x777000);
        assertThat(Host.get64(machine.gpr(0) + Gprsgx.FSBASE)).isEqualTo(0x1234);
        machine.user(3);
        machine.steps(1);
        assertThat(c.segmentBase[4]).isEqualTo(0x1234);
        assertThat(c.selector[4]).isEqualTo(0x0B);
    }
}
