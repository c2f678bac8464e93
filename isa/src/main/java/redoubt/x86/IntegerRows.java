package redoubt.x86;

import java.util.Locale;
import redoubt.x86.Rows.RowList;

/** General-purpose instructions: SDM vol. 1 chapter 5.1, vol. 2 for each. */
final class IntegerRows {
    private IntegerRows() {}

    private static final String[] CONDITIONS = {
        "O", "NO", "B", "AE", "E", "NE", "BE", "A", "S", "NS", "P", "NP", "L", "GE", "LE", "G"
    };

    static void add(RowList t) {
        arithmetic(t);
        moves(t);
        shifts(t);
        bits(t);
        controlFlow(t);
        stack(t);
        strings(t);
        decimal(t);
        extensions(t);
    }

    private static void arithmetic(RowList t) {
        String[] names = {"ADD", "OR", "ADC", "SBB", "AND", "SUB", "XOR", "CMP"};
        for (int i = 0; i < 8; i++) {
            String name = names[i];
            String function = "Alu." + name.toLowerCase(Locale.ROOT);
            String to = i == 7 ? "" : "+";
            String undefined = i == 1 || i == 4 || i == 6 ? "A" : "";
            String[] flags = i == 7 ? new String[0] : new String[] {"lock"};
            int base = i << 3;
            t.undef(undefined, name, hex(base), to + "Eb,Gb", function, flags);
            t.undef(undefined, name, hex(base + 1), to + "Ev,Gv", function, flags);
            t.undef(undefined, name, hex(base + 2), to + "Gb,Eb", function);
            t.undef(undefined, name, hex(base + 3), to + "Gv,Ev", function);
            t.undef(undefined, name, hex(base + 4), to + "Ab,Ib", function);
            t.undef(undefined, name, hex(base + 5), to + "Av,Iz", function);
            t.undef(undefined, name, "80/" + i, to + "Eb,Ib", function, flags);
            t.undef(undefined, name, "81/" + i, to + "Ev,Iz", function, flags);
            t.undef(undefined, name, "82/" + i, to + "Eb,Ib", function, with(flags, "i64"));
            t.undef(undefined, name, "83/" + i, to + "Ev,Is", function, flags);
        }
        t.row("INC", "FE/0", "+Eb", "Alu.inc", "lock");
        t.row("INC", "FF/0", "+Ev", "Alu.inc", "lock");
        t.row("DEC", "FE/1", "+Eb", "Alu.dec", "lock");
        t.row("DEC", "FF/1", "+Ev", "Alu.dec", "lock");
        t.row("INC", "40+r", "+Zv", "Alu.inc", "i64");
        t.row("DEC", "48+r", "+Zv", "Alu.dec", "i64");
        t.undef("A", "TEST", "84", "Eb,Gb", "Alu.test");
        t.undef("A", "TEST", "85", "Ev,Gv", "Alu.test");
        t.undef("A", "TEST", "A8", "Ab,Ib", "Alu.test");
        t.undef("A", "TEST", "A9", "Av,Iz", "Alu.test");
        for (int reg = 0; reg < 2; reg++) {
            t.undef("A", "TEST", "F6/" + reg, "Eb,Ib", "Alu.test");
            t.undef("A", "TEST", "F7/" + reg, "Ev,Iz", "Alu.test");
        }
        t.row("NOT", "F6/2", "+Eb", "Alu.not", "lock");
        t.row("NOT", "F7/2", "+Ev", "Alu.not", "lock");
        t.row("NEG", "F6/3", "+Eb", "Alu.neg", "lock");
        t.row("NEG", "F7/3", "+Ev", "Alu.neg", "lock");
        t.undef("SZAP", "MUL", "F6/4", "Eb", "MulDiv.mul");
        t.undef("SZAP", "MUL", "F7/4", "Ev", "MulDiv.mul");
        t.undef("SZAP", "IMUL", "F6/5", "Eb", "MulDiv.imul");
        t.undef("SZAP", "IMUL", "F7/5", "Ev", "MulDiv.imul");
        t.undef("OSZAPC", "DIV", "F6/6", "Eb", "MulDiv.div");
        t.undef("OSZAPC", "DIV", "F7/6", "Ev", "MulDiv.div");
        t.undef("OSZAPC", "IDIV", "F6/7", "Eb", "MulDiv.idiv");
        t.undef("OSZAPC", "IDIV", "F7/7", "Ev", "MulDiv.idiv");
        t.undef("SZAP", "IMUL", "0F.AF", "+Gv,Ev", "MulDiv.multiply");
        t.undef("SZAP", "IMUL", "69", "=Gv,Ev,Iz", "MulDiv.multiply");
        t.undef("SZAP", "IMUL", "6B", "=Gv,Ev,Is", "MulDiv.multiply");
        t.row("XADD", "0F.C0", "+Eb,+Gb", "Alu.xadd", "lock");
        t.row("XADD", "0F.C1", "+Ev,+Gv", "Alu.xadd", "lock");
        t.row("CMPXCHG", "0F.B0", "+Eb,Gb", "Alu.cmpxchg", "lock");
        t.row("CMPXCHG", "0F.B1", "+Ev,Gv", "Alu.cmpxchg", "lock", "mem");
        t.row("CMPXCHG", "0F.B1", "+Ev,Gv", "Alu.cmpxchgRegister", "raw", "sized", "mod3");
        t.row("CMPXCHG8B", "0F.C7/1", "M ", "Alu.cmpxchg8b", "lock", "sized", "mem", "store");
        t.row("CBW", "98", "", "Alu.extendAccumulator", "sized");
        t.row("CWD", "99", "", "Alu.signAccumulator", "sized");
    }

