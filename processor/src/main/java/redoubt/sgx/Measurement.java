package redoubt.sgx;

/**
 * MRENCLAVE in the making: SHA-256 over 64-byte blocks that ECREATE, EADD and EEXTEND append (SDM vol. 3D sections of
 * these leaves). A value of this class is a copy of what the SECS holds; tools may also use it without a processor.
 */
public final class Measurement {
    private static final long ECREATE_TAG = 0x0045544145524345L;
    private static final long EADD_TAG = 0x0000000044444145L;
    private static final long EEXTEND_TAG = 0x00444E4554584545L;

    /** Bytes that one EEXTEND covers. */
    public static final int CHUNK = 256;

    private final int[] state;
    private long blocks;

    /** Nothing measured. */
    public Measurement() {
        state = Sha256.initial();
    }

    private Measurement(int[] state, long blocks) {
        this.state = state;
        this.blocks = blocks;
    }

    /** The measurement that a SECS under construction holds. */
    static Measurement load(long secs) {
        int[] state = new int[8];
        for (int i = 0; i < 8; i++) {
            state[i] = Host.get32(secs + Secs.MRENCLAVE + 4L * i);
        }
        return new Measurement(state, Host.get64(secs + Secs.BLOCKS));
    }

    void store(long secs) {
        for (int i = 0; i < 8; i++) {
            Host.put32(secs + Secs.MRENCLAVE + 4L * i, state[i]);
        }
        Host.put64(secs + Secs.BLOCKS, blocks);
    }

    private void absorb(byte[] data, int offset) {
        Sha256.block(state, data, offset);
        blocks++;
    }

    /** ECREATE of an enclave of {@code size} bytes with SSA frames of {@code ssaFrameSize} pages. */
    public Measurement ecreate(int ssaFrameSize, long size) {
        byte[] block = new byte[64];
        Bytes.put64(block, 0, ECREATE_TAG);
        Bytes.put32(block, 8, ssaFrameSize);
        Bytes.put64(block, 12, size);
        absorb(block, 0);
        return this;
    }

    /** EADD of a page at an offset from BASEADDR; {@code secinfoFlags} as given to EADD. */
    public Measurement eadd(long offset, long secinfoFlags) {
        byte[] block = new byte[64];
        Bytes.put64(block, 0, EADD_TAG);
        Bytes.put64(block, 8, offset);
        boolean tcs = (secinfoFlags >> 8 & 0xFF) == PageType.TCS;
        Bytes.put64(block, 16, tcs ? secinfoFlags & ~7L : secinfoFlags);
        absorb(block, 0);
        return this;
    }

    /** EEXTEND of the chunk at an offset from BASEADDR, whose {@value #CHUNK} bytes start at {@code data[at]}. */
    public Measurement eextend(long offset, byte[] data, int at) {
        byte[] block = new byte[64];
        Bytes.put64(block, 0, EEXTEND_TAG);
        Bytes.put64(block, 8, offset);
        absorb(block, 0);
        for (int i = 0; i < CHUNK; i += 64) {
            absorb(data, at + i);
        }
        return this;
    }

    /** Blocks absorbed. */
    public long blocks() {
        return blocks;
    }

    /** MRENCLAVE as EINIT would find it now. */
    public byte[] digest() {
        return Sha256.digest(state, blocks);
    }
}
