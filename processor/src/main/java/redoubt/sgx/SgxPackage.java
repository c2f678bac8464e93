package redoubt.sgx;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/**
 * What the logical processors of a package share: the EPC and the package-wide registers (SDM vol. 3D table 38-4). All
 * secrets are derived from two seeds, so that a run can be repeated: {@code root} stands for the fuses, {@code boot} for the
 * random numbers drawn at reset.
 */
public final class SgxPackage {
    final Epc epc;
    final SgxCapabilities capabilities;

    private static final int SVN_SIZE = 16;
    private static final int LAST_ENCLS = 0x18;
    private static final int LAST_ENCLU = 9;

    /** CR_CPUSVN. */
    private byte[] cpuSvn = new byte[SVN_SIZE];

    /** What EUPDATESVN makes of it. */
    private byte[] microcodeSvn;

    /** CR_SGXOWNEREPOCH. */
    private byte[] ownerEpoch;

    private int enabledThreads;

    private final byte[] sealFuses;
    private final byte[] deviceKey;
    private final byte[] seed;
    private int generation;

    /** CR_BASE_PK. */
    byte[] pagingKey = new byte[0];

    /** CR_REPORT_KEYID. */
    byte[] reportKeyId = new byte[0];

    private final byte[] padding = SigstructVerifier.padding();
    private long nextEid = 1;
    private long pagingVersion;
    private final long[] enclsExecuted = new long[LAST_ENCLS + 1];
    private final long[] encluExecuted = new long[LAST_ENCLU + 1];

    /** A package after reset. */
    public SgxPackage(Epc epc, SgxCapabilities capabilities, byte[] root, byte[] boot) {
        this.epc = epc;
        this.capabilities = capabilities;
        Arrays.fill(cpuSvn, 0, 4, (byte) 1);
        microcodeSvn = cpuSvn;
        ownerEpoch = Arrays.copyOf(derive(root, "owner epoch"), 16);
        sealFuses = Arrays.copyOf(derive(root, "seal fuses"), 16);
        deviceKey = Arrays.copyOf(derive(root, "device key"), 16);
        seed = Arrays.copyOf(root, root.length + boot.length);
        System.arraycopy(boot, 0, seed, root.length, boot.length);
        drawKeys();
    }

    /** The secrets that last until a reset, or until EUPDATESVN. */
    private void drawKeys() {
        pagingKey = Arrays.copyOf(derive(seed, "paging key " + generation), 16);
        reportKeyId = derive(seed, "report key id " + generation);
        generation++;
    }

    private static byte[] derive(byte[] seed, String label) {
        MessageDigest digest = SigstructVerifier.sha256();
        digest.update(label.getBytes(StandardCharsets.US_ASCII));
        digest.update((byte) 0);
        return digest.digest(seed);
    }

    public Epc epc() {
        return epc;
    }

    public SgxCapabilities capabilities() {
        return capabilities;
    }

    /** The EPC's use now, and the leaf functions executed so far. */
    public synchronized SgxUsage usage() {
        return new SgxUsage(epc.validPages(), boxed(enclsExecuted), boxed(encluExecuted));
    }

    private static List<Long> boxed(long[] counts) {
        return LongStream.of(counts).boxed().toList();
    }

    void enclsExecuted(int leaf) {
        enclsExecuted[leaf]++;
    }

    void encluExecuted(int leaf) {
        encluExecuted[leaf]++;
    }

    /** CR_CPUSVN, 16 bytes. */
    public synchronized byte[] cpuSvn() {
        return cpuSvn.clone();
    }

    /**
     * Sets CR_CPUSVN, as firmware and microcode do before SGX is enabled.
     *
     * @throws IllegalArgumentException unless it has 16 bytes
     */
    public synchronized void cpuSvn(byte[] svn) {
        cpuSvn = sixteen(svn, "CPUSVN");
        microcodeSvn = cpuSvn;
    }

    /**
     * Loads microcode of another security version while the package runs; ENCLS[EUPDATESVN] makes it the CPUSVN.
     *
     * @throws IllegalArgumentException unless it has 16 bytes
     */
    public synchronized void loadMicrocode(byte[] svn) {
        microcodeSvn = sixteen(svn, "CPUSVN");
    }

    /** EUPDATESVN once nothing of the EPC is in use; false if the version is already the current one. */
    boolean updateSvn() {
        if (Arrays.equals(cpuSvn, microcodeSvn)) {
            return false;
        }
        cpuSvn = microcodeSvn;
        drawKeys();
        return true;
    }

    /** CR_SGXOWNEREPOCH, 16 bytes: {@code MSR_SGXOWNEREPOCH0} and {@code 1}, little-endian. */
    public synchronized byte[] ownerEpoch() {
        return ownerEpoch.clone();
    }

    /**
     * Sets CR_SGXOWNEREPOCH: with a new one, keys that the platform's former owner sealed with are gone.
     *
     * @throws IllegalArgumentException unless it has 16 bytes
     */
    public synchronized void ownerEpoch(byte[] epoch) {
        ownerEpoch = sixteen(epoch, "an owner epoch");
    }

    /**
     * WRMSR to IA32_SGXOWNEREPOCH0 or 1: half of it. No effect once SGX is enabled on a thread of the package (SDM vol. 4
     * table 2-39).
     */
    synchronized void ownerEpoch(int half, long value) {
        if (enabledThreads == 0) {
            Bytes.put64(ownerEpoch, 8 * half, value);
        }
    }

    /** IA32_FEATURE_CONTROL of one more, or one less, thread has SGX enabled and is locked. */
    synchronized void enabled(boolean more) {
        enabledThreads += more ? 1 : -1;
    }

    private static byte[] sixteen(byte[] value, String what) {
        if (value.length != SVN_SIZE) {
            throw new IllegalArgumentException(value.length + " bytes: " + what + " has " + SVN_SIZE);
        }
        return value.clone();
    }

    byte[] sealFuses() {
        return sealFuses;
    }

    byte[] padding() {
        return padding;
    }

    /** Whether a requested CPUSVN is one that this platform is at or beyond: each byte is a component's version. */
    boolean cpuSvnReached(byte[] requested) {
        for (int i = 0; i < cpuSvn.length; i++) {
            if ((requested[i] & 0xFF) > (cpuSvn[i] & 0xFF)) {
                return false;
            }
        }
        return true;
    }

    /** The derived key for a set of dependencies. */
    byte[] key(KeyDependencies dependencies) {
        byte[] block = dependencies.encode();
        return Cmac.mac(deviceKey, block, block.length);
    }

    long takeEid() {
        return nextEid++;
    }

    /** Never the same twice; the low three bits are clear, so that EDBGRD can tell a used slot (which it masks with ~7). */
    long takePagingVersion() {
        pagingVersion += 8;
        return pagingVersion;
    }
}
