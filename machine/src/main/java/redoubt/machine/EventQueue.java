package redoubt.machine;

import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/**
 * What is to happen at which time. Events of one deadline happen in the order they were scheduled in, so that two runs
 * with the same inputs are the same run.
 */
final class EventQueue {
    static final class Event implements Clock.Timer, Comparable<Event> {
        private final EventQueue queue;
        private final long deadline;
        private final long sequence;
        private final Runnable action;
        private boolean waiting = true;

        private Event(EventQueue queue, long deadline, long sequence, Runnable action) {
            this.queue = queue;
            this.deadline = deadline;
            this.sequence = sequence;
            this.action = action;
        }

        @Override
        public void cancel() {
            if (waiting) {
                waiting = false;
                queue.events.remove(this);
            }
        }

        @Override
        public boolean isWaiting() {
            return waiting;
        }

        @Override
        public long deadlineNanos() {
            return deadline;
        }

        @Override
        public int compareTo(Event other) {
            int order = Long.compare(deadline, other.deadline);
            return order != 0 ? order : Long.compare(sequence, other.sequence);
        }
    }

    private final PriorityQueue<Event> events = new PriorityQueue<>();
    private long sequence;

    Event add(long deadlineNanos, Runnable action) {
        var event = new Event(this, deadlineNanos, sequence++, action);
        events.add(event);
        return event;
    }

    long nextDeadline() {
        Event first = events.peek();
        return first == null ? Long.MAX_VALUE : first.deadline;
    }

    /** Takes out the earliest event if it is due at {@code nanos}; the caller runs what it gets. */
    @Nullable
    Runnable takeDue(long nanos) {
        Event first = events.peek();
        if (first == null || first.deadline > nanos) {
            return null;
        }
        events.poll();
        first.waiting = false;
        return first.action;
    }
}
