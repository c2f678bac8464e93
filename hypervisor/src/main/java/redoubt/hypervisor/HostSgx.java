package redoubt.hypervisor;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import redoubt.sgx.Epc;
import redoubt.sgx.HostLeaves;
import redoubt.sgx.SgxPackage;

/**
 * SGX on the host's side: the package whose EPC all virtual machines of this process share, the objects that a kernel shows
 * under {@code /dev}, and the pages that wait for their last child. Safe for use by several threads. Sources: {@code
 * arch/x86/kernel/cpu/sgx/main.c}, {@code driver.c}, {@code virt.c}.
 *
 * <p>Limitation: the host itself makes no enclaves; {@link Device#ENCLAVE} only tells whether its kernel's driver would come
 * up on this package.
 */
public final class HostSgx {
    /** The objects, by their number in the series' one character-device region. */
    public enum Device {
        /** {@code /dev/sgx_enclave}; needs launch control. */
        ENCLAVE(0),
        /** {@code /dev/sgx_provision}; there when one of the others is. */
        PROVISION(1),
        /** {@code /dev/sgx_vepc}; needs the ENCLS-exiting control of VMX. */
        VIRTUAL_EPC(2);

        private final int minor;

        Device(int minor) {
            this.minor = minor;
        }

        /** The number. */
        public int minor() {
            return minor;
        }
    }

    private final SgxPackage platform;
    private final HostLeaves leaves;
    private final List<Device> devices = new ArrayList<>();

    /** SECS pages whose region is closed and which have children in another one. */
    private final List<Integer> zombies = new ArrayList<>();

    private volatile @Nullable EpcReclaimer reclaimer;

    /** The host of this package, with launch control and virtualization. */
    public HostSgx(SgxPackage platform) {
        this(platform, true, true);
    }

    /**
     * The host of this package.
     *
     * @param launchControl whether its processors let software choose the launch key (CPUID SGX_LC)
     * @param enclsExiting whether its processors can intercept ENCLS
     */
    public HostSgx(SgxPackage platform, boolean launchControl, boolean enclsExiting) {
        this.platform = platform;
        this.leaves = new HostLeaves(platform);
        if (launchControl) {
            devices.add(Device.ENCLAVE);
        }
        if (launchControl || enclsExiting) {
            devices.add(Device.PROVISION);
        }
        if (enclsExiting) {
            devices.add(Device.VIRTUAL_EPC);
        }
    }

    /** What has come up, in the order of their numbers. */
    public List<Device> devices() {
        return List.copyOf(devices);
    }

    /**
     * The object of that number.
     *
     * @throws IllegalArgumentException if there is none
     */
    public Device device(int minor) {
        return devices.stream()
                .filter(device -> device.minor() == minor)
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no SGX device with number " + minor));
    }

    /** Opens {@code /dev/sgx_provision}. */
    public ProvisionHandle openProvision() {
        device(Device.PROVISION.minor());
        return new ProvisionHandle(this);
    }

    /**
     * Opens {@code /dev/sgx_vepc} and maps that many bytes of it: no page is taken from the pool yet.
     *
     * @throws IllegalArgumentException unless {@code bytes} is a positive multiple of 4096
     */
    public VirtualEpc openVirtualEpc(long bytes) {
        device(Device.VIRTUAL_EPC.minor());
        return new VirtualEpc(this, bytes);
    }

    /** Whether its processors let software choose the launch key. */
    boolean hasLaunchControl() {
        return devices.contains(Device.ENCLAVE);
    }

    /** The package. */
    public SgxPackage platform() {
        return platform;
    }

    /** EPC pages that no region has. */
    public int freePages() {
        return pool().free();
    }

    /** SECS pages that outlive their closed region until their last child is gone. */
    public int zombies() {
        synchronized (zombies) {
            return zombies.size();
        }
    }

    /**
     * Lets regions that are mapped from now on together be larger than the pool: when it is exhausted, pages that their guests have not used for long
     * lose their place and get one again at the next touch, which no guest can see. Beyond KVM, which has nothing like it.
     *
     * @return the policy, to look at its counters
     */
    public EpcReclaimer oversubscribe() {
        synchronized (zombies) {
            EpcReclaimer policy = reclaimer;
            if (policy == null) {
                policy = new EpcReclaimer(this);
                reclaimer = policy;
            }
            return policy;
        }
    }

    @Nullable
    EpcReclaimer reclaimer() {
        return reclaimer;
    }

    Epc pool() {
        return platform.epc();
    }

    HostLeaves leaves() {
        return leaves;
    }

    /** EREMOVE, and back to the pool if that worked; the leaf's code. */
    int remove(int page) {
        int code = leaves.eremove(page);
        if (code == 0) {
            pool().release(page);
        }
        return code;
    }

    /** The end of a region: keeps what could not be removed, and tries again what earlier ones left. */
    void closed(VirtualEpc region, List<Integer> remaining) {
        synchronized (zombies) {
            if (reclaimer != null) {
                reclaimer.remove(region);
            }
            zombies.removeIf(page -> remove(page) == 0);
            zombies.addAll(remaining);
        }
    }
}