    private static void moves(RowList t) {
        t.row("MOV", "88", "=Eb,Gb", "Move.mov");
        t.row("MOV", "89", "=Ev,Gv", "Move.mov");
        t.row("MOV", "8A", "=Gb,Eb", "Move.mov");
        t.row("MOV", "8B", "=Gv,Ev", "Move.mov");
        t.row("MOV", "A0", "=Ab,Ob", "Move.mov");
        t.row("MOV", "A1", "=Av,Ov", "Move.mov");
        t.row("MOV", "A2", "=Ob,Ab", "Move.mov");
        t.row("MOV", "A3", "=Ov,Av", "Move.mov");
        t.row("MOV", "B0+r", "=Zb,Ib", "Move.mov");
        t.row("MOV", "B8+r", "=Zv,Iv", "Move.mov");
        t.row("MOV", "C6/0", "=Eb,Ib", "Move.mov");
        t.row("MOV", "C7/0", "=Ev,Iz", "Move.mov");
        t.row("LEA", "8D", "=Gv,M ", "Move.lea", "mem");
        t.row("MOVZX", "0F.B6", "=Gv,Eb", "Move.zx8_");
        t.row("MOVZX", "0F.B7", "=Gv,Ew", "Move.zx16_");
        t.row("MOVSX", "0F.BE", "=Gv,Eb", "Move.sx8_");
        t.row("MOVSX", "0F.BF", "=Gv,Ew", "Move.sx16_");
        t.row("MOVSXD", "63", "=Gv,Ed", "Move.sx32_", "o64");
        t.row("XCHG", "86", "+Eb,+Gb", "Move.xchg", "lock");
        t.row("XCHG", "87", "+Ev,+Gv", "Move.xchg", "lock");
        t.row("XCHG", "90+r", "+Zv,+Av", "Move.xchg");
        t.row("NOP", "NP.90", "", "Move.nop", "norexb");
        t.row("NOP", "66.90", "", "Move.nop", "norexb");
        t.row("NOP", "F2.90", "", "Move.nop", "norexb"); // the prefix means nothing here
        t.row("PAUSE", "F3.90", "", "Move.pause", "end", "norexb"); // with REX.B: XCHG with R8
        t.row("NOP", "0F.1F", "=Ev", "Move.nop", "raw");
        for (int opcode = 0x18; opcode <= 0x1E; opcode++) { // hint space: reserved NOPs, prefetches, ENDBR
            t.row("NOP", "0F." + hex(opcode), "=Ev", "Move.nop", "raw");
        }
        t.row("PREFETCH", "0F.0D", "=Ev", "Move.nop", "raw");
        t.row("BSWAP", "0F.C8+r", "+Zv", "Alu.bswap");
        for (int i = 0; i < 16; i++) {
            String condition = "Cond." + CONDITIONS[i].toLowerCase(Locale.ROOT);
            t.row("CMOV" + CONDITIONS[i], "0F." + hex(0x40 + i), "=Gv,Ev", condition, "cond");
            t.row("SET" + CONDITIONS[i], "0F." + hex(0x90 + i), "=Eb", condition, "cond");
        }
        t.row("XLAT", "D7", "", "Move.xlat", "raw", "string");
        t.feature(Feature.LAHF);
        t.row("LAHF", "9F", "", "Alu.lahf");
        t.row("SAHF", "9E", "", "Alu.sahf");
        t.feature(Feature.BASE);
        t.row("CMC", "F5", "", "Alu.cmc");
        t.row("CLC", "F8", "", "Alu.clc");
        t.row("STC", "F9", "", "Alu.stc");
        t.row("CLD", "FC", "", "Alu.cld");
        t.row("STD", "FD", "", "Alu.std");
        t.row("SALC", "D6", "", "Alu.salc", "i64");
    }

