package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.sgx.SgxRig.AEP;
import static redoubt.sgx.SgxRig.BASE;

import org.junit.jupiter.api.Test;
import redoubt.cpu.Cpu;
import redoubt.cpu.Engine;
import redoubt.cpu.Flags;

/** Enclaves whose code the engine executes; exceptions go to handlers that halt. */
class EnclaveProgramTest {
    private static final long IDT = 0x30000;
    private static final long GDT = 0x31000;
    private static final long TSS = 0x32000;
    private static final long HANDLERS = 0x33000;
    private static final long KERNEL_STACK = 0x3F000;
    private static final long HOST_CODE = AEP;

    private final SgxRig rig = new SgxRig();
    private final Cpu c = rig.c;

    /** ENCLU at AEP, then INC R12; HLT faults at CPL 3, which ends the run as #GP. */
    private void boot(long attributes, int... enclaveCode) {
        byte[] zero = new byte[4096];
        byte[] code = new byte[4096];
        for (int i = 0; i < enclaveCode.length; i++) {
            code[i] = (byte) enclaveCode[i];
        }
        rig.ecreate(0, SgxRig.secs(attributes));
        rig.eadd(0, 1, 0, 0x100, SgxRig.tcs(0x1000, 2, 0x4000));
        rig.eadd(0, 2, 0x1000, 0x203, zero);
        rig.eadd(0, 3, 0x2000, 0x203, zero);
        rig.eadd(0, 4, 0x3000, 0x203, zero);
        rig.eadd(0, 5, 0x4000, 0x205, code);
        for (int i = 1; i <= 5; i++) {
            rig.map((i - 1) * 4096L, i);
        }
        byte[] signed = rig.sign(0, attributes);
        rig.launchKey(signed);
        assertThat(rig.einit(0, signed)).isZero();

        rig.put(HOST_CODE, new byte[] {0x0F, 0x01, (byte) 0xD7, 0x49, (byte) 0xFF, (byte) 0xC4, (byte) 0xF4});
        rig.put(GDT + 0x08, 0x00AF9B000000FFFFL);
        rig.put(GDT + 0x10, 0x00CF93000000FFFFL);
        for (int v = 0; v < 32; v++) {
            long handler = HANDLERS + v * 16L;
            rig.put(IDT + v * 16L, handler & 0xFFFF | 0x08L << 16 | 0x8E00L << 32 | (handler >> 16) << 48);
            rig.put(handler, 0xF4);
        }
        rig.put(TSS + 4, KERNEL_STACK);
        c.idtBase = IDT;
        c.idtLimit = 0xFFF;
        c.gdtBase = GDT;
        c.gdtLimit = 0xFF;
        c.tr = 0x40;
        c.trBase = TSS;
        c.trLimit = 0x67;
        c.trAccess = 0x8B;
        user();
    }

    /** About to execute EENTER at CPL 3. */
    private void user() {
        c.selector[1] = 0x33;
        c.segmentAccess[1] = 0xA0FB;
        c.selector[2] = 0x2B;
        c.segmentAccess[2] = 0xC0F3;
        c.segmentLimit[2] = 0xFFFF_FFFFL;
        c.segmentAccess[3] = 0xC0F3;
        c.cpl(3);
        c.r[4] = 0x2F000;
        c.r[5] = 0x2F100;
        c.r[0] = 2;
        c.r[3] = BASE;
        c.r[1] = AEP;
        c.r[12] = 0;
        c.rip = AEP;
    }

    /** Runs to the halt in a handler and returns the vector. */
    private int run() {
        assertThat(new Engine(c).run(10_000)).isEqualTo(Engine.Stop.HALTED);
        assertThat(c.cpl).isZero();
        return (int) (c.rip - 1 - HANDLERS) / 16;
    }

    /** Word {@code index} of what delivery pushed: error code 0 (when there is one), RIP 1, CS 2, RFLAGS 3, RSP 4. */
    private long pushed(int index) {
        return rig.get(KERNEL_STACK - 48 + 8L * index);
    }

    @Test
    void anEnclaveComputesAndExits() {
        // mov rbx, rcx; mov eax, 4; mov r13d, 77; enclu
        boot(4, 0x48, 0x89, 0xCB, 0xB8, 4, 0, 0, 0, 0x41, 0xBD, 77, 0, 0, 0, 0x0F, 0x01, 0xD7);
        assertThat(run()).isEqualTo(13); // HLT after INC R12
        assertThat(c.r[13]).isEqualTo(77);
        assertThat(c.r[12]).isEqualTo(1);
        assertThat(rig.unit.inEnclave()).isFalse();
    }

    @Test
    void aWriteToItsCodePageIsReportedByPageOnly() {
        // lea rax, [rip]; mov [rax], eax
        boot(4, 0x48, 0x8D, 0x05, 0, 0, 0, 0, 0x89, 0x00);
        assertThat(run()).isEqualTo(14);
        assertThat(c.cr2).isEqualTo(BASE + 0x4000);
        assertThat(pushed(0)).isEqualTo(0x8007);
        assertThat(pushed(1)).isEqualTo(AEP);
        assertThat(pushed(4)).isEqualTo(0x2F000);
        assertThat(c.r[0]).isEqualTo(3);
        assertThat(Host.get64(rig.epc.host(2) + 4096 - 184 + Gprsgx.RIP)).isEqualTo(BASE + 0x4007);
    }

    @Test
    void anIllegalInstructionIsAnInvalidOpcode() {
        boot(4, 0x0F, 0xA2); // cpuid
        assertThat(run()).isEqualTo(6);
        assertThat(Host.get32(rig.epc.host(2) + 4096 - 184 + Gprsgx.EXITINFO)).isEqualTo(0x80000306);
    }

    @Test
    void aBreakpointInstructionNeedsDebugOptIn() {
        boot(4, 0xCC);
        assertThat(run()).isEqualTo(6);
    }

    @Test
    void aBreakpointInstructionIsAFaultWithDebugOptIn() {
        boot(6, 0x90, 0xCC);
        rig.encls(5, Tcs.DBGOPTIN, SgxRig.address(1) + 8, 0);
        user();
        assertThat(run()).isEqualTo(3);
        assertThat(Host.get64(rig.epc.host(2) + 4096 - 184 + Gprsgx.RIP)).isEqualTo(BASE + 0x4001);
    }

    @Test
    void leavingTheRangeByAJumpIsAGeneralProtectionFault() {
        boot(4, 0xFF, 0xE1); // jmp rcx
        assertThat(run()).isEqualTo(13);
        assertThat(Host.get64(rig.epc.host(2) + 4096 - 184 + Gprsgx.RIP)).isEqualTo(AEP + 3);
    }

    @Test
    void singleSteppingSeesTheWholeEnclaveAsOneInstruction() {
        boot(4, 0x48, 0x89, 0xCB, 0xB8, 4, 0, 0, 0, 0x0F, 0x01, 0xD7);
        c.flags |= Flags.TF;
        assertThat(run()).isEqualTo(1);
        assertThat(pushed(1)).isEqualTo(AEP + 3); // right after EEXIT
        assertThat(c.r[12]).isZero();
    }
}
