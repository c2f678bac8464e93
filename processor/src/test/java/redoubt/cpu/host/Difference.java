package redoubt.cpu.host;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import redoubt.x86.Disassembler;

/**
 * Where two runs of the same case part. The fields have names that the list of accepted differences uses too: {@code
 * outcome}, {@code rip}, {@code rax} … {@code r15}, {@code flags.CF} …, {@code fsbase}, {@code gsbase}, {@code ymm0} …,
 * {@code mxcsr}, {@code fcw}, {@code fsw.C1} …, {@code ftw}, {@code fop}, {@code fip}, {@code fdp}, {@code st0} …, {@code
 * window}.
 */
public final class Difference {
    private static final String[] GPR = {
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"
    };
    private static final int[] FLAG_BITS = {0, 2, 4, 6, 7, 10, 11, 14, 18, 21};
    private static final String[] FLAG_NAMES = {"CF", "PF", "AF", "ZF", "SF", "DF", "OF", "NT", "AC", "ID"};

    private static final String[] STATUS_WORD = {
        "IE", "DE", "ZE", "OE", "UE", "PE", "SF", "ES", "C0", "C1", "C2", "TOP", "", "", "C3", "B"
    };

    /** One differing field with both values as text. */
    public record Field(String name, String host, String ours) {}

    private final Case of;
    private final List<Field> fields;
    private final HostResult host;
    private final Outcome ours;

    private Difference(Case of, List<Field> fields, HostResult host, Outcome ours) {
        this.of = of;
        this.fields = List.copyOf(fields);
        this.host = host;
        this.ours = ours;
    }

    /**
     * The difference between the host's result and ours, or null if there is none. Flags that the case says are undefined
     * are not looked at if the instruction completed. A case that the host did not run has no difference; one that killed
     * it neither.
     */
    public static @Nullable Difference between(Case of, HostResult host, CpuState ours, Outcome outcome) {
        if (host.outcome.kind == Outcome.Kind.NOT_RUN || host.outcome.kind == Outcome.Kind.HOST_DIED) {
            return null;
        }
        CpuState theirs = host.state;
        long flagMask = CpuState.RFLAGS_MASK;
        if (host.outcome.kind == Outcome.Kind.COMPLETED) {
            flagMask &= ~of.undefinedFlags;
        }
        boolean same = host.outcome.isSameAs(outcome)
                && Arrays.equals(theirs.gpr, ours.gpr)
                && theirs.rip == ours.rip
                && ((theirs.rflags ^ ours.rflags) & flagMask) == 0
                && theirs.fsBase == ours.fsBase
                && theirs.gsBase == ours.gsBase
                && theirs.mxcsr == ours.mxcsr
                && sameVectors(theirs, ours)
                && sameX87(theirs, ours)
                && Arrays.equals(theirs.window, ours.window);
        return same ? null : new Difference(of, fields(host, ours, outcome, flagMask), host, outcome);
    }

    public List<Field> fields() {
        return fields;
    }

    /**
     * The field's name as the list of accepted differences writes it: {@code outcome:HOST>OURS} for the outcome, and with
     * {@code @base} behind if FS or GS has a base, then {@code @fault} if the instruction faulted on the host.
     */
    String key(Field field) {
        String name =
                field.name.equals("outcome") ? "outcome:" + letter(host.outcome) + ">" + letter(ours) : field.name;
        boolean based = (of.initial.fsBase | of.initial.gsBase) != 0;
        return name + (based ? "@base" : "") + (host.outcome.kind == Outcome.Kind.EXCEPTION ? "@fault" : "");
    }

    private static String letter(Outcome outcome) {
        return outcome.kind == Outcome.Kind.COMPLETED ? "C" : Integer.toString(outcome.vector);
    }

    /** The case, which the generator may since have filled anew. */
    public Case of() {
        return of;
    }

