package redoubt.machine.boot;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import redoubt.machine.MemoryLayout;
import redoubt.machine.NumaTopology;

/**
 * The ACPI tables of the board: RSDP, XSDT, FADT, MADT, SRAT, DSDT and, unless the hardware is reduced, FACS.
 *
 * <p>Two forms. With <em>reduced hardware</em> Linux uses neither PIC nor PIT nor SCI and powers off through the sleep
 * control register; it must then be told the TSC's frequency by CPUID 15H, or it looks for a timer for ever ({@code
 * arch/x86/kernel/acpi/boot.c}, acpi_generic_reduced_hw_init). The <em>full</em> form describes the PM1 block and PM
 * timer as well, and an operating system finds a PC.
 *
 * <p>Source: ACPI specification 6.4, chapter 5; the SGX device INT0E0C as firmware describes it (ACPI device of the
 * Enclave Page Cache, here written after its meaning in {@code hw/i386/acpi-build.c} of QEMU).
 */
public final class AcpiTables {
    /** Port of the PM1 event block: status and enable, two bytes each. */
    public static final int PM1_EVENT_PORT = 0x600;
    /** Port of the PM1 control register. */
    public static final int PM1_CONTROL_PORT = 0x604;
    /** Port of the PM timer. */
    public static final int PM_TIMER_PORT = 0x608;
    /** Port of the sleep control register of reduced hardware; sleep status is the next byte. */
    public static final int SLEEP_CONTROL_PORT = 0x610;
    /** Port of the reset register. */
    public static final int RESET_PORT = 0xCF9;
    /** What resets the machine when written there. */
    public static final int RESET_VALUE = 6;
    /** SLP_TYP of soft-off, as {@code \_S5} tells it. */
    public static final int SLEEP_TYPE_S5 = 5;
    /** Interrupt of power-management events in the full form. */
    public static final int SCI_IRQ = 9;
    /** I/O APIC pin of ISA interrupt 0. */
    public static final int TIMER_PIN = 2;
    /** ID of the I/O APIC. */
    public static final int IOAPIC_ID = 0;

    private static final int HEADER_BYTES = 36;
    private static final int FADT_BYTES = 276;
    private static final int ENABLED = 1;
    /** Local APIC IDs from here on need x2APIC structures. */
    private static final int FIRST_WIDE_ID = 255;

    /** A serial port for the DSDT. */
    public record Serial(int port, int irq) {}

    /**
     * What is to be described.
     *
     * @param apicIds one local APIC ID for each processor, the bootstrap processor first
     */
    public record Description(
            MemoryLayout layout,
            NumaTopology numa,
            List<Integer> apicIds,
            boolean reducedHardware,
            List<Serial> serials) {
        public Description {
            apicIds = List.copyOf(apicIds);
            serials = List.copyOf(serials);
        }
    }

    private final Description machine;
    private final ByteBuffer image = ByteBuffer.allocate((int) (MemoryLayout.RESET_VECTOR - MemoryLayout.ACPI_BASE))
            .order(ByteOrder.LITTLE_ENDIAN);

    private AcpiTables(Description machine) {
        this.machine = machine;
    }

    /**
     * Makes the tables, for guest-physical address {@link MemoryLayout#ACPI_BASE}, where the RSDP comes first.
     *
     * @throws IllegalArgumentException if there are more processors than the area has room for
     */
    public static byte[] build(Description machine) {
        return new AcpiTables(machine).build();
    }

    private byte[] build() {
        image.position(64); // behind the RSDP
        long facs = machine.reducedHardware ? 0 : facs();
        long dsdt = place(table("DSDT", 2, dsdt()));
        List<Long> listed = new ArrayList<>();
        listed.add(place(table("FACP", 6, fadt(dsdt, facs))));
        listed.add(place(table("APIC", 5, madt())));
        listed.add(place(table("SRAT", 3, srat())));
        ByteBuffer pointers = little(8 * listed.size());
        listed.forEach(pointers::putLong);
        long xsdt = place(table("XSDT", 1, pointers.array()));
        int end = image.position();
        rsdp(xsdt);
        return java.util.Arrays.copyOf(image.array(), end);
    }

    private long place(byte[] table) {
        int at = (image.position() + 63) & -64;
        if (at + table.length > image.capacity()) {
            throw new IllegalArgumentException(machine.apicIds.size()
                    + " processors: their ACPI tables do not fit into " + image.capacity() + " bytes");
        }
        image.position(at).put(table);
        return MemoryLayout.ACPI_BASE + at;
    }

