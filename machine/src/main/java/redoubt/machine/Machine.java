package redoubt.machine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import redoubt.cpu.Cpu;
import redoubt.cpu.CpuGeneration;
import redoubt.cpu.CpuModel;
import redoubt.cpu.Platform;
import redoubt.cpu.Reset;
import redoubt.hypervisor.Capability;
import redoubt.hypervisor.HostSgx;
import redoubt.hypervisor.ProvisionHandle;
import redoubt.hypervisor.Vcpu;
import redoubt.hypervisor.VirtualEpc;
import redoubt.hypervisor.Vm;
import redoubt.hypervisor.VmExit;
import redoubt.machine.boot.BootException;
import redoubt.machine.boot.ElfFile;
import redoubt.machine.boot.PvhEntry;
import redoubt.machine.device.AcpiPower;
import redoubt.machine.device.ProcessorPins;
import redoubt.memory.PhysicalMemory;
import redoubt.sgx.Epc;
import redoubt.sgx.RootKey;
import redoubt.sgx.SgxCapabilities;
import redoubt.sgx.SgxPackage;
import redoubt.x86.Feature;

/**
 * A whole machine: processors, memory and board, and the loop that gives processors and devices their turns (see {@link
 * Turns}).
 *
 * <p>Under virtual time one retired instruction is one nanosecond and a machine whose processors are all halted jumps to the
 * next event, so that nothing of the host's time comes into the guest. Input from outside ({@link #post}) is the exception.
 *
 * <p>One thread makes and runs a machine; {@link #post} may be called by any.
 */
public final class Machine implements AutoCloseable {
    /**
     * What to make.
     *
     * @param cpu the processors
     * @param sgx their SGX; without EPC they have none
     * @param numa which node what belongs to
     * @param seed of the guest's random numbers
     * @param hostTime whether the guest's clock follows the host's instead of the instructions
     * @param input where input from outside may come from while the guest runs
     */
    public record Setup(
            long ramBytes, CpuModel cpu, SgxSetup sgx, NumaTopology numa, long seed, boolean hostTime, Input input) {
        /** The default processor, one node, virtual time from seed 0, no input. */
        public static Setup of(long ramBytes, long epcBytes) {
            return new Setup(
                    ramBytes,
                    new CpuModel(CpuGeneration.DEFAULT, CpuGeneration.DEFAULT.features(), 1),
                    SgxSetup.ofEpc(epcBytes),
                    NumaTopology.SINGLE,
                    0,
                    false,
                    Input.NONE);
        }

        /** The same with another processor. */
        public Setup with(CpuModel other) {
            return new Setup(ramBytes, other, sgx, numa, seed, hostTime, input);
        }

        /** The same with other SGX. */
        public Setup with(SgxSetup other) {
            return new Setup(ramBytes, cpu, other, numa, seed, hostTime, input);
        }

        /** The same with other nodes. */
        public Setup with(NumaTopology other) {
            return new Setup(ramBytes, cpu, sgx, other, seed, hostTime, input);
        }

        /**
         * Where everything is in the guest's physical address space.
         *
         * @throws IllegalArgumentException if that is not possible
         */
        public MemoryLayout layout() {
            return new MemoryLayout(
                    ramBytes,
                    sgx.sections().stream().map(SgxSetup.Section::bytes).toList());
        }
    }

    /** Input from outside, which no virtual clock can foresee. */
    public enum Input {
        /** None: a guest that halts without a timer is dead. */
        NONE,
        /** From a program or file: it may wake a guest that waits for nothing else. */
        STREAM,
        /** Typed by a person: an idle guest waits at the host's pace instead of racing through its time. */
        TYPED
    }

    /** How a run ended. */
    public enum End {
        /** The guest powered itself off. */
        POWER_OFF,
        /** The guest asked for a reset. */
        RESET,
        /** {@link #stop} was called. */
        STOPPED,
        /** The time limit. */
        TIME_LIMIT,
        /** Halted, and nothing is ever going to wake it. */
        DEAD,
        /** A triple fault. */
        SHUTDOWN,
        /** An instruction or situation that is not implemented. */
        INTERNAL_ERROR
    }

