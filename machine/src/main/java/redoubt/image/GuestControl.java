package redoubt.image;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The host's side of {@link GuestInit}'s protocol: takes the bytes of the guest's fourth serial port, and answers its
 * requests for input.
 *
 * <p>Input is read either at once, on the caller's thread, which keeps a run of the same input the same run (a file, or
 * nothing at all); or by a thread of its own, for a source that may keep us waiting (a terminal, a pipe).
 *
 * <p>One thread calls {@link #accept}; the listener's {@link Listener#input} is called from that one or, where input may
 * wait, from the reading thread.
 */
public final class GuestControl {
    /** Longer lines are no lines of this protocol; the guest is not to fill the host's memory. */
    private static final int LONGEST_LINE_BYTES = 64;

    /** Told what the guest says. */
    public interface Listener {
        /** The command is about to start. */
        void ready();

        /** The command has ended with this status, 0 to 255, and all of its output is out. */
        void exited(int status);

        /** To be sent to the guest's second serial port, in full and in this order. */
        void input(byte[] bytes);
    }

    private final InputStream input;
    private final boolean mayWait;
    private final Listener listener;
    private final byte[] line = new byte[LONGEST_LINE_BYTES];
    private int length;

    /**
     * @param input the command's standard input; {@link InputStream#nullInputStream()} for none
     * @param mayWait whether reading it may take its time, and so needs a thread
     */
    public GuestControl(InputStream input, boolean mayWait, Listener listener) {
        this.input = input;
        this.mayWait = mayWait;
        this.listener = listener;
    }

    /** Takes one byte that the guest wrote to its fourth serial port. What is no line of the protocol is ignored. */
    public void accept(byte fromGuest) {
        if (fromGuest != '\n') {
            if (length < line.length) {
                line[length] = fromGuest;
            }
            length = Math.min(length + 1, line.length + 1);
            return;
        }
        String text = length > line.length ? "" : new String(line, 0, length, StandardCharsets.ISO_8859_1);
        length = 0;
        if (text.equals(GuestInit.READY)) {
            listener.ready();
        } else if (text.equals(GuestInit.STDIN)) {
            if (mayWait) {
                Thread.ofVirtual().name("guest-input").start(this::answer);
            } else {
                answer();
            }
        } else if (text.matches("exit [0-9]{1,3}")) {
            int status = Integer.parseInt(text.substring(GuestInit.EXIT.length()));
            if (status <= 255) {
                listener.exited(status);
            }
        }
    }

    /** Sends the next piece: its length in a line, then the piece. A source that fails ends, as it does in a pipeline. */
    private void answer() {
        byte[] piece = new byte[GuestInit.LARGEST_PIECE_BYTES];
        int size;
        try {
            size = Math.max(0, input.read(piece));
        } catch (IOException e) {
            size = 0;
        }
        byte[] header = (size + "\n").getBytes(StandardCharsets.US_ASCII);
        byte[] all = Arrays.copyOf(header, header.length + size);
        System.arraycopy(piece, 0, all, header.length, size);
        listener.input(all);
    }
}
