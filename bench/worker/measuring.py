"""Measuring in a worker: import, open, warm up, blocks, predictions."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.artifact import Artifact
from bench.errors import PluginError, Unsupported
from bench.measure import memory, placement, recorder
from bench.measure.burden import burdened, turns_for
from bench.measure.energy import Took
from bench.measure.scenarios import repeated
from bench.protocols import Arrays, Backend, MemoryWatch, Profiled, Session, Timed, WatchesMemory
from bench.reading import Reading
from bench.units import format_quantity
from bench.wire.frames import Message
from bench.worker.counting import Tally
from bench.worker.loading import load_target, uncollected
from bench.worker.meters import Meters
from bench.worker.plain import jsonable

REOPEN_LIMIT_S = 0.1
PADDING_BLOCKS, PADDING_BYTES = 24, 1 << 18
ELSEWHERE = "the calls run in a program of their own, which issues them one by one: only single-stream is measured"
LEAST_PERIODS = 10  # below, the ends of a window weigh more than what lies between them


class Measuring:
    """Holds the backend, the open session and the bound call."""

    def __init__(self, meters: Meters) -> None:
        self.meters = meters
        self.backend: Backend | None = None
        self.session: Session | None = None
        self.call: Callable[[], Any] | None = None
        self.inputs: Arrays = {}
        self.reopen: Callable[[], Session] | None = None
        self.reopens = False
        self.padding: list[bytearray] = []
        self.turns = 0
        self.calls = 1
        self.held: tuple[str, Session] | None = None

    def load(self, *, target: str, options: Mapping[str, Any], needs: Sequence[str]) -> Mapping[str, Any]:
        """Import the backend and what it needs; the time is the artifact's import cost."""
        began = time.perf_counter_ns()
        with uncollected():
            for name in needs:
                importlib.import_module(name)
            self.backend = load_target(target)(**options)
        return {"import_ns": time.perf_counter_ns() - began}

    def open(
        self,
        *,
        artifact: Mapping[str, Any],
        inputs: str,
        device: str,
        threads: int,
        warm: bool = True,
        warm_cap_s: float = 2.0,
        meter: Mapping[str, Any] | None = None,
        burden: float = 0.0,
        calls: int = 1,
    ) -> Message:
        """Open the artifact, run the first call and warm up. Memory peaks are above the base read before opening.

        Of opening and of warming up processor seconds are returned too, and joules where a meter is given. `burden`
        adds busy work to every later call, as a share of the fastest one: how a gate tests itself. Where a query takes
        several `calls`, what is called from here on is a query.
        """
        subject, spans = Artifact.from_json(artifact), self.meters.spans(meter, device)
        tau_s = spans.period_s()
        self.inputs = _load(inputs)
        gc.collect()
        watch = self._memory(device)
        base, resettable = watch.resident_bytes(), watch.reset_peak()
        self.reopen = lambda: self._backend().open(subject, device=device, threads=threads)
        loaded = spans.around(self.reopen, "load")
        self.session, self.calls = loaded.result, calls
        load_ns = round(loaded.seconds * 1e9)
        self.call = self._bound()
        load_peak = watch.peak_bytes()
        resettable = watch.reset_peak() and resettable
        warmed = spans.around(lambda: self._warm_up(warm, warm_cap_s), "warm-up")
        first_ns, walls, result = warmed.result
        header = {
            "load_ns": load_ns,
            "first_ns": first_ns,
            "base_bytes": base,
            "load_peak_bytes": _above(load_peak, base) if resettable else None,
            "inference_peak_bytes": _above(watch.peak_bytes(), base) if resettable else None,
            **({} if watch is memory else {"memory": _told(watch)}),
            "facts": jsonable(dict(self.session.facts())),
            "outputs": digest_outputs(result),
            "phases": {name: _phase(took, tau_s) for name, took in (("load", loaded), ("warm_up", warmed))},
            "clock_step_ns": recorder.clock_step_ns(),
        }
        if isinstance(self.session, Timed):
            unread = dict.fromkeys(("load_peak_bytes", "inference_peak_bytes"))
            header = {**header, **unread, "clock": str(self.session.clock), "reopens": False}
            del header["phases"]
            return Message(header, {"warm_up": walls})
        if burden:
            self.turns = turns_for(float(walls.min()) / 1e9, burden)
            self.call = burdened(self.call, self.turns)
        self.reopens = warm and load_ns < REOPEN_LIMIT_S * 1e9 and self._can_reopen()
        gc.collect()
        gc.freeze()
        gc.disable()
        return Message({**header, "reopens": self.reopens}, {"warm_up": walls})

    def _warm_up(self, warm: bool, cap_s: float) -> tuple[int, Any, Any]:
        """Run the first call and the warm-up; return the first call's ns, every wall time and the first's result."""
        import numpy as np

        assert self.call is not None
        began = time.perf_counter_ns()
        result = self.call()
        first_ns = time.perf_counter_ns() - began
        walls = recorder.warm_up(self.call, cap_s=cap_s) if warm else np.array([first_ns], dtype=np.int64)
        return first_ns, walls, result

    def block(self, *, n: int, core: int | None, seed: int) -> Message:
        """Record one block of n calls on one core, in a session opened anew where that is cheap.

        Memory layout otherwise stays for a launch and biases every round the same way; random padding moves it.
        """
        placement.pin(core)
        if self.reopens:
            self._open_again(random.Random(seed))
        call = self.call
        if call is None:
            raise PluginError("no session is open in this worker")
        session, tally = self.session, Tally(self.session)
        if isinstance(session, Timed):
            samples, result = recorder.record_elsewhere(lambda: session.time_calls(call, n))
        else:
            samples, result = recorder.record_block(call, n)
        counted = tally.ended(n * self.calls)
        header = {"outputs": digest_outputs(result), **({} if counted is None else {"counted": counted})}
        return Message(header, {"samples": samples})

    def predict(
        self,
        *,
        artifact: Mapping[str, Any],
        inputs: str,
        outputs: str,
        device: str,
        threads: int,
        batch: int,
        rows: Sequence[int] | None = None,
    ) -> Mapping[str, Any]:
        """Run the evaluation inputs, or `rows` [start, stop) of them, in batches; write the outputs as one npz."""
        import numpy as np

        arrays = _load(inputs)
        if rows is not None:
            arrays = {name: value[rows[0] : rows[1]] for name, value in arrays.items()}
        total = len(next(iter(arrays.values())))
        self._let_go()
        session = self._backend().open(Artifact.from_json(artifact), device=device, threads=threads)
        slices = [slice(start, start + batch) for start in range(0, total, batch)]
        parts = [session.run({name: value[each] for name, value in arrays.items()}) for each in slices]
        self.held = str(artifact["digest"]), session
        joined = {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in parts[0]}
        Path(outputs).parent.mkdir(parents=True, exist_ok=True)
        np.savez(outputs, **joined)  # type: ignore[arg-type]  # numpy types the array names as its own flags
        return {"examples": total, "outputs": digest_outputs(joined)}

    def profile(self, *, artifact: Mapping[str, Any], inputs: str, device: str, threads: int) -> Mapping[str, Any]:
        """Return what the backend executes for the latency inputs; it says so itself, or nothing is known.

        The session that has just predicted for the artifact serves again. A session's own `profile` is asked first,
        then `executed` among its facts. Raises Unsupported where there is neither.
        """
        from bench.execution import check_executed

        if self.held is None or self.held[0] != artifact["digest"]:
            self._let_go()
            session = self._backend().open(Artifact.from_json(artifact), device=device, threads=threads)
            self.held = str(artifact["digest"]), session
        try:
            session = self.held[1]
            found = session.profile(_load(inputs)) if isinstance(session, Profiled) else session.facts().get("executed")
        finally:
            self._let_go()
        if found is None:
            raise Unsupported("the backend does not say what it executes")
        return {"executed": check_executed(jsonable(dict(found)))}

    def _let_go(self) -> None:
        """Close the session that predicted. What it was for is over: a close that fails must not cost the next one."""
        held, self.held = self.held, None
        if held is not None:
            with contextlib.suppress(Exception):
                held[1].close()

    def close(self) -> Mapping[str, Any]:
        """Close the session."""
        self._let_go()
        if self.session is not None:
            self.session.close()
        self.session = self.call = None
        return {}

    def _backend(self) -> Backend:
        if self.backend is None:
            raise PluginError("no backend was loaded in this worker")
        return self.backend

    def _memory(self, device: str) -> Any:
        """Return what watches the memory that counts: the device's own where it has some, else this process's."""
        backend = self._backend()
        found = backend.watch_memory(device) if isinstance(backend, WatchesMemory) else None
        return memory if found is None else found

    def _bound(self) -> Callable[[], Any]:
        """Return the open session's query: one call with its inputs, or several."""
        assert self.session is not None
        if self.calls > 1 and isinstance(self.session, Timed):
            raise Unsupported(ELSEWHERE)
        return repeated(self.session.bind(self.inputs), self.calls)

    def _can_reopen(self) -> bool:
        with contextlib.suppress(Unsupported, RuntimeError):
            began = time.perf_counter_ns()
            self._open_again(random.Random(0))
            return time.perf_counter_ns() - began < REOPEN_LIMIT_S * 1e9
        return False

    def _open_again(self, dice: random.Random) -> None:
        import numpy as np

        assert self.reopen is not None
        old, self.call = self.session, None
        if old is not None:
            old.close()
        del old
        sizes = [dice.randrange(64, PADDING_BYTES) for _ in range(dice.randrange(1, PADDING_BLOCKS))]
        self.padding = [bytearray(size) for size in sizes]
        self.inputs = {name: np.array(value) for name, value in self.inputs.items()}
        self.session = self.reopen()
        self.call = self._bound()
        if self.turns:
            self.call = burdened(self.call, self.turns)


