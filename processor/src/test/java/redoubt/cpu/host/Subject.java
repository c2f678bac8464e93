package redoubt.cpu.host;

/** A processor to be compared with the host's. */
public interface Subject {
    /**
     * Runs the one instruction at {@code inOut.rip} (a repeated string instruction to its end) in 64-bit mode at CPL 3, with
     * nothing mapped but the code pages and the data window of {@link CpuState}.
     *
     * @param inOut the initial state, replaced by the final one
     * @param code the code bytes at RIP; the rest of the code pages is INT3
     * @param length how many of them count
     * @param outcome set to how it ended
     */
    void run(CpuState inOut, byte[] code, int length, Outcome outcome);
}
