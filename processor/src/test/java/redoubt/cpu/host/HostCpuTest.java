package redoubt.cpu.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.HexFormat;
import java.util.Optional;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The harness against instructions whose results are known without any processor. Oracle: the manual. */
class HostCpuTest {
    private static final int RAX = 0;
    private static final int RCX = 1;
    private static final int RDX = 2;
    private static final int RBX = 3;
    private static final int RSP = 4;
    private static final int RSI = 6;
    private static final int RDI = 7;
    private static final long WINDOW = CpuState.WINDOW_BASE;

    private static @Nullable HostCpu opened;

    private final Case one = new Case();

    @BeforeAll
    static void openTheHost() {
        Optional<HostCpu> host = HostCpu.open();
        assumeTrue(host.isPresent(), HostCpu::skipReason);
        opened = host.get();
    }

    @AfterAll
    static void closeTheHost() {
        if (opened != null) {
            opened.close();
        }
    }

    @Test
    void addSetsResultAndFlagsWithEitherWayOfStopping() {
        for (boolean singleStep : new boolean[] {false, true}) {
            one.initial.gpr[RAX] = -1;
            one.initial.gpr[RCX] = 1;
            one.singleStep = singleStep;
            HostResult result = run("48 01 C8"); // ADD RAX, RCX
            assertThat(result.outcome.kind).isEqualTo(Outcome.Kind.COMPLETED);
            assertThat(result.state.gpr[RAX]).isZero();
            assertThat(result.state.gpr[RCX]).isOne();
            assertThat(result.state.rflags & CpuState.RFLAGS_MASK).isEqualTo(0x55); // CF PF AF ZF
            assertThat(result.state.rip).isEqualTo(CpuState.CODE_BASE + 3);
        }
    }

    @Test
    void everyRegisterComesBackAsItWentInThroughANop() {
        SplittableRandom random = new SplittableRandom(1);
        CpuState in = one.initial;
        for (int i = 0; i < 16; i++) {
            in.gpr[i] = random.nextLong();
            for (int lane = 0; lane < 4; lane++) {
                in.ymm[i][lane] = random.nextLong();
            }
        }
        for (int i = 0; i < 8; i++) {
            in.st(i, random.nextInt(0x10000), random.nextLong());
        }
        in.tagByte(0xA5);
        in.controlWord(0x0F7F);
        in.statusWord(0x3800);
        in.mxcsr = 0xFFC0;
        in.fsBase = WINDOW + 0x123;
        in.gsBase = 0xFFFF_8000_0000_0000L;
        in.rflags = 2 | CpuState.RFLAGS_MASK;
        random.nextBytes(in.window);
        HostResult result = run("90");
        Outcome ours = new Outcome();
        ours.completed();
        in.rip++;
        Difference difference = Difference.between(one, result, in, ours);
        assertThat(difference == null ? "" : difference.describe()).isEmpty();
    }

    @Test
    void divisionByZeroIsVector0() {
        HostResult result = run("F7 F1"); // DIV ECX
        assertThat(result.outcome.toString()).isEqualTo("exception 0 error 0x0");
        assertThat(result.signal).isEqualTo(8);
        assertThat(result.state.rip).isEqualTo(CpuState.CODE_BASE);
    }

    @Test
    void loadBehindTheWindowIsAPageFaultWithItsAddress() {
        one.initial.gpr[RBX] = WINDOW + CpuState.WINDOW_SIZE - 4;
        HostResult result = run("48 8B 03"); // MOV RAX, [RBX]
        assertThat(result.outcome.toString()).isEqualTo("exception 14 error 0x4 at 0x20002000");
        assertThat(result.signal).isEqualTo(11);
    }

    @Test
    void storeToTheKernelHalfIsAPageFaultOnANonPresentPage() {
        one.initial.gpr[RBX] = 0xFFFF_8000_0000_0000L;
        assertThat(run("48 89 03").outcome.toString()) // MOV [RBX], RAX
                .isEqualTo("exception 14 error 0x6 at 0xffff800000000000");
    }

