package redoubt.cpu;

import static redoubt.x86.CpuidBit.EAX;
import static redoubt.x86.CpuidBit.EBX;
import static redoubt.x86.CpuidBit.ECX;
import static redoubt.x86.CpuidBit.EDX;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import redoubt.x86.CpuidBit;
import redoubt.x86.Feature;

/**
 * What a processor says of itself: CPUID (SDM vol. 2A, CPUID; vol. 1 chapter 20), and what control registers it has
 * accordingly. Immutable. The vendor is Intel, because system software reads time-stamp frequency (leaf 0x15) and SGX
 * (leaf 0x12) from that vendor only; family, model and stepping are the {@link CpuGeneration}'s.
 *
 * <p>What one bit tells is a row of {@link Feature}; numbers are in {@link #cpuid}.
 */
public final class CpuModel {
    /** Frequency of the time-stamp counter and of the core crystal clock, which are the same: leaf 0x15. */
    public static final long TSC_HZ = 1_000_000_000L;

    /**
     * A section of enclave page cache as leaf 0x12 tells of it.
     *
     * @param base guest-physical address, a multiple of 4096
     * @param bytes size, a multiple of 4096
     */
    public record EpcSection(long base, long bytes) {}

    /** Leaf 0x12, sub-leaf 0, EDX: log2 of the largest enclave, 2^36 bytes in 64-bit mode and 2^31 else. */
    public static final int ENCLAVE_SIZES = 0x241F;

    private static final int MAX_BASIC = 0x16;
    private static final int MAX_EXTENDED = 0x80000008;
    private static final int PHYSICAL_BITS = 46;
    private static final int LINEAR_BITS = 48;

    private final Set<Feature> features;
    private final int processors;
    private final CpuGeneration generation;
    private final List<EpcSection> epc;
    private final int enclaveSizes;
    private final long xfrm;

    /**
     * A model with these features. Those that need another are dropped with it, as AVX2 without AVX.
     *
     * @param features what to present; {@link Feature#BASE} is implied
     * @param processors logical processors in the package
     */
    public CpuModel(Set<Feature> features, int processors) {
        this(CpuGeneration.DEFAULT, features, processors);
    }

    /** A model that gives itself out for a processor of this generation, with these features. */
    public CpuModel(CpuGeneration generation, Set<Feature> features, int processors) {
        this(generation, Feature.closed(features), processors, List.of(), ENCLAVE_SIZES, -1);
    }

    private CpuModel(
            CpuGeneration generation,
            Set<Feature> features,
            int processors,
            List<EpcSection> epc,
            int enclaveSizes,
            long xfrm) {
        if (processors < 1 || processors > 128) {
            throw new IllegalArgumentException(processors + " processors: 1 to 128 are possible");
        }
        this.generation = generation;
        this.features = features;
        this.processors = processors;
        this.epc = epc;
        this.enclaveSizes = enclaveSizes;
        this.xfrm = xfrm;
    }

    /** The same model with these sections of EPC in leaf 0x12. */
    public CpuModel withEpc(List<EpcSection> sections) {
        return new CpuModel(generation, features, processors, List.copyOf(sections), enclaveSizes, xfrm);
    }

    /**
     * The same model with narrower limits for enclaves than its processor has.
     *
     * @param sizes leaf 0x12, sub-leaf 0, EDX
     * @param components of XFRM, leaf 0x12, sub-leaf 1, EDX:ECX; those that XCR0 cannot have stay out
     */
    public CpuModel withEnclaveLimits(int sizes, long components) {
        return new CpuModel(generation, features, processors, epc, sizes, components);
    }

    /** The same model, this many of it. */
    public CpuModel withProcessors(int count) {
        return new CpuModel(generation, features, count, epc, enclaveSizes, xfrm);
    }

    /** The same model without the features that {@code shown} lacks, and what needs them. */
    public CpuModel limitedTo(Set<Feature> shown) {
        EnumSet<Feature> both = EnumSet.copyOf(features);
        both.retainAll(shown);
        return new CpuModel(generation, Feature.closed(both), processors, epc, enclaveSizes, xfrm);
    }

