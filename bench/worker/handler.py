"""The handler: one method per verb, each a line that calls the room that knows how."""

from __future__ import annotations

import os
import platform
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.errors import BadInput, Unsupported
from bench.wire.frames import Message

Answer = Mapping[str, Any] | Message
OUT_OF_MEMORY = ("can't allocate memory", "bad_alloc", "out of memory")  # the last is what a card says
OURS = (str(Path(__file__).parents[1]) + os.sep, "<frozen importlib")


class Handler:
    """Answers the verbs; keeps what a worker holds between requests: a task, a model on its way, a session."""

    def __init__(self) -> None:
        from bench.worker.build import Build
        from bench.worker.checking import Checking
        from bench.worker.measuring import Measuring
        from bench.worker.metering import Metering
        from bench.worker.meters import Meters
        from bench.worker.scenarios import Scenarios

        meters = Meters()
        self.build = Build(meters)
        self.checking = Checking(self.build)
        self.measuring = Measuring(meters)
        self.metering = Metering(self.measuring, meters)
        self.scenarios = Scenarios(self.measuring)
        self.verbs: Mapping[str, Callable[..., Answer]] = {
            "hello": self.hello,
            "describe": self.describe,
            "available": self.metering.available,
            "prepare": self.build.prepare,
            "data": self.build.data,
            "give": self.build.give,
            "compress": self.build.compress,
            "convert": self.build.convert,
            "count": self.build.count,
            "score": self.build.score,
            "examples": self.checking.examples,
            "outputs": self.checking.outputs,
            "import": self.measuring.load,
            "open": self.measuring.open,
            "block": self.measuring.block,
            "issue": self.scenarios.issue,
            "highest": self.scenarios.highest,
            "window": self.metering.window,
            "idle": self.metering.idle,
            "predict": self.measuring.predict,
            "profile": self.measuring.profile,
            "close": self.measuring.close,
        }

    def answer(self, request: Message) -> Message:
        """Run one verb; whatever it raises becomes the reply."""
        arguments = dict(request.data)
        verb = arguments.pop("verb", "")
        try:
            result = self.verbs[verb](**arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a plugin's failure of any kind is this worker's answer
            return Message({"error": _report(error)})
        return result if isinstance(result, Message) else Message(dict(result))

    def hello(self, *, look: bool = False) -> Mapping[str, Any]:
        """Say who answers, and with `look` what is installed here: the controller catches what differs."""
        from bench import __version__
        from bench.envs import core_digest, packages_here
        from bench.wire import PROTOCOL

        said = {"version": __version__, "protocol": PROTOCOL, "core": core_digest()}
        said = {**said, **({"packages": packages_here()} if look else {})}
        return {**said, "python": platform.python_version(), "pid": os.getpid()}

    def describe(self, file: str) -> Mapping[str, Any]:
        """Describe the offers of a one-file plugin."""
        from bench.worker.loading import describe_file

        return {"offers": [each.to_json() for each in describe_file(file)]}


def _report(error: BaseException) -> dict[str, Any]:
    message, name = _text(error), type(error).__name__
    text = message if isinstance(error, (BadInput, Unsupported)) else f"{name}: {message}" if message else name
    status = _status(error, message)
    if status == "oom":
        text = f"ran out of the memory a worker may use ({text})"
    return {"message": text[:2000], "status": status, "traceback": _traceback(error)}


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a plugin's own exception may fail even at this
        return "(its message cannot be shown)"


def _status(error: BaseException, message: str) -> str:
    if isinstance(error, Unsupported):
        return "unsupported"
    if isinstance(error, MemoryError) or any(each in message for each in OUT_OF_MEMORY):
        return "oom"
    return "failed"


def _traceback(error: BaseException) -> str:
    """Return the traceback from the plugin's first line on: what called it is ours and tells its author nothing."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(OURS):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames or error.__traceback__))[-8000:]