    @Test
    void loadFromANonCanonicalAddressIsAGeneralProtectionFault() {
        one.initial.gpr[RBX] = 0x8000_0000_0000_0000L;
        assertThat(run("48 8B 03").outcome.toString()).isEqualTo("exception 13 error 0x0");
    }

    @Test
    void storeToTheCodePageIsAProtectionViolation() {
        one.initial.gpr[RBX] = CpuState.CODE_BASE;
        assertThat(run("48 89 03").outcome.toString()).isEqualTo("exception 14 error 0x7 at 0x10000000");
    }

    @Test
    void ud2IsVector6() {
        HostResult result = run("0F 0B");
        assertThat(result.outcome.toString()).isEqualTo("exception 6 error 0x0");
        assertThat(result.signal).isEqualTo(4);
    }

    @Test
    void instructionLongerThanItsPageFaultsOnTheFetch() {
        one.initial.rip = CpuState.CODE_BASE + CpuState.CODE_SIZE - 2;
        assertThat(run("48 01").outcome.toString()).isEqualTo("exception 14 error 0x14 at 0x10002000");
    }

    @Test
    void unalignedLoadWithAlignmentCheckIsVector17() {
        one.initial.rflags |= 1 << 18;
        one.initial.gpr[RBX] = WINDOW + 1;
        assertThat(run("48 8B 03").outcome.toString()).isEqualTo("exception 17 error 0x0");
    }

    @Test
    void addpsAddsFourFloatsAndKeepsTheUpperHalf() {
        one.initial.ymm[0] = new long[] {floats(1.5f, 2), floats(-1, 0.25f), 7, 8};
        one.initial.ymm[1] = new long[] {floats(1, 3), floats(1, 0.5f), 9, 9};
        assertThat(run("0F 58 C1").state.ymm[0]).containsExactly(floats(2.5f, 5), floats(0, 0.75f), 7, 8);
    }

    @Test
    void vpadddAddsInBothHalves() {
        one.initial.ymm[1] = new long[] {0xFFFF_FFFFL, 1, 2, 0x7FFF_FFFF_0000_0003L};
        one.initial.ymm[2] = new long[] {1, 1, 1, 0x0000_0001_0000_0001L};
        assertThat(run("C5 F5 FE C2").state.ymm[0]) // VPADDD YMM0, YMM1, YMM2
                .containsExactly(0, 2, 3, 0x8000_0000_0000_0004L);
    }

    @Test
    void divisionOfFloatsByZeroWithTheExceptionUnmaskedIsVector19() {
        one.initial.mxcsr = 0x1D80;
        one.initial.ymm[0][0] = floats(1, 0);
        HostResult result = run("F3 0F 5E C1"); // DIVSS XMM0, XMM1
        assertThat(result.outcome.toString()).isEqualTo("exception 19 error 0x0");
        assertThat(result.state.mxcsr).isEqualTo(0x1D84);
    }

    @Test
    void fld1PushesOne() {
        CpuState state = run("D9 E8").state;
        assertThat(state.significand(0)).isEqualTo(0x8000_0000_0000_0000L);
        assertThat(state.signAndExponent(0)).isEqualTo(0x3FFF);
        assertThat(state.tagByte()).isEqualTo(0x80);
        assertThat(state.statusWord()).isEqualTo(0x3800);
    }

