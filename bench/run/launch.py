"""One launch: all sides started in coin-flip order, warmed up, and measured in interleaved rounds."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.machine import fingerprint, load_facts, machine_facts
from bench.measure import placement
from bench.measure.watch import Watch, process_ids
from bench.plan import PlannedComparison
from bench.reading import Reading
from bench.run.built import Side
from bench.run.deadline import Deadline
from bench.run.issuing import Issuing
from bench.run.ledger import Ledger
from bench.run.metering import Meter, Metering
from bench.run.settings import Settings
from bench.run.spawning import spawn_for
from bench.store import Launch
from bench.wire import Message, Worker

BLOCK_S = 0.020
LEAST_CALLS, MOST_CALLS = 7, 100  # at least 4 counted calls after the 3 discarded; pairing is lost beyond about 100
SLOW_START_S = 1.0
BLOCK_TIMEOUT_S = 120.0


class Launcher:
    """Runs launches of one comparison; remembers the block length, which must not change between launches."""

    def __init__(
        self,
        comparison: PlannedComparison,
        inputs: str,
        settings: Settings,
        ledger: Ledger,
        metering: Metering,
        deadline: Deadline | None = None,
    ) -> None:
        self.comparison, self.inputs, self.settings, self.ledger = comparison, inputs, settings, ledger
        self.metering, self.deadline = metering, deadline or Deadline.each(settings.timeout_s)
        self.issuing: Issuing | None = None

    def launch(
        self,
        sides: Sequence[Side],
        dice: random.Random,
        n: int | None,
        rounds: int | None,
        issued: Mapping[str, Any] | None = None,
    ) -> Launch | None:
        """Measure all sides once. A side that fails is marked and left out; None when fewer remain than asked for.

        `n` calls a block and `rounds` are those of earlier launches, None to choose them now; so is `issued`, what
        the latest launch says of its scenario. Queries are issued where there is an `issuing`.
        """
        began, load_before = time.perf_counter(), load_facts()
        with ExitStack() as stack:
            workers = self._start(sides, dice, stack)
            headers, warm = self._open(sides, workers)
            alive = [side for side in sides if side.alive]
            if len(alive) < len(sides):
                return None
            n = n or block_calls([float(np.min(walls)) / 1e9 for walls in warm.values()])
            rounds = rounds or self._rounds_for(headers, warm, n)
            with self.ledger.phase("measure"):
                watch = Watch(process_ids(workers))
                blocks = self._rounds(alive, workers, dice, n, rounds)
                passes = self._passes(alive, workers, dice, blocks, n, issued)
                seen = watch.ended()
            metered = self._windows(alive, workers, dice) if passes is not None else {}
            with self.ledger.phase("start"):
                stack.close()
        if blocks is None or passes is None:
            return None
        meta = {
            "n": n,
            "rounds": rounds,
            "headers": headers,
            "artifacts": {side.id: side.artifact.digest for side in alive if side.artifact},
            "machine": fingerprint(machine_facts()),
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seconds": time.perf_counter() - began - metered.get("metered_s", 0.0),
            "load": {"before": load_before, "after": load_facts()},
            "watch": seen,
            **metered,
            **passes[0],
        }
        samples = {cell: np.stack(rows) for cell, rows in blocks["samples"].items()}
        return Launch({**meta, **blocks["meta"]}, samples, passes[1])

    def _rounds_for(self, headers: Mapping[str, Any], warm: Mapping[str, Any], n: int) -> int:
        """Return twice the rounds where starting takes a second, unless a round's blocks take longer than that."""
        start_s = sum((each["import_ns"] + each["load_ns"]) / 1e9 for each in headers.values())
        round_s = sum(float(np.min(walls)) / 1e9 * n for walls in warm.values())
        slow_start = start_s >= SLOW_START_S * len(headers) and self.settings.rounds * round_s < start_s
        return self.settings.rounds * (2 if slow_start else 1)

    def _start(self, sides: Sequence[Side], dice: random.Random, stack: ExitStack) -> dict[str, Worker]:
        """Start every process at once, so that imports overlap; nothing is being measured yet."""
        workers: dict[str, Worker] = {}
        with self.ledger.phase("start"):
            for side in dice.sample(list(sides), len(sides)):
                try:
                    spawn = side.spawn or spawn_for(side.backend or self.comparison.backend, self.settings)
                    worker = spawn(side.planned.cell.threads, self.settings.memory_bytes)
                except BenchError as error:
                    side.fail(error, "starting the measurement")
                    continue
                stack.callback(worker.close)
                workers[side.id] = worker
            for side in sides:
                if side.alive:
                    backend = side.backend or self.comparison.backend
                    options = dict(side.planned.cell.backend_options)
                    arguments = {"target": backend.target, "options": options, "needs": list(backend.needs)}
                    workers[side.id].begin("import", arguments)
        return workers

    def _open(self, sides: Sequence[Side], workers: Mapping[str, Worker]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Open and warm up one side after the other, in the order they were started."""
        by_id, headers, warm = {side.id: side for side in sides}, {}, {}
        meter = self.metering.of(self.comparison.cells[0].cell.device)
        imported: dict[str, Any] = {}
        if self.metering.opens(meter):  # what others still import would be charged to who opens first
            imported = self._imported(by_id, workers, list(workers))
        for cell in workers:
            side, began = by_id[cell], time.perf_counter()
            if side.alive and cell not in imported:
                imported |= self._imported(by_id, workers, [cell])
            try:
                if side.alive:
                    headers[cell], warm[cell] = self._open_one(side, workers[cell], meter)
                    headers[cell] = {**imported[cell], **headers[cell]}
            except BenchError as error:
                side.fail(error, "starting the measurement")
            elapsed = time.perf_counter() - began
            warmed = float(np.sum(warm[cell])) / 1e9 if cell in warm else 0.0
            self.ledger.add("warm_up", warmed)
            self.ledger.add("start", max(elapsed - warmed, 0.0))
        return headers, warm

    def _imported(
        self, sides: Mapping[str, Side], workers: Mapping[str, Worker], cells: Sequence[str]
    ) -> dict[str, Mapping[str, Any]]:
        """Wait until workers have imported their backends."""
        found: dict[str, Mapping[str, Any]] = {}
        for cell in cells:
            try:
                found[cell] = workers[cell].finish(timeout_s=self.deadline.left_s()).data
            except BenchError as error:
                sides[cell].fail(error, "starting the measurement")
        return found

    def _open_one(self, side: Side, worker: Worker, meter: Meter | None) -> tuple[dict[str, Any], Any]:
        cell, artifact = side.planned.cell, side.copy or side.artifact
        assert artifact is not None
        arguments: dict[str, Any] = {"artifact": {**artifact.to_json(), "lineage": []}, "inputs": self.inputs}
        more: dict[str, Any] = {"device": cell.device.rstrip("?"), "threads": cell.threads}
        if cell.query_samples > cell.batch:
            more["calls"] = cell.query_samples // cell.batch
        if side.burden:
            more["burden"] = side.burden
        with self.metering.for_opening(meter) as loan:
            arguments = {**arguments, **more, "meter": loan.meter}
            reply = worker.request("open", arguments, timeout_s=self.deadline.left_s())
        header = dict(reply.data)
        if loan.reason and "phases" in header:
            missing = Reading.missing("J", loan.reason).to_json()
            header["phases"] = {name: {**each, "energy": missing} for name, each in header["phases"].items()}
        return header, reply.arrays["warm_up"]

    def _rounds(
        self, sides: Sequence[Side], workers: Mapping[str, Worker], dice: random.Random, n: int, rounds: int
    ) -> dict[str, Any] | None:
        cores = placement.cores()
        samples: dict[str, list[Any]] = {side.id: [] for side in sides}
        outputs: dict[str, list[str]] = {side.id: [] for side in sides}
        counted: dict[str, list[Any]] = {}
        order, chosen = [], []
        single = all(side.planned.cell.threads == 1 for side in sides)
        for _ in range(rounds):
            core = dice.choice(cores) if cores and single else None
            turn = dice.sample(list(sides), len(sides))
            for side in turn:
                reply = self._block(side, workers[side.id], n, core, dice.randrange(1 << 30))
                if reply is None:
                    return None
                samples[side.id].append(reply.arrays["samples"])
                outputs[side.id].append(str(reply.data["outputs"]))
                if "counted" in reply.data:
                    counted.setdefault(side.id, []).append(dict(reply.data["counted"]))
            order.append([side.id for side in turn])
            chosen.append(core)
        digests = {cell: sorted(set(each)) for cell, each in outputs.items()}
        meta = {"order": order, "cores": chosen, "outputs": digests, **({"counted": counted} if counted else {})}
        return {"samples": samples, "meta": meta}

    def _passes(
        self,
        sides: Sequence[Side],
        workers: Mapping[str, Worker],
        dice: random.Random,
        blocks: Mapping[str, Any] | None,
        n: int,
        issued: Mapping[str, Any] | None,
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Issue the scenario's queries; nothing where nobody asks for them, None where a side failed."""
        if blocks is None or self.issuing is None:
            return None if blocks is None else ({}, {})
        found = self.issuing.passes(sides, workers, dice, blocks["samples"], n, issued)
        for cell, digests in (found or ({}, {}))[0].get("scenario", {}).pop("outputs", {}).items():
            blocks["meta"]["outputs"][cell] = sorted({*blocks["meta"]["outputs"][cell], *digests})
        return found

    def _windows(self, sides: Sequence[Side], workers: Mapping[str, Worker], dice: random.Random) -> dict[str, Any]:
        """Meter every side once, one after the other in drawn order; a window that is lost costs its number only."""
        meter = self.metering.of(self.comparison.cells[0].cell.device)
        if meter is None:
            return {}
        began, cores = time.perf_counter(), placement.cores()
        single = all(side.planned.cell.threads == 1 for side in sides)
        core = dice.choice(cores) if cores and single else None
        turn = dice.sample(list(sides), len(sides))
        with self.ledger.phase("energy"):
            readings = {side.id: self.metering.window(meter, workers[side.id], core) for side in turn}
        return {
            "energy": readings,
            "energy_order": [side.id for side in turn],
            "metered_s": time.perf_counter() - began,
        }

    def _block(self, side: Side, worker: Worker, n: int, core: int | None, seed: int) -> Message | None:
        try:
            return worker.request("block", {"n": n, "core": core, "seed": seed}, timeout_s=self._block_timeout())
        except BenchError as error:
            side.fail(error, "measuring")
            return None

    def _block_timeout(self) -> float:
        """Return how long a block may take: it lasts milliseconds, so a worker that hangs is found soon."""
        return min(self.deadline.left_s(), BLOCK_TIMEOUT_S)


def block_calls(call_s: Sequence[float]) -> int:
    """Return the calls of a block, the same on every side: about 20 ms of the geometric mean side.

    Minima over 2 and over 22 calls of one model differ by 3-10 %, so the number must not differ between sides.
    """
    typical = math.exp(sum(math.log(max(each, 1e-9)) for each in call_s) / len(call_s))
    return min(max(round(BLOCK_S / typical) + 3, LEAST_CALLS), MOST_CALLS)
