# Leads the terminal's session. When a session's leader ends, the kernel drops what the terminal has not sent yet, so this
# one waits for the command, then for the port.
trap : INT QUIT TSTP
sh /redoubt/command
status=$?
trap '' TTOU HUP
stty sane
exit "$status"