    @Test
    void repeatedMoveRunsToItsEnd() {
        one.initial.gpr[RCX] = 16;
        one.initial.gpr[RSI] = WINDOW;
        one.initial.gpr[RDI] = WINDOW + 0x1000;
        one.initial.window(WINDOW, 0x1122_3344_5566_7788L);
        one.initial.window(WINDOW + 8, 0x99AA_BBCC_DDEE_FF00L);
        HostResult result = run("F3 A4"); // REP MOVSB
        assertThat(result.outcome.kind).isEqualTo(Outcome.Kind.COMPLETED);
        assertThat(result.state.gpr[RCX]).isZero();
        assertThat(result.state.gpr[RSI]).isEqualTo(WINDOW + 16);
        assertThat(result.state.window(WINDOW + 0x1000)).isEqualTo(0x1122_3344_5566_7788L);
        assertThat(result.state.window(WINDOW + 0x1008)).isEqualTo(0x99AA_BBCC_DDEE_FF00L);
    }

    @Test
    void repeatedMoveThatFaultsMidwayShowsTheIterationsDone() {
        one.initial.gpr[RCX] = 100;
        one.initial.gpr[RSI] = WINDOW;
        one.initial.gpr[RDI] = WINDOW + CpuState.WINDOW_SIZE - 24;
        HostResult result = run("F3 48 A5"); // REP MOVSQ
        assertThat(result.outcome.toString()).isEqualTo("exception 14 error 0x6 at 0x20002000");
        assertThat(result.state.gpr[RCX]).isEqualTo(97);
        assertThat(result.state.rip).isEqualTo(CpuState.CODE_BASE);
    }

    @Test
    void pushfStoresAClearTrapFlag() {
        one.initial.gpr[RSP] = WINDOW + 0x800;
        one.initial.rflags = 0xAD7;
        CpuState state = run("9C").state;
        assertThat(state.gpr[RSP]).isEqualTo(WINDOW + 0x7F8);
        assertThat(state.window(WINDOW + 0x7F8)).isEqualTo(0xAD7);
    }

    @Test
    void takenBranchOutOfTheCodePagesIsSeenBeforeItsTargetIsFetched() {
        one.singleStep = true;
        one.initial.gpr[RAX] = 0x1234_5678_9ABCL;
        HostResult result = run("FF E0"); // JMP RAX
        assertThat(result.outcome.kind).isEqualTo(Outcome.Kind.COMPLETED);
        assertThat(result.state.rip).isEqualTo(0x1234_5678_9ABCL);
    }

    @Test
    void shortBranchInsideTheCodePagesStopsAtItsTarget() {
        one.initial.rip += 0x100;
        HostResult result = run("EB 80"); // JMP -128
        assertThat(result.outcome.kind).isEqualTo(Outcome.Kind.COMPLETED);
        assertThat(result.state.rip).isEqualTo(CpuState.CODE_BASE + 0x82);
    }

    @Test
    void segmentOverrideUsesTheCasesFsBase() {
        one.initial.fsBase = WINDOW + 0x100;
        one.initial.window(WINDOW + 0x140, 42);
        assertThat(run("64 48 8B 04 25 40 00 00 00").state.gpr[RAX]).isEqualTo(42); // MOV RAX, FS:[0x40]
    }

    @Test
    void wrfsbaseIsSeenInTheResultAndDoesNotHurtTheHostProgram() {
        one.initial.gpr[RAX] = 0x1234_5678;
        assertThat(run("F3 48 0F AE D0").state.fsBase).isEqualTo(0x1234_5678); // WRFSBASE RAX
        assertThat(run("90").state.fsBase).isZero();
    }

    @Test
    void code32BitRunsInCompatibilityMode() {
        one.is32Bit = true;
        one.initial.gpr[RDX] = 0x7FFF_FFFFL;
        CpuState state = run("42").state; // INC EDX there, a REX prefix in 64-bit mode
        assertThat(state.gpr[RDX]).isEqualTo(0x8000_0000L);
        assertThat(state.rip).isEqualTo(CpuState.CODE_BASE + 1);
    }

    @Test
    void systemCallsAndSegmentLoadsAreNotRun() {
        for (String code :
                new String[] {"0F 05", "48 0F 05", "0F 34", "CD 80", "8E D8", "66 8E D0", "0F A1", "0F B2 00"}) {
            assertThat(run(code).outcome.kind).as(code).isEqualTo(Outcome.Kind.NOT_RUN);
        }
    }

