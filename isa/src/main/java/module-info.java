/** The x86-64 instruction set as data: table, decoder, disassembly, and the generator of the interpreter's handlers. */
module redoubt.isa {
    requires static org.jspecify;

    exports redoubt.x86;
}
