package redoubt.sgx;

import static org.assertj.core.api.Assertions.assertThat;
import static redoubt.sgx.SgxRig.BASE;
import static redoubt.sgx.SgxRig.PAGEINFO;
import static redoubt.sgx.SgxRig.PCMD;
import static redoubt.sgx.SgxRig.SECINFO;
import static redoubt.sgx.SgxRig.SOURCE;
import static redoubt.sgx.SgxRig.address;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;
import redoubt.cpu.Flags;
import redoubt.cpu.GuestFault;

/**
 * Every state that an EPCM entry can have, as each EPC operand of each leaf. What must happen is in {@link #TABLE}, written
 * down from the operation sections of SDM vol. 3D chapter 38; an outcome other than {@code ok} must change nothing.
 */
class EpcStateMachineTest {
    /**
     * A leaf's operands, then its rows: conditions (all must hold; the first row that matches decides), the outcome, and what
     * becomes of the page. Conditions: the page type, {@code child} (TCS, REG, TRIM), B(LOCKED), P(ENDING), M(ODIFIED), {@code
     * PR}, permissions {@code r w x}; {@code init}: the enclave is; {@code debug}; {@code inside}: another processor is in the
     * enclave; {@code incomplete}: and it entered before the last ETRACK; {@code untracked}: no ETRACK since the page changed;
     * {@code kids}: of an SECS. Outcomes: {@code ok}; {@code ZF n}, {@code CF n}: code n with this flag; {@code PF}: #PF of the
     * operand with the SGX bit; {@code GP}.
     */
    private static final String TABLE = """
            ECREATE.RCX
                !invalid            PF
                *                   ok  pt=SECS
            EPA.RCX
                !invalid            PF
                *                   ok  pt=VA
            EADD.RCX
                !invalid            PF
                init                GP
                *                   ok  pt=REG rwx=rw child+1
            EADD.SECS
                !SECS               PF
                init                GP
                *                   ok  kids+1
            EAUG.RCX
                !invalid            PF
                !init               GP
                *                   ok  pt=REG rwx=rw +P child+1
            EAUG.SECS
                !SECS               PF
                !init               GP
                *                   ok  kids+1
            EEXTEND.RCX
                !child              PF
                TRIM                PF
                init                GP
                *                   ok
            EEXTEND.RBX
                *                   GP
            EINIT.RCX
                !SECS               PF
                init                GP
                *                   ok  init
            EREMOVE.RCX
                invalid             ok
                VA                  ok  free
                TRIM !M             ok  free child-1
                SECS kids           ZF 13
                SECS                ok  free
                inside              ZF 14
                *                   ok  free child-1
            EDBGRD.RCX
                invalid             PF
                SECS                PF
                TRIM                PF
                P                   ZF 21
                M                   ZF 21
                VA                  ok
                !debug              GP
                *                   ok
            EDBGRD.RCX-beyond-TCS
                invalid             PF
                SECS                PF
                TRIM                PF
                P                   ZF 21
                M                   ZF 21
                TCS                 GP
                VA                  ok
                !debug              GP
                *                   ok
            EDBGWR.RCX
                !child              PF
                TRIM                PF
                P                   ZF 21
                M                   ZF 21
                !debug              GP
                *                   ok
            EDBGWR.RCX-not-FLAGS
                !child              PF
                TRIM                PF
                P                   ZF 21
                M                   ZF 21
                TCS                 GP
                !debug              GP
                *                   ok
            ELDB.RCX ELDU.RCX ELDBC.RCX ELDUC.RCX
                !invalid            PF
                *                   ok  reloaded
            ELDB.RDX ELDU.RDX ELDBC.RDX ELDUC.RDX
                !VA                 PF
                *                   ok
            ELDB.SECS ELDU.SECS ELDBC.SECS ELDUC.SECS
                !SECS               PF
                *                   ok  kids+1
            EBLOCK.RCX
                invalid             ZF 6
                SECS                CF 18
                VA                  CF 5
                B                   CF 3
                *                   ok  +B
            EWB.RCX
                invalid             PF
                child !B            ZF 10
                child untracked     ZF 11
                SECS kids           ZF 13
                child               ok  free child-1
                *                   ok  free
            EWB.RCX-slot-in-use
                invalid             PF
                child !B            ZF 10
                child untracked     ZF 11
                SECS kids           ZF 13
                child               CF 12  free child-1
                *                   CF 12  free
            EWB.RDX
                !VA                 PF
                *                   ok
            ETRACK.RCX
                !SECS               PF
                incomplete          ZF 17
                *                   ok
            ETRACKC.RCX
                invalid             ZF 6
                VA                  CF 27
                incomplete          ZF 17
                *                   ok
            EMODPR.RCX
                invalid             PF
                P                   ZF 20
                M                   ZF 20
                !REG                PF
                !init               GP
                r                   ok  +PR rwx=r
                *                   ok  +PR rwx=
            EMODT.RCX-TCS
                !REG                PF
                P                   ZF 20
                M                   ZF 20
                !init               GP
                *                   ok  pt=TCS +M -PR rwx=
            EMODT.RCX-TRIM
                !child              PF
                TRIM                PF
                P                   ZF 20
                M                   ZF 20
                !init               GP
                *                   ok  pt=TRIM +M -PR rwx=
            ERDINFO.RCX
                invalid             CF 6
                *                   ok
            EUPDATESVN
                *                   ZF 30
            EINCVIRTCHILD.RBX
                !child !SECS        PF
                SECS                GP
                *                   ok
            EDECVIRTCHILD.RBX
                !child !SECS        PF
                SECS                GP
                *                   ZF 25
            EINCVIRTCHILD.RCX EDECVIRTCHILD.RCX
                *                   GP
            ESETCONTEXT.RCX
                !SECS               PF
                *                   ok
            EREPORT.RBX EREPORT.RCX EGETKEY.RBX EACCEPT.RBX EMODPE.RBX EACCEPTCOPY.RBX EACCEPTCOPY.RDX LOAD
                !REG                PF
                B                   PF
                P                   PF
                M                   PF
                !r                  PF
                *                   ok
            EREPORT.RDX EGETKEY.RCX STORE
                !REG                PF
                B                   PF
                P                   PF
                M                   PF
                !w                  PF
                *                   ok
            FETCH
                !REG                PF
                B                   PF
                P                   PF
                M                   PF
                !x                  PF
                *                   ok
            EEXIT LOAD-outside
                *                   ok
            EACCEPT.RCX-as-is
                invalid             PF
                SECS                GP
                VA                  GP
                REG M               GP
                REG !P !PR          GP
                TCS !M              GP
                TCS P               GP
                TCS PR              GP
                TRIM !M             GP
                TRIM P              GP
                TRIM PR             GP
                B                   PF
                untracked           ZF 11
                *                   ok  -P -M -PR
            EACCEPT.RCX-pending-rw
                !child              PF
                B                   PF
                !REG                ZF 19
                !P                  ZF 19
                M                   ZF 19
                !r                  ZF 19
                !w                  ZF 19
                x                   ZF 19
                untracked           ZF 11
                *                   ok  -P -PR
            EACCEPTCOPY.RCX
                !REG                ZF 19
                !P                  ZF 19
                M                   ZF 19
                B                   ZF 19
                !r                  ZF 19
                !w                  ZF 19
                x                   ZF 19
                *                   ok  -P rwx=rx
            EMODPE.RCX-write
                !REG                PF
                P                   PF
                M                   PF
                B                   PF
                !r                  GP
                x                   ok  rwx=rwx
                *                   ok  rwx=rw
            EENTER.TCS ERESUME.TCS
                !TCS                PF
                B                   PF
                P                   PF
                M                   PF
                !init               GP
                *                   ok
            EENTER.SSA ERESUME.SSA
                !init               GP
                !REG                PF
                B                   PF
                P                   PF
                M                   PF
                !r                  PF
                !w                  PF
                *                   ok
            EDECCSSA.SSA
                !REG                PF
                B                   PF
                P                   PF
                M                   PF
                !r                  PF
                !w                  PF
                *                   ok
            """;

