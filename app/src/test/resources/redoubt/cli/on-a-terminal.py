# Plays a person at a terminal of 33 by 111: on-a-terminal.py COMMAND... reads steps from its standard input, one a line,
# "expect TEXT" or "send TEXT" (with Python's escapes), runs the command on a pseudo-terminal, prints what it printed, and
# at the end its status and whether the terminal's mode is as before. Status 1 when something expected does not come.
import fcntl, os, pty, select, struct, sys, termios, time

steps = sys.stdin.read().splitlines()
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
mode = termios.tcgetattr(terminal)
seen = b""


def more(until):
    global seen
    if time.time() > until:
        os.kill(pid, 9)
        sys.exit("too late, seen: %r" % seen)
    if select.select([terminal], [], [], 1)[0]:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux: the other side has been closed
            piece = b""
        seen += piece
        return piece
    return None


at = 0
for step in steps:
    verb, text = step.split(" ", 1)
    text = text.encode().decode('unicode_escape').encode('latin-1')
    if verb == "send":
        at = len(seen)
        os.write(terminal, text)
    until = time.time() + 300
    while verb == "expect" and text not in seen[at:]:
        if more(until) == b"":
            sys.exit("ended before %r, seen: %r" % (text, seen))
    if verb == "expect":
        at = seen.index(text, at) + len(text)
until = time.time() + 60
while more(until) != b"":
    pass
sys.stdout.buffer.write(seen)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print("status %d, mode %s" % (status, "as before" if termios.tcgetattr(terminal) == mode else "left changed"))
