"""What the controller needs of a worker, whether it is a process, this process, or a stub in a test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from bench.errors import Unsupported, WorkerError
from bench.wire.frames import Message

Reply = Message
# The name under which a worker asks for something in the middle of a request; the next message answers it.
WANTS = "wants"


class Worker(Protocol):
    """Something that answers requests, one at a time."""

    def request(self, verb: str, arguments: Mapping[str, Any], *, timeout_s: float) -> Reply:
        """Send a request and return its reply. Raises WorkerError (failed, timeout, oom) or Unsupported."""

    def begin(self, verb: str, arguments: Mapping[str, Any]) -> None:
        """Send a request without waiting for its reply."""

    def finish(self, *, timeout_s: float) -> Reply:
        """Wait for the reply to what was begun."""

    def close(self) -> None:
        """End the worker; safe to call twice, and after a failure."""


def checked(reply: Message) -> Message:
    """Return a good reply; raise what a bad one reports."""
    error = reply.data.get("error")
    if error is None:
        return reply
    message = str(error.get("message", "the worker gave no reason"))
    if error.get("status") == "unsupported":
        raise Unsupported(message)
    raise WorkerError(message, status=str(error.get("status", "failed")), traceback=error.get("traceback"))
