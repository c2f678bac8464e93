package redoubt.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import redoubt.image.DefaultGuest;
import redoubt.image.GuestCommand;
import redoubt.image.GuestSession;
import redoubt.image.ImageException;
import redoubt.machine.Machine;

/** Debian's unmodified kernel on our processor, to the end of a command. Skipped where no Debian package can be had. */
class DefaultGuestSystemTest {
    private static final long FIVE_MINUTES = 300_000_000_000L;

    record Run(GuestSession.Result result, String out, String err, String console) {}

    static DefaultGuest.Prepared guest(String script) {
        try {
            return DefaultGuest.prepare(DefaultGuest.Options.of(GuestCommand.of(List.of("sh", "-c", script)))
                    .verbosely(true));
        } catch (ImageException e) {
            return Assumptions.abort(e.toString());
        }
    }

    static Run run(DefaultGuest.Prepared guest) {
        return run(1, guest);
    }

    private static Run run(int processors, DefaultGuest.Prepared guest) {
        Machine.Setup one = Machine.Setup.of(512L << 20, 64L << 20);
        return run(one.with(one.cpu().withProcessors(processors)), guest);
    }

    static Run run(Machine.Setup setup, DefaultGuest.Prepared guest) {
        return run(setup, guest, FIVE_MINUTES);
    }

    static Run run(Machine.Setup setup, DefaultGuest.Prepared guest, long limitNanos) {
        var out = new ByteArrayOutputStream();
        var err = new ByteArrayOutputStream();
        var console = new ByteArrayOutputStream();
        var streams = new GuestSession.Streams(out, err, console, InputStream.nullInputStream(), false);
        GuestSession.Result result = new GuestSession(setup, streams, false, () -> {}).run(guest, limitNanos);
        return new Run(
                result,
                out.toString(StandardCharsets.UTF_8),
                err.toString(StandardCharsets.UTF_8),
                console.toString(StandardCharsets.UTF_8));
    }

    @Test
    void commandFindsSgxAndItsStreamsAndStatusArriveAndTwoRunsAreTheSame() {
        DefaultGuest.Prepared guest =
                guest("uname -r; grep -c -w sgx /proc/cpuinfo; ls /dev/sgx_enclave; echo complaint >&2; exit 7");
        Run first = run(guest);
        assertThat(first.out()).matches("[0-9][^\n]*-cloud-amd64\n1\n/dev/sgx_enclave\n");
        assertThat(first.err()).isEqualTo("complaint\n");
        assertThat(first.result().status()).isEqualTo(7);
        assertThat(first.console()).contains("sgx: EPC section");
        assertThat(run(guest)).isEqualTo(first);
    }

    @Test
    void twoProcessorsWorkAtOnceAndTwoRunsAreTheSame() {
        String script = """
                nproc
                for cpu in 0 1; do
                    taskset $((1 << cpu)) sh -c '
                        i=0
                        while [ $i -lt 2000 ]; do i=$((i + 1)); done
                        cut -d " " -f 39 /proc/self/stat' &
                done | sort
                wait
                grep -c "^apicid" /proc/cpuinfo
                sed -n "s/.*CAL: *\\([0-9]*\\) .*/\\1/p; s/.*LOC: *[0-9]* *\\([0-9]*\\) .*/\\1/p" /proc/interrupts | grep -c -v "^0$"
                dmesg | grep -c -i -e warning -e "unstable"
                """;
        DefaultGuest.Prepared guest = guest(script);
        Run first = run(2, guest);
        assertThat(first.out()).isEqualTo("2\n0\n1\n2\n2\n0\n");
        assertThat(first.err()).isEmpty();
        assertThat(first.console()).contains("Brought up 1 node, 2 CPUs");
        assertThat(run(2, guest)).isEqualTo(first);
    }
}
