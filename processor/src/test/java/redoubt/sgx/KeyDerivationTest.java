package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.sgx.SgxRig.BASE;
import static redoubt.sgx.SgxRig.faultOf;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import redoubt.cpu.Cpu;
import redoubt.cpu.CpuModel;
import redoubt.cpu.Msrs;
import redoubt.x86.Feature;

/** What each key depends on, and who gets it: SDM vol. 3D, EGETKEY. */
class KeyDerivationTest {
    private static final long ALL_KEYS =
            Attributes.MODE64BIT | Attributes.PROVISIONKEY | Attributes.EINITTOKENKEY | Attributes.KSS;
    private static final long REQUEST = BASE + 0x3000;
    private static final long OUTPUT = BASE + 0x3400;

    private static final int EINITTOKEN = 0;
    private static final int REPORT = 3;
    private static final int SEAL = 4;

    /**
     * Inputs, and whether the keys in the order of their names (EINITTOKEN, PROVISION, PROVISION_SEAL, REPORT, SEAL) depend
     * on them: 0 no, 1 yes, else the policy bit (E MRENCLAVE, S MRSIGNER, C CONFIGID, F ISVFAMILYID, X ISVEXTPRODID, and N:
     * unless NOISVPRODID).
     */
    private static final String TABLE = """
            ISVFAMILYID            0 0 F 0 F
            ISVEXTPRODID           0 0 X 0 X
            ISVPRODID              1 1 N 0 N
            ISVSVN                 0 0 0 0 0
            request.ISVSVN         1 1 1 0 1
            owner-epoch            1 0 0 1 1
            ATTRIBUTES.DEBUG       1 1 1 1 1
            ATTRIBUTES-in-mask     1 1 1 1 1
            ATTRIBUTES-not-in-mask 0 0 0 1 0
            XFRM-in-mask           1 1 1 1 1
            request.ATTRIBUTEMASK  0 1 1 0 1
            MRENCLAVE              0 0 0 1 E
            MRSIGNER               1 1 1 0 S
            request.KEYID          1 0 0 1 1
            request.CPUSVN         1 1 1 0 1
            CPUSVN                 0 0 0 1 0
            MISCSELECT-in-mask     1 1 1 1 1
            MISCSELECT-not-in-mask 0 0 0 1 0
            request.MISCMASK       0 1 1 0 1
            request.KEYPOLICY      0 0 1 0 1
            CONFIGID               0 0 C 1 C
            CONFIGSVN              0 0 0 1 0
            request.CONFIGSVN      0 0 C 0 C
            """;

    private final SgxRig rig = new SgxRig().standardEnclave(ALL_KEYS);
    private final long secs = rig.epc.host(0);
    private byte[] request = new byte[512];

    KeyDerivationTest() {
        rig.eenter(0);
        identity();
    }

    /** An enclave with a value in each field that can matter. */
    private void identity() {
        Host.fill(secs + Secs.ISVFAMILYID, 16, 0x11);
        Host.fill(secs + Secs.ISVEXTPRODID, 16, 0x22);
        Host.fill(secs + Secs.CONFIGID, 64, 0x33);
        Host.put16(secs + Secs.CONFIGSVN, 5);
        Host.put16(secs + Secs.ISVPRODID, 9);
        Host.put16(secs + Secs.ISVSVN, 7);
        Host.put32(secs + Secs.MISCSELECT, 0);
        Host.fill(secs + Secs.MRENCLAVE, 32, 0x44);
        Host.fill(secs + Secs.MRSIGNER, 32, 0x55);
        Host.put64(secs + Secs.ATTRIBUTES, ALL_KEYS | Attributes.INIT);
        Host.put64(secs + Secs.XFRM, 3);
        rig.platform.ownerEpoch(new byte[16]);
        byte[] svn = new byte[16];
        svn[0] = 4;
        svn[9] = 2;
        rig.platform.cpuSvn(svn);
    }

