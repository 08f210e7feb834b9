"""Runs a command that ends with whoever started it: `python leash.py COMMAND ARGUMENT…`.

The starter holds the other end of standard input. When that closes, be it by `kill -9` of the
starter, the command is killed. Works wherever there are pipes; needs no help of the kernel's.
"""

import os
import signal
import subprocess
import sys
import threading


def main() -> int:
    # Ctrl-C reaches the whole terminal; the starter decides when to let go.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)

    def end_with_the_starter() -> None:
        # A buffered reader that still waits when Python ends is a fatal error.
        os.read(0, 1)
        command.kill()

    threading.Thread(target=end_with_the_starter, daemon=True).start()
    return command.wait()


if __name__ == "__main__":
    sys.exit(main())
