package redoubt.sgx;

import static redoubt.sgx.Operands.require;

import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;

/** ENCLU[ERESUME]: SDM vol. 3D chapter 38. */
final class Eresume {
    private static final long RESTORED = Flags.STATUS | Flags.DF | Flags.NT | Flags.AC | Flags.ID | Flags.RF;

    private Eresume() {}

    static void execute(SgxUnit u, Cpu c) {
        Entry entry = Entry.check(u, c);
        long tcs = u.epc.host(entry.tcs());
        int cssa = Host.get32(tcs + Tcs.CSSA);
        require(c, cssa != 0);
        SgxUnit.Frame frame = u.frame(c, entry.secs(), tcs, (cssa & 0xFFFF_FFFFL) - 1);
        long gpr = frame.gpr();
        boolean notify =
                (Host.get64(tcs + Tcs.FLAGS) & Tcs.AEXNOTIFY) != 0 && (Host.get8(gpr + Gprsgx.AEXNOTIFY) & 1) != 0;
        if (notify) {
            entry.begin(u, c, cssa & 0xFFFF_FFFFL);
            return;
        }
        boolean mode64 = entry.mode64();
        long target = mode64 ? Host.get64(gpr + Gprsgx.RIP) : Host.get32(gpr + Gprsgx.RIP) & 0xFFFF_FFFFL;
        entry.checkTarget(c, target);
        long base = Host.get64(u.epc.host(entry.secs()) + Secs.BASEADDR);
        long fsBase = mode64 ? Host.get64(gpr + Gprsgx.FSBASE) : entry.segmentBase(base, tcs, Tcs.OFSBASE);
        long gsBase = mode64 ? Host.get64(gpr + Gprsgx.GSBASE) : entry.segmentBase(base, tcs, Tcs.OGSBASE);
        entry.checkSegments(u, c, fsBase, gsBase);
        entry.checkInactive(u, c);
        AsynchronousExit.restoreExtended(u, c, frame, Host.get64(u.epc.host(entry.secs()) + Secs.XFRM));

        u.enter(c, entry, frame, fsBase, gsBase, false);
        int registers = mode64 ? 16 : 8;
        for (int i = 0; i < registers; i++) {
            c.r[i] = mode64 ? Host.get64(gpr + 8L * i) : Host.get32(gpr + 8L * i) & 0xFFFF_FFFFL;
        }
        // TF is not in the frame: of an enclave entered with debug opt-in, the outside decides about it each time
        long restored = RESTORED | ((c.flags & Flags.IOPL) == Flags.IOPL ? Flags.IF : 0);
        long saved = mode64 ? Host.get64(gpr + Gprsgx.RFLAGS) : Host.get32(gpr + Gprsgx.RFLAGS) & 0xFFFF_FFFFL;
        c.rflags(c.rflags() & ~restored | saved & restored);
        c.rip = target;
        Host.put32(tcs + Tcs.CSSA, cssa - 1);
        c.mmu.contextChanged(); // AC
    }
}
