/**
 * The hypervisor between guest and processor: a {@link redoubt.hypervisor.Vm} with its memory slots, its virtual processors,
 * and the reasons they come back for. Shaped after KVM, see the kernel's Documentation/virt/kvm/api.rst.
 *
 * <p>Must not know: devices, operating systems, files. Start reading at {@link redoubt.hypervisor.Vm}.
 */
@NullMarked
package redoubt.hypervisor;

import org.jspecify.annotations.NullMarked;
