package redoubt.machine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redoubt.machine.boot.BootFiles;
import redoubt.machine.boot.ElfFile;

/** A bare-metal guest that starts all processors, has them meet under a spin lock and interrupts them out of HLT. */
class SeveralProcessorsTest {
    private static final long TEN_SECONDS = 10_000_000_000L;
    private static final int ENTRY_IN_FILE = 0x1850;
    private static final int OTHERS = 6;
    private static final int ALL = 16;

    /**
     * Each processor, in the order they come up, writes the APIC ID that CPUID tells into a table by the ID of its APIC, then
     * adds a thousand times to a counter under a lock and compares the time-stamp counter with the last one seen there. The
     * first one then interrupts all others, sends what was counted to COM1 and powers off.
     */
    private static final String GUEST = """
            c705f05f000001000000   ; mov 0x5ff0,0x1
            c705f45f000002000000   ; mov 0x5ff4,0x2
            bc00700000             ; mov esp,0x7000
            befe091000             ; mov esi,0x1009fe
            bf00800000             ; mov edi,0x8000
            b921000000             ; mov ecx,0x21
            f3a4                   ; rep movs es:[edi],[esi]
            0f011d3e0a1000         ; lidtd 0x100a3e
            0f0115380a1000         ; lgdtd 0x100a38
            ea8f0810000800         ; jmp 0x8:0x10088f
            66b81000               ; mov ax,0x10
            8ed8                   ; mov ds,eax
            8ec0                   ; mov es,eax
            8ed0                   ; mov ss,eax
            b893091000             ; mov eax,0x100993
            66a300620000           ; mov 0x6200,ax
            66c705026200000800     ; mov 0x6202,0x8
            66c70504620000008e     ; mov 0x6204,0x8e00
            c1e810                 ; shr eax,0x10
            66a306620000           ; mov 0x6206,ax
            c705f000e0feff010000   ; mov 0xfee000f0,0x1ff
            c7050003e0fe00450c00   ; mov 0xfee00300,0xc4500
            c7050003e0fe08460c00   ; mov 0xfee00300,0xc4608
            c7050003e0fe08460c00   ; mov 0xfee00300,0xc4608
            ; wait_up:
            f390                   ; pause
            a100500000             ; mov eax,0x5000
            3b05f05f0000           ; cmp eax,0x5ff0
            75f1                   ; jne wait_up
            e840000000             ; call work
            ; wait_done:
            f390                   ; pause
            a104500000             ; mov eax,0x5004
            3b05f45f0000           ; cmp eax,0x5ff4
            75f1                   ; jne wait_done
            c7050003e0fe40000c00   ; mov 0xfee00300,0xc0040
            ; wait_int:
            f390                   ; pause
            a108500000             ; mov eax,0x5008
            3b05f05f0000           ; cmp eax,0x5ff0
            75f1                   ; jne wait_int
            be00500000             ; mov esi,0x5000
            66baf803               ; mov dx,0x3f8
            b910010000             ; mov ecx,0x110
            f36e                   ; rep outs dx,[esi]
            66ba1006               ; mov dx,0x610
            b034                   ; mov al,0x34
            ee                     ; out dx,al
            f4                     ; hlt
            ; work:
            b9e8030000             ; mov ecx,0x3e8
            b801000000             ; mov eax,0x1
            870510500000           ; xchg 0x5010,eax
            85c0                   ; test eax,eax
            7404                   ; je 0x103
            f390                   ; pause
            ebf2                   ; jmp 0xf5
            0f31                   ; rdtsc
            3b151c500000           ; cmp edx,0x501c
            720a                   ; jb 0x117
            770e                   ; ja 0x11d
            3b0518500000           ; cmp eax,0x5018
            7306                   ; jae 0x11d
            ff0520500000           ; inc 0x5020
            a318500000             ; mov 0x5018,eax
            89151c500000           ; mov 0x501c,edx
            ff0514500000           ; inc 0x5014
            c7051050000000000000   ; mov 0x5010,0x0
            49                     ; dec ecx
            75b5                   ; jne 0xf0
            f0ff0504500000         ; lock inc 0x5004
            c3                     ; ret
            ; handler:
            f0ff0508500000         ; lock inc 0x5008
            c705b000e0fe00000000   ; mov 0xfee000b0,0x0
            cf                     ; iret
            ; ap:
            66b81000               ; mov ax,0x10
            8ed8                   ; mov ds,eax
            8ec0                   ; mov es,eax
            8ed0                   ; mov ss,eax
            0f011d3e0a1000         ; lidtd 0x100a3e
            c705f000e0feff010000   ; mov 0xfee000f0,0x1ff
            b801000000             ; mov eax,0x1
            f00fc10500500000       ; lock xadd 0x5000,eax
            40                     ; inc eax
            89c2                   ; mov edx,eax
            c1e208                 ; shl edx,0x8
            8da200700000           ; lea esp,[edx+0x7000]
            a12000e0fe             ; mov eax,0xfee00020
            c1e818                 ; shr eax,0x18
            89c3                   ; mov ebx,eax
            b801000000             ; mov eax,0x1
            53                     ; push ebx
            0fa2                   ; cpuid
            c1eb18                 ; shr ebx,0x18
            58                     ; pop eax
            889800510000           ; mov [eax+0x5100],bl
            e841ffffff             ; call work
            fb                     ; sti
            f4                     ; hlt
            ebfd                   ; jmp 0x1ab
            ; tramp:
            fa                     ; cli
            8cc8                   ; mov ax,cs
            8ed8                   ; mov ds,ax
            660f01161b00           ; lgdtd 0x1b
            0f20c0                 ; mov eax,cr0
            0c01                   ; or al,0x1
            0f22c0                 ; mov cr0,eax
            66eaa50910000800       ; jmp 0x8:0x1009a5
            1700200a1000900000000000000000ffff0000009bcf00ffff00000093cf001700200a1000ff0700600000 ; tables
            """;

