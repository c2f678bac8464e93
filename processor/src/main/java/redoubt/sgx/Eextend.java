package redoubt.sgx;

import static redoubt.sgx.Operands.RBX;
import static redoubt.sgx.Operands.RCX;
import static redoubt.sgx.Operands.aligned;
import static redoubt.sgx.Operands.epcFault;
import static redoubt.sgx.Operands.epcPage;
import static redoubt.sgx.Operands.linear;
import static redoubt.sgx.Operands.register;
import static redoubt.sgx.Operands.require;

import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;

/** ENCLS[EEXTEND]: SDM vol. 3D chapter 38. */
final class Eextend {
    private Eextend() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long secsEa = register(c, RBX);
        aligned(c, secsEa, 4096);
        int secsPage = epcPage(c, linear(c, secsEa, 4096), EnclaveUnit.WRITE);
        long chunk = register(c, RCX);
        aligned(c, chunk, Measurement.CHUNK);
        long chunkLinear = linear(c, chunk, Measurement.CHUNK);
        int page = epcPage(c, chunkLinear, EnclaveUnit.READ);
        if (!epc.is(page, PageType.REG) && !epc.is(page, PageType.TCS)) {
            throw epcFault(c, chunkLinear, EnclaveUnit.READ);
        }
        require(c, epc.secs(page) == secsPage);
        long secs = epc.host(secsPage);
        require(c, !Secs.initialized(secs));
        long offset = epc.address(page) - Host.get64(secs + Secs.BASEADDR) + (chunkLinear & 4095);
        byte[] data = Host.bytes(epc.host(page) + (chunkLinear & 4095), Measurement.CHUNK);
        Measurement.load(secs).eextend(offset, data, 0).store(secs);
    }
}
