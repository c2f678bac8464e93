package redoubt.machine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.commons.compress.archivers.cpio.CpioArchiveEntry;
import org.apache.commons.compress.archivers.cpio.CpioArchiveOutputStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redoubt.machine.boot.BootFiles;
import redoubt.machine.boot.BzImage;
import redoubt.machine.boot.ElfFile;
import redoubt.machine.boot.PvhEntry;
import redoubt.machine.device.AcpiPower;
import redoubt.machine.device.UnconnectedPins;

/**
 * What {@link Board#boot} puts into memory, started by somebody else's processor: QEMU gets our memory image and a
 * 64-byte firmware that only enters it by the PVH ABI, and Debian's kernel must accept memory map, tables and initramfs.
 *
 * <p>Skipped unless qemu-system-x86_64 is installed and, for the kernel, redoubt.test.kernel names one.
 */
class BoardUnderQemuTest {
    private static final int RAM_BYTES = 128 << 20;

    /** Ranges of the image that are loaded: not the last 64 KiB below 1 MiB, where QEMU shows the firmware. */
    private static final int[][] LOADED = {{0, 0xF_0000}, {0x10_0000, RAM_BYTES}};

    private static byte[] firmware(PvhEntry entry) {
        ByteBuffer rom = ByteBuffer.allocate(0x1_0000).order(ByteOrder.LITTLE_ENDIAN);
        rom.put(bytes(0xFA, 0x2E, 0x66, 0x0F, 0x01, 0x16)).putShort((short) 0x58); // cli; lgdtl cs:[58h]
        rom.put(bytes(0x66, 0xB8)).putInt(0x11).put(bytes(0x0F, 0x22, 0xC0)); // mov eax, 11h; mov cr0, eax
        rom.put(bytes(0x66, 0xEA)).putInt(0xF_0019).putShort((short) 8); // jmp 8:F0019h
        rom.put((byte) 0xB8).putInt(0x10); // mov eax, 10h; then ds, es, ss
        rom.put(bytes(0x8E, 0xD8, 0x8E, 0xC0, 0x8E, 0xD0));
        rom.put((byte) 0xBB).putInt(entry.ebx()).put((byte) 0xB8).putInt(entry.eip()); // mov ebx; mov eax
        rom.put(bytes(0xFF, 0xE0)); // jmp eax
        rom.position(0x40).putLong(0).putLong(0x00CF_9B00_0000_FFFFL).putLong(0x00CF_9300_0000_FFFFL);
        rom.putShort((short) 23).putInt(0xF_0040);
        rom.position(0xFFF0).put((byte) 0xEA).putShort((short) 0).putShort((short) 0xF000); // jmp F000:0
        return rom.array();
    }

