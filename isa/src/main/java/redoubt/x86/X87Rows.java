package redoubt.x86;

import redoubt.x86.Rows.RowList;

/**
 * x87 floating point: SDM vol. 1 chapter 8 and vol. 2, appendix A.5 (escape opcode maps). Memory operands are passed as
 * addresses, so that #NM and a pending #MF come before the access's own faults. The encodings that the manual leaves
 * empty but processors execute as another form of an instruction are here too (AMD APM vol. 3, table A-15 and notes).
 */
final class X87Rows {
    /** The eight operations of D8, by ModRM.reg. */
    private static final String[] ARITHMETIC = {"FADD", "FMUL", "FCOM", "FCOMP", "FSUB", "FSUBR", "FDIV", "FDIVR"};

    private X87Rows() {}

    static void add(RowList t) {
        t.feature(Feature.X87);
        control(t);
        loadsAndStores(t);
        arithmetic(t);
        comparisons(t);
        topOfStack(t);
        t.feature(Feature.MMX).row("EMMS", "NP.0F.77", "", "X87.emms");
        t.feature(Feature.BASE);
    }

    /** A form with ST(i) as operand: the function finds i and ModRM.reg in the operation word. */
    private static void register(RowList t, String mnemonic, String encoding, String function) {
        t.row(mnemonic, encoding, "", "X87." + function, "raw", "modrm", "mod3");
    }

    private static void control(RowList t) {
        t.row("WAIT", "9B", "", "X87.fwait");
        t.row("FNINIT", "DB=E3", "", "X87.fninit");
        t.row("FNCLEX", "DB=E2", "", "X87.fnclex");
        t.row("FLDCW", "D9/5", "Mw", "X87.fldcw");
        t.row("FNSTCW", "D9/7", "=Ew", "X87.fnstcw", "mem");
        t.row("FNSTSW", "DD/7", "=Ew", "X87.fnstsw", "mem");
        t.row("FNSTSW", "DF=E0", "=Aw", "X87.fnstsw");
        t.row("FLDENV", "D9/4", "M ", "X87.fldenv", "sized");
        t.row("FNSTENV", "D9/6", "M ", "X87.fnstenv", "sized", "store");
        t.row("FRSTOR", "DD/4", "M ", "X87.frstor", "sized");
        t.row("FNSAVE", "DD/6", "M ", "X87.fnsave", "sized", "store");
        t.row("FNOP", "D9=D0", "", "X87.fnop");
        t.row("FENI", "DB=E0", "", "X87.ignored"); // of the 8087 and the 287: do nothing
        t.row("FDISI", "DB=E1", "", "X87.ignored");
        t.row("FSETPM", "DB=E4", "", "X87.ignored");
        t.row("FDECSTP", "D9=F6", "", "X87.fdecstp");
        t.row("FINCSTP", "D9=F7", "", "X87.fincstp");
        register(t, "FFREE", "DD/0", "ffree");
        register(t, "FFREEP", "DF/0", "ffreep");
    }

    private static void loadsAndStores(RowList t) {
        t.row("FLD", "D9/0", "Md", "X87.loadSingle");
        t.row("FLD", "DD/0", "Mq", "X87.loadDouble");
        t.row("FLD", "DB/5", "M ", "X87.loadExtended");
        t.row("FST", "D9/2", "Md", "X87.storeSingle", "store");
        t.row("FSTP", "D9/3", "Md", "X87.storeSinglePop", "store");
        t.row("FST", "DD/2", "Mq", "X87.storeDouble", "store");
        t.row("FSTP", "DD/3", "Mq", "X87.storeDoublePop", "store");
        t.row("FSTP", "DB/7", "M ", "X87.storeExtendedPop", "store");
        t.row("FILD", "DF/0", "Mw", "X87.loadInteger16");
        t.row("FILD", "DB/0", "Md", "X87.loadInteger32");
        t.row("FILD", "DF/5", "Mq", "X87.loadInteger64");
        t.row("FISTTP", "DF/1", "Mw", "X87.truncateInteger16", "store");
        t.row("FISTTP", "DB/1", "Md", "X87.truncateInteger32", "store");
        t.row("FISTTP", "DD/1", "Mq", "X87.truncateInteger64", "store");
        t.row("FIST", "DF/2", "Mw", "X87.storeInteger16", "store");
        t.row("FIST", "DB/2", "Md", "X87.storeInteger32", "store");
        t.row("FISTP", "DF/3", "Mw", "X87.storeInteger16Pop", "store");
        t.row("FISTP", "DB/3", "Md", "X87.storeInteger32Pop", "store");
        t.row("FISTP", "DF/7", "Mq", "X87.storeInteger64Pop", "store");
        t.row("FBLD", "DF/4", "M ", "X87.loadDecimal");
        t.row("FBSTP", "DF/6", "M ", "X87.storeDecimalPop", "store");
        register(t, "FLD", "D9/0", "load");
        register(t, "FST", "DD/2", "store");
        register(t, "FSTP", "DD/3", "storePop");
        register(t, "FSTP", "D9/3", "storePopUnchecked");
        register(t, "FSTP", "DF/2", "storePop");
        register(t, "FSTP", "DF/3", "storePop");
        register(t, "FXCH", "D9/1", "fxch");
        register(t, "FXCH", "DD/1", "fxch");
        register(t, "FXCH", "DF/1", "fxch");
        String[] conditions = {"B", "E", "BE", "U"};
        for (int i = 0; i < 4; i++) {
            register(t, "FCMOV" + conditions[i], "DA/" + i, "moveIf");
            register(t, "FCMOVN" + conditions[i], "DB/" + i, "moveIfNot");
        }
    }

