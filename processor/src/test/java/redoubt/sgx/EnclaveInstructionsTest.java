package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.sgx.SgxRig.BASE;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What instructions do inside an enclave that they do not do outside: SDM vol. 3D section 36.6. */
class EnclaveInstructionsTest {
    private static final int INVALID_OPCODE = 0x80000306;

    private static int[] bytes(String hex) {
        String[] parts = hex.strip().split(" ");
        int[] code = new int[parts.length];
        for (int i = 0; i < parts.length; i++) {
            code[i] = Integer.parseInt(parts[i], 16);
        }
        return code;
    }

    @ParameterizedTest
    @CsvSource({
        "CPUID, 0F A2",
        "GETSEC, 0F 37",
        "RDPMC, 0F 33",
        "SGDT, 0F 01 00",
        "SIDT, 0F 01 08",
        "SLDT, 0F 00 C0",
        "STR, 0F 00 C8",
        "SMSW, 0F 01 E0",
        "VMCALL, 0F 01 C1",
        "VMFUNC, 0F 01 D4",
        "IN imm8, E4 60",
        "IN imm, E5 60",
        "IN DX8, EC",
        "IN DX, ED",
        "INSB, 6C",
        "INSD, 6D",
        "OUT imm8, E6 60",
        "OUT imm, E7 60",
        "OUT DX8, EE",
        "OUT DX, EF",
        "OUTSB, 6E",
        "OUTSD, 6F",
        "CALL far, FF 1B",
        "JMP far, FF 2B",
        "RETF, CB",
        "RETF imm, CA 00 00",
        "INT n, CD 80",
        "INT 3 of two bytes, CD 03",
        "IRET, 48 CF",
        "LFS, 0F B4 03",
        "LGS, 0F B5 03",
        "LSS, 0F B2 03",
        "MOV DS, 8E D8",
        "MOV ES, 8E C0",
        "MOV SS, 8E D0",
        "MOV FS, 8E E0",
        "MOV GS, 8E E8",
        "POP FS, 0F A1",
        "POP GS, 0F A9",
        "SYSCALL, 0F 05",
        "SYSENTER, 0F 34",
        "ENCLS, 0F 01 CF",
        "ENCLV, 0F 01 C0",
        "INT3, CC",
        "INT1, F1"
    })
    void illegalInstructionsAreUndefined(String name, String code) {
        EnclaveMachine m = new EnclaveMachine().boot(bytes(code));
        m.c.efer |= 1; // SYSCALL enabled
        m.c.flags |= 0x3000; // IOPL 3: not the ports' protection
        assertThat(m.run()).as(name).isEqualTo(6);
        assertThat(m.exitInformation(0)).isEqualTo(INVALID_OPCODE);
        assertThat(m.savedRip(0)).isEqualTo(BASE + 0x4000);
    }

    @ParameterizedTest
    @CsvSource({
        "LDS, C5 03",
        "LES, C4 03",
        "POP DS, 1F",
        "POP ES, 07",
        "POP SS, 17",
        "INTO, CE",
        "CALL far, 9A 0 0 0 0 8 0",
        "JMP far, EA 0 0 0 0 8 0",
        "CPUID, 0F A2"
    })
    void illegalInstructionsOf32BitsAreUndefined(String name, String code) {
        EnclaveMachine m = new EnclaveMachine();
        m.attributes = 0;
        m.boot(bytes(code));
        assertThat(m.run()).as(name).isEqualTo(6);
        assertThat(m.exitInformation(0)).isEqualTo(INVALID_OPCODE);
    }

    @ParameterizedTest
    @CsvSource({
        "HLT, F4",
        "MOV CR, 0F 20 C0",
        "MOV DR, 0F 21 C0",
        "RDMSR, 0F 32",
        "EENTER, B8 2 0 0 0 0F 01 D7",
        "ERESUME, B8 3 0 0 0 0F 01 D7",
        "EVERIFYREPORT2, B8 8 0 0 0 0F 01 D7",
        "no leaf, B8 0A 0 0 0 0F 01 D7"
    })
    void privilegedInstructionsFaultAsAnywhere(String name, String code) {
        EnclaveMachine m = new EnclaveMachine().boot(bytes(code));
        assertThat(m.run()).as(name).isEqualTo(13);
        assertThat(m.exitInformation(0)).isZero();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theTimeStampCounterIsReadableWithSgx2Only(boolean sgx2) {
        SgxCapabilities s = SgxCapabilities.standard(3);
        int features = sgx2 ? s.features() : SgxCapabilities.SGX1;
        EnclaveMachine m = new EnclaveMachine(
                new SgxRig(new SgxCapabilities(features, s.miscselect(), s.sizes(), s.attributes(), s.xfrm()), "boot"));
        m.boot(0x0F, 0x31, 0x0F, 0x01, 0xF9, 0xF4); // rdtsc; rdtscp; hlt
        assertThat(m.run()).isEqualTo(sgx2 ? 13 : 6);
        assertThat(m.savedRip(0)).isEqualTo(BASE + (sgx2 ? 0x4005 : 0x4000));
        m.user(0);
        m.rig.put(SgxRig.AEP, 0xF9010F310FL | 0xF4L << 40);
        assertThat(m.run()).isEqualTo(13); // outside, both work
    }

    @Test
    void theSelectorOfFsAndGsIsReadable() {
        EnclaveMachine m = new EnclaveMachine().boot(0x8C, 0xE0, 0x8C, 0xEB, 0xF4); // mov eax, fs; mov ebx, gs; hlt
        assertThat(m.run()).isEqualTo(13);
        assertThat(Host.get64(m.gpr(0))).isEqualTo(0x0B);
        assertThat(Host.get64(m.gpr(0) + 24)).isEqualTo(0x0B);
    }

    @Test
    void extendedStateIsWhatTheEnclaveDeclares() {
        SgxRig rig = new SgxRig(SgxCapabilities.standard(7), "boot");
        EnclaveMachine m = new EnclaveMachine(rig);
        rig.c.xcr0 = 7;
        // xor ecx, ecx; xgetbv; vaddps ymm0, ymm0, ymm0
        m.boot(0x31, 0xC9, 0x0F, 0x01, 0xD0, 0xC5, 0xFC, 0x58, 0xC0);
        assertThat(m.run()).isEqualTo(6); // AVX is not in XFRM
        assertThat(Host.get64(m.gpr(0))).isEqualTo(3);
        assertThat(rig.c.xcr0).isEqualTo(7);
    }

    @Test
    void anEnclaveIsNotEnteredWithMoreStateThanTheSystemEnables() {
        SgxRig rig = new SgxRig(SgxCapabilities.standard(7), "boot");
        EnclaveMachine m = new EnclaveMachine(rig);
        m.xfrm = 7;
        m.boot(0xF4);
        rig.c.xcr0 = 3;
        assertThat(m.run()).isEqualTo(13);
        assertThat(m.pushed(1)).isEqualTo(SgxRig.AEP);
        rig.c.xcr0 = 7;
        m.user(2);
        rig.c.cr4 &= ~0x40000L;
        assertThat(m.run()).isEqualTo(13);
        assertThat(m.pushed(1)).isEqualTo(SgxRig.AEP);
        assertThat(m.cssa()).isZero();
        rig.c.cr4 |= 0x40000;
        m.user(2);
        m.run();
        assertThat(m.cssa()).isEqualTo(1); // the HLT inside
    }
}
