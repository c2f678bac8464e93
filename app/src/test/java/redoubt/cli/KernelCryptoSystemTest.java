package redoubt.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import redoubt.image.DefaultGuest;
import redoubt.image.GuestCommand;
import redoubt.image.ImageException;

/**
 * The kernel's ciphers and hashes in AES, SHA, PCLMULQDQ, AVX and AVX2 code. Oracle: the known answers that the kernel tests
 * each of them with when it is registered (crypto/testmgr.c). Skipped where no Debian package can be had.
 */
class KernelCryptoSystemTest {
    private static final List<String> MODULES = List.of(
            "aesni-intel",
            "ghash-clmulni-intel",
            "crct10dif-pclmul",
            "sha1-ssse3",
            "sha256-ssse3",
            "sha512-ssse3",
            "chacha-x86_64",
            "poly1305-x86_64",
            "nhpoly1305-avx2",
            "camellia-aesni-avx2",
            "serpent-avx2",
            "twofish-avx-x86_64",
            "cast6-avx-x86_64",
            "raid6_pq");

    @Test
    void everyAlgorithmOfTheKernelPassesItsSelfTestInVectorCode() {
        DefaultGuest.Prepared guest;
        try {
            String script = "grep -c -w avx2 /proc/cpuinfo; dmesg | grep -E 'alg:.*fail|raid6: using algorithm';"
                    + " grep -E '^(driver|selftest)' /proc/crypto";
            guest = DefaultGuest.prepare(DefaultGuest.Options.of(GuestCommand.of(List.of("sh", "-c", script)))
                    .inserting(MODULES));
        } catch (ImageException e) {
            Assumptions.abort(e.toString());
            return;
        }
        DefaultGuestSystemTest.Run run = DefaultGuestSystemTest.run(
                new DefaultGuest.Prepared(guest.kernel(), guest.initramfs(), guest.cmdline() + " cryptomgr.notests=0"));
        assertThat(run.result().status()).as(run.err()).isZero();
        assertThat(run.out()).startsWith("1\n").doesNotContain("fail").doesNotContain("unknown");
        for (String driver :
                List.of("sha256-avx2", "sha512-avx2", "serpent-avx2", "camellia-aesni-avx2", "gcm-aesni")) {
            assertThat(run.out()).containsPattern("driver *: .*" + driver + "\nselftest *: passed");
        }
        assertThat(run.out()).contains("raid6: using algorithm avx2");
    }
}
