package redoubt.cpu.host;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import redoubt.x86.Feature;
import redoubt.x86.Operand;
import redoubt.x86.Row;
import redoubt.x86.Rows;

/**
 * Makes random instances of the rows of the instruction table: an encoding with legal and now and then superfluous or
 * illegal prefixes, every addressing form, and a state in which memory operands mostly lie in the data window, sometimes
 * across its end or its middle, sometimes nowhere. An instance is a function of seed and number alone.
 */
final class RandomInstances {
    private static final long CODE = CpuState.CODE_BASE;
    private static final long WINDOW = CpuState.WINDOW_BASE;
    private static final int SIZE = CpuState.WINDOW_SIZE;
    private static final int RCX = 1;
    private static final int RBX = 3;
    private static final int RSP = 4;
    private static final int RBP = 5;
    private static final int RSI = 6;
    private static final int RDI = 7;

    /**
     * Rows whose results are not a function of the case (clocks, random numbers, what this processor and kernel are), or
     * that the host program does not run. XSAVE's family depends on XCR0; it has tests of its own.
     */
    private static final Set<String> EXCLUDED = Set.of(
            "RDTSC",
            "RDTSCP",
            "RDPMC",
            "CPUID",
            "RDRAND",
            "RDSEED",
            "RDPID",
            "XGETBV",
            "XSAVE",
            "XSAVEOPT",
            "XSAVEC",
            "XRSTOR",
            "SGDT",
            "SIDT",
            "SMSW",
            "SLDT",
            "STR",
            "LAR",
            "LSL",
            "VERR",
            "VERW",
            "SYSCALL",
            "SYSENTER",
            "SYSRET",
            "SYSEXIT",
            "LSS",
            "LFS",
            "LGS",
            "RETF",
            "IRET",
            "INT1",
            "INT3",
            "INT",
            "MONITOR",
            "MWAIT",
            "FXSAVE",
            "FXRSTOR");

    private static final long[] EDGES = {
        0,
        1,
        2,
        -1,
        -2,
        0x7F,
        0x80,
        0xFF,
        0x100,
        0x7FFF,
        0x8000,
        0xFFFF,
        0x1_0000,
        0x7FFF_FFFF,
        0x8000_0000L,
        0xFFFF_FFFFL,
        0x1_0000_0000L,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        Long.MIN_VALUE + 1,
        31,
        32,
        63,
        64
    };
    private static final int[] FLOATS = {
        0, 0x8000_0000, 0x3F80_0000, 0xBF80_0000, 0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0xFFC0_0000, 0x7F80_0001,
        0xFFBF_FFFF, 1, 0x8000_0001, 0x007F_FFFF, 0x0080_0000, 0x7F7F_FFFF, 0xFF7F_FFFF, 0x4F00_0000, 0xCF00_0000,
        0x4EFF_FFFF, 0x5F00_0000, 0xDF00_0000, 0x3F00_0000, 0x3FC0_0000, 0x3400_0000, 0x7FFF_FFFF, 0x4B00_0001
    };
    private static final long[] DOUBLES = {
        0,
        0x8000_0000_0000_0000L,
        0x3FF0_0000_0000_0000L,
        0xBFF0_0000_0000_0000L,
        0x7FF0_0000_0000_0000L,
        0xFFF0_0000_0000_0000L,
        0x7FF8_0000_0000_0000L,
        0xFFF8_0000_0000_0000L,
        0x7FF0_0000_0000_0001L,
        0xFFF7_FFFF_FFFF_FFFFL,
        1,
        0x8000_0000_0000_0001L,
        0x000F_FFFF_FFFF_FFFFL,
        0x0010_0000_0000_0000L,
        0x7FEF_FFFF_FFFF_FFFFL,
        0x41E0_0000_0000_0000L,
        0xC1E0_0000_0000_0000L,
        0x41DF_FFFF_FFC0_0000L,
        0x41DF_FFFF_FFE0_0000L,
        0x43E0_0000_0000_0000L,
        0xC3E0_0000_0000_0000L,
        0x3FE0_0000_0000_0000L,
        0x3FF8_0000_0000_0000L,
        0x3690_0000_0000_0000L,
        0x47EF_FFFF_F000_0000L,
        0x4330_0000_0000_0001L,
        0x380F_FFFF_E000_0000L
    };

