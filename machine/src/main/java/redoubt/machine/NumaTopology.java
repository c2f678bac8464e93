package redoubt.machine;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Which node processors, memory and sections of EPC belong to. What no node names belongs to the first; RAM is shared out
 * evenly in the order of the nodes.
 */
public record NumaTopology(List<Node> nodes) {
    /** One node, for everything. */
    public static final NumaTopology SINGLE = new NumaTopology(List.of(new Node(0, Set.of(), Set.of())));

    private static final int MOST_NODES = 64;
    private static final long UNIT = 2L << 20;

    /**
     * A node.
     *
     * @param id proximity domain in the SRAT
     * @param processors by index, the bootstrap processor is 0
     * @param epcSections by index in the machine's list
     */
    public record Node(int id, Set<Integer> processors, Set<Integer> epcSections) {
        public Node {
            if (id < 0 || id >= MOST_NODES) {
                throw new IllegalArgumentException("NUMA node " + id + ": 0 to " + (MOST_NODES - 1) + " are possible");
            }
            processors = Set.copyOf(processors);
            epcSections = Set.copyOf(epcSections);
        }
    }

    /** A piece of memory and the node that it belongs to. */
    public record Memory(int node, long base, long lengthBytes) {}

    public NumaTopology {
        nodes = List.copyOf(nodes);
        if (nodes.isEmpty()) {
            throw new IllegalArgumentException("no NUMA node: at least one is needed");
        }
        Set<Integer> ids = new HashSet<>();
        Set<Integer> processors = new HashSet<>();
        Set<Integer> sections = new HashSet<>();
        for (Node node : nodes) {
            once(ids, node.id, "NUMA node " + node.id);
            node.processors.forEach(p -> once(processors, p, "processor " + p));
            node.epcSections.forEach(s -> once(sections, s, "EPC section " + s));
        }
    }

    private static void once(Set<Integer> seen, int value, String what) {
        if (!seen.add(value)) {
            throw new IllegalArgumentException(what + " is named twice");
        }
    }

    /** The node of a processor. */
    public int ofProcessor(int index) {
        return nodes.stream()
                .filter(node -> node.processors.contains(index))
                .findFirst()
                .orElse(nodes.getFirst())
                .id;
    }

    /** The node of an EPC section. */
    public int ofEpcSection(int index) {
        return nodes.stream()
                .filter(node -> node.epcSections.contains(index))
                .findFirst()
                .orElse(nodes.getFirst())
                .id;
    }

    /** All memory of a machine, RAM first; no piece crosses the hole below 4 GiB. */
    public List<Memory> memory(MemoryLayout layout) {
        List<Memory> pieces = new ArrayList<>();
        long share = layout.ramBytes() / nodes.size() & -UNIT;
        long done = 0;
        for (int i = 0; i < nodes.size(); i++) {
            int node = nodes.get(i).id;
            long end = i == nodes.size() - 1 ? layout.ramBytes() : done + share;
            long lowEnd = Math.min(end, layout.lowRamBytes());
            if (done < lowEnd) {
                pieces.add(new Memory(node, done, lowEnd - done));
            }
            long high = Math.max(done, layout.lowRamBytes());
            if (high < end) {
                pieces.add(new Memory(node, MemoryLayout.HIGH_RAM_BASE + high - layout.lowRamBytes(), end - high));
            }
            done = end;
        }
        List<MemoryLayout.Range> epc = layout.epcSections();
        for (int i = 0; i < epc.size(); i++) {
            pieces.add(new Memory(ofEpcSection(i), epc.get(i).base(), epc.get(i).lengthBytes()));
        }
        return pieces;
    }
}
