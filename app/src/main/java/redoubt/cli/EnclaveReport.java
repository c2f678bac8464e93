package redoubt.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import redoubt.enclave.EnclaveFile;
import redoubt.enclave.EnclaveLayout;
import redoubt.enclave.PageRun;
import redoubt.sgx.Attributes;
import redoubt.sgx.Sigstruct;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** What there is to say of an enclave file, as text and as JSON. */
final class EnclaveReport {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final HexFormat HEX = HexFormat.of();

    private final EnclaveFile enclave;
    private final @Nullable String mrenclave;

    EnclaveReport(EnclaveFile enclave) {
        this.enclave = enclave;
        EnclaveLayout layout = enclave.layout();
        Sigstruct sigstruct = enclave.sigstruct();
        this.mrenclave = layout != null
                ? HEX.formatHex(layout.mrenclave())
                : sigstruct != null ? HEX.formatHex(sigstruct.enclaveHash()) : null;
    }

    /** Whether EINIT would find nothing wrong with the signature; true if there is none. */
    boolean signatureHolds() {
        Sigstruct s = enclave.sigstruct();
        return s == null
                || s.isWellFormed()
                        && s.isSignatureValid()
                        && HEX.formatHex(s.enclaveHash()).equals(mrenclave);
    }

    private String verdict() {
        Sigstruct s = enclave.sigstruct();
        if (s == null) {
            return "not signed";
        }
        if (!s.isWellFormed()) {
            return "a constant or reserved field of the SIGSTRUCT is wrong (EINIT: SGX_INVALID_SIG_STRUCT)";
        }
        if (!s.isSignatureValid()) {
            return "the signature is wrong (EINIT: SGX_INVALID_SIGNATURE)";
        }
        return HEX.formatHex(s.enclaveHash()).equals(mrenclave)
                ? "good"
                : "for another MRENCLAVE, " + HEX.formatHex(s.enclaveHash()) + " (EINIT: SGX_INVALID_MEASUREMENT)";
    }

    private @Nullable String mrsigner() {
        Sigstruct s = enclave.sigstruct();
        return s == null ? null : HEX.formatHex(s.mrsigner());
    }

    // ---- text

    void measure(PrintWriter out) {
        line(out, "MRENCLAVE", mrenclave);
        line(out, "MRSIGNER", mrsigner());
        line(out, "Signature", verdict());
    }

    void dump(PrintWriter out) {
        line(out, "Format", (enclave.format() + " " + enclave.variant()).trim());
        measure(out);
        EnclaveLayout layout = enclave.layout();
        if (layout != null) {
            line(out, "Size", String.format("0x%x", layout.sizeBytes()));
            line(out, "SSA frame", layout.ssaFrameSize() + (layout.ssaFrameSize() == 1 ? " page" : " pages"));
            line(out, "Pages", layout.pages() + ", " + tcs(layout) + " of them TCS");
            line(out, "Attributes", attributes(layout.attributes(), layout.xfrm()));
            line(out, "MISCSELECT", String.format("0x%x", layout.miscselect()));
        }
        Sigstruct s = enclave.sigstruct();
        if (s != null) {
            out.println("SIGSTRUCT");
            line(out, "  Vendor", String.format("0x%04x", s.vendor()));
            line(out, "  Date", String.format("%08x", s.date()));
            line(out, "  ISVPRODID", String.valueOf(s.isvProdId()));
            line(out, "  ISVSVN", String.valueOf(s.isvSvn()));
            line(out, "  ISVEXTPRODID", HEX.formatHex(s.isvExtProdId()));
            line(out, "  ISVFAMILYID", HEX.formatHex(s.isvFamilyId()));
            line(out, "  SWDEFINED", String.format("0x%08x", s.swDefined()));
            line(out, "  Attributes", attributes(s.attributes(), s.xfrm()));
            line(out, "  Mask", String.format("flags 0x%016x, XFRM 0x%016x", s.attributeMask(), s.xfrmMask()));
            line(out, "  MISCSELECT", String.format("0x%x, mask 0x%x", s.miscselect(), s.miscMask()));
        }
        if (layout != null) {
            out.println("Pages in the order in which they are added");
            for (PageRun run : merged(layout.runs())) {
                out.printf(
                        "  0x%010x %8d  %-4s %s  %s%n",
                        run.offset(), run.pages(), type(run), access(run), measured(run));
            }
        }
    }

    private static void line(PrintWriter out, String what, @Nullable String value) {
        if (value != null) {
            out.printf("%-15s %s%n", what, value);
        }
    }

    private static long tcs(EnclaveLayout layout) {
        return layout.runs().stream()
                .filter(PageRun::isTcs)
                .mapToLong(PageRun::pages)
                .sum();
    }

