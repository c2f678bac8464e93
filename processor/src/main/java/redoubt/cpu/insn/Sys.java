package redoubt.cpu.insn;

import redoubt.cpu.ControlRegisters;
import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;
import redoubt.cpu.Mem;
import redoubt.cpu.Segments;
import redoubt.x86.Op;

/**
 * System instructions: SDM vol. 2 in the order of the instruction table, vol. 3A chapter 2. The privilege check of "cpl0" rows
 * has been made when a function here is called.
 */
public final class Sys {
    private static final long CR4_VME = 1;
    private static final long CR4_PVI = 2;
    private static final long CR4_TSD = 4;
    private static final long CR4_DE = 8;
    private static final long CR4_UMIP = 0x800;
    private static final long CR4_FSGSBASE = 0x10000;
    private static final long CR4_PCIDE = 0x20000;
    private static final long CR4_PKE = 0x40_0000;

    private static final int KERNEL_GS_BASE = 0xC000_0102;
    private static final int TSC_AUX = 0xC000_0103;

    private static final int DR7_GD = 0x2000;
    private static final int DR6_BD = 0x2000;

    private Sys() {}

    // ---- descriptor-table registers

    private static void checkUmip(Cpu c) {
        if ((c.cr4 & CR4_UMIP) != 0 && c.cpl > 0) {
            throw c.generalProtection(0);
        }
    }

    private static void checkProtected(Cpu c) {
        if (!c.protectedMode() || c.virtual8086()) {
            throw c.invalidOpcode();
        }
    }

    private static void storeTable(Cpu c, long address, int limit, long base) {
        checkUmip(c);
        c.mmu.probeWrite(address, c.codeMode == 64 ? 10 : 6);
        Mem.st16(c, address, limit);
        if (c.codeMode == 64) {
            Mem.st64(c, address + 2, base);
        } else {
            Mem.st32(c, address + 2, (int) base);
        }
    }

    public static void sgdt(Cpu c, long address) {
        storeTable(c, address, c.gdtLimit, c.gdtBase);
    }

    public static void sidt(Cpu c, long address) {
        storeTable(c, address, c.idtLimit, c.idtBase);
    }

    public static void lgdt16(Cpu c, long address) {
        loadGdt(c, Mem.ld16(c, address), Mem.ld32(c, address + 2) & 0xFF_FFFFL);
    }

    public static void lgdt32(Cpu c, long address) {
        loadGdt(c, Mem.ld16(c, address), Mem.ld32(c, address + 2) & 0xFFFF_FFFFL);
    }

    public static void lgdt64(Cpu c, long address) {
        loadGdt(c, Mem.ld16(c, address), canonical(c, Mem.ld64(c, address + 2)));
    }

    private static void loadGdt(Cpu c, int limit, long base) {
        c.gdtLimit = limit;
        c.gdtBase = base;
    }

    public static void lidt16(Cpu c, long address) {
        loadIdt(c, Mem.ld16(c, address), Mem.ld32(c, address + 2) & 0xFF_FFFFL);
    }

    public static void lidt32(Cpu c, long address) {
        loadIdt(c, Mem.ld16(c, address), Mem.ld32(c, address + 2) & 0xFFFF_FFFFL);
    }

    public static void lidt64(Cpu c, long address) {
        loadIdt(c, Mem.ld16(c, address), canonical(c, Mem.ld64(c, address + 2)));
    }

    private static void loadIdt(Cpu c, int limit, long base) {
        c.idtLimit = limit;
        c.idtBase = base;
    }

    private static long canonical(Cpu c, long value) {
        if (value << 16 >> 16 != value) {
            throw c.generalProtection(0);
        }
        return value;
    }

    public static long smsw(Cpu c) {
        checkUmip(c);
        return c.cr0;
    }

    /** PE can be set but not cleared; MP, EM and TS both. */
    public static void lmsw(Cpu c, int value) {
        ControlRegisters.cr0(c, c.cr0 & ~0xEL | value & 0xF);
    }

