package redoubt.hypervisor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import redoubt.cpu.Cpu;
import redoubt.cpu.CpuModel;
import redoubt.cpu.LocalApic;
import redoubt.cpu.Platform;
import redoubt.memory.PhysicalMemory;
import redoubt.sgx.Epc;
import redoubt.sgx.SgxCapabilities;
import redoubt.sgx.SgxPackage;
import redoubt.x86.Feature;

/**
 * A bare-metal guest in 64-bit mode: every leaf is an instruction that the engine executes, and every exception goes through
 * its IDT to a handler that halts.
 *
 * <p>RAM is mapped where it is, the EPC too; the enclaves' linear range from {@link #BASE} is the EPC from its start.
 */
final class TestGuest implements AutoCloseable {
    static final long EPC = 0x4000_0000L;
    static final long BASE = 0x1_0000_0000L;
    static final long MMIO = 0xE000_0000L;
    static final long SIZE = 0x20_0000L;

    static final long CODE = 0x8000;
    static final long PAGEINFO = 0x10000;
    static final long SECINFO = 0x11000;
    static final long SOURCE = 0x12000;
    static final long SIGSTRUCT = 0x13000;
    static final long TOKEN = 0x14000;
    static final long AEP = 0x18000;
    private static final long USER_STACK = 0x2F000;
    private static final long IDT = 0x30000;
    private static final long GDT = 0x31000;
    private static final long TSS = 0x32000;
    private static final long HANDLERS = 0x33000;
    private static final long KERNEL_STACK = 0x3F000;
    private static final long TABLES = 0x10_0000L;
    private static final long ENCLAVE_TABLES = TABLES + 0x4000;

    static final byte[] ENCLS = {0x0F, 0x01, (byte) 0xCF, (byte) 0xF4};

    final Vm vm;
    final Vcpu vcpu;
    final Cpu c;
    final MemorySegment ram;
    final VirtualEpc epc;
    VmExit last = VmExit.Budget.INSTANCE;

    /** A package with that many pages, and everything that is implemented. */
    static HostSgx host(int pages) {
        return host(pages, SgxCapabilities.of(model()));
    }

    static HostSgx host(int pages, SgxCapabilities capabilities) {
        Epc epc = new Epc(Arena.ofAuto(), pages);
        byte[] seed = "hypervisor test".getBytes(StandardCharsets.US_ASCII);
        return new HostSgx(new SgxPackage(epc, capabilities, seed, seed));
    }

    /** All that the processor can show, and AVX, so that there is a component of XFRM to deny. */
    static CpuModel model() {
        Set<Feature> features = EnumSet.copyOf(CpuModel.implemented());
        features.add(Feature.AVX);
        return new CpuModel(features, 1);
    }

    /** {@link #model} without some features. */
    static CpuModel without(Feature... absent) {
        Set<Feature> features = EnumSet.copyOf(model().features());
        features.removeAll(List.of(absent));
        return new CpuModel(features, 1);
    }

    TestGuest(HostSgx host, long epcBytes) {
        this(host, model(), epcBytes);
    }

    TestGuest(HostSgx host, CpuModel model, long epcBytes) {
        vm = new Vm(model, Platform.NONE, host);
        ram = vm.allocate(0x40_0000);
        vm.setMemslot(0, ram);
        epc = host.openVirtualEpc(epcBytes);
        vm.addVirtualEpc(EPC, epc);
        vcpu = vm.createVcpu(0, LocalApic.NONE);
        c = vcpu.cpu();
        put(TABLES, TABLES + 0x1000 | 7);
        put(TABLES + 0x1000, 0x87); // the first GB as it is
        put(TABLES + 0x1008, EPC | 0x87);
        put(TABLES + 0x1018, 0xC000_0000L | 0x87);
        put(TABLES + 0x1020, TABLES + 0x2000 | 7);
        for (int i = 0; i < (epcBytes + 0x1F_FFFF) >> 21; i++) {
            put(TABLES + 0x2000 + 8L * i, ENCLAVE_TABLES + 0x1000L * i | 7);
        }
        for (int i = 0; i < epcBytes >> 12; i++) {
            put(ENCLAVE_TABLES + 8L * i, EPC + 4096L * i | 7);
        }
        put(GDT + 0x08, 0x00AF9B000000FFFFL);
        put(GDT + 0x10, 0x00CF93000000FFFFL);
        for (int v = 0; v < 32; v++) {
            long handler = HANDLERS + v * 16L;
            put(IDT + v * 16L, handler & 0xFFFF | 0x08L << 16 | 0x8E00L << 32 | (handler >> 16) << 48);
            put(handler, 0xF4);
        }
        put(TSS + 4, KERNEL_STACK);
        put(CODE, ENCLS);
        put(AEP, new byte[] {0x0F, 0x01, (byte) 0xD7, 0x49, (byte) 0xFF, (byte) 0xC4, (byte) 0xF4});
        c.cr0 = 0x8001_0033L;
        c.cr3 = TABLES;
        c.cr4 = 0x20 | 0x200 | 0x40000;
        c.efer = 0xD00;
        c.xcr0 = 3;
        c.fpControl = 0x37F;
        c.idtBase = IDT;
        c.idtLimit = 0xFFF;
        c.gdtBase = GDT;
        c.gdtLimit = 0xFF;
        c.tr = 0x40;
        c.trBase = TSS;
        c.trLimit = 0x67;
        c.trAccess = 0x8B;
        kernel();
        c.mmu.flush();
        vcpu.msr(0x3A, 1 | 1 << 17 | 1 << 18);
    }

