package redoubt.cpu.insn;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static redoubt.memory.PhysicalMemory.HOST;

import java.util.Arrays;
import redoubt.cpu.Cpu;
import redoubt.cpu.CpuModel;
import redoubt.cpu.Mem;
import redoubt.x86.Feature;

/**
 * FXSAVE, the XSAVE family and MXCSR: SDM vol. 1 10.5 and chapter 13. The area's layout is the processor's own enumeration
 * (CPUID leaf 0xD, {@link CpuModel}). No component is left out as unmodified: XSAVEOPT and XSAVES only use the init
 * optimisation, which 13.6 allows.
 */
public final class XState {
    public static final long X87 = 1;
    public static final long SSE = 1 << 1;
    public static final long AVX = 1 << 2;
    public static final long PKRU = 1 << 9;

    private static final long COMPACTED = 1L << 63;
    private static final int MXCSR_RESET = 0x1F80;
    private static final int MXCSR_RESERVED = 0xFFFF_0000;
    private static final int HEADER = 512;
    private static final int EXTENDED = 576;

    private XState() {}

    /** Where an area lies: guest memory through paging, or a page of the host. */
    private sealed interface Area {
        long get64(int at);

        int get32(int at);

        void put64(int at, long value);

        void put32(int at, int value);
    }

    private record GuestArea(Cpu c, long linear) implements Area {
        @Override
        public long get64(int at) {
            return Mem.ld64(c, linear + at);
        }

        @Override
        public int get32(int at) {
            return Mem.ld32(c, linear + at);
        }

        @Override
        public void put64(int at, long value) {
            Mem.st64(c, linear + at, value);
        }

        @Override
        public void put32(int at, int value) {
            Mem.st32(c, linear + at, value);
        }
    }

    /** SAFE: the caller vouches for a host range as large as the standard format of the mask. */
    private record HostArea(long host) implements Area {
        @Override
        public long get64(int at) {
            return HOST.get(JAVA_LONG_UNALIGNED, host + at);
        }

        @Override
        public int get32(int at) {
            return HOST.get(JAVA_INT_UNALIGNED, host + at);
        }

        @Override
        public void put64(int at, long value) {
            HOST.set(JAVA_LONG_UNALIGNED, host + at, value);
        }

        @Override
        public void put32(int at, int value) {
            HOST.set(JAVA_INT_UNALIGNED, host + at, value);
        }
    }

    /** A copy of an area that has been read whole, so that loading state from it cannot fault. */
    private record Image(long[] words) implements Area {
        @Override
        public long get64(int at) {
            return words[at >> 3];
        }

        @Override
        public int get32(int at) {
            return (int) (words[at >> 3] >>> 8 * (at & 4));
        }

        @Override
        public void put64(int at, long value) {
            words[at >> 3] = value;
        }

        @Override
        public void put32(int at, int value) {
            throw new IllegalStateException("an image is only read");
        }
    }

    private static Image image(Area area, int bytes) {
        long[] words = new long[bytes >> 3];
        for (int i = 0; i < words.length; i++) {
            words[i] = area.get64(i << 3);
        }
        return new Image(words);
    }

    // ---- components

    private static int registers(Cpu c) {
        return c.codeMode == 64 ? 16 : 8;
    }

    private static void saveX87(Cpu c, Area area, boolean wide) {
        long head = c.fpControl & 0xFFFF
                | (c.fpStatus & 0xFFFFL) << 16
                | (c.fpTag & 0xFFL) << 32
                | (c.fpOpcode & 0x7FFL) << 48;
        area.put64(0, head);
        // Selectors of the last instruction and operand read as zero: deprecated, CPUID.7.EBX[13].
        area.put64(8, wide ? c.fpInstruction : c.fpInstruction & 0xFFFF_FFFFL);
        area.put64(16, wide ? c.fpData : c.fpData & 0xFFFF_FFFFL);
        int top = c.fpStatus >> 11 & 7;
        for (int i = 0; i < 8; i++) {
            int physical = top + i & 7;
            area.put64(32 + 16 * i, c.fpSignificand[physical]);
            area.put64(40 + 16 * i, c.fpExponent[physical] & 0xFFFF);
        }
    }