    private final long seed;
    private final List<Row> rows = new ArrayList<>();

    private SplittableRandom random = new SplittableRandom(0);
    private Case out = new Case();
    private final byte[] tail = new byte[24];
    private int tailLength;
    private Row row = Rows.ALL.getFirst();
    private int rex;
    private boolean operandPrefix;
    private boolean addressPrefix;
    private int segment;
    private boolean lock;
    private int repeat;
    private int vvvv;
    private int vexL;
    private boolean memoryForm;
    private boolean ripRelative;
    private int dispAt;
    private long target;

    /**
     * Instances of the rows that this host can run, narrowed by {@code wanted}.
     *
     * @throws IllegalArgumentException if no row is left
     */
    RandomInstances(long seed, Set<Feature> features, Predicate<Row> wanted) {
        this.seed = seed;
        for (Row candidate : Rows.ALL) {
            if (features.contains(candidate.feature)
                    && !candidate.has("i64")
                    && !EXCLUDED.contains(candidate.mnemonic)
                    && !isSegmentLoadOrFarTransfer(candidate)
                    && wanted.test(candidate)) {
                rows.add(candidate);
            }
        }
        if (rows.isEmpty()) {
            throw new IllegalArgumentException("no row of the instruction table is wanted and runnable on this host");
        }
    }

    private static boolean isSegmentLoadOrFarTransfer(Row row) {
        return row.semantics.startsWith("Far.") && !row.mnemonic.startsWith("UD")
                || row.semantics.equals("Sys.movToSegment")
                || row.semantics.equals("Sys.movFromSegment")
                || row.semantics.matches("Stack\\.(push|pop)[FG]s")
                || row.semantics.startsWith("Sgx.");
    }

    List<Row> rows() {
        return rows;
    }

    /** Fills the case with instance {@code number}. */
    Row fill(Case to, long number) {
        out = to;
        random = new SplittableRandom(mix(seed ^ mix(number)));
        row = rows.get(random.nextInt(rows.size()));
        out.seed = seed;
        out.number = number;
        out.name = row.toString();
        out.is32Bit = false;
        out.singleStep = row.has("end");
        registers();
        choosePrefixes();
        encode();
        place();
        stackAndStrings();
        out.undefinedFlags = undefinedFlags();
        return row;
    }

    /** A bijection with good avalanche (the finalizer of MurmurHash3), so that neighbouring numbers are unrelated. */
    private static long mix(long value) {
        long z = (value ^ value >>> 33) * 0xFF51_AFD7_ED55_8CCDL;
        z = (z ^ z >>> 33) * 0xC4CE_B9FE_1A85_EC53L;
        return z ^ z >>> 33;
    }

    private boolean oneIn(int n) {
        return random.nextInt(n) == 0;
    }

    // ---- state