def digest_outputs(result: Any) -> str:
    """Return a digest of a call's outputs, whatever container the runtime uses."""
    state = hashlib.sha256()
    for name, value in _leaves(result):
        array = _array(value)
        state.update(f"{name}:{array.dtype}:{array.shape}".encode())
        state.update(array.tobytes())
    return state.hexdigest()[:16]


def output_arrays(result: Any) -> list[Any]:
    """Return a call's outputs as numpy arrays, whatever container the runtime uses."""
    return [_array(value) for _, value in _leaves(result)]


def _leaves(value: Any, name: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [leaf for key in value for leaf in _leaves(value[key], f"{name}.{key}")]
    if isinstance(value, (list, tuple)):
        return [leaf for index, each in enumerate(value) for leaf in _leaves(each, f"{name}.{index}")]
    return [(name, value)]


def _array(value: Any) -> Any:
    import numpy as np

    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
    return np.ascontiguousarray(value)


def _load(path: str) -> dict[str, Any]:
    import numpy as np

    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _phase(took: Took[Any], tau_s: float) -> dict[str, Any]:
    """Return what a phase took; joules only where it lasted long enough for the meter to say something of it."""
    out: dict[str, Any] = {"seconds": took.seconds, "cpu_s": took.cpu_s}
    energy = took.energy
    if energy is not None and energy.value is not None and took.seconds < LEAST_PERIODS * tau_s:
        why = f"it took {format_quantity(took.seconds, 's')}, less than {LEAST_PERIODS} values of the meter"
        energy = Reading.missing("J", f"{why} (one every {format_quantity(tau_s, 's')})")
    return out if energy is None else {**out, "energy": jsonable(energy.to_json())}


def _told(watch: MemoryWatch) -> dict[str, Any]:
    return {"meter": watch.meter, "method": watch.method, "missing": watch.missing}


def _above(peak: int | None, base: int | None) -> int | None:
    return None if peak is None or base is None else max(peak - base, 0)