    private static void restoreX87(Cpu c, Area area, boolean wide) {
        long head = area.get64(0);
        c.fpControl = (int) head & 0x1F3F | 0x40;
        c.fpStatus = (int) (head >>> 16) & 0xFFFF;
        boolean pending = (c.fpStatus & ~c.fpControl & 0x3F) != 0;
        c.fpStatus = c.fpStatus & ~0x8080 | (pending ? 0x8080 : 0);
        c.fpTag = (int) (head >>> 32) & 0xFF;
        c.fpOpcode = (int) (head >>> 48) & 0x7FF;
        c.fpInstruction = wide ? area.get64(8) : area.get32(8) & 0xFFFF_FFFFL;
        c.fpData = wide ? area.get64(16) : area.get32(16) & 0xFFFF_FFFFL;
        int top = c.fpStatus >> 11 & 7;
        for (int i = 0; i < 8; i++) {
            int physical = top + i & 7;
            c.fpSignificand[physical] = area.get64(32 + 16 * i);
            c.fpExponent[physical] = area.get32(40 + 16 * i) & 0xFFFF;
        }
    }

    private static void initX87(Cpu c) {
        redoubt.cpu.insn.X87.reset(c);
        Arrays.fill(c.fpSignificand, 0);
        Arrays.fill(c.fpExponent, 0);
    }

    /** Low halves ({@code half} 0) or high halves (2) of the vector registers, 16 bytes each. */
    private static void saveVectors(Cpu c, Area area, int at, int half) {
        for (int i = 0; i < registers(c); i++) {
            area.put64(at + 16 * i, c.x[4 * i + half]);
            area.put64(at + 16 * i + 8, c.x[4 * i + half + 1]);
        }
    }

    private static void restoreVectors(Cpu c, Area area, int at, int half) {
        for (int i = 0; i < registers(c); i++) {
            c.x[4 * i + half] = area.get64(at + 16 * i);
            c.x[4 * i + half + 1] = area.get64(at + 16 * i + 8);
        }
    }

    private static void initVectors(Cpu c, int half) {
        for (int i = 0; i < registers(c); i++) {
            c.x[4 * i + half] = 0;
            c.x[4 * i + half + 1] = 0;
        }
    }

    private static void setPkru(Cpu c, int value) {
        if (c.pkru != value) {
            c.pkru = value;
            c.mmu.flush();
        }
    }

    /** XINUSE (13.6): components not in their initial configuration. */
    private static long inUse(Cpu c) {
        long used = 0;
        long x87 = c.fpControl ^ 0x37F | c.fpStatus | c.fpTag | c.fpOpcode | c.fpInstruction | c.fpData;
        for (int i = 0; i < 8; i++) {
            x87 |= c.fpSignificand[i] | c.fpExponent[i];
        }
        if (x87 != 0) {
            used |= X87;
        }
        long low = 0;
        long high = 0;
        for (int i = 0; i < registers(c); i++) {
            low |= c.x[4 * i] | c.x[4 * i + 1];
            high |= c.x[4 * i + 2] | c.x[4 * i + 3];
        }
        return used | (low != 0 ? SSE : 0) | (high != 0 ? AVX : 0) | (c.pkru != 0 ? PKRU : 0);
    }

    private static int offset(int component, long compaction) {
        if ((compaction & COMPACTED) == 0) {
            return CpuModel.xstateOffset(component);
        }
        int at = EXTENDED;
        for (int i = 2; i < component; i++) {
            if ((compaction >> i & 1) != 0) {
                at += CpuModel.xstateSize(i);
            }
        }
        return at;
    }

    private static int size(long mask, boolean compacted) {
        return CpuModel.xstateAreaSize(mask, compacted);
    }

