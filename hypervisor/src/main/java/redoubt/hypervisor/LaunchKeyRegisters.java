package redoubt.hypervisor;

import org.jspecify.annotations.Nullable;
import redoubt.cpu.Cpu;
import redoubt.cpu.Msrs;
import redoubt.sgx.ErrorCode;
import redoubt.sgx.SgxUnit;

/**
 * The launch-key hash registers of a logical processor as the host uses them: written before an EINIT when they do not hold
 * what it needs. The host remembers what it wrote; that memory may be wrong after the processor has lost its state, which
 * shows as a refused launch: then they are written again, and the leaf is executed once more. Source: patches 13 and 14 of
 * the series; mainline's {@code sgx_update_lepubkeyhash} writes all four each time, with the same outcome.
 */
final class LaunchKeyRegisters {
    private static final int EINIT = 2;

    private long @Nullable [] written;
    private long retries;

    /** How often an EINIT was executed a second time. */
    long retries() {
        return retries;
    }

    /** Executes the EINIT that the processor's registers describe, with {@code hash} in force; returns the leaf's code. */
    int einit(Cpu c, SgxUnit unit, long[] hash) {
        write(c, hash);
        unit.enclsUnintercepted(c);
        if ((int) c.r[0] == ErrorCode.INVALID_EINITTOKEN) {
            retries++;
            written = null;
            write(c, hash);
            c.r[0] = EINIT;
            unit.enclsUnintercepted(c);
        }
        return (int) c.r[0];
    }

    private void write(Cpu c, long[] hash) {
        long[] before = written;
        for (int i = 0; i < hash.length; i++) {
            if (before == null || before[i] != hash[i]) {
                c.msrs.set(Msrs.SGX_LE_PUBKEY_HASH0 + i, hash[i]);
            }
        }
        written = hash;
    }
}
