"""Ends a server when the process that started it is gone, however that ended (also by SIGKILL).

Run as a script with the server's process id, the signal that ends it and the seconds of grace before SIGKILL.
Standard input is a pipe from the starter: a byte dismisses the watchdog, its end means the starter is gone.
It imports nothing of the project, so that it starts in milliseconds.
"""

import contextlib
import os
import signal
import sys
import time

POLL_S = 0.05


def main(pid: int, signal_number: int, grace_s: float) -> None:
    """Waits for the starter's word or its end; in the latter case ends the process `pid`."""
    if os.read(sys.stdin.fileno(), 1):
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal_number)
        deadline = time.monotonic() + grace_s
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(POLL_S)
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
