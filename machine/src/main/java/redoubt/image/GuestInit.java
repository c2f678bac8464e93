package redoubt.image;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * The userland of the default guest, and how it speaks with the host. The guest has four serial ports (16550, COM1 to
 * COM4):
 *
 * <table>
 * <caption>Ports</caption>
 * <tr><td>ttyS0</td><td>the kernel's log and whatever init itself has to complain about</td></tr>
 * <tr><td>ttyS1</td><td>guest to host: the command's standard output, as it is; host to guest: its standard input, in
 * pieces</td></tr>
 * <tr><td>ttyS2</td><td>guest to host: the command's standard error</td></tr>
 * <tr><td>ttyS3</td><td>guest to host: control, in lines that end in a newline</td></tr>
 * </table>
 *
 * <p>Control lines: {@value #READY} just before the command starts; {@value #STDIN} asks for input; {@code exit N} when
 * the command has ended with status N (0 to 255; 126 not runnable, 127 not found, 128+n signal n) and all of its output has
 * left ports 1 and 2. After it the guest syncs and powers off.
 *
 * <p>Input: to each {@value #STDIN} the host answers on ttyS1 with a line that holds a decimal number from 0 to
 * {@value #LARGEST_PIECE_BYTES} and then so many bytes; 0 is the end of the input. The guest asks for the next piece once
 * it has taken the last one, so its line discipline (4 KiB) never overflows. A host without input answers 0 at once; one
 * that never answers leaves the command waiting only if it reads.
 *
 * <p>With a terminal ({@link GuestCommand#onTerminal}) ttyS1 is the command's controlling terminal in both directions,
 * nothing is framed and {@value #STDIN} is never said.
 */
public final class GuestInit {
    public static final String READY = "ready";
    public static final String STDIN = "stdin";
    public static final String EXIT = "exit ";
    public static final int LARGEST_PIECE_BYTES = 2048;

    private GuestInit() {}

    /** A file or folder of the host that the guest is to find at {@code guest}. */
    public record Copy(Path host, String guest) {
        /** Reads {@code HOST:GUEST}; the guest's path starts at the last colon that is followed by a slash. */
        public static Copy parse(String text) {
            int colon = text.lastIndexOf(":/");
            if (colon < 1) {
                throw new ImageException("--copy " + text + ": not of the form HOST:GUEST with an absolute GUEST");
            }
            return new Copy(Path.of(text.substring(0, colon)), text.substring(colon + 1));
        }
    }

    /** The kernel's command line. Each parameter is one of the stock kernel's own (admin-guide/kernel-parameters). */
    public static String cmdline(boolean verbose) {
        return String.join(
                " ",
                "console=ttyS0",
                "8250.nr_uarts=4",
                // The clock is told, not measured, and a machine of ours has no second source to check it against.
                "tsc=reliable",
                "no_timer_check",
                // What speculation cannot leak here need not be guarded.
                "mitigations=off",
                "random.trust_cpu=on",
                "nokaslr",
                // One processor or many, LOCK prefixes stay: rewriting them means thousands of CR3 loads in a boot.
                "noreplace-smp",
                // The RSA self-test is two thirds of a boot's instructions.
                "cryptomgr.notests",
                // A panic ends the machine instead of hanging it.
                "panic=-1",
                verbose ? "loglevel=7" : "quiet");
    }

    /** The part that is the same in every run. */
    static Initramfs base(byte[] busybox) {
        Initramfs base = new Initramfs();
        for (String folder : List.of(
                "bin",
                "dev",
                "etc",
                "lib",
                "lib64",
                "mnt",
                "proc",
                "redoubt",
                "root",
                "run",
                "sbin",
                "sys",
                "usr",
                "usr/bin",
                "usr/lib",
                "usr/local",
                "usr/local/bin",
                "usr/local/sbin",
                "usr/sbin",
                "var",
                "var/log",
                "var/tmp")) {
            base.directory(folder, folder.equals("root") || folder.equals("redoubt") ? 0700 : 0755);
        }
        base.directory("tmp", 01777).directory("var/tmp", 01777);
        base.file("bin/busybox", 0755, busybox).symlink("bin/sh", "busybox");
        base.characterDevice("dev/console", 0600, 5, 1).characterDevice("dev/null", 0666, 1, 3);
        base.file("init", 0755, resource("init.sh")).file("redoubt/session", 0644, resource("session.sh"));
        base.file("etc/passwd", 0644, text("root:x:0:0:root:/root:/bin/sh\n"));
        base.file("etc/group", 0644, text("root:x:0:\n"));
        base.file("etc/hosts", 0644, text("127.0.0.1 localhost redoubt\n::1 localhost\n"));
        return base;
    }

    /** The part of one run: the command, and what is copied in. */
    static Initramfs run(GuestCommand command, List<Copy> copies) {
        Initramfs run = new Initramfs();
        for (Copy copy : copies) {
            run.copy(copy.host(), copy.guest());
        }
        run.file("redoubt/command", 0600, command.script());
        if (command.isOnTerminal()) {
            run.file("redoubt/terminal", 0600, text(command.rows() + " " + command.columns() + "\n"));
        }
        return run;
    }

    /** Has init insert these modules, in this order, before the command starts. */
    static void insert(Initramfs run, Map<String, byte[]> modules) {
        StringBuilder list = new StringBuilder();
        for (Map.Entry<String, byte[]> module : modules.entrySet()) {
            run.file(module.getKey(), 0644, module.getValue());
            list.append('/').append(module.getKey()).append('\n');
        }
        if (!modules.isEmpty()) {
            run.file("redoubt/modules", 0600, text(list.toString()));
        }
    }

    /** A file of this room that is not Java. */
    static byte[] resource(String name) {
        try (InputStream in = GuestInit.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("the resource " + name + " is missing from redoubt.machine");
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new IllegalStateException("the resource " + name + " cannot be read", e);
        }
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
