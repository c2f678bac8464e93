package redoubt.hypervisor;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import redoubt.memory.MemoryFaultException;
import redoubt.memory.PhysicalMemory;
import redoubt.sgx.ErrorCode;
import redoubt.sgx.HostLeaves.EvictedPage;

/**
 * Raw enclave page cache for a guest, as {@code /dev/sgx_vepc} gives it: pages come from the package's pool at first touch,
 * uninitialized, belong to one guest and are not reclaimed, unless the host {@linkplain HostSgx#oversubscribe
 * oversubscribes}. Source: {@code arch/x86/kernel/cpu/sgx/virt.c}.
 *
 * <p>A touch with the pool exhausted is what SIGBUS is to KVM: {@link Vcpu#run} comes back with {@link VmExit.MemoryFault},
 * and may be called again when pages are free. The guest sees nothing of it.
 *
 * <p>All but {@link #bytes} is done under the lock of the VM that the region is mapped into.
 */
public final class VirtualEpc implements PhysicalMemory.EpcWindow, AutoCloseable {
    private static final int ABSENT = -1;

    private final HostSgx host;
    private final int[] pages;

    /** Contents of pages that have lost their place; {@link #ABSENT} in {@link #pages}. */
    private final @Nullable EvictedPage[] evicted;

    /** Pages whose address has been asked for since the reclaimer last looked. */
    private final boolean[] touched;

    private @Nullable Vm vm;
    private long guestPhysical;
    private boolean closed;
    private long reloads;

    VirtualEpc(HostSgx host, long bytes) {
        if (bytes <= 0 || (bytes & 4095) != 0 || bytes >>> 12 > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(bytes + " bytes of EPC: not a positive multiple of 4096");
        }
        this.host = host;
        int count = (int) (bytes >>> 12);
        this.pages = new int[count];
        this.evicted = new EvictedPage[count];
        this.touched = new boolean[count];
        Arrays.fill(pages, ABSENT);
    }

    /** Size in bytes. */
    public long bytes() {
        return (long) pages.length << 12;
    }

    /** Pages that have been touched and not given back. */
    public int backedPages() {
        int backed = 0;
        for (int i = 0; i < pages.length; i++) {
            backed += pages[i] != ABSENT || evicted[i] != null ? 1 : 0;
        }
        return backed;
    }

    /** How often a page that had lost its place came back. */
    public long reloads() {
        return reloads;
    }

    HostSgx host() {
        return host;
    }

    /** Belongs to {@code owner} from now on, at this address. */
    void attach(Vm owner, long address) {
        if (vm != null) {
            throw new IllegalStateException("the virtual EPC region is mapped already");
        }
        vm = owner;
        guestPhysical = address;
    }

    @Override
    public int page(long offset) {
        int index = (int) (offset >>> 12);
        touched[index] = true;
        int page = pages[index];
        return page != ABSENT ? page : fault(index);
    }

    private int fault(int index) {
        int page = closed ? ABSENT : host.pool().allocate();
        if (page == ABSENT) {
            throw new MemoryFaultException(
                    closed ? "the virtual EPC region is closed" : "the host has no EPC page left",
                    guestPhysical + ((long) index << 12));
        }
        EvictedPage content = evicted[index];
        if (content != null) {
            host.leaves().reload(page, content);
            evicted[index] = null;
            reloads++;
        }
        pages[index] = page;
        return page;
    }

    // ---- the host's side

    /**
     * Eight bytes of a page, as the host's debugger sees them: of a debug enclave's page only.
     *
     * @param offset within the region, a multiple of 8
     * @throws IOException where EDBGRD fails, or nothing has been there yet (EIO)
     */
    public long debugRead(long offset) throws IOException {
        return locked(() -> {
                    int page = debugged(offset);
                    return page == ABSENT ? OptionalLong.empty() : host.leaves().edbgrd(page, (int) offset & 4095);
                })
                .orElseThrow(() -> new IOException(String.format("EDBGRD of virtual EPC at 0x%x failed", offset)));
    }