    /** The page whose state varies, and where the enclave has it. */
    private static final int PAGE = 44;

    private static final long OFFSET = 0x8000;
    private static final int FREE = 40;
    private static final int EVICTED_VA = 50;
    private static final int OTHER_VA = 51;
    private static final long DATA = BASE + 0x3000;
    private static final long EPC_OPERAND = address(PAGE);
    private static final long OPERAND = BASE + OFFSET;

    private record Rule(List<String> conditions, String outcome, List<String> effects) {}

    /** An EPCM entry; {@code type} null: invalid. */
    private record State(@Nullable String type, int bits, boolean kids, boolean untracked) {
        @Override
        public String toString() {
            return type == null
                    ? "invalid"
                    : type + " " + Integer.toBinaryString(bits | 0x80).substring(1) + (kids ? " kids" : "")
                            + (untracked ? " untracked" : "");
        }
    }

    private record Surroundings(boolean init, boolean debug, boolean inside, boolean incomplete) {}

    private static final List<String> TYPES = List.of("SECS", "TCS", "REG", "VA", "TRIM");

    private static Map<String, List<Rule>> table() {
        Map<String, List<Rule>> table = new LinkedHashMap<>();
        List<Rule> rules = List.of();
        for (String line : TABLE.lines().toList()) {
            if (!line.startsWith(" ")) {
                rules = new ArrayList<>();
                for (String operand : line.split(" ")) {
                    table.put(operand, rules);
                }
                continue;
            }
            String[] columns = line.strip().split(" {2,}");
            rules.add(new Rule(
                    List.of(columns[0].split(" ")),
                    columns[1],
                    columns.length > 2 ? List.of(columns[2].split(" ")) : List.of()));
        }
        return table;
    }

