package redoubt.image;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import redoubt.machine.Machine;

/**
 * Our own program in the default guest's userland: {@code sgx-load}. It is shipped as source and compiled when the guest's
 * image is made, by Debian's tcc running inside a guest: so nobody needs a C compiler, a host of any kind can do it, and
 * the program comes through the same verified chain as all else. The result is kept in the cache.
 */
final class GuestTools {
    /** Where the guest finds it. */
    static final String SGX_LOAD = "usr/bin/sgx-load";

    private static final String SOURCE = "sgx-load.c";
    private static final String COMPILER = "tcc";
    private static final String LIBRARIES = "libc6";
    private static final String LIBRARY_FOLDER = "lib/x86_64-linux-gnu/";
    private static final String LOADER = "ld-linux-x86-64.so.2";
    private static final List<String> NEEDED =
            List.of(LOADER, "libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2");
    private static final long RAM = 256L << 20;
    /** Ten times what it takes. */
    private static final long LIMIT_NANOS = 120_000_000_000L;

    private GuestTools() {}

    /**
     * The program, from the cache or compiled now. Where that cannot be done, as without a compiler in the archive, a
     * script that says so: a guest is of use without it.
     */
    static byte[] sgxLoad(DebianArchive archive, ImageCache cache, Progress progress, Path kernel, byte[] busybox) {
        try {
            byte[] source = GuestInit.resource(SOURCE);
            Path file = cache.folder()
                    .resolve("guest")
                    .resolve(archive.find(COMPILER).fileStem())
                    .resolve("sgx-load-" + digest(source));
            if (Files.isRegularFile(file)) {
                return Files.readAllBytes(file);
            }
            byte[] program = compile(archive, progress, kernel, busybox, source);
            Files.createDirectories(file.getParent());
            AtomicFiles.write(file, program);
            return program;
        } catch (ImageException | IOException e) {
            return apology(String.valueOf(e.getMessage()));
        }
    }

    private static byte[] apology(String why) {
        String quoted = "'sgx-load: not in this guest: " + why.replace("'", "'\\''") + "'";
        return ("#!/bin/sh\necho " + quoted + " >&2\nexit 126\n").getBytes(StandardCharsets.UTF_8);
    }

    private static String digest(byte[] source) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(source), 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }

    private static byte[] compile(
            DebianArchive archive, Progress progress, Path kernel, byte[] busybox, byte[] source) {
        Map<String, byte[]> compiler = DebPackage.of(archive.fetch(COMPILER)).readMatching("usr/bin/tcc"::equals, 1);
        Map<String, byte[]> libraries = DebPackage.of(archive.fetch(LIBRARIES))
                .readMatching(
                        path -> NEEDED.contains(path.substring(path.lastIndexOf('/') + 1))
                                && path.contains(LIBRARY_FOLDER),
                        NEEDED.size());
        if (compiler.isEmpty() || libraries.size() < NEEDED.size()) {
            throw new ImageException(COMPILER + " and its libraries are not where Debian's packages have them");
        }
        progress.report("compiling sgx-load in a guest", 0, -1);
        Initramfs base = GuestInit.base(busybox);
        Initramfs run = GuestInit.run(
                GuestCommand.of(List.of(
                        "sh",
                        "-c",
                        "tcc -nostdinc -nostdlib -static -o /tmp/sgx-load /tmp/sgx-load.c && cat /tmp/sgx-load")),
                List.of());
        run.file("bin/tcc", 0755, Objects.requireNonNull(compiler.get("usr/bin/tcc")));
        run.file("tmp/sgx-load.c", 0644, source);
        libraries.forEach((path, content) -> {
            String library = path.substring(path.lastIndexOf('/') + 1);
            run.file(library.equals(LOADER) ? "lib64/" + LOADER : "lib/" + library, 0755, content);
        });
        byte[] initramfs = Initramfs.concatenated(base.toByteArray(), run.toByteArray(base));
        var program = new ByteArrayOutputStream();
        var complaints = new ByteArrayOutputStream();
        var session = new GuestSession(
                Machine.Setup.of(RAM, 0),
                new GuestSession.Streams(
                        program, complaints, OutputStream.nullOutputStream(), InputStream.nullInputStream(), false),
                false,
                () -> {});
        GuestSession.Result result =
                session.run(new DefaultGuest.Prepared(kernel, initramfs, GuestInit.cmdline(false)), LIMIT_NANOS);
        if (result.status() != 0 || program.size() == 0) {
            throw new ImageException("compiling it in a guest ended with status " + result.status() + " ("
                    + result.outcome().end() + ") "
                    + complaints.toString(StandardCharsets.UTF_8).trim());
        }
        return program.toByteArray();
    }
}
