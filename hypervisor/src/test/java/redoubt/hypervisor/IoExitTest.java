package redoubt.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import redoubt.cpu.Cpu;
import redoubt.cpu.CpuGeneration;
import redoubt.cpu.CpuModel;
import redoubt.cpu.LocalApic;
import redoubt.cpu.MsrFault;
import redoubt.cpu.Platform;

/**
 * A guest in real mode whose device is the test: ports that nobody handles, and memory from A0000H on where nothing is. ES is
 * F000H. Oracle: the SDM's description of each instruction, and that a device sees each access once.
 */
class IoExitTest {
    private static final int CODE = 0x8000;
    private static final int DATA = 0x4000;
    private static final int HANDLER = 0x6000;

    private final Vm vm =
            new Vm(new CpuModel(CpuGeneration.DEFAULT, CpuGeneration.DEFAULT.features(), 1), new NoPorts(), null);
    private final Apic apic = new Apic();
    private final Vcpu vcpu = vm.createVcpu(0, apic);
    private final Cpu c = vcpu.cpu();

    private record NoPorts() implements Platform {
        @Override
        public boolean handlesPort(int port) {
            return port == 0x80;
        }

        @Override
        public int in(int port, int size) {
            return 0x42;
        }

        @Override
        public void out(int port, int size, int value) {}

        @Override
        public long tsc(long instructions) {
            return instructions;
        }

        @Override
        public long random() {
            return 0;
        }
    }

    private static final class Apic implements LocalApic {
        private boolean pending;

        @Override
        public boolean pending() {
            return pending;
        }

        @Override
        public int acknowledge() {
            pending = false;
            return 0x20;
        }

        @Override
        public long readMsr(int index) {
            throw MsrFault.INSTANCE;
        }

        @Override
        public void writeMsr(int index, long value) {
            throw MsrFault.INSTANCE;
        }

        @Override
        public int cr8() {
            return 0;
        }

        @Override
        public void cr8(int priority) {}
    }

    @BeforeEach
    void start() {
        vm.setMemslot(0, vm.allocate(0xA_0000));
        vcpu.waitForStartup();
        c.signalStartup(0);
        assertThat(vcpu.run(1)).isInstanceOf(VmExit.Budget.class);
        c.rip = CODE;
        c.r[4] = 0x7000;
        c.selector[0] = 0xF000;
        c.segmentBase[0] = 0xF_0000;
        c.cr4 = 0x200; // SSE
        vm.memory().write(0x20 * 4, new byte[] {HANDLER & 0xFF, HANDLER >> 8, 0, 0});
        vm.memory().write(HANDLER, HexFormat.of().parseHex("45cf")); // inc bp; iret
    }

    @AfterEach
    void close() {
        vm.close();
    }

    private void flatEs() {
        c.selector[0] = 0;
        c.segmentBase[0] = 0;
    }

    private static String text(VmExit exit) {
        return switch (exit) {
            case VmExit.PortIo(int port, int size, boolean in, int value) ->
                in ? String.format("in %x/%d", port, size) : String.format("out %x/%d=%x", port, size, value);
            case VmExit.Mmio(long address, int size, boolean write, long value) ->
                write
                        ? String.format("write %x/%d=%x", address, size, value)
                        : String.format("read %x/%d", address, size);
            default -> exit.toString();
        };
    }

    private static boolean asks(VmExit exit) {
        return exit instanceof VmExit.PortIo port && port.in() || exit instanceof VmExit.Mmio memory && !memory.write();
    }

    /** Runs until HLT; what the device saw. Its registers are read as these values. */
    private List<String> run(String code, long... registers) {
        vm.memory().write(CODE, HexFormat.of().parseHex(code));
        List<String> seen = new ArrayList<>();
        int next = 0;
        for (VmExit exit = vcpu.run(100); !(exit instanceof VmExit.Halt); exit = vcpu.run(100)) {
            seen.add(text(exit));
            assertThat(seen).hasSizeLessThan(50);
            if (asks(exit)) {
                vcpu.complete(registers[next++]);
            }
        }
        assertThat(next).isEqualTo(registers.length);
        return seen;
    }

