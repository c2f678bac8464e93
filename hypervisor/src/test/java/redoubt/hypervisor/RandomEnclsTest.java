package redoubt.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.hypervisor.TestGuest.BASE;
import static redoubt.hypervisor.TestGuest.EPC;
import static redoubt.hypervisor.TestGuest.PAGEINFO;
import static redoubt.hypervisor.TestGuest.SECINFO;
import static redoubt.hypervisor.TestGuest.SIGSTRUCT;
import static redoubt.hypervisor.TestGuest.SIZE;
import static redoubt.hypervisor.TestGuest.SOURCE;
import static redoubt.hypervisor.TestGuest.TOKEN;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/**
 * Guests that call ENCLS with whatever comes to their mind, side by side on a pool that is too small for both. The counts are
 * the properties {@code redoubt.encls.count} and {@code redoubt.encls.seed}.
 */
class RandomEnclsTest {
    private static final int CALLS = Integer.getInteger("redoubt.encls.count", 20_000);
    private static final long SEED = Long.getLong("redoubt.encls.seed", 1);
    private static final int POOL = 48;

    /** Few enough pages that calls meet what earlier ones have built. */
    private static final int PAGES = 40;

    private static long operand(SplittableRandom random) {
        long page = 4096L * random.nextInt(PAGES);
        return switch (random.nextInt(16)) {
            case 0 -> PAGEINFO;
            case 1 -> SECINFO;
            case 2 -> SOURCE;
            case 3 -> SIGSTRUCT;
            case 4 -> TOKEN;
            case 5 -> BASE + page;
            case 6 -> EPC + page + 8L * random.nextInt(512);
            case 7 -> 0x8000_0000_0000L | page; // not canonical
            case 8 -> 0x7F00_0000_0000L; // not mapped
            case 9 -> 0xE000_0000L; // mapped, and nothing there
            case 10 -> random.nextLong();
            case 11 -> 0;
            default -> EPC + page;
        };
    }

    private static void structures(TestGuest guest, SplittableRandom random) {
        for (int i = 0; i < 4; i++) {
            guest.put(PAGEINFO + 8L * i, random.nextInt(4) == 0 ? 0 : operand(random));
        }
        if (random.nextBoolean()) { // one that makes sense
            guest.pageInfo(BASE + 4096L * random.nextInt(PAGES), SOURCE, SECINFO, EPC + 4096L * random.nextInt(4));
        }
        guest.put(SECINFO, new byte[64]);
        guest.put(SECINFO, new long[] {0, 0x203, 0x100, 0x205, 0x400, random.nextLong()}[random.nextInt(6)]);
        if (random.nextInt(3) == 0) {
            guest.put(SOURCE, new SignedEnclave(BASE, SIZE, random.nextInt(8), 3).secs());
            guest.pageInfo(0, SOURCE, SECINFO, 0);
        }
    }

    /** How many calls ended without a fault. */
    private static int play(HostSgx host, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int good = 0;
        try (var guest = new TestGuest(host, SIZE)) {
            for (int i = 0; i < CALLS; i++) {
                structures(guest, random);
                int leaf = random.nextInt(20) == 0 ? random.nextInt() : random.nextInt(0x1A);
                String outcome = guest.encls(leaf, operand(random), operand(random), operand(random));
                good += outcome.startsWith("rax") ? 1 : 0;
                if (guest.last instanceof VmExit.InternalError(String message)) {
                    assertThat(message)
                            .as("seed %d, call %d, leaf %x", seed, i, leaf)
                            .contains("ENCLS operand without memory");
                } else {
                    assertThat(guest.last)
                            .as("seed %d, call %d, leaf %x", seed, i, leaf)
                            .isInstanceOf(VmExit.Halt.class);
                }
            }
            // every child counts in its SECS, and nowhere else
            guest.epc.removeAll();
            assertThat(guest.epc.removeAll()).isZero();
        }
        return good;
    }

    @Test
    void randomOperandsNeitherEscapeNorSpoilTheEpcm() throws Exception {
        HostSgx host = TestGuest.host(POOL);
        EpcReclaimer reclaimer = host.oversubscribe();
        try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
            List<Callable<Integer>> tasks = new ArrayList<>();
            tasks.add(() -> play(host, SEED));
            tasks.add(() -> play(host, SEED + 1));
            for (Future<Integer> good : threads.invokeAll(tasks)) {
                assertThat(good.get()).isGreaterThan(CALLS / 50);
            }
        }
        assertThat(reclaimer.evictions()).isPositive();
        assertThat(host.zombies()).isZero();
        assertThat(host.freePages()).isEqualTo(POOL);
    }
}