    private static List<State> states() {
        List<State> states = new ArrayList<>();
        states.add(new State(null, 0, false, false));
        for (String type : TYPES) {
            int[] permissions = type.equals("REG") ? new int[] {0, Epc.R, Epc.R | Epc.W, Epc.R | Epc.X, 7} : new int[1];
            for (int flags = 0; flags < 16; flags++) {
                for (int rwx : permissions) {
                    for (int variant = 0; variant < (type.equals("VA") ? 1 : 2); variant++) {
                        boolean second = variant == 1;
                        boolean secs = type.equals("SECS");
                        states.add(new State(type, flags << 3 | rwx, secs && second, !secs && second));
                    }
                }
            }
        }
        return states;
    }

    private static boolean holds(String condition, State s, Surroundings around) {
        if (condition.startsWith("!")) {
            return !holds(condition.substring(1), s, around);
        }
        return switch (condition) {
            case "*" -> true;
            case "invalid" -> s.type == null;
            case "child" -> s.type != null && !s.type.equals("SECS") && !s.type.equals("VA");
            case "r" -> (s.bits & Epc.R) != 0;
            case "w" -> (s.bits & Epc.W) != 0;
            case "x" -> (s.bits & Epc.X) != 0;
            case "P" -> (s.bits & Epc.PENDING) != 0;
            case "M" -> (s.bits & Epc.MODIFIED) != 0;
            case "PR" -> (s.bits & Epc.PR) != 0;
            case "B" -> (s.bits & Epc.BLOCKED) != 0;
            case "kids" -> s.kids;
            case "untracked" -> s.untracked;
            case "init" -> around.init;
            case "debug" -> around.debug;
            case "inside" -> around.inside;
            case "incomplete" -> around.incomplete;
            default -> {
                assertThat(TYPES).contains(condition);
                yield condition.equals(s.type);
            }
        };
    }

    private static int bit(String name) {
        return switch (name) {
            case "P" -> Epc.PENDING;
            case "M" -> Epc.MODIFIED;
            case "PR" -> Epc.PR;
            case "B" -> Epc.BLOCKED;
            default -> throw new IllegalArgumentException(name);
        };
    }

    /** An enclave in some surroundings, whose state comes back after each case. */
    private static final class Bench {
        final SgxRig rig = SgxRig.withAllLeaves();
        final Surroundings around;
        final Cpu c = rig.c;
        final byte[] sigstruct;
        final long slot;
        final byte[][] contents = new byte[SgxRig.EPC_PAGES][];
        final long[][] entries = new long[SgxRig.EPC_PAGES][];
        private byte[] pcmd = new byte[0];
        private byte[] backing = new byte[0];

