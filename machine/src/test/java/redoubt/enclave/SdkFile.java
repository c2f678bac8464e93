package redoubt.enclave;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** A small file in the form that Intel's SDK writes: two segments, a heap, and a group of two threads. Not signed. */
final class SdkFile {
    /** A byte of the text segment that the patch list sets to 0x5A. */
    static final int PATCHED = 0x200;
    /** Where the metadata starts. */
    static final int METADATA = 0x3000 + 12 + 13;

    private static final int NOTE = 0x3000;
    private static final int METADATA_BYTES = 4096;
    private static final int SECTIONS = 0x5000;
    private static final int NAMES = 0x5200;

    private SdkFile() {}

    static byte[] bytes() {
        ByteBuffer f = ByteBuffer.allocate(0x5300).order(ByteOrder.LITTLE_ENDIAN);
        f.put(0, new byte[] {0x7F, 'E', 'L', 'F', 2, 1, 1});
        f.putShort(16, (short) 3).putShort(18, (short) 62);
        f.putLong(24, 0x100).putLong(32, 64).putLong(40, SECTIONS);
        f.putShort(54, (short) 56).putShort(56, (short) 2).putShort(58, (short) 64);
        f.putShort(60, (short) 3).putShort(62, (short) 2);
        segment(f, 64, 5, 0, 0, 0x800, 0x800);
        segment(f, 120, 6, 0x1000, 0x2100, 0x400, 0x2000);
        byte[] names = "\0.note.sgxmeta\0.shstrtab\0".getBytes(StandardCharsets.ISO_8859_1);
        f.put(NAMES, names);
        section(f, 1, 1, 7, NOTE, 12 + 13 + METADATA_BYTES);
        section(f, 2, 15, 3, NAMES, names.length);
        f.putInt(NOTE, 13).putInt(NOTE + 4, METADATA_BYTES).putInt(NOTE + 8, 1);
        f.put(NOTE + 12, "sgx_metadata\0".getBytes(StandardCharsets.ISO_8859_1));
        metadata(f);
        return f.array();
    }

    private static void segment(ByteBuffer f, int at, int flags, long offset, long address, long bytes, long memory) {
        f.putInt(at, 1).putInt(at + 4, flags).putLong(at + 8, offset).putLong(at + 16, address);
        f.putLong(at + 32, bytes).putLong(at + 40, memory).putLong(at + 48, 4096);
    }

    private static void section(ByteBuffer f, int index, int name, int type, long offset, long bytes) {
        int at = SECTIONS + 64 * index;
        f.putInt(at, name)
                .putInt(at + 4, type)
                .putLong(at + 24, offset)
                .putLong(at + 32, bytes)
                .putLong(at + 48, 1);
    }

    private static void metadata(ByteBuffer f) {
        f.putLong(METADATA, 0x86A8_0294_635D_0E4CL).putLong(METADATA + 8, 1L << 32 | 4);
        f.putInt(METADATA + 16, METADATA_BYTES).putInt(METADATA + 24, 1);
        f.putLong(METADATA + 40, 0x40000).putLong(METADATA + 48, 4).putLong(METADATA + 56, 7);
        int directories = METADATA + 64 + 1808;
        int patches = 2000;
        int layout = 2100;
        int tcs = 2400;
        f.putInt(directories, patches).putInt(directories + 4, 32);
        f.putInt(directories + 8, layout).putInt(directories + 12, 4 * 32);
        f.putLong(METADATA + patches, PATCHED)
                .putInt(METADATA + patches + 8, 2300)
                .putInt(METADATA + patches + 12, 1);
        f.put(METADATA + 2300, (byte) 0x5A);
        entry(f, layout, 2, 1, 2, 0x8000, 0, 0, 0x203); // heap: EADD only
        entry(f, layout + 32, 4, 3, 1, 0x10000, 72, tcs, 0x100);
        entry(f, layout + 64, 8, 3, 1, 0x11000, 0xCCCC_CCCC, 0, 0x203);
        f.putShort(METADATA + layout + 96, (short) (1 << 12 | 9)).putShort(METADATA + layout + 98, (short) 2);
        f.putInt(METADATA + layout + 100, 1).putLong(METADATA + layout + 104, 0x4000);
        f.putLong(METADATA + tcs + 16, 0x1000); // OSSA: the page after
    }

    private static void entry(
            ByteBuffer f, int at, int id, int attributes, int pages, long rva, int bytes, int content, long flags) {
        int entry = METADATA + at;
        f.putShort(entry, (short) id).putShort(entry + 2, (short) attributes).putInt(entry + 4, pages);
        f.putLong(entry + 8, rva)
                .putInt(entry + 16, bytes)
                .putInt(entry + 20, content)
                .putLong(entry + 24, flags);
    }
}
