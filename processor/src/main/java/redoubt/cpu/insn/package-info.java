/**
 * Semantics of the instructions, one static function each, named by the rows of {@link redoubt.x86.Rows} and called by the
 * generated handlers. A function gets its operands' values and returns the destination's; see
 * {@code redoubt.x86.gen.HandlerGenerator} for the exact calling convention.
 */
@NullMarked
package redoubt.cpu.insn;

import org.jspecify.annotations.NullMarked;