    private void registers() {
        CpuState s = out.initial;
        for (int i = 0; i < 16; i++) {
            s.gpr[i] = integer();
        }
        s.rflags = 2
                | random.nextInt() & 0x8D5
                | (oneIn(4) ? 0x400 : 0)
                | (!row.vex && oneIn(32) ? 0x40000 : 0) // AC: which VEX operands it counts for is each vendor's own
                | (oneIn(64) ? 0x4000 : 0)
                | (oneIn(2) ? 0x200000 : 0);
        s.fsBase = 0;
        s.gsBase = 0;
        for (int i = 0; i < SIZE; i += 8) {
            s.window(WINDOW + i, random.nextLong());
        }
        boolean vectors = usesVectors();
        for (int i = 0; i < 16; i++) {
            if (vectors) {
                vector(s.ymm[i]);
            } else {
                s.ymm[i][0] = i * 0x0101_0101_0101_0101L;
            }
        }
        s.mxcsr = 0x1F80;
        if (vectors) {
            s.mxcsr = random.nextInt() & 0xE07F & (oneIn(4) ? -1 : 0x7FBF)
                    | (oneIn(8) ? random.nextInt() & 0x1F80 : 0x1F80);
        }
        boolean x87 = row.feature == Feature.X87
                || row.operands.stream().anyMatch(Operand::isMmx)
                || row.semantics.startsWith("X87.");
        java.util.Arrays.fill(s.fx, (byte) 0);
        s.controlWord(0x37F);
        if (x87) {
            s.controlWord(random.nextInt() & 0xF00 | 0x40 | (oneIn(6) ? random.nextInt() & 0x3F : 0x3F));
            int status = random.nextInt() & 0x7F00 | (oneIn(2) ? random.nextInt() & 0x7F : 0);
            if (!oneIn(8)) { // mostly no pending exception, or hardly anything would run
                status &= ~0x3F | s.controlWord();
            }
            boolean pending = (status & 0x3F & ~s.controlWord()) != 0;
            s.statusWord(pending ? status | 0x8080 : status);
            s.tagByte(oneIn(4) ? random.nextInt(256) : oneIn(8) ? 0 : 0xFF);
            for (int i = 0; i < 8; i++) {
                extended(s, i);
            }
            if (row.mnemonic.equals("F2XM1") || row.mnemonic.equals("FYL2XP1")) {
                // Outside their range the manual leaves the result undefined: well inside it, below 1/4.
                s.st(0, 0x3FFC - random.nextInt(70) | s.signAndExponent(0) & 0x8000, s.significand(0) | Long.MIN_VALUE);
            }
        }
    }

    private boolean usesVectors() {
        return row.vex
                || row.feature.name().startsWith("SSE")
                || row.feature.name().startsWith("SSSE")
                || row.operands.stream().anyMatch(Operand::isVector)
                || row.semantics.contains("mxcsr");
    }

    private long integer() {
        return switch (random.nextInt(8)) {
            case 0, 1 -> random.nextLong();
            case 2 -> random.nextInt(-20, 300);
            case 3, 4 -> EDGES[random.nextInt(EDGES.length)];
            case 5 -> EDGES[random.nextInt(EDGES.length)] + random.nextInt(-2, 3);
            case 6 -> random.nextInt();
            default -> random.nextLong() >> random.nextInt(64);
        };
    }

    private void vector(long[] to) {
        int style = random.nextInt(6);
        for (int lane = 0; lane < 4; lane++) {
            to[lane] = switch (style) {
                case 0 -> random.nextLong();
                case 1 -> float32() & 0xFFFF_FFFFL | (long) float32() << 32;
                case 2 -> float64();
                case 3 -> edgeBytes();
                case 4 -> integer();
                default -> random.nextInt(4) == 0 ? float64() : float32() & 0xFFFF_FFFFL | (long) float32() << 32;
            };
        }
    }

    private long edgeBytes() {
        long value = 0;
        for (int i = 0; i < 8; i++) {
            int b = switch (random.nextInt(6)) {
                case 0 -> 0;
                case 1 -> 0xFF;
                case 2 -> 0x80;
                case 3 -> 0x7F;
                default -> random.nextInt(256);
            };
            value = value << 8 | b;
        }
        return value;
    }

    private int float32() {
        return switch (random.nextInt(4)) {
            case 0 -> FLOATS[random.nextInt(FLOATS.length)];
            case 1 -> random.nextInt();
            case 2 -> Float.floatToRawIntBits(random.nextInt(-1000, 1000) / 8f);
            default -> random.nextInt() & 0x807F_FFFF | 117 + random.nextInt(20) << 23; // exponents close to each other
        };
    }