    // ---- memory

    void put(long physical, long value) {
        ram.set(ValueLayout.JAVA_LONG_UNALIGNED, physical, value);
    }

    void put(long physical, byte[] bytes) {
        MemorySegment.copy(bytes, 0, ram, ValueLayout.JAVA_BYTE, physical, bytes.length);
        c.mmu.hostPageWritten(ram.address() + physical & -4096);
    }

    long get(long physical) {
        return ram.get(ValueLayout.JAVA_LONG_UNALIGNED, physical);
    }

    /** Splits the first 2 MiB into pages, so that the rights of {@code page} can be set. */
    void pageTableEntry(long page, long entry) {
        long directory = TABLES + 0x8_0000L;
        long table = directory + 0x1000;
        put(TABLES + 0x1000, directory | 7);
        put(directory, table | 7);
        for (int i = 0; i < 512; i++) {
            put(table + 8L * i, 4096L * i | 7);
        }
        put(table + (page >> 12) * 8, entry);
        c.mmu.flush();
    }

    /** The entry that maps page {@code index} of the enclave's range. */
    void enclaveTableEntry(int index, long entry) {
        put(ENCLAVE_TABLES + 8L * index, entry);
        c.mmu.flush();
    }

    static long epcPage(int index) {
        return EPC + 4096L * index;
    }

    // ---- running

    void kernel() {
        segments(0x08, 0xA09B, 0x10, 0xC093, 0);
        c.r[4] = KERNEL_STACK - 0x800;
    }

    /** CPL 3 with its stack. */
    void user() {
        segments(0x33, 0xA0FB, 0x2B, 0xC0F3, 3);
        c.r[4] = USER_STACK;
        c.r[5] = USER_STACK + 0x100;
    }

    private void segments(int code, int codeAccess, int data, int dataAccess, int cpl) {
        for (int i = 0; i < 6; i++) {
            c.selector[i] = i == 1 ? code : data;
            c.segmentBase(i, 0);
            c.segmentLimit[i] = 0xFFFF_FFFFL;
            c.segmentAccess[i] = i == 1 ? codeAccess : dataAccess;
        }
        c.flags = 2;
        c.codeMode = 64;
        c.cpl(cpl);
    }

    /** Runs from {@code rip} until it halts: "none", or the exception. */
    String run(long rip) {
        c.rip = rip;
        return goOn();
    }

    String goOn() {
        c.halted = false;
        last = vcpu.run(100_000_000L);
        while (last instanceof VmExit.Mmio access) { // where nothing is: as an open bus
            if (!access.write()) {
                vcpu.complete(-1);
            }
            last = vcpu.run(100_000_000L);
        }
        if (!(last instanceof VmExit.Halt)) {
            return last.toString();
        }
        long vector = (c.rip - 1 - HANDLERS) / 16;
        if (c.rip < HANDLERS || vector > 31) {
            return "none";
        }
        return switch ((int) vector) {
            case 6 -> "#UD";
            case 13 -> "#GP";
            case 14 -> String.format("#PF %x %x", get(c.r[4]), c.cr2);
            default -> "vector " + vector;
        };
    }

    /** RIP that the last exception pushed. */
    long pushedRip(boolean errorCode) {
        return get(c.r[4] + (errorCode ? 8 : 0));
    }

    /** ENCLS in the guest's kernel; "rax N" or the exception. */
    String encls(int leaf, long rbx, long rcx, long rdx) {
        kernel();
        c.r[0] = leaf;
        c.r[3] = rbx;
        c.r[1] = rcx;
        c.r[2] = rdx;
        String outcome = run(CODE);
        return outcome.equals("none") ? "rax " + c.r[0] : outcome;
    }

    String rdmsr(int index) {
        kernel();
        put(CODE + 0x100, new byte[] {0x0F, 0x32, (byte) 0xF4});
        c.r[1] = index;
        String outcome = run(CODE + 0x100);
        return outcome.equals("none") ? String.format("%x", c.r[2] << 32 | c.r[0]) : outcome;
    }

