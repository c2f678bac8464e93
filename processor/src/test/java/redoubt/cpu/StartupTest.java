package redoubt.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** INIT and the start-up of application processors. The oracle is the SDM, vol. 3A 9.1 (table 9-1) and 9.4. */
class StartupTest {
    private static final int LSTAR = 0xC000_0082;
    private static final long TRAMPOLINE = 0x8000;

    private final TestCpu t = TestCpu.longMode();
    private final Cpu c = t.cpu;
    private boolean bootstrap;

    @BeforeEach
    void plugIn() {
        LocalApic none = c.apic;
        c.apic = new LocalApic() {
            @Override
            public boolean isBootstrap() {
                return bootstrap;
            }

            @Override
            public boolean pending() {
                return none.pending();
            }

            @Override
            public int acknowledge() {
                return none.acknowledge();
            }

            @Override
            public long readMsr(int index) {
                return none.readMsr(index);
            }

            @Override
            public void writeMsr(int index, long value) {
                none.writeMsr(index, value);
            }

            @Override
            public int cr8() {
                return none.cr8();
            }

            @Override
            public void cr8(int priority) {
                none.cr8(priority);
            }
        };
    }

    @AfterEach
    void close() {
        t.close();
    }

    @Test
    void initSetsTheStateOfTheManualAndKeepsVectorsAndMsrs() {
        c.r[0] = 5;
        c.r[15] = 6;
        c.x[3] = 0x1234;
        c.mxcsr = 0x1F81;
        c.fpControl = 0x123;
        c.xcr0 = 3;
        c.pkru = 4;
        c.cr0 |= 0x6000_0000;
        c.cr2 = 7;
        c.dr[0] = 8;
        c.dr[7] = 0x401;
        c.rflags(0x8D5);
        c.msrs.set(LSTAR, 0x8888);
        c.nmiBlocked = true;
        c.signalInit();
        assertThat(t.run(10, 0x90)).isEqualTo(Engine.Stop.HALTED);
        assertThat(c.isIdle()).isTrue();
        assertThat(c.instructions).isZero();
        assertThat(c.cr0).isEqualTo(0x6000_0010);
        assertThat(new long[] {c.cr2, c.cr3, c.cr4, c.efer, c.r[0], c.r[15], c.dr[0]})
                .containsOnly(0);
        assertThat(c.dr[6]).isEqualTo(0xFFFF_0FF0L);
        assertThat(c.dr[7]).isEqualTo(0x400);
        assertThat(c.rflags()).isEqualTo(2);
        assertThat(c.rip).isEqualTo(0xFFF0);
        assertThat(c.selector[1]).isEqualTo(0xF000);
        assertThat(c.segmentBase[1]).isEqualTo(0xFFFF_0000L);
        assertThat(c.segmentLimit).containsOnly(0xFFFF);
        assertThat(c.gdtLimit).isEqualTo(0xFFFF);
        assertThat(c.idtBase).isZero();
        assertThat(c.trAccess).isEqualTo(0x8B);
        assertThat(c.codeMode).isEqualTo(16);
        assertThat(c.nmiBlocked).isFalse();
        assertThat((int) c.r[2]).isEqualTo(signature());
        assertThat(c.x[3]).isEqualTo(0x1234);
        assertThat(c.mxcsr).isEqualTo(0x1F81);
        assertThat(c.fpControl).isEqualTo(0x123);
        assertThat(c.xcr0).isEqualTo(3);
        assertThat(c.pkru).isEqualTo(4);
        assertThat(c.msrs.get(LSTAR)).isEqualTo(0x8888);
    }

    private int signature() {
        int[] out = new int[4];
        c.model.cpuid(c, 1, 0, out);
        return out[0];
    }

    @Test
    void theBootstrapProcessorStartsAtTheResetVectorAtOnce() {
        bootstrap = true;
        c.signalInit();
        assertThat(c.isIdle()).isFalse();
        c.signalStartup(8);
        t.engine.run(1); // nothing is mapped at the reset vector: an invalid opcode without a handler
        assertThat(c.segmentBase[1]).isNotEqualTo(TRAMPOLINE);
    }

