package redoubt.hypervisor;

import static redoubt.x86.CpuidBit.EAX;
import static redoubt.x86.CpuidBit.EBX;
import static redoubt.x86.CpuidBit.ECX;
import static redoubt.x86.CpuidBit.EDX;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import redoubt.cpu.CodeCache;
import redoubt.cpu.Cpu;
import redoubt.cpu.CpuModel;
import redoubt.cpu.LocalApic;
import redoubt.cpu.Platform;
import redoubt.memory.PhysicalMemory;
import redoubt.sgx.SgxCapabilities;
import redoubt.x86.CpuidBit;
import redoubt.x86.Feature;

/**
 * What a guest's CPUID shows: starts as what the host supports, is narrowed by whoever makes the VM, and is enforced by the
 * VM's processors, because they are made from it. Immutable. Source: {@code arch/x86/kvm/cpuid.c}, {@code
 * reverse_cpuid.h}.
 *
 * <p>As on KVM, leaf 12H is offered with its sub-leaves 0 and 1 only; the sections of EPC are the user's to add.
 */
public final class CpuidPolicy {
    private static final int SGX_LEAF = 0x12;
    private static final int XSAVE_LEAF = 0xD;
    private static final int AVX_STATE = 2;
    private static final int PKU_STATE = 9;

    /** Leaf functions that KVM does not offer to guests. */
    private static final Set<Feature> NOT_OFFERED =
            EnumSet.of(Feature.SGX_ENCLV, Feature.SGX_ENCLS_C, Feature.SGX_EUPDATESVN);

    /**
     * One answer ({@code struct kvm_cpuid_entry2}).
     *
     * @param significantIndex whether ECX matters for this function (KVM_CPUID_FLAG_SIGNIFCANT_INDEX)
     */
    public record Entry(int function, int index, boolean significantIndex, int eax, int ebx, int ecx, int edx) {
        /** EAX to EDX by number, see {@link CpuidBit}. */
        public int register(int number) {
            return switch (number) {
                case EAX -> eax;
                case EBX -> ebx;
                case ECX -> ecx;
                case EDX -> edx;
                default -> throw new IllegalArgumentException("no CPUID register " + number);
            };
        }

        /** The same entry with one register changed. */
        public Entry with(int number, int value) {
            return new Entry(
                    function,
                    index,
                    significantIndex,
                    number == EAX ? value : eax,
                    number == EBX ? value : ebx,
                    number == ECX ? value : ecx,
                    number == EDX ? value : edx);
        }
    }

    private final CpuModel model;

    private CpuidPolicy(CpuModel model) {
        this.model = model;
    }

    /**
     * What the host supports (KVM_GET_SUPPORTED_CPUID): all that the processor has, and of SGX what its package has and can
     * be intercepted.
     *
     * @param host null for a host without SGX
     */
    public static CpuidPolicy supported(CpuModel processor, @Nullable HostSgx host) {
        Set<Feature> features = EnumSet.copyOf(processor.features());
        features.removeAll(NOT_OFFERED);
        if (host == null || !host.devices().contains(HostSgx.Device.VIRTUAL_EPC)) {
            features.remove(Feature.SGX);
            return new CpuidPolicy(processor.limitedTo(features));
        }
        if (!host.hasLaunchControl()) {
            features.remove(Feature.SGX_LC);
        }
        SgxCapabilities hardware = host.platform().capabilities();
        features.removeIf(feature -> feature.bits().stream()
                .anyMatch(bit -> bit.leaf() == SGX_LEAF && (hardware(hardware, bit) >>> bit.bit() & 1) == 0));
        return new CpuidPolicy(processor.limitedTo(features).withEnclaveLimits(hardware.sizes(), hardware.xfrm()));
    }

    private static int hardware(SgxCapabilities hardware, CpuidBit bit) {
        return bit.subLeaf() == 1
                ? (int) hardware.attributes()
                : bit.register() == EAX ? hardware.features() : hardware.miscselect();
    }

    /** The feature that a bit tells of: as KVM's reverse table, and like it in the hardware's numbers. */
    public static Optional<Feature> feature(int function, int index, int register, int bit) {
        var wanted = new CpuidBit(function, index, register, bit);
        return Arrays.stream(Feature.values())
                .filter(feature -> feature.bits().contains(wanted))
                .findFirst();
    }

    /** The processor model to make a {@link Vm} with. */
    public CpuModel model() {
        return model;
    }

    // ---- as entries

    /** All entries, as a processor at reset gives them. */
    public List<Entry> entries() {
        List<Entry> all = new ArrayList<>();
        for (int range : new int[] {0, 0x80000000}) {
            int last = entries(range, 0).getFirst().eax();
            for (int function = range; Integer.compareUnsigned(function, last) <= 0; function++) {
                all.addAll(entries(function, 0));
            }
        }
        return List.copyOf(all);
    }

