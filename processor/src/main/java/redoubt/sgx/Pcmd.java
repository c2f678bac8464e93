package redoubt.sgx;

/** PCMD: SDM vol. 3D table 35-18; and the header that its MAC covers beside the page, 128 bytes of our own arrangement. */
final class Pcmd {
    static final int SIZE = 128;
    static final int SECINFO = 0;
    static final int ENCLAVEID = 64;
    static final int RESERVED = 72;
    static final int RESERVED_SIZE = 40;
    static final int MAC = 112;

    private Pcmd() {}

    static byte[] header(byte[] pcmd, long eid, long linaddr) {
        byte[] header = new byte[128];
        System.arraycopy(pcmd, SECINFO, header, 0, 64);
        Bytes.put64(header, 64, eid);
        Bytes.put64(header, 72, linaddr);
        System.arraycopy(pcmd, RESERVED, header, 80, RESERVED_SIZE);
        return header;
    }
}
