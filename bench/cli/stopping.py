"""Being told to stop: SIGTERM and SIGHUP end a command as Ctrl-C does, so that nothing it started is left."""

from __future__ import annotations

import contextlib
import signal
from types import FrameType

NAMES = ("SIGTERM", "SIGHUP")


class Stopped(KeyboardInterrupt):
    """A signal asked this process to end; whoever cleans up after Ctrl-C cleans up after this."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def stop_on_signals() -> None:
    """Let the signals raise Stopped, once: what cleans up is not interrupted again. `nohup` is respected."""
    for name in NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            with contextlib.suppress(ValueError, OSError):  # not the main thread: somebody else's program
                signal.signal(number, _stop)


def exit_code_of(error: BaseException, otherwise: int) -> int:
    """Return the exit code of an interruption: of the signal behind it, if there was one."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, Stopped):
            return seen.exit_code
        seen = seen.__cause__ or seen.__context__
    return otherwise


def _stop(number: int, frame: FrameType | None) -> None:
    del frame
    for name in NAMES:
        if (other := getattr(signal, name, None)) is not None:
            signal.signal(other, signal.SIG_IGN)
    raise Stopped(number)
