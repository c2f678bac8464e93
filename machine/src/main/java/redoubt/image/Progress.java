package redoubt.image;

/** Told how a long step goes on, for a line on a terminal. */
@FunctionalInterface
public interface Progress {
    Progress NONE = (what, done, total) -> {};

    /** {@code done} of {@code total} bytes of {@code what}; the total is -1 where it is not known. */
    void report(String what, long done, long total);
}
