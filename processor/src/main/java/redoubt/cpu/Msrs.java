package redoubt.cpu;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import redoubt.x86.Feature;

/**
 * Model-specific registers: SDM vol. 4. A register is one row with the bits that can be written; what has effects or
 * further conditions is code in {@link #read} and {@link #write}. Anything else raises #GP(0).
 */
public final class Msrs {
    public static final int TSC = 0x10;
    public static final int APIC_BASE = 0x1B;
    public static final int FEATURE_CONTROL = 0x3A;
    public static final int TSC_ADJUST = 0x3B;
    public static final int SGX_LE_PUBKEY_HASH0 = 0x8C;
    public static final int SYSENTER_CS = 0x174;
    public static final int SYSENTER_ESP = 0x175;
    public static final int SYSENTER_EIP = 0x176;
    public static final int MISC_ENABLE = 0x1A0;
    public static final int PAT = 0x277;
    public static final int MTRR_DEF_TYPE = 0x2FF;

    /** The first of two; they can only be written. */
    public static final int SGX_OWNER_EPOCH0 = 0x300;

    public static final int TSC_DEADLINE = 0x6E0;
    public static final int EFER = 0xC0000080;
    public static final int STAR = 0xC0000081;
    public static final int LSTAR = 0xC0000082;
    public static final int CSTAR = 0xC0000083;
    public static final int FMASK = 0xC0000084;
    public static final int FS_BASE = 0xC0000100;
    public static final int GS_BASE = 0xC0000101;
    public static final int KERNEL_GS_BASE = 0xC0000102;
    public static final int TSC_AUX = 0xC0000103;

    /** FEATURE_CONTROL: no more writes until the next reset. */
    public static final long LOCK = 1;

    /** FEATURE_CONTROL: VMXON outside SMX. */
    public static final long VMX_ENABLE = 1 << 2;

    /** FEATURE_CONTROL: the launch key's hash can be written. */
    public static final long SGX_LC_ENABLE = 1 << 17;

    /** FEATURE_CONTROL: SGX. */
    public static final long SGX_ENABLE = 1 << 18;

    private static final int X2APIC_FIRST = 0x800;
    private static final int X2APIC_LAST = 0x8FF;

    /** APIC_BASE: EXTD. */
    private static final long X2APIC_ENABLE = 1 << 10;

    /** EFER bits. */
    private static final long LME = 1 << 8;

    private static final long LMA = 1 << 10;
    private static final long EFER_WRITABLE = 1 | LME | 1 << 11;

    /** MISC_ENABLE: MONITOR and MWAIT. */
    private static final long MONITOR_ENABLED = 1 << 18;

    private static final long ALL = -1;
    private static final long PHYSICAL = (1L << 46) - 1;
    private static final long MTRR_VARIABLE = 8;

    /** Whether every logical processor has its own or the package has one; those are all read-only. */
    public enum Scope {
        THREAD,
        PACKAGE
    }

    /**
     * One register.
     *
     * @param reset its value after RESET
     * @param writable the bits that may differ from {@code reset} in a written value
     * @param features what must be there for it to exist
     */
    public record Msr(String name, int index, long reset, long writable, Scope scope, List<Feature> features) {
        public Msr {
            if (scope == Scope.PACKAGE && writable != 0) {
                throw new IllegalArgumentException(name + ": a write would have to reach the other processors");
            }
        }

        /** Whether a processor of this model has it. */
        public boolean exists(CpuModel model) {
            return model.features().containsAll(features);
        }
    }

    private static Msr row(String name, int index, long reset, long writable, Feature... features) {
        return new Msr(name, index, reset, writable, Scope.THREAD, List.of(features));
    }

    private static Msr shared(String name, int index, long reset, long writable, Feature... features) {
        return new Msr(name, index, reset, writable, Scope.PACKAGE, List.of(features));
    }

