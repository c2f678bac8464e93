package redoubt.cpu.host;

/** A processor to be compared with the host's. */
public interface Subject {
    /**
     * Runs the case's instruction (a repeated string instruction to its end) in 64-bit mode at CPL 3, with nothing mapped for
     * the user but the code pages, which are INT3 apart from the instruction, and the data window of {@link CpuState}.
     *
     * @param of the instruction and its initial state, which is left alone
     * @param last set to the final state
     * @param outcome set to how it ended
     */
    void run(Case of, CpuState last, Outcome outcome);
}