    private static void arithmetic(RowList t) {
        for (int reg = 0; reg < 8; reg++) {
            String name = ARITHMETIC[reg];
            boolean compares = reg == 2 || reg == 3;
            t.row(name, "D8/" + reg, "Md", "X87.arithmeticSingle", "raw");
            t.row(name, "DC/" + reg, "Mq", "X87.arithmeticDouble", "raw");
            t.row("FI" + name.substring(1), "DA/" + reg, "Md", "X87.arithmeticInteger32", "raw");
            t.row("FI" + name.substring(1), "DE/" + reg, "Mw", "X87.arithmeticInteger16", "raw");
            register(t, name, "D8/" + reg, "arithmeticTop");
            if (!compares) {
                // With ST(i) as destination, FSUB and FSUBR, and FDIV and FDIVR, change places.
                String reversed = reg < 4 ? name : ARITHMETIC[reg ^ 1];
                register(t, reversed, "DC/" + reg, "arithmeticRegister");
                register(t, reversed + "P", "DE/" + reg, "arithmeticRegisterPop");
            }
        }
    }

    private static void comparisons(RowList t) {
        register(t, "FCOM", "DC/2", "arithmeticTop");
        register(t, "FCOMP", "DC/3", "arithmeticTop");
        register(t, "FCOMP", "DE/2", "fcomp");
        t.row("FCOMPP", "DE=D9", "", "X87.fcompp");
        register(t, "FUCOM", "DD/4", "fucom");
        register(t, "FUCOMP", "DD/5", "fucomp");
        t.row("FUCOMPP", "DA=E9", "", "X87.fucompp");
        register(t, "FCOMI", "DB/6", "fcomi");
        register(t, "FUCOMI", "DB/5", "fucomi");
        register(t, "FCOMIP", "DF/6", "fcomip");
        register(t, "FUCOMIP", "DF/5", "fucomip");
        t.row("FTST", "D9=E4", "", "X87.ftst");
        t.row("FXAM", "D9=E5", "", "X87.fxam");
    }

    private static void topOfStack(RowList t) {
        t.row("FCHS", "D9=E0", "", "X87.fchs");
        t.row("FABS", "D9=E1", "", "X87.fabs");
        String[] constants = {"FLD1", "FLDL2T", "FLDL2E", "FLDPI", "FLDLG2", "FLDLN2", "FLDZ"};
        for (int i = 0; i < constants.length; i++) {
            t.row(
                    constants[i],
                    "D9=E" + (8 + i < 10 ? "" + (8 + i) : "" + (char) ('A' + i - 2)),
                    "",
                    "X87." + constants[i].toLowerCase(java.util.Locale.ROOT));
        }
        t.row("F2XM1", "D9=F0", "", "X87.f2xm1");
        t.row("FYL2X", "D9=F1", "", "X87.fyl2x");
        t.row("FPTAN", "D9=F2", "", "X87.fptan");
        t.row("FPATAN", "D9=F3", "", "X87.fpatan");
        t.row("FXTRACT", "D9=F4", "", "X87.fxtract");
        t.row("FPREM1", "D9=F5", "", "X87.fprem1");
        t.row("FPREM", "D9=F8", "", "X87.fprem");
        t.row("FYL2XP1", "D9=F9", "", "X87.fyl2xp1");
        t.row("FSQRT", "D9=FA", "", "X87.fsqrt");
        t.row("FSINCOS", "D9=FB", "", "X87.fsincos");
        t.row("FRNDINT", "D9=FC", "", "X87.frndint");
        t.row("FSCALE", "D9=FD", "", "X87.fscale");
        t.row("FSIN", "D9=FE", "", "X87.fsin");
        t.row("FCOS", "D9=FF", "", "X87.fcos");
    }
}