    /**
     * Changes eight bytes of a debug enclave's page.
     *
     * @throws IOException where EDBGWR fails, or nothing has been there yet (EIO)
     */
    public void debugWrite(long offset, long value) throws IOException {
        boolean done = locked(() -> {
            int page = debugged(offset);
            boolean written = page != ABSENT && host.leaves().edbgwr(page, (int) offset & 4095, value);
            if (written && vm != null) {
                vm.forgetPage(host.pool().host(page));
            }
            return written;
        });
        if (!done) {
            throw new IOException(String.format("EDBGWR of virtual EPC at 0x%x failed", offset));
        }
    }

    private int debugged(long offset) {
        if ((offset & 7) != 0 || offset < 0 || offset >= bytes()) {
            throw new IllegalArgumentException(
                    String.format("0x%x: not the offset of eight bytes of the region", offset));
        }
        int index = (int) (offset >>> 12);
        return pages[index] == ABSENT && evicted[index] == null ? ABSENT : page(offset);
    }

    /**
     * Makes every page uninitialized and keeps it (SGX_IOC_VEPC_REMOVE_ALL), for a guest that is reset.
     *
     * @return how many pages were not, being SECS pages with children: call again when that of all regions was called
     * @throws IllegalStateException if a processor is inside an enclave of the region (EBUSY)
     */
    public int removeAll() {
        return locked(() -> {
            int failures = 0;
            for (int i = 0; i < pages.length; i++) {
                EvictedPage content = evicted[i];
                int code = content != null
                        ? host.leaves().eremove(content)
                        : pages[i] == ABSENT ? ErrorCode.SUCCESS : host.leaves().eremove(pages[i]);
                if (code == ErrorCode.ENCLAVE_ACT) {
                    throw new IllegalStateException("a processor is inside an enclave of the virtual EPC region");
                }
                if (code == ErrorCode.SUCCESS) {
                    evicted[i] = null;
                } else {
                    failures++;
                }
            }
            if (vm != null) {
                vm.forgetTranslations();
            }
            return failures;
        });
    }

    /**
     * Gives all pages back: EREMOVE in two passes, because a SECS goes after its children, and a SECS whose children are in
     * another region when that is closed. The guest's processors leave their enclaves first.
     */
    @Override
    public void close() {
        locked(() -> {
            if (closed) {
                return null;
            }
            closed = true;
            if (vm != null) {
                vm.exitEnclaves();
                vm.forgetTranslations();
            }
            free();
            free();
            List<Integer> remaining = new ArrayList<>();
            for (int page : pages) {
                if (page != ABSENT) {
                    remaining.add(page);
                }
            }
            Arrays.fill(pages, ABSENT);
            host.closed(this, remaining);
            return null;
        });
    }

    private void free() {
        for (int i = 0; i < pages.length; i++) {
            EvictedPage content = evicted[i];
            if (content != null && host.leaves().eremove(content) == ErrorCode.SUCCESS) {
                evicted[i] = null;
            }
            if (pages[i] != ABSENT && host.remove(pages[i]) == ErrorCode.SUCCESS) {
                pages[i] = ABSENT;
            }
        }
    }

    private <T> T locked(Supplier<T> action) {
        return vm == null ? action.get() : vm.exclusively(action);
    }

    // ---- for the reclaimer

    int count() {
        return pages.length;
    }

    /**
     * Takes the place of cold pages away: those not used since the last look, not held by a processor inside an enclave, no
     * SECS with children.
     *
     * @return how many pages have come free
     */
    int evictCold(int from, int to, int most) {
        return locked(() -> {
            if (vm != null) {
                vm.forgetTranslations(); // so that the next use of a page is seen here
            }
            int freed = 0;
            for (int index = from; index < to && freed < most; index++) {
                freed += evictIfCold(index) ? 1 : 0;
            }
            return freed;
        });
    }

    private boolean evictIfCold(int index) {
        int page = pages[index];
        if (page == ABSENT || vm == null || touched[index]) {
            touched[index] = false;
            return false;
        }
        if (vm.holds(page) || !host.leaves().evictable(page)) {
            return false;
        }
        vm.forgetPage(host.pool().host(page));
        pages[index] = ABSENT;
        if (host.pool().valid(page)) {
            evicted[index] = host.leaves().evict(page);
        } else {
            host.pool().release(page);
        }
        return true;
    }
}
