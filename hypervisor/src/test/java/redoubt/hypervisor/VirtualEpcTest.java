package redoubt.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static redoubt.hypervisor.TestGuest.BASE;
import static redoubt.hypervisor.TestGuest.EPC;
import static redoubt.hypervisor.TestGuest.SIZE;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The life of EPC pages between pool, region and guest; behaviour as of arch/x86/kernel/cpu/sgx/virt.c. */
class VirtualEpcTest {
    private static final int[] RETURN = {0x48, 0x89, 0xCB, 0xB8, 4, 0, 0, 0, 0x0F, 0x01, 0xD7};
    private final HostSgx host = TestGuest.host(1024);

    @Test
    void pagesComeFromThePoolAtFirstTouchAndGoBackWhenTheGuestIsKilled() {
        try (var guest = new TestGuest(host, SIZE)) {
            assertThat(host.freePages()).isEqualTo(1024);
            guest.enclave(4, RETURN);
            assertThat(guest.epc.backedPages()).isEqualTo(6);
            assertThat(host.freePages()).isEqualTo(1024 - 6);
        }
        assertThat(host.freePages()).isEqualTo(1024);
        assertThat(host.zombies()).isZero();
        try (var next = new TestGuest(host, SIZE)) {
            next.enclave(4, RETURN); // would fault on any page that is still valid
            assertThat(next.eenter()).isEqualTo("#GP");
            assertThat(next.c.r[12]).isEqualTo(1);
        }
    }

    @Test
    void aGuestKilledInsideItsEnclaveLeavesNothing() {
        try (var guest = new TestGuest(host, SIZE)) {
            guest.enclave(4, 0xEB, 0xFE); // jmp $
            assertThat(guest.eenterFor(1000)).isInstanceOf(VmExit.Budget.class);
            assertThat(guest.c.enclave.inEnclave()).isTrue();
        }
        assertThat(host.freePages()).isEqualTo(1024);
    }

    @Test
    void anExhaustedPoolStopsTheGuestThatAskedAndNoOther() {
        HostSgx small = TestGuest.host(8);
        try (var first = new TestGuest(small, SIZE);
                var second = new TestGuest(small, SIZE)) {
            first.enclave(4, RETURN);
            assertThat(second.encls(3, 0, EPC, 0)).isEqualTo("rax 0");
            assertThat(second.encls(3, 0, EPC + 0x1000, 0)).isEqualTo("rax 0");
            assertThat(small.freePages()).isZero();
            String outcome = second.encls(3, 0, EPC + 0x2000, 0);
            assertThat(second.last)
                    .isEqualTo(new VmExit.MemoryFault(EPC + 0x2000, 4096, "the host has no EPC page left"));
            assertThat(outcome).contains("no EPC page left");
            assertThat(second.c.rip).isEqualTo(TestGuest.CODE); // the instruction has not happened
            assertThat(first.eenter()).isEqualTo("#GP");
            assertThat(first.c.r[12]).isEqualTo(1);

            first.epc.close();
            assertThat(second.goOn()).isEqualTo("none"); // and happens now that pages are free
            assertThat(second.c.r[0]).isZero();
        }
    }

    @Test
    void aSecsWithAChildInAnotherRegionWaitsForIt() {
        try (var guest = new TestGuest(host, SIZE)) {
            VirtualEpc second = host.openVirtualEpc(0x1000);
            guest.vm.addVirtualEpc(EPC + SIZE, second);
            var enclave = SignedEnclave.standard(BASE, SIZE, 4, new byte[0]);
            assertThat(guest.ecreate(enclave.secs())).isEqualTo("rax 0");
            guest.eadd(enclave.pages.get(1), EPC + SIZE);
            guest.epc.close();
            assertThat(host.zombies()).isEqualTo(1);
            assertThat(host.freePages()).isEqualTo(1024 - 2);
            second.close();
            assertThat(host.zombies()).isZero();
            assertThat(host.freePages()).isEqualTo(1024);
        }
    }

