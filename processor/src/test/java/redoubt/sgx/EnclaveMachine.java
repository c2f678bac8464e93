package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.sgx.SgxRig.AEP;
import static redoubt.sgx.SgxRig.BASE;
import static redoubt.sgx.SgxRig.BASE32;

import redoubt.cpu.Cpu;
import redoubt.cpu.Engine;

/**
 * An enclave whose code the engine executes, on a machine where each exception ends at a handler that halts. The enclave:
 * SECS in EPC page 0; TCS at offset 0 (page 1), SSA frames at 0x1000 (2) and 0x2000 (3), data at 0x3000 (4), code at 0x4000
 * (5), where it is entered.
 */
final class EnclaveMachine {
    private static final long IDT = 0x30000;
    private static final long GDT = 0x31000;
    private static final long TSS = 0x32000;
    private static final long HANDLERS = 0x33000;
    private static final long KERNEL_STACK = 0x3F000;
    static final long USER_STACK = 0x2F000;

    final SgxRig rig;
    final Cpu c;
    long attributes = Attributes.MODE64BIT;
    long xfrm = 3;
    int miscselect;
    /** TCS.FLAGS as given to EADD. */
    int threadFlags;

    private final Engine engine;

    EnclaveMachine(SgxRig rig) {
        this.rig = rig;
        this.c = rig.c;
        engine = new Engine(c);
    }

    EnclaveMachine() {
        this(new SgxRig());
    }

    boolean mode64() {
        return (attributes & Attributes.MODE64BIT) != 0;
    }

    long base() {
        return mode64() ? BASE : BASE32;
    }

    /** ENCLU at AEP, then INC R12 (32 bits: INC EBP); HLT faults at CPL 3, which ends the run as #GP. */
    EnclaveMachine boot(int... enclaveCode) {
        byte[] zero = new byte[4096];
        byte[] code = new byte[4096];
        for (int i = 0; i < enclaveCode.length; i++) {
            code[i] = (byte) enclaveCode[i];
        }
        rig.base = base();
        byte[] secs = SgxRig.secs(attributes);
        Bytes.put64(secs, Secs.BASEADDR, base());
        Bytes.put64(secs, Secs.XFRM, xfrm);
        Bytes.put32(secs, Secs.MISCSELECT, miscselect);
        rig.ecreate(0, secs);
        byte[] tcs = SgxRig.tcs(0x1000, 2, 0x4000);
        Bytes.put64(tcs, Tcs.FLAGS, threadFlags);
        rig.eadd(0, 1, 0, 0x100, tcs);
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

        int counter = mode64() ? 0xC4 : 0xC5;
        byte[] host = {0x0F, 0x01, (byte) 0xD7, 0x49, (byte) 0xFF, (byte) counter, (byte) 0xF4};
        if (!mode64()) {
            host[3] = 0x3E; // a DS prefix, where REX would be
        }
        rig.put(AEP, host);
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
        user(2);
        return this;
    }

    /** About to execute an ENCLU leaf at CPL 3. */
    void user(int leaf) {
        c.selector[1] = 0x33;
        c.segmentAccess[1] = mode64() ? 0xA0FB : 0xC0FB;
        c.codeMode = mode64() ? 64 : 32;
        for (int segment = 0; segment < 6; segment++) {
            c.segmentLimit[segment] = 0xFFFF_FFFFL;
            if (segment != 1) {
                c.selector[segment] = 0x2B;
                c.segmentAccess[segment] = 0xC0F3;
            }
        }
        c.cpl(3);
        c.r[4] = USER_STACK;
        c.r[5] = 0x2F100;
        c.r[0] = leaf;
        c.r[3] = base();
        c.r[1] = AEP;
        c.r[12] = 0;
        c.rip = AEP;
        c.halted = false;
    }

    /** Runs to the halt in a handler and returns the vector. */
    int run() {
        assertThat(engine.run(10_000)).isEqualTo(Engine.Stop.HALTED);
        assertThat(c.cpl).isZero();
        return (int) (c.rip - 1 - HANDLERS) / 16;
    }

    /** Executes a few instructions. */
    void steps(int count) {
        assertThat(engine.run(count)).isEqualTo(Engine.Stop.BUDGET);
    }

    /** Word {@code index} of what delivery pushed: error code 0 (when there is one), RIP 1, CS 2, RFLAGS 3, RSP 4. */
    long pushed(int index) {
        return rig.get(KERNEL_STACK - 48 + 8L * index);
    }

    /** Host address of a frame's GPRSGX. */
    long gpr(int frame) {
        return rig.epc.host(2 + frame) + 4096 - Gprsgx.SIZE;
    }

    long savedRip(int frame) {
        return Host.get64(gpr(frame) + Gprsgx.RIP);
    }

    int exitInformation(int frame) {
        return Host.get32(gpr(frame) + Gprsgx.EXITINFO);
    }

    int cssa() {
        return Host.get32(rig.epc.host(1) + Tcs.CSSA);
    }

    /** What a debugger does before it looks into an enclave. */
    EnclaveMachine optIn() {
        assertThat(rig.encls(5, Tcs.DBGOPTIN | threadFlags, SgxRig.address(1) + 8, 0))
                .isZero();
        user(2);
        return this;
    }
}
