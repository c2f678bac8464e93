package redoubt.cpu.insn;

import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;

/**
 * BCD adjustments, invalid in 64-bit mode: SDM vol. 2 for each.
 */
public final class Decimal {
    private Decimal() {}

    private static void setAl(Cpu c, int al) {
        c.r[0] = c.r[0] & ~0xFFL | al & 0xFF;
    }

    private static void setAx(Cpu c, int ax) {
        c.r[0] = c.r[0] & ~0xFFFFL | ax & 0xFFFF;
    }

    /** CF and AF as given, OF clear, the others by AL. */
    private static void flags(Cpu c, boolean carry, boolean auxiliary) {
        c.fr = (byte) c.r[0];
        c.fx = Flags.carryOverflow(carry, false) | (auxiliary ? 8 : 0);
    }

    /** DAA. */
    public static void daa(Cpu c) {
        int al = (int) c.r[0] & 0xFF;
        boolean low = (al & 0xF) > 9 || Flags.af(c.fx);
        boolean high = al > 0x99 || Flags.cf(c.fx);
        setAl(c, al + (low ? 6 : 0) + (high ? 0x60 : 0));
        flags(c, high, low);
    }

    /** DAS: a borrow of the low digit's correction counts too. */
    public static void das(Cpu c) {
        int al = (int) c.r[0] & 0xFF;
        boolean low = (al & 0xF) > 9 || Flags.af(c.fx);
        boolean high = al > 0x99 || Flags.cf(c.fx);
        setAl(c, al - (low ? 6 : 0) - (high ? 0x60 : 0));
        flags(c, high || low && al < 6, low);
    }

    /** AAA. */
    public static void aaa(Cpu c) {
        adjust(c, 0x106);
    }

    /** AAS. */
    public static void aas(Cpu c) {
        adjust(c, -0x106);
    }

    private static void adjust(Cpu c, int correction) {
        int ax = (int) c.r[0] & 0xFFFF;
        boolean needed = (ax & 0xF) > 9 || Flags.af(c.fx);
        setAx(c, ax + (needed ? correction : 0) & 0xFF0F);
        flags(c, needed, needed);
    }

    /** AAM: #DE when the base is 0. */
    public static void aam(Cpu c, int base) {
        if (base == 0) {
            throw c.divideError();
        }
        int al = (int) c.r[0] & 0xFF;
        setAx(c, al / base << 8 | al % base);
        flags(c, false, false);
    }

    /** AAD. */
    public static void aad(Cpu c, int base) {
        int ax = (int) c.r[0] & 0xFFFF;
        setAx(c, (ax & 0xFF) + (ax >>> 8) * base & 0xFF);
        flags(c, false, false);
    }
}
