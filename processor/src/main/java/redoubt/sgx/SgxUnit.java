package redoubt.sgx;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;
import redoubt.cpu.Flags;
import redoubt.cpu.insn.XState;

/**
 * SGX of one logical processor: the registers of SDM vol. 3D table 38-4 that each processor has, the instructions' common
 * checks, access control of enclave accesses, and entry and exit.
 *
 * <p>Leaf functions and exits hold the package's monitor, so that they are atomic against each other and never see a
 * conflict.
 */
public final class SgxUnit implements EnclaveUnit {
    private static final int FEATURE_CONTROL = 0x3A;
    private static final long LOCKED_AND_ENABLED = 1 | 1 << 18;
    private static final int LEPUBKEYHASH = 0x8C;

    private static final long CR0_PE = 1;
    private static final long CR0_NE = 0x20;
    private static final long CR0_TS = 8;
    private static final long CR0_PG = 0x8000_0000L;
    static final long CR4_OSFXSR = 0x200;
    static final long CR4_OSXSAVE = 0x40000;

    private static final int MF = 16;
    private static final int XM = 19;
    private static final int BP = 3;
    private static final int GP = 13;
    private static final int PF = 14;
    /** Vectors whose EXITINFO is valid whatever MISCSELECT says: #DE #DB #BP #BR #UD #MF #AC #XM. */
    private static final int REPORTED = 1 | 1 << 1 | 1 << BP | 1 << 5 | 1 << 6 | 1 << MF | 1 << 17 | 1 << XM;

    final SgxPackage platform;
    final Epc epc;
    final SgxCapabilities capabilities;
    private @Nullable EnclsIntercept intercept;

    /** Where XSAVE state is put together: an SSA frame's pages need not be neighbours. */
    private final MemorySegment scratchArea = Arena.ofAuto().allocate(XsaveArea.LARGEST, 64);

    // ---- CREGs

    private boolean enclaveMode;
    /** DBGOPTIN as of the entry. */
    boolean debugOptIn;

    /** CR_ACTIVE_SECS: an EPC page, and its host address. */
    int secs;

    long secsHost;
    private long elrangeBase;
    private long elrangeSize;
    long tcsLinear;
    int tcs;
    private long gprHost;
    private long[] xsaveHosts = new long[0];
    private long entryEpoch;
    private boolean savedTf;
    private long savedXcr0;
    private final int[] savedSelector = new int[2];
    private final long[] savedBase = new long[2];
    private final long[] savedLimit = new long[2];
    private final int[] savedAccess = new int[2];

    /** The unit of one processor. */
    public SgxUnit(SgxPackage platform) {
        this.platform = platform;
        this.epc = platform.epc;
        this.capabilities = platform.capabilities;
    }

    /** Sets who decides about ENCLS; null: nobody, all leaves run. */
    public void intercept(@Nullable EnclsIntercept interceptor) {
        intercept = interceptor;
    }

    // ---- instructions

    private void checkMode(Cpu c) {
        if ((c.cr0 & CR0_PE) == 0 || c.virtual8086() || !capabilities.has(SgxCapabilities.SGX1)) {
            throw c.invalidOpcode();
        }
    }

    private static void checkEnabled(Cpu c) {
        Operands.require(c, (c.msrs.get(FEATURE_CONTROL) & LOCKED_AND_ENABLED) == LOCKED_AND_ENABLED);
    }

    @Override
    public void encls(Cpu c) {
        checkMode(c);
        if (c.cpl != 0) {
            throw c.invalidOpcode();
        }
        int leaf = (int) c.r[Operands.RAX];
        if (intercept != null && intercept.intercept(c, leaf)) {
            return;
        }
        enclsUnintercepted(c);
    }

    /** ENCLS as it goes on once nobody intercepts it: for a hypervisor that executes an intercepted leaf itself. */
    public void enclsUnintercepted(Cpu c) {
        checkEnabled(c);
        int leaf = (int) c.r[Operands.RAX];
        Operands.require(c, leaf >= 0 && leaf <= 0xF && (leaf <= 0xC || capabilities.has(SgxCapabilities.SGX2)));
        Operands.require(c, (c.cr0 & CR0_PG) != 0);
        Operands.require(c, c.codeMode == 64 || !expandDown(c, 3));
        synchronized (platform) {
            switch (leaf) {
                case 0x0 -> Ecreate.execute(this, c);
                case 0x1 -> Eadd.execute(this, c);
                case 0x2 -> Einit.execute(this, c);
                case 0x3 -> Eremove.execute(this, c);
                case 0x4 -> Edbgrd.execute(this, c);
                case 0x5 -> Edbgwr.execute(this, c);
                case 0x6 -> Eextend.execute(this, c);
                case 0x7 -> Eld.execute(this, c, true);
                case 0x8 -> Eld.execute(this, c, false);
                case 0x9 -> Eblock.execute(this, c);
                case 0xA -> Epa.execute(this, c);
                case 0xB -> Ewb.execute(this, c);
                case 0xC -> Etrack.execute(this, c);
                case 0xD -> Eaug.execute(this, c);
                case 0xE -> Emodpr.execute(this, c);
                default -> Emodt.execute(this, c);
            }
        }
    }

