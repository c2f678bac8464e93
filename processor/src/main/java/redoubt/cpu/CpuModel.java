package redoubt.cpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import redoubt.x86.Feature;

/**
 * What a processor says of itself: CPUID (SDM vol. 2A, CPUID; vol. 1 chapter 20), and what control registers it has
 * accordingly. Immutable. Vendor and model are those of an Ice Lake server, because system software reads time-stamp
 * frequency (leaf 0x15) and SGX (leaf 0x12) from that vendor only.
 */
public final class CpuModel {
    /** Frequency of the time-stamp counter and of the core crystal clock, which are the same: leaf 0x15. */
    public static final long TSC_HZ = 1_000_000_000L;

    /** Leaf 0x12, which depends on the package and on what a hypervisor lets a guest see. */
    @FunctionalInterface
    public interface SgxLeaves {
        /** Fills EAX, EBX, ECX, EDX of a sub-leaf. */
        void read(int subLeaf, int[] registers);
    }

    private static final int EAX = 0;
    private static final int EBX = 1;
    private static final int ECX = 2;
    private static final int EDX = 3;

    private static final int MAX_BASIC = 0x16;
    private static final int MAX_EXTENDED = 0x80000008;
    private static final int SIGNATURE = 0x000606A6;
    private static final int PHYSICAL_BITS = 46;
    private static final int LINEAR_BITS = 48;
    private static final byte[] BRAND = "Redoubt software processor @ 1.00GHz".getBytes(StandardCharsets.US_ASCII);

    /** One enumeration bit. */
    private record Bit(Feature feature, int leaf, int subLeaf, int register, int bit) {}

