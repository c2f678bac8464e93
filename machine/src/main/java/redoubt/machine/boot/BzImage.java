package redoubt.machine.boot;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorInputStream;
import org.tukaani.xz.LZMAInputStream;
import org.tukaani.xz.XZInputStream;

/**
 * A Linux bzImage: the setup header, and behind the setup sectors a program that unpacks the real kernel. We take the
 * packed kernel out of it and unpack it ourselves, which spares the guest some 97 million instructions.
 *
 * <p>Source: the kernel's {@code Documentation/x86/boot.rst} (setup header, payload_offset, payload_length) and {@code
 * scripts/Makefile.lib} (each payload ends with its unpacked size in four bytes; for gzip that is gzip's own trailer).
 */
public final class BzImage {
    /** Command line bytes without the terminating NUL that x86 kernels have taken since protocol 2.06. */
    public static final int DEFAULT_CMDLINE_BYTES = 2047;

    private static final int SETUP_SECTS = 0x1F1;
    private static final int BOOT_FLAG = 0x1FE;
    private static final int HEADER_MAGIC = 0x202;
    private static final int VERSION = 0x206;
    private static final int CMDLINE_SIZE = 0x238;
    private static final int PAYLOAD_OFFSET = 0x248;
    private static final int PAYLOAD_LENGTH = 0x24C;
    private static final long HDRS = 0x5372_6448L;
    private static final int LEAST_VERSION = 0x208;

    /** More than any kernel unpacks to; keeps a damaged size field from taking all memory. */
    private static final int MOST_KERNEL_BYTES = 1 << 30;

    /** KiB that an xz or LZMA stream may ask for its dictionary; the kernel's build uses 32 MiB at most. */
    private static final int MOST_DICTIONARY_KIB = 256 << 10;

    private final String name;
    private final byte[] bytes;
    private final int payloadFrom;
    private final int payloadTo;
    private final int version;
    private final int cmdlineBytes;

    private BzImage(String name, byte[] bytes, int payloadFrom, int payloadTo, int version, int cmdlineBytes) {
        this.name = name;
        this.bytes = bytes;
        this.payloadFrom = payloadFrom;
        this.payloadTo = payloadTo;
        this.version = version;
        this.cmdlineBytes = cmdlineBytes;
    }

    /** Says if the bytes have the setup header's two magic numbers. */
    public static boolean isBzImage(byte[] bytes) {
        var file = new Bytes("", bytes);
        return bytes.length >= HEADER_MAGIC + 4
                && file.u16(BOOT_FLAG, "boot_flag") == 0xAA55
                && file.u32(HEADER_MAGIC, "header") == HDRS;
    }

    /**
     * Reads the setup header.
     *
     * @param name what to call the file in messages
     * @throws BootException if it is no bzImage, too old or cut short
     */
    public static BzImage read(String name, byte[] bytes) {
        if (!isBzImage(bytes)) {
            throw new BootException(name + ": not a Linux kernel (no bzImage setup header)");
        }
        var file = new Bytes(name, bytes);
        int version = file.u16(VERSION, "the boot protocol's version");
        if (version < LEAST_VERSION) {
            throw new BootException(String.format(
                    "%s: boot protocol %d.%02d; 2.08 or later is needed (Linux 2.6.26)",
                    name, version >> 8, version & 0xFF));
        }
        int setupSectors = file.u8(SETUP_SECTS, "setup_sects");
        long protectedMode = ((setupSectors == 0 ? 4 : setupSectors) + 1) * 512L;
        long from = protectedMode + file.u32(PAYLOAD_OFFSET, "payload_offset");
        long length = file.u32(PAYLOAD_LENGTH, "payload_length");
        if (length < 8) {
            throw new BootException(name + ": its packed kernel is " + length + " bytes: not a bootable kernel");
        }
        if (from + length > bytes.length) {
            throw new BootException(name + ": truncated: the header says the packed kernel ends at byte "
                    + (from + length) + ", the file has " + bytes.length);
        }
        int cmdline = (int) Math.min(file.u32(CMDLINE_SIZE, "cmdline_size"), Integer.MAX_VALUE);
        return new BzImage(name, bytes, (int) from, (int) (from + length), version, cmdline);
    }

