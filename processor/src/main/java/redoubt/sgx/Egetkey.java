package redoubt.sgx;

import static redoubt.sgx.Operands.RBX;
import static redoubt.sgx.Operands.RCX;
import static redoubt.sgx.Operands.aligned;
import static redoubt.sgx.Operands.linear;
import static redoubt.sgx.Operands.register;
import static redoubt.sgx.Operands.require;

import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;

/** ENCLU[EGETKEY]: SDM vol. 3D chapter 38. */
final class Egetkey {
    private static final int KEY_SIZE = 16;

    private Egetkey() {}

    static void execute(SgxUnit u, Cpu c) {
        long requestEa = register(c, RBX);
        long outputEa = register(c, RCX);
        aligned(c, requestEa, 512);
        long requestLinear = linear(c, requestEa, KeyRequest.SIZE);
        require(c, u.inElrange(requestLinear));
        byte[] request = Host.bytes(u.operand(c, requestLinear, EnclaveUnit.READ, KeyRequest.SIZE), KeyRequest.SIZE);
        aligned(c, outputEa, KEY_SIZE);
        long outputLinear = linear(c, outputEa, KEY_SIZE);
        require(c, u.inElrange(outputLinear));
        long output = u.operand(c, outputLinear, EnclaveUnit.WRITE, KEY_SIZE);
        require(c, KeyRequest.reservedIsZero(request));
        int policy = Bytes.get16(request, KeyRequest.KEYPOLICY);
        require(c, (policy & ~0x3F) == 0);
        boolean kss = (Host.get64(u.secsHost + Secs.ATTRIBUTES) & Attributes.KSS) != 0;
        require(c, kss || (policy & KeyRequest.POLICY_KSS) == 0 && Bytes.get16(request, KeyRequest.CONFIGSVN) == 0);
        int code = check(u, request);
        if (code == ErrorCode.SUCCESS) {
            Host.put(output, u.platform.key(dependencies(u, request)));
            SgxUnit.contentChanged(c, output & -4096);
        }
        SgxUnit.result(c, code);
    }

    private static int check(SgxUnit u, byte[] request) {
        int name = Bytes.get16(request, KeyRequest.KEYNAME);
        long attributes = Host.get64(u.secsHost + Secs.ATTRIBUTES);
        if (name > KeyRequest.SEAL_KEY) {
            return ErrorCode.INVALID_KEYNAME;
        }
        if (name == KeyRequest.REPORT_KEY) {
            return ErrorCode.SUCCESS;
        }
        long permission = name == KeyRequest.SEAL_KEY
                ? 0
                : name == KeyRequest.EINITTOKEN_KEY ? Attributes.EINITTOKENKEY : Attributes.PROVISIONKEY;
        if ((attributes & permission) != permission) {
            return ErrorCode.INVALID_ATTRIBUTE;
        }
        if (!u.platform.cpuSvnReached(Bytes.slice(request, KeyRequest.CPUSVN, 16))) {
            return ErrorCode.INVALID_CPUSVN;
        }
        if (Bytes.get16(request, KeyRequest.ISVSVN) > Host.get16(u.secsHost + Secs.ISVSVN)
                || name == KeyRequest.SEAL_KEY
                        && Bytes.get16(request, KeyRequest.CONFIGSVN) > Host.get16(u.secsHost + Secs.CONFIGSVN)) {
            return ErrorCode.INVALID_ISVSVN;
        }
        return ErrorCode.SUCCESS;
    }

    /** The table of KEYDEPENDENCIES in the page of EGETKEY, by key name. */
    private static KeyDependencies dependencies(SgxUnit u, byte[] request) {
        SgxPackage platform = u.platform;
        long secs = u.secsHost;
        int name = Bytes.get16(request, KeyRequest.KEYNAME);
        int policy = Bytes.get16(request, KeyRequest.KEYPOLICY);
        byte[] attributes = Host.bytes(secs + Secs.ATTRIBUTES, 16);
        byte[] configId = Host.bytes(secs + Secs.CONFIGID, 64);
        byte[] mrenclave = Host.bytes(secs + Secs.MRENCLAVE, 32);
        byte[] mrsigner = Host.bytes(secs + Secs.MRSIGNER, 32);
        byte[] keyId = Bytes.slice(request, KeyRequest.KEYID, 32);
        int misc = Host.get32(secs + Secs.MISCSELECT);
        if (name == KeyRequest.REPORT_KEY) {
            return new KeyDependencies(name, platform)
                    .ownerEpoch(platform.ownerEpoch())
                    .attributes(attributes)
                    .mrenclave(mrenclave)
                    .keyId(keyId)
                    .sealFuses(platform.sealFuses())
                    .cpuSvn(platform.cpuSvn())
                    .misc(misc, 0)
                    .config(configId, Host.get16(secs + Secs.CONFIGSVN));
        }
        byte[] mask = Bytes.slice(request, KeyRequest.ATTRIBUTEMASK, 16);
        byte[] masked = new byte[16];
        for (int i = 0; i < 16; i++) {
            int always = i == 0 ? (int) (Attributes.INIT | Attributes.DEBUG) : 0;
            masked[i] = (byte) (attributes[i] & (mask[i] | always));
        }
        int miscMask = Bytes.get32(request, KeyRequest.MISCMASK);
        KeyDependencies d = new KeyDependencies(name, platform)
                .attributes(masked)
                .isvSvn(Bytes.get16(request, KeyRequest.ISVSVN))
                .cpuSvn(Bytes.slice(request, KeyRequest.CPUSVN, 16))
                .misc(misc & miscMask, name == KeyRequest.EINITTOKEN_KEY ? 0 : ~miscMask);
        boolean policed = name == KeyRequest.SEAL_KEY || name == KeyRequest.PROVISION_SEAL_KEY;
        if (!policed || (policy & KeyRequest.POLICY_NOISVPRODID) == 0) {
            d.isvProdId(Host.get16(secs + Secs.ISVPRODID));
        }
        if (policed) {
            d.keyPolicy(policy);
            if ((policy & KeyRequest.POLICY_ISVFAMILYID) != 0) {
                d.isvFamilyId(Host.bytes(secs + Secs.ISVFAMILYID, 16));
            }
            if ((policy & KeyRequest.POLICY_ISVEXTPRODID) != 0) {
                d.isvExtProdId(Host.bytes(secs + Secs.ISVEXTPRODID, 16));
            }
            if ((policy & KeyRequest.POLICY_CONFIGID) != 0) {
                d.config(configId, Bytes.get16(request, KeyRequest.CONFIGSVN));
            }
        }
        if (name != KeyRequest.EINITTOKEN_KEY) {
            d.attributeMask(mask);
        }
        if (name == KeyRequest.SEAL_KEY) {
            if ((policy & KeyRequest.POLICY_MRENCLAVE) != 0) {
                d.mrenclave(mrenclave);
            }
            if ((policy & KeyRequest.POLICY_MRSIGNER) != 0) {
                d.mrsigner(mrsigner);
            }
        } else {
            d.mrsigner(mrsigner);
        }
        if (name == KeyRequest.SEAL_KEY || name == KeyRequest.EINITTOKEN_KEY) {
            d.ownerEpoch(platform.ownerEpoch()).keyId(keyId);
        }
        if (name != KeyRequest.PROVISION_KEY) {
            d.sealFuses(platform.sealFuses());
        }
        return d;
    }
}
