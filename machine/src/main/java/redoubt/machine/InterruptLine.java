package redoubt.machine;

/** A wire from a device to an interrupt controller. The controller's pin decides if the edge or the level counts. */
@FunctionalInterface
public interface InterruptLine {
    /** A wire that leads nowhere. */
    InterruptLine NONE = level -> {};

    /** Drives the wire: true is asserted. Driving it to the level it has changes nothing. */
    void set(boolean level);

    /** Gives one rising and one falling edge. */
    default void pulse() {
        set(true);
        set(false);
    }
}
