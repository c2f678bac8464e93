package redoubt.x86;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import redoubt.x86.Rows.RowList;

/**
 * VEX-encoded vector instructions, AVX, AVX2, FMA3 and F16C: SDM vol. 1 chapter 14, vol. 2 for each.
 *
 * <p>Most of them are a legacy instruction with a destination of its own and, often, a second 128-bit lane: those rows are
 * made from the legacy ones. A row without L0 or L1 stands for both lengths if its operands have the size {@code x}, and
 * ignores VEX.L if they have the size {@code o}.
 */
final class AvxRows {
    /** Scalar: VEX.L is ignored. */
    private static final Pattern SCALAR = Pattern.compile("[A-OQ-Z].*S[SD]|CVT.*2SI");

    /** Only with 128 bits. */
    private static final Pattern SHORT = Pattern.compile(
            "MOV[LH]P[SD]|MOVHLPS|MOVLHPS|MOV[DQ]|MASKMOVDQU|PINSR.|PEXTR.|EXTRACTPS|INSERTPS|PHMINPOSUW|DPPD|PCMP.STR.|"
                    + "AESIMC|AESKEYGENASSIST");

    /** The 256-bit form belongs to AVX2. */
    private static final Pattern INTEGER = Pattern.compile("P(?!TEST).*|MPSADBW|MOVNTDQA");

    /** A 128-bit count for both lanes. */
    private static final Pattern COUNTED_SHIFT = Pattern.compile("PS(LL|RL|RA)[WDQ]");

    /** The source is a half, quarter or eighth of the destination. */
    private static final Pattern WIDENING = Pattern.compile("PMOV[SZ]X..|CVTPS2PD|CVTDQ2PD");

    /** The destination is half the source. */
    private static final Pattern NARROWING = Pattern.compile("CVTT?PD2(PS|DQ)");

    /** One result of the whole vector, in flags or a general register. */
    private static final Pattern SUMMARY = Pattern.compile("PTEST|P?MOVMSK.*");

    /** A memory operand must be aligned. */
    private static final Pattern ALIGNED = Pattern.compile("MOVAP[SD]|MOVDQA|MOVNT.*");

    /** Raises no floating-point exception. */
    private static final Pattern QUIET = Pattern.compile("MOV.*|UNPCK.*|SHUF.*|RSQRT.*|RCP.*|CVTDQ2PD");

    /** Their VEX form has another encoding. */
    private static final Set<String> LEGACY_ONLY = Set.of("PBLENDVB", "BLENDVPS", "BLENDVPD");

    private AvxRows() {}

    static void add(RowList t) {
        for (Row row : t.soFar()) {
            boolean vector = row.feature.compareTo(Feature.SSE) >= 0
                    && row.feature.compareTo(Feature.PCLMULQDQ) <= 0
                    && row.operands.stream().anyMatch(Operand::isVector)
                    && row.operands.stream().noneMatch(Operand::isMmx);
            if (vector && !LEGACY_ONLY.contains(row.mnemonic)) {
                derive(t, row);
            }
        }
        moves(t);
        integer(t);
        permutations(t);
        gathers(t);
        halfPrecision(t);
        multiplyAdd(t);
        t.feature(Feature.BASE);
    }

    // ---- from the legacy rows

    private static void derive(RowList t, Row row) {
        String name = row.mnemonic;
        boolean cryptography = row.feature == Feature.AES || row.feature == Feature.PCLMULQDQ;
        t.feature(cryptography ? row.feature : Feature.AVX);
        if (SCALAR.matcher(name).matches()) {
            row(t, row, "", 'o');
            return;
        }
        if (SHORT.matcher(name).matches()) {
            row(t, row, ".L0", 'o');
            return;
        }
        boolean moves =
                WIDENING.matcher(name).matches() || NARROWING.matcher(name).matches() || name.equals("MOVDDUP");
        if (!moves
                && !cryptography
                && !INTEGER.matcher(name).matches()
                && !SUMMARY.matcher(name).matches()) {
            row(t, row, "", 'x');
            return;
        }
        row(t, row, ".L0", 'o');
        if (INTEGER.matcher(name).matches() && !cryptography) {
            t.feature(Feature.AVX2);
        } else if (cryptography) {
            t.feature(row.feature == Feature.AES ? Feature.VAES : Feature.VPCLMULQDQ);
        }
        row(t, row, ".L1", 'x');
    }