    private static String attributes(long flags, long xfrm) {
        return String.format("0x%x%s, XFRM 0x%x", flags, names(flags), xfrm);
    }

    private static String names(long flags) {
        List<String> names = Attributes.names(flags);
        return names.isEmpty() ? "" : " (" + String.join(" ", names) + ")";
    }

    private static String type(PageRun run) {
        return run.isTcs() ? "TCS" : "REG";
    }

    private static String access(PageRun run) {
        return ((run.secinfoFlags() & PageRun.R) != 0 ? "r" : "-")
                + ((run.secinfoFlags() & PageRun.W) != 0 ? "w" : "-")
                + ((run.secinfoFlags() & PageRun.X) != 0 ? "x" : "-");
    }

    private static String measured(PageRun run) {
        return switch (run.measured()) {
            case PageRun.ALL -> "measured";
            case PageRun.NONE -> "not measured";
            default -> String.format("measured in part, 0x%04x", run.measured());
        };
    }

    /** Pages that differ in their content only, one after another, as one line. */
    private static List<PageRun> merged(List<PageRun> runs) {
        List<PageRun> lines = new ArrayList<>();
        for (PageRun run : runs) {
            PageRun last = lines.isEmpty() ? null : lines.getLast();
            if (last != null
                    && last.end() == run.offset()
                    && last.secinfoFlags() == run.secinfoFlags()
                    && last.measured() == run.measured()) {
                lines.removeLast();
                lines.add(new PageRun(
                        last.offset(), last.pages() + run.pages(), run.secinfoFlags(), run.measured(), run.content()));
            } else {
                lines.add(run);
            }
        }
        return lines;
    }

    // ---- JSON

    ObjectNode measureJson() {
        ObjectNode node = JSON.createObjectNode();
        node.put("mrenclave", mrenclave);
        node.put("mrsigner", mrsigner());
        node.put("signature", verdict());
        node.put("signature_holds", enclave.sigstruct() != null && signatureHolds());
        return node;
    }

    ObjectNode dumpJson() {
        ObjectNode node = JSON.createObjectNode();
        node.put("format", enclave.format().name().toLowerCase(Locale.ROOT));
        node.put("variant", enclave.variant());
        node.setAll(measureJson());
        EnclaveLayout layout = enclave.layout();
        if (layout != null) {
            node.put("size", layout.sizeBytes());
            node.put("ssaframesize", layout.ssaFrameSize());
            node.put("page_count", layout.pages());
            node.put("tcs_count", tcs(layout));
            attributes(node, "attributes", layout.attributes(), layout.xfrm());
            node.put("miscselect", hex(layout.miscselect()));
        }
        Sigstruct s = enclave.sigstruct();
        if (s != null) {
            sigstruct(node.putObject("sigstruct"), s);
        }
        if (layout != null) {
            ArrayNode pages = node.putArray("pages");
            for (PageRun run : merged(layout.runs())) {
                ObjectNode page = pages.addObject();
                page.put("offset", String.format("0x%x", run.offset()));
                page.put("count", run.pages());
                page.put("type", type(run));
                page.put("access", access(run));
                page.put("measured", String.format("0x%04x", run.measured()));
            }
        }
        return node;
    }

    private static void sigstruct(ObjectNode node, Sigstruct s) {
        node.put("vendor", String.format("0x%04x", s.vendor()));
        node.put("date", String.format("%08x", s.date()));
        node.put("mrenclave", HEX.formatHex(s.enclaveHash()));
        node.put("isvprodid", s.isvProdId());
        node.put("isvsvn", s.isvSvn());
        node.put("isvextprodid", HEX.formatHex(s.isvExtProdId()));
        node.put("isvfamilyid", HEX.formatHex(s.isvFamilyId()));
        node.put("swdefined", hex(s.swDefined()));
        attributes(node, "attributes", s.attributes(), s.xfrm());
        attributes(node, "attributemask", s.attributeMask(), s.xfrmMask());
        node.put("miscselect", hex(s.miscselect()));
        node.put("miscmask", hex(s.miscMask()));
        node.put("well_formed", s.isWellFormed());
        node.put("signature_valid", s.isSignatureValid());
    }

    private static String hex(int value) {
        return String.format("0x%08x", value);
    }

    private static void attributes(ObjectNode node, String name, long flags, long xfrm) {
        node.putArray(name).add(String.format("0x%016x", flags)).add(String.format("0x%016x", xfrm));
    }

    static void print(PrintWriter out, Object node) {
        out.println(JSON.writerWithDefaultPrettyPrinter().writeValueAsString(node));
    }
}