    public static void invlpg(Cpu c, long address) {
        if (address << 16 >> 16 == address) {
            c.mmu.flushPage(address);
        }
    }

    public static long sldt(Cpu c) {
        checkProtected(c);
        checkUmip(c);
        return c.ldtr;
    }

    public static long str(Cpu c) {
        checkProtected(c);
        checkUmip(c);
        return c.tr;
    }

    public static void lldt(Cpu c, int selector) {
        checkProtected(c);
        if (Segments.isNull(selector)) {
            c.ldtr = selector;
            c.ldtrAccess = Segments.UNUSABLE;
            return;
        }
        long descriptor = readGlobal(c, selector);
        int access = Segments.access(descriptor);
        if ((access & 0x1F) != 2) {
            throw c.generalProtection(selector & 0xFFFC);
        }
        checkPresent(c, selector, access);
        long base = systemBase(c, selector, descriptor);
        c.ldtr = selector;
        c.ldtrBase = base;
        c.ldtrLimit = Segments.limit(descriptor);
        c.ldtrAccess = access;
    }

    public static void ltr(Cpu c, int selector) {
        checkProtected(c);
        if (Segments.isNull(selector)) {
            throw c.generalProtection(0);
        }
        long descriptor = readGlobal(c, selector);
        int access = Segments.access(descriptor);
        int type = access & 0x1F;
        if (type != 9 && (type != 1 || c.longMode())) {
            throw c.generalProtection(selector & 0xFFFC);
        }
        checkPresent(c, selector, access);
        long base = systemBase(c, selector, descriptor);
        int busy = access | 2;
        c.mmu.sysSt8(Segments.entry(c, selector, 8, 13) + 5, busy & 0xFF);
        c.tr = selector;
        c.trBase = base;
        c.trLimit = Segments.limit(descriptor);
        c.trAccess = busy;
    }

    private static long readGlobal(Cpu c, int selector) {
        if ((selector & 4) != 0) {
            throw c.generalProtection(selector & 0xFFFC);
        }
        return Segments.read(c, selector, 13);
    }

    private static void checkPresent(Cpu c, int selector, int access) {
        if (!Segments.present(access)) {
            throw c.fault(11, selector & 0xFFFC);
        }
    }

    /** The base of an LDT or TSS: its descriptor has 16 bytes in IA-32e mode. */
    private static long systemBase(Cpu c, int selector, long descriptor) {
        long base = Segments.base(descriptor);
        if (!c.longMode()) {
            return base;
        }
        long high = c.mmu.sysLd64(Segments.entry(c, selector, 16, 13) + 8);
        if ((high >>> 40 & 0x1F) != 0) {
            throw c.generalProtection(selector & 0xFFFC);
        }
        return canonical(c, base | high << 32);
    }

    // ---- descriptor verification

    private static void zero(Cpu c, boolean set) {
        int status = Flags.status(c.fr, c.fx);
        c.status(set ? status | Flags.ZF : status & ~Flags.ZF);
    }

    /** The descriptor if the selector refers to one that the current privilege may see, else 0. */
    private static long visible(Cpu c, int selector, int systemTypes) {
        int offset = selector & 0xFFF8;
        boolean local = (selector & 4) != 0;
        boolean inTable =
                local ? (c.ldtrAccess & Segments.UNUSABLE) == 0 && offset + 7 <= c.ldtrLimit : offset + 7 <= c.gdtLimit;
        if (Segments.isNull(selector) || !inTable) {
            return 0;
        }
        long descriptor = Segments.read(c, selector, 13);
        int access = Segments.access(descriptor);
        if (Segments.system(access) && (systemTypes >> (access & 15) & 1) == 0) {
            return 0;
        }
        int dpl = Segments.dpl(access);
        boolean allowed = Segments.conforming(access) || c.cpl <= dpl && (selector & 3) <= dpl;
        return allowed ? descriptor : 0;
    }

