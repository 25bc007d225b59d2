"""Whole runs over the house: a task, a backend and compressors, good and bad, in one file with numpy only."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bench.machine import machine_facts
from bench.plan import Catalogue, Plan, make_plan
from bench.record import Record
from bench.registry import load_registry
from bench.run import Event, Outcome, Settings, run, spawn_child
from bench.store import Cache, Launch, RunFolder, open_run
from bench.suite.cell import Cell, Step
from bench.wire import Message, Worker
from bench.worker.loading import describe_file
from bench.worker.local import LocalWorker

FILES = Path(__file__).parents[2] / "one_file"
METER = {
    "meter": "cpu-seconds",
    "version": "1",
    "kind": "cpu-seconds",
    "domains": ["cpu"],
    "watts_per_cpu": 3.5,
    "factor": 2.3,
    "source": "test",
}
LAUNCHES, ROUNDS = 2, 2


def describe(file: str) -> Iterable[Mapping[str, Any]]:
    """Describe in this process: the files of these tests are known to be harmless when they are loaded."""
    return [json.loads(json.dumps(each.to_json())) for each in describe_file(file)]


class Spy:
    """Makes workers and writes down every request and every worker that was started and closed."""

    def __init__(self, make: Callable[[int, int | None], Worker]) -> None:
        self.make, self.requests, self.open, self.started = make, [], 0, 0

    def __call__(self, threads: int, memory_bytes: int | None) -> Worker:
        self.open, self.started = self.open + 1, self.started + 1
        return Watched(self.make(threads, memory_bytes), self)

    def of(self, verb: str) -> list[Mapping[str, Any]]:
        return [arguments for name, arguments in self.requests if name == verb]


class Watched:
    """A worker under observation."""

    def __init__(self, worker: Worker, spy: Spy) -> None:
        self.worker, self.spy, self.closed = worker, spy, False

    def request(self, verb: str, arguments: Mapping[str, Any], *, timeout_s: float) -> Message:
        self.spy.requests.append((verb, arguments))
        return self.worker.request(verb, arguments, timeout_s=timeout_s)

    def begin(self, verb: str, arguments: Mapping[str, Any]) -> None:
        self.spy.requests.append((verb, arguments))
        self.worker.begin(verb, arguments)

    def finish(self, *, timeout_s: float) -> Message:
        return self.worker.finish(timeout_s=timeout_s)

    def close(self) -> None:
        self.spy.open -= not self.closed
        self.closed = True
        self.worker.close()


def local(threads: int, memory_bytes: int | None) -> Worker:
    return LocalWorker()


@dataclass
class House:
    """Runs cells of the house into a folder, with small settings: exactly two launches of two rounds."""

    base: Path
    files: Sequence[Path] = (FILES / "house.py", FILES / "odd.py")
    spy: Spy = field(default_factory=lambda: Spy(local))
    backend: str = "numpy"
    backend_options: Mapping[str, Any] = field(default_factory=lambda: {"repeats": 20})
    settings: Mapping[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def catalogue(self) -> Catalogue:
        return Catalogue.from_offers(load_registry([str(each) for each in self.files], describe=describe).offers)

    def cells(self, steps: Sequence[Step | str]) -> list[Cell]:
        first = Cell("s", "house", (), self.backend, backend_options=self.backend_options)
        return [first, *(replace(first, recipe=(each if isinstance(each, Step) else Step(each),)) for each in steps)]

    def run(
        self, *steps: Step | str, out: str = "out", listen: Callable[[Event], None] = lambda event: None
    ) -> Outcome:
        catalogue = self.catalogue()
        return self.run_plan(make_plan(self.cells(steps), catalogue), catalogue, out, listen)

    def run_plan(
        self, plan: Plan, catalogue: Catalogue, out: str = "out", listen: Callable[[Event], None] = lambda event: None
    ) -> Outcome:
        known = {
            "ci_width": 1e300,  # two launches on a busy machine may give an interval over many powers of ten
            "budget_s": 60.0,
            "min_launches": LAUNCHES,
            "rounds": ROUNDS,
            "timeout_s": 60.0,
            "meter": METER,
        }
        settings = Settings(Cache(self.base / "cache"), self.spy, **{**known, **self.settings})

        def both(event: Event) -> None:
            self.events.append(event)
            listen(event)

        with open_run(self.base / out) as folder:
            about = {"machine": machine_facts(), "reproduce": "bench run house"}
            return run(plan, catalogue, settings, folder, about, listen=both)

    def folder(self, out: str = "out") -> RunFolder:
        return RunFolder(self.base / out)

    def launches(self, out: str = "out") -> list[Launch]:
        folder = self.folder(out)
        return [each for place in sorted(folder.journal.folder.iterdir()) for each in folder.journal.read(place.name)]

    def journal_files(self, out: str = "out") -> dict[str, bytes]:
        return {each.name: each.read_bytes() for each in sorted((self.base / out / "journal").rglob("*.npz"))}


def by_step(records: Iterable[Record]) -> dict[str, Record]:
    return {"+".join(step.name for step in each.cell.recipe) or "none": each for each in records}


def in_process(patch: pytest.MonkeyPatch) -> None:
    """Leave out what costs time and changes nothing these tests look at: full collections, waiting for the disk."""
    patch.setenv("BENCH_PLUGINS", "")
    patch.setattr("gc.collect", lambda *args: 0)
    patch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    in_process(monkeypatch)
    return House(tmp_path)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, Outcome]:
    """One run in this process with eight rounds a launch."""
    with pytest.MonkeyPatch.context() as patch:
        in_process(patch)
        house = House(tmp_path_factory.mktemp("measured"), settings={"rounds": 8})
        return house, house.run("same", "cut", "slower")


@pytest.fixture(scope="session")
def named() -> Callable[[Iterable[Record]], dict[str, Record]]:
    return by_step


@pytest.fixture(scope="session")
def spawned(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, Outcome]:
    """One run in child processes over everything the house can do wrong."""
    steps = [
        "same",
        "cut",
        "slower",
        "raises",
        "eats",
        "exits",
        "segfaults",
        "prints",
        "lies",
        "escapes",
        "babbles",
        "vandal",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_PLUGINS", "")
        house = House(
            tmp_path_factory.mktemp("spawned"),
            spy=Spy(spawn_child),
            settings={"timeout_s": 120.0, "memory_bytes": 4 * 10**8},
        )
        return house, house.run(*steps)