    /** The end of a run, and what else is to be said of it. */
    public record Outcome(End end, String detail) {}

    private static final long PAGE = 4096;

    /** How often a machine that waits for outside input looks at the clock. */
    private static final long WAIT_NANOS = 50_000_000;

    private final Setup setup;
    private final Arena epcArena = Arena.ofShared();
    private final MemoryLayout layout;
    private final Vm vm;
    private final @Nullable HostSgx host;
    private final Turns turns;
    private final Board board;
    private final Clock clock;
    private final @Nullable VirtualClock virtual;
    private final LinkedBlockingQueue<Runnable> posted = new LinkedBlockingQueue<>();
    private final SplittableRandom random;
    private @Nullable End end;
    private String detail = "";

    /**
     * Makes a machine in its state after power-up.
     *
     * @param serialOutputs where COM1, COM2, … send their bytes; ports without one do not exist
     */
    public Machine(Setup setup, List<? extends IntConsumer> serialOutputs) {
        this.setup = setup;
        this.layout = setup.layout();
        this.random = new SplittableRandom(setup.seed());
        this.virtual = setup.hostTime() ? null : new VirtualClock();
        this.clock = virtual != null ? virtual : new HostClock();
        MachineConfig config =
                MachineConfig.of(layout, setup.numa(), setup.cpu().processors());
        List<Pins> pins = config.apicIds().stream().map(_ -> new Pins()).toList();
        this.board = new Board(config, clock, pins, serialOutputs, new AcpiPower.Requests() {
            @Override
            public void powerOff() {
                finish(End.POWER_OFF, "");
            }

            @Override
            public void reset() {
                finish(End.RESET, "");
            }
        });
        CpuModel model = model(setup.cpu(), layout);
        host = model.has(Feature.SGX1) ? new HostSgx(sgxPackage(model), model.has(Feature.SGX_LC), true) : null;
        this.vm = new Vm(model, new Wires(), host);
        mapMemory();
        if (host != null) {
            mapEpc(host);
            if (setup.sgx().provisioning()) {
                try (ProvisionHandle provision = host.openProvision()) {
                    vm.enableCapability(Capability.SGX_ATTRIBUTE, provision);
                }
            }
        }
        for (int i = 0; i < pins.size(); i++) {
            Vcpu vcpu = vm.createVcpu(config.apicIds().get(i), board.lapic(i));
            pins.get(i).cpu = vcpu.cpu();
            setup.sgx().launchControl().leaveIn(vcpu);
        }
        this.turns = new Turns(vm.vcpus(), clock, virtual);
        clock.whenEarlier(() -> turns.current().kick());
    }

    /** Without EPC there is no SGX, as on a computer whose firmware has set no memory aside for it. */
    private static CpuModel model(CpuModel cpu, MemoryLayout layout) {
        if (layout.epcSizes().isEmpty()) {
            Set<Feature> others = cpu.features();
            others.remove(Feature.SGX);
            return cpu.limitedTo(others);
        }
        return cpu.withEpc(layout.epcSections().stream()
                .map(section -> new CpuModel.EpcSection(section.base(), section.lengthBytes()))
                .toList());
    }

    /**
     * A package of this machine's own. What is drawn at power-up comes from the seed, as its root key does if none is given,
     * so that a run can be repeated.
     */
    private SgxPackage sgxPackage(CpuModel model) {
        byte[] boot = RootKey.ofSeed(~setup.seed()).bytes();
        RootKey root = setup.sgx().rootKey().orElseGet(() -> RootKey.ofSeed(setup.seed()));
        Epc epc = new Epc(epcArena, (int) (layout.epcBytes() / PAGE));
        return new SgxPackage(epc, SgxCapabilities.of(model), root.bytes(), boot);
    }