    private long word(int address) {
        return vm.memory().readSystem64(address);
    }

    @Test
    void aPortIsReadAndWrittenByTheCallerAndTimeIsThatOfTheInstructions() {
        long before = vcpu.instructions();
        // in al, 0x60; mov bl, al; out 0x61, eax; in al, 0x80; hlt
        assertThat(run("e46088c366e761e480f4", 0xFFFF_FF5AL)).containsExactly("in 60/1", "out 61/4=5a");
        assertThat(c.r[3]).isEqualTo(0x5A);
        assertThat(c.r[0]).isEqualTo(0x42); // the platform's own port
        assertThat(vcpu.instructions() - before).isEqualTo(5);
    }

    @Test
    void stateAtAnExitIsThatBetweenInstructions() {
        vm.memory().write(CODE, HexFormat.of().parseHex("43e460e66143f4")); // inc bx; in al, 0x60; out 0x61, al; inc bx
        assertThat(text(vcpu.run(100))).isEqualTo("in 60/1");
        assertThat(c.rip).isEqualTo(CODE + 1);
        assertThatThrownBy(() -> vcpu.run(1)).isInstanceOf(IllegalStateException.class);
        vcpu.complete(7);
        assertThatThrownBy(() -> vcpu.complete(7)).isInstanceOf(IllegalStateException.class);
        assertThat(vcpu.run(0)).isInstanceOf(VmExit.Budget.class); // finishes what has begun
        assertThat(c.rip).isEqualTo(CODE + 3);
        assertThat(c.r[0]).isEqualTo(7);
        assertThat(text(vcpu.run(100))).isEqualTo("out 61/1=7");
        assertThat(c.rip).isEqualTo(CODE + 5);
        assertThat(c.r[3]).isEqualTo(1);
    }

    @Test
    void repeatedStringInputComesElementByElement() {
        flatEs();
        // mov dx, 0x1f0; mov cx, 3; mov di, DATA; rep insw
        assertThat(run("baf001b90300bf0040f36df4", 0x1111, 0x2222, 0x3333))
                .containsExactly("in 1f0/2", "in 1f0/2", "in 1f0/2");
        assertThat(word(DATA)).isEqualTo(0x3333_2222_1111L);
        assertThat(c.r[1]).isZero();
        assertThat(c.r[7]).isEqualTo(DATA + 6);
    }

    @Test
    void repeatedStringOutputComesElementByElement() {
        // mov dx, 0x1f0; mov cx, 3; mov si, CODE; rep outsb
        assertThat(run("baf001b90300be0080f36ef4")).containsExactly("out 1f0/1=ba", "out 1f0/1=f0", "out 1f0/1=1");
        assertThat(c.r[1]).isZero();
        assertThat(c.r[6]).isEqualTo(CODE + 3);
    }

    @Test
    void inputIntoTheDevicesMemoryIsOneAccessAfterTheOther() {
        // mov dx, 0x1f0; mov cx, 2; mov di, DATA; rep insw
        assertThat(run("baf001b90200bf0040f36df4", 0x1111, 0x2222))
                .containsExactly("in 1f0/2", "write f4000/2=1111", "in 1f0/2", "write f4002/2=2222");
    }

    @Test
    void anInterruptComesBetweenTwoElementsBeforeTheDeviceIsAsked() {
        flatEs();
        vm.memory()
                .write(CODE, HexFormat.of().parseHex("fbb90200bf0040ba6000f36cf4")); // sti; ... rep insb of port 0x60
        assertThat(text(vcpu.run(100))).isEqualTo("in 60/1");
        apic.pending = true;
        vcpu.complete(0x11);
        assertThat(text(vcpu.run(100))).isEqualTo("in 60/1");
        assertThat(c.r[5]).isEqualTo(1); // the handler has run
        assertThat(c.r[1]).isEqualTo(1);
        vcpu.complete(0x22);
        assertThat(vcpu.run(100)).isInstanceOf(VmExit.Halt.class);
        assertThat(word(DATA) & 0xFFFF).isEqualTo(0x2211);
    }

