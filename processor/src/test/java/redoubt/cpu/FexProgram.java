package redoubt.cpu;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import redoubt.memory.HostMemory;
import redoubt.memory.PhysicalMemory;
import redoubt.x86.Feature;
import redoubt.x86.Op;

/**
 * A program of the FEX emulator's instruction tests, as its build leaves it: flat code and beside it a configuration with
 * memory to map and the registers expected when it reaches its HLT. It runs at CPL 3 in long mode, in a 64-bit or a 32-bit
 * code segment, over just the memory it asks for.
 */
final class FexProgram {
    private static final long CODE = 0x1_0000;
    private static final long BUDGET = 20_000_000;
    private static final int HLT = 0xF4;

    // Layout of the configuration file: offsets of its header's fields.
    private static final int MODE = 36;
    private static final int FEATURES = 40;
    private static final int REGIONS = 44;
    private static final int REGISTERS = 52;
    private static final int MEMORY = 60;
    private static final int ENVIRONMENT = 68;

    /** 3DNow!, SSE4a, CLZERO, a Linux kernel, AFP, extended MMX: not in a processor of Intel's, or none of the processor. */
    private static final int FOREIGN = 1 | 1 << 1 | 1 << 5 | 1 << 9 | 1 << 11 | 1 << 23;

    /** FEX's numbers of the general registers, in the encoding's numbering: RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP. */
    private static final int[] GENERAL = {0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15};

    private static final long TABLES = 0x70_0000_0000L;
    private static final int TABLES_SIZE = 4 << 20;
    private static final int DESCRIPTORS = 0x1000;
    private static final int FIRST_FREE_TABLE = 0x2000;
    private static final long DESCRIPTORS_LINEAR = 0xFFFF_B7A5_0000_0000L;
    private static final long LARGE = 2 << 20;

    private final byte[] code;
    private final ByteBuffer config;