    private static final Msr[] ROWS = Stream.of(
                    Stream.of(
                            row("TSC", TSC, 0, ALL),
                            shared("PLATFORM_ID", 0x17, 0, 0),
                            row("SMI_COUNT", 0x34, 0, 0),
                            row("FEATURE_CONTROL", FEATURE_CONTROL, 0, LOCK),
                            row("TSC_ADJUST", TSC_ADJUST, 0, ALL, Feature.TSC_ADJUST),
                            // Loading a microcode update is not possible; software clears this before reading it.
                            row("BIOS_SIGN_ID", 0x8B, 0x0D00_03B9L << 32, ALL),
                            // The hash of the vendor's launch key
                            row("SGXLEPUBKEYHASH0", 0x8C, 0xa6053e051270b7acL, ALL, Feature.SGX_LC, Feature.SGX1),
                            row("SGXLEPUBKEYHASH1", 0x8D, 0x6cfbe8ba8b3b413dL, ALL, Feature.SGX_LC, Feature.SGX1),
                            row("SGXLEPUBKEYHASH2", 0x8E, 0xc4916d99f2b3735dL, ALL, Feature.SGX_LC, Feature.SGX1),
                            row("SGXLEPUBKEYHASH3", 0x8F, 0xd4f8c05909f9bb3bL, ALL, Feature.SGX_LC, Feature.SGX1),
                            shared("PLATFORM_INFO", 0xCE, 10 << 8, 0), // base ratio 10 of 100 MHz
                            row("MTRRCAP", 0xFE, 0x500 | MTRR_VARIABLE, 0), // fixed ranges, WC
                            // Speculation does not happen: RDCL_NO SKIP_L1DFL SSB_NO MDS_NO PSCHANGE_MC_NO TAA_NO
                            // SBDR_SSDP_NO FBSDP_NO PSDP_NO BHI_NO PBRSB_NO GDS_NO RFDS_NO ITS_NO
                            row(
                                    "ARCH_CAPABILITIES",
                                    0x10A,
                                    1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 8 | 7 << 13 | 1 << 20 | 1 << 24
                                            | 3 << 26 | 1L << 62,
                                    0,
                                    Feature.ARCH_CAPABILITIES),
                            row("MISC_FEATURES_ENABLES", 0x140, 0, 0),
                            row("SYSENTER_CS", SYSENTER_CS, 0, 0xFFFF_FFFFL),
                            row("SYSENTER_ESP", SYSENTER_ESP, 0, ALL),
                            row("SYSENTER_EIP", SYSENTER_EIP, 0, ALL),
                            row("MISC_ENABLE", MISC_ENABLE, 0x1801, 1), // BTS and PEBS unavailable, fast strings
                            row("DEBUGCTL", 0x1D9, 0, 0),
                            row("PAT", PAT, 0x0007_0406_0007_0406L, ALL),
                            // As firmware leaves it: everything write-back, MTRRs on
                            row("MTRR_DEF_TYPE", MTRR_DEF_TYPE, 0xC06, 0xCFF),
                            row("XSS", 0xDA0, 0, 0, Feature.XSAVES),
                            row("EFER", EFER, 0, EFER_WRITABLE | LMA),
                            row("STAR", STAR, 0, ALL),
                            row("LSTAR", LSTAR, 0, ALL),
                            row("CSTAR", CSTAR, 0, ALL),
                            row("FMASK", FMASK, 0, 0xFFFF_FFFFL),
                            row("FS_BASE", FS_BASE, 0, ALL),
                            row("GS_BASE", GS_BASE, 0, ALL),
                            row("KERNEL_GS_BASE", KERNEL_GS_BASE, 0, ALL),
                            row("TSC_AUX", TSC_AUX, 0, 0xFFFF_FFFFL, Feature.RDTSCP)),
                    IntStream.range(0, (int) MTRR_VARIABLE)
                            .boxed()
                            .flatMap(i -> Stream.of(
                                    row("MTRR_PHYSBASE" + i, 0x200 + 2 * i, 0, PHYSICAL & ~0xFFFL | 0xFF),
                                    row("MTRR_PHYSMASK" + i, 0x201 + 2 * i, 0, PHYSICAL & ~0xFFFL | 0x800))),
                    IntStream.of(0x250, 0x258, 0x259, 0x268, 0x269, 0x26A, 0x26B, 0x26C, 0x26D, 0x26E, 0x26F)
                            .mapToObj(i -> row("MTRR_FIX_" + Integer.toHexString(i), i, 0x0606_0606_0606_0606L, ALL)))
            .flatMap(rows -> rows)
            .sorted(Comparator.comparingInt(Msr::index))
            .toArray(Msr[]::new);