    /** The VEX form of a legacy row, with {@code l} behind its prefix, and operands of the size {@code length}. */
    private static void row(RowList t, Row from, String l, char length) {
        String name = from.mnemonic;
        boolean isLong = length == 'x';
        StringBuilder operands = new StringBuilder();
        Operand first = from.operands.getFirst();
        boolean destructive = first.reads() && first.writes();
        boolean byImmediate = destructive
                && from.operands.size() == 2
                && from.operands.getLast().kind() == 'I';
        for (int i = 0; i < from.operands.size(); i++) {
            Operand operand = from.operands.get(i);
            boolean isFirst = i == 0;
            char size = operand.size() == 'x' ? length : operand.size();
            if (isLong && isFirst && NARROWING.matcher(name).matches()
                    || isLong && !isFirst && COUNTED_SHIFT.matcher(name).matches() && operand.kind() == 'W') {
                size = 'o';
            } else if (isLong && !isFirst && WIDENING.matcher(name).matches()) {
                size = switch (operand.size()) {
                    case 'q' -> 'o';
                    case 'd' -> 'q';
                    default -> 'd';
                };
            } else if (isLong && !isFirst && name.equals("MOVDDUP")) {
                size = 'x';
            }
            if (!isFirst) {
                operands.append(',');
            } else if (byImmediate) {
                operands.append("=H").append(size).append(',');
            } else if (operand.writes()) {
                operands.append('=');
            }
            operands.append(operand.kind()).append(size);
            if (isFirst && destructive && !byImmediate) {
                operands.append(",H").append(length);
            }
        }
        String semantics = from.semantics;
        if (name.matches("CMP[PS][SD]")) {
            semantics = semantics.replace(".", ".v");
        } else if (isLong && SUMMARY.matcher(name).matches()) {
            semantics = "Vec256" + semantics.substring(semantics.indexOf('.'));
        }
        Row made = new Row(
                "V" + name,
                "V." + from.encoding.replaceFirst("\\.", l + "."),
                operands.toString(),
                semantics,
                t.feature(),
                from.undefined,
                flags(from, isLong));
        t.row(made);
    }

    private static String[] flags(Row from, boolean isLong) {
        String name = from.mnemonic;
        List<String> flags = new ArrayList<>(from.flags);
        flags.remove("unaligned");
        if (ALIGNED.matcher(name).matches()) {
            flags.add("aligned");
        }
        if (name.matches("PCMP.STRM")) {
            flags.add("xmm0");
        }
        if (!isLong) {
            return flags.toArray(new String[0]);
        }
        if (SUMMARY.matcher(name).matches()) {
            flags.add("whole");
        }
        if (from.semantics.startsWith("VecFloat.") && !QUIET.matcher(name).matches()) {
            flags.add("joint");
        }
        if (NARROWING.matcher(name).matches()) {
            flags.add("narrow");
        }
        if (WIDENING.matcher(name).matches()) {
            char size = from.operands.getLast().size();
            flags.add(size == 'q' ? "source8" : size == 'd' ? "source4" : "source2");
        }
        switch (name) {
            case "SHUFPD", "BLENDPD" -> flags.add("upper2");
            case "MPSADBW" -> flags.add("upper3");
            case "BLENDPS" -> flags.add("upper4");
            default -> {}
        }
        return flags.toArray(new String[0]);
    }

    // ---- AVX and AVX2 alone

