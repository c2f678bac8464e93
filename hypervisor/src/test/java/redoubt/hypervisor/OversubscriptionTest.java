package redoubt.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.hypervisor.TestGuest.BASE;
import static redoubt.hypervisor.TestGuest.EPC;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Several guests on one pool, each on a thread of its own, with and without oversubscription. */
class OversubscriptionTest {
    private static final int PAGE = 4096;
    private static final long HEAP = 0x5000;
    private static final long DEBUG = 6;
    private static final int MIB = 1 << 20;

    /**
     * Writes each heap page's address into it, then adds up the differences of contents and addresses in R9. R8: pages.
     * Both passes use R11, which the host sets.
     */
    private static final byte[] WALK = TestGuest.bytes(
            0x49, 0x89, 0xCA, // mov r10, rcx
            0x4D, 0x89, 0xD8, // mov r8, r11
            0x4C, 0x89, 0xE7, // mov rdi, r12
            0x48, 0x89, 0x3F, // 1: mov [rdi], rdi
            0x48, 0x81, 0xC7, 0, 0x10, 0, 0, // add rdi, 4096
            0x49, 0xFF, 0xC8, // dec r8
            0x75, 0xF1, // jnz 1b
            0x4D, 0x89, 0xD8, // mov r8, r11
            0x4C, 0x89, 0xE7, // mov rdi, r12
            0x4D, 0x31, 0xC9, // xor r9, r9
            0x4C, 0x03, 0x0F, // 2: add r9, [rdi]
            0x49, 0x29, 0xF9, // sub r9, rdi
            0x48, 0x81, 0xC7, 0, 0x10, 0, 0, // add rdi, 4096
            0x49, 0xFF, 0xC8, // dec r8
            0x75, 0xEE, // jnz 2b
            0x4C, 0x89, 0xD3, // mov rbx, r10
            0xB8, 4, 0, 0, 0, 0x0F, 0x01, 0xD7); // EEXIT

    /** An enclave in a region of EPC, which it fills unless told otherwise, and what its builder signs. */
    private record Program(int epcBytes, int heapPages, SignedEnclave enclave, byte[] sigstruct) {
        static Program of(int epcBytes) {
            return of(epcBytes, epcBytes / PAGE - 6);
        }

        static Program of(int epcBytes, int heapPages) {
            SignedEnclave enclave = SignedEnclave.standard(BASE, epcBytes, DEBUG, WALK);
            enclave.heap(HEAP, heapPages);
            return new Program(epcBytes, heapPages, enclave, enclave.sigstruct());
        }
    }

    private final ExecutorService threads = Executors.newFixedThreadPool(4);

    /** Builds the enclave, the heap in a loop of the guest's own. */
    private static String build(TestGuest guest, Program program) {
        var measured = new SignedEnclave(BASE, program.epcBytes, DEBUG, 3);
        measured.pages.addAll(program.enclave.pages.subList(0, 5));
        guest.build(measured);
        guest.put(TestGuest.SOURCE, new byte[PAGE]);
        guest.put(TestGuest.SECINFO, 0x203);
        guest.pageInfo(BASE + HEAP, TestGuest.SOURCE, TestGuest.SECINFO, guest.secs());
        byte[] loop = TestGuest.bytes(
                0xB8, 1, 0, 0, 0, 0x0F, 0x01, 0xCF, // mov eax, 1; encls (EADD)
                0x48, 0x81, 0xC1, 0, 0x10, 0, 0, // add rcx, 4096
                0x48, 0x81, 0x03, 0, 0x10, 0, 0, // add qword [rbx], 4096 (LINADDR)
                0x49, 0xFF, 0xC8, // dec r8
                0x75, 0xE5, 0xF4); // jnz; hlt
        guest.put(TestGuest.CODE + 0x200, loop);
        guest.kernel();
        guest.c.r[1] = EPC + HEAP;
        guest.c.r[3] = TestGuest.PAGEINFO;
        guest.c.r[8] = program.heapPages();
        return guest.run(TestGuest.CODE + 0x200);
    }

