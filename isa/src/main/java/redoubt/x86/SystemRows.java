package redoubt.x86;

import redoubt.x86.Rows.RowList;

/** System instructions, segment loads, far transfers, I/O: SDM vol. 2 and vol. 3A. Semantics in {@code redoubt.cpu.insn}. */
final class SystemRows {
    private SystemRows() {}

    static void add(RowList t) {
        descriptors(t);
        farTransfers(t);
        control(t);
        inputOutput(t);
        cacheAndFences(t);
        xstate(t);
        sgx(t);
    }

    private static void descriptors(RowList t) {
        t.row("SGDT", "0F.01/0", "M ", "Sys.sgdt", "encl", "mem", "end", "store");
        t.row("SIDT", "0F.01/1", "M ", "Sys.sidt", "encl", "mem", "end", "store");
        t.row("LGDT", "0F.01/2", "M ", "Sys.lgdt", "cpl0", "mem", "end", "sized", "f64");
        t.row("LIDT", "0F.01/3", "M ", "Sys.lidt", "cpl0", "mem", "end", "sized", "f64");
        t.row("SMSW", "0F.01/4", "=Ev", "Sys.smsw", "encl", "smsw");
        t.row("LMSW", "0F.01/6", "Ew", "Sys.lmsw", "cpl0", "end");
        t.row("INVLPG", "0F.01/7", "M ", "Sys.invlpg", "cpl0", "mem", "end");
        t.row("SLDT", "0F.00/0", "=Ev", "Sys.sldt", "encl", "smsw", "prot");
        t.row("STR", "0F.00/1", "=Ev", "Sys.str", "encl", "smsw", "prot");
        t.row("LLDT", "0F.00/2", "Ew", "Sys.lldt", "cpl0", "prot", "end");
        t.row("LTR", "0F.00/3", "Ew", "Sys.ltr", "cpl0", "prot", "end");
        t.row("VERR", "0F.00/4", "Ew", "Sys.verr", "prot");
        t.row("VERW", "0F.00/5", "Ew", "Sys.verw", "prot");
        t.row("LAR", "0F.02", "+Gv,Ew", "Sys.lar", "prot");
        t.row("LSL", "0F.03", "+Gv,Ew", "Sys.lsl", "prot");
        t.row("ARPL", "63", "+Ew,Gw", "Sys.arpl", "i64", "prot");
        t.row("MOV", "8C", "=Ev,Sw", "Sys.movFromSegment", "smsw");
        t.row("MOV", "8E", "Sw,Ew", "Sys.movToSegment", "end", "encl");
        t.row("LES", "C4", "=Gv,M ", "Sys.les", "i64", "mem", "encl", "end");
        t.row("LDS", "C5", "=Gv,M ", "Sys.lds", "i64", "mem", "encl", "end");
        t.row("LSS", "0F.B2", "=Gv,M ", "Sys.lss", "mem", "encl", "end");
        t.row("LFS", "0F.B4", "=Gv,M ", "Sys.lfs", "mem", "encl", "end");
        t.row("LGS", "0F.B5", "=Gv,M ", "Sys.lgs", "mem", "encl", "end");
        String[][] pushes = {
            {"06", "07", "Es", "i64"}, {"0E", "", "Cs", "i64"}, {"16", "17", "Ss", "i64"}, {"1E", "1F", "Ds", "i64"}
        };
        for (String[] p : pushes) {
            t.row("PUSH", p[0], "", "Stack.push" + p[2], "sized", "i64");
            if (!p[1].isEmpty()) {
                t.row("POP", p[1], "", "Stack.pop" + p[2], "sized", "i64", "end", "encl");
            }
        }
        t.row("PUSH", "0F.A0", "", "Stack.pushFs", "sized", "d64");
        t.row("POP", "0F.A1", "", "Stack.popFs", "sized", "d64", "end", "encl");
        t.row("PUSH", "0F.A8", "", "Stack.pushGs", "sized", "d64");
        t.row("POP", "0F.A9", "", "Stack.popGs", "sized", "d64", "end", "encl");
    }