    @Test
    void initGoesBeforeTheInterruptShadow() {
        c.interruptShadow = true;
        c.signalInit();
        assertThat(t.run(1, 0x90)).isEqualTo(Engine.Stop.HALTED);
        assertThat(c.interruptShadow).isFalse();
    }

    @Test
    void aWaitingProcessorTakesNothingButAStartUp() {
        c.waitForStartup();
        c.signalNmi();
        assertThat(c.isIdle()).isTrue();
        assertThat(t.run(5, 0x90)).isEqualTo(Engine.Stop.HALTED);
        assertThat(c.rip).isEqualTo(TestCpu.CODE);
        c.signalStartup(8);
        assertThat(c.isIdle()).isFalse();
    }

    @Test
    void aStartUpIsLostOnAProcessorThatRunsAndRememberedWhileInitIsOnItsWay() {
        c.signalStartup(8);
        t.run(1, 0x90, 0x90);
        assertThat(c.rip).isEqualTo(TestCpu.CODE + 1);
        c.signalInit();
        c.signalStartup(8);
        c.signalInit(); // and this one forgets it
        assertThat(t.run(1, 0x90)).isEqualTo(Engine.Stop.HALTED);
        c.signalInit();
        c.signalStartup(8);
        c.signalStartup(9); // the last one that came before it could start
        t.write(0x9000, new byte[] {0x40, 0x40});
        t.engine.run(1);
        assertThat(c.selector[1]).isEqualTo(0x900);
        assertThat(c.segmentBase[1]).isEqualTo(0x9000);
        assertThat(c.r[0]).isEqualTo(1);
        c.signalStartup(8);
        t.engine.run(1);
        assertThat(c.segmentBase[1]).isEqualTo(0x9000);
    }

    @Test
    void aTrampolineLeadsFromRealModeThroughProtectedModeToLongMode() {
        String code = "fa" // cli
                + "8cc8" // mov ax, cs
                + "8ed8" // mov ds, ax
                + "66bb00000000" // mov ebx, 0
                + "89c3" // mov bx, ax
                + "660f01168800" // o32 lgdt [0x88]
                + "0f20c0" // mov eax, cr0
                + "0c01" // or al, 1
                + "0f22c0" // mov cr0, eax
                + "66ea238000000800" // o32 jmp 0x08:0x8023
                + "66b81000" // 23: mov ax, 0x10
                + "8ed8" // mov ds, ax
                + "8ed0" // mov ss, ax
                + "0f20e0" // mov eax, cr4
                + "83c820" // or eax, PAE
                + "0f22e0" // mov cr4, eax
                + "b800100000" // mov eax, 0x1000: the rig's page tables
                + "0f22d8" // mov cr3, eax
                + "b9800000c0" // mov ecx, EFER
                + "0f32" // rdmsr
                + "0d00010000" // or eax, LME
                + "0f30" // wrmsr
                + "0f20c0" // mov eax, cr0
                + "0d00000080" // or eax, PG
                + "0f22c0" // mov cr0, eax
                + "ea5c8000001800" // jmp 0x18:0x805c
                + "48b88877665544332211" // 5c: mov rax, 0x1122334455667788
                + "f4" // hlt
                + "90";
        String tables = "0000000000000000" + "ffff0000009bcf00" + "ffff00000093cf00" + "ffff0000009baf00" // 68: GDT
                + "1f0068800000"; // 88: its limit and base
        t.write(TRAMPOLINE, HexFormat.of().parseHex(code + tables));
        c.signalInit();
        t.engine.run(1);
        c.signalStartup(8);
        assertThat(t.engine.run(100)).isEqualTo(Engine.Stop.HALTED);
        assertThat(c.r[0]).isEqualTo(0x1122334455667788L);
        assertThat(c.r[3]).isEqualTo(0x800); // CS in real mode
        assertThat(c.codeMode).isEqualTo(64);
        assertThat(c.longMode()).isTrue();
        assertThat(c.rip).isEqualTo(TRAMPOLINE + 0x67);
    }
}
