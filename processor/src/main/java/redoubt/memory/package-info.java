/** The physical address space: RAM, EPC and MMIO behind one map, RAM off-heap. Knows nothing of processors. */
@NullMarked
package redoubt.memory;

import org.jspecify.annotations.NullMarked;
