package redoubt.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs a command and measures it from outside: seconds, processor time, peak memory, when which line was printed. */
final class HostProcess {
    private static final int RUSAGE_CHILDREN = -1;
    private static final int RUSAGE_BYTES = 256;
    private static final MethodHandle GETRUSAGE = Linker.nativeLinker()
            .downcallHandle(
                    Linker.nativeLinker().defaultLookup().findOrThrow("getrusage"),
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS));

    /**
     * One run.
     *
     * @param seen for each text asked for, the seconds until the first line that has it
     * @param lines all that was printed, standard error among it
     * @param peakBytes 0 where the host does not tell
     */
    record Result(
            int status,
            double seconds,
            double cpuSeconds,
            long peakBytes,
            Map<String, Double> seen,
            List<String> lines) {}

    private HostProcess() {}

    /** Runs {@code command}, which must end within {@code limitSeconds}. */
    static Result run(List<String> command, List<String> marks, long limitSeconds) {
        double cpuBefore = childrenSeconds();
        long start = System.nanoTime();
        Process process;
        try {
            process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectInput(Path.of("/dev/null").toFile())
                    .start();
        } catch (IOException e) {
            throw new BenchmarkException(command.getFirst() + ": cannot be started: " + e.getMessage(), e);
        }
        Thread limit = Thread.ofVirtual().start(() -> {
            try {
                if (!process.waitFor(limitSeconds, TimeUnit.SECONDS)) {
                    process.destroyForcibly();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        Map<String, Double> seen = new LinkedHashMap<>();
        List<String> lines = new ArrayList<>();
        long peak = 0;
        try (BufferedReader out =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                double at = (System.nanoTime() - start) / 1e9;
                lines.add(line);
                for (String mark : marks) {
                    if (line.contains(mark) && seen.putIfAbsent(mark, at) == null) {
                        peak = Math.max(peak, peakBytes(process.pid()));
                    }
                }
            }
            int status = process.waitFor();
            double seconds = (System.nanoTime() - start) / 1e9;
            limit.interrupt();
            if (seconds >= limitSeconds) {
                throw new BenchmarkException(command.getFirst() + ": still ran after " + limitSeconds + " s");
            }
            return new Result(status, seconds, childrenSeconds() - cpuBefore, peak, seen, lines);
        } catch (IOException e) {
            throw new BenchmarkException(command.getFirst() + ": its output cannot be read: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new BenchmarkException("interrupted", e);
        }
    }

    /** User and system time of all children that have ended (getrusage(2)); the JDK reaps them and does not tell. */
    private static double childrenSeconds() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment usage = arena.allocate(RUSAGE_BYTES, 8);
            int failed = (int) GETRUSAGE.invokeExact(RUSAGE_CHILDREN, usage);
            if (failed != 0) {
                throw new IllegalStateException("getrusage failed");
            }
            return usage.get(ValueLayout.JAVA_LONG, 0)
                    + usage.get(ValueLayout.JAVA_LONG, 16)
                    + (usage.get(ValueLayout.JAVA_INT, 8) + usage.get(ValueLayout.JAVA_INT, 24)) / 1e6;
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /** Peak resident memory so far of a process that still runs (proc(5), VmHWM), or 0. */
    private static long peakBytes(long pid) {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
                if (line.startsWith("VmHWM:")) {
                    return Long.parseLong(line.replaceAll("\\D", "")) << 10;
                }
            }
        } catch (IOException e) {
            // Gone already, or a host without proc(5): then it is not known.
        }
        return 0;
    }
}