    private long float64() {
        return switch (random.nextInt(5)) {
            case 0 -> DOUBLES[random.nextInt(DOUBLES.length)];
            case 1 -> random.nextLong();
            case 2 -> Double.doubleToRawLongBits(random.nextInt(-1000, 1000) / 8.0);
            case 3 -> Double.doubleToRawLongBits(Float.intBitsToFloat(float32()));
            default -> random.nextLong() & 0x800F_FFFF_FFFF_FFFFL | (1013L + random.nextInt(20)) << 52;
        };
    }

    private void extended(CpuState s, int i) {
        long significand = oneIn(3) ? Long.MIN_VALUE : random.nextLong() | Long.MIN_VALUE;
        int exponent = 0x3FFF + random.nextInt(-20, 70);
        switch (random.nextInt(10)) {
            case 0 -> exponent = 0x7FFF; // infinities and NaNs
            case 1 -> {
                exponent = 0;
                significand =
                        oneIn(2) ? 0 : oneIn(2) ? random.nextLong() : significand; // zero, denormal, pseudo-denormal
            }
            case 2 -> exponent = random.nextInt(0x8000);
            case 3 -> significand = oneIn(4) ? random.nextLong() : Long.MIN_VALUE | random.nextLong() & -1L << 40;
            case 4 ->
                significand = Long.MIN_VALUE >>> 1 >> 1 << 1 | random.nextLong() & -1L << 53; // short significands
            default -> {}
        }
        s.st(i, exponent | (oneIn(2) ? 0x8000 : 0), significand);
    }

    // ---- encoding

    private void choosePrefixes() {
        operandPrefix = false;
        addressPrefix = oneIn(16);
        segment = 0;
        lock = false;
        repeat = 0;
        rex = 0;
        vvvv = 0;
        memoryForm = row.hasMemoryForm() && (!row.hasRegisterForm() || random.nextInt(5) < 2);
        boolean sized = row.isSized();
        if (!row.vex) {
            int w = row.w >= 0 ? row.w : sized ? random.nextInt(2) : oneIn(8) ? 1 : 0;
            rex = oneIn(3) && w == 0 ? 0 : 0x40 | w << 3 | random.nextInt(8);
            if (row.has("norexb")) {
                rex &= ~1;
            }
            // A 66 on a near branch is ignored by one vendor and obeyed by the other: see intel-versus-amd.txt.
            boolean branch = row.has("f64") && row.has("end");
            operandPrefix = row.prefix == Row.ANY_PREFIX && !branch && (sized ? oneIn(4) : oneIn(24))
                    || row.prefix >= 0xF2 && oneIn(12); // F2 or F3 select the instruction, whatever else is there
            lock = row.has("lock") && memoryForm ? oneIn(6) : oneIn(150);
            if (row.has("string")) {
                repeat = oneIn(2) ? 0 : oneIn(2) ? 0xF2 : 0xF3;
            } else if (row.prefix == Row.ANY_PREFIX && row.map == 0 && oneIn(64)) {
                repeat = oneIn(2) ? 0xF2 : 0xF3;
            }
        } else {
            rex = (row.w >= 0 ? row.w : random.nextInt(2)) << 3 | random.nextInt(8);
            boolean usesVvvv = row.operands.stream().anyMatch(o -> o.kind() == 'B' || o.kind() == 'H');
            vvvv = usesVvvv ? random.nextInt(16) : oneIn(64) ? random.nextInt(16) : 0;
            vexL = row.l >= 0 ? (oneIn(64) ? 1 - row.l : row.l) : random.nextInt(2);
        }
        if (oneIn(12)) {
            segment = oneIn(2) ? 0x64 : 0x65;
        } else if (oneIn(24)) {
            segment = new int[] {0x26, 0x2E, 0x36, 0x3E}[random.nextInt(4)];
        }
    }

    private void encode() {
        tailLength = 0;
        ripRelative = false;
        dispAt = -1;
        int opcodeByte = row.opcode | (row.registerInOpcode ? random.nextInt(8) : 0);
        chooseTarget();
        if (row.hasModRm) {
            modRm();
        } else {
            rex &= row.vex ? ~7 : -1;
        }
        immediates();
        assemble(opcodeByte);
    }

