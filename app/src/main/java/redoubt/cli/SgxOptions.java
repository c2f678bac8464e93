package redoubt.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import redoubt.cpu.CpuModel;
import redoubt.machine.LaunchControl;
import redoubt.machine.NumaTopology;
import redoubt.machine.SgxSetup;
import redoubt.machine.boot.BootException;
import redoubt.sgx.RootKey;
import redoubt.x86.Feature;

/** The options of a machine's SGX, and of its NUMA nodes, which sections of EPC belong to. */
final class SgxOptions {
    private static final String EPC = "--sgx-epc";
    private static final String NUMA = "--numa";
    private static final String LAUNCH = "--sgx-lepubkeyhash";
    private static final String ROOT = "--sgx-root-key";
    private static final long DEFAULT_EPC = 64L << 20;

    @Option(
            names = EPC,
            paramLabel = "SIZE",
            description = "A section of enclave page cache, as 64M or id=epc0,size=64M,prefault=on,node=0; may be "
                    + "repeated; 0 for none (64M).")
    private List<String> epc = List.of();

    @Option(
            names = NUMA,
            paramLabel = "NODE",
            description = "A NUMA node, as guest_numa_id=0,cpus=0-1,sgx_epc_sections=epc0; may be repeated.")
    private List<String> numa = List.of();

    @Option(
            names = LAUNCH,
            paramLabel = "KEY",
            description =
                    "Whose enclaves may be launched: intel or the hash of a key, 64 hex digits, both read-only for "
                            + "the guest unless locked=off follows; or unlocked, the guest's choice (unlocked).")
    private @Nullable String launch;

    @Option(names = "--sgx-provision", description = "Let the guest make enclaves that get at the provisioning key.")
    private boolean provision;

    @Option(
            names = ROOT,
            paramLabel = "FILE",
            description = "What all SGX keys derive from, 32 bytes or 64 hex digits (made from --seed).")
    private @Nullable Path rootKey;

    /** A section as asked for; {@code node} is -1 if not said. */
    private record Section(String id, SgxSetup.Section what, int node, String text) {}

    SgxOptions() {}

    /**
     * What is asked for.
     *
     * @param cpu the processor that it is for
     */
    SgxSetup setup(CpuModel cpu) {
        List<Section> sections = sections();
        if (!cpu.has(Feature.SGX1)) {
            refuseWithoutSgx();
            sections = List.of();
        }
        return new SgxSetup(sections.stream().map(Section::what).toList(), launchControl(cpu), provision, rootKey());
    }

    private void refuseWithoutSgx() {
        String first = !epc.isEmpty()
                ? EPC + " " + epc.getFirst()
                : launch != null ? LAUNCH + " " + launch : provision ? "--sgx-provision" : rootKey != null ? ROOT : "";
        if (!first.isEmpty()) {
            throw new UsageException(first + ": the processor that --cpu names has no SGX; give it +sgx,+sgx1");
        }
    }

    private List<Section> sections() {
        List<Section> sections = new ArrayList<>();
        Set<String> ids = new HashSet<>();
        for (String text : epc.isEmpty() ? List.of(Long.toString(DEFAULT_EPC)) : epc) {
            Map<String, String> values = Values.list(EPC, text, "size", Set.of("id", "size", "prefault", "node"));
            String size = values.get("size");
            if (size == null) {
                throw new UsageException(EPC + " " + text + ": has no size; try size=64M");
            }
            long bytes = Values.pages(EPC, text, size);
            boolean prefault = Values.flag(EPC, text, "prefault", values.getOrDefault("prefault", "off"));
            String node = values.get("node");
            String id = values.getOrDefault("id", "epc" + sections.size());
            if (!ids.add(id)) {
                throw new UsageException(EPC + " " + text + ": there is a section '" + id + "' already");
            }
            if (bytes == 0) {
                if (epc.size() > 1) {
                    throw new UsageException(EPC + " " + text + ": none, beside another section");
                }
                return List.of();
            }
            sections.add(new Section(
                    id,
                    new SgxSetup.Section(bytes, prefault),
                    node == null ? -1 : (int) Values.number(EPC, text, node, 0, Byte.MAX_VALUE),
                    text));
        }
        return sections;
    }

    private LaunchControl launchControl(CpuModel cpu) {
        if (launch == null) {
            return LaunchControl.UNLOCKED;
        }
        if (!cpu.has(Feature.SGX_LC)) {
            throw new UsageException(LAUNCH + " " + launch
                    + ": the processor that --cpu names takes Intel's launch key only; give it +sgxlc");
        }
        Map<String, String> values = Values.list(LAUNCH, launch, "key", Set.of("key", "locked"));
        String key = values.getOrDefault("key", "");
        boolean unlocked = key.equals("unlocked");
        boolean locked = Values.flag(LAUNCH, launch, "locked", values.getOrDefault("locked", unlocked ? "off" : "on"));
        if (unlocked) {
            if (locked) {
                throw new UsageException(LAUNCH + " " + launch + ": unlocked and locked=on exclude each other");
            }
            return LaunchControl.UNLOCKED;
        }
        if (key.equals("intel")) {
            return new LaunchControl(List.of(), locked);
        }
        if (!key.matches("[0-9a-fA-F]{64}")) {
            throw new UsageException(LAUNCH + " " + launch + ": unknown key '" + key
                    + "'; intel, unlocked or 64 hex digits are possible");
        }
        return LaunchControl.ofHash(HexFormat.of().parseHex(key), locked);
    }