    public static void verr(Cpu c, int selector) {
        checkProtected(c);
        int access = Segments.access(visible(c, selector, 0));
        zero(c, !Segments.system(access) && (!Segments.code(access) || (access & 2) != 0));
    }

    public static void verw(Cpu c, int selector) {
        checkProtected(c);
        zero(c, Segments.writableData(Segments.access(visible(c, selector, 0))));
    }

    private static final int LSL_TYPES = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 9 | 1 << 11;
    private static final int LAR_TYPES = LSL_TYPES | 1 << 4 | 1 << 5 | 1 << 12;
    private static final int LSL_TYPES_LONG = 1 << 2 | 1 << 9 | 1 << 11;
    private static final int LAR_TYPES_LONG = LSL_TYPES_LONG | 1 << 12;

    private static long lar(Cpu c, long old, int selector) {
        checkProtected(c);
        long descriptor = visible(c, selector, c.longMode() ? LAR_TYPES_LONG : LAR_TYPES);
        zero(c, descriptor != 0);
        return descriptor != 0 ? descriptor >>> 32 & 0xFF_FF00 : old;
    }

    public static int lar16(Cpu c, int old, int selector) {
        return (int) lar(c, old, selector);
    }

    public static int lar32(Cpu c, int old, int selector) {
        return (int) lar(c, old, selector);
    }

    public static long lar64(Cpu c, long old, int selector) {
        return lar(c, old, selector);
    }

    private static long lsl(Cpu c, long old, int selector) {
        checkProtected(c);
        long descriptor = visible(c, selector, c.longMode() ? LSL_TYPES_LONG : LSL_TYPES);
        zero(c, descriptor != 0);
        return descriptor != 0 ? Segments.limit(descriptor) : old;
    }

    public static int lsl16(Cpu c, int old, int selector) {
        return (int) lsl(c, old, selector);
    }

    public static int lsl32(Cpu c, int old, int selector) {
        return (int) lsl(c, old, selector);
    }

    public static long lsl64(Cpu c, long old, int selector) {
        return lsl(c, old, selector);
    }

    public static int arpl(Cpu c, int destination, int source) {
        checkProtected(c);
        boolean raise = (destination & 3) < (source & 3);
        zero(c, raise);
        return raise ? destination & ~3 | source & 3 : destination;
    }

    // ---- segment registers

    public static long movFromSegment(Cpu c, int segment) {
        if (segment > Segments.GS) {
            throw c.invalidOpcode();
        }
        return c.selector[segment];
    }

    /** A load of SS holds off interrupts until the next instruction has retired. */
    public static void movToSegment(Cpu c, int segment, int selector) {
        if (segment == Segments.CS || segment > Segments.GS) {
            throw c.invalidOpcode();
        }
        Segments.load(c, segment, selector);
        if (segment == Segments.SS) {
            holdOff(c);
        }
    }

    /** After a load of SS by MOV or POP: no interrupt and no debug exception before the next instruction (SDM vol. 3A 6.8.3). */
    static void holdOff(Cpu c) {
        c.interruptShadow = true;
        c.debugShadow = true;
        c.singleStep = false;
        c.leaveLoop();
    }

    private static int loadPointer16(Cpu c, int segment, long address) {
        int offset = Mem.ld16(c, address);
        Segments.load(c, segment, Mem.ld16(c, address + 2));
        return offset;
    }

    private static int loadPointer32(Cpu c, int segment, long address) {
        int offset = Mem.ld32(c, address);
        Segments.load(c, segment, Mem.ld16(c, address + 4));
        return offset;
    }

    private static long loadPointer64(Cpu c, int segment, long address) {
        long offset = Mem.ld64(c, address);
        Segments.load(c, segment, Mem.ld16(c, address + 8));
        return offset;
    }

    public static int les16(Cpu c, long address) {
        return loadPointer16(c, Segments.ES, address);
    }

