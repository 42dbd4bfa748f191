#!/usr/bin/env python3
"""Runs a command at a terminal and answers what it asks there.

  answer.py ANSWER... -- COMMAND...

Each answer is typed when the terminal doesn't show what is typed, which is when a secret is asked
for; the command has a standard input and outputs of its own, so that what it shows at the terminal
is the questions alone.  These are written to descriptor 3.  The exit status is the command's.
"""

import os
import pty
import select
import sys
import termios
import time

LIMIT = 60  # seconds


def hides(master):
    return not termios.tcgetattr(master)[3] & termios.ECHO


def main():
    end = sys.argv.index("--")
    answers, command = sys.argv[1:end], sys.argv[end + 1:]
    master, slave = pty.openpty()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.close(os.open(os.ttyname(slave), os.O_RDWR))  # now it is the controlling one
        os.close(master)
        os.close(slave)
        os.close(3)
        os.execvp(command[0], command)
    shown, deadline, status = b"", time.monotonic() + LIMIT, None
    while status is None and time.monotonic() < deadline:
        if answers and hides(master):
            os.write(master, answers.pop(0).encode() + b"\n")
            while hides(master) and time.monotonic() < deadline:
                time.sleep(0.01)
        if select.select([master], [], [], 0.02)[0]:
            shown += os.read(master, 4096)
        done, how = os.waitpid(pid, os.WNOHANG)
        status = how if done else None
    while select.select([master], [], [], 0)[0]:
        shown += os.read(master, 4096)
    os.write(3, shown.replace(b"\r\n", b"\n"))
    if status is None:
        os.kill(pid, 9)
        sys.exit("it has not ended within %d seconds" % LIMIT)
    sys.exit(os.waitstatus_to_exitcode(status) % 256)


main()
