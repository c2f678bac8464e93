package redoubt.sgx;

import static redoubt.sgx.Operands.RBX;
import static redoubt.sgx.Operands.RCX;
import static redoubt.sgx.Operands.RDX;
import static redoubt.sgx.Operands.aligned;
import static redoubt.sgx.Operands.epcFault;
import static redoubt.sgx.Operands.epcPage;
import static redoubt.sgx.Operands.linear;
import static redoubt.sgx.Operands.register;
import static redoubt.sgx.Operands.require;

import java.security.MessageDigest;
import java.util.Arrays;
import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;
import redoubt.cpu.Flags;

/** ENCLS[EINIT]: SDM vol. 3D chapter 38. */
final class Einit {
    private Einit() {}

    static void execute(SgxUnit u, Cpu c) {
        long sigstructEa = register(c, RBX);
        long secsEa = register(c, RCX);
        long tokenEa = register(c, RDX);
        aligned(c, sigstructEa, 4096);
        aligned(c, secsEa, 4096);
        aligned(c, tokenEa, EinitToken.ALIGNMENT);
        long secsLinear = linear(c, secsEa, 4096);
        int secsPage = epcPage(c, secsLinear, EnclaveUnit.WRITE);
        byte[] sigstruct = Operands.read(c, linear(c, sigstructEa, Sigstruct.SIZE), Sigstruct.SIZE);
        byte[] token = Operands.read(c, linear(c, tokenEa, EinitToken.SIZE), EinitToken.SIZE);
        SgxUnit.result(c, code(u, c, secsLinear, secsPage, sigstruct, token));
    }

    private static int code(SgxUnit u, Cpu c, long secsLinear, int secsPage, byte[] sigstruct, byte[] token) {
        if (!SigstructVerifier.wellFormed(sigstruct)) {
            return ErrorCode.INVALID_SIG_STRUCT;
        }
        if ((c.flags & Flags.IF) != 0 && c.apic.pending() || c.nmiPending && !c.nmiBlocked) {
            return ErrorCode.UNMASKED_EVENT;
        }
        if (!SigstructVerifier.signatureValid(sigstruct)) {
            return ErrorCode.INVALID_SIGNATURE;
        }
        if (!u.epc.is(secsPage, PageType.SECS)) {
            throw epcFault(c, secsLinear, EnclaveUnit.WRITE);
        }
        long secs = u.epc.host(secsPage);
        long attributes = Host.get64(secs + Secs.ATTRIBUTES);
        if ((attributes & Attributes.KSS) == 0 && !Bytes.isZero(sigstruct, Sigstruct.ISVFAMILYID, 16)) {
            return ErrorCode.INVALID_SIG_STRUCT;
        }
        require(c, !Secs.initialized(secs));
        byte[] measurement = Measurement.load(secs).digest();
        if (!Arrays.equals(measurement, SigstructVerifier.enclaveHash(sigstruct))) {
            return ErrorCode.INVALID_MEASUREMENT;
        }
        byte[] signer = SigstructVerifier.mrsigner(sigstruct);
        boolean launchSigner = Arrays.equals(signer, SgxUnit.launchKeyHash(c));
        if ((attributes & Attributes.EINITTOKENKEY) != 0 && !launchSigner) {
            return ErrorCode.INVALID_ATTRIBUTE;
        }
        for (int i = 0; i < 16; i += 8) {
            long differing = Host.get64(secs + Secs.ATTRIBUTES + i) ^ Bytes.get64(sigstruct, Sigstruct.ATTRIBUTES + i);
            if ((differing & Bytes.get64(sigstruct, Sigstruct.ATTRIBUTEMASK + i)) != 0) {
                return ErrorCode.INVALID_ATTRIBUTE;
            }
        }
        int misc = Host.get32(secs + Secs.MISCSELECT) ^ Bytes.get32(sigstruct, Sigstruct.MISCSELECT);
        if ((misc & Bytes.get32(sigstruct, Sigstruct.MISCMASK)) != 0) {
            return ErrorCode.INVALID_ATTRIBUTE;
        }
        if ((token[EinitToken.VALID] & 1) == 0) {
            if (!launchSigner) {
                return ErrorCode.INVALID_EINITTOKEN;
            }
        } else {
            int refusal = tokenCode(u.platform, c, secs, measurement, signer, token);
            if (refusal != 0) {
                return refusal;
            }
        }
        Host.put(secs + Secs.MRENCLAVE, measurement);
        Host.put(secs + Secs.MRSIGNER, signer);
        Host.put(secs + Secs.ISVEXTPRODID, Bytes.slice(sigstruct, Sigstruct.ISVEXTPRODID, 16));
        Host.put(secs + Secs.ISVFAMILYID, Bytes.slice(sigstruct, Sigstruct.ISVFAMILYID, 16));
        Host.put16(secs + Secs.ISVPRODID, Bytes.get16(sigstruct, Sigstruct.ISVPRODID));
        Host.put16(secs + Secs.ISVSVN, Bytes.get16(sigstruct, Sigstruct.ISVSVN));
        Host.put64(secs + Secs.ATTRIBUTES, attributes | Attributes.INIT);
        return ErrorCode.SUCCESS;
    }

    private static int tokenCode(
            SgxPackage platform, Cpu c, long secs, byte[] measurement, byte[] signer, byte[] token) {
        long attributes = Host.get64(secs + Secs.ATTRIBUTES);
        if ((Bytes.get64(token, EinitToken.MASKEDATTRIBUTESLE) & Attributes.DEBUG) != 0
                && (attributes & Attributes.DEBUG) == 0) {
            return ErrorCode.INVALID_EINITTOKEN;
        }
        if (!EinitToken.reservedIsZero(token)) {
            return ErrorCode.INVALID_EINITTOKEN;
        }
        byte[] cpuSvn = Bytes.slice(token, EinitToken.CPUSVNLE, 16);
        if (!platform.cpuSvnReached(cpuSvn)) {
            return ErrorCode.INVALID_CPUSVN;
        }
        byte[] key = platform.key(new KeyDependencies(KeyRequest.EINITTOKEN_KEY, platform)
                .isvProdId(Bytes.get16(token, EinitToken.ISVPRODIDLE))
                .isvSvn(Bytes.get16(token, EinitToken.ISVSVNLE))
                .ownerEpoch(platform.ownerEpoch())
                .attributes(Bytes.slice(token, EinitToken.MASKEDATTRIBUTESLE, 16))
                .mrsigner(SgxUnit.launchKeyHash(c))
                .keyId(Bytes.slice(token, EinitToken.KEYID, 32))
                .sealFuses(platform.sealFuses())
                .cpuSvn(cpuSvn)
                .misc(Bytes.get32(token, EinitToken.MASKEDMISCSELECTLE), 0));
        if (!MessageDigest.isEqual(Cmac.mac(key, token, EinitToken.MACED), Bytes.slice(token, EinitToken.MAC, 16))) {
            return ErrorCode.INVALID_EINITTOKEN;
        }
        if (!Arrays.equals(measurement, Bytes.slice(token, EinitToken.MRENCLAVE, 32))
                || !Arrays.equals(signer, Bytes.slice(token, EinitToken.MRSIGNER, 32))) {
            return ErrorCode.INVALID_MEASUREMENT;
        }
        if (!Arrays.equals(Host.bytes(secs + Secs.ATTRIBUTES, 16), Bytes.slice(token, EinitToken.ATTRIBUTES, 16))) {
            return ErrorCode.INVALID_ATTRIBUTE;
        }
        return ErrorCode.SUCCESS;
    }
}