    @Override
    public void enclu(Cpu c) {
        checkMode(c);
        if ((c.cr0 & CR0_TS) != 0) {
            throw c.deviceNotAvailable();
        }
        if (c.cpl != 3) {
            throw c.invalidOpcode();
        }
        checkEnabled(c);
        int leaf = (int) c.r[Operands.RAX];
        Operands.require(
                c,
                leaf >= 0 && leaf <= 4
                        || leaf >= 5 && leaf <= 7 && capabilities.has(SgxCapabilities.SGX2)
                        || leaf == 9 && capabilities.has(SgxCapabilities.EDECCSSA));
        Operands.require(c, (c.cr0 & CR0_PG) != 0 && (c.cr0 & CR0_NE) != 0);
        Operands.require(c, c.codeMode == 64 || (c.segmentAccess[1] & 0x4000) != 0);
        Operands.require(c, enclaveMode != (leaf == 2 || leaf == 3));
        synchronized (platform) {
            switch (leaf) {
                case 0 -> Ereport.execute(this, c);
                case 1 -> Egetkey.execute(this, c);
                case 2 -> Eenter.execute(this, c);
                case 3 -> Eresume.execute(this, c);
                case 4 -> Eexit.execute(this, c);
                case 5 -> Eaccept.execute(this, c);
                case 6 -> Emodpe.execute(this, c);
                case 7 -> Eacceptcopy.execute(this, c);
                default -> Edeccssa.execute(this, c);
            }
        }
    }

    @Override
    public void enclv(Cpu c) {
        throw c.invalidOpcode(); // CPUID.12H.0:EAX[5] is not reported
    }

    static boolean expandDown(Cpu c, int segment) {
        return (c.segmentAccess[segment] & 0xC) == 4;
    }

    /** Sets RAX and ZF; the other status flags are cleared. */
    static void result(Cpu c, int code) {
        c.r[Operands.RAX] = code;
        c.status(code == 0 ? 0 : Flags.ZF);
    }

    /** A code that is reported with CF. */
    static void resultCarry(Cpu c, int code) {
        c.r[Operands.RAX] = code;
        c.status(Flags.CF);
    }

    /** IA32_SGXLEPUBKEYHASH0 to 3 as a digest. */
    static byte[] launchKeyHash(Cpu c) {
        byte[] hash = new byte[32];
        for (int i = 0; i < 4; i++) {
            Bytes.put64(hash, 8 * i, c.msrs.get(LEPUBKEYHASH + i));
        }
        return hash;
    }

    /** After a leaf has changed a page: code decoded from it is no longer valid. */
    static void contentChanged(Cpu c, long host) {
        c.mmu.hostPageWritten(host);
    }

    // ---- access control

    @Override
    public boolean inEnclave() {
        return enclaveMode;
    }

    @Override
    public boolean debugOptOut() {
        return enclaveMode && !debugOptIn;
    }

    @Override
    public boolean inElrange(long linear) {
        return enclaveMode && Long.compareUnsigned(linear - elrangeBase, elrangeSize) < 0;
    }

    @Override
    public long epcHostAddress(Cpu c, long linear, int page, int access) {
        if (!inElrange(linear)) {
            return 0;
        }
        int needed = (access & FETCH) != 0 ? Epc.X : (access & WRITE) != 0 ? Epc.W : Epc.R;
        if (page < 0
                || !epc.is(page, PageType.REG)
                || epc.secs(page) != secs
                || epc.address(page) != (linear & -4096)
                || epc.any(page, Epc.BLOCKED | Epc.PENDING | Epc.MODIFIED)
                || !epc.any(page, needed)) {
            throw Operands.epcFault(c, linear, access);
        }
        return epc.host(page);
    }

    // ---- entry and exit

    /** The pages of one SSA frame, as the processor caches them at entry. */
    record Frame(long[] xsave, long gpr) {}