    public static int les32(Cpu c, long address) {
        return loadPointer32(c, Segments.ES, address);
    }

    public static int lds16(Cpu c, long address) {
        return loadPointer16(c, Segments.DS, address);
    }

    public static int lds32(Cpu c, long address) {
        return loadPointer32(c, Segments.DS, address);
    }

    public static int lss16(Cpu c, long address) {
        return loadPointer16(c, Segments.SS, address);
    }

    public static int lss32(Cpu c, long address) {
        return loadPointer32(c, Segments.SS, address);
    }

    public static long lss64(Cpu c, long address) {
        return loadPointer64(c, Segments.SS, address);
    }

    public static int lfs16(Cpu c, long address) {
        return loadPointer16(c, Segments.FS, address);
    }

    public static int lfs32(Cpu c, long address) {
        return loadPointer32(c, Segments.FS, address);
    }

    public static long lfs64(Cpu c, long address) {
        return loadPointer64(c, Segments.FS, address);
    }

    public static int lgs16(Cpu c, long address) {
        return loadPointer16(c, Segments.GS, address);
    }

    public static int lgs32(Cpu c, long address) {
        return loadPointer32(c, Segments.GS, address);
    }

    public static long lgs64(Cpu c, long address) {
        return loadPointer64(c, Segments.GS, address);
    }

    // ---- control and debug registers

    public static int movFromControl32(Cpu c, int register) {
        return (int) movFromControl64(c, register);
    }

    public static long movFromControl64(Cpu c, int register) {
        return switch (register) {
            case 0 -> c.cr0;
            case 2 -> c.cr2;
            case 3 -> c.cr3;
            case 4 -> c.cr4;
            case 8 -> c.apic.cr8();
            default -> throw c.invalidOpcode();
        };
    }

    public static void movToControl32(Cpu c, int register, int value) {
        movToControl64(c, register, value & 0xFFFF_FFFFL);
    }

    public static void movToControl64(Cpu c, int register, long value) {
        switch (register) {
            case 0 -> ControlRegisters.cr0(c, value);
            case 2 -> c.cr2 = value;
            case 3 -> ControlRegisters.cr3(c, value);
            case 4 -> ControlRegisters.cr4(c, value);
            case 8 -> {
                if (value >>> 4 != 0) {
                    throw c.generalProtection(0);
                }
                c.apic.cr8((int) value);
                c.leaveLoop();
            }
            default -> throw c.invalidOpcode();
        }
    }

    /** DR4 and DR5 are DR6 and DR7 unless CR4.DE is set; every access faults while DR7.GD is set. */
    private static int debugRegister(Cpu c, int register) {
        int actual = register;
        if (register == 4 || register == 5) {
            if ((c.cr4 & CR4_DE) != 0) {
                throw c.invalidOpcode();
            }
            actual = register + 2;
        } else if (register > 7) {
            throw c.invalidOpcode();
        }
        if ((c.dr[7] & DR7_GD) != 0) {
            c.dr[6] |= DR6_BD;
            throw c.fault(1, -1);
        }
        return actual;
    }

    public static int movFromDebug32(Cpu c, int register) {
        return (int) c.dr[debugRegister(c, register)];
    }

    public static long movFromDebug64(Cpu c, int register) {
        return c.dr[debugRegister(c, register)];
    }

    public static void movToDebug32(Cpu c, int register, int value) {
        movToDebug64(c, register, value & 0xFFFF_FFFFL);
    }

    public static void movToDebug64(Cpu c, int register, long value) {
        int actual = debugRegister(c, register);
        if (actual >= 6 && value >>> 32 != 0) {
            throw c.generalProtection(0);
        }
        c.dr[actual] = switch (actual) {
            case 6 -> value & 0xE00F | 0xFFFF_0FF0L;
            case 7 -> value & 0xFFFF_23FFL | 0x400;
            default -> value;
        };
        c.breakpoints.changed();
    }

