/**
 * The instruction set as data: one {@link redoubt.x86.Row} an encoding, read by decoder, disassembler, interpreter (whose
 * handlers are generated from the rows at build time) and tests. Knows nothing of any state. Start at
 * {@link redoubt.x86.Rows}; the notation is explained at {@link redoubt.x86.Row}. Follows SDM vol. 2, chapters 2 and 3 and
 * appendix A.
 */
@NullMarked
package redoubt.x86;

import org.jspecify.annotations.NullMarked;