    private void request(int name, int policy) {
        request = new byte[512];
        Bytes.put16(request, KeyRequest.KEYNAME, name);
        Bytes.put16(request, KeyRequest.KEYPOLICY, policy);
        Bytes.put16(request, KeyRequest.ISVSVN, 6);
        request[KeyRequest.CPUSVN] = 3;
        // without AEXNOTIFY and the reserved bit 40; XFRM in the mask
        Bytes.put64(request, KeyRequest.ATTRIBUTEMASK, 0xFFL | 1L << 41);
        Bytes.put64(request, KeyRequest.ATTRIBUTEMASK + 8, -1);
        Bytes.put32(request, KeyRequest.MISCMASK, 1);
        request[KeyRequest.KEYID] = 1;
        Bytes.put16(request, KeyRequest.CONFIGSVN, 4);
    }

    private long egetkey() {
        Host.put(rig.epc.host(4), request);
        return rig.enclu(1, REQUEST, OUTPUT, 0);
    }

    private String key() {
        assertThat(egetkey()).isZero();
        return HexFormat.of().formatHex(Host.bytes(rig.epc.host(4) + 0x400, 16));
    }

    private void flip(int offset) {
        Host.put8(secs + offset, Host.get8(secs + offset) ^ 1);
    }

    private Map<String, Consumer<KeyDerivationTest>> changes() {
        Map<String, Consumer<KeyDerivationTest>> m = new LinkedHashMap<>();
        m.put("ISVFAMILYID", t -> t.flip(Secs.ISVFAMILYID + 15));
        m.put("ISVEXTPRODID", t -> t.flip(Secs.ISVEXTPRODID + 15));
        m.put("ISVPRODID", t -> t.flip(Secs.ISVPRODID + 1));
        m.put("ISVSVN", t -> Host.put16(secs + Secs.ISVSVN, 8));
        m.put("request.ISVSVN", t -> Bytes.put16(request, KeyRequest.ISVSVN, 5));
        m.put("owner-epoch", t -> {
            byte[] epoch = new byte[16];
            epoch[15] = 1;
            rig.platform.ownerEpoch(epoch);
        });
        m.put("ATTRIBUTES.DEBUG", t -> attributes(Attributes.DEBUG));
        m.put("ATTRIBUTES-in-mask", t -> attributes(1L << 41));
        m.put("ATTRIBUTES-not-in-mask", t -> attributes(Attributes.AEXNOTIFY));
        m.put("XFRM-in-mask", t -> Host.put64(secs + Secs.XFRM, 7));
        m.put("request.ATTRIBUTEMASK", t -> Bytes.put64(request, KeyRequest.ATTRIBUTEMASK, 0xFFL | 1L << 40));
        m.put("MRENCLAVE", t -> t.flip(Secs.MRENCLAVE + 31));
        m.put("MRSIGNER", t -> t.flip(Secs.MRSIGNER + 31));
        m.put("request.KEYID", t -> request[KeyRequest.KEYID + 31] = 1);
        m.put("request.CPUSVN", t -> request[KeyRequest.CPUSVN + 9] = 1);
        m.put("CPUSVN", t -> {
            byte[] svn = rig.platform.cpuSvn();
            svn[1]++;
            rig.platform.cpuSvn(svn);
        });
        m.put("MISCSELECT-in-mask", t -> Host.put32(secs + Secs.MISCSELECT, 1));
        m.put("MISCSELECT-not-in-mask", t -> Host.put32(secs + Secs.MISCSELECT, 2));
        m.put("request.MISCMASK", t -> Bytes.put32(request, KeyRequest.MISCMASK, 3));
        m.put("request.KEYPOLICY", t -> {
            // a bit that brings nothing in by itself
            Host.fill(secs + Secs.ISVEXTPRODID, 16, 0);
            int policy = Bytes.get16(request, KeyRequest.KEYPOLICY);
            Bytes.put16(request, KeyRequest.KEYPOLICY, policy ^ KeyRequest.POLICY_ISVEXTPRODID);
        });
        m.put("CONFIGID", t -> t.flip(Secs.CONFIGID + 63));
        m.put("CONFIGSVN", t -> Host.put16(secs + Secs.CONFIGSVN, 6));
        m.put("request.CONFIGSVN", t -> Bytes.put16(request, KeyRequest.CONFIGSVN, 3));
        return m;
    }

