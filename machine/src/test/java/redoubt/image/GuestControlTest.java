package redoubt.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class GuestControlTest {
    private final BlockingQueue<String> heard = new LinkedBlockingQueue<>();
    private final GuestControl.Listener listener = new GuestControl.Listener() {
        @Override
        public void ready() {
            heard.add("ready");
        }

        @Override
        public void exited(int status) {
            heard.add("exited " + status);
        }

        @Override
        public void input(byte[] bytes) {
            heard.add(new String(bytes, StandardCharsets.ISO_8859_1));
        }
    };

    @Test
    void linesAreUnderstoodAndOtherWordsIgnored() {
        GuestControl control = new GuestControl(InputStream.nullInputStream(), false, listener);
        say(control, "ready\nexit\nexit 256\nexit -1\nexit 1x\n" + "x".repeat(1000) + "\nREADY\n\nstdin\nexit 255\n");
        assertThat(heard).containsExactly("ready", "0\n", "exited 255");
    }

    @Test
    void aLongLineThatEndsInAWordOfTheProtocolIsNotThatWord() {
        GuestControl control = new GuestControl(InputStream.nullInputStream(), false, listener);
        say(control, "y".repeat(64) + "ready\n");
        say(control, "ready" + "\0".repeat(60) + "\n");
        assertThat(heard).isEmpty();
    }

    @Test
    void inputComesInPiecesAndEndsWithZero() {
        byte[] source = "i".repeat(2048 + 5).getBytes(StandardCharsets.US_ASCII);
        GuestControl control = new GuestControl(new ByteArrayInputStream(source), false, listener);
        say(control, "stdin\nstdin\nstdin\nstdin\n");
        assertThat(heard).containsExactly("2048\n" + "i".repeat(2048), "5\niiiii", "0\n", "0\n");
    }

    @Test
    void aSourceThatKeepsUsWaitingDoesNotHoldTheGuest() throws Exception {
        try (PipedOutputStream source = new PipedOutputStream();
                PipedInputStream input = new PipedInputStream(source)) {
            GuestControl control = new GuestControl(input, true, listener);
            say(control, "stdin\nexit 3\n");
            assertThat(heard.poll(10, TimeUnit.SECONDS)).isEqualTo("exited 3");
            source.write("late".getBytes(StandardCharsets.US_ASCII));
            source.flush();
            assertThat(heard.poll(10, TimeUnit.SECONDS)).isEqualTo("4\nlate");
        }
    }

    @Test
    void aSourceThatFailsEnds() throws IOException {
        InputStream broken = InputStream.nullInputStream();
        broken.close();
        say(new GuestControl(broken, false, listener), "stdin\n");
        assertThat(heard).containsExactly("0\n");
    }

    private static void say(GuestControl control, String text) {
        for (byte b : text.getBytes(StandardCharsets.ISO_8859_1)) {
            control.accept(b);
        }
    }
}
