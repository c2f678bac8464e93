package redoubt.cpu.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import redoubt.cpu.CodeCache;
import redoubt.cpu.Cpu;
import redoubt.cpu.CpuModel;
import redoubt.cpu.Engine;
import redoubt.cpu.LocalApic;
import redoubt.cpu.Platform;
import redoubt.cpu.UnimplementedException;
import redoubt.memory.PhysicalMemory;
import redoubt.x86.Feature;
import redoubt.x86.Op;

/**
 * Our interpreter as a {@link Subject}: a processor in 64-bit mode at CPL 3 with paging, whose exceptions go through an IDT
 * to handlers that halt. So the delivery of exceptions is compared too, and nothing of the interpreter is bypassed.
 */
final class InterpreterSubject implements Subject {
    // Guest-physical pages.
    private static final int PML4 = 0x1000;
    private static final int LOW_PDPT = 0x2000;
    private static final int LOW_DIRECTORY = 0x3000;
    private static final int CODE_TABLE = 0x4000;
    private static final int WINDOW_TABLE = 0x5000;
    private static final int SYSTEM_PDPT = 0x6000;
    private static final int SYSTEM_DIRECTORY = 0x7000;
    private static final int SYSTEM_TABLE = 0x8000;
    private static final int DESCRIPTORS = 0x9000;
    private static final int HANDLERS = 0xB000;
    private static final int CODE = 0xC000;
    private static final int WINDOW = 0xE000;
    private static final int RAM_SIZE = 0x10000;

    // Linear addresses of the supervisor's pages, where no random address is likely to fall.
    private static final long SYSTEM = 0xFFFF_B7A5_0000_0000L;
    private static final long GDT = SYSTEM;
    private static final long TSS = SYSTEM + 0x400;
    private static final long IDT = SYSTEM + 0x800;
    private static final long STACK_TOP = SYSTEM + 0x2000;
    private static final long HANDLER = SYSTEM + 0x2000;
    private static final int HANDLER_SIZE = 16;
    private static final long CODE_ALIAS = SYSTEM + 0x3000;

    /** Enough for any repeated string instruction inside the window, the INT3 and the HLT. */
    private static final long BUDGET = 1_000_000;

    /** Reported as a vector that does not exist. */
    private static final int TRIPLE_FAULT = 255;

    private static final long NX = 1L << 63;
    private static final int PRESENT = 1;
    private static final int WRITABLE = 2;
    private static final int USER = 4;
    private static final int TSS_LIMIT = 0x67;
    private static final int KERNEL_CODE = 0x10;
    private static final int RSP = 4;

    private final MemorySegment ram = Arena.ofAuto().allocate(RAM_SIZE, 4096);
    private final PhysicalMemory memory = new PhysicalMemory();
    private final Cpu cpu;
    private final Engine engine;

    InterpreterSubject(Set<Feature> features) {
        memory.addRam(0, ram);
        layOutMemory();
        cpu = new Cpu(0, new CpuModel(features, 1), memory, new CodeCache(), Platform.NONE, LocalApic.NONE);
        engine = new Engine(cpu);
    }

