package redoubt.cpu;

import java.util.Arrays;

/**
 * Accesses to ports and memory that nobody in this process serves: {@link Engine#run} ends with {@link Engine.Stop#IO}, and
 * its caller does them (KVM_EXIT_IO and KVM_EXIT_MMIO).
 *
 * <p>An instruction that needs the answer to a read is begun again when it is there, as after a page fault; what it has read
 * and written before comes from here, so that nothing is done twice. A write needs no answer: the instruction, or the
 * iteration of a repeated one, goes on to its end, and only then the caller is told. An instruction that meets such an access
 * in the middle of a block is begun again alone first.
 *
 * <p>Limitation: what the same instruction has read of a device in this process before is read again.
 */
public final class IoExits {
    private static final int SIZE = 0xF;
    private static final int WRITE = 0x10;
    private static final int PORT = 0x20;

    private final Cpu c;

    // The accesses of the current instruction, in their order: of the first `told` the caller knows, the last one may
    // be a
    // read that waits for its answer.
    private int[] kinds = new int[4];
    private long[] addresses = new long[4];
    private long[] values = new long[4];
    private int count;
    private int told;
    /** How many the instruction, begun again, has had from here. */
    private int next;

    private boolean unfinished;

    IoExits(Cpu c) {
        this.c = c;
    }

    // ---- for instructions

    /** Reads a port, after all checks. */
    public int in(int port, int size) {
        return c.platform.handlesPort(port) ? c.platform.in(port, size) : (int) access(PORT | size, port, 0);
    }

    /** Writes a port, after all checks. */
    public void out(int port, int size, int value) {
        if (c.platform.handlesPort(port)) {
            c.platform.out(port, size, value);
        } else {
            access(PORT | WRITE | size, port, value & 0xFFFF_FFFFL);
        }
    }

    /** Reads memory where nothing is. */
    long load(long physical, int size) {
        return access(size, physical, 0);
    }

    /** Writes memory where nothing is. */
    void store(long physical, int size, long value) {
        access(WRITE | size, physical, value & mask(size));
    }

    private static long mask(int size) {
        return size == 8 ? -1 : (1L << 8 * size) - 1;
    }

    private long access(int kind, long address, long value) {
        if (!c.stepping) {
            throw c.stepAlone();
        }
        if (next < count) {
            if (kinds[next] == kind && addresses[next] == address) {
                return values[next++];
            }
            count = next; // another processor has changed what this access goes to
            told = next;
        }
        if ((kind & PORT) == 0) {
            c.deviceAccess.before(c);
        }
        if (count == kinds.length) {
            kinds = Arrays.copyOf(kinds, 2 * count);
            addresses = Arrays.copyOf(addresses, 2 * count);
            values = Arrays.copyOf(values, 2 * count);
        }
        kinds[count] = kind;
        addresses[count] = address;
        values[count++] = value;
        if ((kind & WRITE) == 0) {
            unfinished = true;
            throw Resync.INSTANCE;
        }
        next++;
        return 0;
    }

    /** Between two iterations of a repeated instruction; whether it is to be left because the caller must be told first. */
    public boolean iterated() {
        if (count == 0) {
            return false;
        }
        if (told == count) {
            count = 0;
            told = 0;
            next = 0;
            return false;
        }
        return true;
    }

    // ---- for the engine

    /** An instruction begins; whether it is one that has begun before. Nothing may be left to be told. */
    boolean begin() {
        boolean again = unfinished;
        unfinished = false;
        next = 0;
        if (!again) {
            count = 0;
            told = 0;
        }
        return again;
    }

    /** Whether an instruction waits to be begun again. */
    boolean isUnfinished() {
        return unfinished;
    }

    /** The instruction has been left for another reason than an access, and will be begun again. */
    void suspend() {
        unfinished = count > 0;
    }

    /** Whether nothing of the instruction has been done yet: it only asks for its first read. */
    boolean hasOnlyAsked() {
        return count == 1 && told == 0 && unfinished;
    }

    /** Forgets the instruction, of which nothing has been done. */
    void drop() {
        unfinished = false;
        count = 0;
    }

    // ---- for the engine's caller

    /** Whether there is an access that the caller has not done yet. */
    public boolean isWaiting() {
        return told < count;
    }

    /** Whether the access that waits is one to a port. */
    public boolean isPort() {
        return (kinds[told] & PORT) != 0;
    }

    /** Whether it is a write. */
    public boolean isWrite() {
        return (kinds[told] & WRITE) != 0;
    }

    /** The port or the guest-physical address. */
    public long address() {
        return addresses[told];
    }

    /** How many bytes: 1, 2, 4 or 8. */
    public int size() {
        return kinds[told] & SIZE;
    }

    /** What is written. */
    public long value() {
        return values[told];
    }

    /** The access has been done; {@code value} is what was read. */
    public void done(long value) {
        if (!isWrite()) {
            values[told] = value & mask(size());
        }
        told++;
    }
}