    private static void shifts(RowList t) {
        String[] names = {"ROL", "ROR", "RCL", "RCR", "SHL", "SHR", "SHL", "SAR"};
        for (int i = 0; i < 8; i++) {
            String function = "Shift." + names[i].toLowerCase(Locale.ROOT);
            String undefined = i < 4 ? "O" : "OA"; // OF when the count is not 1; the shifts leave AF
            if (i > 3) {
                undefined = "OAC"; // CF of SHL and SHR when the count reaches the width
            }
            t.undef(undefined, names[i], "C0/" + i, "+Eb,Ib", function);
            t.undef(undefined, names[i], "C1/" + i, "+Ev,Ib", function);
            t.undef(undefined, names[i], "D0/" + i, "+Eb,1b", function);
            t.undef(undefined, names[i], "D1/" + i, "+Ev,1b", function);
            t.undef(undefined, names[i], "D2/" + i, "+Eb,cb", function);
            t.undef(undefined, names[i], "D3/" + i, "+Ev,cb", function);
        }
        t.undef("OSZAPC", "SHLD", "0F.A4", "+Ev,Gv,Ib", "Shift.shld");
        t.undef("OSZAPC", "SHLD", "0F.A5", "+Ev,Gv,cb", "Shift.shld");
        t.undef("OSZAPC", "SHRD", "0F.AC", "+Ev,Gv,Ib", "Shift.shrd");
        t.undef("OSZAPC", "SHRD", "0F.AD", "+Ev,Gv,cb", "Shift.shrd");
    }

    private static void bits(RowList t) {
        String[] names = {"BT", "BTS", "BTR", "BTC"};
        String[] opcodes = {"A3", "AB", "B3", "BB"};
        for (int i = 0; i < 4; i++) {
            String function = "Bits." + names[i].toLowerCase(Locale.ROOT);
            String to = i == 0 ? "" : "+";
            String[] flags = i == 0 ? new String[0] : new String[] {"lock"};
            t.undef("OSAP", names[i], "0F." + opcodes[i], to + "Ev,Gv", function, with(flags, "bitstring"));
            t.undef("OSAP", names[i], "0F.BA/" + (4 + i), to + "Ev,Ib", function, flags);
        }
        t.undef("OSAPC", "BSF", "0F.BC", "+Gv,Ev", "Bits.bsf", "unless-zero");
        t.undef("OSAPC", "BSR", "0F.BD", "+Gv,Ev", "Bits.bsr", "unless-zero");
        t.feature(Feature.BMI1).undef("OSAP", "TZCNT", "F3.0F.BC", "=Gv,Ev", "Bits.tzcnt");
        t.feature(Feature.LZCNT).undef("OSAP", "LZCNT", "F3.0F.BD", "=Gv,Ev", "Bits.lzcnt");
        t.feature(Feature.POPCNT).row("POPCNT", "F3.0F.B8", "=Gv,Ev", "Bits.popcnt");
        t.feature(Feature.BASE);
    }

