"""The sampler's own process: reads power at jittered times until it is told to stop.

    python -m bench.measure.energy.polling

It is started by `SampledMeter` and is not for people. Standard input brings one line (its orders) and then stays open;
when it closes, because the window ended or because the parent died, the process takes a last sample, prints what it
has and ends. So no sampler outlives its meter.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pickle
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench.measure.energy.clock import Clock, SystemClock
from bench.measure.energy.sources import PowerSource

READY = "ready"
Row = tuple[float, ...]


def orders(sources: Sequence[PowerSource], interval_s: float, seed: int) -> str:
    """Write a sampler's orders as one line: the sources travel pickled, with the places they can be imported from."""
    packed = base64.b64encode(pickle.dumps(tuple(sources))).decode()
    return json.dumps({"path": sys.path, "sources": packed, "interval_s": interval_s, "seed": seed}) + "\n"


def poll(
    sources: Sequence[PowerSource],
    clock: Clock,
    wait: Callable[[float], bool],
    *,
    interval_s: float,
    seed: int,
    ready: Callable[[], None] = lambda: None,
) -> list[Row]:
    """Sample until `wait(seconds)` says stop; return rows of time, lateness and one power per source.

    Intervals are uniform between half and one and a half of `interval_s`, so that no load can stay in step with them.
    The first row lies before `ready()` is called and the last one after the stop: the window lies between. A read that
    fails leaves a NaN.
    """
    draw = random.Random(seed)
    _row(sources, clock, clock.now_s())  # opens the sensor; its time is no sampling time
    rows = [_row(sources, clock, clock.now_s())]
    ready()
    due_s = rows[0][0]
    while True:
        now_s = clock.now_s()
        # After a hold-up the next sample is due from now on: catching up would sample one moment many times.
        due_s = max(due_s, now_s - interval_s) + interval_s * (0.5 + draw.random())
        stopped = wait(max(due_s - now_s, 0.0))
        rows.append(_row(sources, clock, clock.now_s() if stopped else due_s))
        if stopped:
            return rows


def _row(sources: Sequence[PowerSource], clock: Clock, due_s: float) -> Row:
    before_s = clock.now_s()
    watts = tuple(_read(source) for source in sources)
    return ((before_s + clock.now_s()) / 2, before_s - due_s, *watts)


def _read(source: PowerSource) -> float:
    try:
        return source.read_w()
    except OSError:
        return float("nan")


def main() -> int:
    """Obey the orders on standard input; print "ready", then one line of JSON."""
    # The worker's core is for the work: leave it where the system allows.
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    asked = json.loads(sys.stdin.readline())
    sys.path[:] = asked["path"]
    answer: dict[str, Any]
    try:
        sources = pickle.loads(base64.b64decode(asked["sources"]))  # noqa: S301 - from our own parent, by a private pipe
    except (ImportError, AttributeError, pickle.UnpicklingError) as error:
        answer = {"error": f"the sensor cannot be opened in a process of its own: {error}"}
    else:
        answer = _sample(sources, asked["interval_s"], asked["seed"])
    print(json.dumps(answer), flush=True)  # noqa: T201 - the answer to the parent
    return 0


def _sample(sources: Sequence[PowerSource], interval_s: float, seed: int) -> dict[str, Any]:
    ended = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    began_s = [0.0]

    def ready() -> None:
        began_s[0] = time.process_time()
        print(READY, flush=True)  # noqa: T201 - the answer to the parent

    rows = poll(sources, SystemClock(), ended.wait, interval_s=interval_s, seed=seed, ready=ready)
    return {"rows": rows, "cpu_s": time.process_time() - began_s[0]}


if __name__ == "__main__":
    sys.exit(main())
