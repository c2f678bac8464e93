package redoubt.cpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static redoubt.memory.PhysicalMemory.HOST;

import java.lang.foreign.MemorySegment;
import java.util.List;
import redoubt.x86.Decoder;
import redoubt.x86.Insn;
import redoubt.x86.Kinds;
import redoubt.x86.Op;
import redoubt.x86.Operand;
import redoubt.x86.Row;

/** Decodes a run of instructions into packed operations. */
final class BlockBuilder {
    private static final int MOST_INSTRUCTIONS = 64;
    /** A block goes on behind conditional jumps, until this many: code that follows many is reached by few. */
    private static final int MOST_BRANCHES = 4;

    private static final int MOST_WORDS = MOST_INSTRUCTIONS * 4;

    private final Cpu c;
    private final Decoder decoder;
    private final Insn insn = new Insn();
    private final byte[] bytes = new byte[4096 + 16];
    private final long[] words = new long[MOST_WORDS];
    private final short[] offsets = new short[MOST_WORDS];
    private int count;

    BlockBuilder(Cpu c) {
        this.c = c;
        this.decoder = new Decoder(c.model.features());
    }

    /** Builds the block at a page offset; returns its header's index, or {@link CodePage#STRADDLES}. */
    int build(CodePage page, int offset) {
        MemorySegment.copy(HOST, JAVA_BYTE, page.host + offset, bytes, offset, 4096 - offset);
        count = 0;
        int instructions = 0;
        int at = offset;
        int branches = 0;
        while (at < 4096 && instructions < MOST_INSTRUCTIONS && count < MOST_WORDS - 4) {
            int status = decoder.decode(insn, bytes, at, 4096, page.mode);
            if (status == Decoder.TRUNCATED) {
                break;
            }
            int start = count;
            boolean ends = lower(status, at);
            if (ends && insn.row != null && insn.row.isConditionalJump()) {
                ends = ++branches == MOST_BRANCHES;
            }
            for (int i = start; i < count; i++) {
                offsets[i] = (short) at;
            }
            at += insn.length;
            instructions++;
            if (ends) {
                break;
            }
        }
        if (instructions == 0) {
            page.entry[offset] = CodePage.STRADDLES;
            return CodePage.STRADDLES;
        }
        c.mmu.protect(page);
        int header = page.append(words, offsets, count, instructions | (long) at << 16);
        page.mark(offset, at);
        page.entry[offset] = (char) header;
        return header;
    }

    /** Builds one instruction, whose bytes may continue in the next page, into a page of its own. */
    CodePage buildAlone(long linear, int mode) {
        int offset = (int) linear & 4095;
        long first = c.mmu.hostForFetch(linear);
        if (first == 0) {
            throw c.invalidOpcode();
        }
        int inFirst = 4096 - offset;
        MemorySegment.copy(HOST, JAVA_BYTE, first, bytes, offset, inFirst);
        int status = decoder.decode(insn, bytes, offset, 4096, mode);
        if (status == Decoder.TRUNCATED) {
            long second = c.mmu.hostForFetch(linear + inFirst);
            for (int i = 0; i < 15; i++) {
                bytes[4096 + i] = second == 0 ? (byte) 0xFF : HOST.get(JAVA_BYTE, second + i);
            }
            status = decoder.decode(insn, bytes, offset, 4096 + 15, mode);
        }
        count = 0;
        lower(status, offset);
        for (int i = 0; i < count; i++) {
            offsets[i] = (short) offset;
        }
        CodePage page = new CodePage(0, mode);
        page.append(words, offsets, count, 1 | (long) (offset + insn.length) << 16);
        return page;
    }

    private void emit(long word) {
        words[count++] = word;
    }

    private static int orZero(int register) {
        return register < 0 ? Op.ZERO : register;
    }