    private static void controlFlow(RowList t) {
        for (int i = 0; i < 16; i++) {
            String condition = "Cond." + CONDITIONS[i].toLowerCase(Locale.ROOT);
            t.row("J" + CONDITIONS[i], hex(0x70 + i), "Jb", condition, "cond", "sized", "f64", "end");
            t.row("J" + CONDITIONS[i], "0F." + hex(0x80 + i), "Jz", condition, "cond", "sized", "f64", "end");
        }
        t.row("JMP", "EB", "Jb", "Flow.jmp", "sized", "f64", "end");
        t.row("JMP", "E9", "Jz", "Flow.jmp", "sized", "f64", "end");
        t.row("JMP", "FF/4", "Ev", "Flow.jmpTo", "f64", "end");
        t.row("CALL", "E8", "Jz", "Flow.call", "sized", "f64", "end");
        t.row("CALL", "FF/2", "Ev", "Flow.callTo", "f64", "end");
        t.row("RET", "C3", "", "Flow.ret", "sized", "f64", "end");
        t.row("RET", "C2", "Iw", "Flow.retPop", "sized", "f64", "end");
        t.row("LOOPNE", "E0", "Jb", "Flow.loopne", "raw", "sized", "f64", "end", "addr");
        t.row("LOOPE", "E1", "Jb", "Flow.loope", "raw", "sized", "f64", "end", "addr");
        t.row("LOOP", "E2", "Jb", "Flow.loop", "raw", "sized", "f64", "end", "addr");
        t.row("JCXZ", "E3", "Jb", "Flow.jcxz", "raw", "sized", "f64", "end", "addr");
    }

    private static void stack(RowList t) {
        t.row("PUSH", "50+r", "Zv", "Stack.push", "d64");
        t.row("POP", "58+r", "=Zv", "Stack.pop", "d64");
        t.row("PUSH", "FF/6", "Ev", "Stack.push", "d64");
        t.row("POP", "8F/0", "=Ev", "Stack.popTo", "d64", "raw");
        t.row("PUSH", "68", "Iz", "Stack.push", "d64");
        t.row("PUSH", "6A", "Is", "Stack.push", "d64");
        t.row("PUSHA", "60", "", "Stack.pusha", "sized", "i64");
        t.row("POPA", "61", "", "Stack.popa", "sized", "i64");
        t.row("PUSHF", "9C", "", "Stack.pushf", "sized", "d64");
        t.row("POPF", "9D", "", "Stack.popf", "sized", "d64", "end");
        t.row("ENTER", "C8", "Iw,Ib", "Stack.enter", "sized", "d64", "raw");
        t.row("LEAVE", "C9", "", "Stack.leave", "sized", "d64");
        t.row("BOUND", "62", "Gv,M ", "Stack.bound", "i64", "mem");
    }

    private static void strings(RowList t) {
        String[] names = {"MOVS", "CMPS", "", "STOS", "LODS", "SCAS"};
        for (int i = 0; i < 6; i++) {
            if (i == 2) {
                continue;
            }
            String function = "Strings." + names[i].toLowerCase(Locale.ROOT);
            t.row(names[i], hex(0xA4 + 2 * i), "", function + "8", "raw", "string");
            t.row(names[i], hex(0xA5 + 2 * i), "", function, "raw", "string", "sized");
        }
        t.row("INS", "6C", "", "Strings.ins8", "raw", "string", "encl", "end");
        t.row("INS", "6D", "", "Strings.ins", "raw", "string", "sized", "encl", "end");
        t.row("OUTS", "6E", "", "Strings.outs8", "raw", "string", "encl", "end");
        t.row("OUTS", "6F", "", "Strings.outs", "raw", "string", "sized", "encl", "end");
    }

