package redoubt.sgx;

import static redoubt.sgx.Operands.RBX;
import static redoubt.sgx.Operands.RCX;
import static redoubt.sgx.Operands.aligned;
import static redoubt.sgx.Operands.linear;
import static redoubt.sgx.Operands.register;

import redoubt.cpu.Cpu;
import redoubt.cpu.EnclaveUnit;

/**
 * ENCLS[ERDINFO]: SDM vol. 3D chapter 38. Without the "enable EPC virtualization extensions" control, which this processor
 * has not, SECS pages tell their two counts apart.
 */
final class Erdinfo {
    // RDINFO: SDM vol. 3D table 35-24
    private static final int SIZE = 32;
    private static final int FILLED = 24;
    private static final int STATUS = 0;
    private static final int FLAGS = 8;
    private static final int ENCLAVECONTEXT = 16;

    private static final long CHILDPRESENT = 1;
    private static final long VIRTCHILDPRESENT = 2;
    private static final long BLOCKED = 1L << 63;

    private Erdinfo() {}

    static void execute(SgxUnit u, Cpu c) {
        Epc epc = u.epc;
        long infoEa = register(c, RBX);
        long target = register(c, RCX);
        aligned(c, infoEa, SIZE);
        aligned(c, target, 4096);
        int page = Operands.epcPageOrNone(c, linear(c, target, 4096), EnclaveUnit.READ);
        if (page < 0) {
            SgxUnit.resultCarry(c, ErrorCode.PG_NONEPC);
            return;
        }
        if (!epc.valid(page)) {
            SgxUnit.resultCarry(c, ErrorCode.PG_INVLD);
            return;
        }
        byte[] info = new byte[FILLED];
        Bytes.put64(info, FLAGS, epc.secinfoFlags(page) | (epc.blocked(page) ? BLOCKED : 0));
        int type = epc.type(page);
        if (type != PageType.VA) {
            long secs = epc.host(epc.secs(page));
            Bytes.put64(info, ENCLAVECONTEXT, Host.get64(secs + Secs.CONTEXT));
            if (type == PageType.SECS) {
                long children = Host.get64(secs + Secs.CHILDREN) != 0 ? CHILDPRESENT : 0;
                long virtual = Host.get64(secs + Secs.VIRTUAL_CHILDREN) != 0 ? VIRTCHILDPRESENT : 0;
                Bytes.put64(info, STATUS, children | virtual);
            }
        }
        Operands.write(c, linear(c, infoEa, SIZE), info);
        SgxUnit.result(c, ErrorCode.SUCCESS);
    }
}
