package redoubt.sgx;

import java.util.List;

/**
 * What a package's EPC holds at one moment and which leaf functions have been executed since its reset. A leaf is counted
 * under its number in EAX when it ends without a fault, whatever code it returns; what the host does with {@link HostLeaves}
 * is not.
 *
 * @param validPages EPC pages whose EPCM entry is valid
 * @param encls by leaf of ENCLS
 * @param enclu by leaf of ENCLU
 */
public record SgxUsage(int validPages, List<Long> encls, List<Long> enclu) {

    /** Leaf of ENCLS that begins an enclave. */
    public static final int ECREATE = 0x0;

    /** Leaf of ENCLS that adds a page. */
    public static final int EADD = 0x1;

    /** Leaf of ENCLS that makes an enclave runnable. */
    public static final int EINIT = 0x2;

    /** Leaf of ENCLS that takes a page from its enclave. */
    public static final int EREMOVE = 0x3;

    /** Leaf of ENCLS that loads a page back. */
    public static final int ELDU = 0x8;

    /** Leaf of ENCLS that writes a page back to memory. */
    public static final int EWB = 0xB;

    /** Leaf of ENCLU that goes on after an asynchronous exit. */
    public static final int ERESUME = 0x3;

    /** How often the leaf of ENCLS has been executed. */
    public long encls(int leaf) {
        return encls.get(leaf);
    }

    /** How often the leaf of ENCLU has been executed. */
    public long enclu(int leaf) {
        return enclu.get(leaf);
    }
}