    /** EINIT and the walk; R9, which must be 0, or what went wrong. */
    private static String walk(TestGuest guest, Program program) {
        guest.launchKey(program.enclave.launchKeyHash());
        guest.put(TestGuest.SIGSTRUCT, program.sigstruct);
        guest.put(TestGuest.TOKEN, new byte[304]);
        String outcome = guest.encls(2, TestGuest.SIGSTRUCT, guest.secs(), TestGuest.TOKEN);
        if (!outcome.equals("rax 0")) {
            return "EINIT: " + outcome;
        }
        guest.c.r[11] = program.heapPages();
        outcome = guest.eenterWith(BASE + HEAP);
        return outcome.equals("#GP") ? "sum " + guest.c.r[9] : outcome; // HLT at CPL 3 after EEXIT
    }

    private <T> List<T> together(List<Callable<T>> tasks) throws Exception {
        try {
            List<T> results = new ArrayList<>();
            for (Future<T> future : threads.invokeAll(tasks)) {
                results.add(future.get());
            }
            return results;
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void withoutItTheGuestThatAsksTooMuchFailsAndTheOthersDoNot() throws Exception {
        HostSgx host = TestGuest.host(64 * MIB / PAGE);
        Program modest = Program.of(32 * MIB, 3000);
        Program greedy = Program.of(32 * MIB);
        CyclicBarrier everybody = new CyclicBarrier(4); // the others have built; then, all have their outcome
        List<Callable<String>> tasks = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            tasks.add(() -> {
                try (var guest = new TestGuest(host, modest.epcBytes)) {
                    String outcome = build(guest, modest);
                    everybody.await();
                    outcome = outcome.equals("none") ? walk(guest, modest) : outcome;
                    everybody.await();
                    return outcome;
                }
            });
        }
        tasks.add(() -> {
            try (var guest = new TestGuest(host, greedy.epcBytes)) {
                everybody.await();
                build(guest, greedy);
                everybody.await();
                return guest.last instanceof VmExit.MemoryFault fault ? fault.message() : guest.last.toString();
            }
        });
        assertThat(together(tasks)).containsExactly("sum 0", "sum 0", "sum 0", "the host has no EPC page left");
        assertThat(host.freePages()).isEqualTo(host.pool().count());
    }

    @Test
    void withItFourGuestsFinishOnHalfTheEpcTheyHaveTogether() throws Exception {
        HostSgx host = TestGuest.host(64 * MIB / PAGE);
        EpcReclaimer reclaimer = host.oversubscribe();
        Program program = Program.of(32 * MIB);
        List<Callable<String>> tasks = new ArrayList<>();
        List<Long> reloads = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            tasks.add(() -> {
                try (var guest = new TestGuest(host, program.epcBytes)) {
                    String outcome = build(guest, program);
                    outcome = outcome.equals("none") ? walk(guest, program) : outcome;
                    synchronized (reloads) {
                        reloads.add(guest.epc.reloads());
                    }
                    return outcome;
                }
            });
        }
        assertThat(together(tasks)).containsExactly("sum 0", "sum 0", "sum 0", "sum 0");
        System.out.printf("4 guests of 32 MiB on 64 MiB: %d evictions, reloads %s%n", reclaimer.evictions(), reloads);
        assertThat(reclaimer.evictions()).isGreaterThanOrEqualTo(4 * 8192 - 16384 - 4);
        assertThat(reloads).allMatch(count -> count > 0);
        assertThat(host.freePages()).isEqualTo(host.pool().count());
        assertThat(host.zombies()).isZero();
    }