    private Optional<RootKey> rootKey() {
        if (rootKey == null) {
            return Optional.empty();
        }
        byte[] content;
        try {
            content = Files.readAllBytes(rootKey);
        } catch (NoSuchFileException e) {
            throw new BootException(ROOT + " " + rootKey + ": no such file", e);
        } catch (IOException e) {
            throw new BootException(ROOT + " " + rootKey + ": cannot be read: " + e.getMessage(), e);
        }
        String text = new String(content, StandardCharsets.ISO_8859_1).strip();
        if (content.length != RootKey.BYTES && text.matches("[0-9a-fA-F]{64}")) {
            content = HexFormat.of().parseHex(text);
        }
        if (content.length != RootKey.BYTES) {
            throw new BootException(ROOT + " " + rootKey + ": has " + content.length
                    + " bytes; 32 are wanted, or 64 hex digits, as openssl rand -hex 32 prints");
        }
        return Optional.of(RootKey.of(content));
    }

    // ---- NUMA

    /** The nodes asked for; all in one without any. */
    NumaTopology topology(CpuModel cpu) {
        if (numa.isEmpty()) {
            for (Section section : sections()) {
                if (section.node > 0) {
                    throw new UsageException(EPC + " " + section.text + ": there is no such node; give " + NUMA
                            + " guest_numa_id=" + section.node + " too");
                }
            }
            return NumaTopology.SINGLE;
        }
        List<Section> sections = cpu.has(Feature.SGX1) ? sections() : List.of();
        Map<String, Integer> nodeOf = new HashMap<>();
        sections.stream().filter(s -> s.node >= 0).forEach(s -> nodeOf.put(s.id, s.node));
        Map<Integer, Set<Integer>> processors = new TreeMap<>();
        for (String text : numa) {
            node(text, cpu.processors(), sections, processors, nodeOf);
        }
        List<NumaTopology.Node> nodes = new ArrayList<>();
        processors.forEach((id, cpus) -> {
            Set<Integer> own = new HashSet<>();
            for (int i = 0; i < sections.size(); i++) {
                if (Integer.valueOf(id).equals(nodeOf.get(sections.get(i).id))) {
                    own.add(i);
                }
            }
            nodes.add(new NumaTopology.Node(id, cpus, own));
        });
        for (Section section : sections) {
            if (section.node >= 0 && !processors.containsKey(section.node)) {
                throw new UsageException(EPC + " " + section.text + ": there is no such node; give " + NUMA
                        + " guest_numa_id=" + section.node + " too");
            }
        }
        return new NumaTopology(nodes);
    }

    private static void node(
            String text,
            int count,
            List<Section> sections,
            Map<Integer, Set<Integer>> processors,
            Map<String, Integer> nodeOf) {
        Map<String, String> values =
                Values.list(NUMA, text, "guest_numa_id", Set.of("guest_numa_id", "cpus", "sgx_epc_sections"));
        String number = values.get("guest_numa_id");
        if (number == null) {
            throw new UsageException(NUMA + " " + text + ": has no guest_numa_id; the first node's is 0");
        }
        int id = (int) Values.number(NUMA, text, number, 0, 63);
        Set<Integer> cpus = new HashSet<>();
        for (String range : values.containsKey("cpus") ? values.get("cpus").split(":", -1) : new String[0]) {
            String[] ends = range.split("-", 2);
            int first = (int) Values.number(NUMA, text, ends[0], 0, count - 1L);
            int last = (int) Values.number(NUMA, text, ends[ends.length - 1], first, count - 1L);
            for (int cpu = first; cpu <= last; cpu++) {
                int one = cpu;
                if (!cpus.add(cpu) || processors.values().stream().anyMatch(other -> other.contains(one))) {
                    throw new UsageException(NUMA + " " + text + ": processor " + cpu + " has a node already");
                }
            }
        }
        if (processors.put(id, cpus) != null) {
            throw new UsageException(NUMA + " " + text + ": there is a node " + id + " already");
        }
        String named = values.get("sgx_epc_sections");
        for (String section : named == null ? new String[0] : named.split(":", -1)) {
            if (sections.stream().noneMatch(s -> s.id.equals(section))) {
                throw new UsageException(NUMA + " " + text + ": there is no EPC section '" + section + "'; give " + EPC
                        + " id=" + section + ",size=64M too");
            }
            Integer before = nodeOf.put(section, id);
            if (before != null && before != id) {
                throw new UsageException(
                        NUMA + " " + text + ": EPC section '" + section + "' belongs to node " + before + " already");
            }
        }
    }
}