    private static final List<Bit> BITS = List.of(
            base(1, EDX, 2), // DE
            base(1, EDX, 3), // PSE
            base(1, EDX, 4), // TSC
            base(1, EDX, 5), // MSR
            base(1, EDX, 6), // PAE
            base(1, EDX, 8), // CX8
            base(1, EDX, 9), // APIC
            base(1, EDX, 11), // SEP
            base(1, EDX, 12), // MTRR
            base(1, EDX, 13), // PGE
            base(1, EDX, 15), // CMOV
            base(1, EDX, 16), // PAT
            base(1, EDX, 17), // PSE-36
            base(1, EDX, 19), // CLFSH
            base(1, EDX, 24), // FXSR
            new Bit(Feature.X87, 1, 0, EDX, 0),
            new Bit(Feature.MMX, 1, 0, EDX, 23),
            new Bit(Feature.SSE, 1, 0, EDX, 25),
            new Bit(Feature.SSE2, 1, 0, EDX, 26),
            new Bit(Feature.SSE3, 1, 0, ECX, 0),
            new Bit(Feature.PCLMULQDQ, 1, 0, ECX, 1),
            new Bit(Feature.MONITOR, 1, 0, ECX, 3),
            new Bit(Feature.VMX, 1, 0, ECX, 5),
            new Bit(Feature.SMX, 1, 0, ECX, 6),
            new Bit(Feature.SSSE3, 1, 0, ECX, 9),
            new Bit(Feature.FMA, 1, 0, ECX, 12),
            new Bit(Feature.CX16, 1, 0, ECX, 13),
            new Bit(Feature.PCID, 1, 0, ECX, 17),
            new Bit(Feature.SSE4_1, 1, 0, ECX, 19),
            new Bit(Feature.SSE4_2, 1, 0, ECX, 20),
            new Bit(Feature.X2APIC, 1, 0, ECX, 21),
            new Bit(Feature.MOVBE, 1, 0, ECX, 22),
            new Bit(Feature.POPCNT, 1, 0, ECX, 23),
            new Bit(Feature.TSC_DEADLINE, 1, 0, ECX, 24),
            new Bit(Feature.AES, 1, 0, ECX, 25),
            new Bit(Feature.XSAVE, 1, 0, ECX, 26),
            new Bit(Feature.AVX, 1, 0, ECX, 28),
            new Bit(Feature.F16C, 1, 0, ECX, 29),
            new Bit(Feature.RDRAND, 1, 0, ECX, 30),
            new Bit(Feature.HYPERVISOR, 1, 0, ECX, 31),
            new Bit(Feature.ARAT, 6, 0, EAX, 2),
            new Bit(Feature.FSGSBASE, 7, 0, EBX, 0),
            new Bit(Feature.TSC_ADJUST, 7, 0, EBX, 1),
            new Bit(Feature.SGX, 7, 0, EBX, 2),
            new Bit(Feature.BMI1, 7, 0, EBX, 3),
            new Bit(Feature.AVX2, 7, 0, EBX, 5),
            new Bit(Feature.SMEP, 7, 0, EBX, 7),
            new Bit(Feature.BMI2, 7, 0, EBX, 8),
            new Bit(Feature.FAST_STRINGS, 7, 0, EBX, 9), // ERMS
            new Bit(Feature.INVPCID, 7, 0, EBX, 10),
            base(7, EBX, 13), // FCS and FDS deprecated
            new Bit(Feature.RDSEED, 7, 0, EBX, 18),
            new Bit(Feature.ADX, 7, 0, EBX, 19),
            new Bit(Feature.SMAP, 7, 0, EBX, 20),
            new Bit(Feature.CLFLUSHOPT, 7, 0, EBX, 23),
            new Bit(Feature.CLWB, 7, 0, EBX, 24),
            new Bit(Feature.SHA, 7, 0, EBX, 29),
            new Bit(Feature.UMIP, 7, 0, ECX, 2),
            new Bit(Feature.PKU, 7, 0, ECX, 3),
            new Bit(Feature.RDPID, 7, 0, ECX, 22),
            new Bit(Feature.SGX, 7, 0, ECX, 30), // SGX_LC
            new Bit(Feature.FAST_STRINGS, 7, 0, EDX, 4), // FSRM
            new Bit(Feature.ARCH_CAPABILITIES, 7, 0, EDX, 29),
            new Bit(Feature.XSAVEOPT, 0xD, 1, EAX, 0),
            new Bit(Feature.XSAVEC, 0xD, 1, EAX, 1),
            new Bit(Feature.XSAVEC, 0xD, 1, EAX, 2), // XGETBV with ECX = 1
            new Bit(Feature.XSAVES, 0xD, 1, EAX, 3),
            new Bit(Feature.LAHF, 0x80000001, 0, ECX, 0),
            new Bit(Feature.LZCNT, 0x80000001, 0, ECX, 5),
            base(0x80000001, ECX, 8), // PREFETCHW
            base(0x80000001, EDX, 20), // NX
            new Bit(Feature.PAGES_1G, 0x80000001, 0, EDX, 26),
            new Bit(Feature.RDTSCP, 0x80000001, 0, EDX, 27),
            base(0x80000001, EDX, 29), // LM
            new Bit(Feature.INVARIANT_TSC, 0x80000007, 0, EDX, 8));

    private static Bit base(int leaf, int register, int bit) {
        return new Bit(Feature.BASE, leaf, 0, register, bit);
    }

    private final Set<Feature> features;
    private final int processors;
    private final SgxLeaves sgx;

    /**
     * A model with these features. Those that need another are dropped with it, as AVX2 without AVX.
     *
     * @param features what to present; {@link Feature#BASE} is implied
     * @param processors logical processors in the package
     */
    public CpuModel(Set<Feature> features, int processors) {
        this(closed(features), processors, (subLeaf, registers) -> Arrays.fill(registers, 0));
    }

    private CpuModel(Set<Feature> features, int processors, SgxLeaves sgx) {
        if (processors < 1 || processors > 128) {
            throw new IllegalArgumentException(processors + " processors: 1 to 128 are possible");
        }
        this.features = features;
        this.processors = processors;
        this.sgx = sgx;
    }