    String wrmsr(int index, long value) {
        kernel();
        put(CODE + 0x100, new byte[] {0x0F, 0x30, (byte) 0xF4});
        c.r[1] = index;
        c.r[0] = value & 0xFFFF_FFFFL;
        c.r[2] = value >>> 32;
        return run(CODE + 0x100);
    }

    /** EAX EBX ECX EDX as the guest reads them. */
    int[] cpuid(int leaf, int subLeaf) {
        kernel();
        put(CODE + 0x100, new byte[] {0x0F, (byte) 0xA2, (byte) 0xF4});
        c.r[0] = leaf;
        c.r[1] = subLeaf;
        run(CODE + 0x100);
        return new int[] {(int) c.r[0], (int) c.r[3], (int) c.r[1], (int) c.r[2]};
    }

    // ---- enclaves: the SECS is in the last page of the EPC, the rest of the enclave where it lies in its range

    int secsPage() {
        return (int) (epc.bytes() >> 12) - 1;
    }

    long secs() {
        return epcPage(secsPage());
    }

    String ecreate(byte[] secs) {
        put(SOURCE, secs);
        put(SECINFO, new byte[64]);
        pageInfo(0, SOURCE, SECINFO, 0);
        return encls(0, PAGEINFO, secs(), 0);
    }

    void pageInfo(long linaddr, long srcpge, long secinfo, long secs) {
        put(PAGEINFO, linaddr);
        put(PAGEINFO + 8, srcpge);
        put(PAGEINFO + 16, secinfo);
        put(PAGEINFO + 24, secs);
    }

    String eadd(SignedEnclave.Page page, long epcAddress) {
        put(SOURCE, page.content());
        put(SECINFO, new byte[64]);
        put(SECINFO, page.secinfo());
        pageInfo(BASE + page.offset(), SOURCE, SECINFO, secs());
        String outcome = encls(1, PAGEINFO, epcAddress, 0);
        for (int i = 0; page.measured() && i < 4096 && !outcome.startsWith("#"); i += 256) {
            outcome = encls(6, secs(), epcAddress + i, 0);
        }
        return outcome;
    }

    /** ECREATE and all pages. */
    TestGuest build(SignedEnclave enclave) {
        String outcome = ecreate(enclave.secs());
        for (SignedEnclave.Page page : enclave.pages) {
            if (outcome.startsWith("#")) {
                throw new AssertionError("building the enclave: " + outcome);
            }
            outcome = eadd(page, EPC + page.offset());
        }
        return this;
    }

    void launchKey(long[] hash) {
        for (int i = 0; i < 4; i++) {
            vcpu.msr(0x8C + i, hash[i]);
        }
    }

    String einit(SignedEnclave enclave) {
        put(SIGSTRUCT, enclave.sigstruct());
        put(TOKEN, new byte[304]);
        return encls(2, SIGSTRUCT, secs(), TOKEN);
    }

    /** An initialized standard enclave with this code. */
    SignedEnclave enclave(long attributes, int... code) {
        var enclave = SignedEnclave.standard(BASE, SIZE, attributes, bytes(code));
        build(enclave);
        launchKey(enclave.launchKeyHash());
        String outcome = einit(enclave);
        if (!outcome.equals("rax 0")) {
            throw new AssertionError("EINIT: " + outcome);
        }
        return enclave;
    }

    /** Enters through the TCS at the start of the range; after EEXIT the HLT behind the ENCLU is #GP, with R12 1. */
    String eenter() {
        aboutToEnter();
        return goOn();
    }

    /** Enters with a value in R12. */
    String eenterWith(long r12) {
        aboutToEnter();
        c.r[12] = r12;
        return goOn();
    }

    /** Enters and stays for some instructions. */
    VmExit eenterFor(long instructions) {
        aboutToEnter();
        c.halted = false;
        return vcpu.run(instructions);
    }

    private void aboutToEnter() {
        user();
        c.r[0] = 2;
        c.r[3] = BASE;
        c.r[1] = AEP;
        c.r[12] = 0;
        c.rip = AEP;
    }

    @Override
    public void close() {
        vm.close();
    }

    /** A device that remembers how it was used. */
    static final class CountingDevice implements PhysicalMemory.Mmio {
        int accesses;

        @Override
        public long read(long offset, int size) {
            accesses++;
            return 0x55;
        }

        @Override
        public void write(long offset, int size, long value) {
            accesses++;
        }
    }

    static byte[] bytes(int... values) {
        byte[] out = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            out[i] = (byte) values[i];
        }
        return out;
    }
}