    private void attributes(long toggled) {
        Host.put64(secs + Secs.ATTRIBUTES, Host.get64(secs + Secs.ATTRIBUTES) ^ toggled);
    }

    private static boolean depends(char cell, int policy) {
        return switch (cell) {
            case '0' -> false;
            case '1' -> true;
            case 'E' -> (policy & KeyRequest.POLICY_MRENCLAVE) != 0;
            case 'S' -> (policy & KeyRequest.POLICY_MRSIGNER) != 0;
            case 'N' -> (policy & KeyRequest.POLICY_NOISVPRODID) == 0;
            case 'C' -> (policy & KeyRequest.POLICY_CONFIGID) != 0;
            case 'F' -> (policy & KeyRequest.POLICY_ISVFAMILYID) != 0;
            case 'X' -> (policy & KeyRequest.POLICY_ISVEXTPRODID) != 0;
            default -> throw new IllegalArgumentException(String.valueOf(cell));
        };
    }

    @Test
    void eachInputMattersToTheKeysThatTheManualSays() {
        Map<String, Consumer<KeyDerivationTest>> changes = changes();
        List<String> wrong = new ArrayList<>();
        Set<String> rows = new HashSet<>();
        Set<String> seen = new HashSet<>();
        for (String line : TABLE.lines().toList()) {
            String[] cells = line.split(" +");
            rows.add(cells[0]);
            for (int name = EINITTOKEN; name <= SEAL; name++) {
                for (int policy = 0; policy < 64; policy++) {
                    identity();
                    if (cells[0].equals("request.KEYPOLICY")) {
                        Host.fill(secs + Secs.ISVEXTPRODID, 16, 0);
                    }
                    request(name, policy);
                    String before = key();
                    Objects.requireNonNull(changes.get(cells[0]), cells[0]).accept(this);
                    boolean differs = !key().equals(before);
                    if (differs != depends(cells[name + 1].charAt(0), policy)) {
                        wrong.add(cells[0] + " of key " + name + " with policy " + policy);
                    }
                    seen.add(before);
                }
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(rows).isEqualTo(changes.keySet());
        // SEAL and PROVISION_SEAL: each policy a key of its own, once more with ISVEXTPRODID zero; and the three others
        assertThat(seen).hasSizeGreaterThan(2 * 64 + 3);
    }

    @Test
    void anotherPlatformDerivesOtherKeysAndTheSamePlatformTheSame() {
        SgxRig twin = new SgxRig(SgxCapabilities.standard(3), "another boot");
        byte[] report = new KeyDependencies(REPORT, rig.platform).encode();
        assertThat(twin.platform.key(new KeyDependencies(REPORT, twin.platform)))
                .isEqualTo(rig.platform.key(new KeyDependencies(REPORT, rig.platform)));
        SgxPackage other = new SgxPackage(rig.epc, SgxCapabilities.standard(3), new byte[] {1}, new byte[] {2});
        assertThat(other.key(new KeyDependencies(REPORT, other)))
                .isNotEqualTo(rig.platform.key(new KeyDependencies(REPORT, rig.platform)));
        assertThat(report).isNotEmpty();
    }

    @ParameterizedTest
    @CsvSource({"0, 32, 2", "1, 16, 2", "2, 16, 2", "3, 0, 0", "4, 0, 0", "5, 0, 256", "65535, 0, 256"})
    void aKeyNeedsItsAttribute(int name, long attribute, long code) {
        request(name, 0);
        attributes(attribute);
        Host.put64(rig.epc.host(4) + 0x400, 0x1234);
        assertThat(egetkey()).isEqualTo(code);
        assertThat(Host.get64(rig.epc.host(4) + 0x400) == 0x1234).isEqualTo(code != 0);
        assertThat((rig.c.rflags() & redoubt.cpu.Flags.ZF) != 0).isEqualTo(code != 0);
    }

    @ParameterizedTest
    @CsvSource({
        // name, CPUSVN byte 0, ISVSVN, CONFIGSVN, code
        "4, 4, 7, 5, 0",
        "4, 5, 8, 6, 32", // CPUSVN is looked at first
        "4, 4, 8, 6, 64",
        "4, 4, 7, 6, 64",
        "3, 5, 8, 6, 0", // a report key ignores all of them
        "0, 5, 7, 5, 32",
        "0, 4, 8, 5, 64",
        "0, 4, 7, 6, 0",
        "1, 4, 8, 5, 64",
        "1, 4, 7, 6, 0",
        "2, 5, 7, 5, 32",
        "2, 4, 8, 5, 64",
        "2, 4, 7, 6, 0" // only SEAL holds CONFIGSVN against the enclave
    })
    void aVersionBeyondTheCurrentOneIsRefused(int name, int cpuSvn, int isvSvn, int configSvn, long code) {
        request(name, 0);
        request[KeyRequest.CPUSVN] = (byte) cpuSvn;
        Bytes.put16(request, KeyRequest.ISVSVN, isvSvn);
        Bytes.put16(request, KeyRequest.CONFIGSVN, configSvn);
        assertThat(egetkey()).isEqualTo(code);
    }

    @Test
    void withoutKssTheNewPoliciesAndConfigsvnAreReserved() {
        attributes(Attributes.KSS);
        for (int bit = 0; bit < 16; bit++) {
            request(SEAL, 1 << bit);
            Bytes.put16(request, KeyRequest.CONFIGSVN, 0);
            assertThat(faultOf(this::egetkey)).as("policy bit %d", bit).isEqualTo(bit < 2 ? "none" : "#GP");
        }
        request(SEAL, 0);
        assertThat(faultOf(this::egetkey)).isEqualTo("#GP");
        attributes(Attributes.KSS);
        for (int reserved : new int[] {6, 7, 78, 511}) {
            request(SEAL, 0);
            request[reserved] = 1;
            assertThat(faultOf(this::egetkey)).as("byte %d", reserved).isEqualTo("#GP");
        }
        request(SEAL, 0x40);
        assertThat(faultOf(this::egetkey)).isEqualTo("#GP");
    }

    @Test
    void aReportCarriesTheIdentityAndVerifiesWithTheTargetsConfiguration() {
        byte[] target = new byte[512];
        System.arraycopy(Host.bytes(secs + Secs.MRENCLAVE, 32), 0, target, TargetInfo.MEASUREMENT, 32);
        System.arraycopy(Host.bytes(secs + Secs.ATTRIBUTES, 16), 0, target, TargetInfo.ATTRIBUTES, 16);
        System.arraycopy(Host.bytes(secs + Secs.CONFIGID, 64), 0, target, TargetInfo.CONFIGID, 64);
        Bytes.put16(target, TargetInfo.CONFIGSVN, 5);
        Host.put(rig.epc.host(4), target);
        rig.enclu(0, REQUEST, BASE + 0x3200, OUTPUT);
        byte[] report = Host.bytes(rig.epc.host(4) + 0x400, Report.SIZE);
        assertThat(Bytes.slice(report, Report.CPUSVN, 16)).isEqualTo(rig.platform.cpuSvn());
        assertThat(Bytes.slice(report, Report.ISVEXTPRODID, 16)).containsOnly(0x22);
        assertThat(Bytes.slice(report, Report.ISVFAMILYID, 16)).containsOnly(0x11);
        assertThat(Bytes.slice(report, Report.CONFIGID, 64)).containsOnly(0x33);
        assertThat(Bytes.get16(report, Report.CONFIGSVN)).isEqualTo(5);
        assertThat(Bytes.get16(report, Report.ISVPRODID)).isEqualTo(9);
        assertThat(Bytes.get16(report, Report.ISVSVN)).isEqualTo(7);
        assertThat(Bytes.isZero(report, 262, 42)).isTrue();
        request(REPORT, 0);
        System.arraycopy(report, Report.KEYID, request, KeyRequest.KEYID, 32);
        byte[] key = HexFormat.of().parseHex(key());
        assertThat(Cmac.mac(key, report, Report.MACED)).isEqualTo(Bytes.slice(report, Report.MAC, 16));
        for (int field : new int[] {Secs.CONFIGID, Secs.CONFIGSVN, Secs.MRENCLAVE, Secs.XFRM}) {
            flip(field);
            assertThat(HexFormat.of().parseHex(key())).as("field %d", field).isNotEqualTo(key);
            flip(field);
        }
    }

    @Test
    void aNewMicrocodeVersionDrawsTheKeysAnewOnceTheEpcIsEmpty() {
        SgxRig fresh = SgxRig.withAllLeaves();
        assertThat(fresh.encls(0x18, 0, 0, 0)).isEqualTo(ErrorCode.NO_UPDATE);
        byte[] svn = fresh.platform.cpuSvn();
        svn[2]++;
        fresh.platform.loadMicrocode(svn);
        assertThat(fresh.platform.cpuSvn()).isNotEqualTo(svn);
        fresh.encls(0xA, 3, SgxRig.address(5), 0);
        assertThat(fresh.encls(0x18, 0, 0, 0)).isEqualTo(ErrorCode.EPC_NOT_READY);
        assertThat(fresh.encls(3, 0, SgxRig.address(5), 0)).isZero();
        byte[] pagingKey = fresh.platform.pagingKey.clone();
        byte[] keyId = fresh.platform.reportKeyId.clone();
        assertThat(fresh.encls(0x18, 0, 0, 0)).isZero();
        assertThat(fresh.platform.cpuSvn()).isEqualTo(svn);
        assertThat(fresh.platform.pagingKey).isNotEqualTo(pagingKey);
        assertThat(fresh.platform.reportKeyId).isNotEqualTo(keyId);
        assertThat(fresh.encls(0x18, 0, 0, 0)).isEqualTo(ErrorCode.NO_UPDATE);
    }

    @Test
    void writesOfTheOwnerEpochReachTheKeysUntilSgxIsEnabled() {
        request(SEAL, 1);
        String key = key();
        rig.c.msrs.write(0x300, 5);
        assertThat(key()).isEqualTo(key);
        rig.c.msrs.set(Msrs.FEATURE_CONTROL, 0); // as before firmware enables SGX
        rig.c.msrs.write(0x300, 0x0807060504030201L);
        rig.c.msrs.write(0x301, 0x100F0E0D0C0B0A09L);
        rig.c.msrs.set(Msrs.FEATURE_CONTROL, Msrs.LOCK | Msrs.SGX_ENABLE);
        rig.c.msrs.write(0x301, 5);
        assertThat(HexFormat.of().formatHex(rig.platform.ownerEpoch())).isEqualTo("0102030405060708090a0b0c0d0e0f10");
        assertThat(key()).isNotEqualTo(key);
        assertThat(faultOf(() -> rig.c.msrs.read(0x300))).isEqualTo("#GP");
        assertThat(faultOf(() -> rig.c.msrs.read(0x301))).isEqualTo("#GP");
    }

    @Test
    void theOwnerEpochStaysWhileAnotherThreadHasSgxEnabled() {
        Cpu second = rig.addProcessor();
        rig.c.msrs.set(Msrs.FEATURE_CONTROL, 0);
        rig.c.msrs.write(0x300, 5);
        assertThat(rig.platform.ownerEpoch()).containsOnly(0);
        second.msrs.set(Msrs.FEATURE_CONTROL, Msrs.LOCK);
        rig.c.msrs.write(0x300, 5);
        assertThat(rig.platform.ownerEpoch()[0]).isEqualTo((byte) 5);
    }

    @Test
    void aProcessorWithoutSgxHasNoOwnerEpoch() {
        Set<Feature> features = EnumSet.copyOf(CpuModel.implemented());
        features.remove(Feature.SGX);
        features.remove(Feature.SGX1);
        Cpu c = new SgxRig(new CpuModel(features, 1)).c;
        assertThat(faultOf(() -> c.msrs.write(0x300, 0))).isEqualTo("#GP");
    }

    @Test
    void aRegisterOfSixteenBytesIsNotSetToAnotherLength() {
        for (Runnable set : List.<Runnable>of(
                () -> rig.platform.cpuSvn(new byte[15]),
                () -> rig.platform.ownerEpoch(new byte[17]),
                () -> rig.platform.loadMicrocode(new byte[0]))) {
            org.assertj.core.api.Assertions.assertThatIllegalArgumentException()
                    .isThrownBy(set::run)
                    .withMessageContaining("16");
        }
    }
}