    private void chooseTarget() {
        int kind = random.nextInt(24);
        target = switch (kind) {
            case 0 -> WINDOW + SIZE - random.nextInt(40); // over the end
            case 1 -> WINDOW - random.nextInt(40);
            case 2 -> WINDOW + 0x1000 - random.nextInt(40); // across two pages
            case 3 -> oneIn(2) ? integer() : oneIn(2) ? CODE + random.nextInt(0x2000) : Long.MIN_VALUE >> 17;
            default -> {
                int alignment = random.nextInt(3) == 0 ? 1 : 32;
                yield WINDOW + 0x100 + (long) (random.nextInt(SIZE - 0x200) / alignment) * alignment;
            }
        };
        if (segment == 0x64 || segment == 0x65) {
            long base = oneIn(4) ? (integer() << 17) >> 17 : random.nextInt(0x1000_0000);
            if (segment == 0x64) {
                out.initial.fsBase = base;
            } else {
                out.initial.gsBase = base;
            }
            target -= base;
        }
    }

    private void put(int value) {
        tail[tailLength++] = (byte) value;
    }

    private void put(long value, int bytes) {
        for (int i = 0; i < bytes; i++) {
            put((int) (value >> 8 * i));
        }
    }

    private void modRm() {
        CpuState s = out.initial;
        if (row.modRm >= 0) {
            put(row.modRm);
            rex &= 0x48;
            return;
        }
        int reg = row.reg >= 0 ? row.reg : random.nextInt(8);
        if (row.reg >= 0) {
            rex &= ~4;
        }
        if (!memoryForm) {
            rex &= ~2;
            put(0xC0 | reg << 3 | random.nextInt(8));
            return;
        }
        if (row.has("vsib")) {
            vectorIndexed(reg);
            return;
        }
        pokeTarget();
        int form = random.nextInt(16);
        if (form < 2) { // RIP-relative
            rex &= ~3;
            put(reg << 3 | 5);
            ripRelative = true;
            dispAt = tailLength;
            put(0, 4);
            return;
        }
        int mod = random.nextInt(3);
        long disp = mod == 1
                ? (byte) random.nextInt()
                : mod == 2 ? (oneIn(2) ? random.nextInt() : random.nextInt(-4096, 4096)) : 0;
        if (form < 3 && (addressPrefix || target == (int) target)) { // absolute
            rex &= ~3;
            put(reg << 3 | 4);
            put(0x25);
            put(target, 4);
            return;
        }
        int base = random.nextInt(16);
        boolean sib = form < 9 || (base & 7) == 4;
        if (mod == 0 && (base & 7) == 5) {
            base ^= 1;
            sib |= (base & 7) == 4;
        }
        rex = rex & ~1 | base >> 3;
        put(mod << 6 | reg << 3 | (sib ? 4 : base & 7));
        long indexed = 0;
        if (sib) {
            int index = oneIn(4) ? 4 : random.nextInt(16);
            if (index == base) {
                index = 4;
            }
            int scale = random.nextInt(4);
            rex = rex & ~2 | index >> 3 << 1;
            put(scale << 6 | (index & 7) << 3 | base & 7);
            if (index != 4) {
                if (oneIn(2)) {
                    s.gpr[index] = random.nextInt(-2000, 2000);
                }
                indexed = s.gpr[index] << scale;
            }
        } else {
            rex &= ~2;
        }
        put(disp, mod == 1 ? 1 : mod == 2 ? 4 : 0);
        long value = target - disp - indexed;
        s.gpr[base] = addressPrefix && oneIn(2) ? value & 0xFFFF_FFFFL | random.nextLong() << 32 : value;
        if (row.has("bitstring")) { // its register moves the address
            int register = reg | (rex & 4) << 1;
            if (register != base && !oneIn(8)) {
                s.gpr[register] = random.nextInt(-2000, 2000);
            }
        }
    }

