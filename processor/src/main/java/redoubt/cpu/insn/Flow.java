package redoubt.cpu.insn;

import redoubt.cpu.Cpu;
import redoubt.cpu.Flags;
import redoubt.cpu.Mem;
import redoubt.x86.Op;

/** Near transfers of control: SDM vol. 2, JMP, CALL, RET, LOOPcc, JCXZ. A target is checked before any state changes. */
public final class Flow {
    private Flow() {}

    // ---- where a transfer goes

    /** Takes a branch to a linear address with a 16-bit operand size. */
    public static void jump16(Cpu c, long linear) {
        c.rip = offset16(c, linear - c.segmentBase[1]);
    }

    /** Takes a branch to a linear address with a 32-bit operand size. */
    public static void jump32(Cpu c, long linear) {
        c.rip = offset32(c, linear - c.segmentBase[1]);
    }

    /** Takes a branch to a linear address in 64-bit mode. */
    public static void jump64(Cpu c, long linear) {
        c.rip = canonical(c, linear);
    }

    private static long offset16(Cpu c, long offset) {
        return withinLimit(c, offset & 0xFFFF);
    }

    private static long offset32(Cpu c, long offset) {
        return withinLimit(c, offset & 0xFFFF_FFFFL);
    }

    private static long withinLimit(Cpu c, long offset) {
        if (c.codeMode != 64 && offset > c.segmentLimit[1]) {
            throw c.generalProtection(0);
        }
        return offset;
    }

    private static long canonical(Cpu c, long linear) {
        if (linear << 16 >> 16 != linear) {
            throw c.generalProtection(0);
        }
        return linear;
    }

    // ---- JMP

    public static void jmp16(Cpu c, long linear) {
        jump16(c, linear);
    }

    public static void jmp32(Cpu c, long linear) {
        jump32(c, linear);
    }

    public static void jmp64(Cpu c, long linear) {
        jump64(c, linear);
    }

    public static void jmpTo16(Cpu c, int target) {
        c.rip = offset16(c, target);
    }

    public static void jmpTo32(Cpu c, int target) {
        c.rip = offset32(c, target);
    }

    public static void jmpTo64(Cpu c, long target) {
        c.rip = canonical(c, target);
    }

    // ---- CALL

    public static void call16(Cpu c, long linear) {
        callOffset16(c, offset16(c, linear - c.segmentBase[1]));
    }

    public static void call32(Cpu c, long linear) {
        callOffset32(c, offset32(c, linear - c.segmentBase[1]));
    }

    public static void call64(Cpu c, long linear) {
        callTo64(c, linear);
    }

    public static void callTo16(Cpu c, int target) {
        callOffset16(c, offset16(c, target));
    }

    public static void callTo32(Cpu c, int target) {
        callOffset32(c, offset32(c, target));
    }

    public static void callTo64(Cpu c, long target) {
        canonical(c, target);
        Stack.push64(c, c.rip);
        c.rip = target;
    }

    private static void callOffset16(Cpu c, long offset) {
        Stack.push16(c, (int) c.rip);
        c.rip = offset;
    }

    private static void callOffset32(Cpu c, long offset) {
        Stack.push32(c, (int) c.rip);
        c.rip = offset;
    }

    // ---- RET

    public static void ret16(Cpu c) {
        retPop16(c, 0);
    }

    public static void ret32(Cpu c) {
        retPop32(c, 0);
    }

    public static void ret64(Cpu c) {
        long target = canonical(c, Mem.pop64(c, c.r[4]));
        c.r[4] += 8;
        c.rip = target;
    }

    public static void retPop16(Cpu c, int bytes) {
        long target = offset16(c, Stack.read(c, c.r[4], 2));
        Stack.adjust(c, 2L + bytes);
        c.rip = target;
    }

    public static void retPop32(Cpu c, int bytes) {
        long target = offset32(c, Stack.read(c, c.r[4], 4));
        Stack.adjust(c, 4L + bytes);
        c.rip = target;
    }

    public static void retPop64(Cpu c, int bytes) {
        long target = canonical(c, Mem.pop64(c, c.r[4]));
        c.r[4] += 8L + bytes;
        c.rip = target;
    }

    // ---- LOOPcc and JCXZ

    private static long target(Cpu c, long op) {
        return c.r[Op.PAGE] + Op.imm(op);
    }

    private static void branch(Cpu c, long op, int size) {
        long linear = target(c, op);
        if (size == 64) {
            jump64(c, linear);
        } else if (size == 32) {
            jump32(c, linear);
        } else {
            jump16(c, linear);
        }
    }

    private static void loop(Cpu c, long op, int size, boolean condition) {
        long mask = Addressing.addressMask(Op.index(op));
        long old = c.r[1];
        long count = old - 1 & mask;
        if (count != 0 && condition) {
            branch(c, op, size);
        }
        c.r[1] = Addressing.merge(old, count, mask);
    }

    private static void whenZero(Cpu c, long op, int size) {
        if ((c.r[1] & Addressing.addressMask(Op.index(op))) == 0) {
            branch(c, op, size);
        }
    }

    private static boolean zero(Cpu c) {
        return (Flags.status(c.fr, c.fx) & Flags.ZF) != 0;
    }

    public static void loop16(Cpu c, long op) {
        loop(c, op, 16, true);
    }

    public static void loop32(Cpu c, long op) {
        loop(c, op, 32, true);
    }

    public static void loop64(Cpu c, long op) {
        loop(c, op, 64, true);
    }

    public static void loope16(Cpu c, long op) {
        loop(c, op, 16, zero(c));
    }

    public static void loope32(Cpu c, long op) {
        loop(c, op, 32, zero(c));
    }

    public static void loope64(Cpu c, long op) {
        loop(c, op, 64, zero(c));
    }

    public static void loopne16(Cpu c, long op) {
        loop(c, op, 16, !zero(c));
    }

    public static void loopne32(Cpu c, long op) {
        loop(c, op, 32, !zero(c));
    }

    public static void loopne64(Cpu c, long op) {
        loop(c, op, 64, !zero(c));
    }

    public static void jcxz16(Cpu c, long op) {
        whenZero(c, op, 16);
    }

    public static void jcxz32(Cpu c, long op) {
        whenZero(c, op, 32);
    }

    public static void jcxz64(Cpu c, long op) {
        whenZero(c, op, 64);
    }
}