    private void mapEpc(HostSgx host) {
        List<MemoryLayout.Range> places = layout.epcSections();
        for (int i = 0; i < places.size(); i++) {
            VirtualEpc region = host.openVirtualEpc(places.get(i).lengthBytes());
            if (setup.sgx().sections().get(i).prefault()) {
                for (long offset = 0; offset < region.bytes(); offset += PAGE) {
                    region.page(offset);
                }
            }
            vm.addVirtualEpc(places.get(i).base(), region);
        }
    }

    private void mapMemory() {
        MemorySegment ram = vm.allocate(layout.ramBytes());
        vm.setMemslot(0, ram.asSlice(0, layout.lowRamBytes()));
        if (layout.highRamBytes() > 0) {
            vm.setMemslot(MemoryLayout.HIGH_RAM_BASE, ram.asSlice(layout.lowRamBytes()));
        }
        vm.addMmio(MemoryLayout.IOAPIC_BASE, PAGE, registers(MemoryLayout.IOAPIC_BASE));
        vm.addMmio(MemoryLayout.LAPIC_BASE, PAGE, registers(MemoryLayout.LAPIC_BASE));
    }

    private PhysicalMemory.Mmio registers(long base) {
        return new PhysicalMemory.Mmio() {
            @Override
            public long read(long offset, int size) {
                return board.readMemory(turns.index(), base + offset, size);
            }

            @Override
            public void write(long offset, int size, long value) {
                board.writeMemory(turns.index(), base + offset, size, value);
            }
        };
    }

    /**
     * Loads a kernel and sets the bootstrap processor at its entry; the others wait for it to start them.
     *
     * @throws BootException if the kernel cannot be started
     */
    public void boot(ElfFile kernel, byte[] initramfs, String cmdline) {
        PvhEntry entry = board.boot(kernel, MemorySegment.ofArray(initramfs), cmdline, new GuestMemory() {
            @Override
            public void write(long guestPhysical, MemorySegment bytes) {
                ram(guestPhysical, bytes.byteSize()).copyFrom(bytes);
            }

            @Override
            public void zero(long guestPhysical, long lengthBytes) {
                ram(guestPhysical, lengthBytes).fill((byte) 0);
            }
        });
        List<Vcpu> vcpus = vm.vcpus();
        Reset.pvh(vcpus.getFirst().cpu(), entry.eip(), entry.ebx());
        vcpus.stream().skip(1).forEach(Vcpu::waitForStartup);
    }

    private MemorySegment ram(long guestPhysical, long bytes) {
        PhysicalMemory.Region region = vm.memory().find(guestPhysical);
        MemorySegment ram = region == null ? null : region.ram();
        if (region == null || ram == null) {
            throw new IndexOutOfBoundsException(String.format("no RAM at 0x%x", guestPhysical));
        }
        return ram.asSlice(guestPhysical - region.base(), bytes);
    }

    /** The board, to look at and to send input to. */
    public Board board() {
        return board;
    }

    /** The machine's one clock. */
    public Clock clock() {
        return clock;
    }

    /** The host's side of the machine's SGX; empty without EPC. */
    public Optional<HostSgx> sgx() {
        return Optional.ofNullable(host);
    }

    /** The bootstrap processor. */
    public Vcpu vcpu() {
        return vm.vcpus().getFirst();
    }

    /** All processors, the bootstrap processor first. */
    public List<Vcpu> vcpus() {
        return vm.vcpus();
    }

    /** Has the machine's thread do something between two turns of the processor, as send input to a device. */
    public void post(Runnable action) {
        posted.add(action);
    }

    /** Ends the run after this turn; called on the machine's thread, by a device for instance. */
    public void stop() {
        finish(End.STOPPED, "");
    }

    private void finish(End how, String why) {
        if (end == null) {
            end = how;
            detail = why;
        }
        turns.current().kick();
    }

