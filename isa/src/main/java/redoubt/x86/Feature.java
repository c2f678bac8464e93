package redoubt.x86;

import static redoubt.x86.CpuidBit.EAX;
import static redoubt.x86.CpuidBit.EBX;
import static redoubt.x86.CpuidBit.ECX;
import static redoubt.x86.CpuidBit.EDX;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A CPUID-enumerated feature: one row with the flag under which it is asked for (QEMU's name), the bit that tells of it
 * (SDM vol. 2A, CPUID; vol. 3D section 34.7.2 for SGX) and the features it cannot be without. Instructions name the feature
 * they belong to.
 *
 * <p>{@link #BASE} is the x86-64 baseline, always present.
 */
public enum Feature {
    BASE(),
    /** Virtual-8086 mode extensions and protected-mode virtual interrupts. */
    VME("vme", CpuidBit.of(1, EDX, 1)),
    X87("fpu", CpuidBit.of(1, EDX, 0)),
    MMX("mmx", CpuidBit.of(1, EDX, 23), X87),
    SSE("sse", CpuidBit.of(1, EDX, 25)),
    SSE2("sse2", CpuidBit.of(1, EDX, 26), SSE),
    SSE3("sse3", "pni", CpuidBit.of(1, ECX, 0), SSE2),
    SSSE3("ssse3", CpuidBit.of(1, ECX, 9), SSE3),
    SSE4_1("sse4.1", CpuidBit.of(1, ECX, 19), SSSE3),
    SSE4_2("sse4.2", CpuidBit.of(1, ECX, 20), SSE4_1),
    AES("aes", CpuidBit.of(1, ECX, 25), SSE2),
    PCLMULQDQ("pclmulqdq", CpuidBit.of(1, ECX, 1), SSE2),
    SHA("sha-ni", CpuidBit.of(7, EBX, 29), SSE2),
    POPCNT("popcnt", CpuidBit.of(1, ECX, 23)),
    MOVBE("movbe", CpuidBit.of(1, ECX, 22)),
    LZCNT("abm", CpuidBit.of(0x80000001, ECX, 5)),
    BMI1("bmi1", CpuidBit.of(7, EBX, 3)),
    BMI2("bmi2", CpuidBit.of(7, EBX, 8)),
    ADX("adx", CpuidBit.of(7, EBX, 19)),
    RDRAND("rdrand", CpuidBit.of(1, ECX, 30)),
    RDSEED("rdseed", CpuidBit.of(7, EBX, 18)),
    FSGSBASE("fsgsbase", CpuidBit.of(7, EBX, 0)),
    XSAVE("xsave", CpuidBit.of(1, ECX, 26)),
    XSAVEOPT("xsaveopt", CpuidBit.of(0xD, 1, EAX, 0), XSAVE),
    XSAVEC("xsavec", CpuidBit.of(0xD, 1, EAX, 1), XSAVE),
    /** XGETBV with ECX = 1. */
    XGETBV1("xgetbv1", CpuidBit.of(0xD, 1, EAX, 2), XSAVE),
    XSAVES("xsaves", CpuidBit.of(0xD, 1, EAX, 3), XSAVEC),
    AVX("avx", CpuidBit.of(1, ECX, 28), XSAVE, SSE2),
    AVX2("avx2", CpuidBit.of(7, EBX, 5), AVX),
    FMA("fma", CpuidBit.of(1, ECX, 12), AVX),
    F16C("f16c", CpuidBit.of(1, ECX, 29), AVX),
    /** AES instructions on 256 bits. */
    VAES("vaes", CpuidBit.of(7, ECX, 9), AVX, AES),
    /** PCLMULQDQ on 256 bits. */
    VPCLMULQDQ("vpclmulqdq", CpuidBit.of(7, ECX, 10), AVX, PCLMULQDQ),
    CX16("cx16", CpuidBit.of(1, ECX, 13)),
    LAHF("lahf-lm", CpuidBit.of(0x80000001, ECX, 0)),
    RDTSCP("rdtscp", CpuidBit.of(0x80000001, EDX, 27)),
    RDPID("rdpid", CpuidBit.of(7, ECX, 22)),
    CLFLUSHOPT("clflushopt", CpuidBit.of(7, EBX, 23)),
    CLWB("clwb", CpuidBit.of(7, EBX, 24)),
    SMAP("smap", CpuidBit.of(7, EBX, 20)),
    PKU("pku", CpuidBit.of(7, ECX, 3), XSAVE),
    PCID("pcid", CpuidBit.of(1, ECX, 17)),
    INVPCID("invpcid", CpuidBit.of(7, EBX, 10), PCID),
    VMX("vmx", CpuidBit.of(1, ECX, 5)),
    MONITOR("monitor", CpuidBit.of(1, ECX, 3)),
    SMX("smx", CpuidBit.of(1, ECX, 6), VMX),

    // SGX. Leaf 7 says that there is any; leaf 12H which leaf functions, faults and attributes.
    SGX("sgx", CpuidBit.of(7, EBX, 2)),
    /** Flexible launch control. */
    SGX_LC("sgxlc", "sgx_lc", CpuidBit.of(7, ECX, 30), SGX),
    SGX1("sgx1", null, CpuidBit.of(0x12, 0, EAX, 0), SGX),
    /** EAUG, EMODPR, EMODT, EACCEPT, EMODPE, EACCEPTCOPY. */
    SGX2("sgx2", null, CpuidBit.of(0x12, 0, EAX, 1), SGX1),
    /** ENCLV with EDECVIRTCHILD, EINCVIRTCHILD, ESETCONTEXT. */
    SGX_ENCLV("sgx-enclv", null, CpuidBit.of(0x12, 0, EAX, 5), SGX1),
    /** ERDINFO, ETRACKC, ELDBC, ELDUC. */
    SGX_ENCLS_C("sgx-encls-c", null, CpuidBit.of(0x12, 0, EAX, 6), SGX1),
    SGX_EUPDATESVN("sgx-eupdatesvn", null, CpuidBit.of(0x12, 0, EAX, 10), SGX1),
    SGX_EDECCSSA("sgx-edeccssa", null, CpuidBit.of(0x12, 0, EAX, 11), SGX1),
    /** Page faults and general protection are described in the SSA's MISC region. */
    SGX_EXINFO("sgx-exinfo", null, CpuidBit.of(0x12, 0, EBX, 0), SGX1),
    SGX_DEBUG("sgx-debug", null, CpuidBit.of(0x12, 1, EAX, 1), SGX1),
    SGX_MODE64("sgx-mode64", null, CpuidBit.of(0x12, 1, EAX, 2), SGX1),
    SGX_PROVISIONKEY("sgx-provisionkey", null, CpuidBit.of(0x12, 1, EAX, 4), SGX1),
    SGX_TOKENKEY("sgx-tokenkey", null, CpuidBit.of(0x12, 1, EAX, 5), SGX1),
    /** Key separation and sharing. */
    SGX_KSS("sgx-kss", null, CpuidBit.of(0x12, 1, EAX, 7), SGX1),
    SGX_AEX_NOTIFY("sgx-aex-notify", null, CpuidBit.of(0x12, 1, EAX, 10), SGX_EDECCSSA),

    // Not of instructions, but enumerated and enforced elsewhere.
    HYPERVISOR("hypervisor", CpuidBit.of(1, ECX, 31)),
    X2APIC("x2apic", CpuidBit.of(1, ECX, 21)),
    TSC_DEADLINE("tsc-deadline", "tsc_deadline_timer", CpuidBit.of(1, ECX, 24)),
    TSC_ADJUST("tsc-adjust", CpuidBit.of(7, EBX, 1)),
    INVARIANT_TSC("invtsc", null, CpuidBit.of(0x80000007, EDX, 8)),
    ARAT("arat", CpuidBit.of(6, EAX, 2)),
    SMEP("smep", CpuidBit.of(7, EBX, 7)),
    UMIP("umip", CpuidBit.of(7, ECX, 2)),
    PAGES_1G("pdpe1gb", CpuidBit.of(0x80000001, EDX, 26)),
    /** Enhanced REP MOVSB and STOSB. */
    ERMS("erms", CpuidBit.of(7, EBX, 9)),
    /** Fast short REP MOVSB. */
    FSRM("fsrm", CpuidBit.of(7, EDX, 4)),
    ARCH_CAPABILITIES("arch-capabilities", CpuidBit.of(7, EDX, 29));

    private final @Nullable String flag;
    private final @Nullable String linuxName;
    private final List<CpuidBit> bits;
    private final List<Feature> needs;

    /** The baseline, which nobody asks for and nobody can do without. */
    Feature() {
        flag = null;
        linuxName = null;
        needs = List.of();
        bits = List.of(
                CpuidBit.of(1, EDX, 2), // DE
                CpuidBit.of(1, EDX, 3), // PSE
                CpuidBit.of(1, EDX, 4), // TSC
                CpuidBit.of(1, EDX, 5), // MSR
                CpuidBit.of(1, EDX, 6), // PAE
                CpuidBit.of(1, EDX, 8), // CX8
                CpuidBit.of(1, EDX, 9), // APIC
                CpuidBit.of(1, EDX, 11), // SEP
                CpuidBit.of(1, EDX, 12), // MTRR
                CpuidBit.of(1, EDX, 13), // PGE
                CpuidBit.of(1, EDX, 15), // CMOV
                CpuidBit.of(1, EDX, 16), // PAT
                CpuidBit.of(1, EDX, 17), // PSE-36
                CpuidBit.of(1, EDX, 19), // CLFSH
                CpuidBit.of(1, EDX, 24), // FXSR
                CpuidBit.of(7, EBX, 13), // FCS and FDS deprecated
                CpuidBit.of(0x80000001, ECX, 8), // PREFETCHW
                CpuidBit.of(0x80000001, EDX, 20), // NX
                CpuidBit.of(0x80000001, EDX, 29)); // LM
    }

    Feature(String flag, CpuidBit bit, Feature... needs) {
        this(flag, flag.replace('-', '_').replace('.', '_'), bit, needs);
    }

    /** A row whose name in Linux is another, or which Linux does not show (null). */
    Feature(String flag, @Nullable String linuxName, CpuidBit bit, Feature... needs) {
        this.flag = flag;
        this.linuxName = linuxName;
        this.bits = List.of(bit);
        this.needs = List.of(needs);
    }

    /** The name on the command line, which is QEMU's where QEMU has one; empty for {@link #BASE}. */
    public Optional<String> flag() {
        return Optional.ofNullable(flag);
    }

    /** The name in {@code /proc/cpuinfo} (arch/x86/include/asm/cpufeatures.h); empty for what is not shown there. */
    public Optional<String> linuxName() {
        return Optional.ofNullable(linuxName);
    }

    /** What CPUID sets for it. */
    public List<CpuidBit> bits() {
        return bits;
    }

    /** The features that must be there with it. */
    public List<Feature> needs() {
        return needs;
    }

    /** The feature of this flag; underscores count as hyphens, as in QEMU. */
    public static Optional<Feature> ofFlag(String name) {
        String hyphened = name.replace('_', '-');
        return Arrays.stream(values())
                .filter(feature -> hyphened.equals(feature.flag))
                .findFirst();
    }

    /** What remains of a set, {@link #BASE} added, when everything goes whose needs are not in it. */
    public static Set<Feature> closed(Set<Feature> asked) {
        EnumSet<Feature> result = EnumSet.of(BASE);
        result.addAll(asked);
        while (result.removeIf(feature -> !result.containsAll(feature.needs))) {
            // what needed the removed ones goes in the next round
        }
        return result;
    }
}
