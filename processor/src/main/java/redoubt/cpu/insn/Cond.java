package redoubt.cpu.insn;

import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;

/**
 * The sixteen conditions of Jcc, SETcc, CMOVcc: SDM vol. 1 appendix B.
 */
public final class Cond {
    private Cond() {}

    /** OF. */
    public static boolean o(Cpu c) {
        return Flags.of(c.fx);
    }

    /** Not OF. */
    public static boolean no(Cpu c) {
        return !Flags.of(c.fx);
    }

    /** CF. */
    public static boolean b(Cpu c) {
        return c.fx < 0;
    }

    /** Not CF. */
    public static boolean ae(Cpu c) {
        return c.fx >= 0;
    }

    /** ZF. */
    public static boolean e(Cpu c) {
        return c.fr == 0;
    }

    /** Not ZF. */
    public static boolean ne(Cpu c) {
        return c.fr != 0;
    }

    /** CF or ZF. */
    public static boolean be(Cpu c) {
        return c.fx < 0 || c.fr == 0;
    }

    /** Neither CF nor ZF. */
    public static boolean a(Cpu c) {
        return c.fx >= 0 && c.fr != 0;
    }

    /** SF. */
    public static boolean s(Cpu c) {
        return Flags.sf(c.fr, c.fx);
    }

    /** Not SF. */
    public static boolean ns(Cpu c) {
        return !Flags.sf(c.fr, c.fx);
    }

    /** PF. */
    public static boolean p(Cpu c) {
        return Flags.pf(c.fr, c.fx);
    }

    /** Not PF. */
    public static boolean np(Cpu c) {
        return !Flags.pf(c.fr, c.fx);
    }

    /** SF differs from OF. */
    public static boolean l(Cpu c) {
        return less(c.fr, c.fx);
    }

    /** SF equals OF. */
    public static boolean ge(Cpu c) {
        return !less(c.fr, c.fx);
    }

    /** ZF, or SF differs from OF. */
    public static boolean le(Cpu c) {
        return c.fr == 0 || less(c.fr, c.fx);
    }

    /** Not ZF, and SF equals OF. */
    public static boolean g(Cpu c) {
        return c.fr != 0 && !less(c.fr, c.fx);
    }

    private static boolean less(long fr, long fx) {
        return (fr ^ fx << 2 ^ fx ^ fx << 1) < 0;
    }
}
