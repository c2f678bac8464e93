/**
 * The devices of the board, one class each. A device knows its registers and its interrupt lines; it knows neither its
 * address (the {@link redoubt.machine.Bus} does) nor the processor.
 *
 * <p>All of them are called on the thread that runs the virtual processors; what arrives from other threads comes
 * through the board's event loop.
 */
@NullMarked
package redoubt.machine.device;

import org.jspecify.annotations.NullMarked;