    /** What a model can present: the features whose whole behaviour is implemented. */
    public static Set<Feature> implemented() {
        return EnumSet.of(
                Feature.BASE,
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
                Feature.SHA,
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
                Feature.VAES,
                Feature.VPCLMULQDQ,
                Feature.CX16,
                Feature.LAHF,
                Feature.RDTSCP,
                Feature.RDPID,
                Feature.CLFLUSHOPT,
                Feature.CLWB,
                Feature.SMAP,
                Feature.PKU,
                Feature.INVPCID,
                Feature.HYPERVISOR,
                Feature.X2APIC,
                Feature.TSC_DEADLINE,
                Feature.TSC_ADJUST,
                Feature.INVARIANT_TSC,
                Feature.ARAT,
                Feature.PCID,
                Feature.MONITOR,
                Feature.SMEP,
                Feature.UMIP,
                Feature.PAGES_1G,
                Feature.ERMS,
                Feature.FSRM,
                Feature.ARCH_CAPABILITIES,
                Feature.SGX,
                Feature.SGX_LC,
                Feature.SGX1,
                Feature.SGX2,
                Feature.SGX_ENCLS_C,
                Feature.SGX_EUPDATESVN,
                Feature.SGX_EDECCSSA,
                Feature.SGX_EXINFO,
                Feature.SGX_DEBUG,
                Feature.SGX_MODE64,
                Feature.SGX_PROVISIONKEY,
                Feature.SGX_TOKENKEY,
                Feature.SGX_KSS,
                Feature.SGX_AEX_NOTIFY);
    }

    /** Whether the model presents a feature. */
    public boolean has(Feature feature) {
        return features.contains(feature);
    }

    /** All features presented. */
    public Set<Feature> features() {
        return EnumSet.copyOf(features);
    }

    /** What the model gives itself out for. */
    public CpuGeneration generation() {
        return generation;
    }

    /** Logical processors in the package. */
    public int processors() {
        return processors;
    }

    /** The sections of EPC that it tells of. */
    public List<EpcSection> epc() {
        return epc;
    }

    /** MAXPHYADDR. */
    public int physicalBits() {
        return PHYSICAL_BITS;
    }

    /** Bits of CR4 that may be set. */
    public long cr4Allowed() {
        long bits = 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8; // TSD DE PSE PAE PGE PCE
        bits |= has(Feature.VME) ? 1 | 1 << 1 : 0; // VME, PVI
        bits |= has(Feature.SSE) ? 1 << 9 | 1 << 10 : 0; // OSFXSR, OSXMMEXCPT
        bits |= has(Feature.UMIP) ? 1 << 11 : 0;
        bits |= has(Feature.VMX) ? 1 << 13 : 0;
        bits |= has(Feature.FSGSBASE) ? 1 << 16 : 0;
        bits |= has(Feature.PCID) ? 1 << 17 : 0;
        bits |= has(Feature.XSAVE) ? 1 << 18 : 0;
        bits |= has(Feature.SMEP) ? 1 << 20 : 0;
        bits |= has(Feature.SMAP) ? 1 << 21 : 0;
        bits |= has(Feature.PKU) ? 1 << 22 : 0;
        return bits;
    }

    /** Bits of XCR0 that may be set; 0 without XSAVE. */
    public long xcr0Allowed() {
        if (!has(Feature.XSAVE)) {
            return 0;
        }
        return 1 | (has(Feature.SSE) ? 2 : 0) | (has(Feature.AVX) ? 4 : 0) | (has(Feature.PKU) ? 1 << 9 : 0);
    }

    /** Bits of XFRM that an enclave may have: leaf 0x12, sub-leaf 1, EDX:ECX. */
    public long xfrmAllowed() {
        return xcr0Allowed() & xfrm | 3;
    }

    /** Leaf 0x12, sub-leaf 0, EDX: log2 of the sizes that enclaves must stay below. */
    public int enclaveSizes() {
        return enclaveSizes;
    }

