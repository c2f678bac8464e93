package redoubt.machine;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import redoubt.machine.boot.AcpiTables;
import redoubt.machine.boot.ElfFile;
import redoubt.machine.boot.PvhEntry;
import redoubt.machine.boot.PvhLoader;
import redoubt.machine.device.AcpiPower;
import redoubt.machine.device.ApicBus;
import redoubt.machine.device.Ioapic;
import redoubt.machine.device.Lapic;
import redoubt.machine.device.Pic;
import redoubt.machine.device.Pit;
import redoubt.machine.device.ProcessorPins;
import redoubt.machine.device.Rtc;
import redoubt.machine.device.Uart16550;

/**
 * The machine's board: makes the devices, gives them their addresses and wires their interrupts. One line a device.
 *
 * <p>What is not here is not there: no 8042, no PCI, no HPET, no VGA; their ports and addresses read as ones.
 *
 * <p>All of it is used on the thread that runs the virtual processors.
 */
public final class Board {
    /** The serial ports, COM1 first. Each has its own interrupt, which the DSDT tells. */
    public static final List<AcpiTables.Serial> SERIALS = List.of(
            new AcpiTables.Serial(0x3F8, 4),
            new AcpiTables.Serial(0x2F8, 3),
            new AcpiTables.Serial(0x3E8, 5),
            new AcpiTables.Serial(0x2E8, 7));

    /**
     * All the firmware there is: real-mode code that writes the reset register. With reduced hardware Linux restarts by
     * jumping here ({@code efi_reboot_required}, then BOOT_BIOS, in {@code arch/x86/kernel/reboot.c}).
     */
    private static final byte[] RESET_CODE = {
        (byte) 0xBA,
        (byte) AcpiTables.RESET_PORT,
        AcpiTables.RESET_PORT >> 8, // mov dx, CF9h
        (byte) 0xB0,
        AcpiTables.RESET_VALUE, // mov al, 6
        (byte) 0xEE, // out dx, al
        (byte) 0xF4, // hlt
        (byte) 0xEB,
        (byte) 0xFD // jmp to the hlt
    };

    private static final int PAGE = 4096;

    private final MachineConfig config;
    private final Bus ports = new Bus("port");
    private final Bus memory = new Bus("memory");
    private final List<Lapic> lapics = new ArrayList<>();
    private final List<Uart16550> serials = new ArrayList<>();
    private final Ioapic ioapic;
    private final Pic pic;
    private final AcpiPower power;
    private final Rtc rtc;

    /**
     * Makes the board in its state after power-up.
     *
     * @param processors the pins of each processor, as many as there are APIC IDs in {@code config}
     * @param serialOutputs where COM1, COM2, … send their bytes; ports without one do not exist
     * @param requests what to do when the guest powers off or resets
     */
    public Board(
            MachineConfig config,
            Clock clock,
            List<? extends ProcessorPins> processors,
            List<? extends IntConsumer> serialOutputs,
            AcpiPower.Requests requests) {
        if (processors.size() != config.apicIds().size()) {
            throw new IllegalArgumentException(
                    processors.size() + " processors for " + config.apicIds().size() + " APIC IDs");
        }
        if (serialOutputs.size() > SERIALS.size()) {
            throw new IllegalArgumentException(
                    serialOutputs.size() + " serial ports: a PC has at most " + SERIALS.size());
        }
        this.config = config;
        var apicBus = new ApicBus();
        for (int i = 0; i < processors.size(); i++) {
            lapics.add(new Lapic(
                    config.apicIds().get(i), i == 0, config.physicalAddressBits(), clock, apicBus, processors.get(i)));
        }
        Lapic bootstrap = lapics.getFirst();
        pic = new Pic(bootstrap::extIntChanged);
        bootstrap.wireExtInt(pic::isAsserted, pic::acknowledge);
        ioapic = new Ioapic(AcpiTables.IOAPIC_ID, apicBus);
        memory.map("I/O APIC", MemoryLayout.IOAPIC_BASE, PAGE, ioapic);
        ports.map("8259 master", 0x20, 2, pic.masterPorts());
        ports.map("8259 slave", 0xA0, 2, pic.slavePorts());
        ports.map("edge/level control", 0x4D0, 2, pic.edgeLevelPorts());

        var pit = new Pit(clock, line(0));
        ports.map("8254", 0x40, 4, pit);
        ports.map("system control port B", 0x61, 1, pit.controlPort());

        rtc = new Rtc(clock, line(8), config.epochSeconds());
        ports.map("MC146818", 0x70, 2, rtc);
        tellMemoryInCmos();

        power = new AcpiPower(clock, line(AcpiTables.SCI_IRQ), AcpiTables.SLEEP_TYPE_S5, requests);
        ports.map("PM1 event", AcpiTables.PM1_EVENT_PORT, 4, power.eventPorts());
        ports.map("PM1 control", AcpiTables.PM1_CONTROL_PORT, 2, power.controlPorts());
        ports.map("PM timer", AcpiTables.PM_TIMER_PORT, 4, power.timerPorts());
        ports.map("sleep control", AcpiTables.SLEEP_CONTROL_PORT, 2, power.sleepPorts());
        ports.map("reset register", AcpiTables.RESET_PORT - 1, 4, power.resetPorts());
        ports.map("system control port A", 0x92, 1, power.systemControlPort());

        for (int i = 0; i < serialOutputs.size(); i++) {
            AcpiTables.Serial place = SERIALS.get(i);
            var serial = new Uart16550(clock, line(place.irq()), serialOutputs.get(i));
            ports.map("COM" + (i + 1), place.port(), 8, serial);
            serials.add(serial);
        }
    }

