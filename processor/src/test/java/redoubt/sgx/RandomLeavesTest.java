package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.sgx.SgxRig.BASE;
import static redoubt.sgx.SgxRig.PAGEINFO;
import static redoubt.sgx.SgxRig.PCMD;
import static redoubt.sgx.SgxRig.SECINFO;
import static redoubt.sgx.SgxRig.SIGSTRUCT;
import static redoubt.sgx.SgxRig.SOURCE;
import static redoubt.sgx.SgxRig.TOKEN;
import static redoubt.sgx.SgxRig.address;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.Test;
import redoubt.cpu.Cpu;
import redoubt.cpu.Engine;
import redoubt.cpu.Flags;

/**
 * Two processors of one package, in a bare machine with an IDT, execute leaves with random operands: mostly such as could
 * work, so that pages come into all states, and now and then one that could not: misaligned, not EPC, not mapped, read-only,
 * not canonical; structures with random fields. Each leaf is an instruction that the engine executes, and each fault is
 * delivered through the IDT. After each, {@link SgxInvariants} must hold.
 *
 * <p>{@code -Dredoubt.sgx.fuzz.count=10000000} runs it for long, {@code redoubt.sgx.fuzz.seed} repeats another run.
 */
class RandomLeavesTest {
    private static final long IDT = 0x80000;
    private static final long GDT = 0x81000;
    private static final long TSS = 0x82000;
    private static final long CODE = 0x83000;
    private static final long HANDLERS = 0x84000;
    private static final long STACKS = 0x86000;
    private static final long BACKING = SgxRig.BACKING;
    /** Below: data that leaves may read and write; above: what the machine needs, read-only. */
    private static final long WRITABLE = 0x40000;

    private static final int ENCLAVES = 3;
    /** The signed enclave's pages lie below. */
    private static final long BUILT = 0x7000;

    private static final int ENCLS = 0;
    private static final int ENCLU = 16;
    private static final int ENCLV = 32;
    private static final int HANDLER_SIZE = 16;
    private static final long ATTRIBUTES = Attributes.MODE64BIT | Attributes.DEBUG;

    private static final long SEED = Long.getLong("redoubt.sgx.fuzz.seed", 1);
    private static final long COUNT = Long.getLong("redoubt.sgx.fuzz.count", 100_000);

    private final SplittableRandom random = new SplittableRandom(SEED);
    private final SgxRig rig = SgxRig.withAllLeaves();
    private final Epc epc = rig.epc;
    private final List<Cpu> processors = List.of(rig.c, rig.addProcessor());
    private final List<Engine> engines = processors.stream().map(Engine::new).toList();
    private final SgxInvariants invariants = new SgxInvariants(
            epc, processors.stream().map(c -> (SgxUnit) c.enclave).toList());
    private final Map<String, Long> outcomes = new TreeMap<>();
    private long executed;
    private final byte[] sigstruct;
    /** PCMD, ciphertext and PAGEINFO of evicted pages, and their slots: what a reload needs. */
    private final List<Evicted> evicted = new ArrayList<>();

    private record Evicted(byte[] pcmd, byte[] content, long linear, int secs, int va, int slot) {}

    RandomLeavesTest() {
        machine();
        rig.ecreate(0, SgxRig.secs(ATTRIBUTES));
        buildPages(0, List.of(1, 2, 3, 4, 5, 6, 7));
        sigstruct = rig.sign(0, ATTRIBUTES);
        for (Cpu c : processors) {
            byte[] hash = SigstructVerifier.mrsigner(sigstruct);
            for (int i = 0; i < 4; i++) {
                c.msrs.set(0x8C + i, Bytes.get64(hash, 8 * i));
            }
        }
        assertThat(rig.einit(0, sigstruct)).isZero();
    }

