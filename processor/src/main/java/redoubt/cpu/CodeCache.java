package redoubt.cpu;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** All decoded pages of a VM, shared by its processors. A page that holds decoded code is not writable through any TLB. */
public final class CodeCache {
    private final Map<Long, CodePage[]> pages = new HashMap<>();
    private final List<Mmu> mmus = new ArrayList<>();

    /** An empty cache. */
    public CodeCache() {}

    void register(Mmu mmu) {
        mmus.add(mmu);
    }

    CodePage page(long host, int mode) {
        CodePage[] byMode = pages.computeIfAbsent(host, _ -> new CodePage[3]);
        int slot = mode == 64 ? 2 : mode == 32 ? 1 : 0;
        CodePage page = byMode[slot];
        if (page == null) {
            page = new CodePage(host, mode);
            byMode[slot] = page;
        }
        return page;
    }

    /** Before the first block of a page is added: writes to it must be seen from now on. */
    void protect(long host) {
        for (Mmu mmu : mmus) {
            mmu.revokeWrite(host);
        }
    }

    /** Whether a write must go through {@link #written}. */
    boolean holdsCode(long host) {
        CodePage[] byMode = pages.get(host);
        if (byMode != null) {
            for (CodePage page : byMode) {
                if (page != null && !page.isEmpty()) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Some bytes of a page change. */
    void written(long host, int offset, int length) {
        CodePage @Nullable [] byMode = pages.get(host);
        if (byMode != null) {
            for (CodePage page : byMode) {
                if (page != null && !page.isEmpty() && page.covers(offset, length)) {
                    page.clear();
                }
            }
        }
    }
}
