"""Gates from end to end over the house, launches replaced by invented ones: every verdict is the same every time."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from bench.cli import gate_command, run_command, setup
from bench.machine import machine_facts
from bench.run.gate import measuring
from bench.store import Launch
from bench.worker.loading import describe_file
from bench.worker.local import LocalWorker

HOUSE = Path(__file__).parents[3] / "one_file" / "house.py"
# One step whose artifact is what these constants say; a test edits them as a developer edits a plugin.
STEP = """
import numpy as np
import bench

EXTRA, PAD, WRONG = 0, 1, 0


@bench.compressor("work", accepts="npz")
def work(artifact, ctx):
    \"\"\"Leave an artifact that does more work, is longer or is wrong.\"\"\"
    with np.load(artifact.path) as archive:
        w = archive["w"].copy()
    w[:, :WRONG] = 0
    path = ctx.workdir / "out.npz"
    np.savez(path, w=w, extra=np.array(EXTRA), pad=np.zeros(PAD, dtype=np.uint8))
    return path
"""
SUITE = """bench: 1
name: gated
matrix:
  task: [house]
  recipe: [none, work]
  backend: [numpy: {repeats: 20}]
measure: {repeat: 200ms, min_launches: 2, rounds: 2, idle: 0s}
"""
CALL_NS, ROUNDS, CALLS = 1e6, 6, 20


@dataclass
class Machine:
    """What the invented launches obey: the noise of a launch, and factors that a test may set by side's role."""

    noise: float = 0.002
    dull: bool = False
    jumpy: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    launches: list[list[str]] = field(default_factory=list)


def fake(machine: Machine) -> Any:
    """Return a launcher whose launches cost nothing: an artifact takes as long as the work that it holds."""

    class Fake:
        def __init__(self, comparison: Any, inputs: str, settings: Any, ledger: Any, metering: Any) -> None:
            self.draw = np.random.default_rng(7)

        def launch(self, sides: Sequence[Any], dice: Any, n: int | None, rounds: int | None) -> Launch:
            machine.launches.append([side.id for side in sides])
            samples, headers = {}, {}
            for side in sides:
                factor = machine.jumpy.get(side.role, 1.0) * np.exp(self.draw.normal(0, machine.noise))
                factor *= 1.0 if machine.dull else (1 + _extra(side) / 20) * (1 + side.burden)
                walls = CALL_NS * factor * (1 + self.draw.exponential(0.03, (ROUNDS, CALLS)))
                tail = np.zeros((ROUNDS, 5))
                tail[:, 0] = walls.sum(axis=1)
                samples[side.id] = np.hstack([walls, tail]).astype(np.int64)
                peak = 5e6 * machine.peaks.get(side.role, 1.0)
                headers[side.id] = {"inference_peak_bytes": peak, "facts": {}}
            meta = {
                "n": CALLS,
                "rounds": ROUNDS,
                "seconds": 1.0,
                "headers": headers,
                "outputs": {side.id: ["0"] for side in sides},
                "artifacts": {side.id: side.artifact.digest for side in sides},
            }
            return Launch(meta, samples)

    return Fake


def _extra(side: Any) -> int:
    with np.load(side.copy.path) as archive:
        return int(archive["extra"]) if "extra" in archive.files else 0


def describe(file: str) -> Iterable[Mapping[str, Any]]:
    return [json.loads(json.dumps(each.to_json())) for each in describe_file(file)]


@dataclass
class Gated:
    """A folder with a suite, its plugins and results, as a developer has it."""

    base: Path
    machine: Machine
    patch: pytest.MonkeyPatch
    versions: int = 0

    def write(self, suite: str = SUITE, house: Callable[[str], str] = str, **constants: int) -> None:
        """Write suite and plugins; every edit is a file of its own name, since modules are loaded once a process."""
        (self.base / "gated.yaml").write_text(suite)
        text = STEP
        for name, value in constants.items():
            old = next(line for line in text.splitlines() if line.startswith("EXTRA"))
            names, values = (part.split(", ") for part in old.split(" = "))
            values[names.index(name)] = str(value)
            text = text.replace(old, f"{', '.join(names)} = {', '.join(values)}")
        self.versions += 1
        for name, source in (("step", text), ("house", house(HOUSE.read_text()))):
            for old_file in self.base.glob(f"{name}_*.py"):
                old_file.unlink()
            (self.base / f"{name}_{self.versions}.py").write_text(source)

    @property
    def plugins(self) -> list[str]:
        return [word for path in sorted(self.base.glob("*_*.py")) for word in ("-p", str(path))]

    def run(self, out: str = "kept", *, elsewhere: bool = False) -> Path:
        """Keep a run to gate against, of this machine or of another."""
        words = ["gated.yaml", "-o", out, *self.plugins]
        with pytest.MonkeyPatch.context() as patch:
            if elsewhere:
                patch.setattr(run_command, "machine_facts", lambda: {**machine_facts(), "processor": "Another"})
            assert CliRunner().invoke(run_command.command, words, catch_exceptions=False).exit_code == 0
        return self.base / out

    def gate(self, *words: str, out: str = "gate", what: str = "gated.yaml") -> Any:
        """Gate; returns click's result, with the report as JSON in `report`."""
        said = [what, *self.plugins, "-o", out, *words]
        result: Any = CliRunner().invoke(gate_command.command, said)
        path = self.base / out / "gate.json"
        result.report = json.loads(path.read_text()) if path.exists() else None
        return result

    def metric(self, result: Any, name: str, recipe: str = "work") -> Mapping[str, Any]:
        (cell,) = (each for each in result.report["cells"] if f"· {recipe} ·" in each["name"])
        (found,) = (each for each in cell["metrics"] if each["metric"] == name)
        return found  # type: ignore[no-any-return]

    def outcomes(self, result: Any, recipe: str = "work") -> dict[str, str]:
        (cell,) = (each for each in result.report["cells"] if f"· {recipe} ·" in each["name"])
        return {each["metric"]: each["outcome"] for each in cell["metrics"]}


@pytest.fixture
def gated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gated:
    machine = Machine()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_PLUGINS", "")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("gc.collect", lambda *args: 0)
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    monkeypatch.setattr(setup, "_describe", describe)
    monkeypatch.setattr(run_command, "spawn_child", lambda threads, memory_bytes: LocalWorker())
    monkeypatch.setattr(run_command, "MOST_PARALLEL", 1)
    monkeypatch.setattr(measuring, "Launcher", fake(machine))
    made = Gated(tmp_path, machine, monkeypatch)
    made.write()
    return made
