package redoubt.sgx;

import org.bouncycastle.crypto.engines.AESEngine;
import org.bouncycastle.crypto.macs.CMac;
import org.bouncycastle.crypto.params.KeyParameter;

/** AES-128-CMAC: NIST SP 800-38B. */
final class Cmac {
    private Cmac() {}

    static byte[] mac(byte[] key, byte[] data, int length) {
        CMac cmac = new CMac(AESEngine.newInstance());
        cmac.init(new KeyParameter(key));
        cmac.update(data, 0, length);
        byte[] out = new byte[16];
        cmac.doFinal(out, 0);
        return out;
    }
}
