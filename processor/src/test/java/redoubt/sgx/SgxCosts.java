package redoubt.sgx;

import static redoubt.sgx.SgxRig.AEP;
import static redoubt.sgx.SgxRig.BASE;
import static redoubt.sgx.SgxRig.address;

import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;
import redoubt.cpu.Cpu;
import redoubt.cpu.Engine;

/**
 * What SGX costs on this processor, for the module bench: leaves beside the JDK's own cryptography, and transitions and code
 * of a small enclave that the engine executes. Not a test; each program's result is checked all the same.
 */
public final class SgxCosts {
    /**
     * One figure, a value a round.
     *
     * @param peer of the JDK or of code outside the enclave; null for none
     */
    public record Cost(String name, String unit, double[] ours, double @Nullable [] peer) {}

    private static final int PAGES = 15;
    private static final long WARMUP_NANOS = 1_500_000_000L;
    private static final long BACKING = 0x120000;
    private static final long PCMDS = 0x140000;
    private static final long LOOP_DATA = 0x2E000;
    private static final int TRANSITIONS = 100_000;
    private static final int FAULTS = 50_000;
    private static final int LOOPS = 5_000_000;
    private static final int CRYPTO_ROUNDS = 60;

    // The small guest's memory.
    private static final long IDT = 0x30000;
    private static final long GDT = 0x31000;
    private static final long TSS = 0x32000;
    private static final long HANDLERS = 0x33000;
    private static final long PAGE_FAULT_HANDLER = 0x34000;
    private static final long FAULTS_LEFT = 0x35000;
    private static final long KERNEL_STACK = 0x3F000;
    private static final long USER_CODE = 0x19000;

    private final SgxRig rig = new SgxRig();
    private final int rounds;
    private final LongSupplier clock;
    private final List<Cost> costs = new ArrayList<>();

    private SgxCosts(int rounds, LongSupplier clock) {
        this.rounds = rounds;
        this.clock = clock;
    }