    private static final int[] INDICES =
            Arrays.stream(ROWS).mapToInt(Msr::index).toArray();

    /** A hypervisor's handlers of RDMSR and WRMSR, where its MSR bitmaps (SDM vol. 3C 24.6.9) make these instructions exit. */
    public interface Intercept {
        /** Whether the register is the hypervisor's. */
        boolean handles(int index);

        /** RDMSR; may throw #GP(0). */
        long read(int index);

        /** WRMSR; may throw #GP(0). */
        void write(int index, long value);
    }

    /** The hypervisor's handlers, if there is one. {@link #get} and {@link #set} are the processor's own and not asked. */
    public @Nullable Intercept intercept;

    private final Cpu c;
    private final long[] values = new long[ROWS.length];
    private final boolean[] present = new boolean[ROWS.length];
    private long adjust;

    Msrs(Cpu c) {
        this.c = c;
        for (int i = 0; i < ROWS.length; i++) {
            present[i] = ROWS[i].exists(c.model);
        }
        reset();
    }

    /** Values after RESET. Those kept in the {@link Cpu} are {@link Reset}'s. */
    final void reset() {
        for (int i = 0; i < ROWS.length; i++) {
            values[i] = resetValue(ROWS[i]);
        }
        adjust = 0;
        c.enclave.featureControl(get(FEATURE_CONTROL));
    }

    private long resetValue(Msr row) {
        return row.index == MISC_ENABLE && c.model.has(Feature.MONITOR) ? row.reset | MONITOR_ENABLED : row.reset;
    }

    /** All registers but the local APIC's, by index. */
    public static List<Msr> rows() {
        return List.of(ROWS);
    }

    private static int find(int index) {
        return Arrays.binarySearch(INDICES, index);
    }

    private static int slot(int index) {
        int slot = find(index);
        if (slot < 0) {
            throw new IllegalArgumentException(String.format("no MSR 0x%x", index));
        }
        return slot;
    }

    /** The time-stamp counter now, as RDTSC reads it. */
    public long tsc() {
        return c.platform.tsc(c.instructions) + adjust;
    }

    /** A register of the bank, without checks of privilege or presence. */
    public long get(int index) {
        return switch (index) {
            case TSC -> tsc();
            case TSC_ADJUST -> adjust;
            case EFER -> c.efer;
            case FS_BASE -> c.segmentBase[4];
            case GS_BASE -> c.segmentBase[5];
            default -> values[slot(index)];
        };
    }

    /** Sets a register of the bank without checks; what depends on it follows. */
    public void set(int index, long value) {
        switch (index) {
            case TSC -> adjustTsc(value - c.platform.tsc(c.instructions));
            case TSC_ADJUST -> adjustTsc(value);
            case EFER -> {
                c.efer = value;
                c.mmu.flush();
                c.mmu.contextChanged();
            }
            case FS_BASE -> c.segmentBase(4, value);
            case GS_BASE -> c.segmentBase(5, value);
            case FEATURE_CONTROL -> {
                values[slot(index)] = value;
                c.enclave.featureControl(value);
            }
            default -> values[slot(index)] = value;
        }
    }

    private void adjustTsc(long value) {
        adjust = value;
        c.apic.tscOffset(value);
    }

    private static boolean isApic(int index) {
        return index == APIC_BASE || index == TSC_DEADLINE || index >= X2APIC_FIRST && index <= X2APIC_LAST;
    }

    /** Whether it is one of the two registers of the owner epoch. */
    public static boolean isOwnerEpoch(int index) {
        return (index & ~1) == SGX_OWNER_EPOCH0;
    }

    /** #GP(0) for a register of the local APIC that the model has not, before the APIC is asked. */
    private void checkApic(int index) {
        boolean exists =
                index == APIC_BASE || c.model.has(index == TSC_DEADLINE ? Feature.TSC_DEADLINE : Feature.X2APIC);
        if (!exists) {
            throw c.generalProtection(0);
        }
    }

