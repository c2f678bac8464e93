package redoubt.sgx;

import static redoubt.sgx.Operands.RBX;
import static redoubt.sgx.Operands.RCX;
import static redoubt.sgx.Operands.RDX;
import static redoubt.sgx.Operands.aligned;
import static redoubt.sgx.Operands.linear;
import static redoubt.sgx.Operands.register;
import static redoubt.sgx.Operands.require;

import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;

/** ENCLU[EREPORT]: SDM vol. 3D chapter 38. Each operand is checked whole before the next one is looked at. */
final class Ereport {
    private Ereport() {}

    static void execute(SgxUnit u, Cpu c) {
        long targetInfoEa = register(c, RBX);
        long dataEa = register(c, RCX);
        long outputEa = register(c, RDX);
        aligned(c, targetInfoEa, 512);
        long targetInfoLinear = linear(c, targetInfoEa, TargetInfo.SIZE);
        require(c, u.inElrange(targetInfoLinear));
        byte[] target = Host.bytes(u.operand(c, targetInfoLinear, EnclaveUnit.READ, TargetInfo.SIZE), TargetInfo.SIZE);
        require(c, TargetInfo.reservedIsZero(target));
        aligned(c, dataEa, 128);
        long dataLinear = linear(c, dataEa, Report.DATA_SIZE);
        require(c, u.inElrange(dataLinear));
        byte[] data = Host.bytes(u.operand(c, dataLinear, EnclaveUnit.READ, Report.DATA_SIZE), Report.DATA_SIZE);
        aligned(c, outputEa, 512);
        long outputLinear = linear(c, outputEa, Report.SIZE);
        require(c, u.inElrange(outputLinear));
        long output = u.operand(c, outputLinear, EnclaveUnit.WRITE, Report.SIZE);

        SgxPackage platform = u.platform;
        long secs = u.secsHost;
        byte[] report = new byte[Report.SIZE];
        put(report, Report.CPUSVN, platform.cpuSvn());
        Bytes.put32(report, Report.MISCSELECT, Host.get32(secs + Secs.MISCSELECT));
        put(report, Report.ISVEXTPRODID, Host.bytes(secs + Secs.ISVEXTPRODID, 16));
        put(report, Report.ATTRIBUTES, Host.bytes(secs + Secs.ATTRIBUTES, 16));
        put(report, Report.MRENCLAVE, Host.bytes(secs + Secs.MRENCLAVE, 32));
        put(report, Report.MRSIGNER, Host.bytes(secs + Secs.MRSIGNER, 32));
        put(report, Report.CONFIGID, Host.bytes(secs + Secs.CONFIGID, 64));
        Bytes.put16(report, Report.ISVPRODID, Host.get16(secs + Secs.ISVPRODID));
        Bytes.put16(report, Report.ISVSVN, Host.get16(secs + Secs.ISVSVN));
        Bytes.put16(report, Report.CONFIGSVN, Host.get16(secs + Secs.CONFIGSVN));
        put(report, Report.ISVFAMILYID, Host.bytes(secs + Secs.ISVFAMILYID, 16));
        put(report, Report.REPORTDATA, data);
        put(report, Report.KEYID, platform.reportKeyId);
        byte[] key = reportKey(
                platform,
                Bytes.slice(target, TargetInfo.ATTRIBUTES, 16),
                Bytes.slice(target, TargetInfo.MEASUREMENT, 32),
                Bytes.get32(target, TargetInfo.MISCSELECT),
                Bytes.slice(target, TargetInfo.CONFIGID, 64),
                Bytes.get16(target, TargetInfo.CONFIGSVN),
                platform.reportKeyId);
        put(report, Report.MAC, Cmac.mac(key, report, Report.MACED));
        Host.put(output, report);
        SgxUnit.contentChanged(c, output & -4096);
    }

    private static void put(byte[] report, int offset, byte[] value) {
        System.arraycopy(value, 0, report, offset, value.length);
    }

    /** The report key of an enclave with this identity. */
    static byte[] reportKey(
            SgxPackage platform,
            byte[] attributes,
            byte[] mrenclave,
            int miscselect,
            byte[] configId,
            int configSvn,
            byte[] keyId) {
        return platform.key(new KeyDependencies(KeyRequest.REPORT_KEY, platform)
                .ownerEpoch(platform.ownerEpoch())
                .attributes(attributes)
                .mrenclave(mrenclave)
                .keyId(keyId)
                .sealFuses(platform.sealFuses())
                .cpuSvn(platform.cpuSvn())
                .misc(miscselect, 0)
                .config(configId, configSvn));
    }
}