    /** The whole report: bytes, text, both ends, inputs, differing fields, and how to run this one case again. */
    public String describe() {
        StringBuilder out = new StringBuilder();
        byte[] bytes = of.bytes();
        out.append(of.name).append(": ").append(HexFormat.ofDelimiter(" ").formatHex(bytes));
        out.append("   ")
                .append(new Disassembler().text(bytes, 64, of.initial.rip))
                .append('\n');
        out.append("  again: -Dredoubt.diff.seed=").append(of.seed);
        out.append(" -Dredoubt.diff.case=").append(of.number).append('\n');
        out.append("  host: ")
                .append(host.outcome)
                .append("   ours: ")
                .append(ours)
                .append('\n');
        for (Field field : fields) {
            out.append("  ").append(field.name).append(": host ").append(field.host);
            out.append(" ours ").append(field.ours).append('\n');
        }
        CpuState in = of.initial;
        out.append("  from rip=").append(hex(in.rip)).append(" rflags=").append(hex(in.rflags));
        out.append(flagText(in.rflags));
        out.append(" mxcsr=").append(hex(in.mxcsr)).append(" fcw=").append(hex(in.controlWord()));
        out.append(" fsw=").append(hex(in.statusWord())).append(" ftw=").append(hex(in.tagByte()));
        if (in.fsBase != 0 || in.gsBase != 0) {
            out.append(" fsbase=").append(hex(in.fsBase)).append(" gsbase=").append(hex(in.gsBase));
        }
        for (int i = 0; i < 16; i++) {
            out.append(i % 4 == 0 ? "\n   " : "")
                    .append(' ')
                    .append(GPR[i])
                    .append('=')
                    .append(hex(in.gpr[i]));
        }
        boolean vector = fields.stream().anyMatch(f -> f.name.startsWith("ymm") || f.name.equals("mxcsr"));
        for (int i = 0; vector && i < 16; i++) {
            out.append(i % 2 == 0 ? "\n    ymm" : " ymm").append(i).append('=').append(vector(in.ymm[i]));
        }
        boolean x87 = fields.stream().anyMatch(f -> f.name.matches("f[cst]w.*|f[oid]p|st\\d"));
        for (int i = 0; x87 && i < 8; i++) {
            out.append(i % 4 == 0 ? "\n    st" : " st").append(i).append('=').append(st(in, i));
        }
        for (int i = 0; i < 16; i++) { // what the registers point at
            long address = in.gpr[i] - CpuState.WINDOW_BASE;
            if (address >= 0 && address <= CpuState.WINDOW_SIZE - 16) {
                out.append("\n    [").append(GPR[i]).append("]: ");
                out.append(HexFormat.of().formatHex(in.window, (int) address, (int) address + 16));
            }
        }
        return out.append('\n').toString();
    }

    private static boolean sameVectors(CpuState a, CpuState b) {
        for (int i = 0; i < 16; i++) {
            if (!Arrays.equals(a.ymm[i], b.ymm[i])) {
                return false;
            }
        }
        return true;
    }

    /** Control to data pointer, then the ten bytes of each register; the rest of the image is reserved or MXCSR. */
    private static boolean sameX87(CpuState a, CpuState b) {
        if (!Arrays.equals(a.fx, 0, 24, b.fx, 0, 24)) {
            return false;
        }
        for (int i = 0; i < 8; i++) {
            if (a.significand(i) != b.significand(i) || a.signAndExponent(i) != b.signAndExponent(i)) {
                return false;
            }
        }
        return true;
    }