    /** The wire of an ISA interrupt: to the 8259s, and to the I/O APIC, where interrupt 0 has the pin of the cascade. */
    public InterruptLine line(int irq) {
        InterruptLine legacy = pic.line(irq);
        InterruptLine modern = ioapic.pin(irq == 0 ? AcpiTables.TIMER_PIN : irq);
        return level -> {
            legacy.set(level);
            modern.set(level);
        };
    }

    /** Sizes of memory where PC firmware leaves them, for those who look there. */
    private void tellMemoryInCmos() {
        rtc.cmos(0x15, 640 & 0xFF);
        rtc.cmos(0x16, 640 >> 8);
        long lowBytes = config.layout().lowRamBytes();
        long kib = Math.min((lowBytes >> 10) - 1024, 0xFFFF);
        rtc.cmos(0x17, (int) kib);
        rtc.cmos(0x18, (int) (kib >> 8));
        rtc.cmos(0x30, (int) kib);
        rtc.cmos(0x31, (int) (kib >> 8));
        long chunks = Math.clamp((lowBytes >> 16) - 256, 0, 0xFFFF);
        rtc.cmos(0x34, (int) chunks);
        rtc.cmos(0x35, (int) (chunks >> 8));
    }

    /** The I/O ports. */
    public Bus ports() {
        return ports;
    }

    /** Physical memory outside RAM, EPC and the local APICs. */
    public Bus memory() {
        return memory;
    }

    /** Reads physical memory that is neither RAM nor EPC, as processor {@code processor} sees it. */
    public long readMemory(int processor, long address, int size) {
        Lapic lapic = lapics.get(processor);
        if ((address & -PAGE) == lapic.registerPage()) {
            return lapic.read(address & PAGE - 1, size);
        }
        return memory.read(address, size);
    }

    /** Writes physical memory that is neither RAM nor EPC, as processor {@code processor} sees it. */
    public void writeMemory(int processor, long address, int size, long value) {
        Lapic lapic = lapics.get(processor);
        if ((address & -PAGE) == lapic.registerPage()) {
            lapic.write(address & PAGE - 1, size, value);
        } else {
            memory.write(address, size, value);
        }
    }

    /** The local APIC of processor {@code processor}, counted as in the configuration. */
    public Lapic lapic(int processor) {
        return lapics.get(processor);
    }

    /** Serial port {@code index}, COM1 is 0. */
    public Uart16550 serial(int index) {
        return serials.get(index);
    }

    /** Somebody pressed the power button; an operating system sees it only if ACPI describes full hardware. */
    public void pressPowerButton() {
        power.pressPowerButton();
    }

    /**
     * Does what a firmware does before the operating system: writes the ACPI tables and the reset code, sets the bootstrap
     * processor's local APIC to virtual wire mode and loads the kernel.
     *
     * @return how to start the bootstrap processor
     * @throws redoubt.machine.boot.BootException if the kernel cannot be started
     */
    public PvhEntry boot(ElfFile kernel, MemorySegment initramfs, String cmdline, GuestMemory guest) {
        byte[] tables = AcpiTables.build(new AcpiTables.Description(
                config.layout(),
                config.numa(),
                config.apicIds(),
                config.reducedHardware(),
                SERIALS.subList(0, serials.size())));
        PvhEntry entry = PvhLoader.load(kernel, initramfs, cmdline, config.layout(), MemoryLayout.ACPI_BASE, guest);
        guest.write(MemoryLayout.ACPI_BASE, tables);
        guest.write(MemoryLayout.RESET_VECTOR, RESET_CODE);
        lapics.getFirst().virtualWire();
        return entry;
    }
}
