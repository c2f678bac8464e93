package redoubt.sgx;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What is true of the EPCM, the SECSs and the processors between any two leaves, whatever software did before. */
final class SgxInvariants {
    private final Epc epc;
    private final List<SgxUnit> processors;

    SgxInvariants(Epc epc, List<SgxUnit> processors) {
        this.epc = epc;
        this.processors = processors;
    }

    private static void hold(boolean condition, String what, int page) {
        if (!condition) {
            throw new AssertionError(what + ": EPC page " + page);
        }
    }

    void check() {
        int[] children = new int[epc.count()];
        for (int page = 0; page < epc.count(); page++) {
            if (epc.valid(page)) {
                entry(page, children);
            }
        }
        int[] inside = new int[epc.count()];
        Set<Integer> threads = new HashSet<>();
        for (SgxUnit unit : processors) {
            if (unit.inEnclave()) {
                inside[unit.secs]++;
                hold(threads.add(unit.tcs), "two processors in one thread", unit.tcs);
                hold(epc.is(unit.secs, PageType.SECS), "the SECS of a running enclave is gone", unit.secs);
                belongs(unit.tcs, unit.secs, "the TCS of a running thread is gone");
                belongs(page(unit.frame.gpr()), unit.secs, "the GPR area of a running thread is gone");
                for (long area : unit.frame.xsave()) {
                    belongs(page(area), unit.secs, "the XSAVE area of a running thread is gone");
                }
            }
        }
        for (int page = 0; page < epc.count(); page++) {
            if (epc.is(page, PageType.SECS)) {
                secs(page, children[page], inside[page]);
            } else if (epc.is(page, PageType.TCS) && !epc.modified(page)) {
                boolean active = Host.get64(epc.host(page) + Tcs.STATE) != 0;
                hold(active == threads.contains(page), "TCS.STATE does not tell whether the thread runs", page);
            }
        }
    }

    private int page(long host) {
        return (int) (host - epc.host(0) >> 12);
    }

    private void belongs(int page, int secs, String what) {
        hold(epc.valid(page) && epc.secs(page) == secs && PageType.isChild(epc.type(page)), what, page);
    }

    private void entry(int page, int[] children) {
        int rwx = epc.permissions(page);
        int type = epc.type(page);
        if (PageType.isChild(type)) {
            int owner = epc.secs(page);
            hold(epc.is(owner, PageType.SECS), "a child without SECS", page);
            long secs = epc.host(owner);
            children[owner]++;
            hold((epc.address(page) & 4095) == 0 && Secs.contains(secs, epc.address(page)), "outside ELRANGE", page);
            hold(epc.epoch(page) <= Host.get64(secs + Secs.EPOCH), "an epoch that has not begun", page);
            hold((rwx & (Epc.R | Epc.W)) != Epc.W, "W without R", page);
            hold(type == PageType.REG || rwx == 0, "permissions of a page that has none", page);
            hold(type == PageType.REG || !epc.pending(page) && !epc.pr(page), "PENDING or PR of no PT_REG", page);
            hold(type != PageType.REG || !epc.modified(page), "MODIFIED of PT_REG", page);
            hold(
                    Secs.initialized(secs)
                            || !epc.any(page, Epc.PENDING | Epc.MODIFIED | Epc.PR) && type != PageType.TRIM,
                    "SGX2 state before EINIT",
                    page);
        } else {
            hold(type == PageType.SECS || type == PageType.VA, "no page type", page);
            hold(rwx == 0 && epc.address(page) == 0, "permissions or address of SECS or VA", page);
            hold(
                    !epc.any(page, Epc.PENDING | Epc.MODIFIED | Epc.PR | Epc.BLOCKED),
                    "a state that SECS and VA do not have",
                    page);
        }
    }

    private void secs(int page, int children, int inside) {
        long secs = epc.host(page);
        hold(Host.get64(secs + Secs.CHILDREN) == children, "CHLDCNT", page);
        long current = Host.get64(secs + Secs.INSIDE_CURRENT);
        long previous = Host.get64(secs + Secs.INSIDE_PREVIOUS);
        hold(current >= 0 && previous >= 0 && current + previous == inside, "threads inside", page);
        hold(inside == 0 || Secs.initialized(secs), "threads in an enclave before EINIT", page);
    }

    /** The same for what is too much to look at after each leaf: no enclave and no version exists twice. */
    void checkUniqueness() {
        Map<Long, Integer> seen = new HashMap<>();
        Set<Long> enclaves = new HashSet<>();
        for (int page = 0; page < epc.count(); page++) {
            if (epc.is(page, PageType.SECS)) {
                hold(enclaves.add(Host.get64(epc.host(page) + Secs.EID)), "an enclave exists twice", page);
            } else if (epc.is(page, PageType.VA)) {
                for (int offset = 0; offset < 4096; offset += 8) {
                    long version = Host.get64(epc.host(page) + offset);
                    hold(version == 0 || seen.put(version, page) == null, "a version exists twice", page);
                }
            }
        }
    }
}
