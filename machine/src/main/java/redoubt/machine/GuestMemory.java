package redoubt.machine;

import java.lang.foreign.MemorySegment;

/** The guest's RAM as a loader sees it: a place to put bytes before (or while) the guest runs. */
public interface GuestMemory {
    /**
     * Copies all of {@code bytes} to guest-physical memory.
     *
     * @throws IndexOutOfBoundsException if the range is not all RAM
     */
    void write(long guestPhysical, MemorySegment bytes);

    /**
     * Clears {@code lengthBytes} bytes of guest-physical memory.
     *
     * @throws IndexOutOfBoundsException if the range is not all RAM
     */
    void zero(long guestPhysical, long lengthBytes);

    /** Copies all of {@code bytes} to guest-physical memory, see {@link #write(long, MemorySegment)}. */
    default void write(long guestPhysical, byte[] bytes) {
        write(guestPhysical, MemorySegment.ofArray(bytes));
    }
}