    public static void clts(Cpu c) {
        c.cr0 &= ~8L;
    }

    // ---- interrupts

    public static void hlt(Cpu c) {
        c.halted = true;
        c.leaveLoop();
    }

    /** Which flag CLI and STI change: IF, or VIF where IF is virtualised (SDM vol. 2A CLI, table 3-7). */
    private static int interruptFlag(Cpu c) {
        if (!c.protectedMode() || c.cpl <= ((int) c.flags >> 12 & 3)) {
            return Flags.IF;
        }
        boolean virtualised = c.virtual8086() ? (c.cr4 & CR4_VME) != 0 : c.cpl == 3 && (c.cr4 & CR4_PVI) != 0;
        if (!virtualised) {
            throw c.generalProtection(0);
        }
        return Flags.VIF;
    }

    public static void cli(Cpu c) {
        c.flags &= ~(long) interruptFlag(c);
    }

    /** Setting IF holds off interrupts until the next instruction has retired. */
    public static void sti(Cpu c) {
        int flag = interruptFlag(c);
        if (flag == Flags.VIF) {
            if ((c.flags & Flags.VIP) != 0) {
                throw c.generalProtection(0);
            }
        } else if ((c.flags & Flags.IF) == 0) {
            c.interruptShadow = true;
            c.leaveLoop();
        }
        c.flags |= flag;
    }

    // ---- model-specific registers, counters, identification

    public static void rdmsr(Cpu c) {
        long value = c.msrs.read((int) c.r[1]);
        c.r[0] = value & 0xFFFF_FFFFL;
        c.r[2] = value >>> 32;
    }

    public static void wrmsr(Cpu c) {
        c.msrs.write((int) c.r[1], c.r[0] & 0xFFFF_FFFFL | c.r[2] << 32);
        c.leaveLoop();
    }

    private static void checkTsc(Cpu c) {
        if ((c.cr4 & CR4_TSD) != 0 && c.cpl != 0) {
            throw c.generalProtection(0);
        }
    }

    public static void rdtsc(Cpu c) {
        if (c.enclave.timeStampIllegal()) {
            throw c.invalidOpcode();
        }
        checkTsc(c);
        long value = c.msrs.tsc();
        c.r[0] = value & 0xFFFF_FFFFL;
        c.r[2] = value >>> 32;
    }

    public static void rdtscp(Cpu c) {
        rdtsc(c);
        c.r[1] = c.msrs.read(TSC_AUX) & 0xFFFF_FFFFL;
    }

    public static long rdpid(Cpu c) {
        return c.msrs.read(TSC_AUX) & 0xFFFF_FFFFL;
    }

    /** No performance counters exist: every index is invalid. */
    public static void rdpmc(Cpu c) {
        throw c.generalProtection(0);
    }

    public static void cpuid(Cpu c) {
        int[] out = new int[4];
        c.model.cpuid(c, (int) c.r[0], (int) c.r[1], out);
        c.r[0] = out[0] & 0xFFFF_FFFFL;
        c.r[3] = out[1] & 0xFFFF_FFFFL;
        c.r[1] = out[2] & 0xFFFF_FFFFL;
        c.r[2] = out[3] & 0xFFFF_FFFFL;
    }

    // ---- protection features

    public static void clac(Cpu c) {
        checkSupervisor(c);
        c.flags &= ~(long) Flags.AC;
        c.mmu.contextChanged();
    }

    public static void stac(Cpu c) {
        checkSupervisor(c);
        c.flags |= Flags.AC;
        c.mmu.contextChanged();
    }

    private static void checkSupervisor(Cpu c) {
        if (c.cpl != 0) {
            throw c.invalidOpcode();
        }
    }

    public static void swapgs(Cpu c) {
        long kernel = c.msrs.read(KERNEL_GS_BASE);
        c.msrs.write(KERNEL_GS_BASE, c.segmentBase[Segments.GS]);
        c.segmentBase(Segments.GS, kernel);
    }