    /** RDMSR, privilege apart. Throws #GP(0) for an absent register. */
    public long read(int index) {
        if (intercept != null && intercept.handles(index)) {
            return intercept.read(index);
        }
        if (isApic(index)) {
            checkApic(index);
            try {
                return c.apic.readMsr(index);
            } catch (MsrFault absent) {
                throw c.generalProtection(0);
            }
        }
        int slot = find(index);
        if (slot < 0 || !present[slot]) {
            throw c.generalProtection(0);
        }
        return get(index);
    }

    /** WRMSR, privilege apart. Throws #GP(0) before any change when the register or a value does not exist. */
    public void write(int index, long value) {
        if (intercept != null && intercept.handles(index)) {
            intercept.write(index, value);
            return;
        }
        if (isApic(index)) {
            checkApic(index);
            if (index == APIC_BASE && (value & X2APIC_ENABLE) != 0 && !c.model.has(Feature.X2APIC)) {
                throw c.generalProtection(0);
            }
            try {
                c.apic.writeMsr(index, value);
            } catch (MsrFault refused) {
                throw c.generalProtection(0);
            }
            c.leaveLoop();
            return;
        }
        if (isOwnerEpoch(index) && c.model.has(Feature.SGX1)) {
            c.enclave.ownerEpoch(index - SGX_OWNER_EPOCH0, value);
            return;
        }
        int slot = find(index);
        if (slot < 0 || !present[slot]) {
            throw c.generalProtection(0);
        }
        Msr msr = ROWS[slot];
        long writable = index == FEATURE_CONTROL ? featureControlBits() : msr.writable;
        if (((value ^ resetValue(msr)) & ~writable) != 0 || !acceptable(index, value)) {
            throw c.generalProtection(0);
        }
        switch (index) {
            case 0x8B -> {
                // accepted and without effect
            }
            case EFER -> {
                set(EFER, value & ~LMA | c.efer & LMA);
                c.leaveLoop();
            }
            default -> set(index, value);
        }
    }

    private long featureControlBits() {
        return LOCK
                | (c.model.has(Feature.SGX) ? SGX_ENABLE : 0)
                | (c.model.has(Feature.SGX_LC) ? SGX_LC_ENABLE : 0)
                | (c.model.has(Feature.VMX) ? VMX_ENABLE : 0);
    }

    /** Conditions beyond single bits. */
    private boolean acceptable(int index, long value) {
        if (index >= SGX_LE_PUBKEY_HASH0 && index < SGX_LE_PUBKEY_HASH0 + 4) {
            long needed = LOCK | SGX_LC_ENABLE;
            return (get(FEATURE_CONTROL) & needed) == needed;
        }
        if (index >= 0x200 && index < 0x200 + 2 * MTRR_VARIABLE) {
            return (index & 1) != 0 || isMemoryType((int) value & 0xFF);
        }
        if (index >= 0x250 && index <= 0x26F) {
            return eachByte(value, false);
        }
        return switch (index) {
            case FEATURE_CONTROL -> (get(FEATURE_CONTROL) & LOCK) == 0;
            case SYSENTER_ESP, SYSENTER_EIP, LSTAR, CSTAR, FS_BASE, GS_BASE, KERNEL_GS_BASE ->
                value << 16 >> 16 == value;
            case PAT -> eachByte(value, true);
            case MTRR_DEF_TYPE -> isMemoryType((int) value & 0xFF);
            case EFER -> (c.cr0 & 1L << 31) == 0 || ((value ^ c.efer) & LME) == 0;
            default -> true;
        };
    }

    /** UC, WC, WT, WP, WB. */
    private static boolean isMemoryType(int type) {
        return type == 0 || type == 1 || type == 4 || type == 5 || type == 6;
    }

    private static boolean eachByte(long value, boolean uncachedMinus) {
        for (int shift = 0; shift < 64; shift += 8) {
            int type = (int) (value >>> shift) & 0xFF;
            if (!isMemoryType(type) && !(uncachedMinus && type == 7)) {
                return false;
            }
        }
        return true;
    }
}
