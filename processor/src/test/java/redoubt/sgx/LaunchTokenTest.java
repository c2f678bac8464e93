package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.sgx.SgxRig.BASE;
import static redoubt.sgx.SgxRig.SIGSTRUCT;
import static redoubt.sgx.SgxRig.TOKEN;
import static redoubt.sgx.SgxRig.address;

import java.security.KeyPair;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redoubt.cpu.LocalApic;

/** EINIT with an EINITTOKEN: a launch enclave vouches for an enclave of another signer. */
class LaunchTokenTest {
    private static final long LAUNCHER = Attributes.MODE64BIT | Attributes.EINITTOKENKEY;
    private static final long MODE64 = Attributes.MODE64BIT;
    private static final KeyPair STRANGER = SgxRig.key();
    private static final int SECS = 20;

    private final SgxRig rig = new SgxRig().standardEnclave(LAUNCHER);
    private final byte[] sigstruct;
    private final byte[] key;
    private final byte[] token = new byte[304];

    LaunchTokenTest() {
        rig.ecreate(SECS, SgxRig.secs(MODE64));
        byte[] measurement = Measurement.load(rig.epc.host(SECS)).digest();
        sigstruct = SgxRig.sign(STRANGER, measurement, MODE64, 3, 0, 0, 0);
        key = launchKey();
        token[EinitToken.VALID] = 1;
        Bytes.put64(token, EinitToken.ATTRIBUTES, MODE64);
        Bytes.put64(token, EinitToken.ATTRIBUTES + 8, 3);
        System.arraycopy(measurement, 0, token, EinitToken.MRENCLAVE, 32);
        System.arraycopy(SigstructVerifier.mrsigner(sigstruct), 0, token, EinitToken.MRSIGNER, 32);
        System.arraycopy(rig.platform.cpuSvn(), 0, token, EinitToken.CPUSVNLE, 16);
        Bytes.put16(token, EinitToken.ISVSVNLE, 3);
        Bytes.put64(token, EinitToken.MASKEDATTRIBUTESLE, LAUNCHER | Attributes.INIT);
        Bytes.put64(token, EinitToken.MASKEDATTRIBUTESLE + 8, 3);
        token[EinitToken.KEYID] = 0x77;
        authenticate();
    }

    /** What the launch enclave asks EGETKEY for. */
    private byte[] launchKey() {
        rig.eenter(0);
        byte[] request = new byte[512];
        Bytes.put16(request, KeyRequest.KEYNAME, KeyRequest.EINITTOKEN_KEY);
        Bytes.put16(request, KeyRequest.ISVSVN, 3);
        System.arraycopy(rig.platform.cpuSvn(), 0, request, KeyRequest.CPUSVN, 16);
        Bytes.put64(request, KeyRequest.ATTRIBUTEMASK, -1);
        Bytes.put64(request, KeyRequest.ATTRIBUTEMASK + 8, -1);
        request[KeyRequest.KEYID] = 0x77;
        Host.put(rig.epc.host(4), request);
        assertThat(rig.enclu(1, BASE + 0x3000, BASE + 0x3400, 0)).isZero();
        byte[] derived = Host.bytes(rig.epc.host(4) + 0x400, 16);
        rig.eexit();
        return derived;
    }

    private void authenticate() {
        System.arraycopy(Cmac.mac(key, token, EinitToken.MACED), 0, token, EinitToken.MAC, 16);
    }

    private long einit() {
        rig.put(SIGSTRUCT, sigstruct);
        rig.put(TOKEN, token);
        return rig.encls(2, SIGSTRUCT, address(SECS), TOKEN);
    }

    private void refused(String what, int code, Consumer<byte[]> change) {
        byte[] good = token.clone();
        change.accept(token);
        assertThat(einit()).as(what).isEqualTo(code);
        assertThat(Secs.initialized(rig.epc.host(SECS))).as(what).isFalse();
        System.arraycopy(good, 0, token, 0, good.length);
    }

    @Test
    void aTokenLaunchesWhatTheHashRegistersDoNotKnow() {
        refused("no token", ErrorCode.INVALID_EINITTOKEN, t -> t[EinitToken.VALID] = 0);
        assertThat(einit()).isZero();
        assertThat(Secs.initialized(rig.epc.host(SECS))).isTrue();
        assertThat(Host.bytes(rig.epc.host(SECS) + Secs.MRSIGNER, 32)).isEqualTo(SigstructVerifier.mrsigner(sigstruct));
    }

    @Test
    void aTokenThatIsWrongInAnyFieldGivesTheCodeOfTheFirstFailingCheck() {
        for (int at : new int[] {1, 4, 47, 96, 127, 160, 191, 212, 235}) {
            refused("reserved byte " + at, ErrorCode.INVALID_EINITTOKEN, t -> {
                t[at] = 2;
                authenticate();
            });
        }
        for (int at = 0; at < 304; at++) {
            int byteAt = at;
            boolean version = at >= EinitToken.CPUSVNLE && at < EinitToken.CPUSVNLE + 16;
            if (at != EinitToken.VALID) {
                refused(
                        "byte " + at,
                        version && at >= EinitToken.CPUSVNLE + 4
                                ? ErrorCode.INVALID_CPUSVN
                                : ErrorCode.INVALID_EINITTOKEN,
                        t -> t[byteAt] ^= 1);
            }
        }
        refused("a later CPUSVN", ErrorCode.INVALID_CPUSVN, t -> t[EinitToken.CPUSVNLE]++);
        refused("a debug launcher", ErrorCode.INVALID_EINITTOKEN, t -> t[EinitToken.MASKEDATTRIBUTESLE] |= 2);
        refused("another enclave", ErrorCode.INVALID_MEASUREMENT, t -> {
            t[EinitToken.MRENCLAVE] ^= 1;
            authenticate();
        });
        refused("another signer", ErrorCode.INVALID_MEASUREMENT, t -> {
            t[EinitToken.MRSIGNER] ^= 1;
            authenticate();
        });
        refused("other attributes", ErrorCode.INVALID_ATTRIBUTE, t -> {
            t[EinitToken.ATTRIBUTES] ^= (byte) Attributes.PROVISIONKEY;
            authenticate();
        });
        rig.platform.ownerEpoch(new byte[16]);
        refused("another owner epoch", ErrorCode.INVALID_EINITTOKEN, t -> {});
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void anEventThatIsPendingAndNotMaskedComesFirst(boolean nmi) {
        LocalApic quiet = rig.c.apic;
        rig.c.apic = new LocalApic() {
            @Override
            public boolean pending() {
                return !nmi;
            }

            @Override
            public int acknowledge() {
                return 0x20;
            }

            @Override
            public long readMsr(int index) {
                return 0;
            }

            @Override
            public void writeMsr(int index, long value) {}

            @Override
            public int cr8() {
                return 0;
            }

            @Override
            public void cr8(int priority) {}
        };
        rig.c.nmiPending = nmi;
        rig.c.flags |= redoubt.cpu.Flags.IF;
        assertThat(einit()).isEqualTo(ErrorCode.UNMASKED_EVENT);
        assertThat(Secs.initialized(rig.epc.host(SECS))).isFalse();
        sigstruct[24] ^= 1;
        assertThat(einit()).isEqualTo(ErrorCode.INVALID_SIG_STRUCT); // but the header is looked at before
        sigstruct[24] ^= 1;
        if (nmi) {
            rig.c.nmiBlocked = true;
        } else {
            rig.c.flags &= ~(long) redoubt.cpu.Flags.IF;
        }
        assertThat(einit()).isZero();
        rig.c.apic = quiet;
    }
}
