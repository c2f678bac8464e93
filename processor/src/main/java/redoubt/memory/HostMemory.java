package redoubt.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Memory of the host for RAM and EPC: zeroed, and provided by the host's system page by page when it is touched. An arena's
 * own allocation would write all of it, so that a guest would occupy at the start what it may never use.
 */
public final class HostMemory {
    private static final long PAGE = 4096;
    private static final MethodHandle CALLOC;
    private static final MethodHandle FREE;

    static {
        Linker linker = Linker.nativeLinker();
        SymbolLookup c = linker.defaultLookup();
        CALLOC = linker.downcallHandle(
                c.findOrThrow("calloc"),
                FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
        FREE = linker.downcallHandle(c.findOrThrow("free"), FunctionDescriptor.ofVoid(ValueLayout.ADDRESS));
    }

    private HostMemory() {}

    /**
     * Whole pages, aligned as such; given back when the arena is closed.
     *
     * @throws OutOfMemoryError if the host has not that much
     */
    public static MemorySegment allocate(Arena arena, long bytes) {
        MemorySegment raw;
        try {
            raw = (MemorySegment) CALLOC.invokeExact(1L, bytes + PAGE);
        } catch (Throwable e) {
            throw new IllegalStateException("calloc", e);
        }
        if (raw.equals(MemorySegment.NULL)) {
            throw new OutOfMemoryError("the host does not give " + bytes + " bytes of memory");
        }
        // SAFE: calloc has given this many bytes; they are given back when the arena ends all access to them.
        MemorySegment owned = raw.reinterpret(bytes + PAGE, arena, HostMemory::free);
        return owned.asSlice(-raw.address() & PAGE - 1, bytes);
    }

    private static void free(MemorySegment raw) {
        try {
            FREE.invokeExact(raw);
        } catch (Throwable e) {
            throw new IllegalStateException("free", e);
        }
    }
}