    /**
     * Measures everything, after some rounds to warm up.
     *
     * @param clock nanoseconds of this thread's processor time, which other load on the machine disturbs less than it does
     *     the clock on the wall
     */
    public static List<Cost> measure(int rounds, LongSupplier clock) {
        try {
            SgxCosts all = new SgxCosts(rounds, clock);
            all.leaves();
            new Programs(all).measure();
            return all.costs;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Work divided by nanoseconds of one round, per second. */
    private double[] perSecond(double work, LongSupplier round) {
        double[] all = nanos(round);
        for (int i = 0; i < all.length; i++) {
            all[i] = work * 1e9 / all[i];
        }
        return all;
    }

    private double[] nanos(LongSupplier round) {
        for (long spent = 0; spent < WARMUP_NANOS; ) {
            spent += round.getAsLong();
        }
        double[] all = new double[rounds];
        for (int i = 0; i < rounds; i++) {
            all[i] = round.getAsLong();
        }
        return all;
    }

    private static void check(long code, String leaf) {
        if (code != 0) {
            throw new IllegalStateException(leaf + " gave " + code);
        }
    }

    // ---- leaves, called as ENCLS calls them

    private void leaves() throws GeneralSecurityException {
        byte[] content = new byte[4096];
        MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
        double megabytes = PAGES * CRYPTO_ROUNDS * 4096 / 1e6;
        costs.add(new Cost(
                "EADD and EEXTEND of pages; the JDK's SHA-256",
                "MB/s",
                perSecond(megabytes, () -> {
                    long sum = 0;
                    for (int i = 0; i < CRYPTO_ROUNDS; i++) {
                        sum += build(content);
                        remove();
                    }
                    return sum;
                }),
                perSecond(megabytes, () -> {
                    long start = clock.getAsLong();
                    for (int i = 0; i < PAGES * CRYPTO_ROUNDS; i++) {
                        sha256.update(content);
                    }
                    sha256.digest();
                    return clock.getAsLong() - start;
                })));
        build(content);
        byte[] signed = rig.sign(0, Attributes.MODE64BIT);
        rig.launchKey(signed);
        check(rig.einit(0, signed), "EINIT");
        rig.encls(0xA, 3, address(PAGES + 1), 0);
        int pages = PAGES * CRYPTO_ROUNDS;
        SecretKeySpec key = new SecretKeySpec(new byte[16], "AES");
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
        byte[] sealed = new byte[4096 + 16];
        byte[] plain = new byte[4096];
        costs.add(new Cost(
                "EWB; the JDK's AES-GCM seals",
                "pages/s",
                perSecond(pages, () -> paged(true)),
                perSecond(pages, () -> gcm(cipher, key, Cipher.ENCRYPT_MODE, plain, sealed))));
        gcm(cipher, key, Cipher.ENCRYPT_MODE, plain, sealed);
        costs.add(new Cost(
                "ELDU; the JDK's AES-GCM opens",
                "pages/s",
                perSecond(pages, () -> paged(false)),
                perSecond(pages, () -> gcm(cipher, key, Cipher.DECRYPT_MODE, sealed, plain))));
        for (int page = 1; page <= PAGES; page++) {
            check(rig.encls(3, 0, address(page), 0), "EREMOVE");
        }
        check(rig.encls(3, 0, address(0), 0), "EREMOVE");
    }

    /** Nanoseconds to add and measure {@link #PAGES} pages. */
    private long build(byte[] content) {
        rig.ecreate(0, SgxRig.secs(Attributes.MODE64BIT));
        long start = clock.getAsLong();
        for (int page = 1; page <= PAGES; page++) {
            rig.eadd(0, page, (page - 1) * 4096L, 0x203, content);
            rig.eextend(0, page);
        }
        return clock.getAsLong() - start;
    }

    private void remove() {
        for (int page = PAGES; page >= 0; page--) {
            check(rig.encls(3, 0, address(page), 0), "EREMOVE");
        }
    }

    /** Evicts and reloads all pages time and again; nanoseconds of the one or of the other. */
    private long paged(boolean evictions) {
        long evict = 0;
        long reload = 0;
        for (int i = 0; i < CRYPTO_ROUNDS; i++) {
            for (int page = 1; page <= PAGES; page++) {
                check(rig.encls(9, 0, address(page), 0), "EBLOCK");
            }
            check(rig.encls(0xC, 0, address(0), 0), "ETRACK");
            long start = clock.getAsLong();
            for (int page = 1; page <= PAGES; page++) {
                rig.pageInfo(0, BACKING + page * 4096L, PCMDS + page * 128L, 0);
                check(rig.encls(0xB, SgxRig.PAGEINFO, address(page), address(PAGES + 1) + page * 8L), "EWB");
            }
            long middle = clock.getAsLong();
            for (int page = 1; page <= PAGES; page++) {
                rig.pageInfo(BASE + (page - 1) * 4096L, BACKING + page * 4096L, PCMDS + page * 128L, address(0));
                check(rig.encls(8, SgxRig.PAGEINFO, address(page), address(PAGES + 1) + page * 8L), "ELDU");
            }
            evict += middle - start;
            reload += clock.getAsLong() - middle;
        }
        return evictions ? evict : reload;
    }

    private long serial;

    private long gcm(Cipher cipher, SecretKeySpec key, int mode, byte[] from, byte[] to) {
        long start = clock.getAsLong();
        try {
            byte[] iv = new byte[12];
            for (int i = 0; i < PAGES * CRYPTO_ROUNDS; i++) {
                if (mode == Cipher.ENCRYPT_MODE && from.length == 4096) {
                    ByteBuffer.wrap(iv).putLong(serial++);
                    lastIv = iv;
                }
                cipher.init(mode, key, new GCMParameterSpec(128, lastIv));
                cipher.doFinal(from, 0, from.length, to);
            }
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
        return clock.getAsLong() - start;
    }

    private byte[] lastIv = new byte[12];

    // ---- programs

    /** An enclave with three entries, and a program at CPL 3 that uses it; exceptions go to handlers that halt. */
    private static final class Programs {
        private final SgxCosts all;
        private final SgxRig rig = new SgxRig();
        private final Cpu c = rig.c;

        Programs(SgxCosts all) {
            this.all = all;
        }

        private static byte[] page(int... code) {
            byte[] page = new byte[4096];
            for (int i = 0; i < code.length; i++) {
                page[i] = (byte) code[i];
            }
            return page;
        }

        private static final int[] LOOP = {
            0x4D,
            0x03,
            0x0A, // L: add r9, [r10]
            0x4D,
            0x89,
            0x4A,
            0x08, // mov [r10+8], r9
            0xFF,
            0xCA, // dec edx
            0x75,
            0xF5 // jnz L
        };
        private static final int[] EXIT = {
            0x48,
            0x89,
            0xCB, // mov rbx, rcx
            0xB8,
            4,
            0,
            0,
            0, // mov eax, EEXIT
            0x0F,
            0x01,
            0xD7 // enclu
        };

        private static byte[] join(int[] first, int[] second) {
            int[] both = java.util.Arrays.copyOf(first, first.length + second.length);
            System.arraycopy(second, 0, both, first.length, second.length);
            return page(both);
        }

        private void guest() {
            rig.ecreate(0, SgxRig.secs(Attributes.MODE64BIT));
            byte[] zero = new byte[4096];
            rig.eadd(0, 1, 0, 0x100, SgxRig.tcs(0x3000, 1, 0x6000)); // exits at once
            rig.eadd(0, 2, 0x1000, 0x100, SgxRig.tcs(0x4000, 1, 0x7000)); // faults for ever
            rig.eadd(0, 3, 0x2000, 0x100, SgxRig.tcs(0x5000, 1, 0x8000)); // loops, then exits
            for (int page = 4; page <= 6; page++) {
                rig.eadd(0, page, (page - 1) * 4096L, 0x203, zero);
            }
            rig.eadd(0, 7, 0x6000, 0x205, join(EXIT, new int[0]));
            rig.eadd(0, 8, 0x7000, 0x205, page(0x48, 0x8D, 0x05, 0, 0, 0, 0, 0x89, 0x00)); // mov [rip], eax
            rig.eadd(0, 9, 0x8000, 0x205, join(LOOP, EXIT));
            rig.eadd(0, 10, 0x9000, 0x203, zero);
            for (int page = 1; page <= 10; page++) {
                rig.map((page - 1) * 4096L, page);
            }
            byte[] signed = rig.sign(0, Attributes.MODE64BIT);
            rig.launchKey(signed);
            check(rig.einit(0, signed), "EINIT");

            rig.put(AEP, new byte[] {0x0F, 0x01, (byte) 0xD7}); // enclu: RAX says ERESUME
            rig.put(GDT + 0x08, 0x00AF9B000000FFFFL);
            rig.put(GDT + 0x10, 0x00CF93000000FFFFL);
            rig.put(GDT + 0x28, 0x00CFF3000000FFFFL);
            rig.put(GDT + 0x30, 0x00AFFB000000FFFFL);
            for (int vector = 0; vector < 32; vector++) {
                long handler = vector == 14 ? PAGE_FAULT_HANDLER : HANDLERS + vector;
                rig.put(IDT + vector * 16L, handler & 0xFFFF | 0x08L << 16 | 0x8E00L << 32 | (handler >> 16) << 48);
                rig.put(HANDLERS + vector, new byte[] {(byte) 0xF4});
            }
            rig.put(
                    PAGE_FAULT_HANDLER,
                    page(
                            0x48,
                            0xFF,
                            0x0C,
                            0x25,
                            (byte) FAULTS_LEFT,
                            (int) FAULTS_LEFT >> 8 & 0xFF,
                            (int) FAULTS_LEFT >> 16,
                            0, // dec qword [FAULTS_LEFT]
                            0x74,
                            6, // jz to the hlt
                            0x48,
                            0x83,
                            0xC4,
                            8, // add rsp, 8: the error code
                            0x48,
                            0xCF, // iretq
                            0xF4)); // hlt
            rig.put(TSS + 4, KERNEL_STACK);
            c.idtBase = IDT;
            c.idtLimit = 0xFFF;
            c.gdtBase = GDT;
            c.gdtLimit = 0xFF;
            c.tr = 0x40;
            c.trBase = TSS;
            c.trLimit = 0x67;
            c.trAccess = 0x8B;
            c.xcr0 = 3;
        }

        private void user(int... code) {
            rig.put(USER_CODE, page(code));
            c.mmu.hostPageWritten(rig.ram.address() + USER_CODE);
            c.halted = false;
            c.selector[1] = 0x33;
            c.segmentAccess[1] = 0xA0FB;
            c.selector[2] = 0x2B;
            c.segmentAccess[2] = 0xC0F3;
            c.segmentLimit[2] = 0xFFFF_FFFFL;
            c.segmentAccess[3] = 0xC0F3;
            c.cpl(3);
            c.r[4] = 0x2F000;
            c.r[5] = 0x2F100;
            c.rip = USER_CODE;
        }

        /** Nanoseconds to the handler's halt. */
        private long run() {
            long start = all.clock.getAsLong();
            Engine.Stop stop = new Engine(c).run(Long.MAX_VALUE >> 1);
            long nanos = all.clock.getAsLong() - start;
            if (stop != Engine.Stop.HALTED || c.cpl != 0) {
                throw new IllegalStateException("the guest ended by " + stop + " at " + Long.toHexString(c.rip));
            }
            return nanos;
        }

        /** EENTER through the TCS at {@code offset}, {@code R12} times, then a fault whose handler halts. */
        private void enterRepeatedly(long offset, int times) {
            long tcs = BASE + offset;
            user(
                    0xB8, 2, 0, 0, 0, // L: mov eax, EENTER
                    0x48, 0xBB, b(tcs, 0), b(tcs, 1), b(tcs, 2), b(tcs, 3), b(tcs, 4), 0, 0, 0, // mov rbx, tcs
                    0xB9, b(AEP, 0), b(AEP, 1), b(AEP, 2), 0, // mov ecx, AEP
                    0x0F, 0x01, 0xD7, // enclu
                    0x49, 0xFF, 0xCC, // dec r12
                    0x75, 0xE4, // jnz L
                    0xF4); // hlt: #GP at CPL 3
            c.r[12] = times;
        }

        private static int b(long value, int index) {
            return (int) (value >>> 8 * index) & 0xFF;
        }

        void measure() {
            guest();
            long[] instructions = new long[1];
            double[] transitions = all.nanos(() -> {
                enterRepeatedly(0, TRANSITIONS);
                long before = c.instructions;
                long nanos = run();
                instructions[0] = c.instructions - before;
                return nanos;
            });
            add("EENTER and EEXIT", transitions, instructions[0], TRANSITIONS);
            double[] faults = all.nanos(() -> {
                rig.put(FAULTS_LEFT, FAULTS);
                enterRepeatedly(0x1000, 1);
                long before = c.instructions;
                long nanos = run();
                instructions[0] = c.instructions - before;
                leave();
                return nanos;
            });
            add("#PF, AEX, IRET and ERESUME", faults, instructions[0], FAULTS);
            double[] inside = all.perSecond(LOOPS * 4e-6, () -> {
                enterRepeatedly(0x2000, 1);
                c.r[2] = LOOPS;
                c.r[9] = 0;
                c.r[10] = BASE + 0x9000;
                long nanos = run();
                checkLoop();
                return nanos;
            });
            double[] outside = all.perSecond(LOOPS * 4e-6, () -> {
                int[] code = java.util.Arrays.copyOf(LOOP, LOOP.length + 1);
                code[LOOP.length] = 0xF4;
                user(code);
                c.r[2] = LOOPS;
                c.r[9] = 0;
                c.r[10] = LOOP_DATA;
                long nanos = run();
                checkLoop();
                return nanos;
            });
            all.costs.add(new Cost("a loop inside; the same outside", "MIPS", inside, outside));
        }

        /** The fault came from the enclave, whose TCS now holds one frame: it is taken back, as if ERESUME and EEXIT had been. */
        private void leave() {
            Host.put32(rig.epc.host(2) + Tcs.CSSA, 0);
        }

        private void checkLoop() {
            if (c.r[2] != 0) {
                throw new IllegalStateException("the loop did not run to its end: " + c.r[2] + " left");
            }
        }

        private void add(String name, double[] nanos, long instructions, int times) {
            double[] each = nanos.clone();
            for (int i = 0; i < each.length; i++) {
                each[i] /= times;
            }
            all.costs.add(new Cost(name, "ns", each, null));
            all.costs.add(new Cost(name, "instructions", new double[] {(double) instructions / times}, null));
        }
    }
}