    private static List<Field> fields(HostResult host, CpuState ours, Outcome outcome, long flagMask) {
        List<Field> found = new ArrayList<>();
        CpuState theirs = host.state;
        if (!host.outcome.isSameAs(outcome)) {
            found.add(new Field("outcome", host.outcome.toString(), outcome.toString()));
        }
        if (outcome.kind == Outcome.Kind.UNIMPLEMENTED) {
            return found;
        }
        add(found, "rip", theirs.rip, ours.rip);
        for (int i = 0; i < 16; i++) {
            add(found, GPR[i], theirs.gpr[i], ours.gpr[i]);
        }
        for (int i = 0; i < FLAG_BITS.length; i++) {
            long bit = 1L << FLAG_BITS[i] & flagMask;
            if (((theirs.rflags ^ ours.rflags) & bit) != 0) {
                add(
                        found,
                        "flags." + FLAG_NAMES[i],
                        theirs.rflags >> FLAG_BITS[i] & 1,
                        ours.rflags >> FLAG_BITS[i] & 1);
            }
        }
        add(found, "fsbase", theirs.fsBase, ours.fsBase);
        add(found, "gsbase", theirs.gsBase, ours.gsBase);
        add(found, "mxcsr", theirs.mxcsr, ours.mxcsr);
        for (int i = 0; i < 16; i++) {
            if (!Arrays.equals(theirs.ymm[i], ours.ymm[i])) {
                found.add(new Field("ymm" + i, vector(theirs.ymm[i]), vector(ours.ymm[i])));
            }
        }
        add(found, "fcw", theirs.controlWord(), ours.controlWord());
        statusWord(found, theirs.statusWord(), ours.statusWord());
        bytes(found, "ftw", theirs.fx, ours.fx, 4, 6);
        bytes(found, "fop", theirs.fx, ours.fx, 6, 8);
        bytes(found, "fip", theirs.fx, ours.fx, 8, 16);
        bytes(found, "fdp", theirs.fx, ours.fx, 16, 24);
        for (int i = 0; i < 8; i++) {
            if (!st(theirs, i).equals(st(ours, i))) {
                found.add(new Field("st" + i, st(theirs, i), st(ours, i)));
            }
        }
        int at = Arrays.mismatch(theirs.window, ours.window);
        if (at >= 0) {
            int end = CpuState.WINDOW_SIZE;
            while (theirs.window[end - 1] == ours.window[end - 1]) {
                end--;
            }
            int shown = Math.min(end, at + 64);
            String where = hex(CpuState.WINDOW_BASE + at) + "+" + (end - at) + ": ";
            found.add(new Field(
                    "window",
                    where + HexFormat.of().formatHex(theirs.window, at, shown),
                    HexFormat.of().formatHex(ours.window, at, shown)));
        }
        return found;
    }

    private static void statusWord(List<Field> to, int host, int ours) {
        for (int i = 0; i < STATUS_WORD.length; i++) {
            int bits = i == 11 ? 7 << 11 : i == 12 || i == 13 ? 0 : 1 << i;
            if (((host ^ ours) & bits) != 0) {
                to.add(new Field("fsw." + STATUS_WORD[i], hex(host), hex(ours)));
            }
        }
    }

    private static void add(List<Field> to, String name, long host, long ours) {
        if (host != ours) {
            to.add(new Field(name, hex(host), hex(ours)));
        }
    }

    private static void bytes(List<Field> to, String name, byte[] host, byte[] ours, int from, int end) {
        if (!Arrays.equals(host, from, end, ours, from, end)) {
            HexFormat format = HexFormat.of();
            to.add(new Field(name, format.formatHex(host, from, end), format.formatHex(ours, from, end)));
        }
    }

    private static String hex(long value) {
        return Long.toHexString(value);
    }

    private static String flagText(long rflags) {
        StringBuilder out = new StringBuilder("(");
        for (int i = 0; i < FLAG_BITS.length; i++) {
            if ((rflags >> FLAG_BITS[i] & 1) != 0) {
                out.append(out.length() > 1 ? " " : "").append(FLAG_NAMES[i]);
            }
        }
        return out.append(')').toString();
    }

    private static String vector(long[] v) {
        return String.format(Locale.ROOT, "%016x_%016x_%016x_%016x", v[3], v[2], v[1], v[0]);
    }

    private static String st(CpuState s, int i) {
        return String.format(Locale.ROOT, "%04x_%016x", s.signAndExponent(i), s.significand(i));
    }
}
