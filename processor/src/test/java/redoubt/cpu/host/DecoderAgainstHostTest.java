package redoubt.cpu.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import redoubt.cpu.TestScale;
import redoubt.x86.Decoder;
import redoubt.x86.Feature;
import redoubt.x86.Insn;
import redoubt.x86.Row;

/** The decoder's lengths and refusals against the host's. Oracle: the host's processor. */
class DecoderAgainstHostTest {
    /** Decoded, and #UD by their semantics: always, or at this privilege level. */
    private static final Set<String> RAISES_UD = Set.of("UD0", "UD1", "UD2", "RSM", "CLAC", "STAC", "GETSEC");

    @Test
    void lengthsAndUndefinedEncodingsAreTheHosts() {
        Optional<HostCpu> opened = HostCpu.open();
        assumeTrue(opened.isPresent(), HostCpu::skipReason);
        Set<Feature> features = HostFeatures.present();
        RandomInstances instances = new RandomInstances(Long.getLong("redoubt.diff.seed", 11), features, row -> true);
        Decoder decoder = new Decoder(features);
        Case[] cases = new Case[HostCpu.BATCH];
        HostResult[] results = new HostResult[HostCpu.BATCH];
        Row[] rows = new Row[HostCpu.BATCH];
        for (int i = 0; i < cases.length; i++) {
            cases[i] = new Case();
            results[i] = new HostResult();
        }
        Map<String, String> wrong = new TreeMap<>();
        Insn insn = new Insn();
        long compared = 0;
        long count = TestScale.count("redoubt.diff.count", 100_000, 2_000_000);
        try (HostCpu host = opened.get()) {
            for (int number = 0; number < count; number += cases.length) {
                for (int i = 0; i < cases.length; i++) {
                    rows[i] = instances.fill(cases[i], number + i);
                }
                host.run(cases, results, cases.length);
                for (int i = 0; i < cases.length; i++) {
                    Outcome outcome = results[i].outcome;
                    boolean undefined = outcome.kind == Outcome.Kind.EXCEPTION && outcome.vector == 6;
                    boolean completed = outcome.kind == Outcome.Kind.COMPLETED && !rows[i].has("end");
                    if (!undefined && !completed || rows[i].has("mov-cr") || rows[i].mnemonic.equals("PREFETCH")) {
                        continue; // these two are in the list of accepted differences
                    }
                    compared++;
                    int verdict = decoder.decode(insn, cases[i].code, 0, cases[i].length, 64);
                    String bytes = HexFormat.ofDelimiter(" ").formatHex(cases[i].bytes());
                    long length = results[i].state.rip - cases[i].initial.rip;
                    String complaint = "";
                    if (completed && (verdict != Decoder.OK || insn.length != length)) {
                        complaint = "host length " + length + ", ours " + insn.length + " verdict " + verdict;
                    } else if (undefined
                            && verdict == Decoder.OK
                            && insn.row != null
                            && !RAISES_UD.contains(insn.row.mnemonic)) {
                        complaint = "undefined on the host, ours " + insn.row;
                    }
                    if (!complaint.isEmpty()) {
                        wrong.putIfAbsent(rows[i].toString(), bytes + ": " + complaint);
                    }
                }
            }
        }
        System.out.println("decoder against host: " + compared + " of " + count + " instances compared");
        assertThat(String.join(
                        "\n", wrong.entrySet().stream().map(Object::toString).toList()))
                .isEmpty();
        assertThat(compared).isGreaterThan(count / 3);
    }
}
