package redoubt.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import redoubt.image.DefaultGuest;
import redoubt.image.GuestCommand;
import redoubt.image.Initramfs;
import redoubt.machine.boot.BzImage;

/**
 * The default guest's kernel from the start of the process to the end of an init that only ends it, under Redoubt and under
 * QEMU's TCG: the same kernel, initramfs, command line and memory, in turn.
 */
final class BootBenchmark {
    /** Of GuestInit's, what a machine of either kind understands. */
    private static final String CMDLINE =
            "console=ttyS0 tsc=reliable no_timer_check mitigations=off random.trust_cpu=on"
                    + " nokaslr cryptomgr.notests 8250.nr_uarts=1 panic=-1 reboot=t";

    private static final String FIRST_LINE = "Linux version";
    private static final String INIT = "bench: init";
    private static final String SCRIPT = """
            #!/bin/busybox sh
            /bin/busybox mount -t sysfs sysfs /sys
            echo "%s"
            [ -d /sys/firmware/acpi ] && /bin/busybox poweroff -f
            /bin/busybox reboot -f
            """.formatted(INIT);
    private static final long LIMIT_SECONDS = 300;
    private static final Pattern STATISTICS =
            Pattern.compile("redoubt: (\\d+) instructions in ([0-9.]+) s, ([0-9.]+) MIPS");

    private BootBenchmark() {}

    /**
     * Boots {@code runs} times on each side.
     *
     * @param launcher the script {@code redoubt}
     */
    static Report run(Path launcher, int runs, int memoryMib) {
        DefaultGuest.Prepared guest = DefaultGuest.prepare(DefaultGuest.Options.of(GuestCommand.of(List.of("true"))));
        Path folder = null;
        try {
            folder = Files.createTempDirectory("redoubt-bench");
            Path initramfs = Files.write(folder.resolve("initramfs"), initramfs(guest.initramfs()));
            Path vmlinux = Files.write(
                    folder.resolve("vmlinux"),
                    BzImage.readKernel(guest.kernel()).contents().toArray(ValueLayout.JAVA_BYTE));
            return compare(launcher, guest.kernel(), vmlinux, initramfs, runs, memoryMib);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            delete(folder);
        }
    }

    private static byte[] initramfs(byte[] guest) {
        byte[] init = new Initramfs()
                .file("init", 0755, SCRIPT.getBytes(StandardCharsets.UTF_8))
                .toByteArray();
        byte[] both = Arrays.copyOf(guest, guest.length + init.length);
        System.arraycopy(init, 0, both, guest.length, init.length);
        return both;
    }

    private static Report compare(Path launcher, Path kernel, Path vmlinux, Path initramfs, int runs, int memoryMib) {
        String memory = Integer.toString(memoryMib);
        List<String> ours = List.of(
                launcher.toString(),
                "run",
                "--statistics",
                "--kernel=" + kernel,
                "--initramfs=" + initramfs,
                "--cmdline=" + CMDLINE,
                "--memory=" + memory + "M",
                "--serial=tty");
        Path qemu = onPath("qemu-system-x86_64");
        // microvm as Redoubt's machine has no PCI and no firmware; without ACPI, under which this kernel finds no
        // timer.
        List<String> peer = List.of(
                String.valueOf(qemu),
                "-M",
                "microvm,acpi=off",
                "-accel",
                "tcg,thread=single",
                "-cpu",
                "max",
                "-smp",
                "1",
                "-m",
                memory,
                "-nodefaults",
                "-no-user-config",
                "-display",
                "none",
                "-no-reboot",
                "-serial",
                "stdio",
                "-kernel",
                vmlinux.toString(),
                "-initrd",
                initramfs.toString(),
                "-append",
                CMDLINE);
        List<HostProcess.Result> a = new ArrayList<>();
        List<HostProcess.Result> b = new ArrayList<>();
        for (int i = 0; i < runs; i++) {
            if (i % 2 == 1 && qemu != null) {
                b.add(boot(peer));
            }
            a.add(boot(ours));
            if (i % 2 == 0 && qemu != null) {
                b.add(boot(peer));
            }
        }
        List<String> notes = new ArrayList<>();
        notes.add(kernel.getFileName() + ", " + memory + " MiB, " + runs + " boots a side, in turn");
        if (qemu == null) {
            notes.add(
                    "QEMU is not installed, so there is nothing to compare with; try: apt-get install qemu-system-x86");
        }
        return new Report("boot", "redoubt", qemu == null ? null : "qemu", figures(a, b), notes);
    }

    private static List<Report.Figure> figures(List<HostProcess.Result> a, List<HostProcess.Result> b) {
        List<Report.Figure> all = new ArrayList<>();
        all.add(figure("to the first kernel line", "s", a, b, r -> r.seen().getOrDefault(FIRST_LINE, Double.NaN)));
        all.add(figure("to init", "s", a, b, r -> r.seen().getOrDefault(INIT, Double.NaN)));
        all.add(figure("to the end", "s", a, b, HostProcess.Result::seconds));
        all.add(figure("processor time", "s", a, b, HostProcess.Result::cpuSeconds));
        all.add(figure("peak resident memory", "MiB", a, b, r -> r.peakBytes() / 1048576.0));
        all.add(figure("guest instructions", "millions", a, List.of(), r -> statistic(r, 1) / 1e6));
        all.add(figure("speed", "MIPS", a, List.of(), r -> statistic(r, 3)));
        return all;
    }

    private static Report.Figure figure(
            String name,
            String unit,
            List<HostProcess.Result> a,
            List<HostProcess.Result> b,
            ToDoubleFunction<HostProcess.Result> value) {
        return new Report.Figure(name, unit, samples(a, value), b.isEmpty() ? null : samples(b, value));
    }

    private static Samples samples(List<HostProcess.Result> runs, ToDoubleFunction<HostProcess.Result> value) {
        return new Samples(runs.stream().mapToDouble(value).toArray());
    }

    private static HostProcess.Result boot(List<String> command) {
        HostProcess.Result result = HostProcess.run(command, List.of(FIRST_LINE, INIT), LIMIT_SECONDS);
        if (!result.seen().containsKey(INIT)) {
            List<String> lines = result.lines();
            throw new BenchmarkException(command.getFirst() + ": ended with status " + result.status()
                    + " before the guest's init ran: "
                    + String.join(" | ", lines.subList(Math.max(0, lines.size() - 3), lines.size())));
        }
        return result;
    }

    private static double statistic(HostProcess.Result result, int group) {
        for (String line : result.lines()) {
            Matcher matcher = STATISTICS.matcher(line);
            if (matcher.find()) {
                return Double.parseDouble(matcher.group(group));
            }
        }
        throw new BenchmarkException("redoubt run --statistics told none");
    }

    private static @Nullable Path onPath(String program) {
        String path = System.getenv("PATH");
        for (String folder : path == null ? new String[0] : path.split(":")) {
            Path file = Path.of(folder.isEmpty() ? "." : folder, program);
            if (Files.isExecutable(file)) {
                return file;
            }
        }
        return null;
    }

    private static void delete(@Nullable Path folder) {
        if (folder == null) {
            return;
        }
        try {
            for (String name : List.of("initramfs", "vmlinux")) {
                Files.deleteIfExists(folder.resolve(name));
            }
            Files.delete(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