    @Test
    void caseThatNeverEndsIsReportedAndTheOthersOfItsBatchRun() {
        Case[] cases = new Case[5];
        HostResult[] results = new HostResult[5];
        for (int i = 0; i < 5; i++) {
            cases[i] = new Case();
            cases[i].bytes((byte) (i == 2 ? 0xEB : 0x90), (byte) (i == 2 ? 0xFE : 0x90)); // JMP to itself, NOP
            results[i] = new HostResult();
        }
        HostCpu host = host();
        long before = host.deaths();
        host.run(cases, results, 5);
        assertThat(host.deaths() - before).isOne();
        for (int i = 0; i < 5; i++) {
            assertThat(results[i].outcome.kind).isEqualTo(i == 2 ? Outcome.Kind.HOST_DIED : Outcome.Kind.COMPLETED);
        }
    }

    @Test
    void randomBytesDoNotKillTheHostProgram() {
        SplittableRandom random = new SplittableRandom(7);
        int count = 20_000;
        Case[] cases = new Case[HostCpu.BATCH];
        HostResult[] results = new HostResult[HostCpu.BATCH];
        for (int i = 0; i < cases.length; i++) {
            cases[i] = new Case();
            results[i] = new HostResult();
        }
        HostCpu host = host();
        long before = host.deaths();
        int completed = 0;
        int exceptions = 0;
        long start = System.nanoTime();
        for (int done = 0; done < count; done += cases.length) {
            for (Case random1 : cases) {
                random.nextBytes(random1.code);
                random1.length = 15;
                random1.singleStep = true;
                for (int i = 0; i < 16; i++) {
                    random1.initial.gpr[i] =
                            random.nextInt(3) == 0 ? random.nextLong() : WINDOW + random.nextInt(0x2000);
                }
                random1.initial.rflags = random.nextLong();
            }
            host.run(cases, results, cases.length);
            for (HostResult result : results) {
                completed += result.outcome.kind == Outcome.Kind.COMPLETED ? 1 : 0;
                exceptions += result.outcome.kind == Outcome.Kind.EXCEPTION ? 1 : 0;
            }
        }
        report("random bytes, single step", count, System.nanoTime() - start);
        assertThat(completed).isGreaterThan(count / 3);
        assertThat(exceptions).isGreaterThan(count / 10);
        assertThat(host.deaths() - before).isLessThan(5);
    }

    @Test
    void knownAdditionsRunFast() {
        Case[] cases = new Case[HostCpu.BATCH];
        HostResult[] results = new HostResult[HostCpu.BATCH];
        for (int i = 0; i < cases.length; i++) {
            cases[i] = new Case();
            cases[i].bytes(HexFormat.of().parseHex("4801C8"));
            cases[i].initial.gpr[RCX] = i;
            results[i] = new HostResult();
        }
        int count = 0;
        long start = System.nanoTime();
        for (int round = 0; round < 300; round++) {
            host().run(cases, results, cases.length);
            for (int i = 0; i < cases.length; i++) {
                assertThat(results[i].state.gpr[RAX]).isEqualTo(i);
            }
            count += cases.length;
        }
        report("additions, INT3", count, System.nanoTime() - start);
    }

    private static void report(String what, long count, long nanos) {
        System.out.println("host: " + what + ": " + count * 1_000_000_000L / nanos + " cases/s");
    }

    private HostResult run(String hex) {
        one.bytes(HexFormat.of().parseHex(hex.replace(" ", "")));
        return host().run(one);
    }

    private static HostCpu host() {
        return java.util.Objects.requireNonNull(opened);
    }

    private static long floats(float low, float high) {
        return Float.floatToRawIntBits(low) & 0xFFFF_FFFFL | (long) Float.floatToRawIntBits(high) << 32;
    }
}