    // ---- the XSAVE area, leaf 0xD

    /** Size in bytes of an extended state component; 0 for one that does not exist. */
    public static int xstateSize(int component) {
        return component == 2 ? 256 : component == 9 ? 8 : 0;
    }

    /** Offset of an extended state component in the standard format. */
    public static int xstateOffset(int component) {
        return component == 2 ? 576 : component == 9 ? 2688 : 0;
    }

    /** Bytes of an area with these components. */
    public static int xstateAreaSize(long components, boolean compacted) {
        int size = 576;
        for (int component = 2; component < 63; component++) {
            if ((components >> component & 1) != 0) {
                size = (compacted ? size : Math.max(size, xstateOffset(component))) + xstateSize(component);
            }
        }
        return size;
    }

    // ---- CPUID

    /** Fills EAX, EBX, ECX, EDX of a leaf as this processor shows it now. */
    public void cpuid(Cpu c, int leaf, int subLeaf, int[] registers) {
        Arrays.fill(registers, 0);
        int at = leaf;
        if (leaf >>> 28 == 4) { // the range of hypervisors: none is announced
            return;
        }
        if (Integer.compareUnsigned(leaf, leaf < 0 ? MAX_EXTENDED : MAX_BASIC) > 0) {
            at = MAX_BASIC; // beyond the last leaf: the data of the highest basic one
        }
        values(c, at, subLeaf, registers);
        boolean subLeaved = at == 7 || at == 0xD || at == 0x12;
        int row = subLeaved ? subLeaf : 0;
        for (int register = 0; register < 4; register++) {
            registers[register] |= featureBits(at, row, register);
        }
    }

    /** The bits that the model's features set in a register of a sub-leaf; leaves without sub-leaves have only 0. */
    public int featureBits(int leaf, int subLeaf, int register) {
        int bits = 0;
        for (Feature feature : features) {
            for (CpuidBit bit : feature.bits()) {
                if (bit.leaf() == leaf && bit.subLeaf() == subLeaf && bit.register() == register) {
                    bits |= 1 << bit.bit();
                }
            }
        }
        return bits;
    }

    private void values(Cpu c, int leaf, int subLeaf, int[] registers) {
        switch (leaf) {
            case 0 -> set(registers, MAX_BASIC, 0x756E6547, 0x6C65746E, 0x49656E69); // GenuineIntel
            case 1 -> {
                boolean osxsave = (c.cr4 & 1 << 18) != 0;
                registers[EAX] = generation.signature();
                registers[EBX] = c.apicId << 24 | Integer.highestOneBit(2 * processors - 1) << 16 | 8 << 8;
                registers[ECX] = osxsave ? 1 << 27 : 0;
                registers[EDX] = processors > 1 ? 1 << 28 : 0; // HTT
            }
            case 2 -> registers[EAX] = 0x00FEFF01; // caches: see leaf 4; TLBs: leaf 0x18 does not exist
            case 4 -> cache(subLeaf, registers);
            case 5 -> {
                if (has(Feature.MONITOR)) {
                    set(registers, 64, 64, 3, 0x11); // lines of 64 bytes; interrupts end it; C0, C1
                }
            }
            case 7 -> {
                boolean ospke = (c.cr4 & 1 << 22) != 0;
                registers[ECX] = subLeaf == 0 && ospke ? 1 << 4 : 0;
            }
            case 0xB -> topology(c, subLeaf, registers);
            case 0xD -> xsave(c, subLeaf, registers);
            case 0x12 -> {
                if (has(Feature.SGX1)) {
                    sgx(subLeaf, registers);
                }
            }
            case 0x15 -> set(registers, 1, 1, (int) TSC_HZ, 0);
            case 0x16 -> set(registers, (int) (TSC_HZ / 1_000_000), (int) (TSC_HZ / 1_000_000), 100, 0);
            case 0x80000000 -> registers[EAX] = MAX_EXTENDED;
            case 0x80000001 -> registers[EDX] = c.codeMode == 64 ? 1 << 11 : 0; // SYSCALL
            case 0x80000002, 0x80000003, 0x80000004 -> brand(leaf & 7, registers);
            case 0x80000006 -> registers[ECX] = 1024 << 16 | 8 << 12 | 64;
            case 0x80000008 -> registers[EAX] = LINEAR_BITS << 8 | PHYSICAL_BITS;
            default -> {
                // only feature bits, or nothing
            }
        }
    }

