package redoubt.cpu.host;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The state of a processor in 64-bit user mode that one instruction can see or change: registers and a data window. All
 * other memory is unmapped, except the two code pages, which are execute-and-read.
 *
 * <p>The vector registers and MXCSR live in {@link #ymm} and {@link #mxcsr}; their copies in the {@link #fx} image mean
 * nothing here.
 */
public final class CpuState {
    /** Address of the two code pages; unmapped pages lie on both sides. */
    public static final long CODE_BASE = 0x1000_0000L;

    /** Size of the code pages in bytes; every byte not of the instruction is INT3. */
    public static final int CODE_SIZE = 0x2000;

    /** Address of the data window, readable and writable, not executable; unmapped pages lie on both sides. */
    public static final long WINDOW_BASE = 0x2000_0000L;

    /** Size of the data window in bytes. */
    public static final int WINDOW_SIZE = 0x2000;

    /** Bits of RFLAGS that are state of the case: the status flags, DF, NT, AC and ID. */
    public static final long RFLAGS_MASK = 0x244CD5L;

    /** Offset in {@link #fx} of ST(0); the next register is 16 bytes further (SDM vol. 1, 10.5.1.1). */
    public static final int FX_ST = 32;

    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    /** General registers in the encoding's order: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15. */
    public final long[] gpr = new long[16];

    public long rip;
    public long rflags;
    public long fsBase;
    public long gsBase;
    public int mxcsr;

    /** YMM0 to YMM15, low quadword first. */
    public final long[][] ymm = new long[16][4];

    /** An FXSAVE image for the x87 part: control, status and abridged tag word, last instruction, ST(0) to ST(7). */
    public final byte[] fx = new byte[512];

    /** The bytes at {@link #WINDOW_BASE}. */
    public final byte[] window = new byte[WINDOW_SIZE];

    /** A state as a program finds it: registers zero, x87 and SSE as after FNINIT and reset, RIP at the code pages. */
    public CpuState() {
        reset();
    }

    /** Makes this the state that the constructor gives. */
    public void reset() {
        Arrays.fill(gpr, 0);
        rip = CODE_BASE;
        rflags = 2;
        fsBase = 0;
        gsBase = 0;
        mxcsr = 0x1F80;
        for (long[] register : ymm) {
            Arrays.fill(register, 0);
        }
        Arrays.fill(fx, (byte) 0);
        controlWord(0x37F);
        Arrays.fill(window, (byte) 0);
    }

    public void copyFrom(CpuState other) {
        System.arraycopy(other.gpr, 0, gpr, 0, 16);
        rip = other.rip;
        rflags = other.rflags;
        fsBase = other.fsBase;
        gsBase = other.gsBase;
        mxcsr = other.mxcsr;
        for (int i = 0; i < 16; i++) {
            System.arraycopy(other.ymm[i], 0, ymm[i], 0, 4);
        }
        System.arraycopy(other.fx, 0, fx, 0, fx.length);
        System.arraycopy(other.window, 0, window, 0, WINDOW_SIZE);
    }

    /** The x87 control word. */
    public int controlWord() {
        return (short) SHORT.get(fx, 0) & 0xFFFF;
    }

    public void controlWord(int value) {
        SHORT.set(fx, 0, (short) value);
    }

    /** The x87 status word, with TOP in bits 11 to 13. */
    public int statusWord() {
        return (short) SHORT.get(fx, 2) & 0xFFFF;
    }

    public void statusWord(int value) {
        SHORT.set(fx, 2, (short) value);
    }

    /** The abridged tag word: bit i is set when physical register i is not empty. */
    public int tagByte() {
        return fx[4] & 0xFF;
    }

    public void tagByte(int value) {
        fx[4] = (byte) value;
    }

    /** The 64-bit significand of ST(i). */
    public long significand(int i) {
        return (long) LONG.get(fx, FX_ST + 16 * i);
    }

    /** Sign and exponent of ST(i). */
    public int signAndExponent(int i) {
        return (short) SHORT.get(fx, FX_ST + 16 * i + 8) & 0xFFFF;
    }

    public void st(int i, int signAndExponent, long significand) {
        LONG.set(fx, FX_ST + 16 * i, significand);
        SHORT.set(fx, FX_ST + 16 * i + 8, (short) signAndExponent);
    }

    /** Last x87 instruction's opcode, its address and its operand's (the image's 64-bit form). */
    public void pointers(int opcode, long instruction, long data) {
        SHORT.set(fx, 6, (short) opcode);
        LONG.set(fx, 8, instruction);
        LONG.set(fx, 16, data);
    }

    /** Eight bytes of the window, which must lie inside it. */
    public long window(long address) {
        return (long) LONG.get(window, (int) (address - WINDOW_BASE));
    }

    public void window(long address, long value) {
        LONG.set(window, (int) (address - WINDOW_BASE), value);
    }
}