    private void layOutMemory() {
        long user = PRESENT | WRITABLE | USER;
        put(PML4, LOW_PDPT | user);
        put(LOW_PDPT, LOW_DIRECTORY | user);
        put(LOW_DIRECTORY + 8 * (int) (CpuState.CODE_BASE >> 21), CODE_TABLE | user);
        put(LOW_DIRECTORY + 8 * (int) (CpuState.WINDOW_BASE >> 21), WINDOW_TABLE | user);
        for (int page = 0; page < 2; page++) {
            put(CODE_TABLE + 8 * page, CODE + 4096 * page | PRESENT | USER);
            put(WINDOW_TABLE + 8 * page, WINDOW + 4096 * page | user | NX);
        }
        put(PML4 + 8 * (int) (SYSTEM >> 39 & 511), SYSTEM_PDPT | PRESENT | WRITABLE);
        put(SYSTEM_PDPT + 8 * (int) (SYSTEM >> 30 & 511), SYSTEM_DIRECTORY | PRESENT | WRITABLE);
        put(SYSTEM_DIRECTORY, SYSTEM_TABLE | PRESENT | WRITABLE);
        for (int page = 0; page < 5; page++) { // descriptors, stack, handlers, the code pages once more
            put(SYSTEM_TABLE + 8 * page, DESCRIPTORS + 4096 * page | PRESENT | WRITABLE);
        }
        put(DESCRIPTORS + KERNEL_CODE, 0x00AF_9B00_0000_FFFFL);
        put(DESCRIPTORS + 0x20, 0x00CF_FB00_0000_FFFFL); // user, 32-bit
        put(DESCRIPTORS + 0x28, 0x00CF_F300_0000_FFFFL);
        put(DESCRIPTORS + 0x30, 0x00AF_FB00_0000_FFFFL); // user, 64-bit
        put(DESCRIPTORS + 0x400 + 4, STACK_TOP); // TSS: RSP0
        put(DESCRIPTORS + 0x400 + 0x60, (long) TSS_LIMIT + 1 << 48); // no I/O bitmap: all ports refused
        for (int vector = 0; vector < 32; vector++) {
            long handler = HANDLER + (long) vector * HANDLER_SIZE;
            int dpl = vector == 3 || vector == 4 ? 3 : 0;
            long gate = 0x8E00L | (long) dpl << 13;
            int at = DESCRIPTORS + 0x800 + 16 * vector;
            put(at, handler & 0xFFFF | KERNEL_CODE << 16 | gate << 32 | (handler >> 16 & 0xFFFF) << 48);
            put(at + 8, handler >>> 32);
            ram.set(ValueLayout.JAVA_BYTE, HANDLERS + vector * HANDLER_SIZE, (byte) 0xF4); // HLT
        }
        ram.asSlice(CODE, 0x2000).fill((byte) 0xCC);
    }

    private void put(int physical, long value) {
        ram.set(ValueLayout.JAVA_LONG_UNALIGNED, physical, value);
    }

    @Override
    public void run(Case of, CpuState last, Outcome outcome) {
        CpuState first = of.initial;
        MemorySegment.copy(first.window, 0, ram, ValueLayout.JAVA_BYTE, WINDOW, CpuState.WINDOW_SIZE);
        load(first);
        long codeAt = CODE_ALIAS + (first.rip - CpuState.CODE_BASE);
        for (int i = 0; i < of.length; i++) {
            cpu.mmu.sysSt8(codeAt + i, of.code[i]);
        }
        try {
            Engine.Stop stop = engine.run(of.singleStep ? 1 : BUDGET);
            collect(of, last, outcome);
            if (stop == Engine.Stop.SHUTDOWN) {
                outcome.exception(TRIPLE_FAULT, 0, 0);
            }
        } catch (UnimplementedException e) {
            outcome.other(Outcome.Kind.UNIMPLEMENTED, String.valueOf(e.getMessage()));
        }
        for (int i = 0; i < of.length; i++) {
            cpu.mmu.sysSt8(codeAt + i, 0xCC);
        }
    }