        Bench(Surroundings around) {
            this.around = around;
            long attributes = Attributes.MODE64BIT | (around.debug ? Attributes.DEBUG : 0);
            sigstruct = rig.buildEnclave(attributes);
            if (around.init) {
                assertThat(rig.einit(0, sigstruct)).isZero();
            }
            rig.map(OFFSET, PAGE);
            rig.encls(0xA, 3, address(EVICTED_VA), 0);
            rig.encls(0xA, 3, address(OTHER_VA), 0);
            // a page on the way out, for ELDU and its kin
            rig.encls(9, 0, address(5), 0);
            assertThat(rig.encls(0xC, 0, address(0), 0)).isZero();
            rig.pageInfo(0, SgxRig.BACKING, PCMD, 0);
            assertThat(rig.encls(0xB, PAGEINFO, address(5), address(EVICTED_VA)))
                    .isZero();
            slot = Host.get64(rig.epc.host(EVICTED_VA));
            pcmd = rig.bytes(PCMD, 128);
            backing = rig.bytes(SgxRig.BACKING, 4096);
            if (around.inside) {
                SgxUnit other = new SgxUnit(rig.platform);
                c.enclave = other;
                c.cpl(3);
                c.r[0] = 2;
                c.r[3] = BASE;
                c.r[1] = SgxRig.AEP;
                other.enclu(c);
                c.enclave = rig.unit;
                c.cpl(0);
            }
            if (around.incomplete) {
                assertThat(rig.encls(0xC, 0, address(0), 0)).isZero();
            }
            for (int i = 0; i < SgxRig.EPC_PAGES; i++) {
                contents[i] = Host.bytes(rig.epc.host(i), 4096);
                entries[i] = entry(i);
            }
        }

        long[] entry(int page) {
            Epc e = rig.epc;
            return new long[] {
                e.valid(page) ? 1 : 0,
                e.type(page),
                e.secinfoFlags(page) & 0x3F | (e.blocked(page) ? Epc.BLOCKED : 0),
                e.valid(page) ? e.secs(page) : 0,
                e.address(page),
                e.epoch(page)
            };
        }

        void restore() {
            for (int i : new int[] {0, 4, 6, 7, PAGE, FREE, EVICTED_VA, OTHER_VA}) { // all that a case may change
                long[] e = entries[i];
                Host.put(rig.epc.host(i), contents[i]);
                if (e[0] == 0) {
                    rig.epc.invalidate(i);
                } else {
                    rig.epc.enter(i, (int) e[1], (int) e[2], (int) e[3], e[4]);
                    rig.epc.epoch(i, e[5]);
                }
            }
            rig.put(PCMD, pcmd);
            rig.put(SgxRig.BACKING, backing);
        }

        /** Puts the page into a state, with a content that the operand may have. */
        void prepare(State s, byte[] content) {
            Epc epc = rig.epc;
            if (s.type == null) {
                epc.invalidate(PAGE);
                return;
            }
            boolean secs = s.type.equals("SECS");
            boolean va = s.type.equals("VA");
            Host.put(epc.host(PAGE), secs ? contents[0] : content);
            if (secs) {
                Host.put64(epc.host(PAGE) + Secs.CHILDREN, s.kids ? 2 : 0);
            }
            if (va) {
                Host.put64(epc.host(PAGE), slot);
            }
            int type = TYPES.indexOf(s.type);
            epc.enter(PAGE, type, s.bits, secs || va ? PAGE : 0, secs || va ? 0 : OPERAND);
            epc.epoch(PAGE, s.untracked ? Host.get64(epc.host(0) + Secs.EPOCH) : 0);
            c.mmu.flush();
        }

        private void word(long linear, long value) {
            // SAFE: the enclave's own data page, EPC page 4
            Host.put64(rig.epc.host(4) + (linear & 4095), value);
        }