    /**
     * Runs until the end.
     *
     * @param limitNanos of the host's time or of the guest's, whichever is over first; {@link Long#MAX_VALUE} for none
     */
    public Outcome run(long limitNanos) {
        long start = System.nanoTime();
        while (end == null) {
            for (Runnable action = posted.poll(); action != null; action = posted.poll()) {
                action.run();
            }
            switch (turns.next()) {
                case null -> idle();
                case VmExit.Budget _, VmExit.Pause _, VmExit.Halt _, VmExit.Interrupted _ -> {}
                case VmExit.Mmio access -> unmapped(access);
                case VmExit.PortIo access -> throw new IllegalStateException(access + ": every port is the board's");
                case VmExit.Shutdown(String state) -> finish(End.SHUTDOWN, state);
                case VmExit.MemoryFault(long at, long _, String message) ->
                    finish(End.INTERNAL_ERROR, String.format("%s, for guest-physical 0x%x", message, at));
                case VmExit.InternalError(String message) -> finish(End.INTERNAL_ERROR, message);
            }
            if (System.nanoTime() - start > limitNanos || clock.nanos() > limitNanos) {
                finish(End.TIME_LIMIT, "");
            }
        }
        return new Outcome(end, detail);
    }

    /** The board knows what is there, if anything: a local APIC that was moved, or ones. */
    private void unmapped(VmExit.Mmio access) {
        int processor = turns.index();
        if (access.write()) {
            board.writeMemory(processor, access.address(), access.size(), access.value());
        } else {
            turns.current().complete(board.readMemory(processor, access.address(), access.size()));
        }
    }

    /** All processors have halted: time goes on to the next event, or until input comes. */
    private void idle() {
        if (end != null || !posted.isEmpty()) {
            return;
        }
        long next = clock.nextDeadline();
        if (next == Long.MAX_VALUE && setup.input() == Input.NONE) {
            finish(
                    End.DEAD,
                    String.format(
                            "RIP 0x%x, RFLAGS 0x%x",
                            vcpu().cpu().rip, vcpu().cpu().rflags()));
            return;
        }
        if (virtual == null || next == Long.MAX_VALUE || setup.input() == Input.TYPED) {
            long pause = Math.min(next == Long.MAX_VALUE ? WAIT_NANOS : next - clock.nanos(), WAIT_NANOS);
            if (waitForInput(pause)) {
                return;
            }
            if (virtual != null) {
                skip(virtual, pause);
            } else {
                clock.runDue();
            }
            return;
        }
        skip(virtual, next - virtual.nanos());
    }

    private void skip(VirtualClock time, long nanos) {
        if (nanos > 0) {
            time.advanceBy(nanos);
        } else {
            time.runDue();
        }
    }

    private boolean waitForInput(long nanos) {
        try {
            Runnable action = nanos <= 0 ? null : posted.poll(nanos, TimeUnit.NANOSECONDS);
            if (action == null) {
                return false;
            }
            action.run();
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            finish(End.STOPPED, "interrupted");
            return true;
        }
    }

    @Override
    public void close() {
        vm.close();
        epcArena.close();
    }

    /** The processor's wires to the board. */
    private final class Wires implements Platform {
        @Override
        public int in(int port, int size) {
            return (int) board.ports().read(port, size);
        }

        @Override
        public void out(int port, int size, int value) {
            board.ports().write(port, size, value & 0xFFFF_FFFFL);
        }

        @Override
        public long tsc(long instructions) {
            return clock.nanos();
        }

        @Override
        public long random() {
            return random.nextLong();
        }
    }

    /** The local APIC's wires to the processor. */
    private static final class Pins implements ProcessorPins {
        private @Nullable Cpu cpu;

        @Override
        public void interrupt() {
            if (cpu != null) {
                cpu.leaveLoop();
            }
        }

        @Override
        public void nmi() {
            if (cpu != null) {
                cpu.signalNmi();
            }
        }

        @Override
        public void smi() {
            // There is no system-management mode: as on a processor whose SMI# nobody wired.
        }

        @Override
        public void init() {
            if (cpu != null) {
                cpu.signalInit();
            }
        }

        @Override
        public void startup(int vector) {
            if (cpu != null) {
                cpu.signalStartup(vector);
            }
        }
    }
}
