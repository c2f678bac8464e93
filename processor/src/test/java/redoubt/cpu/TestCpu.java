package redoubt.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumSet;
import java.util.Set;
import redoubt.memory.PhysicalMemory;
import redoubt.x86.Feature;

/** A processor in 64-bit mode over 16 MiB of identity-mapped RAM, for tests: code bytes in, state out. */
public final class TestCpu implements AutoCloseable {
    /** Where {@link #run} puts the code. */
    public static final long CODE = 0x10_0000;

    /** Free for data. */
    public static final long DATA = 0x20_0000;

    private static final long RAM_BYTES = 16 << 20;
    private static final long TABLES = 0x1000;

    public final Cpu cpu;
    public final Engine engine;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment ram = arena.allocate(RAM_BYTES, 4096);

    private static CpuModel withoutSgx() {
        Set<Feature> features = EnumSet.copyOf(CpuModel.implemented());
        features.remove(Feature.SGX);
        return new CpuModel(features, 1);
    }

    private TestCpu(CpuModel model) {
        PhysicalMemory memory = new PhysicalMemory();
        memory.addRam(0, ram);
        cpu = new Cpu(0, model, memory, new CodeCache(), Platform.NONE, LocalApic.NONE);
        engine = new Engine(cpu);
    }

    /** 64-bit mode, CPL 0, paging on, interrupts off, no IDT: any fault ends in a shutdown. */
    public static TestCpu longMode() {
        return longMode(withoutSgx());
    }

    /** The same on a processor of this model. */
    public static TestCpu longMode(CpuModel model) {
        TestCpu test = new TestCpu(model);
        test.ram.set(ValueLayout.JAVA_LONG, TABLES, TABLES + 0x1000 | 7);
        test.ram.set(ValueLayout.JAVA_LONG, TABLES + 0x1000, TABLES + 0x2000 | 7);
        for (int i = 0; i < RAM_BYTES >> 21; i++) {
            test.ram.set(ValueLayout.JAVA_LONG, TABLES + 0x2000 + i * 8L, (long) i << 21 | 0x87);
        }
        Cpu c = test.cpu;
        c.cr0 = 0x8000_0033L;
        c.cr3 = TABLES;
        c.cr4 = 0x620;
        c.efer = 0xD01;
        c.flags = 2;
        c.idtLimit = 0;
        for (int i = 0; i < 6; i++) {
            c.segmentBase(i, 0);
            c.segmentLimit[i] = 0xFFFF_FFFFL;
            c.segmentAccess[i] = i == 1 ? 0xA09B : 0xC093;
        }
        c.codeMode = 64;
        c.cpl(0);
        return test;
    }

    /** 32-bit protected mode, CPL 0, flat segments, paging off, no descriptor tables. */
    public static TestCpu protectedMode() {
        TestCpu test = new TestCpu(withoutSgx());
        Cpu c = test.cpu;
        Reset.pvh(c, (int) CODE, 0);
        c.idtLimit = 0;
        return test;
    }

    /** Writes bytes into RAM, code that has run included. */
    public TestCpu write(long address, byte[] bytes) {
        MemorySegment.copy(bytes, 0, ram, ValueLayout.JAVA_BYTE, address, bytes.length);
        for (long page = address & -4096; page < address + bytes.length; page += 4096) {
            cpu.mmu.hostPageWritten(ram.address() + page);
        }
        return this;
    }

    /** Eight bytes of RAM. */
    public long read64(long address) {
        return ram.get(ValueLayout.JAVA_LONG_UNALIGNED, address);
    }

    /** Writes an integer of one to eight bytes into RAM. */
    public TestCpu put(long address, int bytes, long value) {
        byte[] out = new byte[bytes];
        for (int i = 0; i < bytes; i++) {
            out[i] = (byte) (value >>> 8 * i);
        }
        return write(address, out);
    }

    /** Puts code at {@link #CODE} and executes that many instructions of it. */
    public Engine.Stop run(int instructions, int... code) {
        byte[] bytes = new byte[code.length];
        for (int i = 0; i < code.length; i++) {
            bytes[i] = (byte) code[i];
        }
        write(CODE, bytes);
        cpu.rip = CODE;
        return engine.run(instructions);
    }

    @Override
    public void close() {
        arena.close();
    }
}
