"""Elsewhere: a worker in another environment whose steps ask, in the middle of their work, for data of the task."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import Unsupported
from bench.wire import WANTS, Message, Worker


class Asking:
    """A worker elsewhere that is given what it asks for by the task's own worker, `home`, as files in a folder."""

    def __init__(self, away: Worker, home: Worker, folder: Path) -> None:
        self._away, self._home, self._folder = away, home, folder

    def request(self, verb: str, arguments: Mapping[str, Any], *, timeout_s: float) -> Message:
        """Send a request, give what is asked for on the way, and return the reply; all within the timeout."""
        end_s = time.monotonic() + timeout_s
        self.begin(verb, arguments)
        return self.finish(timeout_s=end_s - time.monotonic())

    def begin(self, verb: str, arguments: Mapping[str, Any]) -> None:
        """Send a request without waiting."""
        self._away.begin(verb, arguments)

    def finish(self, *, timeout_s: float) -> Message:
        """Wait for the reply to what was begun, giving what is asked for on the way."""
        end_s = time.monotonic() + timeout_s
        while True:
            reply = self._away.finish(timeout_s=max(end_s - time.monotonic(), 0.0))
            wanted = reply.data.get(WANTS)
            if wanted is None:
                return reply
            self._away.begin("given", self._given(wanted, max(end_s - time.monotonic(), 0.0)))

    def close(self) -> None:
        """End the worker elsewhere."""
        self._away.close()

    def _given(self, wanted: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Return where the data lies, or why there is none: the step itself meets that."""
        what, n = str(wanted.get("what")), wanted.get("n")
        file = self._folder / f"{len(list(self._folder.glob('*.npz')))}.npz"
        try:
            return dict(self._home.request("give", {"what": what, "n": n, "file": str(file)}, timeout_s=timeout_s).data)
        except Unsupported as error:
            return {"error": {"message": error.message, "status": "unsupported"}}