    /** Page tables that protect the machine from the leaves, and the tables of the processors. */
    private void machine() {
        long tables = SgxRig.TABLES + 0x10000;
        rig.put(SgxRig.TABLES + 0x1000, tables | 7);
        rig.put(tables, tables + 0x1000 | 7);
        for (long page = 0; page < 0x200; page++) {
            boolean stack = page >= STACKS >> 12 && page < (STACKS >> 12) + 4;
            rig.put(tables + 0x1000 + page * 8, page << 12 | (page < WRITABLE >> 12 || stack ? 7 : 5));
        }
        byte[] code = new byte[64];
        for (int i = 0; i < 3; i++) {
            code[16 * i] = 0x0F;
            code[16 * i + 1] = 1;
            code[16 * i + 2] = (byte) new int[] {0xCF, 0xD7, 0xC0}[i];
        }
        rig.put(CODE, code);
        rig.put(GDT + 0x08, 0x00AF9B000000FFFFL);
        rig.put(GDT + 0x10, 0x00CF93000000FFFFL);
        for (int v = 0; v < 32; v++) {
            long handler = HANDLERS + (long) v * HANDLER_SIZE;
            rig.put(IDT + v * 16L, handler & 0xFFFF | 0x08L << 16 | 0x8E00L << 32 | handler >> 16 << 48);
            rig.put(handler, 0xF4);
        }
        for (int i = 0; i < processors.size(); i++) {
            rig.put(TSS + 0x100L * i + 4, STACKS + 0x2000L * i + 0x2000);
            Cpu c = processors.get(i);
            c.idtBase = IDT;
            c.idtLimit = 0xFFF;
            c.gdtBase = GDT;
            c.gdtLimit = 0xFF;
            c.tr = 0x40;
            c.trBase = TSS + 0x100L * i;
            c.trLimit = 0x67;
            c.mmu.flush();
        }
    }

    // ---- an instruction

    /** Executes ENCLS, ENCLU or ENCLV once and checks all there is to check; returns RAX, or -1 minus the vector. */
    private long execute(int processor, int instruction, int leaf, long rbx, long rcx, long rdx) {
        Cpu c = processors.get(processor);
        boolean inside = c.enclave.inEnclave();
        if (inside && instruction != ENCLU) {
            leave(processor);
            inside = false;
        }
        if (!inside) {
            boolean user = instruction == ENCLU;
            c.selector[1] = user ? 0x33 : 8;
            c.segmentAccess[1] = user ? 0xA0FB : 0xA09B;
            c.segmentAccess[2] = user ? 0xC0F3 : 0xC093;
            c.segmentAccess[3] = user ? 0xC0F3 : 0xC093;
            c.segmentLimit[2] = 0xFFFF_FFFFL;
            c.codeMode = 64;
            c.cpl(user ? 3 : 0);
            c.rip = CODE + instruction;
            c.r[4] = STACKS + 0x2000L * processor + 0x1000;
        } else if (c.rip < enclaveBase(0) || random.nextInt(8) != 0) {
            c.rip = Host.get64(epc.host(((SgxUnit) c.enclave).secs) + Secs.BASEADDR) + 0x4000;
        }
        c.halted = false;
        c.nmiBlocked = false;
        c.r[0] = leaf;
        c.r[3] = rbx;
        c.r[1] = rcx;
        c.r[2] = rdx;
        c.status(Flags.OF | Flags.SF);
        executed++;
        Engine.Stop stop = engines.get(processor).run(1);
        assertThat(stop).isEqualTo(Engine.Stop.BUDGET);
        invariants.check();
        long vector = (c.rip - HANDLERS) / HANDLER_SIZE;
        boolean faulted = c.rip >= HANDLERS && vector < 32;
        String name = "ENCL" + (instruction == ENCLS ? "S" : instruction == ENCLU ? "U" : "V") + " "
                + (leaf < 0 || leaf > 0x18 ? "other" : Integer.toHexString(leaf));
        if (faulted) {
            // an enclave's code page may have got another content, whose instructions fault in other ways
            assertThat(inside || vector == 6 || vector == 13 || vector == 14)
                    .as("vector %d of leaf %d", vector, leaf)
                    .isTrue();
            outcomes.merge(name + " #" + vector, 1L, Long::sum);
            return -1 - vector;
        }
        boolean codes = (c.rflags() & (Flags.OF | Flags.SF)) == 0;
        outcomes.merge(name + (codes ? " code " + c.r[0] : " ok"), 1L, Long::sum);
        return codes ? c.r[0] : 0;
    }

