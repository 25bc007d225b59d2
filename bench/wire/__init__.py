"""The wire: length-prefixed messages between the controller and its workers, over a pipe of their own.

A message is JSON with, beside it, arrays as npz; a plugin may print what it likes without touching it.
"""

from bench.wire.child import Child, Limits
from bench.wire.frames import Message, WireError
from bench.wire.worker import WANTS, Reply, Worker, checked

PROTOCOL = 1
__all__ = ["PROTOCOL", "WANTS", "Child", "Limits", "Message", "Reply", "WireError", "Worker", "checked"]
