package redoubt.machine.boot;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import redoubt.machine.GuestMemory;

/** Makes small kernels of every form, so that the readers can be tested without a real one. */
public final class BootFiles {
    static final int ENTRY = 0x10_0850;
    static final int SEGMENT_AT = 0x10_0000;
    static final int SEGMENT_BYTES = 0x1000;
    static final int SEGMENT_MEMORY = 0x3000;

    private BootFiles() {}

    /** Guest memory in an array. */
    static final class ArrayMemory implements GuestMemory {
        final byte[] bytes;

        ArrayMemory(int size) {
            bytes = new byte[size];
            java.util.Arrays.fill(bytes, (byte) 0xCC);
        }

        @Override
        public void write(long guestPhysical, MemorySegment source) {
            MemorySegment.copy(source, 0, MemorySegment.ofArray(bytes), guestPhysical, source.byteSize());
        }

        @Override
        public void zero(long guestPhysical, long lengthBytes) {
            MemorySegment.ofArray(bytes).asSlice(guestPhysical, lengthBytes).fill((byte) 0);
        }

        ByteBuffer at(long address) {
            return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).position((int) address);
        }
    }

    /** An ELF file with one loadable segment, a PVH note, a section table and two symbols. */
    public static byte[] vmlinux() {
        byte[] names = "\0.symtab\0.strtab\0.shstrtab\0".getBytes(StandardCharsets.US_ASCII);
        byte[] strings = "\0startup_64\0_text\0".getBytes(StandardCharsets.US_ASCII);
        int note = 64 + 2 * 56;
        int code = 0x1000;
        int strtab = code + SEGMENT_BYTES;
        int symtab = strtab + 32;
        int shstrtab = symtab + 3 * 24;
        int sections = shstrtab + 32;
        ByteBuffer b = ByteBuffer.allocate(sections + 4 * 64).order(ByteOrder.LITTLE_ENDIAN);
        b.put(new byte[] {0x7F, 'E', 'L', 'F', 2, 1, 1}).position(16);
        b.putShort((short) 2)
                .putShort((short) 62)
                .putInt(1)
                .putLong(SEGMENT_AT)
                .putLong(64)
                .putLong(sections);
        b.putInt(0).putShort((short) 64).putShort((short) 56).putShort((short) 2);
        b.putShort((short) 64).putShort((short) 4).putShort((short) 3);
        b.putInt(1).putInt(5).putLong(code).putLong(0xFFFF_FFFF_8010_0000L).putLong(SEGMENT_AT);
        b.putLong(SEGMENT_BYTES).putLong(SEGMENT_MEMORY).putLong(0x1000);
        b.putInt(4)
                .putInt(4)
                .putLong(note)
                .putLong(0)
                .putLong(0)
                .putLong(24)
                .putLong(24)
                .putLong(4);
        b.putInt(4)
                .putInt(8)
                .putInt(18)
                .put("Xen\0".getBytes(StandardCharsets.US_ASCII))
                .putLong(ENTRY);
        b.position(code);
        for (int i = 0; i < SEGMENT_BYTES; i++) {
            b.put((byte) (i * 7 + (i >> 8)));
        }
        b.put(strings).position(symtab + 24);
        b.putInt(1)
                .put((byte) 0x12)
                .put((byte) 0)
                .putShort((short) 1)
                .putLong(0xFFFF_FFFF_8010_0000L)
                .putLong(16);
        b.putInt(12)
                .put((byte) 0x10)
                .put((byte) 0)
                .putShort((short) 1)
                .putLong(0xFFFF_FFFF_8010_0000L)
                .putLong(0);
        b.position(shstrtab).put(names).position(sections + 64);
        b.putInt(1)
                .putInt(2)
                .putLong(0)
                .putLong(0)
                .putLong(symtab)
                .putLong(72)
                .putInt(2)
                .putInt(1)
                .putLong(8)
                .putLong(24);
        b.putInt(9)
                .putInt(3)
                .putLong(0)
                .putLong(0)
                .putLong(strtab)
                .putLong(strings.length)
                .putInt(0)
                .putInt(0)
                .putLong(1)
                .putLong(0);
        b.putInt(17)
                .putInt(3)
                .putLong(0)
                .putLong(0)
                .putLong(shstrtab)
                .putLong(names.length)
                .putInt(0)
                .putInt(0)
                .putLong(1)
                .putLong(0);
        return b.array();
    }

    /** A bzImage with one setup sector around a payload. */
    static byte[] bzImage(byte[] payload) {
        ByteBuffer b = ByteBuffer.allocate(1024 + 16 + payload.length).order(ByteOrder.LITTLE_ENDIAN);
        b.put(0x1F1, (byte) 1).putShort(0x1FE, (short) 0xAA55).putInt(0x202, 0x5372_6448);
        b.putShort(0x206, (short) 0x20F).putInt(0x238, 2047).putInt(0x248, 16).putInt(0x24C, payload.length);
        b.position(1024 + 16);
        return b.put(payload).array();
    }

    /** The payload followed by the unpacked size, as the kernel's build appends it. */
    static byte[] withSize(byte[] packed, int size) {
        return ByteBuffer.allocate(packed.length + 4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(packed)
                .putInt(size)
                .array();
    }

    /** A legacy LZ4 frame written by commons-compress' encoder, in blocks of {@code blockBytes}. */
    static byte[] lz4(byte[] plain, int blockBytes) {
        var out = new ByteArrayOutputStream();
        ByteBuffer word = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
        out.writeBytes(word.putInt(0, 0x184C_2102).array());
        for (int at = 0; at < plain.length; at += blockBytes) {
            var block = new ByteArrayOutputStream();
            try (var encoder = new org.apache.commons.compress.compressors.lz4.BlockLZ4CompressorOutputStream(block)) {
                encoder.write(plain, at, Math.min(blockBytes, plain.length - at));
            } catch (java.io.IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
            out.writeBytes(word.putInt(0, block.size()).array());
            out.writeBytes(block.toByteArray());
        }
        return out.toByteArray();
    }
}
