"""Windows in a worker around steps, trainings in them, and openings; a meter that fails costs the number only."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.artifact import Artifact
from bench.reading import Reading
from bench.worker.local import LocalWorker
from bench.worker.meters import CARDS_ONLY

from .test_metering import METERS

MORE = """
class Cards(Meter):
    def stop(self, token):
        return bench.Reading("J", "measured", 10.0, 9.0, 11.0, 1, "m", facts={**FACTS, "domains": ["gpu:0"]})
class Mute(Meter):
    def stop(self, token): return bench.Reading("J", "measured", 10.0, 9.0, 11.0, 1, "m")
"""
TASK = """
import time
import bench

@bench.task("trains", produces="txt", facts={"metric": "m", "unit": "1"})
class Trains:
    metric = bench.Metric("m")
    def digest(self): return "d"
    def artifact(self, format, folder):
        (folder / "m.txt").write_text("x")
        return folder / "m.txt"
    def inputs(self, split, n=None): return {}
    example = score = module = student = inputs
    def fit(self, model, seed=0, diverges=False):
        time.sleep(0.02)
        if diverges: raise ValueError("diverged")
        return {"samples": 5}

@bench.compressor("tune", accepts="txt")
def tune(artifact, ctx, fits: int = 2, diverges: bool = False):
    time.sleep(0.02)
    for _ in range(fits):
        ctx.fit(None, diverges=diverges)
    (ctx.workdir / "out.txt").write_text("y")
    return ctx.workdir / "out.txt"
"""


@pytest.fixture
def meters(tmp_path: Path) -> Any:
    path = tmp_path / "meters.py"
    path.write_text(METERS + MORE)
    return lambda name, **more: {"target": f"{path}:{name}", "options": {}, **more}


@pytest.fixture
def step(tmp_path: Path) -> Any:
    """Run the step of a task that trains, with a meter of 5 W."""
    path = tmp_path / "task.py"
    path.write_text(TASK)

    def run(meter: Any, **options: Any) -> Any:
        worker = LocalWorker()
        prepared = {"target": f"{path}:Trains", "options": {}, "format": "txt", "folder": str(tmp_path), "seed": 0}
        worker.request("prepare", prepared, timeout_s=5.0)
        asked = {"target": f"{path}:tune", "options": options, "produces": "txt", "workdir": str(tmp_path / "w")}
        return worker.request("compress", {**asked, "meter": meter}, timeout_s=5.0).data

    return run


def test_a_step_and_the_trainings_in_it_have_joules(step: Any, meters: Any) -> None:
    found = step(meters("Meter"))
    whole, trained = (Reading.from_json(found[name]) for name in ("energy", "train_energy"))
    assert whole.value == pytest.approx(5.0 * found["seconds"])
    assert trained.value == pytest.approx(5.0 * found["train_s"], rel=0.05)
    assert whole.value > trained.value
    assert (whole.facts["per"], trained.facts["per"], trained.facts["n_windows"]) == ("step", "training", 2)
    assert found["train_samples"] == 10


def test_a_step_that_does_not_train_has_one_reading(step: Any, meters: Any) -> None:
    assert "train_energy" not in step(meters("Meter"), fits=0)
    assert not {"energy", "train_energy"} & set(step(None))


def test_a_meter_that_bears_no_second_window_tells_the_whole_only(step: Any, meters: Any) -> None:
    found = step(meters("Meter", nests=False))
    assert found["energy"]["class"] == "measured"
    assert "train_energy" not in found


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Cards", CARDS_ONLY),
        ("Mute", "the meter does not say kind"),
        ("Nowhere", "the window was lost"),
        ("Crowded", "others did 50%"),
    ],
)
def test_what_cannot_be_charged_to_the_step_is_said(step: Any, meters: Any, name: str, says: str) -> None:
    found = step(meters(name))
    assert found["energy"]["value"] is None
    assert says in found["energy"]["reason"]
    assert found["seconds"] >= 0.06


def test_a_training_that_diverges_is_the_steps_failure(step: Any, meters: Any) -> None:
    with pytest.raises(Exception, match="diverged"):
        step(meters("Meter"), diverges=True)


def opened(tmp_path: Path, meter: Any) -> Any:
    np.savez(tmp_path / "model.npz", w=np.ones((4, 2)))
    np.savez(tmp_path / "inputs.npz", x=np.ones((1, 4)))
    house = Path(__file__).parents[2] / "one_file" / "house.py"
    worker = LocalWorker()
    worker.request("import", {"target": f"{house}:Numpy", "options": {"repeats": 1}, "needs": []}, timeout_s=5.0)
    artifact = Artifact.of(tmp_path / "model.npz", "npz").to_json()
    more = {"inputs": str(tmp_path / "inputs.npz"), "device": "cpu", "threads": 1, "warm": False}
    reply = worker.request("open", {"artifact": artifact, "meter": meter, **more}, timeout_s=5.0)
    worker.close()
    return reply.data["phases"]


def test_opening_and_warming_up_have_times_and_joules(tmp_path: Path, meters: Any) -> None:
    for meter in (meters("Meter"), None):
        phases = opened(tmp_path, meter)
        assert set(phases) == {"load", "warm_up"}
        for each in phases.values():
            assert each["cpu_s"] > 0
            assert each["seconds"] > 0
            assert ("energy" in each) == (meter is not None)


def test_an_opening_of_less_than_ten_values_is_not_read(
    tmp_path: Path, meters: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for least, class_ in ((0, "measured"), (10**9, "unavailable")):
        monkeypatch.setattr("bench.worker.measuring.LEAST_PERIODS", least)
        assert {each["energy"]["class"] for each in opened(tmp_path, meters("Meter")).values()} == {class_}
