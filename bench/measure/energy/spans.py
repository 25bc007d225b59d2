"""A window around work that does not call back: a step of compression, a training, the opening of a session."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bench.measure.cpu import cpu_seconds
from bench.measure.energy.closing import lost, over_work
from bench.measure.energy.counter_meter import GUARD_S
from bench.measure.energy.sharing import by_share
from bench.reading import Reading

T = TypeVar("T")


@dataclass(frozen=True)
class Took(Generic[T]):
    """What work returned, its wall and processor seconds, and its joules (None where no meter was given)."""

    result: T
    seconds: float
    cpu_s: float
    energy: Reading | None = None


class _Watchman:
    """Makes the guard reads of a window from a thread: whoever does the work does not know of the window."""

    def __init__(self, meter: Any, token: Any) -> None:
        self._meter, self._token = meter, token
        self._failed: Exception | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="guard reads", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(GUARD_S):
            try:
                self._token = self._meter.guard(self._token)
            except Exception as error:  # noqa: BLE001 - told where the window is closed
                self._failed = error
                return

    def end(self) -> Any:
        """Return the token. Raises what a guard read raised."""
        self._ended.set()
        self._thread.join()
        if self._failed is not None:
            raise self._failed
        return self._token


def around(meter: Any, work: Callable[[], T], *, per: str) -> Took[T]:
    """Run `work` once, inside a window of a meter (None: without), and return what it took.

    The joules are this process's share of the machine's, mean power over the window times the seconds of the work;
    `per` says what the work was. A counter is read once a second meanwhile, from a thread: work that does not call
    back may last for hours, and a counter goes round. Whatever the meter raises costs the joules only; what `work`
    raises is raised when the window is closed.
    """
    watchman, failed = _opened(meter)
    try:
        began, spent = time.perf_counter(), cpu_seconds()
        result = work()
        seconds, cpu_s = time.perf_counter() - began, cpu_seconds() - spent
    except BaseException:
        _closed(meter, watchman)
        raise
    if meter is None:
        return Took(result, seconds, cpu_s)
    reading = failed or _closed(meter, watchman)
    return Took(result, seconds, cpu_s, by_share(over_work(reading, busy_s=seconds, per=per)))


def _opened(meter: Any) -> tuple[_Watchman | None, Reading | None]:
    if meter is None:
        return None, None
    try:
        return _Watchman(meter, meter.start()), None
    except Exception as error:  # noqa: BLE001 - a meter may fail in any way; that costs the number, not the work
        return None, lost(error)


def _closed(meter: Any, watchman: _Watchman | None) -> Reading:
    if watchman is None:
        return Reading.missing("J", "no window was opened")
    try:
        reading: Reading = meter.stop(watchman.end())
        return reading
    except Exception as error:  # noqa: BLE001 - as above
        return lost(error)
