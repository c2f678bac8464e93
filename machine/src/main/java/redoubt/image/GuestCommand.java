package redoubt.image;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What the default guest runs: an argument vector that arrives byte for byte, the environment added to the guest's own,
 * the folder it starts in, and whether it has a terminal.
 *
 * <p>With a terminal the command owns the guest's second serial port as its controlling terminal, with job control and
 * echo. Without one its three standard streams are pipes, as those of a program in a pipeline are.
 */
public final class GuestCommand {
    private final List<byte[]> arguments;
    private final Map<String, String> environment;
    private final String folder;
    private final boolean terminal;
    private final int rows;
    private final int columns;

    private GuestCommand(
            List<byte[]> arguments,
            Map<String, String> environment,
            String folder,
            boolean terminal,
            int rows,
            int columns) {
        this.arguments = arguments;
        this.environment = environment;
        this.folder = folder;
        this.terminal = terminal;
        this.rows = rows;
        this.columns = columns;
    }

    /** A command with these arguments, the first of which names the program. Text becomes UTF-8. */
    public static GuestCommand of(List<String> arguments) {
        return ofBytes(
                arguments.stream().map(a -> a.getBytes(StandardCharsets.UTF_8)).toList());
    }

    /** A command with arguments of any bytes but NUL, which no argument can hold. */
    public static GuestCommand ofBytes(List<byte[]> arguments) {
        if (arguments.isEmpty() || arguments.getFirst().length == 0) {
            throw new ImageException("the guest's command has no program name");
        }
        List<byte[]> copies = new ArrayList<>();
        for (byte[] argument : arguments) {
            for (byte b : argument) {
                if (b == 0) {
                    throw new ImageException("an argument of the guest's command has a NUL in it");
                }
            }
            copies.add(argument.clone());
        }
        return new GuestCommand(copies, Map.of(), "/root", false, 0, 0);
    }

    /** An interactive shell on the terminal. */
    public static GuestCommand shell() {
        return of(List.of("sh", "-l")).onTerminal(0, 0);
    }

    /** The same command on a terminal of this size; zeros leave the size unknown. */
    public GuestCommand onTerminal(int newRows, int newColumns) {
        return new GuestCommand(arguments, environment, folder, true, newRows, newColumns);
    }

    /** The same command with a variable more. */
    public GuestCommand with(String name, String value) {
        if (!name.matches("[A-Za-z_][A-Za-z0-9_]*")) {
            throw new ImageException("the variable name " + name + " is not made of letters, digits and underscores");
        }
        if (value.indexOf('\0') >= 0) {
            throw new ImageException("the variable " + name + " has a NUL in it");
        }
        Map<String, String> more = new TreeMap<>(environment);
        more.put(name, value);
        return new GuestCommand(arguments, more, folder, terminal, rows, columns);
    }

    /** The same command started in another folder of the guest. */
    public GuestCommand in(String newFolder) {
        if (!newFolder.startsWith("/") || newFolder.indexOf('\0') >= 0) {
            throw new ImageException("the guest's folder " + newFolder.replace("\0", "\\0") + " is not absolute");
        }
        return new GuestCommand(arguments, environment, newFolder, terminal, rows, columns);
    }

    public boolean isOnTerminal() {
        return terminal;
    }

    int rows() {
        return rows;
    }

    int columns() {
        return columns;
    }

    /**
     * The shell script that becomes the command. {@code exec} gives 127 for a program that is not found and 126 for one that
     * cannot be run (POSIX, Shell Command Language 2.8.2); a folder that is not there is 126 too.
     */
    byte[] script() {
        ByteArrayOutputStream script = new ByteArrayOutputStream();
        script.writeBytes(text("cd -- "));
        script.writeBytes(quoted(text(folder)));
        script.writeBytes(text(" || exit 126\n"));
        for (Map.Entry<String, String> variable : environment.entrySet()) {
            script.writeBytes(text("export " + variable.getKey() + "="));
            script.writeBytes(quoted(text(variable.getValue())));
            script.write('\n');
        }
        script.writeBytes(text("exec"));
        for (byte[] argument : arguments) {
            script.write(' ');
            script.writeBytes(quoted(argument));
        }
        script.write('\n');
        return script.toByteArray();
    }

    /** In single quotes every byte stands for itself, but the quote, which is closed, escaped and opened again. */
    private static byte[] quoted(byte[] word) {
        ByteArrayOutputStream quoted = new ByteArrayOutputStream();
        quoted.write('\'');
        for (byte b : word) {
            if (b == '\'') {
                quoted.writeBytes(text("'\\''"));
            } else {
                quoted.write(b);
            }
        }
        quoted.write('\'');
        return quoted.toByteArray();
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
