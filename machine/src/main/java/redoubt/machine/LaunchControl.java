package redoubt.machine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import redoubt.cpu.CpuModel;
import redoubt.cpu.Msrs;
import redoubt.hypervisor.Vcpu;
import redoubt.x86.Feature;

/**
 * Who may launch enclaves, as firmware leaves it: the hash of the launch key in IA32_SGXLEPUBKEYHASH0 to 3, and
 * IA32_FEATURE_CONTROL, which it locks. Source: SDM vol. 3D sections 34.7.1 and 35.1.4; what Linux makes of it is in
 * {@code arch/x86/kernel/cpu/feat_ctl.c}.
 *
 * @param hash the four registers; none for what the processor comes with, the hash of Intel's key
 * @param locked whether the operating system finds the hash read-only
 */
public record LaunchControl(List<Long> hash, boolean locked) {
    /** The operating system chooses the launch key, as on the platforms that are sold today. */
    public static final LaunchControl UNLOCKED = new LaunchControl(List.of(), false);

    /** Bytes of a hash. */
    public static final int HASH_BYTES = 32;

    public LaunchControl {
        hash = List.copyOf(hash);
    }

    /**
     * With the SHA-256 of the launch key's modulus in the registers.
     *
     * @throws IllegalArgumentException unless it has 32 bytes
     */
    public static LaunchControl ofHash(byte[] sha256, boolean locked) {
        if (sha256.length != HASH_BYTES) {
            throw new IllegalArgumentException("a launch key's hash of " + sha256.length + " bytes: it has 32");
        }
        ByteBuffer words = ByteBuffer.wrap(sha256).order(ByteOrder.LITTLE_ENDIAN);
        List<Long> registers = new ArrayList<>();
        while (words.hasRemaining()) {
            registers.add(words.getLong());
        }
        return new LaunchControl(registers, locked);
    }

    /** Sets a processor's registers as firmware does before it starts the operating system. */
    public void leaveIn(Vcpu vcpu) {
        CpuModel model = vcpu.cpu().model;
        boolean flexible = model.has(Feature.SGX_LC) && model.has(Feature.SGX1);
        if (flexible) {
            for (int i = 0; i < hash.size(); i++) {
                vcpu.msr(Msrs.SGX_LE_PUBKEY_HASH0 + i, hash.get(i));
            }
        }
        vcpu.msr(
                Msrs.FEATURE_CONTROL,
                Msrs.LOCK
                        | (model.has(Feature.VMX) ? Msrs.VMX_ENABLE : 0)
                        | (model.has(Feature.SGX) ? Msrs.SGX_ENABLE : 0)
                        | (flexible && !locked ? Msrs.SGX_LC_ENABLE : 0));
    }
}
