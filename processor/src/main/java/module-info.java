/** A software x86-64 processor package with SGX. */
module redoubt.processor {
    requires transitive redoubt.isa;
    requires static org.jspecify;
    requires org.bouncycastle.provider;

    exports redoubt.memory;
    exports redoubt.cpu;
    exports redoubt.sgx;
}