    /** A memory operand of a gather: its elements lie around the target, or now and then nowhere. */
    private void vectorIndexed(int reg) {
        CpuState s = out.initial;
        int destination = reg | (rex & 4) << 1;
        int index = random.nextInt(16);
        while (!oneIn(64) && (index == destination || index == vvvv || vvvv == destination)) { // mostly legal
            index = random.nextInt(16);
            vvvv = random.nextInt(16);
        }
        int base = random.nextInt(16);
        int mod = (base & 7) == 5 ? 1 : random.nextInt(3);
        long disp = mod == 1 ? (byte) random.nextInt() : mod == 2 ? random.nextInt(-4096, 4096) : 0;
        boolean sib = !oneIn(64);
        int scale = random.nextInt(4);
        rex = rex & ~3 | base >> 3 | index >> 3 << 1;
        put(mod << 6 | reg << 3 | (sib ? 4 : base & 3));
        if (sib) {
            put(scale << 6 | (index & 7) << 3 | base & 7);
        }
        put(disp, mod == 1 ? 1 : mod == 2 ? 4 : 0);
        boolean quadwords = row.mnemonic.contains("GATHERQ");
        for (int lane = 0; lane < 4; lane++) {
            s.ymm[index][lane] =
                    quadwords ? nearIndex(scale) : nearIndex(scale) & 0xFFFF_FFFFL | nearIndex(scale) << 32;
            s.ymm[vvvv][lane] = oneIn(2) ? -1 : s.ymm[vvvv][lane];
        }
        long value = target - disp;
        s.gpr[base] = addressPrefix && oneIn(2) ? value & 0xFFFF_FFFFL | random.nextLong() << 32 : value;
    }

    private long nearIndex(int scale) {
        return oneIn(32) ? random.nextLong() : random.nextInt(-256, 256) >> scale;
    }

    /** Puts an interesting operand where the memory operand will be. */
    private void pokeTarget() {
        CpuState s = out.initial;
        long linear = target + (segment == 0x64 ? s.fsBase : segment == 0x65 ? s.gsBase : 0);
        if (linear < WINDOW || linear > WINDOW + SIZE - 32) {
            return;
        }
        if (usesVectors()) {
            long[] value = new long[4];
            vector(value);
            for (int i = 0; i < 4; i++) {
                s.window(linear + 8L * i, value[i]);
            }
        } else if (row.feature == Feature.X87 && oneIn(2)) {
            s.window(linear, oneIn(2) ? float64() : float32() & 0xFFFF_FFFFL);
        } else if (row.feature == Feature.X87) {
            extended(s, 0);
            s.window(linear, s.significand(0));
            s.window(linear + 8, s.signAndExponent(0));
        } else if (row.has("end")) {
            s.window(linear, oneIn(8) ? integer() : branchTarget());
        } else {
            s.window(linear, integer());
        }
    }

    private long branchTarget() {
        return oneIn(8) ? (integer() << 17) >>> 17 : CODE + random.nextInt(0x2000);
    }

    private void immediates() {
        boolean is16 = operandPrefix && (rex & 8) == 0 && row.prefix != 0x66;
        for (Operand operand : row.operands) {
            switch (operand.kind()) {
                case 'I' -> {
                    int bytes = switch (operand.size()) {
                        case 'b', 's' -> 1;
                        case 'w' -> 2;
                        case 'z' -> is16 ? 2 : 4;
                        case 'v' -> is16 ? 2 : (rex & 8) != 0 ? 8 : 4;
                        default -> throw new IllegalStateException(row + ": immediate " + operand.size());
                    };
                    long value = integer();
                    if (row.mnemonic.equals("ENTER")) {
                        value = bytes == 1 ? random.nextInt(256) & (oneIn(4) ? 255 : 3) : random.nextInt(256);
                    }
                    put(value, bytes);
                }
                case 'J' -> put(integer(), operand.size() == 'b' ? 1 : is16 && !row.has("f64") ? 2 : 4);
                case 'O' -> {
                    pokeTarget();
                    put(target, addressPrefix ? 4 : 8);
                }
                case 'L' -> put(random.nextInt(256));
                default -> {}
            }
        }
    }