    /** An NMI takes the processor out of its enclave. */
    private void leave(int processor) {
        Cpu c = processors.get(processor);
        c.nmiPending = true;
        c.nmiBlocked = false;
        engines.get(processor).run(1);
        assertThat(c.enclave.inEnclave()).isFalse();
        invariants.check();
    }

    private long encls(int processor, int leaf, long rbx, long rcx, long rdx) {
        return execute(processor, ENCLS, leaf, rbx, rcx, rdx);
    }

    // ---- operands

    private static long enclaveBase(int enclave) {
        return BASE + enclave * SgxRig.SIZE;
    }

    /** A page that fits, if there is one; sometimes any. */
    private int page(IntPredicate wanted) {
        if (random.nextInt(10) != 0) {
            int start = random.nextInt(epc.count());
            for (int i = 0; i < epc.count(); i++) {
                int page = (start + i) % epc.count();
                if (wanted.test(page)) {
                    return page;
                }
            }
        }
        return random.nextInt(epc.count());
    }

    private int page(int type) {
        return page(p -> epc.is(p, type));
    }

    private int freePage() {
        return page(p -> !epc.valid(p));
    }

    /** A child of an SECS; mostly not one of those without which the enclave cannot run any more. */
    private int child() {
        boolean any = random.nextInt(20) == 0;
        return page(p -> epc.valid(p)
                && PageType.isChild(epc.type(p))
                && (any || epc.address(p) - Host.get64(epc.host(epc.secs(p)) + Secs.BASEADDR) >= BUILT));
    }

    private long enclavePage() {
        return enclaveBase(random.nextInt(ENCLAVES)) + random.nextInt(16) * 4096L;
    }

    /** Now and then not the operand but something else. */
    private long spoilt(long operand) {
        if (random.nextInt(12) != 0) {
            return operand;
        }
        return switch (random.nextInt(11)) {
            case 0 -> operand + (1L << random.nextInt(13));
            case 1 -> operand ^ 1L << random.nextInt(64);
            case 2 -> random.nextLong();
            case 3 -> 0;
            case 4 -> address(random.nextInt(epc.count() + 1));
            case 5 -> random.nextLong(WRITABLE) & -(1L << random.nextInt(13));
            case 6 -> enclavePage();
            case 7 -> IDT + random.nextInt(0x8000);
            case 8 -> BASE + 0x100000; // mapped nowhere
            case 9 -> 0x0000_8000_0000_0000L + random.nextInt(4096);
            default -> address(random.nextInt(epc.count())) + random.nextInt(4096);
        };
    }

    private void pageInfo(long linaddr, long srcpge, long secinfo, long secs) {
        rig.pageInfo(spoilt(linaddr), spoilt(srcpge), spoilt(secinfo), spoilt(secs));
    }

    private void secinfo(long flags) {
        rig.secinfo(flags);
        if (random.nextInt(12) == 0) {
            rig.put(SECINFO + 8L * random.nextInt(8), 1L << random.nextInt(64));
        }
        if (random.nextInt(8) == 0) {
            rig.put(SECINFO, (long) random.nextInt(0x40) | (long) random.nextInt(7) << 8);
        }
    }

    private byte[] content() {
        byte[] content = new byte[4096];
        switch (random.nextInt(4)) {
            case 0 -> random.nextBytes(content);
            case 1 -> content[random.nextInt(content.length)] = (byte) random.nextInt();
            default -> {}
        }
        return content;
    }

    private byte[] thread() {
        byte[] tcs = SgxRig.tcs(random.nextBoolean() ? 0x1000 : 0x6000, 1 + random.nextInt(2), 0x4000);
        if (random.nextInt(6) == 0) {
            Bytes.put64(tcs, 8 * random.nextInt(16), random.nextLong());
        }
        return tcs;
    }