    private static ByteBuffer little(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private static byte[] table(String signature, int revision, byte[] body) {
        ByteBuffer table = little(HEADER_BYTES + body.length);
        table.put(ascii(signature))
                .putInt(table.capacity())
                .put((byte) revision)
                .put((byte) 0);
        table.put(ascii("REDOUB"))
                .put(ascii("REDOUBT "))
                .putInt(1)
                .put(ascii("RDBT"))
                .putInt(1)
                .put(body);
        table.put(9, checksum(table.array(), table.capacity()));
        return table.array();
    }

    private static byte checksum(byte[] bytes, int length) {
        int sum = 0;
        for (int i = 0; i < length; i++) {
            sum += bytes[i];
        }
        return (byte) -sum;
    }

    private void rsdp(long xsdt) {
        ByteBuffer rsdp = little(36);
        rsdp.put(ascii("RSD PTR "))
                .put((byte) 0)
                .put(ascii("REDOUB"))
                .put((byte) 2)
                .putInt(0);
        rsdp.putInt(36).putLong(xsdt);
        rsdp.put(8, checksum(rsdp.array(), 20));
        rsdp.put(32, checksum(rsdp.array(), 36));
        image.put(0, rsdp.array());
    }

    private long facs() {
        ByteBuffer facs = little(64);
        facs.put(ascii("FACS")).putInt(64).put(32, (byte) 2);
        return place(facs.array());
    }

    private static void register(ByteBuffer fadt, int offset, int bits, int port) {
        fadt.put(offset - HEADER_BYTES, (byte) 1); // system I/O
        fadt.put(offset + 1 - HEADER_BYTES, (byte) bits);
        fadt.put(offset + 3 - HEADER_BYTES, (byte) (bits == 8 ? 1 : bits == 16 ? 2 : 3));
        fadt.putLong(offset + 4 - HEADER_BYTES, port);
    }

    /** Offsets are the specification's, which count the header. */
    private byte[] fadt(long dsdt, long facs) {
        ByteBuffer fadt = little(FADT_BYTES - HEADER_BYTES);
        fadt.putInt(40 - HEADER_BYTES, (int) dsdt);
        fadt.putLong(140 - HEADER_BYTES, dsdt);
        int legacyDevicesNoVga = 1 | 1 << 2; // and no 8042
        fadt.putShort(109 - HEADER_BYTES, (short) legacyDevicesNoVga);
        // WBINVD works; C1 works; no fixed power or sleep button; reset register.
        int flags = 1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 10;
        register(fadt, 116, 8, RESET_PORT);
        fadt.put(128 - HEADER_BYTES, (byte) RESET_VALUE);
        fadt.put(131 - HEADER_BYTES, (byte) 4); // minor version: 6.4
        if (machine.reducedHardware) {
            flags |= 1 << 20;
            register(fadt, 244, 8, SLEEP_CONTROL_PORT);
            register(fadt, 256, 8, SLEEP_CONTROL_PORT + 1);
        } else {
            flags |= 1 << 8; // the PM timer has 32 bits
            fadt.putInt(36 - HEADER_BYTES, (int) facs);
            fadt.putLong(132 - HEADER_BYTES, facs);
            fadt.putShort(46 - HEADER_BYTES, (short) SCI_IRQ);
            fadt.putInt(56 - HEADER_BYTES, PM1_EVENT_PORT).put(88 - HEADER_BYTES, (byte) 4);
            fadt.putInt(64 - HEADER_BYTES, PM1_CONTROL_PORT).put(89 - HEADER_BYTES, (byte) 2);
            fadt.putInt(76 - HEADER_BYTES, PM_TIMER_PORT).put(91 - HEADER_BYTES, (byte) 4);
            fadt.putShort(96 - HEADER_BYTES, (short) 0xFFF).putShort(98 - HEADER_BYTES, (short) 0xFFF); // no C2, C3
            register(fadt, 148, 32, PM1_EVENT_PORT);
            register(fadt, 172, 16, PM1_CONTROL_PORT);
            register(fadt, 208, 32, PM_TIMER_PORT);
        }
        fadt.put(108 - HEADER_BYTES, (byte) 0x32); // the RTC's century byte
        fadt.putInt(112 - HEADER_BYTES, flags);
        fadt.put(268 - HEADER_BYTES, ascii("Redoubt\0"));
        return fadt.array();
    }

    private byte[] madt() {
        List<byte[]> parts = new ArrayList<>();
        parts.add(little(8).putInt((int) MemoryLayout.LAPIC_BASE).putInt(1).array()); // there are 8259s
        boolean wide = false;
        for (int i = 0; i < machine.apicIds.size(); i++) {
            int id = machine.apicIds.get(i);
            if (Integer.compareUnsigned(id, FIRST_WIDE_ID) < 0) {
                parts.add(new byte[] {0, 8, (byte) i, (byte) id, ENABLED, 0, 0, 0});
            } else {
                wide = true;
                parts.add(little(16)
                        .put((byte) 9)
                        .put((byte) 16)
                        .putShort((short) 0)
                        .putInt(id)
                        .putInt(ENABLED)
                        .putInt(i)
                        .array());
            }
        }
        parts.add(little(12)
                .put((byte) 1)
                .put((byte) 12)
                .put((byte) IOAPIC_ID)
                .put((byte) 0)
                .putInt((int) MemoryLayout.IOAPIC_BASE)
                .putInt(0)
                .array());
        parts.add(override(0, TIMER_PIN, 0));
        if (!machine.reducedHardware) {
            parts.add(override(SCI_IRQ, SCI_IRQ, 0xD)); // active high, level
        }
        parts.add(new byte[] {4, 6, (byte) 0xFF, 0, 0, 1}); // NMI on LINT1 of all
        if (wide) {
            parts.add(little(12)
                    .put((byte) 0xA)
                    .put((byte) 12)
                    .putShort((short) 0)
                    .putInt(-1)
                    .put((byte) 1)
                    .array());
        }
        return Aml.join(parts.toArray(byte[][]::new));
    }

    private static byte[] override(int irq, int pin, int flags) {
        return little(10)
                .put((byte) 2)
                .put((byte) 10)
                .put((byte) 0)
                .put((byte) irq)
                .putInt(pin)
                .putShort((short) flags)
                .array();
    }

    /** Without an entry that covers a section of EPC, Linux complains of the firmware. */
    private byte[] srat() {
        List<byte[]> parts = new ArrayList<>();
        parts.add(little(12).putInt(1).array());
        for (int i = 0; i < machine.apicIds.size(); i++) {
            int id = machine.apicIds.get(i);
            int node = machine.numa.ofProcessor(i);
            if (Integer.compareUnsigned(id, FIRST_WIDE_ID) < 0) {
                parts.add(little(16)
                        .put((byte) 0)
                        .put((byte) 16)
                        .put((byte) node)
                        .put((byte) id)
                        .putInt(ENABLED)
                        .array());
            } else {
                parts.add(little(24)
                        .put((byte) 2)
                        .put((byte) 24)
                        .putShort((short) 0)
                        .putInt(node)
                        .putInt(id)
                        .putInt(ENABLED)
                        .array());
            }
        }
        for (NumaTopology.Memory piece : machine.numa.memory(machine.layout)) {
            parts.add(little(40)
                    .put((byte) 1)
                    .put((byte) 40)
                    .putInt(piece.node())
                    .putShort((short) 0)
                    .putLong(piece.base())
                    .putLong(piece.lengthBytes())
                    .putInt(0)
                    .putInt(ENABLED)
                    .array());
        }
        return Aml.join(parts.toArray(byte[][]::new));
    }

    private byte[] dsdt() {
        List<byte[]> devices = new ArrayList<>();
        for (int i = 0; i < machine.serials.size(); i++) {
            Serial serial = machine.serials.get(i);
            devices.add(Aml.device(
                    "COM" + (i + 1),
                    Aml.name("_HID", Aml.eisaId("PNP0501")),
                    Aml.name("_UID", Aml.integer(i + 1)),
                    Aml.name("_STA", Aml.integer(0xF)),
                    Aml.name("_CRS", Aml.resources(Aml.io(serial.port, 8), Aml.irq(serial.irq)))));
        }
        devices.add(Aml.device(
                "RTC",
                Aml.name("_HID", Aml.eisaId("PNP0B00")),
                Aml.name("_STA", Aml.integer(0xF)),
                Aml.name("_CRS", Aml.resources(Aml.io(0x70, 2), Aml.irq(8)))));
        List<byte[]> epc = machine.layout.epcSections().stream()
                .map(section -> Aml.memory64(section.base(), section.lengthBytes()))
                .toList();
        if (!epc.isEmpty()) {
            devices.add(Aml.device(
                    "EPC",
                    Aml.name("_HID", Aml.eisaId("INT0E0C")),
                    Aml.name("_STR", Aml.unicode("Enclave Page Cache 1.0")),
                    Aml.name("_STA", Aml.integer(0xF)),
                    Aml.name("_CRS", Aml.resources(epc.toArray(byte[][]::new)))));
        }
        byte[] zero = Aml.integer(0);
        return Aml.join(
                Aml.scope("\\_SB", devices.toArray(byte[][]::new)),
                Aml.name("\\_S5", Aml.packageOf(Aml.integer(SLEEP_TYPE_S5), zero, zero, zero)));
    }
}