    @Test
    void oneGuestSeesNothingOfIt() throws IOException {
        HostSgx host = TestGuest.host(64);
        EpcReclaimer reclaimer = host.oversubscribe();
        Program program = Program.of(2 * MIB);
        try (var guest = new TestGuest(host, program.epcBytes)) {
            assertThat(build(guest, program)).isEqualTo("none");
            assertThat(walk(guest, program)).isEqualTo("sum 0");
            assertThat(reclaimer.evictions()).isGreaterThan(512 - 64);
            assertThat(guest.epc.debugRead(HEAP + 100 * PAGE)).isEqualTo(BASE + HEAP + 100 * PAGE);

            // EPCM states, tracking and the count of children survive
            long blocked = EPC + HEAP;
            assertThat(guest.encls(9, 0, blocked, 0)).isEqualTo("rax 0"); // EBLOCK
            evictAll(guest);
            assertThat(guest.encls(9, 0, blocked, 0)).isEqualTo("rax 3"); // blocked already
            evictAll(guest);
            assertThat(guest.encls(3, 0, guest.secs(), 0)).isEqualTo("rax 13"); // EREMOVE: has children
            for (int page = 0; page < guest.secsPage(); page++) {
                assertThat(guest.encls(3, 0, EPC + (long) page * PAGE, 0)).isEqualTo("rax 0");
            }
            evictAll(guest);
            assertThat(guest.encls(3, 0, guest.secs(), 0)).isEqualTo("rax 0");
        }
        assertThat(host.freePages()).isEqualTo(64);
    }

    @Test
    void aProcessorInsideKeepsWhatItWorksWith() throws IOException {
        HostSgx host = TestGuest.host(64);
        host.oversubscribe();
        try (var guest = new TestGuest(host, 2 * MIB)) {
            guest.enclave(DEBUG, 0xEB, 0xFE); // jmp $
            assertThat(guest.eenterFor(100)).isInstanceOf(VmExit.Budget.class);
            evictAll(guest);
            guest.vcpu.interrupt();
            assertThat(guest.vcpu.run(100)).isInstanceOf(VmExit.Interrupted.class);
            assertThat(guest.epc.debugRead(0x2000 - 184 + 136)).isEqualTo(BASE + 0x4000); // GPRSGX.RIP
            assertThat(guest.epc.debugRead(24) & 0xFFFF_FFFFL).isEqualTo(1); // TCS.CSSA
            evictAll(guest);
            assertThat(guest.vcpu.run(100)).isInstanceOf(VmExit.Budget.class); // ERESUME
            assertThat(guest.c.enclave.inEnclave()).isTrue();
        }
    }

    @Test
    void aGuestKilledWithEvictedPagesGivesEverythingBack() {
        HostSgx host = TestGuest.host(64);
        host.oversubscribe();
        Program program = Program.of(2 * MIB);
        try (var guest = new TestGuest(host, program.epcBytes)) {
            build(guest, program);
            guest.vm.resetVirtualEpc();
            assertThat(build(guest, program)).isEqualTo("none"); // all pages were invalid, also those without a place
        }
        assertThat(host.freePages()).isEqualTo(64);
        assertThat(host.zombies()).isZero();
    }

    @Test
    void aPoolTooSmallForOneInstructionIsAMemoryFault() {
        HostSgx host = TestGuest.host(1);
        host.oversubscribe();
        try (var guest = new TestGuest(host, 2 * MIB)) {
            SignedEnclave enclave = SignedEnclave.standard(BASE, 2 * MIB, DEBUG, WALK);
            assertThat(guest.ecreate(enclave.secs())).isEqualTo("rax 0");
            // EADD needs two pages at once
            assertThat(guest.eadd(enclave.pages.getFirst(), EPC)).contains("no EPC page left");
        }
    }

    private static void evictAll(TestGuest guest) {
        guest.epc.evictCold(0, guest.epc.count(), Integer.MAX_VALUE);
        assertThat(guest.epc.evictCold(0, guest.epc.count(), Integer.MAX_VALUE)).isPositive();
    }
}
