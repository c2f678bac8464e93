package redoubt.enclave;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import redoubt.machine.boot.Bytes;
import redoubt.sgx.Attributes;
import redoubt.sgx.Measurement;

/**
 * An SGXS stream: the very blocks that are hashed into MRENCLAVE, 64 bytes each, the data of a chunk behind its EEXTEND;
 * "UNMEASRD" has the same form and is not hashed. Source: the description of the format in fortanix/rust-sgx
 * ({@code intel-sgx/doc/SGXS.md}).
 *
 * <p>Limitations: only the canonical order, chunks behind their page and ascending, since a page has to be whole at EADD.
 */
final class SgxsStream {
    private static final int RECORD = 64;

    private SgxsStream() {}

    static EnclaveFile read(String name, byte[] stream) {
        var file = new Bytes(name, stream);
        int ssaFrameSize = (int) file.u32(8, "SSAFRAMESIZE");
        long size = file.u64(12, "the enclave's size");
        List<PageRun> runs = new ArrayList<>();
        long offset = 0;
        long flags = 0;
        byte[] content = new byte[PageRun.PAGE];
        int measured = 0;
        int next = 0;
        boolean page = false;
        file.check(0, RECORD, "ECREATE");
        for (long at = RECORD; at < file.length(); ) {
            String tag = new String(stream, file.check(at, RECORD, "a record"), 8, StandardCharsets.ISO_8859_1);
            long where = file.u64(at + 8, "a record");
            switch (tag) {
                case "EADD\0\0\0\0" -> {
                    if (page) {
                        runs.add(new PageRun(offset, 1, flags, measured, content));
                    }
                    offset = where;
                    flags = file.u64(at + 16, "SECINFO");
                    content = new byte[PageRun.PAGE];
                    measured = 0;
                    next = 0;
                    page = true;
                    at += RECORD;
                }
                case "EEXTEND\0", "UNMEASRD" -> {
                    long inPage = where - offset;
                    if (!page || inPage < next || inPage >= PageRun.PAGE || inPage % Measurement.CHUNK != 0) {
                        throw new EnclaveFileException(String.format(
                                "%s: not a canonical SGXS stream: data for 0x%x at byte %d; 0x%x to 0x%x is possible there",
                                name, where, at, offset + next, offset + PageRun.PAGE - Measurement.CHUNK));
                    }
                    int from = file.check(at + RECORD, Measurement.CHUNK, "the data of a chunk");
                    System.arraycopy(stream, from, content, (int) inPage, Measurement.CHUNK);
                    if (tag.charAt(0) == 'E') {
                        measured |= 1 << inPage / Measurement.CHUNK;
                    }
                    next = (int) inPage + Measurement.CHUNK;
                    at += RECORD + Measurement.CHUNK;
                }
                default ->
                    throw new EnclaveFileException(name + ": not a record of an SGXS stream at byte " + at
                            + "; EADD, EEXTEND or UNMEASRD is needed");
            }
        }
        if (page) {
            runs.add(new PageRun(offset, 1, flags, measured, content));
        }
        return new EnclaveFile(
                EnclaveFile.Format.SGXS,
                "",
                new EnclaveLayout(size, ssaFrameSize, Attributes.MODE64BIT, LEGACY_XFRM, 0, runs),
                null);
    }

    /** XFRM of a file that names none: x87 and SSE state. */
    private static final long LEGACY_XFRM = 3;
}