    private void assemble(int opcodeByte) {
        byte[] code = out.code;
        int n = 0;
        if (row.vex) {
            if (addressPrefix) {
                code[n++] = 0x67;
            }
            if (segment != 0) {
                code[n++] = (byte) segment;
            }
            if (oneIn(200)) { // #UD before a VEX prefix
                code[n++] = (byte) new int[] {0x66, 0xF2, 0xF3, 0xF0, 0x48}[random.nextInt(5)];
            }
            int pp = row.prefix == 0x66 ? 1 : row.prefix == 0xF3 ? 2 : row.prefix == 0xF2 ? 3 : 0;
            int low = (~vvvv & 15) << 3 | vexL << 2 | pp;
            if (row.map == 1 && (rex & 0xB) == 0 && oneIn(2)) {
                code[n++] = (byte) 0xC5;
                code[n++] = (byte) ((~rex & 4) << 5 | low);
            } else {
                code[n++] = (byte) 0xC4;
                code[n++] = (byte) ((~rex & 7) << 5 | row.map);
                code[n++] = (byte) ((rex & 8) << 4 | low);
            }
        } else {
            int[] prefixes = {
                row.prefix > 0 ? row.prefix : 0,
                operandPrefix ? 0x66 : 0,
                addressPrefix ? 0x67 : 0,
                segment,
                lock ? 0xF0 : 0,
                repeat
            };
            for (int left = prefixes.length; left > 0; left--) { // in any order
                int i = random.nextInt(left);
                if (prefixes[i] != 0) {
                    code[n++] = (byte) prefixes[i];
                }
                prefixes[i] = prefixes[left - 1];
            }
            if (rex != 0) { // the addressing form may ask for one
                code[n++] = (byte) (rex | 0x40);
            }
            if (row.map > 0) {
                code[n++] = 0x0F;
            }
            if (row.map > 1) {
                code[n++] = (byte) (row.map == 2 ? 0x38 : 0x3A);
            }
        }
        code[n++] = (byte) opcodeByte;
        int head = n;
        if (n + tailLength > 15) { // too many prefixes: without those that need not be there
            lock = false;
            repeat = 0;
            segment = 0;
            assemble(opcodeByte);
            return;
        }
        for (int i = 0; i < tailLength; i++) {
            code[n++] = tail[i];
        }
        out.length = n;
        if (dispAt >= 0) {
            dispAt += head;
        }
    }

    /** Chooses RIP, and works out what depends on it. */
    private void place() {
        CpuState s = out.initial;
        long rip = CODE
                + switch (random.nextInt(24)) {
                    case 0 -> 0x1000 - random.nextInt(16); // across the two code pages
                    case 1 ->
                        oneIn(4) && !row.has("string") && !row.has("vsib") && !row.mnemonic.equals("PUSHF")
                                ? CpuState.CODE_SIZE - out.length
                                : 0;
                    default -> 0x200 + random.nextInt(0x1C00);
                };
        s.rip = rip;
        out.singleStep |= rip + out.length == CODE + CpuState.CODE_SIZE; // no room for the INT3
        if (ripRelative) {
            long disp = target - rip - out.length;
            for (int i = 0; i < 4; i++) {
                out.code[dispAt + i] = (byte) (disp >> 8 * i);
            }
        }
    }

