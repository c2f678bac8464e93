package redoubt.sgx;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.RSAKeyGenParameterSpec;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import redoubt.cpu.CodeCache;
import redoubt.cpu.Cpu;
import redoubt.cpu.CpuModel;
import redoubt.cpu.GuestFault;
import redoubt.cpu.LocalApic;
import redoubt.cpu.Mem;
import redoubt.cpu.Platform;
import redoubt.memory.PhysicalMemory;

/**
 * A 64-bit processor with paging, RAM, and an EPC window, whose leaf functions a test calls directly. RAM and the EPC window
 * are mapped at their physical addresses; the enclave's range at {@link #BASE} is mapped page by page.
 */
final class SgxRig {
    static final long EPC = 0x4000_0000L;
    static final int EPC_PAGES = 64;
    static final long BASE = 0x1_0000_0000L;
    /** Another view of the same page tables, for enclaves of 32 bits. */
    static final long BASE32 = 0x8000_0000L;

    static final long SIZE = 0x10000;

    // scratch operands in RAM
    static final long PAGEINFO = 0x10000;
    static final long SECINFO = 0x11000;
    static final long SOURCE = 0x12000;
    static final long SIGSTRUCT = 0x13000;
    static final long TOKEN = 0x14000;
    static final long PCMD = 0x15000;
    static final long BACKING = 0x16000;
    static final long AEP = 0x18000;
    static final long TABLES = 0x100000;

    static final KeyPair SIGNER = key();
    private static final Map<String, byte[]> SIGNED = new ConcurrentHashMap<>();

    /** Where {@link #eadd} takes the enclave to be. */
    long base = BASE;

    final MemorySegment ram = Arena.ofAuto().allocate(0x200000, 4096);
    final Epc epc;
    final SgxPackage platform;
    private final CpuModel model;
    private final PhysicalMemory memory = new PhysicalMemory();
    private final CodeCache code = new CodeCache();

    /** The first processor. */
    final Cpu c;

    final SgxUnit unit;

    SgxRig() {
        this(SgxCapabilities.standard(3), "boot");
    }

    /** A processor that has every leaf. */
    static SgxRig withAllLeaves() {
        SgxCapabilities s = SgxCapabilities.standard(3);
        int features = s.features() | SgxCapabilities.ENCLV | SgxCapabilities.ENCLS_C | SgxCapabilities.EUPDATESVN;
        return new SgxRig(new SgxCapabilities(features, s.miscselect(), s.sizes(), s.attributes(), s.xfrm()), "boot");
    }

    SgxRig(SgxCapabilities capabilities, String boot) {
        this(new CpuModel(CpuModel.implemented(), 1), capabilities, boot);
    }

    SgxRig(CpuModel model) {
        this(model, SgxCapabilities.of(model), "boot");
    }

    private SgxRig(CpuModel model, SgxCapabilities capabilities, String boot) {
        this(
                model,
                new SgxPackage(
                        new Epc(Arena.ofAuto(), EPC_PAGES),
                        capabilities,
                        "root".getBytes(StandardCharsets.UTF_8),
                        boot.getBytes(StandardCharsets.UTF_8)));
    }

    /** Another machine, with RAM of its own, on the same package. */
    SgxRig(SgxRig other) {
        this(other.model, other.platform);
    }

    private SgxRig(CpuModel model, SgxPackage platform) {
        this.platform = platform;
        epc = platform.epc;
        this.model = model;
        memory.addRam(0, ram);
        memory.addEpc(EPC, (EPC_PAGES + 1) * 4096L, offset -> offset >> 12 < EPC_PAGES ? (int) (offset >> 12) : -1);
        put(TABLES, TABLES + 0x1000 | 7);
        put(TABLES + 0x1000, 0x87); // first GB as it is
        put(TABLES + 0x1008, EPC | 0x87);
        put(TABLES + 0x1010, TABLES + 0x2000 | 7);
        put(TABLES + 0x1020, TABLES + 0x2000 | 7); // from 4 GB: page tables
        put(TABLES + 0x2000, TABLES + 0x3000 | 7);
        c = addProcessor();
        unit = (SgxUnit) c.enclave;
    }

    /** Another processor of the package, in the state that the first one begins with. */
    Cpu addProcessor() {
        Cpu c = new Cpu(0, model, memory, code, Platform.NONE, LocalApic.NONE);
        c.enclave = new SgxUnit(platform);
        c.cr0 = 0x8001_0033L;
        c.cr3 = TABLES;
        c.cr4 = 0x20 | 0x200 | 0x40000;
        c.efer = 0xD00;
        c.xcr0 = 3;
        c.fpControl = 0x37F;
        c.codeMode = 64;
        c.segmentBase[1] = 0;
        c.segmentAccess[1] = 0xA09B;
        c.segmentAccess[3] = 0xC093;
        c.cpl(0);
        c.mmu.flush();
        c.msrs.set(0x3A, 1 | 1 << 17 | 1 << 18);
        return c;
    }