    private byte[] secs(int enclave) {
        byte[] secs = SgxRig.secs(ATTRIBUTES);
        Bytes.put64(secs, Secs.BASEADDR, enclaveBase(enclave));
        if (random.nextInt(4) == 0) {
            int at = random.nextInt(34) * 8;
            Bytes.put64(secs, at, random.nextBoolean() ? random.nextLong() : 1L << random.nextInt(64));
        }
        return secs;
    }

    /** The pages of the one enclave that there is a signature for. */
    private void buildPages(int secs, List<Integer> free) {
        long base = Host.get64(epc.host(secs) + Secs.BASEADDR);
        byte[] enclu = new byte[4096];
        for (int i = 0; i + 3 < enclu.length; i += 3) {
            enclu[i] = 0x0F;
            enclu[i + 1] = 1;
            enclu[i + 2] = (byte) 0xD7;
        }
        for (int i = 0; i < 7; i++) {
            boolean tcs = i == 0 || i == 5;
            byte[] content = tcs ? SgxRig.tcs(i == 0 ? 0x1000 : 0x6000, i == 0 ? 2 : 1, 0x4000) : new byte[4096];
            rig.put(SOURCE, i == 4 ? enclu : content);
            rig.secinfo(tcs ? 0x100 : i == 4 ? 0x205 : 0x203);
            rig.pageInfo(base + i * 4096L, SOURCE, SECINFO, address(secs));
            encls(0, 1, PAGEINFO, address(free.get(i)), 0);
            map(base + i * 4096L, free.get(i));
        }
        flush();
    }

    private void map(long linear, int page) {
        if (linear < BASE || linear >= BASE + 0x200 * 4096L) {
            return; // an enclave elsewhere: no page table for it
        }
        long entry = SgxRig.TABLES + 0x3000 + (linear - BASE >> 12) * 8;
        int rights = random.nextInt(16) == 0 ? random.nextInt(8) : 7;
        rig.put(entry, address(page) | rights);
    }

    /** An operating system's shootdown. */
    private void flush() {
        for (Cpu c : processors) {
            c.mmu.flush();
        }
    }

    // ---- steps

    private void step() {
        int processor = random.nextInt(processors.size());
        Cpu c = processors.get(processor);
        if (random.nextInt(4) == 0) {
            manage();
        }
        if (c.enclave.inEnclave() && random.nextInt(8) != 0) {
            inEnclave(processor, c);
        } else if (random.nextInt(4) == 0) {
            if (c.enclave.inEnclave()) {
                leave(processor);
            }
            int tcs = page(p -> epc.is(p, PageType.TCS)
                    && !epc.any(p, Epc.MODIFIED | Epc.BLOCKED)
                    && Secs.initialized(epc.host(epc.secs(p))));
            if (epc.is(tcs, PageType.TCS) && random.nextInt(4) != 0) {
                mapAll(epc.secs(tcs));
            }
            boolean resume = Host.get32(epc.host(tcs) + Tcs.CSSA) != 0 && random.nextInt(4) != 0;
            execute(processor, ENCLU, resume ? 3 : 2, spoilt(epc.address(tcs)), spoilt(CODE + 16), 0);
        } else if (random.nextInt(20) == 0) {
            execute(processor, random.nextInt(3) * 16, random.nextInt(0x1A), spoilt(0), spoilt(0), spoilt(0));
        } else {
            privileged(processor);
        }
    }

    /** What an operating system does to page tables, and an enclave that can run. */
    private void manage() {
        int page = random.nextInt(epc.count());
        if (epc.valid(page) && PageType.isChild(epc.type(page))) {
            map(epc.address(page), page);
            flush();
        }
        if (random.nextInt(40) != 0) {
            return;
        }
        if (random.nextInt(3) == 0) {
            tearDown(page(PageType.SECS));
        }
        List<Integer> free = new ArrayList<>();
        for (int i = 0; i < epc.count(); i++) {
            if (!epc.valid(i)) {
                free.add(i);
            }
        }
        if (free.size() < 8) {
            return;
        }
        byte[] secs = SgxRig.secs(ATTRIBUTES);
        Bytes.put64(secs, Secs.BASEADDR, enclaveBase(random.nextInt(ENCLAVES)));
        rig.put(SOURCE, secs);
        rig.secinfo(0);
        rig.pageInfo(0, SOURCE, SECINFO, 0);
        int target = free.getFirst();
        if (encls(0, 0, PAGEINFO, address(target), 0) == 0) {
            buildPages(target, free.subList(1, 8));
            rig.put(SIGSTRUCT, sigstruct);
            rig.put(TOKEN, new byte[304]);
            assertThat(encls(0, 2, SIGSTRUCT, address(target), TOKEN)).isZero();
        }
    }