        /** Executes the leaf with the page as this operand; the others are in order. */
        private void execute(String operand, State s) {
            long source = rig.c.codeMode == 64 ? SOURCE : 0;
            switch (operand) {
                case "ECREATE.RCX" -> rig.ecreate(PAGE, SgxRig.secs(Attributes.MODE64BIT));
                case "EPA.RCX" -> rig.encls(0xA, 3, EPC_OPERAND, 0);
                case "EADD.RCX" -> rig.eadd(0, PAGE, OFFSET, 0x203, new byte[4096]);
                case "EADD.SECS" -> rig.eadd(PAGE, FREE, OFFSET, 0x203, new byte[4096]);
                case "EAUG.RCX", "EAUG.SECS" -> {
                    boolean target = operand.endsWith("RCX");
                    rig.pageInfo(OPERAND, 0, 0, target ? address(0) : EPC_OPERAND);
                    rig.encls(0xD, PAGEINFO, target ? EPC_OPERAND : address(FREE), 0);
                }
                case "EEXTEND.RCX" -> rig.encls(6, address(0), EPC_OPERAND + 0x100, 0);
                case "EEXTEND.RBX" -> rig.encls(6, EPC_OPERAND, address(4), 0);
                case "EINIT.RCX" -> {
                    rig.put(SgxRig.SIGSTRUCT, sigstruct);
                    rig.put(SgxRig.TOKEN, new byte[304]);
                    rig.encls(2, SgxRig.SIGSTRUCT, EPC_OPERAND, SgxRig.TOKEN);
                }
                case "EREMOVE.RCX" -> rig.encls(3, 0, EPC_OPERAND, 0);
                case "EDBGRD.RCX" -> rig.encls(4, 0, EPC_OPERAND + 8, 0);
                case "EDBGRD.RCX-beyond-TCS" -> rig.encls(4, 0, EPC_OPERAND + 72, 0);
                case "EDBGWR.RCX" -> rig.encls(5, 1, EPC_OPERAND + 8, 0);
                case "EDBGWR.RCX-not-FLAGS" -> rig.encls(5, 1, EPC_OPERAND + 16, 0);
                case "EBLOCK.RCX" -> rig.encls(9, 0, EPC_OPERAND, 0);
                case "EWB.RCX", "EWB.RCX-slot-in-use" -> {
                    rig.pageInfo(0, SgxRig.BACKING, PCMD, 0);
                    int va = operand.equals("EWB.RCX") ? OTHER_VA : EVICTED_VA;
                    rig.encls(0xB, PAGEINFO, EPC_OPERAND, address(va));
                }
                case "EWB.RDX" -> {
                    rig.pageInfo(0, SgxRig.BACKING, PCMD, 0);
                    rig.encls(0xB, PAGEINFO, address(OTHER_VA), EPC_OPERAND + 8);
                }
                case "ETRACK.RCX" -> rig.encls(0xC, 0, EPC_OPERAND, 0);
                case "ETRACKC.RCX" -> rig.encls(0x11, 0, EPC_OPERAND, 0);
                case "EMODPR.RCX" -> {
                    rig.secinfo(Epc.R);
                    rig.encls(0xE, SECINFO, EPC_OPERAND, 0);
                }
                case "EMODT.RCX-TCS", "EMODT.RCX-TRIM" -> {
                    rig.secinfo(operand.endsWith("TCS") ? 0x100 : 0x400);
                    rig.encls(0xF, SECINFO, EPC_OPERAND, 0);
                }
                case "ERDINFO.RCX" -> {
                    rig.encls(0x10, SECINFO, EPC_OPERAND, 0);
                    if (s.type != null) {
                        long blocked = (s.bits & Epc.BLOCKED) != 0 ? 1L << 63 : 0;
                        long flags = s.bits & 0x3F | (long) TYPES.indexOf(s.type) << 8 | blocked;
                        assertThat(rig.get(SECINFO + 8)).isEqualTo(flags);
                        assertThat(rig.get(SECINFO)).isEqualTo(s.kids ? 1 : 0);
                        assertThat(rig.get(SECINFO + 16)).isEqualTo(s.type.equals("VA") ? 0 : address(0));
                    }
                }
                case "EUPDATESVN" -> rig.encls(0x18, 0, 0, 0);
                case "EINCVIRTCHILD.RBX" -> rig.enclv(1, EPC_OPERAND, address(0), 0);
                case "EDECVIRTCHILD.RBX" -> rig.enclv(0, EPC_OPERAND, address(0), 0);
                case "EINCVIRTCHILD.RCX" -> rig.enclv(1, address(4), EPC_OPERAND, 0);
                case "EDECVIRTCHILD.RCX" -> rig.enclv(0, address(4), EPC_OPERAND, 0);
                case "ESETCONTEXT.RCX" -> rig.enclv(2, 0, EPC_OPERAND, source);
                case "LOAD-outside" -> {
                    c.cpl(3);
                    assertThat(rig.load(OPERAND)).isEqualTo(-1);
                }
                case "EENTER.TCS", "ERESUME.TCS", "EENTER.SSA", "ERESUME.SSA" -> {
                    boolean resume = operand.startsWith("ERESUME");
                    boolean tcs = operand.endsWith("TCS");
                    if (!tcs) {
                        Host.put64(rig.epc.host(6) + Tcs.OSSA, OFFSET);
                        Host.put32(rig.epc.host(6) + Tcs.CSSA, resume ? 1 : 0);
                    }
                    c.rip = SgxRig.AEP + 3;
                    rig.enclu(resume ? 3 : 2, tcs ? OPERAND : BASE + 0x5000, SgxRig.AEP, 0);
                }
                default -> {
                    if (operand.startsWith("ELD")) {
                        reload(operand);
                    } else {
                        inEnclave(operand, s);
                    }
                }
            }
        }