    static KeyPair key() {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
            generator.initialize(new RSAKeyGenParameterSpec(3072, RSAKeyGenParameterSpec.F0), new SecureRandom());
            return generator.generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    // ---- memory

    void put(long physical, long value) {
        ram.set(ValueLayout.JAVA_LONG_UNALIGNED, physical, value);
    }

    long get(long physical) {
        return ram.get(ValueLayout.JAVA_LONG_UNALIGNED, physical);
    }

    void put(long physical, byte[] bytes) {
        MemorySegment.copy(bytes, 0, ram, ValueLayout.JAVA_BYTE, physical, bytes.length);
    }

    byte[] bytes(long physical, int length) {
        return ram.asSlice(physical, length).toArray(ValueLayout.JAVA_BYTE);
    }

    /** Points the enclave page at {@code offset} at an EPC page; -1: not present. */
    void map(long offset, int epcPage) {
        put(TABLES + 0x3000 + (offset >> 12) * 8, epcPage < 0 ? 0 : address(epcPage) | 7);
        c.mmu.flush();
    }

    static long address(int epcPage) {
        return EPC + epcPage * 4096L;
    }

    // ---- instructions

    long encls(int leaf, long rbx, long rcx, long rdx) {
        c.cpl(0);
        registers(leaf, rbx, rcx, rdx);
        unit.encls(c);
        return c.r[0];
    }

    /** ENCLS on another processor of the package. */
    long enclsElsewhere(SgxUnit other, int leaf, long rbx, long rcx, long rdx) {
        c.enclave = other;
        c.cpl(0);
        registers(leaf, rbx, rcx, rdx);
        other.encls(c);
        return c.r[0];
    }

    long enclu(int leaf, long rbx, long rcx, long rdx) {
        c.cpl(3);
        registers(leaf, rbx, rcx, rdx);
        unit.enclu(c);
        return c.r[0];
    }

    /** ENCLV in VMX root operation. */
    long enclv(int leaf, long rbx, long rcx, long rdx) {
        c.cpl(0);
        registers(leaf, rbx, rcx, rdx);
        unit.enclvInRoot(c);
        return c.r[0];
    }

    private void registers(int leaf, long rbx, long rcx, long rdx) {
        c.r[0] = leaf;
        c.r[3] = rbx;
        c.r[1] = rcx;
        c.r[2] = rdx;
    }

    /** "#GP", "#PF 8003 40000000", or "none". */
    static String faultOf(Runnable action) {
        try {
            action.run();
            return "none";
        } catch (GuestFault f) {
            return switch (f.vector) {
                case 6 -> "#UD";
                case 7 -> "#NM";
                case 13 -> "#GP";
                case 14 -> String.format("#PF %x %x", f.errorCode, f.address);
                default -> f.toString();
            };
        }
    }

    void pageInfo(long linaddr, long srcpge, long secinfo, long secs) {
        put(PAGEINFO, linaddr);
        put(PAGEINFO + 8, srcpge);
        put(PAGEINFO + 16, secinfo);
        put(PAGEINFO + 24, secs);
    }

    void secinfo(long flags) {
        put(SECINFO, new byte[64]);
        put(SECINFO, flags);
    }

    // ---- building enclaves

    static byte[] secs(long attributes) {
        byte[] secs = new byte[4096];
        Bytes.put64(secs, Secs.SIZE, SIZE);
        Bytes.put64(secs, Secs.BASEADDR, BASE);
        Bytes.put32(secs, Secs.SSAFRAMESIZE, 1);
        Bytes.put64(secs, Secs.ATTRIBUTES, attributes);
        Bytes.put64(secs, Secs.XFRM, 3);
        return secs;
    }

    void ecreate(int page, byte[] secs) {
        put(SOURCE, secs);
        secinfo(0);
        pageInfo(0, SOURCE, SECINFO, 0);
        encls(0, PAGEINFO, address(page), 0);
    }

    void eadd(int secs, int page, long offset, long flags, byte[] content) {
        put(SOURCE, content);
        secinfo(flags);
        pageInfo(base + offset, SOURCE, SECINFO, address(secs));
        encls(1, PAGEINFO, address(page), 0);
    }

    void eextend(int secs, int page) {
        for (int i = 0; i < 4096; i += 256) {
            encls(6, address(secs), address(page) + i, 0);
        }
    }

    static byte[] tcs(long ossa, int nssa, long entry) {
        byte[] tcs = new byte[4096];
        Bytes.put64(tcs, Tcs.OSSA, ossa);
        Bytes.put32(tcs, Tcs.NSSA, nssa);
        Bytes.put64(tcs, Tcs.OENTRY, entry);
        Bytes.put32(tcs, Tcs.FSLIMIT, -1);
        Bytes.put32(tcs, Tcs.GSLIMIT, -1);
        return tcs;
    }

    /** A SIGSTRUCT of {@link #SIGNER} for what the SECS has measured. */
    byte[] sign(int secs, long attributes) {
        byte[] measurement = Measurement.load(epc.host(secs)).digest();
        long xfrm = Host.get64(epc.host(secs) + Secs.XFRM);
        int misc = Host.get32(epc.host(secs) + Secs.MISCSELECT);
        return SIGNED.computeIfAbsent(
                        String.join(
                                " ",
                                HexFormat.of().formatHex(measurement),
                                Long.toHexString(attributes),
                                Long.toHexString(xfrm),
                                Integer.toHexString(misc)),
                        k -> sign(SIGNER, measurement, attributes, xfrm, misc, 0, 3))
                .clone();
    }

    static byte[] sign(byte[] measurement, long attributes, int prodId, int svn) {
        return sign(SIGNER, measurement, attributes, 3, 0, prodId, svn);
    }

    static byte[] sign(
            KeyPair signer, byte[] measurement, long attributes, long xfrm, int miscselect, int prodId, int svn) {
        var identity = new SigstructSigner.Identity(0, attributes, xfrm, -1, -1, miscselect, -1, prodId, svn);
        return new SigstructSigner((RSAPrivateCrtKey) signer.getPrivate())
                .sign(measurement, identity)
                .bytes();
    }

    /** Writes the launch key hash MSRs, as Linux does before EINIT. */
    void launchKey(byte[] sigstruct) {
        byte[] hash = SigstructVerifier.mrsigner(sigstruct);
        for (int i = 0; i < 4; i++) {
            c.msrs.set(0x8C + i, Bytes.get64(hash, 8 * i));
        }
    }

    long einit(int secs, byte[] sigstruct) {
        put(SIGSTRUCT, sigstruct);
        put(TOKEN, new byte[304]);
        return encls(2, SIGSTRUCT, address(secs), TOKEN);
    }

    /**
     * An initialized enclave: SECS in EPC page 0; at offset 0 a TCS (EPC page 1), SSA frames at 0x1000 and 0x2000 (2, 3), RW
     * data at 0x3000 (4), RX code at 0x4000 (5), a second TCS at 0x5000 with SSA at 0x6000 (6, 7).
     */
    SgxRig standardEnclave(long attributes) {
        return standardEnclave(attributes, 3);
    }

    /** The same with another XFRM than x87 and SSE. */
    SgxRig standardEnclave(long attributes, long xfrm) {
        byte[] s = buildEnclave(attributes, xfrm);
        long code = einit(0, s);
        if (code != 0) {
            throw new IllegalStateException("EINIT gave " + code);
        }
        return this;
    }

    /** The same, not initialized; returns a SIGSTRUCT that will do, of a signer that may launch. */
    byte[] buildEnclave(long attributes) {
        return buildEnclave(attributes, 3);
    }

    private byte[] buildEnclave(long attributes, long xfrm) {
        byte[] zero = new byte[4096];
        byte[] secs = secs(attributes);
        Bytes.put64(secs, Secs.XFRM, xfrm);
        ecreate(0, secs);
        eadd(0, 1, 0, 0x100, tcs(0x1000, 2, 0x4000));
        eadd(0, 2, 0x1000, 0x203, zero);
        eadd(0, 3, 0x2000, 0x203, zero);
        eadd(0, 4, 0x3000, 0x203, zero);
        eadd(0, 5, 0x4000, 0x205, zero);
        eadd(0, 6, 0x5000, 0x100, tcs(0x6000, 1, 0x4000));
        eadd(0, 7, 0x6000, 0x203, zero);
        for (int i = 1; i <= 7; i++) {
            eextend(0, i);
            map((i - 1) * 4096L, i);
        }
        byte[] s = sign(0, attributes);
        launchKey(s);
        return s;
    }

    /** Enters through the TCS at an offset. */
    void eenter(long tcsOffset) {
        c.rip = AEP + 3;
        enclu(2, BASE + tcsOffset, AEP, 0);
    }

    void eexit() {
        enclu(4, AEP + 0x100, 0, 0);
    }

    long load(long linear) {
        return Mem.ld64(c, linear);
    }

    void store(long linear, long value) {
        Mem.st64(c, linear, value);
    }
}