    /** Points the registers that the instruction uses without naming them into the window. */
    private void stackAndStrings() {
        CpuState s = out.initial;
        if (row.semantics.startsWith("Stack.") || row.semantics.startsWith("Flow.")) {
            if (!memoryForm || !oneIn(4)) { // a memory operand may have RSP as its base
                s.gpr[RSP] = stackPointer();
            }
            if (row.mnemonic.equals("LEAVE") || row.mnemonic.equals("ENTER")) {
                s.gpr[RBP] = stackPointer();
            }
            long rsp = s.gpr[RSP];
            if (row.mnemonic.equals("RET") && rsp >= WINDOW && rsp <= WINDOW + SIZE - 8) {
                s.window(rsp, oneIn(8) ? integer() : branchTarget());
            }
            if (row.has("end") && row.hasModRm && !memoryForm) {
                int register = out.code[out.length - 1] & 7 | (rex & 1) << 3;
                if (register != RSP && !oneIn(8)) {
                    s.gpr[register] = branchTarget();
                }
            }
        }
        if (row.has("string")) {
            s.gpr[RSI] = stringPointer(0x64 == segment ? s.fsBase : 0x65 == segment ? s.gsBase : 0);
            s.gpr[RDI] = stringPointer(0);
            s.gpr[RBX] = stringPointer(0x64 == segment ? s.fsBase : 0x65 == segment ? s.gsBase : 0);
            s.gpr[RCX] = oneIn(16) ? integer() >>> 32 : random.nextInt(oneIn(2) ? 4 : 100);
            if (addressPrefix && oneIn(2)) {
                s.gpr[RCX] |= random.nextLong() << 32;
            }
            if (oneIn(2)) { // long runs of equal elements for the comparing ones
                java.util.Arrays.fill(s.window, s.window[0]);
            }
        }
    }

    private long stackPointer() {
        return switch (random.nextInt(16)) {
            case 0 -> integer();
            case 1 -> WINDOW + random.nextInt(32);
            case 2 -> WINDOW + SIZE - random.nextInt(32);
            case 3 -> WINDOW + 0x100 + random.nextInt(SIZE - 0x200);
            default -> WINDOW + 0x400 + 8L * random.nextInt(0x300);
        };
    }

    private long stringPointer(long segmentBase) {
        long pointer = switch (random.nextInt(8)) {
            case 0 -> WINDOW + SIZE - random.nextInt(200);
            case 1 -> WINDOW + random.nextInt(200);
            case 2 -> WINDOW + 0x1000 - random.nextInt(200);
            default -> WINDOW + 0x400 + random.nextInt(0x1800);
        };
        return pointer - segmentBase;
    }

    // ---- what the manual leaves undefined

    private long undefinedFlags() {
        long mask = 0;
        for (int i = 0; i < row.undefined.length(); i++) {
            mask |= switch (row.undefined.charAt(i)) {
                case 'O' -> 0x800L;
                case 'S' -> 0x80L;
                case 'Z' -> 0x40L;
                case 'A' -> 0x10L;
                case 'P' -> 4L;
                case 'C' -> 1L;
                default -> throw new IllegalStateException(row + ": undefined flag " + row.undefined.charAt(i));
            };
        }
        return mask == 0 || !row.semantics.startsWith("Shift.") ? mask : undefinedByCount(mask);
    }

    /**
     * Shifts and rotates: with a count of 0 no flag changes; OF is defined for a count of 1; SHL and SHR leave CF undefined
     * from the operand's width on (SDM vol. 2, RCL/RCR/ROL/ROR, SAL/SAR/SHL/SHR, SHLD, SHRD).
     */
    private long undefinedByCount(long mask) {
        Operand last = row.operands.getLast();
        long count = switch (last.kind()) {
            case 'I' -> out.code[out.length - 1];
            case 'c' -> out.initial.gpr[RCX];
            default -> 1;
        };
        boolean is64 = (rex & 8) != 0 && row.operands.getFirst().size() != 'b';
        int width = row.operands.getFirst().size() == 'b' ? 8 : is64 ? 64 : operandPrefix ? 16 : 32;
        int masked = (int) count & (is64 ? 63 : 31);
        if (masked == 0) {
            return 0;
        }
        boolean isDouble = row.mnemonic.startsWith("SH") && row.mnemonic.length() == 4;
        if (isDouble) {
            return masked > width ? mask : masked == 1 ? 0x10 : 0x810;
        }
        long undefined = mask & 0x10;
        if (masked != 1) {
            undefined |= 0x800;
        }
        if (masked >= width && (row.mnemonic.equals("SHL") || row.mnemonic.equals("SHR"))) {
            undefined |= 1;
        }
        return undefined;
    }
}