        private void reload(String operand) {
            int leaf = switch (operand.substring(0, operand.indexOf('.'))) {
                case "ELDB" -> 7;
                case "ELDU" -> 8;
                case "ELDBC" -> 0x12;
                default -> 0x13;
            };
            rig.pageInfo(BASE + 0x4000, SgxRig.BACKING, PCMD, operand.endsWith("SECS") ? EPC_OPERAND : address(0));
            rig.encls(
                    leaf,
                    PAGEINFO,
                    operand.endsWith("RCX") ? EPC_OPERAND : address(FREE),
                    operand.endsWith("RDX") ? EPC_OPERAND : address(EVICTED_VA));
        }

        private void inEnclave(String operand, State s) {
            Host.put32(rig.epc.host(6) + Tcs.CSSA, 0);
            c.rip = SgxRig.AEP + 3;
            rig.enclu(2, BASE + 0x5000, SgxRig.AEP, 0);
            long other = DATA + 0x400;
            switch (operand) {
                case "EREPORT.RBX" -> rig.enclu(0, OPERAND, DATA + 0x200, other);
                case "EREPORT.RCX" -> rig.enclu(0, DATA, OPERAND, other);
                case "EREPORT.RDX" -> rig.enclu(0, DATA, DATA + 0x200, OPERAND);
                case "EGETKEY.RBX" -> rig.enclu(1, OPERAND, other, 0);
                case "EGETKEY.RCX" -> {
                    word(DATA, KeyRequest.SEAL_KEY);
                    rig.enclu(1, DATA, OPERAND, 0);
                }
                case "EACCEPT.RBX" -> {
                    // a page that is waiting: EPC page 7
                    rig.epc.set(7, Epc.PENDING);
                    assertThat(rig.enclu(5, OPERAND, BASE + 0x6000, 0)).isZero();
                }
                case "EMODPE.RBX" -> rig.enclu(6, OPERAND, DATA, 0);
                case "EACCEPTCOPY.RBX" -> {
                    rig.epc.set(7, Epc.PENDING);
                    rig.enclu(7, OPERAND, BASE + 0x6000, DATA);
                }
                case "EACCEPTCOPY.RDX" -> {
                    word(DATA, 0x203);
                    rig.epc.set(7, Epc.PENDING);
                    rig.enclu(7, DATA, BASE + 0x6000, OPERAND);
                }
                case "EACCEPTCOPY.RCX" -> {
                    word(DATA, 0x205);
                    rig.enclu(7, DATA, OPERAND, DATA);
                }
                case "EMODPE.RCX-write" -> {
                    word(DATA, 0x202);
                    rig.enclu(6, DATA, OPERAND, 0);
                }
                case "EACCEPT.RCX-as-is" -> {
                    long type = s.type == null ? PageType.REG : TYPES.indexOf(s.type);
                    word(DATA, (s.type == null ? Epc.PENDING : s.bits & 0x3F) | type << 8);
                    rig.enclu(5, DATA, OPERAND, 0);
                }
                case "EACCEPT.RCX-pending-rw" -> {
                    word(DATA, 0x203 | Epc.PENDING);
                    rig.enclu(5, DATA, OPERAND, 0);
                }
                case "EDECCSSA.SSA" -> {
                    Host.put64(rig.epc.host(6) + Tcs.OSSA, OFFSET);
                    Host.put32(rig.epc.host(6) + Tcs.CSSA, 1);
                    rig.enclu(9, 0, 0, 0);
                }
                case "EEXIT" -> rig.enclu(4, OPERAND, 0, 0);
                case "LOAD" -> rig.load(OPERAND);
                case "STORE" -> rig.store(OPERAND, 1);
                case "FETCH" -> rig.unit.epcHostAddress(c, OPERAND, PAGE, EnclaveUnit.FETCH);
                default -> throw new IllegalArgumentException(operand);
            }
        }

