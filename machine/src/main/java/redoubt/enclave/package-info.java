/**
 * Enclave files: from what a signing tool wrote to the pages that ECREATE, EADD, EEXTEND and EINIT want, and to the
 * MRENCLAVE they give. Knows Intel's SDK format, SGXS streams, Open Enclave's and a SIGSTRUCT alone. Start at
 * {@link redoubt.enclave.EnclaveFile}.
 *
 * <p>Must not know: processors, guests, the command line. The measurement itself is {@link redoubt.sgx.Measurement}.
 */
@NullMarked
package redoubt.enclave;

import org.jspecify.annotations.NullMarked;
