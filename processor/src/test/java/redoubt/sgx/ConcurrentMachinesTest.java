package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.sgx.SgxRig.BASE;
import static redoubt.sgx.SgxRig.address;

import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import redoubt.cpu.GuestFault;

/** Machines of one package, each in a thread of its own, that fight for the same EPC pages. */
class ConcurrentMachinesTest {
    private static final int ROUNDS = 4000;
    private static final int CONTESTED = 24;

    private final SgxRig first = SgxRig.withAllLeaves();
    private final SgxRig second = new SgxRig(first);

    /** Leaves on pages that the other machine uses too; returns how many were executed without a fault. */
    private static int fight(SgxRig rig, int seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int succeeded = 0;
        for (int i = 0; i < ROUNDS; i++) {
            int page = random.nextInt(CONTESTED);
            int other = random.nextInt(CONTESTED);
            try {
                switch (random.nextInt(8)) {
                    case 0 -> rig.ecreate(page, SgxRig.secs(Attributes.MODE64BIT));
                    case 1, 2 -> rig.eadd(other, page, random.nextInt(16) * 4096L, 0x203, new byte[4096]);
                    case 3 -> rig.encls(6, address(other), address(page) + 256, 0);
                    case 4 -> rig.encls(0xA, 3, address(page), 0);
                    case 5 -> rig.encls(9, 0, address(page), 0);
                    case 6 -> rig.encls(0xC, 0, address(page), 0);
                    default -> rig.encls(3, 0, address(page), 0);
                }
                succeeded++;
            } catch (GuestFault expected) {
                assertThat(expected.vector).isIn(13, 14);
            }
        }
        return succeeded;
    }

    /** An enclave of its own is entered and left meanwhile. */
    private static int run(SgxRig rig, int from) {
        rig.ecreate(from, SgxRig.secs(Attributes.MODE64BIT));
        rig.eadd(from, from + 1, 0, 0x100, SgxRig.tcs(0x1000, 1, 0x3000));
        rig.eadd(from, from + 2, 0x1000, 0x203, new byte[4096]);
        rig.eadd(from, from + 3, 0x3000, 0x203, new byte[4096]);
        for (int i = 1; i <= 3; i++) {
            rig.map((i == 3 ? 3 : i - 1) * 4096L, from + i);
        }
        byte[] signed = rig.sign(from, Attributes.MODE64BIT);
        rig.launchKey(signed);
        assertThat(rig.einit(from, signed)).isZero();
        for (int i = 0; i < ROUNDS; i++) {
            rig.eenter(0);
            rig.store(BASE + 0x3000, from + i);
            assertThat(rig.load(BASE + 0x3000)).isEqualTo(from + i);
            rig.eexit();
        }
        return ROUNDS;
    }

    private static void together(Callable<Integer> one, Callable<Integer> another) throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
            List<Future<Integer>> both = threads.invokeAll(List.of(one, another));
            for (Future<Integer> each : both) {
                assertThat(each.get()).isPositive();
            }
        }
    }

    @Test
    void theMapStaysConsistent() throws Exception {
        together(() -> fight(first, 1), () -> fight(second, 2));
        SgxInvariants invariants = new SgxInvariants(first.epc, List.of(first.unit, second.unit));
        invariants.check();
        invariants.checkUniqueness();
        together(() -> run(first, 40), () -> run(second, 50));
        invariants.check();
        together(() -> fight(first, 3), () -> run(second, 30));
        invariants.check();
        invariants.checkUniqueness();
    }
}