    /** Checks an SSA frame of the enclave being entered or active (SDM vol. 3D, EENTER) and resolves its pages. */
    Frame frame(Cpu c, int ownerSecs, long tcsHost, long index) {
        long owner = epc.host(ownerSecs);
        long frameSize = (Host.get32(owner + Secs.SSAFRAMESIZE) & 0xFFFF_FFFFL) * 4096;
        long start = Host.get64(owner + Secs.BASEADDR) + Host.get64(tcsHost + Tcs.OSSA) + frameSize * index;
        int pages = XsaveArea.size(Host.get64(owner + Secs.XFRM)) + 4095 >> 12;
        long[] xsave = new long[pages];
        for (int i = 0; i < pages; i++) {
            xsave[i] = epc.host(framePage(c, ownerSecs, start + 4096L * i));
        }
        long gprLinear = start + frameSize - Gprsgx.SIZE;
        long gpr = epc.host(framePage(c, ownerSecs, gprLinear)) + (gprLinear & 4095);
        return new Frame(xsave, gpr);
    }

    private int framePage(Cpu c, int ownerSecs, long linear) {
        c.mmu.translate(linear, READ);
        int page = Operands.epcPage(c, linear, WRITE);
        if (!epc.is(page, PageType.REG)
                || epc.any(page, Epc.BLOCKED | Epc.PENDING | Epc.MODIFIED)
                || epc.address(page) != (linear & -4096)
                || epc.secs(page) != ownerSecs
                || (epc.permissions(page) & (Epc.R | Epc.W)) != (Epc.R | Epc.W)) {
            throw Operands.epcFault(c, linear, WRITE);
        }
        return page;
    }

    /** Makes another SSA frame the one that an asynchronous exit fills. */
    void useFrame(Frame frame) {
        gprHost = frame.gpr;
        xsaveHosts = frame.xsave;
    }

    /**
     * The part of an entry that cannot fail any more: enclave mode, the cached addresses, and the outside state that an exit
     * restores.
     */
    void enter(Cpu c, int enteredSecs, int enteredTcs, long linear, Frame frame, long fsBase, long gsBase) {
        long tcsHost = epc.host(enteredTcs);
        secs = enteredSecs;
        secsHost = epc.host(enteredSecs);
        elrangeBase = Host.get64(secsHost + Secs.BASEADDR);
        elrangeSize = Host.get64(secsHost + Secs.SIZE);
        tcs = enteredTcs;
        tcsLinear = linear;
        useFrame(frame);
        enclaveMode = true;
        entryEpoch = Secs.enter(secsHost);
        Host.put64(tcsHost + Tcs.STATE, 1);
        Host.put64(tcsHost + Tcs.AEP, Operands.register(c, Operands.RCX));
        debugOptIn = (Host.get64(tcsHost + Tcs.FLAGS) & Tcs.DBGOPTIN) != 0;
        for (int i = 0; i < 2; i++) {
            int segment = 4 + i;
            savedSelector[i] = c.selector[segment];
            savedBase[i] = c.segmentBase[segment];
            savedLimit[i] = c.segmentLimit[segment];
            savedAccess[i] = c.segmentAccess[segment];
            c.selector[segment] = 0x0B;
            // writable data, accessed, S, P, G, B; DPL, AVL and L of DS
            c.segmentAccess[segment] = 0xC093 | c.segmentAccess[3] & 0x3060;
            c.segmentLimit[segment] = Host.get32(tcsHost + (i == 0 ? Tcs.FSLIMIT : Tcs.GSLIMIT)) & 0xFFFF_FFFFL;
            c.segmentBase(segment, i == 0 ? fsBase : gsBase);
        }
        savedXcr0 = c.xcr0;
        if ((c.cr4 & CR4_OSXSAVE) != 0) {
            c.xcr0 = Host.get64(secsHost + Secs.XFRM);
        }
        if (!debugOptIn) {
            savedTf = (c.flags & Flags.TF) != 0;
            c.flags &= ~(long) Flags.TF;
        }
        c.mmu.flush();
        c.mmu.contextChanged();
        c.leaveLoop();
    }