    /** Appends the operations of the instruction just decoded; returns whether it ends the block. */
    private boolean lower(int status, int offset) {
        Row row = insn.row;
        if (status == Decoder.TOO_LONG) {
            emit(Kinds.TOO_LONG);
            return true;
        }
        if (status != Decoder.OK || row == null) {
            emit(Kinds.UNDEFINED);
            return true;
        }
        int next = offset + insn.length;
        int kind = Kinds.of(row, insn.operandSize, insn.memory && row.hasMemoryForm(), insn.l == 1);
        boolean ends = row.has("end");
        if (row.vex && insn.mode == 16) {
            emit(Kinds.PROTECTED_MODE);
        }
        boolean two = kind >= Kinds.FIRST && Kinds.isTwoWord(Kinds.ALL.get(kind - Kinds.FIRST));
        if (row.has("string")) {
            emit(Op.pack(
                    kind,
                    insn.segment < 0 ? 3 : insn.segment,
                    insn.repeat == 0 ? 0 : insn.repeat == 0xF3 ? 1 : 2,
                    addressSize(),
                    0,
                    0));
            return ends;
        }
        if (row.has("addr")) {
            emit(Op.pack(kind, 0, 0, addressSize(), 0, (int) (next + insn.immediate)));
            return ends;
        }
        if (row.has("vsib")) {
            int segment = insn.segment < 0 ? insn.defaultSegment() : insn.segment;
            emit(Op.pack(kind, insn.reg, orZero(insn.base), insn.index, insn.scale, (int) insn.displacement)
                    | (segment == 2 ? Op.STACK : 0));
            emit(second(row, segment | addressSize() << 3 | insn.l << 5));
            return ends;
        }
        int a = insn.reg;
        int b = insn.rm;
        boolean absolute = false;
        boolean relative = false;
        List<Operand> operands = row.operands;
        for (int i = 0; i < operands.size(); i++) {
            Operand operand = operands.get(i);
            boolean high = operand.size() == 'b' && insn.rex == 0 && !row.vex;
            switch (operand.kind()) {
                case 'G' -> a = high && insn.reg >= 4 ? insn.reg + 12 : insn.reg;
                case 'Z' -> a = high && insn.rm >= 4 ? insn.rm + 12 : insn.rm;
                case 'E', 'R' -> b = high && insn.rm >= 4 ? insn.rm + 12 : insn.rm;
                case 'O' -> absolute = true;
                case 'J' -> relative = true;
                default -> {}
            }
        }
        if (row.has("rdi")) {
            implicitOperand(7, operands.getFirst().bits(0) / 8, true);
        } else if (row.has("rax")) {
            implicitOperand(0, 1, false);
        }
        if (!insn.memory) {
            if (relative) {
                emit(Op.packBranch(kind, next, (int) insn.immediate));
                return ends;
            }
            int immediate = row.semantics.equals("Stack.enter")
                    ? (int) (insn.immediate & 0xFFFF) | insn.immediate2 << 16
                    : (int) insn.immediate;
            emit(Op.pack(kind, a, b, row.vex ? insn.vvvv : 0, 0, two ? 0 : immediate));
            if (two) {
                emit(
                        row.has("two")
                                ? insn.immediate & 0xFFFF_FFFFL | (long) insn.immediate2 << 32
                                : second(row, insn.immediate));
            }
            return ends;
        }
        if (absolute) {
            int segment = insn.segment < 0 ? 3 : insn.segment;
            if (insn.mode == 64) {
                emit(Op.pack(Kinds.EA_ABSOLUTE, 0, segment >= 4 ? Op.FS_BASE + segment - 4 : Op.ZERO, 0, 0, 0));
                emit(insn.displacement);
            } else {
                emit(Op.pack(Kinds.EA_GENERAL, 0, Op.ZERO, Op.ZERO, 0, (int) insn.displacement));
                emit(general(segment, row));
            }
            emit(Op.pack(kind, a, Op.TEMP, Op.ZERO, 0, 0));
            return ends;
        }
        int first = count;
        memoryOperand(row, kind, a, next);
        if ((insn.segment < 0 ? insn.defaultSegment() : insn.segment) == 2) {
            words[first] |= Op.STACK;
        }
        if (two) {
            emit(second(row, insn.immediate));
        }
        return ends;
    }

    /** Has the address of an operand worked out that is where a register says, in DS or another segment. */
    private void implicitOperand(int register, int bytes, boolean write) {
        int segment = insn.segment < 0 ? 3 : insn.segment;
        emit(Op.pack(Kinds.EA_GENERAL, 0, register, Op.ZERO, 0, 0) | (segment == 2 ? Op.STACK : 0));
        emit(access(segment, bytes, write));
    }

    private long second(Row row, long immediate) {
        long is4 = immediate >> 4 & (insn.mode == 64 ? 15 : 7);
        return row.vex ? immediate & 0xFFFF_FFFFL | (long) insn.vvvv << 32 | is4 << 40 : immediate;
    }

