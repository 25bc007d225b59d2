"""Runners: which backend shows what a format computes, cheapest first, and its outputs on stored inputs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.envs import serving
from bench.errors import BenchError, Unsupported, WorkerError
from bench.offer import Offer
from bench.plan import Catalogue
from bench.run.settings import Settings
from bench.run.siblings import MODULE
from bench.run.spawning import settings_for
from bench.wire import Worker

Left = Callable[[], float]


@dataclass(frozen=True)
class Job:
    """Inputs to be run `batch` at a time, and where the outputs go; both npz."""

    inputs: Path
    outputs: Path
    batch: int


class Runners:
    """Runs artifacts by a backend that opens them, each backend in one worker until `close`."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self._settings, self._catalogue = settings, catalogue
        self._offers: dict[str, tuple[Offer, ...]] = {}
        self._workers: dict[str, Worker] = {}

    def of(self, form: str) -> tuple[Offer, ...]:
        """Return the backends that run a format on the processor, the cheapest first: those that work here."""
        if form not in self._offers:
            found = [each for each in self._catalogue.of("backend") if self._runs(each, form)]
            self._offers[form] = tuple(sorted(found, key=lambda each: serving(each) is not None))
        return self._offers[form]

    def _runs(self, offer: Offer, form: str) -> bool:
        takes = offer.facts.get("runs", ()) if form == MODULE else offer.accepts
        devices = offer.facts.get("devices") or ["cpu"]
        usable = form in takes and "cpu" in devices and offer.facts.get("checks", True)
        return bool(usable) and offer.bare and self._here(offer, form)

    def _here(self, offer: Offer, form: str) -> bool:
        """Whether an offer works; a module cannot leave the worker that holds it: only a backend from here runs it."""
        return self._catalogue.missing(offer) is None and not (form == MODULE and serving(offer) is not None)

    def run(self, artifact: Mapping[str, Any], job: Job, left: Left, held: tuple[Worker, str] | None = None) -> str:
        """Write what an artifact answers; return the backend's name. Raises Unsupported with every backend's reason.

        `held` is a worker that has run a module by a backend, and its name: that backend then runs files there too,
        since what takes longest, starting it, is done. Raises WorkerError where such a worker is lost.
        """
        reasons = []
        for offer in self.of(str(artifact["format"])):
            there = held[0] if held is not None and held[1] == offer.name else None
            try:
                _predict(there or self._worker(offer), offer, artifact, job, left)
                return offer.name
            except BenchError as error:
                if there is not None and is_lost(error):
                    raise
                self._end(offer.name)
                reasons.append(f"{offer.name} cannot run it: {error.message}")
        raise Unsupported("; ".join(reasons) or f"no backend here opens '{artifact['format']}' on the processor")

    def run_module(self, worker: Worker, job: Job, left: Left) -> str:
        """Write what the module answers that a worker holds; return the backend's name. Raises Unsupported."""
        for offer in self.of(MODULE):
            request = {"target": offer.target, "options": {}, "batch": job.batch}
            files = {"inputs": str(job.inputs), "outputs": str(job.outputs)}
            worker.request("outputs", {**request, **files}, timeout_s=left())
            return offer.name
        raise Unsupported("no backend here runs modules in memory")

    def _worker(self, offer: Offer) -> Worker:
        """Return the backend's own worker, started when it is first asked for."""
        if offer.name not in self._workers:
            settings = settings_for(offer, self._settings)
            self._workers[offer.name] = settings.spawn(1, settings.memory_bytes)
        return self._workers[offer.name]

    def _end(self, name: str) -> None:
        worker = self._workers.pop(name, None)
        if worker is not None:
            with contextlib.suppress(BenchError):
                worker.close()

    def close(self) -> None:
        """End every worker."""
        for name in list(self._workers):
            self._end(name)


def is_lost(error: BenchError) -> bool:
    """Whether a worker is gone, or time is over: an error of the plugin's own has a traceback."""
    return isinstance(error, WorkerError) and error.traceback is None


def _predict(worker: Worker, offer: Offer, artifact: Mapping[str, Any], job: Job, left: Left) -> None:
    """Run a file with the backend's options as they come: what is checked is the file, not a setting."""
    worker.request("import", {"target": offer.target, "options": {}, "needs": list(offer.needs)}, timeout_s=left())
    files = {"inputs": str(job.inputs), "outputs": str(job.outputs), "artifact": {**artifact, "lineage": []}}
    worker.request("predict", {**files, "device": "cpu", "threads": 1, "batch": job.batch}, timeout_s=left())
