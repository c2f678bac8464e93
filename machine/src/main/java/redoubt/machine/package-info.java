/**
 * The machine around the virtual processors: the bus that devices hang on, the one clock they all tell time by, the
 * layout of the guest's physical memory, and the board that wires everything together.
 *
 * <p>Must not know: tools, the command line, Linux beyond what a boot protocol prescribes. Start reading at {@link
 * redoubt.machine.Board}.
 */
@NullMarked
package redoubt.machine;

import org.jspecify.annotations.NullMarked;