    private void mapAll(int secs) {
        for (int page = 0; page < epc.count(); page++) {
            if (epc.valid(page) && PageType.isChild(epc.type(page)) && epc.secs(page) == secs) {
                map(epc.address(page), page);
            }
        }
        flush();
    }

    /** As the driver does when an enclave's last file is closed; threads inside are not waited for. */
    private void tearDown(int secs) {
        for (int page = 0; page < epc.count(); page++) {
            if (epc.valid(page) && PageType.isChild(epc.type(page)) && epc.secs(page) == secs) {
                encls(0, 3, 0, address(page), 0);
            }
        }
        encls(0, 3, 0, address(secs), 0);
    }

    private void privileged(int processor) {
        int leaf = random.nextInt(0x15);
        if (leaf == 2 && random.nextInt(4) != 0) {
            leaf = 0xD; // EINIT takes long
        }
        switch (leaf) {
            case 0x0 -> {
                rig.put(SOURCE, secs(random.nextInt(ENCLAVES)));
                secinfo(0);
                pageInfo(0, SOURCE, SECINFO, 0);
                encls(processor, 0, spoilt(PAGEINFO), spoilt(address(freePage())), 0);
            }
            case 0x1 -> {
                boolean tcs = random.nextInt(4) == 0;
                rig.put(SOURCE, tcs ? thread() : content());
                secinfo(tcs ? 0x100 : 0x201 + random.nextInt(4) * 2);
                int secs = page(p -> epc.is(p, PageType.SECS) && !Secs.initialized(epc.host(p)));
                long base = Host.get64(epc.host(secs) + Secs.BASEADDR);
                pageInfo(base + random.nextInt(16) * 4096L, SOURCE, SECINFO, address(secs));
                encls(processor, 1, spoilt(PAGEINFO), spoilt(address(freePage())), 0);
            }
            case 0x2 -> {
                byte[] s = sigstruct.clone();
                if (random.nextInt(4) != 0) {
                    s[random.nextInt(s.length)] ^= (byte) (1 << random.nextInt(8)); // cheap: no valid header, mostly
                    s[random.nextInt(44)] ^= (byte) (1 << random.nextInt(8));
                }
                rig.put(SIGSTRUCT, s);
                byte[] token = new byte[304];
                if (random.nextInt(4) == 0) {
                    random.nextBytes(token);
                }
                rig.put(TOKEN, token);
                encls(processor, 2, spoilt(SIGSTRUCT), spoilt(address(page(PageType.SECS))), spoilt(TOKEN));
            }
            case 0x3 -> {
                // not too often, or nothing else would have pages left
                int target = random.nextInt(3) == 0 ? child() : page(p -> epc.is(p, PageType.TRIM));
                encls(processor, 3, 0, spoilt(address(target)), 0);
            }
            case 0x4, 0x5 -> {
                long at = address(random.nextInt(epc.count())) + 8L * random.nextInt(512);
                encls(processor, leaf, random.nextInt(4), spoilt(random.nextBoolean() ? at : at & -4096 | 8), 0);
            }
            case 0x6 -> {
                int page = child();
                long chunk = address(page) + 256L * random.nextInt(16);
                encls(processor, 6, spoilt(address(epc.valid(page) ? epc.secs(page) : 0)), spoilt(chunk), 0);
            }
            case 0x7, 0x8, 0x12, 0x13 -> reload(processor, leaf);
            case 0x9 -> encls(processor, 9, 0, spoilt(address(child())), 0);
            case 0xA -> {
                if (random.nextInt(4) == 0) { // a few are enough
                    encls(processor, 0xA, spoilt(3), spoilt(address(freePage())), 0);
                }
            }
            case 0xB -> evict(processor);
            case 0xC, 0x11 -> {
                boolean running = random.nextBoolean();
                int secs = page(p -> epc.is(p, PageType.SECS) && (!running || Secs.active(epc.host(p))));
                int target = leaf == 0xC || random.nextBoolean() ? secs : child();
                encls(processor, leaf, 0, spoilt(address(target)), 0);
            }
            case 0xD -> {
                int secs = page(p -> epc.is(p, PageType.SECS) && Secs.initialized(epc.host(p)));
                long base = Host.get64(epc.host(secs) + Secs.BASEADDR);
                pageInfo(base + BUILT + random.nextInt(9) * 4096L, 0, 0, address(secs));
                encls(processor, 0xD, spoilt(PAGEINFO), spoilt(address(freePage())), 0);
            }
            case 0xE -> {
                secinfo(random.nextInt(8));
                encls(processor, 0xE, spoilt(SECINFO), spoilt(address(child())), 0);
            }
            case 0xF -> {
                secinfo(random.nextInt(3) == 0 ? 0x100 : 0x400);
                encls(processor, 0xF, spoilt(SECINFO), spoilt(address(child())), 0);
            }
            case 0x10 -> encls(processor, 0x10, spoilt(PCMD), spoilt(address(random.nextInt(epc.count()))), 0);
            default -> {
                if (random.nextInt(50) == 0) {
                    encls(processor, 0x18, 0, 0, 0);
                } else {
                    execute(
                            processor,
                            ENCLV,
                            random.nextInt(3),
                            address(child()),
                            address(page(PageType.SECS)),
                            SOURCE);
                }
            }
        }
    }

