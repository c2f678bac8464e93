package redoubt.sgx;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;
import redoubt.cpu.Flags;

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
    private static final int EUPDATESVN = 0x18;

    private static final long CR0_PE = 1;
    private static final long CR0_NE = 0x20;
    private static final long CR0_TS = 8;
    private static final long CR0_PG = 0x8000_0000L;
    static final long CR4_OSFXSR = 0x200;
    static final long CR4_OSXSAVE = 0x40000;

    final SgxPackage platform;
    final Epc epc;
    final SgxCapabilities capabilities;
    private @Nullable EnclsIntercept intercept;
    private @Nullable EnclsIntercept enclvIntercept;

    /** Where XSAVE state is put together: an SSA frame's pages need not be neighbours. */
    final MemorySegment scratchArea = Arena.ofAuto().allocate(XsaveArea.LARGEST, 64);

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

    /** CR_GPR_PA and CR_XSAVE_PAGE_n: the SSA frame that an asynchronous exit fills. */
    Frame frame = new Frame(new long[0], 0);

    private long entryEpoch;
    /** The enclave, and the EPCM's generation, for which the processor keeps translations of enclave mode. */
    private int translatedSecs = -1;

    private long translatedGeneration;
    /** Whether IA32_FEATURE_CONTROL has SGX enabled for good here. */
    private boolean enabled;

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

    /** Sets who decides about ENCLV; null: nobody, it is undefined. */
    public void interceptEnclv(@Nullable EnclsIntercept interceptor) {
        enclvIntercept = interceptor;
    }

    // ---- model-specific registers

    @Override
    public void featureControl(long value) {
        boolean now = (value & LOCKED_AND_ENABLED) == LOCKED_AND_ENABLED;
        if (now != enabled) {
            enabled = now;
            platform.enabled(now);
        }
    }

    @Override
    public void ownerEpoch(int half, long value) {
        platform.ownerEpoch(half, value);
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
        Operands.require(c, enclsLeaf(leaf));
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
                case 0xF -> Emodt.execute(this, c);
                case 0x10 -> Erdinfo.execute(this, c);
                case 0x11 -> Etrackc.execute(this, c);
                // they differ from ELDB and ELDU in how they report a conflict, and there is none
                case 0x12 -> Eld.execute(this, c, true);
                case 0x13 -> Eld.execute(this, c, false);
                default -> Eupdatesvn.execute(this, c);
            }
            platform.enclsExecuted(leaf);
        }
    }

    private boolean enclsLeaf(int leaf) {
        return leaf >= 0
                && (leaf <= 0xC
                        || leaf <= 0xF && capabilities.has(SgxCapabilities.SGX2)
                        || leaf >= 0x10 && leaf <= 0x13 && capabilities.has(SgxCapabilities.ENCLS_C)
                        || leaf == EUPDATESVN && capabilities.has(SgxCapabilities.EUPDATESVN));
    }

    /** ECREATE as a hypervisor executes it for a guest: with its own copy of the SECS, which nobody can change any more. */
    public void ecreate(Cpu c, byte[] secs) {
        synchronized (platform) {
            Ecreate.create(this, c, secs);
            platform.enclsExecuted(0);
        }
    }

    /** Whether the processor is inside an enclave and works with this EPC page without asking the EPCM again. */
    public boolean holds(int page) {
        if (!enclaveMode) {
            return false;
        }
        boolean held = page == secs || page == tcs || epc.host(page) == (frame.gpr & -Epc.PAGE);
        for (long host : frame.xsave) {
            held |= host == epc.host(page);
        }
        return held;
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
            platform.encluExecuted(leaf);
        }
    }

    /**
     * ENCLV. A guest's processor is in VMX non-root operation, where the instruction is undefined unless ENCLV exiting takes
     * it to the hypervisor; without ENCLV in CPUID it is undefined anywhere.
     */
    @Override
    public void enclv(Cpu c) {
        checkMode(c);
        boolean compatibility = c.longMode() && c.codeMode != 64;
        if (!capabilities.has(SgxCapabilities.ENCLV) || compatibility || c.cpl != 0) {
            throw c.invalidOpcode();
        }
        if (enclvIntercept == null || !enclvIntercept.intercept(c, (int) c.r[Operands.RAX])) {
            throw c.invalidOpcode();
        }
    }

    /**
     * ENCLV as it runs in VMX root operation, from the registers of {@code c}: for a hypervisor that counts children which it
     * has evicted itself, or that has intercepted the instruction.
     */
    public void enclvInRoot(Cpu c) {
        if (!capabilities.has(SgxCapabilities.ENCLV)) {
            throw c.invalidOpcode();
        }
        checkEnabled(c);
        int leaf = (int) c.r[Operands.RAX];
        Operands.require(c, leaf >= 0 && leaf <= 2);
        Operands.require(c, (c.cr0 & CR0_PG) != 0);
        Operands.require(c, c.codeMode == 64 || !expandDown(c, 3));
        synchronized (platform) {
            switch (leaf) {
                case 0 -> Edecvirtchild.execute(this, c);
                case 1 -> Eincvirtchild.execute(this, c);
                default -> Esetcontext.execute(this, c);
            }
        }
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
    public boolean timeStampIllegal() {
        return enclaveMode && !capabilities.has(SgxCapabilities.SGX2);
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
        synchronized (platform) { // one entry as some leaf left it, also when another processor runs in another thread
            if (page < 0
                    || !epc.is(page, PageType.REG)
                    || epc.secs(page) != secs
                    || epc.address(page) != (linear & -4096)
                    || epc.any(page, Epc.BLOCKED | Epc.PENDING | Epc.MODIFIED)
                    || !epc.any(page, needed)) {
                throw Operands.epcFault(c, linear, access);
            }
        }
        return epc.host(page);
    }

    /**
     * Host address of an explicit operand of a leaf in the enclave: its EPCM entry is consulted each time, whatever the TLB
     * holds.
     */
    long operand(Cpu c, long linear, int access) {
        int page = Operands.epcPage(c, linear, access);
        return epcHostAddress(c, linear, page, access) + (linear & 4095);
    }

    /** Likewise for the leaves whose operands meet data breakpoints: EREPORT and EGETKEY (SDM vol. 3D section 40.3). */
    long operand(Cpu c, long linear, int access, int bytes) {
        long host = operand(c, linear, access);
        c.breakpoints.data(linear, bytes, access == WRITE);
        return host;
    }

    // ---- entry and exit

    /** The pages of one SSA frame, as the processor caches them at entry. */
    record Frame(long[] xsave, long gpr) {}

    /** Checks an SSA frame of the enclave being entered or active (SDM vol. 3D, EENTER) and resolves its pages. */
    Frame frame(Cpu c, int ownerSecs, long tcsHost, long index) {
        long owner = epc.host(ownerSecs);
        long frameSize = (Host.get32(owner + Secs.SSAFRAMESIZE) & 0xFFFF_FFFFL) * 4096;
        long start = Host.get64(owner + Secs.BASEADDR) + Host.get64(tcsHost + Tcs.OSSA) + frameSize * index;
        if (c.codeMode != 64) {
            start &= 0xFFFF_FFFFL;
        }
        int pages = XsaveArea.size(Host.get64(owner + Secs.XFRM)) + 4095 >> 12;
        long[] xsave = new long[pages];
        for (int i = 0; i < pages; i++) {
            xsave[i] = epc.host(framePage(c, ownerSecs, start + 4096L * i));
        }
        long gprLinear = start + frameSize - Gprsgx.SIZE;
        long gpr = epc.host(framePage(c, ownerSecs, gprLinear)) + (gprLinear & 4095);
        Operands.linear(c, gprLinear, Gprsgx.SIZE);
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

    /**
     * The part of an entry that cannot fail any more: enclave mode, the cached addresses, and the outside state that an exit
     * restores.
     *
     * @param pendsSingleStep whether a trap is pending when TF is still set after it
     */
    void enter(Cpu c, Entry entry, Frame entered, long fsBase, long gsBase, boolean pendsSingleStep) {
        long tcsHost = epc.host(entry.tcs());
        secs = entry.secs();
        secsHost = epc.host(secs);
        elrangeBase = Host.get64(secsHost + Secs.BASEADDR);
        elrangeSize = Host.get64(secsHost + Secs.SIZE);
        tcs = entry.tcs();
        tcsLinear = entry.tcsLinear();
        frame = entered;
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
        c.singleStep = pendsSingleStep && (c.flags & Flags.TF) != 0;
        // Translations of an earlier stay are as good as new ones unless an entry of the EPCM has been restricted
        // since: then
        // they go here, before the tracking of ETRACK could count this stay (SDM vol. 3D 36.5.3).
        if (translatedSecs != secs || translatedGeneration != epc.generation()) {
            c.mmu.flushEnclave();
            translatedSecs = secs;
            translatedGeneration = epc.generation();
        }
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
        c.singleStep = (c.flags & Flags.TF) != 0;
        c.mmu.contextChanged();
        c.leaveLoop();
    }

    @Override
    public void asynchronousExit(Cpu c, int vector, int errorCode, long address) {
        synchronized (platform) {
            AsynchronousExit.execute(this, c, vector, errorCode, address);
        }
    }
}
