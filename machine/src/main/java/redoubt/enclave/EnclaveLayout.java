package redoubt.enclave;

import java.util.Comparator;
import java.util.List;
import redoubt.sgx.Measurement;

/**
 * What a loader makes of an enclave file: the SECS it asks ECREATE for and the pages it adds, in order.
 *
 * @param sizeBytes SECS.SIZE, a power of two
 * @param ssaFrameSize SECS.SSAFRAMESIZE in pages
 * @param attributes SECS.ATTRIBUTES.FLAGS that the file asks for
 * @param xfrm SECS.ATTRIBUTES.XFRM that the file asks for
 * @param miscselect SECS.MISCSELECT that the file asks for
 * @param runs the pages in the order in which they are added, none twice
 */
public record EnclaveLayout(
        long sizeBytes, int ssaFrameSize, long attributes, long xfrm, int miscselect, List<PageRun> runs) {
    /**
     * Checks that the pages lie in the enclave and no page is added twice.
     *
     * @throws EnclaveFileException if not
     */
    public EnclaveLayout {
        runs = List.copyOf(runs);
        if (Long.bitCount(sizeBytes) != 1 || sizeBytes < 2 * PageRun.PAGE) {
            throw new EnclaveFileException(
                    "enclave size 0x" + Long.toHexString(sizeBytes) + ": a power of two of at least 8192 is needed");
        }
        long end = 0;
        for (PageRun run :
                runs.stream().sorted(Comparator.comparingLong(PageRun::offset)).toList()) {
            if (run.pages() < 1 || run.pages() > sizeBytes / PageRun.PAGE) {
                throw new EnclaveFileException(
                        "a run of " + run.pages() + " pages does not fit in an enclave of " + sizeBytes + " bytes");
            }
            if ((run.offset() & PageRun.PAGE - 1) != 0 || run.offset() < 0 || run.end() > sizeBytes) {
                throw new EnclaveFileException(String.format(
                        "pages at 0x%x to 0x%x are not page-aligned or lie outside the enclave's 0x%x bytes",
                        run.offset(), run.end(), sizeBytes));
            }
            if (run.offset() < end) {
                throw new EnclaveFileException(
                        String.format("the page at 0x%x is added twice; a loader can add it once", run.offset()));
            }
            end = run.end();
        }
    }

    /** MRENCLAVE after all pages have been added: what EINIT compares with ENCLAVEHASH. */
    public byte[] mrenclave() {
        Measurement measurement = new Measurement().ecreate(ssaFrameSize, sizeBytes);
        for (PageRun run : runs) {
            for (long page = run.offset(); page < run.end(); page += PageRun.PAGE) {
                measurement.eadd(page, run.secinfoFlags());
                for (int chunk = 0; chunk < PageRun.PAGE / Measurement.CHUNK; chunk++) {
                    if ((run.measured() >> chunk & 1) != 0) {
                        int at = chunk * Measurement.CHUNK;
                        measurement.eextend(page + at, run.content(), at);
                    }
                }
            }
        }
        return measurement.digest();
    }

    /** Pages added in all: the EPC they take, without the SECS and version arrays. */
    public long pages() {
        return runs.stream().mapToLong(PageRun::pages).sum();
    }
}