    private void memoryOperand(Row row, int kind, int a, int next) {
        long displacement = insn.displacement;
        int base = insn.base;
        int index = insn.index;
        boolean noSegment = row.semantics.equals("Move.lea");
        if (base == -2) {
            displacement += next;
            base = Op.PAGE;
        } else {
            base = orZero(base);
        }
        boolean fits = displacement == (int) displacement || insn.addressSize != 64; // else it wraps
        if (insn.mode == 64 && insn.addressSize == 64 && fits) {
            int override = noSegment ? -1 : insn.segment;
            if (override < 4) {
                emit(Op.pack(kind, a, base, orZero(index), insn.scale, (int) displacement));
                return;
            }
            int overriding = Op.FS_BASE + override - 4;
            if (index < 0) {
                emit(Op.pack(kind, a, base, overriding, 0, (int) displacement));
                return;
            }
            if (base == Op.ZERO) {
                emit(Op.pack(kind, a, overriding, index, insn.scale, (int) displacement));
                return;
            }
        }
        int segment = noSegment ? EffectiveAddress.NO_SEGMENT : insn.segment < 0 ? insn.defaultSegment() : insn.segment;
        int segmentBase = Op.ZERO;
        if (!fits) { // RIP-relative at the far end of the displacement's range
            emit(Op.pack(Kinds.EA_ABSOLUTE, 0, Op.PAGE, 0, 0, 0));
            emit(displacement);
            segmentBase = segment == 4 ? Op.FS_BASE : segment == 5 ? Op.GS_BASE : Op.ZERO;
        } else {
            // POP addresses its destination with the incremented rSP, which this operation does not see yet.
            long popped = row.semantics.equals("Stack.popTo") && insn.base == 4 ? insn.operandSize / 8 : 0;
            emit(Op.pack(Kinds.EA_GENERAL, 0, base, orZero(index), insn.scale, (int) (displacement + popped)));
            emit(general(segment, row));
        }
        emit(Op.pack(kind, a, Op.TEMP, segmentBase, 0, 0));
    }

    private long general(int segment, Row row) {
        int bytes = 1;
        boolean write = false;
        for (Operand operand : row.operands) {
            if (operand.mayBeMemory() || operand.kind() == 'O') {
                bytes = operand.size() == ' ' ? structureBytes(row) : operand.bits(insn.operandSize) / 8;
                bytes <<= insn.l == 1 && operand.size() == 'x' && row.hasLongVector() ? 1 : 0;
                write = operand.writes() || row.has("store");
            }
        }
        long bitString = row.has("bitstring")
                ? EffectiveAddress.BIT_STRING
                        | (long) Integer.numberOfTrailingZeros(insn.operandSize >> 4) << 17
                        | (long) insn.reg << 20
                : 0;
        return access(segment, bytes, write) | bitString;
    }

    /** The second word of {@link Kinds#EA_GENERAL}. */
    private long access(int segment, int bytes, boolean write) {
        return segment | (long) addressSize() << 3 | (write ? 0x20 : 0) | (long) bytes << 32;
    }

    /** Bytes of a memory operand that is more than a number, where segments have limits: outside 64-bit mode. */
    private int structureBytes(Row row) {
        boolean wide = insn.operandSize != 16;
        return switch (row.mnemonic) {
            case "CMPXCHG8B" -> 8;
            case "BOUND" -> insn.operandSize / 4;
            case "SGDT", "SIDT", "LGDT", "LIDT" -> 6;
            case "LES", "LDS", "LSS", "LFS", "LGS", "CALL", "JMP" -> insn.operandSize / 8 + 2;
            case "INVPCID" -> 16;
            case "FLD", "FSTP", "FBLD", "FBSTP" -> 10;
            case "FLDENV", "FNSTENV" -> wide ? 28 : 14;
            case "FRSTOR", "FNSAVE" -> wide ? 108 : 94;
            case "FXSAVE", "FXRSTOR" -> 512;
            case "XSAVE", "XSAVEOPT", "XSAVEC", "XSAVES", "XRSTOR", "XRSTORS" -> 576; // without the extended region
            default -> 1;
        };
    }

    private int addressSize() {
        return insn.addressSize == 16 ? 0 : insn.addressSize == 32 ? 1 : 2;
    }
}
