package redoubt.machine;

import java.util.List;

/**
 * What a machine is made of, as far as its devices and tables go.
 *
 * @param layout RAM and EPC
 * @param numa which node each part of that, and each processor, belongs to
 * @param apicIds one local APIC ID for each processor, the bootstrap processor's first
 * @param physicalAddressBits MAXPHYADDR as CPUID tells it
 * @param reducedHardware if ACPI describes reduced hardware; only for a processor that tells its TSC's frequency by CPUID
 *     15H
 * @param epochSeconds what the real-time clock shows when the machine starts, UTC seconds since 1970
 */
public record MachineConfig(
        MemoryLayout layout,
        NumaTopology numa,
        List<Integer> apicIds,
        int physicalAddressBits,
        boolean reducedHardware,
        long epochSeconds) {
    /** Midnight of 1 January 2026: a date that every run may start at, so that runs repeat. */
    public static final long DEFAULT_EPOCH_SECONDS = 1_767_225_600L;

    public MachineConfig {
        apicIds = List.copyOf(apicIds);
        if (apicIds.isEmpty()) {
            throw new IllegalArgumentException("a machine without processors: at least one is needed");
        }
    }

    /** One node of {@code processors} processors, the rest as in {@link #of(MemoryLayout, NumaTopology, int)}. */
    public static MachineConfig of(MemoryLayout layout, int processors) {
        return of(layout, NumaTopology.SINGLE, processors);
    }

    /** {@code processors} processors with APIC IDs from zero, 46 address bits, reduced hardware, the default date. */
    public static MachineConfig of(MemoryLayout layout, NumaTopology numa, int processors) {
        List<Integer> ids =
                java.util.stream.IntStream.range(0, processors).boxed().toList();
        return new MachineConfig(layout, numa, ids, 46, true, DEFAULT_EPOCH_SECONDS);
    }
}
