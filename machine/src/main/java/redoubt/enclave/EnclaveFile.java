package redoubt.enclave;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import redoubt.machine.boot.BootException;
import redoubt.machine.boot.ElfFile;
import redoubt.sgx.Sigstruct;

/**
 * One enclave as a file describes it.
 *
 * @param format of the file
 * @param variant what tells it from others in the same file, as "metadata 2.4"; empty if there is nothing to tell
 * @param layout the pages; null for a SIGSTRUCT alone
 * @param sigstruct the signature; null if the file has none
 */
public record EnclaveFile(
        Format format,
        String variant,
        @Nullable EnclaveLayout layout,
        @Nullable Sigstruct sigstruct) {
    /** The formats known. */
    public enum Format {
        /** ELF with a {@code .note.sgxmeta} section, as Intel's SDK signs it. */
        SDK("Intel SGX SDK"),
        /** A stream of ECREATE, EADD and EEXTEND records, as Fortanix's tools write it; the signature is another file. */
        SGXS("SGXS"),
        /** ELF with an {@code .oeinfo} section. */
        OPEN_ENCLAVE("Open Enclave"),
        /** A SIGSTRUCT and nothing else. */
        SIGSTRUCT("SIGSTRUCT");

        private final String text;

        Format(String text) {
            this.text = text;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /**
     * Reads a file of any known format; most hold one enclave, those of Intel's SDK may describe it in several versions of
     * their metadata, the one a loader prefers first.
     *
     * @param name what to call the file in messages
     * @throws EnclaveFileException if it is none of the formats, or damaged
     */
    public static List<EnclaveFile> read(String name, byte[] bytes) {
        try {
            if (ElfFile.isElf(bytes)) {
                return elf(name, bytes);
            }
            if (startsWith(bytes, "ECREATE\0")) {
                return List.of(SgxsStream.read(name, bytes));
            }
            if (startsWith(bytes, "UNSIZED\0")) {
                throw new EnclaveFileException(name + ": an SGXS stream without the enclave's size; give it one first");
            }
            if (bytes.length == Sigstruct.SIZE) {
                return List.of(new EnclaveFile(Format.SIGSTRUCT, "", null, Sigstruct.of(bytes)));
            }
        } catch (BootException e) {
            throw new EnclaveFileException(String.valueOf(e.getMessage()));
        } catch (EnclaveFileException e) {
            String message = String.valueOf(e.getMessage());
            throw message.startsWith(name) ? e : new EnclaveFileException(name + ": " + message);
        }
        throw new EnclaveFileException(
                name + ": not an enclave file; an ELF file signed by Intel's SDK or Open Enclave, an"
                        + " SGXS stream, or a SIGSTRUCT of " + Sigstruct.SIZE + " bytes is needed");
    }

    private static List<EnclaveFile> elf(String name, byte[] bytes) {
        ElfFile elf = ElfFile.read(name, bytes);
        for (ElfFile.Section section : elf.sections()) {
            if (section.name().equals(SdkEnclave.SECTION)) {
                return SdkEnclave.read(name, bytes, elf, section);
            }
            if (section.name().equals(OpenEnclave.SECTION)) {
                return List.of(OpenEnclave.read(name, elf, section));
            }
        }
        throw new EnclaveFileException(name + ": an ELF file with neither a section " + SdkEnclave.SECTION + " nor "
                + OpenEnclave.SECTION + "; sign it with the SDK's tool first");
    }

    private static boolean startsWith(byte[] bytes, String tag) {
        byte[] wanted = tag.getBytes(StandardCharsets.ISO_8859_1);
        return bytes.length >= wanted.length && Arrays.equals(bytes, 0, wanted.length, wanted, 0, wanted.length);
    }
}
