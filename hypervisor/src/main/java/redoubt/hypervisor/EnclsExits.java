package redoubt.hypervisor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;
import redoubt.cpu.GuestFault;
import redoubt.cpu.Mem;
import redoubt.cpu.UnimplementedException;
import redoubt.memory.PhysicalMemory.Region;
import redoubt.sgx.Attributes;
import redoubt.sgx.EnclsIntercept;
import redoubt.sgx.Secs;
import redoubt.sgx.SgxCapabilities;
import redoubt.sgx.SgxUnit;
import redoubt.sgx.Sigstruct;

/**
 * What the hypervisor does at an ENCLS exit (VM exit reason 60): a leaf that the guest has not been told of, or uses before
 * its firmware has enabled SGX, faults; ECREATE is held against the guest's CPUID; EINIT runs with the guest's own launch
 * key. Source: {@code arch/x86/kvm/vmx/sgx.c}, where a leaf unknown to a guest with SGX1 is #GP(0) since 6.5, as on a
 * processor without it, and was #UD before.
 */
final class EnclsExits implements EnclsIntercept {
    private static final int RCX = 1;
    private static final int RDX = 2;
    private static final int RBX = 3;

    private static final int TOKEN_BYTES = 304;

    private static final int PF = 14;
    /** Present, write, SGX. */
    private static final int EPCM_FAULT = 0x8003;

    private final Vcpu vcpu;
    private final Vm vm;
    private final HostSgx host;
    private final SgxUnit unit;
    private final GuestSgx guest;
    private final LaunchControlMsrs launchControl;
    private final LaunchKeyRegisters launchKey = new LaunchKeyRegisters();

    private long bitmap;
    private boolean bitmapEnabled;
    private boolean bitmapProvisioning;

    EnclsExits(Vcpu vcpu, Vm vm, HostSgx host, SgxUnit unit, GuestSgx guest, LaunchControlMsrs launchControl) {
        this.vcpu = vcpu;
        this.vm = vm;
        this.host = host;
        this.unit = unit;
        this.guest = guest;
        this.launchControl = launchControl;
        writeBitmap();
    }

    LaunchKeyRegisters launchKey() {
        return launchKey;
    }

    /** The bitmap in force, written anew when something that it depends on has changed. */
    long bitmap() {
        if (bitmapEnabled != launchControl.sgxEnabled() || bitmapProvisioning != vm.mayUseProvisionKey()) {
            writeBitmap();
        }
        return bitmap;
    }

    private void writeBitmap() {
        bitmapEnabled = launchControl.sgxEnabled();
        bitmapProvisioning = vm.mayUseProvisionKey();
        bitmap = EnclsBitmap.of(
                guest, host.platform().capabilities(), bitmapEnabled, bitmapProvisioning, host.hasLaunchControl());
    }

    @Override
    public boolean intercept(Cpu c, int leaf) {
        if (!EnclsBitmap.exits(bitmap(), leaf)) {
            return false;
        }
        vcpu.exited(ExitInformation.ENCLS);
        if (!guest.sgx1()) {
            throw c.invalidOpcode();
        }
        require(c, guest.enumerates(leaf) && launchControl.sgxEnabled() && (c.cr0 & 0x8000_0000L) != 0);
        switch (leaf) {
            case EnclsBitmap.ECREATE -> ecreate(c);
            case EnclsBitmap.EINIT -> einit(c);
            default -> throw new UnimplementedException("unexpected exit for ENCLS leaf " + leaf);
        }
        return true;
    }

    private void ecreate(Cpu c) {
        long pageInfo = operand(c, c.r[RBX], 32);
        long secs = operand(c, c.r[RCX], 4096);
        slot(c, pageInfo, EnclaveUnit.READ, 32);
        long contents = operand(c, Mem.ld64(c, pageInfo + 8), 4096);
        long metadata = operand(c, Mem.ld64(c, pageInfo + 16), 64);
        slot(c, metadata, EnclaveUnit.READ, 64);
        slot(c, contents, EnclaveUnit.READ, 4096);
        slot(c, secs, EnclaveUnit.WRITE, 4096);

        // a copy: what is checked is what the leaf is executed with
        ByteBuffer copy = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < copy.capacity(); i += 8) {
            copy.putLong(i, Mem.ld64(c, contents + i));
        }
        long attributes = copy.getLong(Secs.ATTRIBUTES);
        require(c, vm.mayUseProvisionKey() || (attributes & Attributes.PROVISIONKEY) == 0);
        require(c, (copy.getInt(Secs.MISCSELECT) & ~guest.leaf12().miscselect()) == 0);
        require(c, (attributes & ~guest.leaf12().attributes()) == 0);
        require(c, (copy.getLong(Secs.XFRM) & ~guest.leaf12().xfrm()) == 0);
        int log2MaxSize = guest.log2MaxSize((attributes & Attributes.MODE64BIT) != 0);
        require(c, copy.getLong(Secs.SIZE) >>> Math.min(log2MaxSize, 63) == 0);
        try {
            unit.ecreate(c, copy.array());
        } catch (GuestFault fault) {
            throw injected(c, fault.vector, secs);
        }
    }

    private void einit(Cpu c) {
        long sigstruct = operand(c, c.r[RBX], 4096);
        long secs = operand(c, c.r[RCX], 4096);
        long token = operand(c, c.r[RDX], 512);
        slot(c, sigstruct, EnclaveUnit.READ, Sigstruct.SIZE);
        slot(c, secs, EnclaveUnit.WRITE, 4096);
        slot(c, token, EnclaveUnit.READ, TOKEN_BYTES);
        try {
            launchKey.einit(c, unit, launchControl.hash());
        } catch (GuestFault fault) {
            throw injected(c, fault.vector, secs);
        }
    }

    /** Linear address of an operand; #GP(0) if it is not aligned or not canonical ({@code sgx_get_encls_gva}). */
    private static long operand(Cpu c, long effective, int alignment) {
        long linear = c.codeMode == 64 ? effective : effective + c.segmentBase[3] & 0xFFFF_FFFFL;
        require(c, (linear & alignment - 1) == 0 && linear << 16 >> 16 == linear);
        return linear;
    }

    /**
     * Walks the guest's page tables, with #PF as the guest's own access would raise it ({@code sgx_gva_to_gpa}). What is no
     * memory slot ends the run, as KVM_INTERNAL_ERROR_EMULATION does.
     */
    private static void slot(Cpu c, long linear, int access, int bytes) {
        long physical = c.mmu.translate(linear, access);
        Region region = c.memory.find(physical);
        if (region == null || region.ram() == null && region.epc() == null) {
            throw new UnimplementedException(
                    String.format("ENCLS operand without memory: 0x%x, %d bytes", physical, bytes));
        }
    }

    /** What the guest gets for a fault of the leaf on the host ({@code sgx_inject_fault}). */
    private GuestFault injected(Cpu c, int vector, long secs) {
        boolean hostSgx2 = (host.platform().capabilities().features() & SgxCapabilities.SGX2) != 0;
        if (vector == PF && !hostSgx2) {
            throw new UnimplementedException("#PF of an ENCLS leaf on a host without SGX2");
        }
        return (vector == PF || !hostSgx2) && guest.sgx2() ? c.pageFault(secs, EPCM_FAULT) : c.generalProtection(0);
    }

    private static void require(Cpu c, boolean condition) {
        if (!condition) {
            throw c.generalProtection(0);
        }
    }
}