        /** What is in the page when it is this operand. */
        private static byte[] content(String operand) {
            byte[] content = SgxRig.tcs(0x6000, 1, 0x4000);
            if (operand.startsWith("ERESUME.TCS")) {
                Bytes.put32(content, Tcs.CSSA, 1);
            }
            if (operand.endsWith(".SSA") || operand.startsWith("EREPORT")) {
                content = new byte[4096];
            }
            switch (operand) {
                case "EGETKEY.RBX" -> {
                    content = new byte[4096];
                    content[0] = KeyRequest.SEAL_KEY;
                }
                case "EACCEPT.RBX" -> {
                    content = new byte[4096];
                    Bytes.put64(content, 0, 0x203 | Epc.PENDING);
                }
                case "EACCEPTCOPY.RBX", "EMODPE.RBX" -> {
                    content = new byte[4096];
                    Bytes.put64(content, 0, 0x203);
                }
                default -> {}
            }
            return content;
        }

        /** Runs one case and tells its outcome in the table's words. */
        String outcome(String operand, State s) {
            c.status(Flags.OF | Flags.SF);
            try {
                execute(operand, s);
            } catch (GuestFault f) {
                if (f.vector == 13) {
                    return "GP";
                }
                boolean enclu = f.address - BASE >= 0 && f.address - BASE < SgxRig.SIZE;
                long expected = enclu ? OPERAND : EPC_OPERAND;
                boolean sgx = f.vector == 14 && (f.errorCode & 0x8009) == 0x8001 && (f.address & -4096) == expected;
                return sgx ? "PF" : f + String.format(" %x %x", f.errorCode, f.address);
            }
            long flags = c.rflags() & (Flags.ZF | Flags.CF);
            boolean codes = (c.rflags() & (Flags.OF | Flags.SF)) == 0;
            if (!codes || c.r[0] == 0) {
                return codes && flags != 0 ? "code 0 with a flag" : "ok";
            }
            return (flags == Flags.ZF ? "ZF " : flags == Flags.CF ? "CF " : "no flag ") + c.r[0];
        }
    }

    private static State after(State s, List<String> effects) {
        @Nullable String type = s.type;
        int bits = s.bits;
        for (String effect : effects) {
            if (effect.equals("free")) {
                type = null;
                bits = 0;
            } else if (effect.equals("reloaded")) {
                type = "REG";
                bits = Epc.R | Epc.X;
            } else if (effect.startsWith("pt=")) {
                type = effect.substring(3);
            } else if (effect.startsWith("rwx=")) {
                bits &= ~7;
                for (char p : effect.substring(4).toCharArray()) {
                    bits |= p == 'r' ? Epc.R : p == 'w' ? Epc.W : Epc.X;
                }
            } else if (effect.startsWith("+")) {
                bits |= bit(effect.substring(1));
            } else if (effect.startsWith("-")) {
                bits &= ~bit(effect.substring(1));
            }
        }
        return new State(type, bits, false, false);
    }

