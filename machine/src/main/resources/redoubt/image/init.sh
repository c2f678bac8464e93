#!/bin/busybox sh
# The default guest's first process: makes the usual mounts, runs /redoubt/command and tells the host how it ended.
# The protocol on the serial ports is described in redoubt.image.GuestInit.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root SHELL=/bin/sh USER=root LOGNAME=root TERM=dumb
/bin/busybox mount -t proc proc /proc
# From here on busybox's shell finds its own applets, without an exec for each.
mount -t sysfs sysfs /sys
# Enclaves map /dev/sgx_enclave executable, which a noexec /dev would forbid.
mount -t devtmpfs -o exec dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
# Names that were copied in stay as they are: a link that is in the way of one is not made.
/bin/busybox --install -s 2>/dev/null
echo redoubt >/proc/sys/kernel/hostname
ifconfig lo up
if [ -e /redoubt/modules ]; then
    while read -r module; do insmod "$module"; done </redoubt/modules
fi

exec 3<>/dev/ttyS3 4<>/dev/ttyS1 5<>/dev/ttyS2
for port in 3 4 5; do stty 115200 raw -echo <&$port; done

# Asks the host for input, piece by piece, so that no more comes than the line can hold and the end can be told.
feed() {
    while echo stdin >&3 && read -r size <&4 && [ "$size" -gt 0 ]; do
        dd bs="$size" count=1 iflag=fullblock <&4 2>/dev/null || break
    done
}

# Setting attributes with stty waits until what was written has left the port; nothing else in busybox does.
drain() { stty raw -echo <&"$1"; }

if [ -e /redoubt/terminal ]; then
    read -r rows columns </redoubt/terminal
    stty sane rows "$rows" columns "$columns" <&4
    echo ready >&3
    (exec setsid -c sh /redoubt/session) </dev/ttyS1 >/dev/ttyS1 2>&1 3>&- 4>&- 5>&-
    status=$?
else
    mkfifo -m 600 /redoubt/in /redoubt/out /redoubt/err
    cat </redoubt/out >&4 & out=$!
    cat </redoubt/err >&5 & err=$!
    feed >/redoubt/in & in=$!
    echo ready >&3
    # In the foreground: a shell makes its background commands ignore SIGINT and SIGQUIT. In parentheses: ash redirects
    # itself for a simple command, and would then say "Killed" on the command's standard error.
    (exec setsid sh /redoubt/command) </redoubt/in >/redoubt/out 2>/redoubt/err 3>&- 4>&- 5>&-
    status=$?
    # What the command left behind would keep the pipes open. Kernel threads have no exe.
    while :; do
        left=
        for process in /proc/[0-9]*; do
            process=${process#/proc/}
            case " 1 $out $err " in *" $process "*) continue ;; esac
            [ -e "/proc/$process/exe" ] || continue
            kill -9 "$process" 2>/dev/null
            left=yes
        done
        [ "$left" ] || break
    done
    wait "$in"
    wait "$out"
    wait "$err"
    drain 4
    drain 5
fi
echo "exit $status" >&3
drain 3
sync
if [ -d /sys/firmware/acpi ]; then poweroff -f; fi
reboot -f