    private static void moves(RowList t) {
        t.feature(Feature.AVX);
        t.row("VZEROUPPER", "V.NP.L0.0F.77", "", "Vec256.vzeroupper");
        t.row("VZEROALL", "V.NP.L1.0F.77", "", "Vec256.vzeroall");
        t.row("VLDMXCSR", "V.NP.L0.0F.AE/2", "Ed", "XState.ldmxcsr", "mem");
        t.row("VSTMXCSR", "V.NP.L0.0F.AE/3", "=Ed", "XState.stmxcsr", "mem");
        t.row("VBROADCASTSS", "V.66.W0.0F38.18", "=Vx,Wd", "Vec256.broadcast32", "mem");
        t.row("VBROADCASTSD", "V.66.W0.L1.0F38.19", "=Vx,Wq", "VecFloat.movddup", "mem");
        t.row("VBROADCASTF128", "V.66.W0.L1.0F38.1A", "=Vx,Wo", "Vec.movdqa", "mem");
        t.row("VINSERTF128", "V.66.W0.L1.0F3A.18", "=Vx,Hx,Wo,Ib", "Vec256.vinsert128", "whole");
        t.row("VEXTRACTF128", "V.66.W0.L1.0F3A.19", "=Wo,Vx,Ib", "Vec256.vextract128", "whole");
        t.row("VMASKMOVPS", "V.66.W0.0F38.2C", "=Vx,Hx,M", "Vec256.loadSelected32", "whole");
        t.row("VMASKMOVPD", "V.66.W0.0F38.2D", "=Vx,Hx,M", "Vec256.loadSelected64", "whole");
        t.row("VMASKMOVPS", "V.66.W0.0F38.2E", "M,Hx,Vx", "Vec256.storeSelected32", "whole");
        t.row("VMASKMOVPD", "V.66.W0.0F38.2F", "M,Hx,Vx", "Vec256.storeSelected64", "whole");
        t.feature(Feature.AVX2);
        t.row("VBROADCASTSS", "V.66.W0.0F38.18", "=Vx,Ud", "Vec256.broadcast32", "mod3");
        t.row("VBROADCASTSD", "V.66.W0.L1.0F38.19", "=Vx,Uq", "VecFloat.movddup", "mod3");
        t.row("VPBROADCASTB", "V.66.W0.0F38.78", "=Vx,Wb", "Vec256.broadcast8");
        t.row("VPBROADCASTW", "V.66.W0.0F38.79", "=Vx,Ww", "Vec256.broadcast16");
        t.row("VPBROADCASTD", "V.66.W0.0F38.58", "=Vx,Wd", "Vec256.broadcast32");
        t.row("VPBROADCASTQ", "V.66.W0.0F38.59", "=Vx,Wq", "VecFloat.movddup");
        t.row("VBROADCASTI128", "V.66.W0.L1.0F38.5A", "=Vx,Wo", "Vec.movdqa", "mem");
        t.row("VINSERTI128", "V.66.W0.L1.0F3A.38", "=Vx,Hx,Wo,Ib", "Vec256.vinsert128", "whole");
        t.row("VEXTRACTI128", "V.66.W0.L1.0F3A.39", "=Wo,Vx,Ib", "Vec256.vextract128", "whole");
        t.row("VPMASKMOVD", "V.66.W0.0F38.8C", "=Vx,Hx,M", "Vec256.loadSelected32", "whole");
        t.row("VPMASKMOVQ", "V.66.W1.0F38.8C", "=Vx,Hx,M", "Vec256.loadSelected64", "whole");
        t.row("VPMASKMOVD", "V.66.W0.0F38.8E", "M,Hx,Vx", "Vec256.storeSelected32", "whole");
        t.row("VPMASKMOVQ", "V.66.W1.0F38.8E", "M,Hx,Vx", "Vec256.storeSelected64", "whole");
    }

    private static void integer(RowList t) {
        t.feature(Feature.AVX);
        t.row("VTESTPS", "V.66.W0.0F38.0E", "Vx,Wx", "Vec256.vtestps", "whole");
        t.row("VTESTPD", "V.66.W0.0F38.0F", "Vx,Wx", "Vec256.vtestpd", "whole");
        t.row("VBLENDVPS", "V.66.W0.0F3A.4A", "=Vx,Hx,Wx,Lx", "Vec.blendvps");
        t.row("VBLENDVPD", "V.66.W0.0F3A.4B", "=Vx,Hx,Wx,Lx", "Vec.blendvpd");
        t.row("VPBLENDVB", "V.66.W0.L0.0F3A.4C", "=Vo,Ho,Wo,Lo", "Vec.pblendvb");
        t.feature(Feature.AVX2);
        t.row("VPBLENDVB", "V.66.W0.L1.0F3A.4C", "=Vx,Hx,Wx,Lx", "Vec.pblendvb");
        t.row("VPBLENDD", "V.66.W0.0F3A.02", "=Vx,Hx,Wx,Ib", "Vec.blendps", "upper4");
        t.row("VPSRLVD", "V.66.W0.0F38.45", "=Vx,Hx,Wx", "Vec256.vpsrlvd");
        t.row("VPSRLVQ", "V.66.W1.0F38.45", "=Vx,Hx,Wx", "Vec256.vpsrlvq");
        t.row("VPSRAVD", "V.66.W0.0F38.46", "=Vx,Hx,Wx", "Vec256.vpsravd");
        t.row("VPSLLVD", "V.66.W0.0F38.47", "=Vx,Hx,Wx", "Vec256.vpsllvd");
        t.row("VPSLLVQ", "V.66.W1.0F38.47", "=Vx,Hx,Wx", "Vec256.vpsllvq");
    }