    private static byte[] bytes(int... values) {
        byte[] out = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            out[i] = (byte) values[i];
        }
        return out;
    }

    private static byte[] initramfs() throws IOException {
        var out = new ByteArrayOutputStream();
        try (var cpio = new CpioArchiveOutputStream(out)) {
            var entry = new CpioArchiveEntry("greeting");
            entry.setMode(CpioArchiveEntry.C_ISREG | 0644);
            entry.setSize(5);
            cpio.putArchiveEntry(entry);
            cpio.write("hello".getBytes(StandardCharsets.US_ASCII));
            cpio.closeArchiveEntry();
        }
        return out.toByteArray();
    }

    private static PvhEntry boot(byte[] ram, ElfFile kernel, boolean reduced) throws IOException {
        MemorySegment segment = MemorySegment.ofArray(ram);
        var memory = new GuestMemory() {
            @Override
            public void write(long guestPhysical, MemorySegment bytes) {
                MemorySegment.copy(bytes, 0, segment, guestPhysical, bytes.byteSize());
            }

            @Override
            public void zero(long guestPhysical, long lengthBytes) {
                segment.asSlice(guestPhysical, lengthBytes).fill((byte) 0);
            }
        };
        var config = new MachineConfig(
                new MemoryLayout(RAM_BYTES, 64L << 20),
                NumaTopology.SINGLE,
                List.of(0),
                40,
                reduced,
                MachineConfig.DEFAULT_EPOCH_SECONDS);
        var requests = new AcpiPower.Requests() {
            @Override
            public void powerOff() {
                throw new AssertionError("the guest asks QEMU's devices, not these");
            }

            @Override
            public void reset() {
                throw new AssertionError("the guest asks QEMU's devices, not these");
            }
        };
        var board = new Board(
                config,
                new VirtualClock(),
                List.of(new UnconnectedPins()),
                List.of((int c) -> {}, (int c) -> {}),
                requests);
        return board.boot(
                kernel,
                MemorySegment.ofArray(initramfs()),
                "console=ttyS0 nokaslr panic=-1 cryptomgr.notests lpj=4000000 mitigations=off tsc_early_khz=2600000",
                memory);
    }

    private static boolean isInstalled(String program) {
        for (String folder : System.getenv("PATH").split(java.io.File.pathSeparator)) {
            if (Files.isExecutable(Path.of(folder, program))) {
                return true;
            }
        }
        return false;
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void debiansKernelAcceptsMemoryMapTablesAndInitramfs(boolean reduced, @TempDir Path folder) throws Exception {
        String kernel = System.getProperty("redoubt.test.kernel");
        Assumptions.assumeTrue(kernel != null, "redoubt.test.kernel does not name a kernel");
        Assumptions.assumeTrue(isInstalled("qemu-system-x86_64"), "qemu-system-x86_64 is not installed");
        byte[] ram = new byte[RAM_BYTES];
        PvhEntry entry = boot(ram, BzImage.readKernel(Path.of(kernel)), reduced);
        Files.write(folder.resolve("bios"), firmware(entry));
        var command = new java.util.ArrayList<>(List.of(
                "qemu-system-x86_64 -M microvm,acpi=off,pit=on,pic=on,rtc=on,isa-serial=on -accel tcg -cpu Nehalem"
                        .split(" ")));
        command.addAll(List.of("-nodefaults -no-user-config -display none -no-reboot -m 256 -bios bios".split(" ")));
        command.addAll(List.of("-serial", "file:console"));
        for (int[] range : LOADED) {
            String name = "at" + range[0];
            Files.write(folder.resolve(name), java.util.Arrays.copyOfRange(ram, range[0], range[1]));
            command.addAll(List.of("-device", "loader,file=" + name + ",addr=" + range[0] + ",force-raw=on"));
        }
        var process = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("said").toFile())
                .start();
        boolean ended = process.waitFor(60, TimeUnit.SECONDS);
        process.destroyForcibly();
        String console = Files.readString(folder.resolve("console"));
        assertThat(ended).as(console + Files.readString(folder.resolve("said"))).isTrue();
        assertThat(console)
                .contains("BIOS-e820: [mem 0x0000000000100000-0x0000000007ffffff] usable")
                .contains("ACPI: SRAT: Node 0 PXM 0 [mem 0x08000000-0x0bffffff]")
                .contains("ACPI: 1 ACPI AML tables successfully acquired and loaded")
                .contains("ACPI: PM: (supports S0 S5)")
                .contains("pnp: PnP ACPI: found 3 devices")
                .contains("ttyS0 at I/O 0x3f8 (irq =")
                .contains("is a 16550A")
                .contains("i8042: PNP: No PS/2 controller found.")
                .contains("Freeing initrd memory")
                .doesNotContain("ACPI BIOS")
                .doesNotContain("Firmware Bug")
                .doesNotContain("Initramfs unpacking failed");
        assertThat(console.contains("PM-Timer IO Port: 0x608")).isEqualTo(!reduced);
    }

    /** QEMU's debug-exit device stands in for the reset register: its exit status is twice the value written, plus one. */
    @Test
    void theResetCodeWritesTheResetRegister(@TempDir Path folder) throws Exception {
        Assumptions.assumeTrue(isInstalled("qemu-system-x86_64"), "qemu-system-x86_64 is not installed");
        byte[] ram = new byte[RAM_BYTES];
        boot(ram, ElfFile.read("vmlinux", BootFiles.vmlinux()), true);
        byte[] rom = new byte[0x1_0000];
        System.arraycopy(ram, (int) MemoryLayout.RESET_VECTOR, rom, 0xFFF0, 16);
        Files.write(folder.resolve("bios"), rom);
        var command = new java.util.ArrayList<>(
                List.of("qemu-system-x86_64 -M microvm,acpi=off -accel tcg -nodefaults -no-user-config".split(" ")));
        command.addAll(
                List.of("-display none -m 16 -bios bios -device isa-debug-exit,iobase=0xcf9,iosize=1".split(" ")));
        var process = new ProcessBuilder(command)
                .directory(folder.toFile())
                .inheritIO()
                .start();
        boolean ended = process.waitFor(30, TimeUnit.SECONDS);
        process.destroyForcibly();
        assertThat(ended).isTrue();
        assertThat(process.waitFor()).isEqualTo(2 * 6 + 1);
    }
}
