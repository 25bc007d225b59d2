"""Runs a meter's program on a leash: `python leash.py PARENT_PID LARGEST_BYTES PROGRAM …`.

The program and all it starts die with whoever holds the other end of standard input, also when that process is killed
with `kill -9` and can do nothing about it. Standard library only, and a file of its own, so that it starts in
milliseconds.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys

LOOK_S = 1.0  # a copy of the pipe's other end may live on in another process: then the parent's death is seen this late
NOT_STARTED = 126


def main() -> int:
    """Start the program and wait for its end, or for that of the parent; return its exit status."""
    parent, largest, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    # For the program, which may want to say goodbye: a handler, unlike "ignore", is not handed down to it.
    signal.signal(signal.SIGTERM, _nothing)
    woken = _wake_on_child()
    _limit(largest)
    try:
        child = subprocess.Popen(program, stdin=subprocess.DEVNULL)
    except OSError as error:
        print(f"it did not start: {error}", file=sys.stderr)  # noqa: T201 - what the meter shows as the program's last words
        return NOT_STARTED
    while (status := child.poll()) is None:
        ready = select.select([sys.stdin.fileno(), woken], [], [], LOOK_S)[0]
        if sys.stdin.fileno() in ready or os.getppid() != parent:
            os.killpg(0, signal.SIGKILL)
        if woken in ready:
            os.read(woken, 100)
    return status if status >= 0 else 128 - status


def _nothing(*_: object) -> None:
    """Wake, and go on."""


def _wake_on_child() -> int:
    """Return a descriptor that becomes readable when the program ends."""
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _nothing)
    return reads


def _limit(largest: int) -> None:
    """Keep a program that prints without end from filling the disk, where the system can."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))


if __name__ == "__main__":
    sys.exit(main())