    @Test
    void readModifyWriteReadsOnceAndWritesOnceWithTheFlagsItBeganWith() {
        c.r[1] = 5;
        // mov ax, es:[0x10]; mov es:[0x14], eax; stc; adc byte es:[0x20], 1; xadd es:[0x30], ecx; lock dec word
        // es:[0x38]
        String code = "26a110002666a31400f926801620000126660fc10e300026f0ff0e3800f4";
        assertThat(run(code, 0xBEEF, 0x7F, 0x100, 0))
                .containsExactly(
                        "read f0010/2",
                        "write f0014/4=beef",
                        "read f0020/1",
                        "write f0020/1=81",
                        "read f0030/4",
                        "write f0030/4=105",
                        "read f0038/2",
                        "write f0038/2=ffff");
        assertThat(c.r[1]).isEqualTo(0x100);
    }

    @Test
    void longAndPageCrossingAccessesComeInPartsAndOnce() {
        // movups xmm0, es:[0x40]; movups es:[0x50], xmm0; mov eax, es:[0xffd]; mov es:[0xfff], ax
        String code = "260f10064000260f110650002666a1fd0f26a3ff0ff4";
        assertThat(run(code, 0x1122334455667788L, -2, 1, 2, 3, 4))
                .containsExactly(
                        "read f0040/8",
                        "read f0048/8",
                        "write f0050/8=1122334455667788",
                        "write f0058/8=fffffffffffffffe",
                        "read f0ffd/1",
                        "read f0ffe/1",
                        "read f0fff/1",
                        "read f1000/1",
                        "write f0fff/1=1",
                        "write f1000/1=2");
        assertThat(c.r[0]).isEqualTo(0x04030201);
    }

    @Test
    void copyingWithinTheDeviceAlternatesReadsAndWrites() {
        // push es; pop ds; mov cx, 2; xor si, si; mov di, 0x100; rep movsw
        assertThat(run("061fb9020031f6bf0001f3a5f4", 0xAAAA, 0xBBBB))
                .containsExactly("read f0000/2", "write f0100/2=aaaa", "read f0002/2", "write f0102/2=bbbb");
        assertThat(c.r[1]).isZero();
    }

    @Test
    void repeatedComparisonStopsAtTheFirstDifferenceWithItsFlags() {
        // mov cx, 3; mov si, CODE; xor di, di; repe cmpsb
        assertThat(run("b90300be008031fff3a6f4", 0xB9, 0x04)).containsExactly("read f0000/1", "read f0001/1");
        assertThat(c.r[1]).isEqualTo(1);
        assertThat(c.r[7]).isEqualTo(2);
        assertThat(c.rflags() & 0x41).isEqualTo(1); // 3 < 4: CF, not ZF
    }

    @Test
    void exchangeAndStackOperationsOnTheDevice() {
        c.r[0] = 0x33;
        c.r[1] = 0x44;
        // cmpxchg es:[0x60], cl; push word es:[0x62]; pop word es:[0x64]
        assertThat(run("260fb00e600026ff366200268f066400f4", 0x33, 0x1234))
                .containsExactly("read f0060/1", "write f0060/1=44", "read f0062/2", "write f0064/2=1234");
        assertThat(c.r[4]).isEqualTo(0x7000);
    }

    @Test
    void aSingleStepTrapComesOnceBehindTheInstruction() {
        vm.memory().write(4, new byte[] {HANDLER & 0xFF, HANDLER >> 8, 0, 0}); // #DB: the same handler
        vm.memory().write(CODE, HexFormat.of().parseHex("26a1100090")); // mov ax, es:[0x10]; nop
        c.flags |= 0x100;
        assertThat(text(vcpu.run(1))).isEqualTo("read f0010/2");
        assertThat(c.rip).isEqualTo(CODE);
        vcpu.complete(0x77);
        assertThat(vcpu.run(1)).isInstanceOf(VmExit.Budget.class);
        assertThat(c.rip).isEqualTo(HANDLER);
        vcpu.run(2);
        assertThat(c.rip).isEqualTo(CODE + 4);
        assertThat(c.r[0]).isEqualTo(0x77);
        assertThat(c.r[5]).isEqualTo(1);
    }
}
