package redoubt.machine;

import java.util.List;
import org.jspecify.annotations.Nullable;
import redoubt.hypervisor.Vcpu;
import redoubt.hypervisor.VmExit;

/**
 * Gives the processors their turns on one thread, round robin and always in the same way, and moves the clock by what they
 * execute.
 *
 * <p>Virtual time is as if the processors ran side by side, each a nanosecond an instruction: while k of them execute, an
 * instruction of one moves time by 1/k ns, so that each retires one a nanosecond on the average of a round. Time never
 * differs between processors, and in the order in which things happen it never goes back: time-stamp counters are
 * synchronous.
 *
 * <p>A processor that spins with PAUSE gives the rest of its turn away, and until its next turn does not count as executing,
 * since what it waits for is done by others. A halted one costs nothing; when all are, the machine goes to the next event.
 */
final class Turns {
    /** Longest turn of an only processor: how late, in instructions, input and limits may be noticed. */
    private static final long LONGEST = 100_000;

    /** Longest turn of one among several: how late one sees what another did. */
    private static final long QUANTUM = 10_000;

    private final Vcpu[] vcpus;
    private final boolean[] spinning;
    private final Clock clock;
    private final @Nullable VirtualClock virtual;
    private int current;

    /** How many processors share the time in this turn. */
    private int sharing = 1;
    /** Instructions that the current processor had retired when the virtual clock was last moved. */
    private long counted;
    /** Retired instructions that have not made a whole nanosecond yet. */
    private long remainder;

    /** @param virtual the clock, if its time is virtual */
    Turns(List<Vcpu> vcpus, Clock clock, @Nullable VirtualClock virtual) {
        this.vcpus = vcpus.toArray(Vcpu[]::new);
        this.spinning = new boolean[vcpus.size()];
        this.clock = clock;
        this.virtual = virtual;
        this.current = vcpus.size() - 1;
        vcpus.forEach(vcpu -> vcpu.exitOnPause(vcpus.size() > 1));
        if (virtual != null) {
            virtual.progress(() -> (remainder + current().instructions() - counted) / sharing);
        }
    }

    /** The processor whose turn it is or was. */
    Vcpu current() {
        return vcpus[current];
    }

    /** Its index. */
    int index() {
        return current;
    }

    /** Lets the next processor that has something to do run, and what falls due by then happen; null if none has. */
    @Nullable
    VmExit next() {
        int next = current;
        do {
            next = next + 1 == vcpus.length ? 0 : next + 1;
            if (!vcpus[next].isIdle()) {
                return turn(next);
            }
        } while (next != current);
        return null;
    }

    private VmExit turn(int next) {
        current = next;
        counted = vcpus[next].instructions();
        sharing = 0;
        for (int i = 0; i < vcpus.length; i++) {
            if (i == next || !spinning[i] && !vcpus[i].isIdle()) {
                sharing++;
            }
        }
        VmExit exit = vcpus[next].run(budget());
        spinning[next] = exit instanceof VmExit.Pause;
        if (virtual == null) {
            clock.runDue();
        } else {
            long executed = remainder + vcpus[next].instructions() - counted;
            counted = vcpus[next].instructions();
            remainder = executed % sharing;
            virtual.advanceBy(executed / sharing);
        }
        return exit;
    }

    /** To the end of the quantum or to the next event, whichever comes first. */
    private long budget() {
        long longest = vcpus.length == 1 ? LONGEST : QUANTUM;
        if (virtual == null) {
            return longest;
        }
        long untilEvent = Math.min(virtual.nextDeadline() - virtual.nanos(), longest);
        return Math.clamp(untilEvent * sharing - remainder, 1, longest);
    }
}