    private static void saveComponents(Cpu c, Area area, long components, long compaction, boolean wide) {
        if ((components & X87) != 0) {
            saveX87(c, area, wide);
        }
        if ((components & SSE) != 0) {
            saveVectors(c, area, 160, 0);
        }
        if ((components & AVX) != 0) {
            saveVectors(c, area, offset(2, compaction), 2);
        }
        if ((components & PKRU) != 0) {
            area.put64(offset(9, compaction), c.pkru & 0xFFFF_FFFFL);
        }
    }

    private static void saveMxcsr(Cpu c, Area area) {
        area.put32(24, c.mxcsr);
        area.put32(28, ~MXCSR_RESERVED);
    }

    private static void restoreComponents(
            Cpu c, Area area, long requested, long present, long compaction, boolean wide) {
        if ((requested & X87) != 0) {
            if ((present & X87) != 0) {
                restoreX87(c, area, wide);
            } else {
                initX87(c);
            }
        }
        if ((requested & SSE) != 0) {
            if ((present & SSE) != 0) {
                restoreVectors(c, area, 160, 0);
            } else {
                initVectors(c, 0);
            }
        }
        if ((requested & AVX) != 0) {
            if ((present & AVX) != 0) {
                restoreVectors(c, area, offset(2, compaction), 2);
            } else {
                initVectors(c, 2);
            }
        }
        if ((requested & PKRU) != 0) {
            setPkru(c, (present & PKRU) != 0 ? area.get32(offset(9, compaction)) : 0);
        }
    }

    // ---- for asynchronous exits and entries of enclaves

    /**
     * Saves components in the standard format, as an enclave exit does to its state save area. The header is written whole.
     *
     * @param host host address of the area, {@link CpuModel#xstateAreaSize} bytes long
     */
    public static void saveStandard(Cpu c, long host, long mask) {
        Area area = new HostArea(host);
        saveComponents(c, area, mask, 0, c.codeMode == 64);
        saveMxcsr(c, area);
        area.put64(HEADER, inUse(c) & mask);
        for (int at = HEADER + 8; at < EXTENDED; at += 8) {
            area.put64(at, 0);
        }
    }

    /**
     * Loads components from the standard format.
     *
     * @throws redoubt.cpu.GuestFault #GP(0) when XRSTOR would refuse the area; nothing has changed then
     */
    public static void restoreStandard(Cpu c, long host, long mask) {
        restore(c, image(new HostArea(host), size(mask, false)), mask, mask, c.codeMode == 64);
    }

    /** Puts components into their initial configuration; MXCSR too with SSE. */
    public static void initState(Cpu c, long mask) {
        restoreComponents(c, new Image(new long[0]), mask, 0, 0, true);
        if ((mask & SSE) != 0) {
            c.mxcsr = MXCSR_RESET;
        }
    }

    // ---- FXSAVE and FXRSTOR

    private static void checkFx(Cpu c, long linear) {
        if ((c.cr0 & 0xC) != 0) {
            throw c.deviceNotAvailable();
        }
        if ((linear & 15) != 0) {
            throw c.generalProtection(0);
        }
    }

    private static void fxsave(Cpu c, long linear, boolean wide) {
        checkFx(c, linear);
        c.mmu.probeWrite(linear, 512);
        Area area = new GuestArea(c, linear);
        saveX87(c, area, wide);
        saveMxcsr(c, area);
        saveVectors(c, area, 160, 0);
    }

    private static void fxrstor(Cpu c, long linear, boolean wide) {
        checkFx(c, linear);
        Image area = image(new GuestArea(c, linear), 512);
        int mxcsr = area.get32(24);
        if ((mxcsr & MXCSR_RESERVED) != 0) {
            throw c.generalProtection(0);
        }
        restoreX87(c, area, wide);
        c.mxcsr = mxcsr;
        restoreVectors(c, area, 160, 0);
    }

    public static void fxsave16(Cpu c, long linear) {
        fxsave(c, linear, false);
    }

    public static void fxsave32(Cpu c, long linear) {
        fxsave(c, linear, false);
    }

    public static void fxsave64(Cpu c, long linear) {
        fxsave(c, linear, true);
    }

    public static void fxrstor16(Cpu c, long linear) {
        fxrstor(c, linear, false);
    }