    private void load(CpuState s) {
        cpu.halted = false;
        cpu.nmiPending = false;
        cpu.interruptShadow = false;
        cpu.cr0 = 0x8005_0033L; // PG AM WP NE ET MP PE
        cpu.cr2 = 0;
        cpu.cr3 = PML4;
        cpu.cr4 = 0x5_0E20L; // OSXSAVE FSGSBASE UMIP OSXMMEXCPT OSFXSR PAE
        cpu.efer = 0xD01; // NXE LMA LME SCE
        cpu.xcr0 = 7;
        segment(1, 0x33, 0xA0FB);
        segment(2, 0x2B, 0xC0F3);
        for (int i : new int[] {0, 3, 4, 5}) {
            segment(i, 0, 0x10000);
        }
        cpu.segmentBase(4, s.fsBase);
        cpu.segmentBase(5, s.gsBase);
        cpu.gdtBase = GDT;
        cpu.gdtLimit = 0x37;
        cpu.idtBase = IDT;
        cpu.idtLimit = 32 * 16 - 1;
        cpu.tr = 0x38;
        cpu.trBase = TSS;
        cpu.trLimit = TSS_LIMIT;
        cpu.trAccess = 0x8B;
        cpu.codeMode = 64;
        System.arraycopy(s.gpr, 0, cpu.r, 0, 16);
        cpu.rip = s.rip;
        cpu.rflags(s.rflags & CpuState.RFLAGS_MASK | 0x202);
        cpu.mxcsr = s.mxcsr;
        for (int i = 0; i < 16; i++) {
            System.arraycopy(s.ymm[i], 0, cpu.x, 4 * i, 4);
        }
        cpu.fpControl = s.controlWord();
        cpu.fpStatus = s.statusWord();
        cpu.fpTag = s.tagByte();
        cpu.fpOpcode = 0;
        cpu.fpInstruction = 0;
        cpu.fpData = 0;
        int top = s.statusWord() >> 11 & 7;
        for (int i = 0; i < 8; i++) {
            cpu.fpSignificand[top + i & 7] = s.significand(i);
            cpu.fpExponent[top + i & 7] = s.signAndExponent(i);
        }
        cpu.cpl(3);
    }

    private void segment(int index, int selector, int access) {
        cpu.selector[index] = selector;
        cpu.segmentBase(index, 0);
        cpu.segmentLimit[index] = 0xFFFF_FFFFL;
        cpu.segmentAccess[index] = access;
    }

    private void collect(Case of, CpuState last, Outcome outcome) {
        System.arraycopy(cpu.r, 0, last.gpr, 0, 16);
        last.rip = cpu.rip;
        last.rflags = cpu.rflags();
        last.fsBase = cpu.r[Op.FS_BASE];
        last.gsBase = cpu.r[Op.GS_BASE];
        last.mxcsr = cpu.mxcsr;
        for (int i = 0; i < 16; i++) {
            System.arraycopy(cpu.x, 4 * i, last.ymm[i], 0, 4);
        }
        java.util.Arrays.fill(last.fx, (byte) 0);
        last.controlWord(cpu.fpControl);
        last.statusWord(cpu.fpStatus);
        last.tagByte(cpu.fpTag);
        last.pointers(cpu.fpOpcode, cpu.fpInstruction, cpu.fpData);
        int top = cpu.fpStatus >> 11 & 7;
        for (int i = 0; i < 8; i++) {
            last.st(i, cpu.fpExponent[top + i & 7], cpu.fpSignificand[top + i & 7]);
        }
        MemorySegment.copy(ram, ValueLayout.JAVA_BYTE, WINDOW, last.window, 0, CpuState.WINDOW_SIZE);
        if (cpu.cpl == 3) {
            outcome.completed();
            return;
        }
        int vector = (int) (cpu.rip - HANDLER) / HANDLER_SIZE;
        boolean hasErrorCode = vector == 8 || vector >= 10 && vector <= 14 || vector == 17;
        int frame = 0xB000 - (hasErrorCode ? 48 : 40); // in guest-physical terms
        long errorCode = hasErrorCode ? get(frame) : 0;
        frame += hasErrorCode ? 8 : 0;
        last.rip = get(frame);
        last.rflags = get(frame + 16);
        last.gpr[RSP] = get(frame + 24);
        if (vector == 3 && !of.singleStep) { // the INT3 behind the instruction: it completed
            last.rip--;
            outcome.completed();
        } else {
            outcome.exception(vector, errorCode, cpu.cr2);
        }
    }

    private long get(int physical) {
        return ram.get(ValueLayout.JAVA_LONG_UNALIGNED, physical);
    }
}
