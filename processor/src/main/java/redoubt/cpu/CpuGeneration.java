package redoubt.cpu;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import redoubt.x86.Feature;

/**
 * The processors that a {@link CpuModel} can be: a generation of SGX with the family, model and stepping of a processor that
 * was sold, and that one's features as far as they are implemented here. All have Intel's vendor string, a brand string that
 * says what they are, 46 physical address bits, the four-level cache of leaf 4 and one thread a core.
 *
 * <p>What no model has although the real ones do: AVX-512, AMX, MPX, TSX (all of it absent, as if switched off), CET,
 * performance counters, processor trace, machine-check banks, RDT, speed-shift, 5-level paging; and MONITOR unless it is
 * asked for, as under KVM. What every model has although
 * some real ones do not: the hypervisor bit, x2APIC, TSC-deadline timer and invariant TSC, and ARCH_CAPABILITIES, which says
 * that there is no speculation to be protected from.
 */
public enum CpuGeneration {
    /** Core i7-6700 (2015): the first SGX; only Intel decides what may be launched. */
    SKYLAKE_SGX1("skylake-sgx1", 0x000506E3, "SGX1, no launch control", Part.CORE, Part.SGX1),

    /** Core i7-8700 (2018): flexible launch control, still SGX1. */
    COFFEELAKE("coffeelake", 0x000906EA, "SGX1, flexible launch control", Part.CORE, Part.SGX1, Part.FLC),

    /** Third-generation Xeon Scalable (2021), which clouds rent out with SGX: SGX2, EXINFO, key separation and sharing. */
    ICELAKE_SERVER(
            "icelake-server", 0x000606A6, "SGX2, EXINFO, KSS", Part.CORE, Part.SERVER, Part.SGX1, Part.FLC, Part.SGX2),

    /** Fourth-generation Xeon Scalable (2023) with the microcode that brings AEX-Notify. */
    SAPPHIRERAPIDS(
            "sapphirerapids",
            0x000806F8,
            "as icelake-server, and AEX-Notify, EDECCSSA",
            Part.CORE,
            Part.SERVER,
            Part.SGX1,
            Part.FLC,
            Part.SGX2,
            Part.AEX_NOTIFY),

    /** Everything that is implemented, under the number of the newest generation; grows with every release. */
    MAX("max", 0x000806F8, "everything that Redoubt implements", EnumSet.allOf(Feature.class));

    /**
     * What a machine is if nobody chooses: the generation that is rented out most, and a fixed one, so that a program that
     * runs today sees the same processor after an update.
     */
    public static final CpuGeneration DEFAULT = ICELAKE_SERVER;

    /** Features that came together. */
    private enum Part {
        CORE(
                Feature.VME,
                Feature.X87,
                Feature.MMX,
                Feature.SSE,
                Feature.SSE2,
                Feature.SSE3,
                Feature.SSSE3,
                Feature.SSE4_1,
                Feature.SSE4_2,
                Feature.AES,
                Feature.PCLMULQDQ,
                Feature.POPCNT,
                Feature.MOVBE,
                Feature.LZCNT,
                Feature.BMI1,
                Feature.BMI2,
                Feature.ADX,
                Feature.RDRAND,
                Feature.RDSEED,
                Feature.FSGSBASE,
                Feature.XSAVE,
                Feature.XSAVEOPT,
                Feature.XSAVEC,
                Feature.XGETBV1,
                Feature.XSAVES,
                Feature.AVX,
                Feature.AVX2,
                Feature.FMA,
                Feature.F16C,
                Feature.CX16,
                Feature.LAHF,
                Feature.RDTSCP,
                Feature.CLFLUSHOPT,
                Feature.SMAP,
                Feature.SMEP,
                Feature.PCID,
                Feature.INVPCID,
                Feature.VMX,
                Feature.SMX,
                Feature.HYPERVISOR,
                Feature.X2APIC,
                Feature.TSC_DEADLINE,
                Feature.TSC_ADJUST,
                Feature.INVARIANT_TSC,
                Feature.ARAT,
                Feature.PAGES_1G,
                Feature.ERMS,
                Feature.ARCH_CAPABILITIES),
        SERVER(
                Feature.SHA,
                Feature.VAES,
                Feature.VPCLMULQDQ,
                Feature.RDPID,
                Feature.CLWB,
                Feature.PKU,
                Feature.UMIP,
                Feature.FSRM),
        SGX1(
                Feature.SGX,
                Feature.SGX1,
                Feature.SGX_DEBUG,
                Feature.SGX_MODE64,
                Feature.SGX_PROVISIONKEY,
                Feature.SGX_TOKENKEY),
        FLC(Feature.SGX_LC),
        SGX2(Feature.SGX2, Feature.SGX_EXINFO, Feature.SGX_KSS),
        AEX_NOTIFY(Feature.SGX_EDECCSSA, Feature.SGX_AEX_NOTIFY);

        private final List<Feature> features;

        Part(Feature... features) {
            this.features = List.of(features);
        }
    }

    private final String modelName;
    private final int signature;
    private final String summary;
    private final Set<Feature> real;

    CpuGeneration(String modelName, int signature, String summary, Part... parts) {
        this(modelName, signature, summary, union(parts));
    }

    CpuGeneration(String modelName, int signature, String summary, Set<Feature> real) {
        this.modelName = modelName;
        this.signature = signature;
        this.summary = summary;
        this.real = real;
    }

    private static Set<Feature> union(Part... parts) {
        EnumSet<Feature> all = EnumSet.of(Feature.BASE);
        for (Part part : parts) {
            all.addAll(part.features);
        }
        return all;
    }

    /** The name on the command line. */
    public String modelName() {
        return modelName;
    }

    /** CPUID leaf 1 EAX: family, model, stepping. */
    public int signature() {
        return signature;
    }

    /** Its SGX in a few words. */
    public String summary() {
        return summary;
    }

    /** The brand string, leaves 0x80000002 to 0x80000004. */
    public String brand() {
        return "Redoubt software " + modelName + " @ 1.00GHz";
    }

    /** Its features, those left out that are not implemented. */
    public Set<Feature> features() {
        EnumSet<Feature> features = EnumSet.copyOf(real);
        features.retainAll(CpuModel.implemented());
        return Feature.closed(features);
    }

    /** The model of this name. */
    public static Optional<CpuGeneration> ofName(String name) {
        return Arrays.stream(values())
                .filter(generation -> generation.modelName.equals(name))
                .findFirst();
    }
}