    private static void permutations(RowList t) {
        t.feature(Feature.AVX);
        t.row("VPERMILPS", "V.66.W0.0F38.0C", "=Vx,Hx,Wx", "Vec256.vpermilps");
        t.row("VPERMILPD", "V.66.W0.0F38.0D", "=Vx,Hx,Wx", "Vec256.vpermilpd");
        t.row("VPERMILPS", "V.66.W0.0F3A.04", "=Vx,Wx,Ib", "Vec.pshufd");
        t.row("VPERMILPD", "V.66.W0.0F3A.05", "=Vx,Wx,Ib", "Vec256.vpermilpdImm", "upper2");
        t.row("VPERM2F128", "V.66.W0.L1.0F3A.06", "=Vx,Hx,Wx,Ib", "Vec256.vperm2x128", "whole");
        t.feature(Feature.AVX2);
        t.row("VPERM2I128", "V.66.W0.L1.0F3A.46", "=Vx,Hx,Wx,Ib", "Vec256.vperm2x128", "whole");
        t.row("VPERMPS", "V.66.W0.L1.0F38.16", "=Vx,Hx,Wx", "Vec256.vpermd", "whole");
        t.row("VPERMD", "V.66.W0.L1.0F38.36", "=Vx,Hx,Wx", "Vec256.vpermd", "whole");
        t.row("VPERMQ", "V.66.W1.L1.0F3A.00", "=Vx,Wx,Ib", "Vec256.vpermq", "whole");
        t.row("VPERMPD", "V.66.W1.L1.0F3A.01", "=Vx,Wx,Ib", "Vec256.vpermq", "whole");
    }

    private static void gathers(RowList t) {
        t.feature(Feature.AVX2);
        String[] kinds = {"DD", "DQ", "QD", "QQ", "DPS", "DPD", "QPS", "QPD"};
        for (int i = 0; i < kinds.length; i++) {
            boolean integer = i < 4;
            t.row(
                    (integer ? "VPGATHER" : "VGATHER") + kinds[i],
                    "V.66.W" + (i & 1) + ".0F38." + (90 + (i >> 1)),
                    "+Vo,M,+Ho",
                    "VecGather.gather" + kinds[i & 3],
                    "raw",
                    "vsib");
        }
    }

    private static void halfPrecision(RowList t) {
        t.feature(Feature.F16C);
        t.row("VCVTPH2PS", "V.66.W0.L0.0F38.13", "=Vo,Wq", "VecFloat.cvtph2ps", "part");
        t.row("VCVTPH2PS", "V.66.W0.L1.0F38.13", "=Vx,Wo", "VecFloat.cvtph2ps", "source8", "joint");
        t.row("VCVTPS2PH", "V.66.W0.L0.0F3A.1D", "=Wq,Vo,Ib", "VecFloat.cvtps2ph", "probe", "part");
        t.row("VCVTPS2PH", "V.66.W0.L1.0F3A.1D", "=Wo,Vx,Ib", "VecFloat.cvtps2ph", "probe", "narrow", "joint");
    }

    private static void multiplyAdd(RowList t) {
        t.feature(Feature.FMA);
        String[] orders = {"132", "213", "231"};
        String[] operations = {"FMADDSUB", "FMSUBADD", "FMADD", "FMSUB", "FNMADD", "FNMSUB"};
        for (int i = 0; i < orders.length; i++) {
            for (int j = 0; j < operations.length; j++) {
                int packed = 0x96 + 0x10 * i + (j < 2 ? j : 2 * j - 2);
                String name = "V" + operations[j] + orders[i];
                String function = "VecFloat." + operations[j].toLowerCase(Locale.ROOT);
                for (int w = 0; w < 2; w++) {
                    String type = w == 0 ? "S" : "D";
                    String suffix = w == 0 ? "s" : "d";
                    String encoding = "V.66.W" + w + ".0F38.";
                    t.row(
                            name + "P" + type,
                            encoding + Integer.toHexString(packed),
                            "+Vx,Hx,Wx",
                            function + "p" + suffix,
                            orders[i],
                            "joint");
                    if (j >= 2) {
                        t.row(
                                name + "S" + type,
                                encoding + Integer.toHexString(packed + 1),
                                w == 0 ? "+Vo,Ho,Wd" : "+Vo,Ho,Wq",
                                function + "s" + suffix,
                                orders[i]);
                    }
                }
            }
        }
    }
}
