/**
 * What a firmware would do before the guest runs: reads kernel images, places them in guest memory, writes the ACPI
 * tables and says in which state the boot processor starts.
 *
 * <p>Kernel files come from people and from the network, so every reader here treats them as hostile: whatever the
 * bytes are, the answer is a result or a {@link redoubt.machine.boot.BootException} with one line.
 *
 * <p>Sources: the kernel's {@code Documentation/x86/boot.rst}, the PVH boot ABI ({@code
 * include/xen/interface/hvm/start_info.h}), the ELF-64 object file format, the ACPI specification 6.4. Start reading at
 * {@link redoubt.machine.boot.PvhLoader}.
 */
@NullMarked
package redoubt.machine.boot;

import org.jspecify.annotations.NullMarked;
