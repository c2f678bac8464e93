package redoubt.sgx;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Test data of {@code src/test/resources/sgx}; its origin is told there. */
final class Vectors {
    /** One ECREATE/EADD/EEXTEND sequence. */
    record Case(String name, int ssaFrameSize, long size, List<Step> steps, long blocks, String mrenclave) {
        @Override
        public String toString() {
            return name;
        }
    }

    /** EADD, or EEXTEND when {@code content} is not null (the whole page). */
    record Step(long offset, long flags, byte @Nullable [] content) {}

    /** A published SIGSTRUCT. */
    record Signed(String file, String mrsigner, String mrenclave, int isvProdId, int isvSvn) {
        byte[] bytes() {
            return resource(file);
        }

        @Override
        public String toString() {
            return file;
        }
    }

    private Vectors() {}

    static byte[] resource(String name) {
        try (InputStream in = Vectors.class.getResourceAsStream("/sgx/" + name)) {
            return Objects.requireNonNull(in, name).readAllBytes();
        } catch (IOException e) {
            throw new IllegalStateException(name, e);
        }
    }

    private static byte[] page(JsonNode what) {
        byte[] page = new byte[4096];
        if (what.isNumber()) {
            for (int i = 0; i < 4096; i += 32) {
                byte[] seed = new byte[12];
                Bytes.put32(seed, 0, what.asInt());
                Bytes.put64(seed, 4, i / 32);
                System.arraycopy(SigstructVerifier.sha256().digest(seed), 0, page, i, 32);
            }
        }
        return page;
    }

    static List<Case> cases() {
        List<Case> out = new ArrayList<>();
        for (JsonNode c : JsonMapper.shared().readTree(resource("cases.json")).get("cases")) {
            List<Step> steps = new ArrayList<>();
            for (JsonNode op : c.get("ops")) {
                long offset = op.get("offset").asLong();
                steps.add(
                        op.get("op").asString().equals("EADD")
                                ? new Step(
                                        offset,
                                        Long.decode(op.get("secinfo_flags").asString()),
                                        null)
                                : new Step(offset, 0, page(op.get("page"))));
            }
            out.add(new Case(
                    c.get("name").asString(),
                    c.get("ssaframesize").asInt(),
                    c.get("size").asLong(),
                    steps,
                    c.get("blocks").asLong(),
                    c.get("mrenclave").asString()));
        }
        return out;
    }

    static List<Signed> signed() {
        return Arrays.stream(new String(resource("expected.txt"), StandardCharsets.US_ASCII).split("\n"))
                .map(line -> line.split(" "))
                .map(f -> new Signed(f[0], f[1], f[2], Integer.parseInt(f[3]), Integer.parseInt(f[4])))
                .toList();
    }
}