    FexProgram(Path binary, Path configuration) throws IOException {
        code = Files.readAllBytes(binary);
        config = ByteBuffer.wrap(Files.readAllBytes(configuration)).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Whether it asks for what no processor of Intel's has, or for the emulator's own shortened x87 arithmetic. */
    boolean foreign() {
        int offset = config.getInt(ENVIRONMENT);
        String environment =
                new String(config.array(), offset, config.array().length - offset, StandardCharsets.ISO_8859_1);
        return (config.getInt(FEATURES) & FOREIGN) != 0 || environment.contains("X87REDUCEDPRECISION\0" + "1");
    }

    /** Runs it; what came out differently, one line each. */
    List<String> differences() {
        try (Arena arena = Arena.ofConfined()) {
            return new Run(arena).differences();
        }
    }

    /** One execution. */
    private final class Run {
        private final Arena arena;
        private final PhysicalMemory memory = new PhysicalMemory();
        private final MemorySegment tables;
        private final Cpu c;
        private final boolean wide = config.getInt(MODE) == 1;
        private int freeTable = FIRST_FREE_TABLE;

        Run(Arena arena) {
            this.arena = arena;
            tables = HostMemory.allocate(arena, TABLES_SIZE);
            memory.addRam(TABLES, tables);
            Set<Feature> features = EnumSet.copyOf(CpuModel.implemented());
            features.remove(Feature.SGX);
            c = new Cpu(0, new CpuModel(features, 1), memory, new CodeCache(), Platform.NONE, LocalApic.NONE);
            layOutMemory();
            layOutDescriptors();
            reset();
        }

        private void layOutMemory() {
            map(0xE000_0000L, 10 * 4096);
            map(0xE7FF_F000L, 2 * 4096);
            map(CODE, code.length + 4095 & -4096);
            if (!wide) {
                map(0xC000_0000L, 4096); // the stack
            }
            int at = config.getInt(REGIONS);
            for (int i = 0; i < config.getInt(REGIONS + 4); i++, at += 16) {
                map(config.getLong(at), config.getLong(at + 8));
            }
            memory.write(CODE, code);
            at = config.getInt(MEMORY);
            for (int i = 0; i < config.getInt(MEMORY + 4); i++) {
                byte[] bytes = new byte[config.getInt(at + 8)];
                config.get(at + 12, bytes);
                memory.write(config.getLong(at), bytes);
                at += 12 + bytes.length;
            }
        }

        /** Gives it RAM at this address, physical and linear, unless an earlier call did. */
        private void map(long address, long bytes) {
            if (memory.find(address) != null) {
                return;
            }
            memory.addRam(address, HostMemory.allocate(arena, bytes));
            boolean large = ((address | bytes) & LARGE - 1) == 0;
            long step = large ? LARGE : 4096;
            for (long page = address; page < address + bytes; page += step) {
                mapPage(page, page | 7, large);
            }
        }

        private void mapPage(long linear, long entry, boolean large) {
            long table = 0;
            int last = large ? 21 : 12;
            for (int shift = 39; shift > last; shift -= 9) {
                long at = table + 8 * (linear >>> shift & 511);
                long next = tables.get(ValueLayout.JAVA_LONG, at);
                if (next == 0) {
                    next = TABLES + freeTable | 7;
                    freeTable += 4096;
                    tables.set(ValueLayout.JAVA_LONG, at, next);
                }
                table = (next & -4096) - TABLES;
            }
            tables.set(ValueLayout.JAVA_LONG, table + 8 * (linear >>> last & 511), large ? entry | 0x80 : entry);
        }

        /** User segments only, the same in the global and in the local table. */
        private void layOutDescriptors() {
            for (int i = 1; i < 16; i++) {
                tables.set(ValueLayout.JAVA_LONG, DESCRIPTORS + 8L * i, 0x00CF_F300_0000_FFFFL);
            }
            tables.set(ValueLayout.JAVA_LONG, DESCRIPTORS + 0x20, 0x00CF_FB00_0000_FFFFL);
            tables.set(ValueLayout.JAVA_LONG, DESCRIPTORS + 0x30, 0x00AF_FB00_0000_FFFFL);
            mapPage(DESCRIPTORS_LINEAR, TABLES + DESCRIPTORS | 3, false);
        }

        private void reset() {
            c.cr0 = 0x8005_0033L; // PG AM WP NE ET MP PE
            c.cr3 = TABLES;
            c.cr4 = 0x5_0620L; // OSXSAVE FSGSBASE OSXMMEXCPT OSFXSR PAE
            c.efer = 0xD01; // NXE LMA LME SCE
            c.xcr0 = 7;
            c.flags = 0x202;
            c.idtLimit = 0; // any exception is a triple fault
            c.gdtBase = DESCRIPTORS_LINEAR;
            c.gdtLimit = 0x7F;
            c.ldtr = 0x68;
            c.ldtrBase = DESCRIPTORS_LINEAR;
            c.ldtrLimit = 0x7F;
            c.ldtrAccess = 0x82;
            for (int i = 0; i < 6; i++) {
                c.selector[i] = i == 1 ? wide ? 0x33 : 0x23 : 0x2B;
                c.segmentBase(i, 0);
                c.segmentLimit[i] = 0xFFFF_FFFFL;
                c.segmentAccess[i] = i != 1 ? 0xC0F3 : wide ? 0xA0FB : 0xC0FB;
            }
            c.codeMode = wide ? 64 : 32;
            Arrays.fill(c.r, 0, 16, 0);
            c.fpControl = 0x37F; // as FNINIT leaves it
            c.fpTag = 0;
            c.rip = CODE;
            c.cpl(3);
        }

        List<String> differences() {
            List<String> different = new ArrayList<>();
            Engine.Stop stop;
            try {
                stop = new Engine(c).run(BUDGET);
            } catch (UnimplementedException e) {
                return List.of(String.valueOf(e.getMessage()));
            }
            // HLT is privileged: reaching it is a general-protection fault that has no handler.
            if (stop != Engine.Stop.SHUTDOWN || memory.find(c.rip) == null || byteAt(c.rip) != HLT) {
                return List.of(stop + " at " + Long.toHexString(c.rip) + " "
                        + (memory.find(c.rip) == null ? "" : Integer.toHexString(byteAt(c.rip))));
            }
            int at = config.getInt(REGISTERS);
            for (int i = 0; i < config.getInt(REGISTERS + 4); i++) {
                int count = config.getInt(at);
                int register = Long.numberOfTrailingZeros(config.getLong(at + 4));
                at += 12;
                for (int j = 0; j < count; j++, at += 8) {
                    long expected = config.getLong(at);
                    long found = register(register, j);
                    if (found != expected) {
                        different.add(String.format("%s[%d] %016x expected %016x", name(register), j, found, expected));
                    }
                }
            }
            return different;
        }

        private int byteAt(long address) {
            long aligned = memory.readSystem64(address & -8);
            return (int) (aligned >>> 8 * (address & 7)) & 0xFF;
        }

        private long register(int number, int part) {
            if (number == 0) {
                return c.rip;
            }
            if (number < 17) {
                return c.r[GENERAL[number - 1]];
            }
            if (number < 33) {
                return c.x[4 * (number - 17) + part];
            }
            if (number < 35) {
                return c.r[number == 33 ? Op.GS_BASE : Op.FS_BASE];
            }
            return part == 0 ? c.fpSignificand[number - 35] : c.fpExponent[number - 35];
        }
    }

    private static String name(int number) {
        if (number < 33) {
            return number < 17 ? "general register " + (number - 1) : "vector register " + (number - 17);
        }
        return number < 35 ? number == 33 ? "GS" : "FS" : "x87 register " + (number - 35);
    }
}