    public static void fxrstor32(Cpu c, long linear) {
        fxrstor(c, linear, false);
    }

    public static void fxrstor64(Cpu c, long linear) {
        fxrstor(c, linear, true);
    }

    // ---- MXCSR

    private static void checkSse(Cpu c) {
        if ((c.cr0 & 4) != 0 || (c.cr4 & 0x200) == 0) {
            throw c.invalidOpcode();
        }
        if ((c.cr0 & 8) != 0) {
            throw c.deviceNotAvailable();
        }
    }

    public static void ldmxcsr(Cpu c, int value) {
        checkSse(c);
        if ((value & MXCSR_RESERVED) != 0) {
            throw c.generalProtection(0);
        }
        c.mxcsr = value;
    }

    public static int stmxcsr(Cpu c) {
        checkSse(c);
        return c.mxcsr;
    }

    // ---- XSAVE family

    private static void checkXsave(Cpu c) {
        if ((c.cr4 & 0x40000) == 0) {
            throw c.invalidOpcode();
        }
        if ((c.cr0 & 8) != 0) {
            throw c.deviceNotAvailable();
        }
    }

    private static void checkArea(Cpu c, long linear) {
        checkXsave(c);
        if ((linear & 63) != 0) {
            throw c.generalProtection(0);
        }
    }

    private static long requested(Cpu c) {
        return (c.r[2] << 32 | c.r[0] & 0xFFFF_FFFFL) & c.xcr0;
    }

    private static void save(Cpu c, long linear, boolean wide, boolean optimised) {
        checkArea(c, linear);
        long requested = requested(c);
        c.mmu.probeWrite(linear, size(requested, false));
        Area area = new GuestArea(c, linear);
        long used = inUse(c) & requested;
        saveComponents(c, area, optimised ? used : requested, 0, wide);
        if ((requested & (SSE | AVX)) != 0) {
            saveMxcsr(c, area);
        }
        area.put64(HEADER, area.get64(HEADER) & ~requested | used);
    }

    private static void saveCompacted(Cpu c, long linear, boolean wide) {
        checkArea(c, linear);
        long requested = requested(c);
        c.mmu.probeWrite(linear, size(requested, true));
        Area area = new GuestArea(c, linear);
        long used = inUse(c) & requested;
        if (c.mxcsr != MXCSR_RESET) {
            used |= requested & SSE; // MXCSR belongs to the SSE component here
        }
        long compaction = requested | COMPACTED;
        saveComponents(c, area, used, compaction, wide);
        if ((used & SSE) != 0) {
            saveMxcsr(c, area);
        }
        area.put64(HEADER, used);
        area.put64(HEADER + 8, compaction);
    }

    private static void restore(Cpu c, long linear, boolean wide, boolean supervisor) {
        checkArea(c, linear);
        Area area = new GuestArea(c, linear);
        long compaction = area.get64(HEADER + 8);
        boolean compacted = (compaction & COMPACTED) != 0;
        if (supervisor && !compacted) {
            throw c.generalProtection(0);
        }
        long requested = requested(c);
        if (compacted && (compaction & ~COMPACTED & ~c.xcr0) != 0) {
            throw c.generalProtection(0);
        }
        // Of the extended region only what is to be loaded is read.
        long extended = requested & area.get64(HEADER);
        int bytes = EXTENDED;
        for (int component = 2; component < 10; component++) {
            if ((extended >> component & 1) != 0) {
                bytes = Math.max(bytes, offset(component, compaction) + CpuModel.xstateSize(component));
            }
        }
        restore(c, image(area, bytes), requested, c.xcr0, wide);
    }

