"""A worker inside this process, for pdb and quick trials: the same verbs with no isolation."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from typing import Any

from bench.measure import placement
from bench.wire.frames import Message
from bench.wire.worker import checked
from bench.worker.handler import Handler


class LocalWorker:
    """Answers in this process. A plugin's exception is still one reply, but a crash takes everything with it."""

    def __init__(self) -> None:
        self._handler = Handler()
        self._cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
        self._pending: Message | None = None

    def request(self, verb: str, arguments: Mapping[str, Any], *, timeout_s: float) -> Message:
        """Answer at once; there is nobody to enforce the timeout."""
        self.begin(verb, arguments)
        return self.finish(timeout_s=timeout_s)

    def begin(self, verb: str, arguments: Mapping[str, Any]) -> None:
        """Do the work now. What a plugin prints goes to stderr: stdout is for results."""
        with contextlib.redirect_stdout(sys.stderr):
            self._pending = self._handler.answer(Message({"verb": verb, **arguments}))

    def finish(self, *, timeout_s: float) -> Message:
        """Hand over what was done."""
        del timeout_s
        pending, self._pending = self._pending, None
        assert pending is not None
        return checked(pending)

    def close(self) -> None:
        """Close the session, if one is open; let collection run again and this process use its cores again."""
        import gc

        with contextlib.suppress(Exception):  # a plugin's close may fail in any way; what it was for is over
            self._handler.measuring.close()
        gc.unfreeze()
        gc.enable()
        if self._cores:
            placement.allow(self._cores)