    private static void farTransfers(RowList t) {
        t.row("CALL", "9A", "If", "Far.callDirect", "i64", "sized", "end", "encl", "raw", "two");
        t.row("JMP", "EA", "If", "Far.jmpDirect", "i64", "sized", "end", "encl", "raw", "two");
        t.row("CALL", "FF/3", "M ", "Far.callIndirect", "sized", "mem", "end", "encl");
        t.row("JMP", "FF/5", "M ", "Far.jmpIndirect", "sized", "mem", "end", "encl");
        t.row("RETF", "CB", "", "Far.ret", "sized", "end", "encl");
        t.row("RETF", "CA", "Iw", "Far.retPop", "sized", "end", "encl");
        t.row("IRET", "CF", "", "Far.iret", "sized", "end", "encl");
        t.row("INT3", "CC", "", "Far.int3", "end");
        t.row("INT1", "F1", "", "Far.int1", "end");
        t.row("INT", "CD", "Ib", "Far.intN", "end", "encl");
        t.row("INTO", "CE", "", "Far.into", "i64", "end", "encl");
        t.row("SYSCALL", "0F.05", "", "Far.syscall", "end", "encl");
        t.row("SYSRET", "0F.07", "", "Far.sysret", "sized", "cpl0", "end");
        t.row("SYSENTER", "0F.34", "", "Far.sysenter", "end", "encl");
        t.row("SYSEXIT", "0F.35", "", "Far.sysexit", "sized", "cpl0", "end");
        t.row("UD2", "0F.0B", "", "Far.ud", "end");
        t.row("UD1", "0F.B9", "=Ev", "Far.ud", "raw", "end");
        t.row("UD0", "0F.FF", "=Ev", "Far.ud", "raw", "end");
    }

    private static void control(RowList t) {
        t.row("MOV", "0F.20", "=Ry,Cy", "Sys.movFromControl", "cpl0", "f64", "mov-cr");
        t.row("MOV", "0F.22", "Cy,Ry", "Sys.movToControl", "cpl0", "f64", "end", "mov-cr", "lockcr8");
        t.row("MOV", "0F.21", "=Ry,Dy", "Sys.movFromDebug", "cpl0", "f64", "mov-cr");
        t.row("MOV", "0F.23", "Dy,Ry", "Sys.movToDebug", "cpl0", "f64", "end", "mov-cr");
        t.row("CLTS", "0F.06", "", "Sys.clts", "cpl0", "end");
        t.row("HLT", "F4", "", "Sys.hlt", "cpl0", "end");
        t.row("CLI", "FA", "", "Sys.cli", "end");
        t.row("STI", "FB", "", "Sys.sti", "end");
        t.row("RDMSR", "0F.32", "", "Sys.rdmsr", "cpl0", "end");
        t.row("WRMSR", "0F.30", "", "Sys.wrmsr", "cpl0", "end");
        t.row("RDTSC", "0F.31", "", "Sys.rdtsc", "end");
        t.row("RDPMC", "0F.33", "", "Sys.rdpmc", "end", "encl");
        t.row("CPUID", "0F.A2", "", "Sys.cpuid", "end", "encl");
        t.row("RSM", "0F.AA", "", "Far.ud", "end");
        t.feature(Feature.RDTSCP).row("RDTSCP", "0F.01=F9", "", "Sys.rdtscp", "end");
        t.feature(Feature.RDPID).row("RDPID", "F3.0F.C7/7", "=Rq", "Sys.rdpid", "mod3");
        t.feature(Feature.SMAP);
        t.row("CLAC", "NP.0F.01=CA", "", "Sys.clac", "end");
        t.row("STAC", "NP.0F.01=CB", "", "Sys.stac", "end");
        t.feature(Feature.BASE).row("SWAPGS", "0F.01=F8", "", "Sys.swapgs", "cpl0", "o64", "end");
        t.feature(Feature.FSGSBASE);
        t.row("RDFSBASE", "F3.0F.AE/0", "=Ry", "Sys.rdfsbase", "o64", "mod3");
        t.row("RDGSBASE", "F3.0F.AE/1", "=Ry", "Sys.rdgsbase", "o64", "mod3");
        t.row("WRFSBASE", "F3.0F.AE/2", "Ry", "Sys.wrfsbase", "o64", "mod3");
        t.row("WRGSBASE", "F3.0F.AE/3", "Ry", "Sys.wrgsbase", "o64", "mod3");
        t.feature(Feature.INVPCID).row("INVPCID", "66.0F38.82", "Gq,M ", "Sys.invpcid", "cpl0", "mem", "end");
        t.feature(Feature.MONITOR);
        t.row("MONITOR", "NP.0F.01=C8", "", "Sys.monitor", "rax");
        t.row("MWAIT", "NP.0F.01=C9", "", "Sys.mwait", "end");
        t.feature(Feature.PKU);
        t.row("RDPKRU", "NP.0F.01=EE", "", "Sys.rdpkru");
        t.row("WRPKRU", "NP.0F.01=EF", "", "Sys.wrpkru", "end");
        t.feature(Feature.SMX).row("GETSEC", "NP.0F.37", "", "Far.ud", "end", "encl");
        t.feature(Feature.BASE);
    }

