package redoubt.sgx;

import static redoubt.sgx.Operands.RBX;
import static redoubt.sgx.Operands.RCX;
import static redoubt.sgx.Operands.aligned;
import static redoubt.sgx.Operands.epcFault;
import static redoubt.sgx.Operands.epcPage;
import static redoubt.sgx.Operands.linear;
import static redoubt.sgx.Operands.register;
import static redoubt.sgx.Operands.require;

import org.jspecify.annotations.Nullable;
import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;

/** ENCLS[ECREATE]: SDM vol. 3D chapter 38. */
final class Ecreate {
    private Ecreate() {}

    static void execute(SgxUnit u, Cpu c) {
        create(u, c, null);
    }

    /**
     * The leaf.
     *
     * @param source the SECS to be, from a hypervisor that has looked at it; null: it is read from the guest's memory
     */
    static void create(SgxUnit u, Cpu c, byte @Nullable [] source) {
        Epc epc = u.epc;
        long infoEa = register(c, RBX);
        long target = register(c, RCX);
        aligned(c, infoEa, PageInfo.ALIGNMENT);
        aligned(c, target, 4096);
        long targetLinear = linear(c, target, 4096);
        int page = epcPage(c, targetLinear, EnclaveUnit.WRITE);
        PageInfo info = PageInfo.read(c, linear(c, infoEa, PageInfo.SIZE));
        aligned(c, info.srcpge(), 4096);
        aligned(c, info.secinfo(), Secinfo.ALIGNMENT);
        require(c, info.linaddr() == 0 && info.secs() == 0);
        long flags = Secinfo.read(c, linear(c, info.secinfo(), Secinfo.SIZE));
        require(c, Secinfo.type(flags) == PageType.SECS);
        if (epc.valid(page)) {
            throw epcFault(c, targetLinear, EnclaveUnit.WRITE);
        }
        long secs = epc.host(page);
        if (source == null) {
            Operands.copyIn(c, linear(c, info.srcpge(), 4096), secs, 4096);
        } else {
            Host.put(secs, source);
        }
        check(u, c, secs);
        Host.put64(secs + Secs.EID, u.platform.takeEid());
        Host.put64(secs + Secs.EPOCH, 1);
        Host.put64(secs + Secs.CONTEXT, c.mmu.translate(targetLinear, EnclaveUnit.WRITE));
        new Measurement()
                .ecreate(Host.get32(secs + Secs.SSAFRAMESIZE), Host.get64(secs + Secs.SIZE))
                .store(secs);
        Host.fill(secs + Secs.MRSIGNER, 32, 0);
        Host.put32(secs + Secs.ISVPRODID, 0);
        epc.enter(page, PageType.SECS, 0, page, 0);
        SgxUnit.contentChanged(c, secs);
    }

    private static void check(SgxUnit u, Cpu c, long secs) {
        SgxCapabilities capabilities = u.capabilities;
        long attributes = Host.get64(secs + Secs.ATTRIBUTES);
        long xfrm = Host.get64(secs + Secs.XFRM);
        long size = Host.get64(secs + Secs.SIZE);
        long base = Host.get64(secs + Secs.BASEADDR);
        int misc = Host.get32(secs + Secs.MISCSELECT);
        boolean mode64 = (attributes & Attributes.MODE64BIT) != 0;
        // XSETBV refuses what is not supported; so the size below is one that CPUID leaf 0DH knows
        require(c, XsaveArea.legal(xfrm) && (xfrm & ~capabilities.xfrm()) == 0);
        require(c, Host.get64(secs + Secs.CET_LEG_BITMAP_OFFSET) == 0 && Host.get8(secs + Secs.CET_ATTRIBUTES) == 0);
        require(c, (misc & ~capabilities.miscselect()) == 0);
        long frame = (Host.get32(secs + Secs.SSAFRAMESIZE) & 0xFFFF_FFFFL) * 4096;
        require(c, frame >= XsaveArea.size(xfrm) + Gprsgx.SIZE + Gprsgx.miscSize(misc));
        require(c, mode64 ? Operands.canonical(base) : base >>> 32 == 0);
        require(c, size > 0 && size < 1L << capabilities.log2MaxSize(mode64));
        require(c, size >= 8192 && Long.bitCount(size) == 1);
        require(c, (base & size - 1) == 0);
        require(c, (attributes & ~(capabilities.attributes() & ~Attributes.INIT)) == 0);
        require(
                c,
                Host.isZero(secs + Secs.RESERVED1, 15)
                        && Host.isZero(secs + Secs.RESERVED2, 32)
                        && Host.isZero(secs + Secs.RESERVED3, 32)
                        && Host.isZero(secs + Secs.RESERVED4, 4096 - Secs.RESERVED4));
        boolean kss = (attributes & Attributes.KSS) != 0;
        require(c, kss || Host.isZero(secs + Secs.CONFIGID, 64) && Host.get16(secs + Secs.CONFIGSVN) == 0);
    }
}
