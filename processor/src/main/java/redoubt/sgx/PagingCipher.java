package redoubt.sgx;

import java.security.GeneralSecurityException;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/** AES-128-GCM of evicted pages; the initialization vector is the version, shifted left by 32: SDM vol. 3D, EWB. */
final class PagingCipher {
    private PagingCipher() {}

    private static Cipher cipher(int mode, byte[] key, long version, byte[] header) throws GeneralSecurityException {
        byte[] iv = new byte[12];
        Bytes.put64(iv, 4, version);
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(mode, new SecretKeySpec(key, "AES"), new GCMParameterSpec(128, iv));
        cipher.updateAAD(header);
        return cipher;
    }

    /** Ciphertext followed by the 16-byte tag. */
    static byte[] seal(byte[] key, long version, byte[] header, byte[] page) {
        try {
            return cipher(Cipher.ENCRYPT_MODE, key, version, header).doFinal(page);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("AES-GCM is not usable on this Java platform", e);
        }
    }

    /** The page, or null when the tag does not match. */
    static byte @Nullable [] open(byte[] key, long version, byte[] header, byte[] sealed) {
        try {
            return cipher(Cipher.DECRYPT_MODE, key, version, header).doFinal(sealed);
        } catch (AEADBadTagException e) {
            return null;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("AES-GCM is not usable on this Java platform", e);
        }
    }
}