    /**
     * The entries of one function. It is asked for with index 0 and enumerates its sub-leaves itself.
     *
     * @throws IllegalArgumentException for another index (EINVAL)
     */
    public List<Entry> entries(int function, int index) {
        if (index != 0) {
            throw new IllegalArgumentException(
                    String.format("CPUID %XH index %d: sub-leaves are enumerated from index 0", function, index));
        }
        // a processor on the bench, as it is at reset
        var c = new Cpu(0, model, new PhysicalMemory(), new CodeCache(), Platform.NONE, LocalApic.NONE);
        List<Entry> found = new ArrayList<>();
        Entry first = read(c, function, 0);
        found.add(first);
        switch (function) {
            case 4 -> {
                for (int i = 1; (found.getLast().eax() & 0x1F) != 0; i++) {
                    found.add(read(c, function, i));
                }
            }
            case 0xB -> {
                for (int i = 1; (found.getLast().ecx() & 0xFF00) != 0; i++) {
                    found.add(read(c, function, i));
                }
            }
            case XSAVE_LEAF -> {
                long states = model.xcr0Allowed();
                for (int i = 1; i < 63 && states != 0; i++) {
                    if (i == 1 || (states >>> i & 1) != 0 && i > 1) {
                        found.add(read(c, function, i));
                    }
                }
            }
            case SGX_LEAF -> {
                if (model.has(Feature.SGX)) {
                    found.add(read(c, function, 1));
                }
            }
            default -> {
                // one entry; leaf 7 has no further sub-leaf
            }
        }
        return List.copyOf(found);
    }

    private static Entry read(Cpu c, int function, int index) {
        int[] out = new int[4];
        c.model.cpuid(c, function, index, out);
        boolean significant = switch (function) {
            case 4, 7, 0xB, XSAVE_LEAF, SGX_LEAF -> true;
            default -> false;
        };
        return new Entry(function, index, significant, out[EAX], out[EBX], out[ECX], out[EDX]);
    }

    /**
     * A policy that shows what these entries say (KVM_SET_CPUID2). They decide which features there are, which extended
     * states, how large enclaves may be and where EPC is; numbers that only describe the processor stay its own. XFRM is
     * limited by the guest's XCR0 here, after leaf 0DH is known (kvm-sgx issue 9).
     *
     * @throws IllegalArgumentException if an entry shows a feature that this policy lacks
     */
    public CpuidPolicy set(List<Entry> entries) {
        Set<Feature> features = EnumSet.of(Feature.BASE);
        for (Feature feature : Feature.values()) {
            boolean shown = feature != Feature.BASE && feature.bits().stream().allMatch(bit -> isSet(entries, bit));
            if (shown && !model.has(feature)) {
                throw new IllegalArgumentException("CPUID shows " + feature + ", which the host does not support");
            }
            if (shown) {
                features.add(feature);
            }
        }
        Entry xsave = find(entries, XSAVE_LEAF, 0);
        int states = xsave == null ? 0 : xsave.eax();
        if ((states >> AVX_STATE & 1) == 0) {
            features.remove(Feature.AVX);
        }
        if ((states >> PKU_STATE & 1) == 0) {
            features.remove(Feature.PKU);
        }
        Entry sizes = find(entries, SGX_LEAF, 0);
        Entry xfrm = find(entries, SGX_LEAF, 1);
        long components = xfrm == null ? 0 : (long) xfrm.edx() << 32 | xfrm.ecx() & 0xFFFF_FFFFL;
        return new CpuidPolicy(model.limitedTo(features)
                .withEnclaveLimits(
                        Math.min(sizes == null ? 0 : sizes.edx() & 0xFF, model.enclaveSizes() & 0xFF)
                                | Math.min(sizes == null ? 0 : sizes.edx() & 0xFF00, model.enclaveSizes() & 0xFF00),
                        components & model.xfrmAllowed())
                .withEpc(sections(entries)));
    }

    private static List<CpuModel.EpcSection> sections(List<Entry> entries) {
        return entries.stream()
                .filter(entry -> entry.function() == SGX_LEAF && entry.index() >= 2 && (entry.eax() & 0xF) == 1)
                .map(entry ->
                        new CpuModel.EpcSection(address(entry.eax(), entry.ebx()), address(entry.ecx(), entry.edx())))
                .toList();
    }

    private static long address(int low, int high) {
        return low & 0xFFFF_F000L | (high & 0xF_FFFFL) << 32;
    }

    private static boolean isSet(List<Entry> entries, CpuidBit bit) {
        Entry entry = find(entries, bit.leaf(), bit.subLeaf());
        return entry != null && (entry.register(bit.register()) >>> bit.bit() & 1) != 0;
    }

    private static @Nullable Entry find(List<Entry> entries, int function, int index) {
        return entries.stream()
                .filter(entry -> entry.function() == function && entry.index() == index)
                .findFirst()
                .orElse(null);
    }

    /** The policy without some features and what needs them. */
    public CpuidPolicy without(Feature... absent) {
        Set<Feature> features = EnumSet.copyOf(model.features());
        features.removeAll(List.of(absent));
        return new CpuidPolicy(model.limitedTo(features));
    }

    /** The policy with narrower limits for enclaves: leaf 12H.0:EDX, and 12H.1:EDX:ECX. */
    public CpuidPolicy withEnclaveLimits(int sizes, long xfrm) {
        return new CpuidPolicy(model.withEnclaveLimits(sizes, xfrm));
    }

    /** The policy with these sections of EPC as leaf 12H, sub-leaves 2 and following. */
    public CpuidPolicy withEpc(CpuModel.EpcSection... sections) {
        return new CpuidPolicy(model.withEpc(List.of(sections)));
    }
}