    private static void decimal(RowList t) {
        t.undef("O", "DAA", "27", "", "Decimal.daa", "i64");
        t.undef("O", "DAS", "2F", "", "Decimal.das", "i64");
        t.undef("OSZP", "AAA", "37", "", "Decimal.aaa", "i64");
        t.undef("OSZP", "AAS", "3F", "", "Decimal.aas", "i64");
        t.undef("OAC", "AAM", "D4", "Ib", "Decimal.aam", "i64");
        t.undef("OAC", "AAD", "D5", "Ib", "Decimal.aad", "i64");
    }

    private static void extensions(RowList t) {
        t.feature(Feature.MOVBE);
        t.row("MOVBE", "0F38.F0", "=Gv,Ev", "Move.movbe", "mem");
        t.row("MOVBE", "0F38.F1", "=Ev,Gv", "Move.movbe", "mem");
        t.feature(Feature.SSE4_2);
        t.row("CRC32", "F2.0F38.F0", "+Gd,Eb", "Bits.crc32b");
        t.row("CRC32", "F2.0F38.F1", "+Gd,Ev", "Bits.crc32_");
        t.feature(Feature.ADX);
        t.row("ADCX", "66.0F38.F6", "+Gy,Ey", "Alu.adcx");
        t.row("ADOX", "F3.0F38.F6", "+Gy,Ey", "Alu.adox");
        t.feature(Feature.BMI1);
        t.undef("AP", "ANDN", "V.NP.L0.0F38.F2", "=Gy,By,Ey", "Bits.andn");
        t.undef("SAP", "BEXTR", "V.NP.L0.0F38.F7", "=Gy,Ey,By", "Bits.bextr");
        t.undef("AP", "BLSR", "V.NP.L0.0F38.F3/1", "=By,Ey", "Bits.blsr");
        t.undef("AP", "BLSMSK", "V.NP.L0.0F38.F3/2", "=By,Ey", "Bits.blsmsk");
        t.undef("AP", "BLSI", "V.NP.L0.0F38.F3/3", "=By,Ey", "Bits.blsi");
        t.feature(Feature.BMI2);
        t.undef("AP", "BZHI", "V.NP.L0.0F38.F5", "=Gy,Ey,By", "Bits.bzhi");
        t.row("PEXT", "V.F3.L0.0F38.F5", "=Gy,By,Ey", "Bits.pext");
        t.row("PDEP", "V.F2.L0.0F38.F5", "=Gy,By,Ey", "Bits.pdep");
        t.row("MULX", "V.F2.L0.0F38.F6", "=Gy,=By,Ey", "MulDiv.mulx");
        t.row("SHLX", "V.66.L0.0F38.F7", "=Gy,Ey,By", "Shift.shlx");
        t.row("SARX", "V.F3.L0.0F38.F7", "=Gy,Ey,By", "Shift.sarx");
        t.row("SHRX", "V.F2.L0.0F38.F7", "=Gy,Ey,By", "Shift.shrx");
        t.row("RORX", "V.F2.L0.0F3A.F0", "=Gy,Ey,Ib", "Shift.rorx");
        t.feature(Feature.RDRAND).row("RDRAND", "0F.C7/6", "=Ev", "Bits.rdrand", "mod3");
        t.feature(Feature.RDSEED).row("RDSEED", "0F.C7/7", "=Ev", "Bits.rdrand", "mod3");
        t.feature(Feature.BASE);
    }

    private static String hex(int value) {
        return String.format("%02X", value);
    }

    private static String[] with(String[] flags, String more) {
        String[] all = java.util.Arrays.copyOf(flags, flags.length + 1);
        all[flags.length] = more;
        return all;
    }
}