    private static void inputOutput(RowList t) {
        t.row("IN", "E4", "Ib", "Io.in8", "end", "encl");
        t.row("IN", "E5", "Ib", "Io.in", "sized", "end", "encl", "io");
        t.row("IN", "EC", "", "Io.inDx8", "end", "encl");
        t.row("IN", "ED", "", "Io.inDx", "sized", "end", "encl", "io");
        t.row("OUT", "E6", "Ib", "Io.out8", "end", "encl");
        t.row("OUT", "E7", "Ib", "Io.out", "sized", "end", "encl", "io");
        t.row("OUT", "EE", "", "Io.outDx8", "end", "encl");
        t.row("OUT", "EF", "", "Io.outDx", "sized", "end", "encl", "io");
    }

    private static void cacheAndFences(RowList t) {
        t.row("INVD", "0F.08", "", "Sys.invd", "cpl0");
        t.row("WBINVD", "0F.09", "", "Sys.invd", "cpl0");
        t.row("CLFLUSH", "NP.0F.AE/7", "M ", "Sys.clflush", "mem");
        t.row("LFENCE", "NP.0F.AE/5", "", "Move.nop", "mod3");
        t.row("MFENCE", "NP.0F.AE/6", "", "Move.nop", "mod3");
        t.row("SFENCE", "NP.0F.AE/7", "", "Move.nop", "mod3");
        t.feature(Feature.CLFLUSHOPT).row("CLFLUSHOPT", "66.0F.AE/7", "M ", "Sys.clflush", "mem");
        t.feature(Feature.CLWB).row("CLWB", "66.0F.AE/6", "M ", "Sys.clflush", "mem");
        t.feature(Feature.SSE2).row("MOVNTI", "NP.0F.C3", "=Ey,Gy", "Move.mov", "mem");
        t.feature(Feature.BASE);
    }

    private static void xstate(RowList t) {
        t.row("FXSAVE", "NP.0F.AE/0", "M ", "XState.fxsave", "mem", "sized", "store");
        t.row("FXRSTOR", "NP.0F.AE/1", "M ", "XState.fxrstor", "mem", "sized");
        t.feature(Feature.SSE);
        t.row("LDMXCSR", "NP.0F.AE/2", "Ed", "XState.ldmxcsr", "mem");
        t.row("STMXCSR", "NP.0F.AE/3", "=Ed", "XState.stmxcsr", "mem");
        t.feature(Feature.XSAVE);
        t.row("XSAVE", "NP.0F.AE/4", "M ", "XState.xsave", "mem", "sized", "store");
        t.row("XRSTOR", "NP.0F.AE/5", "M ", "XState.xrstor", "mem", "sized");
        t.row("XGETBV", "NP.0F.01=D0", "", "XState.xgetbv");
        t.row("XSETBV", "NP.0F.01=D1", "", "XState.xsetbv", "cpl0", "end");
        t.feature(Feature.XSAVEOPT).row("XSAVEOPT", "NP.0F.AE/6", "M ", "XState.xsaveopt", "mem", "sized", "store");
        t.feature(Feature.XSAVEC).row("XSAVEC", "NP.0F.C7/4", "M ", "XState.xsavec", "mem", "sized", "store");
        t.feature(Feature.XSAVES);
        t.row("XSAVES", "NP.0F.C7/5", "M ", "XState.xsaves", "mem", "sized", "cpl0", "store");
        t.row("XRSTORS", "NP.0F.C7/3", "M ", "XState.xrstors", "mem", "sized", "cpl0");
        t.feature(Feature.BASE);
    }

    private static void sgx(RowList t) {
        t.feature(Feature.SGX);
        t.row("ENCLS", "NP.0F.01=CF", "", "Sgx.encls", "end");
        t.row("ENCLU", "NP.0F.01=D7", "", "Sgx.enclu", "end");
        t.row("ENCLV", "NP.0F.01=C0", "", "Sgx.enclv", "end");
        t.feature(Feature.VMX);
        t.row("VMCALL", "NP.0F.01=C1", "", "Far.ud", "end", "encl");
        t.row("VMFUNC", "NP.0F.01=D4", "", "Far.ud", "end", "encl");
        t.feature(Feature.BASE);
    }
}
