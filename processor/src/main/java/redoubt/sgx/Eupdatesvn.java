package redoubt.sgx;

import redoubt.cpu.Cpu;

/**
 * ENCLS[EUPDATESVN], as Linux's driver describes it ({@code arch/x86/kernel/cpu/sgx/main.c} since 6.19): with no EPC page of
 * the package in use, CPUSVN becomes that of the microcode loaded last, and the keys that live until a reset are drawn anew.
 */
final class Eupdatesvn {
    private Eupdatesvn() {}

    static void execute(SgxUnit u, Cpu c) {
        if (u.epc.validPages() != 0) {
            SgxUnit.result(c, ErrorCode.EPC_NOT_READY);
        } else {
            SgxUnit.result(c, u.platform.updateSvn() ? ErrorCode.SUCCESS : ErrorCode.NO_UPDATE);
        }
    }
}