    private void evict(int processor) {
        int page = page(p -> epc.valid(p) && (epc.blocked(p) || epc.type(p) == PageType.SECS));
        int va = page(PageType.VA);
        int slot = random.nextInt(512);
        long linear = epc.address(page);
        int secs = epc.valid(page) && PageType.isChild(epc.type(page)) ? epc.secs(page) : -1;
        boolean plain = random.nextBoolean();
        if (plain) {
            rig.pageInfo(0, BACKING, PCMD, 0);
        } else {
            pageInfo(0, BACKING, PCMD, 0);
        }
        long result = plain
                ? encls(processor, 0xB, PAGEINFO, address(page), address(va) + 8L * slot)
                : encls(processor, 0xB, spoilt(PAGEINFO), spoilt(address(page)), spoilt(address(va) + 8L * slot));
        if (plain && (result == 0 || result == ErrorCode.VA_SLOT_OCCUPIED)) {
            Evicted e = new Evicted(rig.bytes(PCMD, 128), rig.bytes(BACKING, 4096), linear, secs, va, slot);
            if (evicted.size() < 100) {
                evicted.add(e);
            } else {
                evicted.set(random.nextInt(100), e);
            }
        }
    }

    private void reload(int processor, int leaf) {
        if (evicted.isEmpty()) {
            return;
        }
        Evicted e = evicted.get(random.nextInt(evicted.size()));
        rig.put(PCMD, e.pcmd);
        rig.put(BACKING, e.content);
        if (random.nextInt(8) == 0) {
            rig.put(PCMD + 8L * random.nextInt(16), random.nextLong());
        }
        pageInfo(e.linear, BACKING, PCMD, e.secs < 0 ? 0 : address(e.secs));
        encls(processor, leaf, spoilt(PAGEINFO), spoilt(address(freePage())), spoilt(address(e.va) + 8L * e.slot));
    }

    /** A structure in the enclave's data page, if it has one: a word, then zeros. */
    private long data(Cpu c, long first, int at, int bytes) {
        SgxUnit unit = (SgxUnit) c.enclave;
        long linear =
                Host.get64(epc.host(unit.secs) + Secs.BASEADDR) + 0x3000 + at; // mapped, or it had not been entered
        long entry = rig.get(SgxRig.TABLES + 0x3000 + (linear - BASE >> 12) * 8);
        int page = (int) ((entry & -4096) - SgxRig.EPC >> 12);
        if (page >= 0 && page < epc.count() && epc.is(page, PageType.REG) && epc.secs(page) == unit.secs) {
            Host.fill(epc.host(page) + at, bytes, 0);
            Host.put64(epc.host(page) + at, first);
        }
        return linear;
    }

