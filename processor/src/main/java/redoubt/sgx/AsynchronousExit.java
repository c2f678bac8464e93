package redoubt.sgx;

import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;
import redoubt.cpu.insn.XState;

/** Asynchronous enclave exit: SDM vol. 3D section 37.4, and the restoring of extended state that ERESUME does. */
final class AsynchronousExit {
    private static final int DB = 1;
    private static final int NMI = 2;
    private static final int BP = 3;
    private static final int GP = 13;
    private static final int PF = 14;
    private static final int MF = 16;
    private static final int MC = 18;
    private static final int XM = 19;
    /** Vectors whose EXITINFO is valid whatever MISCSELECT says: #DE #DB #BP #BR #UD #MF #AC #XM. */
    private static final int REPORTED = 1 | 1 << DB | 1 << BP | 1 << 5 | 1 << 6 | 1 << MF | 1 << 17 | 1 << XM;

    private AsynchronousExit() {}

    static void execute(SgxUnit u, Cpu c, int vector, int errorCode, long address) {
        boolean mode64 = c.codeMode == 64;
        long gpr = u.frame.gpr();
        long tcs = u.epc.host(u.tcs);
        long xfrm = Host.get64(u.secsHost + Secs.XFRM);
        int registers = mode64 ? 16 : 8;
        for (int i = 0; i < registers; i++) {
            put(gpr + 8L * i, c.r[i], mode64);
        }
        boolean faultClass = vector >= 0 && vector != DB && vector != NMI && vector != MC;
        put(gpr + Gprsgx.RFLAGS, c.rflags() & ~(long) Flags.TF | (faultClass ? Flags.RF : 0), mode64);
        put(gpr + Gprsgx.RIP, c.rip, mode64);
        put(gpr + Gprsgx.FSBASE, c.segmentBase[4], mode64);
        put(gpr + Gprsgx.GSBASE, c.segmentBase[5], mode64);
        saveExtended(u, c, xfrm);
        exitInformation(u, vector, errorCode, address);
        synthesize(u, c, vector, mode64, xfrm);

        long aep = Host.get64(tcs + Tcs.AEP);
        c.r[Operands.RAX] = 3;
        c.r[Operands.RBX] = u.tcsLinear;
        c.r[Operands.RCX] = aep;
        c.rip = aep;
        Host.put32(tcs + Tcs.CSSA, Host.get32(tcs + Tcs.CSSA) + 1);
        u.leave(c);
    }

    /** A 32-bit enclave's frame gets the low half only. */
    private static void put(long host, long value, boolean mode64) {
        if (mode64) {
            Host.put64(host, value);
        } else {
            Host.put32(host, (int) value);
        }
    }

    private static void saveExtended(SgxUnit u, Cpu c, long xfrm) {
        int size = XsaveArea.size(xfrm);
        long area = u.scratchArea.address();
        copyXsave(u.frame.xsave(), area, size, false); // what XSAVE leaves alone stays as the frame had it
        XState.saveStandard(c, area, xfrm);
        copyXsave(u.frame.xsave(), area, size, true);
    }

    /** Copies an XSAVE area between the scratch area and a frame's pages. */
    private static void copyXsave(long[] pages, long area, int size, boolean toPages) {
        for (int done = 0; done < size; done += 4096) {
            int chunk = Math.min(4096, size - done);
            long page = pages[done >> 12];
            Host.copy(toPages ? area + done : page, toPages ? page : area + done, chunk);
        }
    }

    /** Restores extended state from a frame as XRSTOR does; #GP on an illegal header or MXCSR. */
    static void restoreExtended(SgxUnit u, Cpu c, SgxUnit.Frame frame, long xfrm) {
        int size = XsaveArea.size(xfrm);
        long area = u.scratchArea.address();
        copyXsave(frame.xsave(), area, size, false);
        boolean legal = Host.isZero(area + XsaveArea.HEADER_ZERO, 16)
                && (Host.get64(area + XsaveArea.XSTATE_BV) & ~xfrm) == 0
                && (Host.get32(area + XsaveArea.MXCSR) & 0xFFFF_0000) == 0;
        Operands.require(c, legal);
        XState.restoreStandard(c, area, xfrm);
    }

    private static void exitInformation(SgxUnit u, int vector, int errorCode, long address) {
        long gpr = u.frame.gpr();
        boolean exinfo = (Host.get32(u.secsHost + Secs.MISCSELECT) & SgxCapabilities.EXINFO) != 0;
        boolean described = exinfo && (vector == GP || vector == PF);
        boolean valid = vector >= 0 && vector < 32 && (REPORTED >> vector & 1) != 0 || described;
        int kind = vector == BP ? 6 : 3;
        Host.put32(gpr + Gprsgx.EXITINFO, valid ? 1 << 31 | kind << 8 | vector : 0);
        if (described) {
            Host.put64(gpr + Gprsgx.EXINFO_MADDR, vector == PF ? address : 0);
            Host.put32(gpr + Gprsgx.EXINFO_ERRCD, errorCode);
            Host.put32(gpr + Gprsgx.EXINFO_RESERVED, 0);
        }
    }

    /** SDM vol. 3D table 37-1. */
    private static void synthesize(SgxUnit u, Cpu c, int vector, boolean mode64, long xfrm) {
        long gpr = u.frame.gpr();
        c.r[Operands.RDX] = 0;
        c.r[6] = 0;
        c.r[7] = 0;
        if (mode64) {
            for (int i = 8; i < 16; i++) {
                c.r[i] = 0;
            }
        }
        c.r[4] = mode64 ? Host.get64(gpr + Gprsgx.URSP) : Host.get32(gpr + Gprsgx.URSP) & 0xFFFF_FFFFL;
        c.r[5] = mode64 ? Host.get64(gpr + Gprsgx.URBP) : Host.get32(gpr + Gprsgx.URBP) & 0xFFFF_FFFFL;
        c.status(0);
        c.flags &= ~(long) Flags.RF;
        XState.initState(c, xfrm);
        c.mxcsr = vector == XM ? 0x1F01 : 0x1FB0;
        if (vector == MF) {
            c.fpControl = 0x37E;
            c.fpStatus = 0x8081;
        }
    }
}
