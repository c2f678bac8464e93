package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.sgx.SgxRig.AEP;
import static redoubt.sgx.SgxRig.BASE;

import org.junit.jupiter.api.Test;
import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;

/** Single-stepping and breakpoint instructions, with and without debug opt-in: SDM vol. 3D chapter 40. */
class EnclaveDebugTest {
    private static final long CODE = BASE + 0x4000;
    private static final long DEBUG64 = Attributes.MODE64BIT | Attributes.DEBUG;
    /** mov rbx, rcx; mov eax, 4; enclu. */
    private static final int[] EXIT = {0x48, 0x89, 0xCB, 0xB8, 4, 0, 0, 0, 0x0F, 0x01, 0xD7};

    private final EnclaveMachine machine = new EnclaveMachine();
    private final Cpu c = machine.c;

    private EnclaveMachine debug(int... code) {
        machine.attributes = DEBUG64;
        return machine.boot(code).optIn();
    }

    @Test
    void singleSteppingSeesTheWholeEnclaveAsOneInstruction() {
        machine.boot(EXIT);
        c.flags |= Flags.TF;
        assertThat(machine.run()).isEqualTo(1);
        assertThat(machine.pushed(1)).isEqualTo(AEP + 3); // right after EEXIT
        assertThat(c.r[12]).isZero();
    }

    @Test
    void anExitByAnEventGivesTheTrapFlagBack() {
        machine.boot(0xF4);
        c.flags |= Flags.TF;
        assertThat(machine.run()).isEqualTo(13);
        assertThat(machine.pushed(3) & Flags.TF).isEqualTo(Flags.TF);
        assertThat(Host.get64(machine.gpr(0) + Gprsgx.RFLAGS) & Flags.TF).isZero();
    }

    @Test
    void theTrapFlagCannotBeSetInsideWithoutOptIn() {
        machine.boot(
                0x9C, 0x81, 0x0C, 0x24, 0, 1, 0, 0, 0x9D, 0x90, 0xF4); // pushfq; or dword [rsp], TF; popfq; nop; hlt
        assertThat(machine.run()).isEqualTo(13);
        assertThat(machine.savedRip(0)).isEqualTo(CODE + 10);
    }

    @Test
    void theTrapFlagSetInsideTrapsWithOptIn() {
        debug(0x9C, 0x81, 0x0C, 0x24, 0, 1, 0, 0, 0x9D, 0x90, 0xF4);
        assertThat(machine.run()).isEqualTo(1);
        assertThat(machine.savedRip(0)).isEqualTo(CODE + 10); // after the NOP that followed POPF
        assertThat(machine.exitInformation(0)).isEqualTo(0x80000301);
    }

    @Test
    void aDebuggerStepsThroughTheEnclaveOneInstructionAtATime() {
        debug(EXIT);
        c.flags |= Flags.TF;
        assertThat(machine.run()).isEqualTo(1); // pended by EENTER
        assertThat(machine.savedRip(0)).isEqualTo(CODE);
        assertThat(machine.pushed(1)).isEqualTo(AEP);
        assertThat(machine.pushed(3) & Flags.TF).isEqualTo(Flags.TF);
        assertThat(Host.get64(machine.gpr(0) + Gprsgx.RFLAGS) & Flags.TF).isZero();
        for (int next : new int[] {3, 8}) {
            machine.user(3);
            c.flags |= Flags.TF;
            assertThat(machine.run()).isEqualTo(1); // not after ERESUME, but after one instruction inside
            assertThat(machine.savedRip(0)).isEqualTo(CODE + next);
        }
        machine.user(3);
        c.flags |= Flags.TF;
        assertThat(machine.run()).isEqualTo(1); // after EEXIT
        assertThat(machine.pushed(1)).isEqualTo(AEP + 3);
        assertThat(machine.cssa()).isZero();
    }

    @Test
    void withOptInAnEnclaveThatIsNotSteppedRunsThrough() {
        debug(EXIT);
        assertThat(machine.run()).isEqualTo(13);
        assertThat(c.r[12]).isEqualTo(1);
    }

    @Test
    void aBreakpointInstructionIsAFaultWithDebugOptIn() {
        debug(0x90, 0xCC);
        assertThat(machine.run()).isEqualTo(3);
        assertThat(machine.savedRip(0)).isEqualTo(CODE + 1);
        assertThat(machine.exitInformation(0)).isEqualTo(0x80000603);
        assertThat(machine.pushed(1)).isEqualTo(AEP);
    }

    @Test
    void int1TrapsWithDebugOptIn() {
        debug(0x90, 0xF1, 0x90);
        assertThat(machine.run()).isEqualTo(1);
        assertThat(machine.rig.unit.inEnclave()).isFalse();
        assertThat(machine.savedRip(0)).isEqualTo(CODE + 2);
        assertThat(machine.exitInformation(0)).isEqualTo(0x80000301);
        assertThat(machine.pushed(1)).isEqualTo(AEP);
    }

    @Test
    void optInIsForDebugEnclavesOnly() {
        machine.boot(EXIT);
        assertThat(SgxRig.faultOf(() -> machine.rig.encls(5, Tcs.DBGOPTIN, SgxRig.address(1) + 8, 0)))
                .isEqualTo("#GP");
    }

    // ---- debug registers; the enclave's data page is at BASE + 0x3000

