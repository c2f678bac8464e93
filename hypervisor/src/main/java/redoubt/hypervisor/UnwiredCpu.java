package redoubt.hypervisor;

import redoubt.cpu.CodeCache;
import redoubt.cpu.Cpu;
import redoubt.cpu.CpuModel;
import redoubt.cpu.LocalApic;
import redoubt.cpu.MsrFault;
import redoubt.cpu.Platform;
import redoubt.memory.PhysicalMemory;

/** A processor on the bench, to ask it for its CPUID as it is at reset. */
final class UnwiredCpu {
    private UnwiredCpu() {}

    static Cpu of(CpuModel model) {
        return new Cpu(0, model, new PhysicalMemory(), new CodeCache(), new NoPlatform(), new NoApic());
    }

    private static final class NoPlatform implements Platform {
        @Override
        public int in(int port, int size) {
            return -1;
        }

        @Override
        public void out(int port, int size, int value) {}

        @Override
        public long tsc(long instructions) {
            return instructions;
        }

        @Override
        public long random() {
            return 0;
        }
    }

    private static final class NoApic implements LocalApic {
        @Override
        public boolean pending() {
            return false;
        }

        @Override
        public int acknowledge() {
            throw new IllegalStateException("no interrupt is pending");
        }

        @Override
        public long readMsr(int index) {
            throw MsrFault.INSTANCE;
        }

        @Override
        public void writeMsr(int index, long value) {
            throw MsrFault.INSTANCE;
        }

        @Override
        public int cr8() {
            return 0;
        }

        @Override
        public void cr8(int priority) {}
    }
}
