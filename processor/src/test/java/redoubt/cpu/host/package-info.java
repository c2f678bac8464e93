/**
 * The processor of this host as an oracle, and the differential test against it. {@link redoubt.cpu.host.HostCpu} runs
 * one instruction natively from a given {@link redoubt.cpu.host.CpuState}; a {@link redoubt.cpu.host.Subject} runs the same
 * on our processor; {@link redoubt.cpu.host.Difference} says where they part. Start reading at {@code HostCpuTest}, then
 * {@code DifferentialTest}. Only for x86-64 Linux hosts with a C compiler: elsewhere the tests say "skipped".
 */
@NullMarked
package redoubt.cpu.host;

import org.jspecify.annotations.NullMarked;
