"""Entry of a worker process: `python -m bench.worker READ_FD WRITE_FD PARENT_PID MEMORY_BYTES`."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.wire.frames import Decoder, Message, encode
from bench.wire.strays import MARK, carry
from bench.wire.worker import WANTS, checked

if TYPE_CHECKING:
    from bench.worker.handler import Handler

READ_BYTES = 1 << 16
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
PARENT_CHECK_S = 1.0


def main() -> None:
    """Answer requests until the controller closes the pipe or dies."""
    receive, send, parent, memory_bytes = (int(each) for each in sys.argv[1:5])
    _die_with(parent)
    carry(os.environ.get(MARK, ""))
    _limit_memory(memory_bytes)
    sys.path.append(str(Path.cwd()))  # last: a user's own module is found, and shadows nothing
    from bench.worker.handler import Handler

    serve(Pipe(receive, send), Handler())


class Pipe:
    """Both ends of the message pipe."""

    def __init__(self, receive: int, send: int) -> None:
        self._receive, self._send, self._decoder = receive, send, Decoder()

    def read(self) -> Message | None:
        """Return the next message, None at the end of the pipe."""
        while (message := self._decoder.next()) is None:
            data = os.read(self._receive, READ_BYTES)
            if not data:
                return None
            self._decoder.feed(data)
        return message

    def write(self, message: Message) -> None:
        """Send a message."""
        _write(self._send, _encoded(message))

    def ask(self, wanted: Mapping[str, Any]) -> Message:
        """Ask the controller for something in the middle of a request. Raises what its answer reports."""
        self.write(Message({WANTS: dict(wanted)}))
        answer = self.read()
        if answer is None:
            os._exit(1)
        return checked(answer)


def serve(pipe: Pipe, handler: Handler) -> None:
    """Read requests, write replies; returns at the end of the pipe."""
    handler.build.ask = pipe.ask
    while (message := pipe.read()) is not None:
        pipe.write(handler.answer(message))


def _encoded(reply: Message) -> bytes:
    """Return a reply's bytes; one that cannot be sent (a plugin's odd value in it) becomes an error that says so."""
    try:
        return encode(reply)
    except (TypeError, ValueError, RecursionError) as error:
        text = f"the worker's answer cannot be sent: {type(error).__name__}: {error}"[:2000]
        return encode(Message({"error": {"message": text, "status": "failed"}}))


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _die_with(parent: int) -> None:
    """Make sure that no worker outlives a controller that was killed, even in the middle of a long call."""
    if sys.platform == "linux":
        import ctypes

        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # What a plugin leaves running in the background stays this process's child, so that it is found and ended.
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        if os.getppid() != parent:
            os._exit(1)
        return
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    os._exit(1)


def _limit_memory(memory_bytes: int) -> None:
    """Let an allocation without end fail inside the worker; the controller watches resident memory besides."""
    if memory_bytes and sys.platform == "linux":
        import resource

        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # Frameworks' own threads and exit handlers can hang a worker whose work is done.
    os._exit(0)