    /**
     * Reads a kernel file of either form, a bzImage or the ELF file {@code vmlinux} itself.
     *
     * @throws BootException if it cannot be read or is neither
     */
    public static ElfFile readKernel(Path path) {
        byte[] bytes;
        try {
            bytes = Files.readAllBytes(path);
        } catch (NoSuchFileException e) {
            throw new BootException(path + ": no such kernel file", e);
        } catch (IOException e) {
            throw new BootException(path + ": cannot read the kernel: " + e.getMessage(), e);
        }
        return readKernel(path.toString(), bytes);
    }

    /** Reads a kernel of either form from memory, see {@link #readKernel(Path)}. */
    public static ElfFile readKernel(String name, byte[] bytes) {
        if (ElfFile.isElf(bytes)) {
            return ElfFile.read(name, bytes);
        }
        if (isBzImage(bytes)) {
            return read(name, bytes).kernel();
        }
        throw new BootException(
                name + ": not a Linux kernel (" + bytes.length + " bytes, neither a bzImage nor an ELF file)");
    }

    /** Boot protocol version, major in bits 15:8. */
    public int version() {
        return version;
    }

    /** Command line bytes this kernel takes, without the NUL. */
    public int cmdlineBytes() {
        return cmdlineBytes;
    }

    /**
     * Unpacks the kernel and reads it as the ELF file that it is.
     *
     * @throws BootException if its packing is damaged or is one we cannot undo
     */
    public ElfFile kernel() {
        return ElfFile.read(name, unpack());
    }

    private byte[] unpack() {
        var file = new Bytes(name, bytes);
        long size = file.u32(payloadTo - 4, "the unpacked size");
        long magic = file.u32(payloadFrom, "the packing's magic number");
        if ((magic & 0xFFFF) == 0x8B1F) {
            return unpackStream("gzip", size, GZIPInputStream::new, payloadTo);
        }
        if ((int) magic == Lz4.LEGACY_MAGIC) {
            return Lz4.unpackLegacyFrame(name, bytes, payloadFrom, payloadTo - 4, checked(size));
        }
        if (magic == 0x587A_37FDL) {
            return unpackStream("xz", size, in -> new XZInputStream(in, MOST_DICTIONARY_KIB), payloadTo - 4);
        }
        if ((magic & 0xFF_FFFF) == 0x68_5A42) {
            return unpackStream("bzip2", size, BZip2CompressorInputStream::new, payloadTo - 4);
        }
        if ((magic & 0xFF_FFFF) == 0x00_005D) {
            return unpackStream("LZMA", size, in -> new LZMAInputStream(in, MOST_DICTIONARY_KIB), payloadTo - 4);
        }
        if ((int) magic == 0xFD2F_B528) {
            throw cannotUnpack("zstd");
        }
        if ((int) magic == 0x4F5A_4C89) {
            throw cannotUnpack("LZO");
        }
        if ((int) magic == 0x464C_457F) {
            return Arrays.copyOfRange(bytes, payloadFrom, payloadTo);
        }
        throw new BootException(String.format(
                "%s: the kernel in it is packed in an unknown way (begins with %08x); give the unpacked vmlinux",
                name, Integer.reverseBytes((int) magic)));
    }

    private BootException cannotUnpack(String how) {
        return new BootException(name + ": the kernel in it is packed with " + how
                + ", which cannot be unpacked here; give the vmlinux ELF file (the kernel's scripts/extract-vmlinux"
                + " makes it) or a kernel packed with LZ4, gzip, xz, bzip2 or LZMA");
    }

    private int checked(long size) {
        if (size > MOST_KERNEL_BYTES) {
            throw new BootException(name + ": damaged: the kernel in it is said to unpack to " + size
                    + " bytes; at most " + MOST_KERNEL_BYTES + " are possible");
        }
        return (int) size;
    }

    @FunctionalInterface
    private interface Unpacker {
        InputStream open(InputStream packed) throws IOException;
    }

    private byte[] unpackStream(String how, long size, Unpacker unpacker, int to) {
        int wanted = checked(size);
        try (InputStream in = unpacker.open(new ByteArrayInputStream(bytes, payloadFrom, to - payloadFrom))) {
            byte[] out = in.readNBytes(wanted);
            if (out.length != wanted) {
                throw new BootException(name + ": damaged: the kernel's " + how + " payload unpacks to " + out.length
                        + " bytes, " + wanted + " were announced");
            }
            return out;
        } catch (IOException | IllegalArgumentException e) {
            throw new BootException(name + ": the kernel's " + how + " payload is damaged: " + e.getMessage(), e);
        }
    }
}
