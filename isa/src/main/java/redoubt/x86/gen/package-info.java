/** Build-time only: writes the interpreter's handlers as Java source, from the rows. */
@NullMarked
package redoubt.x86.gen;

import org.jspecify.annotations.NullMarked;