    private static State entryNow(Epc epc) {
        if (!epc.valid(PAGE)) {
            return new State(null, 0, false, false);
        }
        int bits = (int) epc.secinfoFlags(PAGE) & 0x3F | (epc.blocked(PAGE) ? Epc.BLOCKED : 0);
        return new State(TYPES.get(epc.type(PAGE)), bits, false, false);
    }

    private static int delta(List<String> effects, String name) {
        for (String effect : effects) {
            if (effect.startsWith(name)) {
                return Integer.parseInt(effect.substring(name.length()));
            }
        }
        return 0;
    }

    private static boolean needsInit(String operand) {
        return Set.of("EEXIT", "LOAD", "STORE", "FETCH", "EDECCSSA.SSA").contains(operand)
                || Set.of("EREPORT", "EGETKEY", "EACCEPT", "EACCEPTCOPY", "EMODPE")
                        .contains(operand.replaceAll("\\..*", ""));
    }

    @Test
    void everyStateAsEachOperandOfEachLeaf() {
        Map<String, List<Rule>> table = table();
        List<State> states = states();
        Set<String> pairs = new HashSet<>();
        Map<String, Integer> outcomes = new HashMap<>();
        int cases = 0;
        for (int i = 0; i < 8; i++) {
            boolean init = i < 6;
            int threads = init ? i >> 1 : 0;
            Bench bench = new Bench(new Surroundings(init, (i & 1) != 0, threads > 0, threads > 1));
            Epc epc = bench.rig.epc;
            for (Map.Entry<String, List<Rule>> row : table.entrySet()) {
                String operand = row.getKey();
                if (!init && needsInit(operand)) {
                    continue;
                }
                byte[] content = Bench.content(operand);
                for (State s : states) {
                    bench.prepare(s, content);
                    Rule rule = row.getValue().stream()
                            .filter(r -> r.conditions.stream().allMatch(x -> holds(x, s, bench.around)))
                            .findFirst()
                            .orElseThrow();
                    long children = Host.get64(epc.host(0) + Secs.CHILDREN);
                    String outcome = bench.outcome(operand, s);
                    State expected = after(s, rule.effects);
                    if (rule.effects.contains("reloaded") && operand.startsWith("ELDB")) {
                        expected = new State("REG", expected.bits | Epc.BLOCKED, false, false);
                    }
                    int kids = delta(rule.effects, "kids");
                    int added = delta(rule.effects, "child") + (rule.effects.contains("reloaded") ? 1 : 0);
                    boolean reloadsOther = operand.startsWith("ELD") && operand.endsWith("RDX");
                    if (reloadsOther && rule.outcome.equals("ok")) {
                        added = 1;
                    }
                    State now = entryNow(epc);
                    boolean asWritten = outcome.equals(rule.outcome)
                            && now.equals(expected)
                            && Host.get64(epc.host(0) + Secs.CHILDREN) - children == added
                            && (kids == 0 || Host.get64(epc.host(PAGE) + Secs.CHILDREN) == (s.kids ? 2 : 0) + kids)
                            && (!rule.effects.contains("init") || Secs.initialized(epc.host(PAGE)));
                    assertThat(asWritten)
                            .as(() -> String.format(
                                    "%s of %s in %s: %s, then %s; the table says %s %s",
                                    operand, s, bench.around, outcome, now, rule.outcome, rule.effects))
                            .isTrue();
                    if (bench.rig.unit.inEnclave()) {
                        bench.rig.eexit();
                    }
                    bench.restore();
                    pairs.add(operand + "|" + s);
                    outcomes.merge(rule.outcome, 1, Integer::sum);
                    cases++;
                }
            }
        }
        System.out.printf(
                "EPC states: %d states x %d leaf operands = %d pairs covered of %d, %d cases, %s%n",
                states.size(), table.size(), pairs.size(), states.size() * table.size(), cases, outcomes);
        assertThat(pairs).hasSize(states.size() * table.size());
        assertThat(table.size()).isGreaterThan(55);
    }
}
