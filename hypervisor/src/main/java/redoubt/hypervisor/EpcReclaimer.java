package redoubt.hypervisor;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Oversubscription of the EPC: when the pool is exhausted, cold pages of any guest lose their place, sealed with the package's
 * paging key, and get another at the next touch. Second chance: a hand goes round over all regions; a page that was used
 * since it last came by stays. Pages that a processor inside an enclave works with stay, and a SECS with children.
 *
 * <p>A processor that needs a page leaves its VM's lock first, and the hand holds one VM's lock at a time: a guest is never
 * robbed while it runs, and nobody waits for two. Nothing of this is in the series; the kernel's own enclaves have it in
 * {@code arch/x86/kernel/cpu/sgx/main.c}.
 *
 * <p>Safe for use by several threads.
 */
public final class EpcReclaimer {
    /** Pages to free at once, so that the flush of a guest's TLBs pays. */
    private static final int BATCH = 64;

    /** Pages to look at while a guest has to stand still. */
    private static final int LOOK = 1024;

    /** Longest turn of a guest's processor, in instructions: how long the hand may have to wait for a guest's lock. */
    static final long LONGEST_TURN = 50_000;

    private final HostSgx host;
    private final List<VirtualEpc> regions = new CopyOnWriteArrayList<>();
    private final AtomicLong evictions = new AtomicLong();
    private int region;
    private int index;

    EpcReclaimer(HostSgx host) {
        this.host = host;
    }

    /** Pages that have lost their place so far. */
    public long evictions() {
        return evictions.get();
    }

    /** Evicted pages that came back so far, in the regions that are open. */
    public long reloads() {
        return regions.stream().mapToLong(VirtualEpc::reloads).sum();
    }

    void add(VirtualEpc epc) {
        regions.add(epc);
    }

    void remove(VirtualEpc epc) {
        regions.remove(epc);
    }

    /**
     * Frees some pages. The caller holds no VM's lock.
     *
     * @return whether there are free pages now
     */
    synchronized boolean reclaim() {
        if (host.freePages() > 0) {
            return true; // another thread was faster
        }
        // One round takes the marks off, the next finds something, if there is anything.
        long left = 2 * regions.stream().mapToLong(VirtualEpc::count).sum() + 2L * regions.size();
        while (left > 0 && !regions.isEmpty()) {
            if (region >= regions.size()) {
                region = 0;
            }
            VirtualEpc victim = regions.get(region);
            int from = index;
            int to = Math.min(from + LOOK, victim.count());
            left -= Math.max(to - from, 1);
            index = to;
            if (to >= victim.count()) {
                region++;
                index = 0;
            }
            int freed = victim.evictCold(from, to, BATCH);
            evictions.addAndGet(freed);
            if (freed > 0) {
                return true;
            }
        }
        return host.freePages() > 0;
    }
}
