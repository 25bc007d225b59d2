"""The worker's side of metering: who can read, how long a window takes, and whose joules they are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.artifact import Artifact
from bench.errors import WorkerError
from bench.measure.energy import Load, ProcLoad
from bench.reading import Reading
from bench.worker.local import LocalWorker

FACTS = {
    "kind": "counter",
    "meter_version": "1",
    "domains": ["package"],
    "by_domain": {"package": 10.0},
    "period_s": 0.001,
    "window_s": 2.0,
    "n_windows": 1,
    "n_invalid": 0,
    "share": None,
    "steal": None,
    "uncertainty": {"total_j": 1.0},
}
METERS = (
    f"FACTS = {FACTS!r}\n"
    """
import bench

class Meter:
    share, fine, coarse, period = None, 3.0, 1.0, 0.001
    def available(self): return None
    def start(self): return 0
    def guard(self, token): return token + 1
    def stop(self, token):
        facts = {**FACTS, "share": self.share, "guards": token}
        return bench.Reading("J", "measured", 10.0, 9.0, 11.0, 1, "m", facts=facts)
    def period_s(self): return self.period
    def window_s(self, precision): return {0.01: self.fine, 0.1: self.coarse}[precision]

class Plain:
    def available(self): return None
    def start(self): return 0
    def stop(self, token): return bench.Reading("J", "measured", 10.0, 9.0, 11.0, 1, "m", facts=FACTS)

class Quick(Meter): fine = 0.2
class Slow(Meter): fine, coarse = 345.0, 30.0
class Coarse(Meter): fine, coarse = float("inf"), 4.0
class Hopeless(Meter): fine = coarse = float("inf")
class Shared(Meter): share = 0.8
class Crowded(Meter): share = 0.5
class Absent(Meter):
    def available(self): return "not here: buy one"
class Zoned(Meter):
    def describe(self): return (bench.Zone("package-0", "package", "intel-rapl:0", "summed", "the processor"),)
class Still(Meter):
    def window_s(self, precision): raise OSError("the counter stands still")
class Options:
    def __init__(self, watts: float): self.watts = watts
    def available(self): return f"{self.watts} W"
"""
)


@pytest.fixture
def meters(tmp_path: Path) -> Any:
    path = tmp_path / "meters.py"
    path.write_text(METERS)
    return lambda name, **options: {"target": f"{path}:{name}", "options": options}


def ask(meter: Any, **more: Any) -> Any:
    reply = LocalWorker().request("available", {"meters": {"m": meter}, **more}, timeout_s=5.0)
    return reply.data["meters"]["m"]


@pytest.mark.parametrize(
    ("name", "window_s", "fine_s"),
    [
        ("Quick", 1.0, 0.2),
        ("Meter", 3.0, 3.0),
        ("Slow", 30.0, 345.0),
        ("Coarse", 10.0, None),
        ("Hopeless", 10.0, None),
        ("Plain", 10.0, None),
    ],
)
def test_a_window_is_as_long_as_one_per_cent_takes_within_reason(
    meters: Any, name: str, window_s: float, fine_s: float | None
) -> None:
    found = ask(meters(name))
    assert (found["reason"], found["window_s"], found["fine_s"]) == (None, window_s, fine_s)


def test_who_cannot_read_says_why_and_is_not_timed(meters: Any) -> None:
    assert ask(meters("Absent")) == {"reason": "not here: buy one", "zones": []}
    assert ask(meters("Still"))["reason"] == "the counter stands still"
    assert ask(meters("Options"))["reason"].startswith("Options.__init__() missing")
    assert ask(meters("Options", watts=3.5))["reason"] == "3.5 W"
    assert "window_s" not in ask(meters("Meter"), timing=False)


def test_zones_are_listed(meters: Any) -> None:
    (zone,) = ask(meters("Zoned"))["zones"]
    assert (zone["place"], zone["role"]) == ("intel-rapl:0", "summed")


@pytest.fixture
def worker(tmp_path: Path) -> Any:
    """A worker with an open session of the house."""
    np.savez(tmp_path / "model.npz", w=np.ones((4, 2)))
    np.savez(tmp_path / "inputs.npz", x=np.ones((1, 4)))
    house = Path(__file__).parents[2] / "one_file" / "house.py"
    made = LocalWorker()
    made.request("import", {"target": f"{house}:Numpy", "options": {"repeats": 1}, "needs": []}, timeout_s=5.0)
    artifact = Artifact.of(tmp_path / "model.npz", "npz").to_json()
    more = {"inputs": str(tmp_path / "inputs.npz"), "device": "cpu", "threads": 1, "warm": False}
    made.request("open", {"artifact": artifact, **more}, timeout_s=5.0)
    yield made
    made.close()


def window(worker: Any, meter: Any) -> Reading:
    reply = worker.request("window", {"meter": meter, "seconds": 0.02, "core": None}, timeout_s=5.0)
    return Reading.from_json(reply.data["reading"])


@pytest.mark.parametrize("name", ["Meter", "Plain"])
def test_a_window_gives_joules_of_one_inference(worker: Any, meters: Any, name: str) -> None:
    found = window(worker, meters(name))
    n, busy_s = found.facts["inferences"], found.facts["busy_s"]
    assert n > 1
    assert busy_s >= 0.02
    assert found.value == pytest.approx(10.0 / 2.0 * busy_s / n)
    assert found.facts["per"] == "inference"
    if name == "Meter":
        assert 10 <= found.facts["guards"] < n, "short inferences are not told apart, and guards come all the same"


def test_others_work_makes_it_derived_and_too_much_of_it_nothing(worker: Any, meters: Any) -> None:
    alone, shared, crowded = (window(worker, meters(name)) for name in ("Meter", "Shared", "Crowded"))
    assert (alone.class_, shared.class_, crowded.class_) == ("measured", "derived", "unavailable")
    facts = shared.facts
    assert shared.value == pytest.approx(0.8 * 5.0 * facts["busy_s"] / facts["inferences"])
    assert "others did 50%" in str(crowded.reason)


def test_without_a_session_there_is_nothing_to_meter(meters: Any) -> None:
    with pytest.raises(WorkerError, match="no session is open"):
        LocalWorker().request("window", {"meter": meters("Meter"), "seconds": 0.1, "core": None}, timeout_s=5.0)


def test_idle_is_the_whole_machines(meters: Any) -> None:
    for name in ("Meter", "Plain", "Crowded"):
        reply = LocalWorker().request("idle", {"meter": meters(name), "seconds": 0.01}, timeout_s=5.0)
        assert Reading.from_json(reply.data["reading"]).value == 10.0
    reply = LocalWorker().request("idle", {"meter": meters("Options"), "seconds": 0.01}, timeout_s=5.0)
    assert "the window was lost: TypeError" in reply.data["reading"]["reason"]


def test_the_share_is_this_processs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What every reading of a shared package rests on: our busy time over the machine's."""
    from bench.measure.energy.sharing import shares

    first, last = Load(10.0, 0.0, 100.0, 1.0), Load(11.0, 0.5, 110.0, 1.9)
    assert shares(first, last) == {"share": pytest.approx(0.9), "steal": pytest.approx(0.05)}
    assert ProcLoad(Path("nowhere")).read() is None
