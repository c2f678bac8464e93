package redoubt.machine;

import java.util.List;
import java.util.Optional;
import redoubt.sgx.RootKey;

/**
 * A machine's SGX, as far as it is not the processor's model.
 *
 * @param sections of EPC; none for a machine without SGX
 * @param launchControl as firmware leaves it
 * @param provisioning whether the guest may make enclaves that get at the provisioning key
 * @param rootKey what the package's keys derive from; empty: a key made from the machine's seed
 */
public record SgxSetup(
        List<Section> sections, LaunchControl launchControl, boolean provisioning, Optional<RootKey> rootKey) {
    /**
     * A section of EPC.
     *
     * @param bytes size, a positive multiple of 4096
     * @param prefault whether all its pages are taken from the package at the start, not each at first touch
     */
    public record Section(long bytes, boolean prefault) {}

    public SgxSetup {
        sections = List.copyOf(sections);
    }

    /** All EPC, in bytes. */
    public long epcBytes() {
        return sections.stream().mapToLong(Section::bytes).sum();
    }

    /** One section of EPC, of that many bytes or none; a launch key of the operating system's choice. */
    public static SgxSetup ofEpc(long bytes) {
        return new SgxSetup(
                bytes == 0 ? List.of() : List.of(new Section(bytes, false)),
                LaunchControl.UNLOCKED,
                false,
                Optional.empty());
    }

    /** The same with the provisioning key open to the guest or not. */
    public SgxSetup withProvisioning(boolean allowed) {
        return new SgxSetup(sections, launchControl, allowed, rootKey);
    }
}