    /** What the guest counted. */
    private record Counts(
            int up, int done, int interrupted, int sum, int timeWentBack, List<Integer> apicIds, long nanos) {}

    private static byte[] kernel(int processors) {
        byte[] code = HexFormat.of()
                .parseHex(GUEST.lines().map(line -> line.split(";")[0].strip()).collect(Collectors.joining()));
        ByteBuffer patch = ByteBuffer.wrap(code).order(ByteOrder.LITTLE_ENDIAN);
        patch.putInt(OTHERS, processors - 1).putInt(ALL, processors);
        byte[] file = BootFiles.vmlinux();
        System.arraycopy(code, 0, file, ENTRY_IN_FILE, code.length);
        return file;
    }

    private static Counts run(int processors, boolean hostTime) {
        var out = new ByteArrayOutputStream();
        Machine.Setup one = Machine.Setup.of(64L << 20, 0);
        var setup = new Machine.Setup(
                one.ramBytes(),
                one.cpu().withProcessors(processors),
                one.sgx(),
                one.numa(),
                one.seed(),
                hostTime,
                one.input());
        try (var machine = new Machine(setup, List.of(out::write))) {
            machine.boot(ElfFile.read("guest", kernel(processors)), new byte[0], "");
            assertThat(machine.run(TEN_SECONDS)).isEqualTo(new Machine.Outcome(Machine.End.POWER_OFF, ""));
            ByteBuffer words = ByteBuffer.wrap(out.toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
            List<Integer> ids = new java.util.ArrayList<>();
            for (int i = 1; i < processors; i++) {
                ids.add((int) words.get(0x100 + i));
            }
            return new Counts(
                    words.getInt(0),
                    words.getInt(4),
                    words.getInt(8),
                    words.getInt(0x14),
                    words.getInt(0x20),
                    ids,
                    hostTime ? 0 : machine.clock().nanos());
        }
    }

    private static void assertAllTookPart(Counts counts, int processors) {
        assertThat(counts.up).isEqualTo(processors - 1);
        assertThat(counts.done).isEqualTo(processors);
        assertThat(counts.interrupted).isEqualTo(processors - 1);
        assertThat(counts.sum).isEqualTo(1000 * processors);
        assertThat(counts.timeWentBack).isZero();
        assertThat(counts.apicIds)
                .isEqualTo(
                        java.util.stream.IntStream.range(1, processors).boxed().toList());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 8, 16})
    void allProcessorsStartShareALockSeeOneTimeAndTakeInterrupts(int processors) {
        Counts counts = run(processors, false);
        assertAllTookPart(counts, processors);
        assertThat(run(processors, false)).isEqualTo(counts);
    }

    @Test
    void theyDoSoUnderTheHostsClockToo() {
        assertAllTookPart(run(3, true), 3);
    }
}
