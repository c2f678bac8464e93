/**
 * A logical processor: registers, paging and TLB, exceptions, MSRs, CPUID, the interpreter. Reaches SGX only through
 * {@link redoubt.cpu.EnclaveUnit} and everything outside the package only through {@link redoubt.cpu.Platform}. Start at
 * {@link redoubt.cpu.Cpu} and {@link redoubt.cpu.Engine}. Follows SDM vol. 3A.
 */
@NullMarked
package redoubt.cpu;

import org.jspecify.annotations.NullMarked;