    private void inEnclave(int processor, Cpu c) {
        SgxUnit unit = (SgxUnit) c.enclave;
        long base = Host.get64(epc.host(unit.secs) + Secs.BASEADDR);
        int leaf = random.nextInt(10);
        int secs = unit.secs;
        int waiting = page(p -> epc.valid(p) && epc.secs(p) == secs && epc.any(p, Epc.PENDING | Epc.MODIFIED | Epc.PR));
        long target = epc.valid(waiting) ? epc.address(waiting) : base;
        long any = base + (random.nextBoolean() ? BUILT + random.nextInt(9) * 4096L : random.nextInt(16) * 4096L);
        switch (leaf) {
            case 0 -> {
                execute(processor, ENCLU, 0, spoilt(data(c, 0, 0, 512)), spoilt(base + 0x3000), spoilt(any + 0x200));
            }
            case 1 -> {
                long request = data(c, random.nextInt(6) | (long) random.nextInt(5) << 16, 0x200, 512);
                execute(processor, ENCLU, 1, spoilt(request), spoilt(any), 0);
            }
            case 4 -> {
                if (random.nextInt(4) == 0) {
                    execute(processor, ENCLU, 4, spoilt(CODE), 0, 0);
                }
            }
            case 2, 5, 8 -> {
                long flags = epc.valid(waiting) ? epc.secinfoFlags(waiting) : random.nextInt(0x800);
                execute(processor, ENCLU, 5, spoilt(data(c, flags, 0x400, 64)), spoilt(target), 0);
            }
            case 6 -> execute(processor, ENCLU, 6, spoilt(data(c, random.nextInt(8), 0x400, 64)), spoilt(any), 0);
            case 7 -> {
                long request = data(c, 0x201 | random.nextInt(4) << 1, 0x400, 64);
                execute(processor, ENCLU, 7, spoilt(request), spoilt(target), spoilt(base + 0x3000));
            }
            case 9 -> execute(processor, ENCLU, 9, 0, 0, 0);
            default -> execute(processor, ENCLU, random.nextInt(12), spoilt(any), spoilt(any), spoilt(any));
        }
    }

    @Test
    void noOperandsBreakTheProcessorOrTheMap() {
        long began = System.nanoTime();
        long done = 0;
        try {
            for (; executed < COUNT; done++) {
                step();
                if (done % 4096 == 0) {
                    invariants.checkUniqueness();
                }
            }
        } catch (RuntimeException | AssertionError e) {
            throw new AssertionError("step " + done + " of seed " + SEED, e);
        }
        System.out.printf(
                "random leaves: %d executed, seed %d, %d s; %s%n",
                executed, SEED, (System.nanoTime() - began) / 1_000_000_000L, outcomes);
        // it would prove nothing if the leaves only ever failed
        for (String leaf : List.of(
                "S 0 ok",
                "S 1 ok",
                "S 2 code 0",
                "S 3 code 0",
                "S 4 code 0",
                "S 5 code 0",
                "S 6 ok",
                "S 7 code 0",
                "S 8 code 0",
                "S 9 code 0",
                "S a ok",
                "S b code 0",
                "S c code 0",
                "S c code 17",
                "S d ok",
                "S e code 0",
                "S f code 0",
                "S 10 code 0",
                "S 11 code 0",
                "S 12 code 0",
                "S 13 code 0",
                "U 0 ok",
                "U 1 code 0",
                "U 2 ok",
                "U 3 ok",
                "U 4 ok",
                "U 5 code 0",
                "U 5 code 11",
                "U 6 ok",
                "U 7 code 0",
                "U 9 ok")) {
            assertThat(outcomes).containsKey("ENCL" + leaf);
        }
    }
}