    /** An enclave of two pages, the SECS before its child in the region. */
    private static void enclaveWithItsSecsFirst(TestGuest guest) {
        guest.put(TestGuest.SOURCE, new SignedEnclave(BASE, SIZE, 4, 3).secs());
        guest.put(TestGuest.SECINFO, new byte[64]);
        guest.pageInfo(0, TestGuest.SOURCE, TestGuest.SECINFO, 0);
        assertThat(guest.encls(0, TestGuest.PAGEINFO, EPC, 0)).isEqualTo("rax 0");
        guest.put(TestGuest.SECINFO, 0x203);
        guest.pageInfo(BASE + 0x1000, TestGuest.SOURCE, TestGuest.SECINFO, EPC);
        assertThat(guest.encls(1, TestGuest.PAGEINFO, EPC + 0x1000, 0)).isEqualTo("rax 1");
    }

    @Test
    void removeAllCountsTheSecsPagesThatHaveChildrenLeft() {
        try (var guest = new TestGuest(host, SIZE)) {
            enclaveWithItsSecsFirst(guest);
            assertThat(guest.epc.removeAll()).isEqualTo(1);
            assertThat(guest.epc.removeAll()).isZero();
            assertThat(guest.epc.backedPages()).isEqualTo(2); // they stay the guest's
        }
    }

    @Test
    void aSecsBeforeItsChildGoesInTheSecondPass() {
        try (var guest = new TestGuest(host, SIZE)) {
            enclaveWithItsSecsFirst(guest);
        }
        assertThat(host.zombies()).isZero();
        assertThat(host.freePages()).isEqualTo(1024);
    }

    @Test
    void aResetOfTheMachineLeavesNoEnclaveAndTheNextKernelBuildsItsOwn() {
        try (var guest = new TestGuest(host, SIZE)) {
            guest.enclave(4, 0xEB, 0xFE);
            guest.eenterFor(1000);
            assertThatThrownBy(guest.epc::removeAll).isInstanceOf(IllegalStateException.class); // EBUSY
            guest.vm.resetVirtualEpc();
            assertThat(guest.c.enclave.inEnclave()).isFalse();
            guest.enclave(4, RETURN);
            assertThat(guest.eenter()).isEqualTo("#GP");
        }
    }

    @Test
    void theHostSeesPagesOfDebugEnclavesOnly() throws IOException {
        try (var guest = new TestGuest(host, SIZE);
                var other = new TestGuest(host, SIZE)) {
            guest.enclave(6, 0x48, 0x89, 0xCB); // debug
            other.enclave(4, 0x48, 0x89, 0xCB);
            assertThat(guest.epc.debugRead(0x4000) & 0xFFFFFF).isEqualTo(0xCB8948);
            guest.epc.debugWrite(0x3008, 42);
            assertThat(guest.epc.debugRead(0x3008)).isEqualTo(42);
            for (long offset : List.of(0x4000L, 0x3000L, SIZE - 4096, 0x10000L)) { // code, data, SECS, never touched
                assertThatThrownBy(() -> other.epc.debugRead(offset)).isInstanceOf(IOException.class);
            }
            assertThatThrownBy(() -> other.epc.debugWrite(0x3000, 1)).isInstanceOf(IOException.class);
            assertThatThrownBy(() -> guest.epc.debugRead(4)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void aRegionBelongsToOneMachineOfItsHost() {
        try (var guest = new TestGuest(host, SIZE)) {
            assertThatThrownBy(() -> guest.vm.addVirtualEpc(0x8000_0000L, guest.epc))
                    .isInstanceOf(IllegalStateException.class);
            VirtualEpc foreign = TestGuest.host(8).openVirtualEpc(4096);
            assertThatThrownBy(() -> guest.vm.addVirtualEpc(0x8000_0000L, foreign))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> host.openVirtualEpc(5000)).hasMessageContaining("multiple of 4096");
        }
    }
}