    private static void set(int[] registers, int eax, int ebx, int ecx, int edx) {
        registers[EAX] = eax;
        registers[EBX] = ebx;
        registers[ECX] = ecx;
        registers[EDX] = edx;
    }

    private void cache(int subLeaf, int[] registers) {
        switch (subLeaf) {
            case 0 -> cache(registers, 1, 1, 8, 64, 1); // data 32 KiB
            case 1 -> cache(registers, 2, 1, 8, 64, 1); // instructions 32 KiB
            case 2 -> cache(registers, 3, 2, 16, 1024, 1); // unified 1 MiB
            case 3 -> cache(registers, 3, 3, 16, 16384, processors); // unified 16 MiB, shared
            default -> {
                // no more
            }
        }
    }

    private void cache(int[] registers, int type, int level, int ways, int sets, int sharing) {
        int idsSharing = Integer.highestOneBit(2 * sharing - 1) - 1;
        int idsOfCores = Integer.highestOneBit(2 * Math.min(processors, 64) - 1) - 1;
        set(
                registers,
                type | level << 5 | 1 << 8 | idsSharing << 14 | idsOfCores << 26,
                ways - 1 << 22 | 63,
                sets - 1,
                0);
    }

    private void topology(Cpu c, int subLeaf, int[] registers) {
        registers[ECX] = subLeaf & 0xFF;
        registers[EDX] = c.apicId;
        if (subLeaf == 0) { // one thread a core
            registers[EBX] = 1;
            registers[ECX] |= 1 << 8;
        } else if (subLeaf == 1) {
            registers[EAX] = 32 - Integer.numberOfLeadingZeros(processors - 1);
            registers[EBX] = processors;
            registers[ECX] |= 2 << 8;
        }
    }

    private void xsave(Cpu c, int subLeaf, int[] registers) {
        long allowed = xcr0Allowed();
        if (allowed == 0) {
            return;
        }
        if (subLeaf == 0) {
            set(registers, (int) allowed, xstateAreaSize(c.xcr0, false), xstateAreaSize(allowed, false), 0);
        } else if (subLeaf == 1) {
            registers[EBX] = has(Feature.XSAVEC) ? xstateAreaSize(c.xcr0, true) : 0;
        } else if (subLeaf > 1 && subLeaf < 63 && (allowed >> subLeaf & 1) != 0) {
            set(registers, xstateSize(subLeaf), xstateOffset(subLeaf), 0, 0);
        }
    }

    /** SDM vol. 3D section 34.7.2; what is a feature's bit comes from its row. */
    private void sgx(int subLeaf, int[] registers) {
        if (subLeaf == 0) {
            registers[EDX] = enclaveSizes;
        } else if (subLeaf == 1) {
            registers[ECX] = (int) xfrmAllowed();
            registers[EDX] = (int) (xfrmAllowed() >>> 32);
        } else if (subLeaf > 1 && subLeaf - 2 < epc.size()) {
            EpcSection section = epc.get(subLeaf - 2);
            set(
                    registers,
                    (int) section.base & 0xFFFFF000 | 1,
                    (int) (section.base >>> 32) & 0xFFFFF,
                    (int) section.bytes & 0xFFFFF000 | 1, // confidentiality and integrity
                    (int) (section.bytes >>> 32) & 0xFFFFF);
        }
    }

    private void brand(int part, int[] registers) {
        byte[] brand = generation.brand().getBytes(StandardCharsets.US_ASCII);
        ByteBuffer text = ByteBuffer.wrap(Arrays.copyOf(brand, 48)).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 4; i++) {
            registers[i] = text.getInt((part - 2) * 16 + 4 * i);
        }
    }
}
