package redoubt.sgx;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;

/**
 * What the logical processors of a package share: the EPC and the package-wide registers (SDM vol. 3D table 38-4). All
 * secrets are derived from two seeds, so that a run can be repeated: {@code root} stands for the fuses, {@code boot} for the
 * random numbers drawn at reset.
 */
public final class SgxPackage {
    final Epc epc;
    final SgxCapabilities capabilities;

    /** CR_CPUSVN. */
    private final byte[] cpuSvn = new byte[16];

    private final byte[] ownerEpoch;
    private final byte[] sealFuses;
    private final byte[] deviceKey;
    final byte[] pagingKey;
    final byte[] reportKeyId;
    private final byte[] padding = SigstructVerifier.padding();
    private long nextEid = 1;
    private long pagingVersion;

    /** A package after reset. */
    public SgxPackage(Epc epc, SgxCapabilities capabilities, byte[] root, byte[] boot) {
        this.epc = epc;
        this.capabilities = capabilities;
        Arrays.fill(cpuSvn, 0, 4, (byte) 1);
        ownerEpoch = Arrays.copyOf(derive(root, "owner epoch"), 16);
        sealFuses = Arrays.copyOf(derive(root, "seal fuses"), 16);
        deviceKey = Arrays.copyOf(derive(root, "device key"), 16);
        byte[] both = Arrays.copyOf(root, root.length + boot.length);
        System.arraycopy(boot, 0, both, root.length, boot.length);
        pagingKey = Arrays.copyOf(derive(both, "paging key"), 16);
        reportKeyId = derive(both, "report key id");
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

    byte[] cpuSvn() {
        return cpuSvn.clone();
    }

    byte[] ownerEpoch() {
        return ownerEpoch;
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
