package redoubt.sgx;

import static redoubt.sgx.Operands.aligned;
import static redoubt.sgx.Operands.canonical;
import static redoubt.sgx.Operands.epcFault;
import static redoubt.sgx.Operands.require;

import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;

/** The checks that EENTER and ERESUME share, in their order: SDM vol. 3D, EENTER. */
record Entry(long tcsLinear, int tcs, int secs, boolean mode64) {
    /** Checks of the operands, the TCS and the SECS. */
    static Entry check(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        boolean mode64 = c.codeMode == 64;
        if (!mode64) {
            require(c, Operands.usable(c, 3) && !SgxUnit.expandDown(c, 3));
            require(c, c.segmentBase[1] == 0 && c.segmentBase[3] == 0);
            require(c, !Operands.usable(c, 0) || c.segmentBase[0] == 0);
            require(c, !Operands.usable(c, 2) || c.segmentBase[2] == 0 && (c.segmentAccess[2] & 0x4000) != 0);
        }
        long ea = Operands.register(c, Operands.RBX);
        aligned(c, ea, 4096);
        long linear = Operands.linear(c, ea, 4096);
        int page = Operands.epcPage(c, linear, EnclaveUnit.WRITE);
        require(c, !mode64 || canonical(c.r[Operands.RCX]));
        if (!epc.is(page, PageType.TCS)
                || epc.any(page, Epc.BLOCKED | Epc.PENDING | Epc.MODIFIED)
                || epc.address(page) != linear) {
            throw epcFault(c, linear, EnclaveUnit.WRITE);
        }
        long tcs = epc.host(page);
        aligned(c, Host.get64(tcs + Tcs.OSSA), 4096);
        aligned(c, Host.get64(tcs + Tcs.OFSBASE), 4096);
        aligned(c, Host.get64(tcs + Tcs.OGSBASE), 4096);
        long flags = Host.get64(tcs + Tcs.FLAGS);
        boolean notifies = (u.capabilities.attributes() & Attributes.AEXNOTIFY) != 0;
        require(c, (flags & ~(long) (notifies ? Tcs.DBGOPTIN | Tcs.AEXNOTIFY : Tcs.DBGOPTIN)) == 0);
        int secsPage = epc.secs(page);
        long secs = epc.host(secsPage);
        require(c, Secs.initialized(secs));
        require(c, Secs.mode64(secs) == mode64);
        require(c, (c.cr4 & SgxUnit.CR4_OSFXSR) != 0);
        long xfrm = Host.get64(secs + Secs.XFRM);
        require(c, (c.cr4 & SgxUnit.CR4_OSXSAVE) == 0 ? xfrm == 3 : (xfrm & ~c.xcr0) == 0);
        boolean secsNotify = (Host.get64(secs + Secs.ATTRIBUTES) & Attributes.AEXNOTIFY) != 0;
        require(c, (flags & Tcs.DBGOPTIN) != 0 || (flags & Tcs.AEXNOTIFY) != 0 == secsNotify);
        return new Entry(linear, page, secsPage, mode64);
    }

    void checkTarget(Cpu c, long target) {
        require(c, mode64 ? canonical(target) : Long.compareUnsigned(target, c.segmentLimit[1]) <= 0);
    }

    /** The base that the TCS gives FS or GS. */
    long segmentBase(long enclaveBase, long tcsHost, int field) {
        long base = enclaveBase + Host.get64(tcsHost + field);
        return mode64 ? base : base & 0xFFFF_FFFFL;
    }

    void checkSegment(Cpu c, long base, long limit) {
        if (mode64) {
            require(c, canonical(base));
        } else {
            long end = base + limit & 0xFFFF_FFFFL;
            require(c, end < (base & 0xFFFF_FFFFL) ? c.segmentLimit[3] == 0xFFFF_FFFFL : end <= c.segmentLimit[3]);
        }
    }

    void checkSegments(SgxUnit u, Cpu c, long fsBase, long gsBase) {
        long host = u.epc.host(tcs);
        checkSegment(c, fsBase, Host.get32(host + Tcs.FSLIMIT) & 0xFFFF_FFFFL);
        checkSegment(c, gsBase, Host.get32(host + Tcs.GSLIMIT) & 0xFFFF_FFFFL);
    }

    void checkInactive(SgxUnit u, Cpu c) {
        require(c, Host.get64(u.epc.host(tcs) + Tcs.STATE) == 0);
    }

    /** Enters at OENTRY with the frame of index {@code index}: EENTER, and ERESUME when it notifies. */
    void begin(SgxUnit u, Cpu c, long index) {
        long tcsHost = u.epc.host(tcs);
        long nssa = Host.get32(tcsHost + Tcs.NSSA) & 0xFFFF_FFFFL;
        require(c, index < nssa);
        SgxUnit.Frame frame = u.frame(c, secs, tcsHost, index);
        long base = Host.get64(u.epc.host(secs) + Secs.BASEADDR);
        long target = base + Host.get64(tcsHost + Tcs.OENTRY);
        checkTarget(c, target);
        long fsBase = segmentBase(base, tcsHost, Tcs.OFSBASE);
        long gsBase = segmentBase(base, tcsHost, Tcs.OGSBASE);
        checkSegments(u, c, fsBase, gsBase);
        checkInactive(u, c);

        long next = c.rip;
        u.enter(c, this, frame, fsBase, gsBase, true);
        if (mode64) {
            Host.put64(frame.gpr() + Gprsgx.URSP, c.r[4]);
            Host.put64(frame.gpr() + Gprsgx.URBP, c.r[5]);
        } else {
            Host.put64(frame.gpr() + Gprsgx.URSP, c.r[4] & 0xFFFF_FFFFL);
            Host.put64(frame.gpr() + Gprsgx.URBP, c.r[5] & 0xFFFF_FFFFL);
        }
        c.r[Operands.RAX] = index;
        c.r[Operands.RCX] = next;
        c.rip = target;
    }
}
