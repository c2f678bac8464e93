package redoubt.machine.device;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What carries interrupt messages between I/O APICs, message-signalled devices and the local APICs.
 *
 * <p>Source: SDM 3A 11.6 "Issuing interprocessor interrupts" and 11.11 "Message signalled interrupts".
 */
public final class ApicBus {
    /** Delivery modes, as they stand in bits 10:8 of the ICR, a redirection entry or MSI data. */
    public static final int FIXED = 0;

    public static final int LOWEST_PRIORITY = 1;
    public static final int SMI = 2;
    public static final int NMI = 4;
    public static final int INIT = 5;
    public static final int STARTUP = 6;
    public static final int EXT_INT = 7;

    /** Eight-bit destination that means every processor. */
    static final int BROADCAST_8 = 0xFF;

    private final List<Lapic> lapics = new ArrayList<>();
    private final List<Ioapic> ioapics = new ArrayList<>();

    /** Makes a bus with nothing on it; APICs join it when they are made. */
    public ApicBus() {}

    void add(Lapic lapic) {
        lapics.add(lapic);
    }

    void add(Ioapic ioapic) {
        ioapics.add(ioapic);
    }

    /**
     * Sends a message as an I/O APIC or MSI does, with an eight-bit destination.
     *
     * @return if a processor took it
     */
    public boolean send(int destination, boolean logical, int mode, int vector, boolean levelTriggered) {
        int wide = destination == BROADCAST_8 ? -1 : destination;
        return send(wide, logical, mode, vector, levelTriggered, lapics);
    }

    /** Sends what a device writes to the message-signalled interrupt range at FEE0_0000H. */
    public boolean message(long address, int data) {
        int destination = (int) (address >>> 12) & 0xFF;
        boolean logical = (address & 4) != 0;
        return send(destination, logical, data >>> 8 & 7, data & 0xFF, (data & 0x8000) != 0);
    }

    /** Sends to a destination of 32 bits, where all ones is every processor. */
    boolean sendWide(int destination, boolean logical, int mode, int vector, boolean levelTriggered) {
        return send(destination, logical, mode, vector, levelTriggered, lapics);
    }

    /** Sends to all but one. */
    void sendToOthers(Lapic sender, int mode, int vector, boolean levelTriggered) {
        send(
                -1,
                false,
                mode,
                vector,
                levelTriggered,
                lapics.stream().filter(l -> l != sender).toList());
    }

    private static boolean send(
            int destination, boolean logical, int mode, int vector, boolean level, List<Lapic> candidates) {
        if (mode == LOWEST_PRIORITY) {
            Lapic chosen = lowestPriority(destination, logical, candidates);
            return chosen != null && chosen.accept(FIXED, vector, level);
        }
        boolean taken = false;
        for (Lapic lapic : candidates) {
            if (lapic.isAddressedBy(destination, logical)) {
                taken |= lapic.accept(mode, vector, level);
            }
        }
        return taken;
    }

    private static @Nullable Lapic lowestPriority(int destination, boolean logical, List<Lapic> candidates) {
        Lapic lowest = null;
        for (Lapic lapic : candidates) {
            if (lapic.isAddressedBy(destination, logical)
                    && lapic.isSoftwareEnabled()
                    && (lowest == null || lapic.processorPriority() < lowest.processorPriority())) {
                lowest = lapic;
            }
        }
        return lowest;
    }

    /** Tells the I/O APICs that a level-triggered interrupt was served. */
    void endOfInterrupt(int vector) {
        for (Ioapic ioapic : ioapics) {
            ioapic.endOfInterrupt(vector);
        }
    }
}
