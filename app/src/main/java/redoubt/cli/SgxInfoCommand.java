package redoubt.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import redoubt.cpu.Cpu;
import redoubt.cpu.CpuModel;
import redoubt.cpu.GuestFault;
import redoubt.cpu.Msrs;
import redoubt.machine.Machine;
import redoubt.machine.MemoryLayout;
import redoubt.machine.NumaTopology;
import redoubt.x86.Feature;

/** {@code redoubt sgx info}: what a guest would find in CPUID and the MSRs. */
@Command(
        name = "info",
        description = {
            "Print the SGX that a guest of these options finds in CPUID and in the model-specific registers.",
            "Makes the machine, with 512M of RAM, and starts nothing in it."
        },
        mixinStandardHelpOptions = true)
final class SgxInfoCommand implements Callable<Integer> {
    private static final long RAM = 512L << 20;
    private static final int LEAF = 0x12;
    private static final int FIRST_SECTION = 2;

    @Mixin
    private CpuOption cpu = new CpuOption();

    @Mixin
    private SgxOptions sgx = new SgxOptions();

    @Option(
            names = {"-o", "--output"},
            paramLabel = "FORMAT",
            defaultValue = "text",
            description = "How to write the result: ${COMPLETION-CANDIDATES} (default: text).")
    private EnclaveArguments.Output output = EnclaveArguments.Output.text;

    @Spec
    private CommandSpec spec;

    SgxInfoCommand() {}

    private record Leaf(int leaf, int subLeaf, List<Integer> registers) {
        static Leaf of(Cpu c, int leaf, int subLeaf) {
            int[] registers = new int[4];
            c.model.cpuid(c, leaf, subLeaf, registers);
            return new Leaf(leaf, subLeaf, Arrays.stream(registers).boxed().toList());
        }
    }

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        if (cpu.asksForHelp()) {
            CpuOption.list(out);
            return 0;
        }
        CpuModel model = cpu.model(1);
        NumaTopology numa = sgx.topology(model);
        Machine.Setup setup =
                Machine.Setup.of(RAM, 0).with(model).with(sgx.setup(model)).with(numa);
        try (Machine machine = new Machine(setup, List.of())) {
            Cpu c = machine.vcpu().cpu();
            List<Leaf> leaves = leaves(c);
            Map<String, Object> msrs = msrs(c);
            List<MemoryLayout.Range> sections =
                    c.model.epc().isEmpty() ? List.of() : setup.layout().epcSections();
            if (output == EnclaveArguments.Output.json) {
                EnclaveReport.print(out, json(c.model, leaves, msrs, sections, numa));
            } else {
                text(out, c.model, leaves, msrs, sections, numa);
            }
        }
        return 0;
    }

    private static List<Leaf> leaves(Cpu c) {
        List<Leaf> leaves = new ArrayList<>();
        leaves.add(Leaf.of(c, 7, 0));
        if (c.model.has(Feature.SGX)) {
            for (int i = 0; i < FIRST_SECTION + c.model.epc().size() + 1; i++) {
                leaves.add(Leaf.of(c, LEAF, i));
            }
        }
        return leaves;
    }

    /** The registers that exist, by name. */
    private static Map<String, Object> msrs(Cpu c) {
        Map<String, Object> values = new LinkedHashMap<>();
        for (Msrs.Msr row : Msrs.rows()) {
            boolean sgx = row.index() == Msrs.FEATURE_CONTROL
                    || row.index() >= Msrs.SGX_LE_PUBKEY_HASH0 && row.index() < Msrs.SGX_LE_PUBKEY_HASH0 + 4;
            if (sgx) {
                try {
                    values.put("IA32_" + row.name(), String.format("0x%016x", c.msrs.read(row.index())));
                } catch (GuestFault absent) {
                    values.put("IA32_" + row.name(), "none, #GP");
                }
            }
        }
        return values;
    }

    private static List<String> flags(CpuModel model) {
        return model.features().stream()
                .filter(feature -> feature.name().startsWith("SGX"))
                .flatMap(feature -> feature.flag().stream())
                .toList();
    }

    private static void text(
            PrintWriter out,
            CpuModel model,
            List<Leaf> leaves,
            Map<String, Object> msrs,
            List<MemoryLayout.Range> sections,
            NumaTopology numa) {
        out.printf(
                "model    %s, CPUID 1 EAX 0x%x, \"%s\"%n",
                model.generation().modelName(),
                model.generation().signature(),
                model.generation().brand());
        out.printf("flags    %s%n", flags(model).isEmpty() ? "no SGX" : String.join(" ", flags(model)));
        for (Leaf leaf : leaves) {
            List<Integer> r = leaf.registers;
            out.printf(
                    "CPUID    %02xH.%d   EAX %08x  EBX %08x  ECX %08x  EDX %08x%n",
                    leaf.leaf, leaf.subLeaf, r.get(0), r.get(1), r.get(2), r.get(3));
        }
        msrs.forEach((name, value) -> out.printf("MSR      %-22s %s%n", name, value));
        for (int i = 0; i < sections.size(); i++) {
            out.printf(
                    "EPC      0x%x-0x%x, %s, node %d%n",
                    sections.get(i).base(),
                    sections.get(i).end() - 1,
                    Values.sizeText(sections.get(i).lengthBytes()),
                    numa.ofEpcSection(i));
        }
    }

    /** The first four names and {@code sections} are those of QMP's {@code SgxInfo}. */
    private static Map<String, Object> json(
            CpuModel model,
            List<Leaf> leaves,
            Map<String, Object> msrs,
            List<MemoryLayout.Range> sections,
            NumaTopology numa) {
        Map<String, Object> info = new LinkedHashMap<>();
        info.put("sgx", model.has(Feature.SGX));
        info.put("sgx1", model.has(Feature.SGX1));
        info.put("sgx2", model.has(Feature.SGX2));
        info.put("flc", model.has(Feature.SGX_LC));
        List<Map<String, Object>> places = new ArrayList<>();
        for (int i = 0; i < sections.size(); i++) {
            Map<String, Object> place = new LinkedHashMap<>();
            place.put("node", numa.ofEpcSection(i));
            place.put("base", sections.get(i).base());
            place.put("size", sections.get(i).lengthBytes());
            places.add(place);
        }
        info.put("sections", places);
        info.put("model", model.generation().modelName());
        info.put("signature", String.format("0x%08x", model.generation().signature()));
        info.put("flags", flags(model));
        List<Map<String, Object>> cpuid = new ArrayList<>();
        for (Leaf leaf : leaves) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("leaf", String.format("0x%x", leaf.leaf));
            entry.put("subleaf", leaf.subLeaf);
            List<String> names = List.of("eax", "ebx", "ecx", "edx");
            for (int i = 0; i < names.size(); i++) {
                entry.put(names.get(i), String.format("0x%08x", leaf.registers.get(i)));
            }
            cpuid.add(entry);
        }
        info.put("cpuid", cpuid);
        info.put("msrs", msrs);
        return info;
    }
}
