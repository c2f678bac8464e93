package redoubt.cpu.host;

/** How the run of one instruction ended. Reused: every run sets all of it. */
public final class Outcome {
    public enum Kind {
        /** The instruction completed. */
        COMPLETED,
        /** It raised an exception; the state is the one the exception's handler would find. */
        EXCEPTION,
        /** It was not run: it would have left the processor (SYSCALL) or this test's frame (a segment load). */
        NOT_RUN,
        /** The host process died of it, or did not come to an end. */
        HOST_DIED,
        /** Our processor says that it does not implement it. */
        UNIMPLEMENTED
    }

    public Kind kind = Kind.NOT_RUN;

    /** The exception's vector. */
    public int vector;

    /** The exception's error code; 0 for those that push none. */
    public long errorCode;

    /** CR2 after a page fault. */
    public long faultAddress;

    /** What else is to be said, for the report. */
    public String detail = "";

    public void completed() {
        set(Kind.COMPLETED, 0, 0, 0, "");
    }

    /** An exception; an error code or address that this vector does not have is dropped. */
    public void exception(int vector, long errorCode, long faultAddress) {
        boolean hasErrorCode = vector == 8 || vector >= 10 && vector <= 14 || vector == 17;
        set(Kind.EXCEPTION, vector, hasErrorCode ? errorCode : 0, vector == 14 ? faultAddress : 0, "");
    }

    /** An end without a comparable state. */
    public void other(Kind kind, String detail) {
        set(kind, 0, 0, 0, detail);
    }

    public void copyFrom(Outcome other) {
        set(other.kind, other.vector, other.errorCode, other.faultAddress, other.detail);
    }

    private void set(Kind newKind, int newVector, long newErrorCode, long newFaultAddress, String newDetail) {
        kind = newKind;
        vector = newVector;
        errorCode = newErrorCode;
        faultAddress = newFaultAddress;
        detail = newDetail;
    }

    /** Whether both ends are the same. */
    public boolean isSameAs(Outcome other) {
        return kind == other.kind
                && vector == other.vector
                && errorCode == other.errorCode
                && faultAddress == other.faultAddress;
    }

    @Override
    public String toString() {
        return switch (kind) {
            case COMPLETED -> "completed";
            case EXCEPTION ->
                "exception " + vector + " error 0x" + Long.toHexString(errorCode)
                        + (vector == 14 ? " at 0x" + Long.toHexString(faultAddress) : "");
            case NOT_RUN -> "not run " + detail;
            case HOST_DIED -> "host died " + detail;
            case UNIMPLEMENTED -> "not implemented " + detail;
        };
    }
}