    /** mov [DATA], al; mov [OUTSIDE], al; hlt. */
    private static final int[] STORES = {
        0x48, 0xB8, 0, 0x30, 0, 0, 1, 0, 0, 0, // mov rax, DATA
        0x88, 0x00, // mov [rax], al
        0xB8, 0x80, 0xE0, 2, 0, // mov eax, OUTSIDE
        0x88, 0x00, 0xF4
    };

    private static final long DATA = BASE + 0x3000;
    private static final long OUTSIDE = 0x2E080;
    private static final int EXECUTE = 0;
    private static final int WRITE = 1;
    private static final int READ_WRITE = 3;

    private void watch(long address, int kind) {
        c.dr[0] = address;
        c.dr[7] = 0x402 | kind << 16;
        c.breakpoints.changed();
    }

    @Test
    void withoutOptInADataBreakpointInsideIsNotMet() {
        machine.boot(STORES);
        watch(DATA, WRITE);
        assertThat(machine.run()).isEqualTo(13);
        assertThat(machine.savedRip(0)).isEqualTo(CODE + 19);
    }

    @Test
    void withoutOptInADataBreakpointOutsideIsMet() {
        machine.boot(STORES);
        watch(OUTSIDE, WRITE);
        assertThat(machine.run()).isEqualTo(1);
        assertThat(machine.savedRip(0)).isEqualTo(CODE + 19); // behind the store
        assertThat(c.dr[6] & 0xF).isEqualTo(1);
        assertThat(machine.pushed(1)).isEqualTo(AEP);
    }

    @Test
    void withOptInADataBreakpointInsideIsMet() {
        debug(STORES);
        watch(DATA, WRITE);
        assertThat(machine.run()).isEqualTo(1);
        assertThat(machine.savedRip(0)).isEqualTo(CODE + 12);
        assertThat(machine.exitInformation(0)).isEqualTo(0x80000301);
    }

    @Test
    void withoutOptInAnInstructionBreakpointInsideIsNotMet() {
        machine.boot(STORES);
        watch(CODE + 10, EXECUTE);
        assertThat(machine.run()).isEqualTo(13);
        assertThat(machine.savedRip(0)).isEqualTo(CODE + 19);
    }

    @Test
    void withOptInAnInstructionBreakpointInsideIsAFaultThatTheResumeFlagPasses() {
        debug(STORES);
        watch(CODE + 10, EXECUTE);
        assertThat(machine.run()).isEqualTo(1);
        assertThat(machine.savedRip(0)).isEqualTo(CODE + 10);
        assertThat(machine.exitInformation(0)).isEqualTo(0x80000301);
        long flags = machine.gpr(0) + Gprsgx.RFLAGS;
        assertThat(Host.get64(flags) & Flags.RF).isZero();
        Host.put64(flags, Host.get64(flags) | Flags.RF); // the debugger, by EDBGWR
        machine.user(3);
        assertThat(machine.run()).isEqualTo(13);
        assertThat(machine.savedRip(0)).isEqualTo(CODE + 19);
    }

    @Test
    void anInstructionBreakpointOutsideIsNotMetFromInside() {
        debug(0xB8, 0x80, 0xE0, 2, 0, 0xFF, 0xE0); // mov eax, OUTSIDE; jmp rax
        watch(OUTSIDE, EXECUTE);
        assertThat(machine.run()).isEqualTo(13); // the fetch's fault, though a breakpoint comes before it elsewhere
        assertThat(c.dr[6] & 0xF).isZero();
    }

    @Test
    void anInstructionBreakpointOutsideIsMetAgainBehindTheExit() {
        machine.boot(EXIT);
        watch(AEP + 3, EXECUTE);
        assertThat(machine.run()).isEqualTo(1);
        assertThat(machine.pushed(1)).isEqualTo(AEP + 3); // behind EEXIT
    }

    @Test
    void noBreakpointIsMetByEntryAndExitInTheThreadsOwnPages() {
        debug(EXIT);
        for (long page : new long[] {BASE, BASE + 0x1000, BASE + 0x1F48}) {
            watch(page, READ_WRITE);
            machine.user(2);
            assertThat(machine.run()).isEqualTo(13);
            assertThat(c.r[12]).isEqualTo(1);
        }
    }

    @Test
    void theOperandsOfEgetkeyMeetBreakpointsWithOptInAlone() {
        int[] sealKey = {
            0x48, 0xBB, 0, 0x30, 0, 0, 1, 0, 0, 0, // mov rbx, DATA
            0x66, 0xC7, 0x03, 4, 0, // mov word [rbx], SEAL_KEY
            0x48, 0x8D, 0x8B, 0, 8, 0, 0, // lea rcx, [rbx+0x800]
            0xB8, 1, 0, 0, 0, 0x0F, 0x01, 0xD7, // egetkey
            0xF4
        };
        debug(sealKey);
        for (long operand : new long[] {DATA + 0x1FF, DATA + 0x80F}) {
            watch(operand, READ_WRITE);
            machine.user(2);
            assertThat(machine.run()).isEqualTo(1);
            assertThat(machine.savedRip(0)).isEqualTo(CODE + 30);
            machine.user(3);
            assertThat(machine.run()).isEqualTo(13);
            Host.put32(machine.rig.epc.host(1) + Tcs.CSSA, 0);
        }
        assertThat(machine.rig.encls(5, 0, SgxRig.address(1) + 8, 0)).isZero(); // opt-in off
        machine.user(2);
        assertThat(machine.run()).isEqualTo(13);
        assertThat(machine.savedRip(0)).isEqualTo(CODE + 30);
    }
}