    /** The common end of EEXIT and an asynchronous exit. */
    void leave(Cpu c) {
        for (int i = 0; i < 2; i++) {
            int segment = 4 + i;
            c.selector[segment] = savedSelector[i];
            c.segmentLimit[segment] = savedLimit[i];
            c.segmentAccess[segment] = savedAccess[i];
            c.segmentBase(segment, savedBase[i]);
        }
        if ((c.cr4 & CR4_OSXSAVE) != 0) {
            c.xcr0 = savedXcr0;
        }
        if (!debugOptIn) {
            c.flags = c.flags & ~(long) Flags.TF | (savedTf ? Flags.TF : 0);
        }
        enclaveMode = false;
        Host.put64(epc.host(tcs) + Tcs.STATE, 0);
        Secs.leave(secsHost, entryEpoch);
        c.mmu.flush();
        c.mmu.contextChanged();
        c.leaveLoop();
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
    void restoreExtended(Cpu c, Frame frame, long xfrm) {
        int size = XsaveArea.size(xfrm);
        long area = scratchArea.address();
        copyXsave(frame.xsave, area, size, false);
        boolean legal = Host.isZero(area + XsaveArea.HEADER_ZERO, 16)
                && (Host.get64(area + XsaveArea.XSTATE_BV) & ~xfrm) == 0
                && (Host.get32(area + XsaveArea.MXCSR) & 0xFFFF_0000) == 0;
        Operands.require(c, legal);
        XState.restoreStandard(c, area, xfrm);
    }

    @Override
    public void asynchronousExit(Cpu c, int vector, int errorCode, long address) {
        synchronized (platform) {
            asynchronousExitLocked(c, vector, errorCode, address);
        }
    }

    private void asynchronousExitLocked(Cpu c, int vector, int errorCode, long address) {
        boolean mode64 = c.codeMode == 64;
        long tcsHost = epc.host(tcs);
        long xfrm = Host.get64(secsHost + Secs.XFRM);
        int registers = mode64 ? 16 : 8;
        for (int i = 0; i < registers; i++) {
            if (mode64) {
                Host.put64(gprHost + 8 * i, c.r[i]);
            } else {
                Host.put32(gprHost + 8 * i, (int) c.r[i]);
            }
        }
        boolean faultClass = vector >= 0 && vector != 1 && vector != 2 && vector != 18;
        long rflags = c.rflags() & ~(long) Flags.TF | (faultClass ? Flags.RF : 0);
        if (mode64) {
            Host.put64(gprHost + Gprsgx.RFLAGS, rflags);
            Host.put64(gprHost + Gprsgx.RIP, c.rip);
            Host.put64(gprHost + Gprsgx.FSBASE, c.segmentBase[4]);
            Host.put64(gprHost + Gprsgx.GSBASE, c.segmentBase[5]);
        } else {
            Host.put32(gprHost + Gprsgx.RFLAGS, (int) rflags);
            Host.put32(gprHost + Gprsgx.RIP, (int) c.rip);
            Host.put32(gprHost + Gprsgx.FSBASE, (int) c.segmentBase[4]);
            Host.put32(gprHost + Gprsgx.GSBASE, (int) c.segmentBase[5]);
        }
        saveExtended(c, xfrm);
        exitInformation(vector, errorCode, address);
        synthesize(c, vector, mode64, xfrm);

        long aep = Host.get64(tcsHost + Tcs.AEP);
        c.r[Operands.RAX] = 3;
        c.r[Operands.RBX] = tcsLinear;
        c.r[Operands.RCX] = aep;
        c.rip = aep;
        Host.put32(tcsHost + Tcs.CSSA, Host.get32(tcsHost + Tcs.CSSA) + 1);
        leave(c);
    }

    private void saveExtended(Cpu c, long xfrm) {
        int size = XsaveArea.size(xfrm);
        long area = scratchArea.address();
        copyXsave(xsaveHosts, area, size, false); // what XSAVE leaves alone stays as the frame had it
        XState.saveStandard(c, area, xfrm);
        Host.put64(area + XsaveArea.XSTATE_BV, Host.get64(area + XsaveArea.XSTATE_BV) & xfrm);
        Host.fill(area + XsaveArea.HEADER_ZERO, 16, 0);
        copyXsave(xsaveHosts, area, size, true);
    }

    private void exitInformation(int vector, int errorCode, long address) {
        boolean exinfo = (Host.get32(secsHost + Secs.MISCSELECT) & SgxCapabilities.EXINFO) != 0;
        boolean described = exinfo && (vector == GP || vector == PF);
        boolean valid = vector >= 0 && vector < 32 && (REPORTED >> vector & 1) != 0 || described;
        int kind = vector == BP ? 6 : 3;
        Host.put32(gprHost + Gprsgx.EXITINFO, valid ? 1 << 31 | kind << 8 | vector : 0);
        if (described) {
            Host.put64(gprHost + Gprsgx.EXINFO_MADDR, vector == PF ? address : 0);
            Host.put32(gprHost + Gprsgx.EXINFO_ERRCD, errorCode);
            Host.put32(gprHost + Gprsgx.EXINFO_RESERVED, 0);
        }
    }

    /** SDM vol. 3D table 37-1. */
    private void synthesize(Cpu c, int vector, boolean mode64, long xfrm) {
        c.r[Operands.RDX] = 0;
        c.r[6] = 0;
        c.r[7] = 0;
        if (mode64) {
            for (int i = 8; i < 16; i++) {
                c.r[i] = 0;
            }
        }
        c.r[4] = mode64 ? Host.get64(gprHost + Gprsgx.URSP) : Host.get32(gprHost + Gprsgx.URSP) & 0xFFFF_FFFFL;
        c.r[5] = mode64 ? Host.get64(gprHost + Gprsgx.URBP) : Host.get32(gprHost + Gprsgx.URBP) & 0xFFFF_FFFFL;
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
