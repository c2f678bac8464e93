/**
 * Benchmarks: what {@code ./redoubt bench} runs. Each measures Redoubt beside a peer (QEMU, the JDK's own cryptography) in the
 * same minutes on the same machine, since absolute times say little on a shared one. Runs from the class path, above all
 * other rooms; nothing depends on it. Start reading at {@link redoubt.bench.Main} and {@link redoubt.bench.Report}.
 */
@NullMarked
package redoubt.bench;

import org.jspecify.annotations.NullMarked;
