/**
 * Guests: where a kernel and a userland come from, and how they are laid out for the boot loader.
 *
 * <p>The default guest is made on first use from Debian's packages. {@link redoubt.image.AptSources} reads which archives
 * the system is configured for, {@link redoubt.image.DebianArchive} follows the signed chain from the Release file to a
 * package, {@link redoubt.image.DebPackage} takes files out of it, and {@link redoubt.image.Initramfs} puts them together
 * with the init script of {@link redoubt.image.GuestInit}. Start reading at {@link redoubt.image.DefaultGuest}.
 *
 * <p>Everything fetched is treated as hostile until its digest has been compared with one that a trusted key signed, and
 * archives are treated as hostile after that too. This room knows nothing of processors and devices: it hands over bytes.
 */
@NullMarked
package redoubt.image;

import org.jspecify.annotations.NullMarked;