    private static void checkFsgsbase(Cpu c) {
        if ((c.cr4 & CR4_FSGSBASE) == 0) {
            throw c.invalidOpcode();
        }
    }

    public static int rdfsbase32(Cpu c) {
        checkFsgsbase(c);
        return (int) c.segmentBase[Segments.FS];
    }

    public static long rdfsbase64(Cpu c) {
        checkFsgsbase(c);
        return c.segmentBase[Segments.FS];
    }

    public static int rdgsbase32(Cpu c) {
        checkFsgsbase(c);
        return (int) c.segmentBase[Segments.GS];
    }

    public static long rdgsbase64(Cpu c) {
        checkFsgsbase(c);
        return c.segmentBase[Segments.GS];
    }

    public static void wrfsbase32(Cpu c, int base) {
        wrfsbase64(c, base & 0xFFFF_FFFFL);
    }

    public static void wrfsbase64(Cpu c, long base) {
        checkFsgsbase(c);
        c.segmentBase(Segments.FS, canonical(c, base));
    }

    public static void wrgsbase32(Cpu c, int base) {
        wrgsbase64(c, base & 0xFFFF_FFFFL);
    }

    public static void wrgsbase64(Cpu c, long base) {
        checkFsgsbase(c);
        c.segmentBase(Segments.GS, canonical(c, base));
    }

    /** Translations are not tagged with a PCID, so that only the single-address form is narrower than everything. */
    public static void invpcid(Cpu c, long type, long address) {
        if (Long.compareUnsigned(type, 3) > 0) {
            throw c.generalProtection(0);
        }
        long pcid = Mem.ld64(c, address);
        long linear = Mem.ld64(c, address + 8);
        boolean needsEnabled = type <= 1 && pcid != 0 && (c.cr4 & CR4_PCIDE) == 0;
        if (pcid >>> 12 != 0 || needsEnabled) {
            throw c.generalProtection(0);
        }
        if (type == 0) {
            c.mmu.flushPage(canonical(c, linear));
        } else {
            c.mmu.flush();
        }
    }

    /** Undefined above privilege level 0; no extensions exist. */
    private static void checkMonitor(Cpu c, long extensions, long known) {
        checkSupervisor(c);
        if (((c.codeMode == 64 ? extensions : extensions & 0xFFFF_FFFFL) & ~known) != 0) {
            throw c.generalProtection(0);
        }
    }

    /** Its operand faults like a byte load. */
    public static void monitor(Cpu c) {
        checkMonitor(c, c.r[1], 0);
        long linear = c.r[Op.TEMP];
        Mem.ld8(c, linear);
        c.monitor.arm(linear);
    }

    /** The hints in EAX have no effect: there is one depth of sleep. */
    public static void mwait(Cpu c) {
        checkMonitor(c, c.r[1] & 0xFFFF_FFFFL, 1);
        c.monitor.await((c.r[1] & 1) != 0);
        c.leaveLoop();
    }

    private static void checkPkru(Cpu c) {
        if ((c.cr4 & CR4_PKE) == 0) {
            throw c.invalidOpcode();
        }
        if ((int) c.r[1] != 0) {
            throw c.generalProtection(0);
        }
    }

    public static void rdpkru(Cpu c) {
        checkPkru(c);
        c.r[0] = c.pkru & 0xFFFF_FFFFL;
        c.r[2] = 0;
    }

    public static void wrpkru(Cpu c) {
        checkPkru(c);
        if ((int) c.r[2] != 0) {
            throw c.generalProtection(0);
        }
        if (c.pkru != (int) c.r[0]) {
            c.pkru = (int) c.r[0];
            c.mmu.flush();
        }
    }

    // ---- caches, which do not exist

    public static void invd(Cpu c) {}

    /** Faults like a load of one byte. */
    public static void clflush(Cpu c, long address) {
        Mem.ld8(c, address);
    }
}
