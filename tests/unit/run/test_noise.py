"""The noise of a machine: identical yardsticks through the machinery of launches."""

import math
from typing import Any

import numpy as np
import pytest

from bench.errors import BenchError, WorkerError
from bench.run.noise import LEAST, Noise, measure_noise, yardsticks
from bench.wire import Message
from bench.worker.local import LocalWorker
from bench.worker.yardstick import Yardstick


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process numpy has threads of its own for large matrices, which would spin for one another on one core."""
    monkeypatch.setattr("bench.run.noise.WIDTH", 4)


def local(threads: int, memory_bytes: int | None) -> LocalWorker:
    return LocalWorker()


class Even(LocalWorker):
    """A worker whose calls all take a millisecond."""

    def finish(self, *, timeout_s: float) -> Message:
        reply = super().finish(timeout_s=timeout_s)
        if "samples" in reply.arrays:
            reply.arrays["samples"][:-5] = 1_000_000
        return reply


class Broken(LocalWorker):
    def finish(self, *, timeout_s: float) -> Message:
        raise WorkerError("no more", status="failed")


def test_sides_are_byte_identical_and_give_the_same() -> None:
    with yardsticks(2, spawn=local, layers=2) as pair:
        launch = pair.launch([])
        assert len({each.artifact.digest for each in pair.sides if each.artifact}) == 1
        assert len({each.id for each in pair.sides}) == 2
        folder = pair.sides[0].artifact.path.parent
        again = pair.launch([launch])
    assert not folder.exists()
    assert len({digest for each in launch.meta["outputs"].values() for digest in each}) == 1
    assert (again.meta["n"], again.meta["rounds"]) == (launch.meta["n"], launch.meta["rounds"])
    assert launch.meta["watch"]["seconds"] > 0
    assert launch.meta["watch"]["cores"] >= 1
    assert all(each["clock_step_ns"] > 0 for each in launch.meta["headers"].values())


def test_calls_that_are_all_alike_have_no_scatter() -> None:
    found = measure_noise(LEAST, spawn=lambda threads, memory: Even())
    assert found.floor_sd == 0
    assert found.launches == LEAST
    assert found.call_s == pytest.approx(1e-3)
    assert found.validity["verdict"] in ("valid", "suspect")


def test_a_yardstick_that_fails_says_why() -> None:
    with pytest.raises(BenchError, match="yardstick cannot be measured here: starting the measurement: no more"):
        measure_noise(2, spawn=lambda threads, memory: Broken())


@pytest.mark.parametrize("launches", [4, 8, 50])
def test_the_careful_spread_is_the_upper_end(launches: int) -> None:
    """Chi-squared: of n squared deviations about a known centre, a fifth of the sums lie below the quantile used."""
    rng = np.random.default_rng(launches)
    seen = np.sqrt((rng.standard_normal((4000, launches)) ** 2).mean(axis=1))
    careful = [Noise(launches, float(each), 0.0, 1.0, 1e-3, {}).careful_sd for each in seen]
    assert np.mean(np.array(careful) >= 1.0) == pytest.approx(0.8, abs=0.03)


def test_launches_that_fit() -> None:
    assert Noise(8, 0.01, 0.02, 0.7, 1e-3, {}).affordable(10) == 14


@pytest.mark.parametrize("layers", [1, 3])
def test_the_yardstick_multiplies(tmp_path: Any, layers: int) -> None:
    weights = np.eye(4, dtype=np.float32) * 2
    np.save(tmp_path / "w.npy", weights)
    artifact: Any = type("A", (), {"path": tmp_path / "w.npy"})
    session = Yardstick(layers).open(artifact, device="cpu", threads=1)
    x = {"x": np.ones((1, 4), np.float32)}
    assert session.run(x)["output"].tolist() == [[2.0**layers] * 4]
    assert session.bind(x)().shape == (1, 4)
    assert session.facts()["runtime"] == "numpy"
    session.synchronize()
    session.close()
    assert math.isfinite(float(session.run(x)["output"].sum()))
