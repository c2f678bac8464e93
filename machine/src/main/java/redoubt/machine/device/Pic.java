package redoubt.machine.device;

import redoubt.machine.BusDevice;
import redoubt.machine.InterruptLine;

/**
 * The two Intel 8259A interrupt controllers of a PC, the second one cascaded into input 2 of the first, with their
 * edge/level control registers.
 *
 * <p>Limitations: 8086 mode only (MCS-80 vectors do not exist on a PC), no buffered mode, no special fully nested mode.
 *
 * <p>Source: Intel 8259A data sheet; ELCR as in the Intel PIIX and ICH chip sets.
 */
public final class Pic {
    private static final int CASCADE = 2;

    private final Chip master = new Chip();
    private final Chip slave = new Chip();
    private final Runnable outputChanged;
    private boolean output;

    /** One of the two controllers, at its command and its data port. */
    private final class Chip implements BusDevice {
        private int lines;
        private int irr;
        private int isr;
        private int imr = 0xFF;
        private int elcr;
        private int vectorBase;
        /** Input with the lowest priority; the next one has the highest. */
        private int lowest = 7;
        /** Which initialization word is awaited, 0 if none is. */
        private int awaited;

        private boolean singleExpected;
        private boolean fourthExpected;
        private boolean autoEnd;
        private boolean rotateOnAutoEnd;
        private boolean specialMask;
        private boolean readService;
        private boolean poll;

        void drive(int input, boolean level) {
            int bit = 1 << input;
            if ((elcr & bit) != 0) {
                irr = level ? irr | bit : irr & ~bit;
            } else if (!level) {
                irr &= ~bit; // the request must last until it is acknowledged
            } else if ((lines & bit) == 0) {
                irr |= bit;
            }
            lines = level ? lines | bit : lines & ~bit;
        }

        /** The input to be served next, or -1. */
        int requested() {
            int requests = irr & ~imr;
            int blocking = specialMask ? isr & ~imr : isr;
            for (int i = 1; i <= 8; i++) {
                int input = lowest + i & 7;
                if ((blocking & 1 << input) != 0 && !specialMask) {
                    return -1;
                }
                if ((requests & 1 << input) != 0 && (isr & 1 << input) == 0) {
                    return input;
                }
            }
            return -1;
        }

        /** First acknowledge cycle: gives the input, 7 if the request has gone away (a spurious interrupt). */
        int acknowledge() {
            int input = requested();
            if (input < 0) {
                return 7;
            }
            int bit = 1 << input;
            if ((elcr & bit) == 0) {
                irr &= ~bit;
            }
            if (autoEnd) {
                lowest = rotateOnAutoEnd ? input : lowest;
            } else {
                isr |= bit;
            }
            return input;
        }

        @Override
        public long read(long offset, int size) {
            if (poll) {
                poll = false;
                int input = requested();
                if (input >= 0) {
                    acknowledge();
                }
                update();
                return input < 0 ? 0 : 0x80 | input;
            }
            return offset == 1 ? imr : readService ? isr : irr;
        }

        @Override
        public void write(long offset, int size, long value) {
            int octet = (int) value & 0xFF;
            if (offset == 0) {
                if ((octet & 0x10) != 0) {
                    initialize(octet);
                } else if ((octet & 0x08) != 0) {
                    writeMode(octet);
                } else {
                    writeEnd(octet);
                }
            } else {
                writeData(octet);
            }
            update();
        }

        private void initialize(int word) {
            irr = 0;
            isr = 0;
            imr = 0;
            lowest = 7;
            autoEnd = false;
            rotateOnAutoEnd = false;
            specialMask = false;
            readService = false;
            poll = false;
            singleExpected = (word & 2) != 0;
            fourthExpected = (word & 1) != 0;
            awaited = 2;
        }

        private void writeData(int octet) {
            switch (awaited) {
                case 2 -> {
                    vectorBase = octet & 0xF8;
                    awaited = singleExpected ? fourthExpected ? 4 : 0 : 3;
                }
                case 3 -> awaited = fourthExpected ? 4 : 0; // the cascade is soldered
                case 4 -> {
                    autoEnd = (octet & 2) != 0;
                    awaited = 0;
                }
                default -> imr = octet;
            }
        }

        private void writeMode(int word) {
            if ((word & 4) != 0) {
                poll = true;
            }
            if ((word & 2) != 0) {
                readService = (word & 1) != 0;
            }
            if ((word & 0x40) != 0) {
                specialMask = (word & 0x20) != 0;
            }
        }

        private void writeEnd(int word) {
            int input = word & 7;
            switch (word >> 5) {
                case 0, 4 -> rotateOnAutoEnd = word >> 5 == 4;
                case 1 -> end(highestServed());
                case 3 -> end(input);
                case 5 -> {
                    int served = highestServed();
                    end(served);
                    lowest = served < 0 ? lowest : served;
                }
                case 6 -> lowest = input;
                case 7 -> {
                    end(input);
                    lowest = input;
                }
                default -> {} // no operation
            }
        }

        private int highestServed() {
            for (int i = 1; i <= 8; i++) {
                int input = lowest + i & 7;
                if ((isr & 1 << input) != 0 && (!specialMask || (imr & 1 << input) == 0)) {
                    return input;
                }
            }
            return -1;
        }

        private void end(int input) {
            if (input >= 0) {
                isr &= ~(1 << input);
            }
        }
    }

    /** Makes the pair; {@code outputChanged} is told when the output to the processor rises or falls. */
    public Pic(Runnable outputChanged) {
        this.outputChanged = outputChanged;
    }

    /** Ports 20H and 21H. */
    public BusDevice masterPorts() {
        return master;
    }

    /** Ports A0H and A1H. */
    public BusDevice slavePorts() {
        return slave;
    }

    /** Ports 4D0H and 4D1H: which inputs are level-triggered. Inputs 0, 1, 2, 8 and 13 never are. */
    public BusDevice edgeLevelPorts() {
        return new BusDevice() {
            @Override
            public long read(long offset, int size) {
                long both = master.elcr | slave.elcr << 8;
                return both >>> offset * 8;
            }

            @Override
            public void write(long offset, int size, long value) {
                for (int i = 0; i < size; i++) {
                    int octet = (int) (value >>> i * 8) & 0xFF;
                    if (offset + i == 0) {
                        master.elcr = octet & 0xF8;
                    } else {
                        slave.elcr = octet & 0xDE;
                    }
                }
            }
        };
    }

    /** The wire to ISA interrupt 0 to 15; 2 is the cascade and leads nowhere. */
    public InterruptLine line(int irq) {
        if (irq < 0 || irq > 15) {
            throw new IllegalArgumentException("ISA interrupt " + irq + ": there are 0 to 15");
        }
        if (irq == CASCADE) {
            return InterruptLine.NONE;
        }
        return level -> {
            (irq < 8 ? master : slave).drive(irq & 7, level);
            update();
        };
    }

    private void update() {
        master.drive(CASCADE, slave.requested() >= 0);
        boolean now = master.requested() >= 0;
        if (now != output) {
            output = now;
            outputChanged.run();
        }
    }

    /** The output to the processor. */
    public boolean isAsserted() {
        return output;
    }

    /** The interrupt-acknowledge cycle; gives the vector, a spurious one if the request has gone away. */
    public int acknowledge() {
        int input = master.acknowledge();
        int vector = master.vectorBase | input;
        if (input == CASCADE) {
            vector = slave.vectorBase | slave.acknowledge();
        }
        update();
        return vector;
    }
}
