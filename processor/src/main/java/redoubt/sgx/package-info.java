/**
 * The package's SGX: EPC and EPCM, keys, and one {@link redoubt.sgx.SgxUnit} per logical processor with the leaf functions.
 */
@NullMarked
package redoubt.sgx;

import org.jspecify.annotations.NullMarked;