    /** The same model with leaf 0x12 from {@code leaves}. */
    public CpuModel withSgxLeaves(SgxLeaves leaves) {
        return new CpuModel(features, processors, leaves);
    }

    /** What every model can present: the features whose whole behaviour is implemented; AVX is not yet. */
    public static Set<Feature> defaults() {
        return EnumSet.of(
                Feature.BASE,
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
                Feature.XSAVES,
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
                Feature.SMEP,
                Feature.UMIP,
                Feature.PAGES_1G,
                Feature.FAST_STRINGS,
                Feature.ARCH_CAPABILITIES);
    }

    private static Set<Feature> closed(Set<Feature> asked) {
        EnumSet<Feature> result = EnumSet.of(Feature.BASE);
        result.addAll(asked);
        boolean xsave = result.contains(Feature.XSAVE);
        if (!xsave) {
            result.removeAll(Set.of(Feature.XSAVEOPT, Feature.XSAVEC, Feature.XSAVES, Feature.AVX));
        }
        if (!result.contains(Feature.XSAVEC)) {
            result.remove(Feature.XSAVES);
        }
        if (!result.contains(Feature.AVX)) { // VEX-encoded or with 256-bit state
            result.removeAll(Set.of(Feature.AVX2, Feature.FMA, Feature.F16C));
        }
        if (!result.contains(Feature.PCID)) {
            result.remove(Feature.INVPCID);
        }
        return result;
    }

    /** Whether the model presents a feature. */
    public boolean has(Feature feature) {
        return features.contains(feature);
    }

    /** All features presented. */
    public Set<Feature> features() {
        return EnumSet.copyOf(features);
    }

    /** MAXPHYADDR. */
    public int physicalBits() {
        return PHYSICAL_BITS;
    }

    /** Bits of CR4 that may be set. */
    public long cr4Allowed() {
        long bits = 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8; // TSD DE PSE PAE PGE PCE
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
        boolean subLeaved = at == 7 || at == 0xD;
        for (Bit bit : BITS) {
            if (bit.leaf == at && (!subLeaved || bit.subLeaf == subLeaf) && has(bit.feature)) {
                registers[bit.register] |= 1 << bit.bit;
            }
        }
    }

    private void values(Cpu c, int leaf, int subLeaf, int[] registers) {
        switch (leaf) {
            case 0 -> set(registers, MAX_BASIC, 0x756E6547, 0x6C65746E, 0x49656E69); // GenuineIntel
            case 1 -> {
                boolean osxsave = (c.cr4 & 1 << 18) != 0;
                registers[EAX] = SIGNATURE;
                registers[EBX] = c.apicId << 24 | Integer.highestOneBit(2 * processors - 1) << 16 | 8 << 8;
                registers[ECX] = osxsave ? 1 << 27 : 0;
                registers[EDX] = processors > 1 ? 1 << 28 : 0; // HTT
            }
            case 2 -> registers[EAX] = 0x00FEFF01; // caches: see leaf 4; TLBs: leaf 0x18 does not exist
            case 4 -> cache(subLeaf, registers);
            case 5 -> {
                if (has(Feature.MONITOR)) {
                    set(registers, 64, 64, 0, 3);
                }
            }
            case 7 -> {
                boolean ospke = (c.cr4 & 1 << 22) != 0;
                registers[ECX] = subLeaf == 0 && ospke ? 1 << 4 : 0;
            }
            case 0xB -> topology(c, subLeaf, registers);
            case 0xD -> xsave(c, subLeaf, registers);
            case 0x12 -> {
                if (has(Feature.SGX)) {
                    sgx.read(subLeaf, registers);
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

    private static void brand(int part, int[] registers) {
        ByteBuffer text = ByteBuffer.wrap(Arrays.copyOf(BRAND, 48)).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 4; i++) {
            registers[i] = text.getInt((part - 2) * 16 + 4 * i);
        }
    }
}