    /** Header checks (13.8, 13.12) and the load; {@code enabled} is the set of components that the header may name. */
    private static void restore(Cpu c, Image area, long requested, long enabled, boolean wide) {
        long present = area.get64(HEADER);
        long compaction = area.get64(HEADER + 8);
        boolean compacted = (compaction & COMPACTED) != 0;
        long reserved = area.get64(HEADER + 16);
        if (compacted) {
            for (int at = HEADER + 24; at < EXTENDED; at += 8) {
                reserved |= area.get64(at);
            }
        }
        if (reserved != 0
                || (present & ~enabled) != 0
                || !compacted && compaction != 0
                || compacted && ((compaction & ~COMPACTED & ~enabled) | (present & ~compaction)) != 0) {
            throw c.generalProtection(0);
        }
        int mxcsr = c.mxcsr;
        if (compacted) {
            if ((requested & SSE) != 0) {
                mxcsr = (present & SSE) != 0 ? area.get32(24) : MXCSR_RESET;
            }
        } else if ((requested & (SSE | AVX)) != 0) {
            mxcsr = area.get32(24);
        }
        if ((mxcsr & MXCSR_RESERVED) != 0) {
            throw c.generalProtection(0);
        }
        c.mxcsr = mxcsr;
        restoreComponents(c, area, requested, present, compaction, wide);
    }

    public static void xsave16(Cpu c, long linear) {
        save(c, linear, false, false);
    }

    public static void xsave32(Cpu c, long linear) {
        save(c, linear, false, false);
    }

    public static void xsave64(Cpu c, long linear) {
        save(c, linear, true, false);
    }

    public static void xsaveopt16(Cpu c, long linear) {
        save(c, linear, false, true);
    }

    public static void xsaveopt32(Cpu c, long linear) {
        save(c, linear, false, true);
    }

    public static void xsaveopt64(Cpu c, long linear) {
        save(c, linear, true, true);
    }

    public static void xsavec16(Cpu c, long linear) {
        saveCompacted(c, linear, false);
    }

    public static void xsavec32(Cpu c, long linear) {
        saveCompacted(c, linear, false);
    }

    public static void xsavec64(Cpu c, long linear) {
        saveCompacted(c, linear, true);
    }

    public static void xsaves16(Cpu c, long linear) {
        saveCompacted(c, linear, false);
    }

    public static void xsaves32(Cpu c, long linear) {
        saveCompacted(c, linear, false);
    }

    public static void xsaves64(Cpu c, long linear) {
        saveCompacted(c, linear, true);
    }

    public static void xrstor16(Cpu c, long linear) {
        restore(c, linear, false, false);
    }

    public static void xrstor32(Cpu c, long linear) {
        restore(c, linear, false, false);
    }

    public static void xrstor64(Cpu c, long linear) {
        restore(c, linear, true, false);
    }

    public static void xrstors16(Cpu c, long linear) {
        restore(c, linear, false, true);
    }

    public static void xrstors32(Cpu c, long linear) {
        restore(c, linear, false, true);
    }

    public static void xrstors64(Cpu c, long linear) {
        restore(c, linear, true, true);
    }

    // ---- XCR0

    public static void xgetbv(Cpu c) {
        if ((c.cr4 & 0x40000) == 0) {
            throw c.invalidOpcode();
        }
        int index = (int) c.r[1];
        boolean inUseAvailable = c.model.has(Feature.XGETBV1);
        if (index != 0 && !(index == 1 && inUseAvailable)) {
            throw c.generalProtection(0);
        }
        long value = c.xcr0;
        if (index == 1) {
            value &= inUse(c) | (c.mxcsr != MXCSR_RESET ? SSE : 0);
        }
        c.r[0] = value & 0xFFFF_FFFFL;
        c.r[2] = value >>> 32;
    }

    /** The privilege has been checked. */
    public static void xsetbv(Cpu c) {
        if ((c.cr4 & 0x40000) == 0) {
            throw c.invalidOpcode();
        }
        long value = c.r[2] << 32 | c.r[0] & 0xFFFF_FFFFL;
        boolean avxWithoutSse = (value & (AVX | SSE)) == AVX;
        if ((int) c.r[1] != 0 || (value & ~c.model.xcr0Allowed()) != 0 || (value & X87) == 0 || avxWithoutSse) {
            throw c.generalProtection(0);
        }
        c.xcr0 = value;
        c.mmu.contextChanged();
        c.leaveLoop();
    }
}
