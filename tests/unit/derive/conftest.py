"""Launches with a known truth."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench.store import Launch

Make = Callable[..., list[Launch]]


def launches(
    count: int = 8,
    *,
    ratio: float = 0.5,
    cpu_ratio: float | None = None,
    rounds: int = 6,
    n: int = 13,
    base_ns: float = 1e6,
    noise: float = 0.002,
    cpu_share: float = 1.0,
    drift: float = 0.0,
    spikes: float = 0.0,
    outputs: Callable[[int, str], list[str]] = lambda index, cell: [cell],
    seed: int = 0,
) -> list[Launch]:
    """Return launches of "base" and "small", `small` taking `ratio` of the time; noise is multiplicative per block.

    `spikes` is a fraction of calls that take 100 times as long; a block's first three calls are cold, at 30 % more.
    """
    rng, made = np.random.default_rng(seed), []
    for index in range(count):
        slower, samples = 1 + drift * index / max(count - 1, 1), {}
        for cell, factor, cpu in (("base", 1.0, 1.0), ("small", ratio, cpu_ratio or ratio)):
            block = np.exp(rng.normal(0, noise, (rounds, 1)))
            walls = base_ns * factor * slower * block * (1 + np.abs(rng.normal(0, noise, (rounds, n))))
            walls[:, :3] *= 1.3
            if spikes:
                walls = np.where(rng.random(walls.shape) < spikes, walls * 100, walls)
            work = base_ns * cpu * slower * n * cpu_share * block[:, 0]
            tail = np.stack([work, np.zeros(rounds), np.zeros(rounds), np.zeros(rounds), np.arange(rounds)], axis=1)
            samples[cell] = np.concatenate([walls, tail], axis=1).astype(np.int64)
        header = {
            "import_ns": 5e8,
            "load_ns": 2e7,
            "first_ns": 3e6,
            "facts": {},
            "base_bytes": 10_000,
            "load_peak_bytes": 900,
            "inference_peak_bytes": 500 + index,
            "phases": {"load": {"seconds": 0.02, "cpu_s": 0.02}, "warm_up": {"seconds": 0.1, "cpu_s": 0.09}},
        }
        meta = {
            "n": n,
            "rounds": rounds,
            "headers": dict.fromkeys(samples, header),
            "outputs": {cell: outputs(index, cell) for cell in samples},
            "artifacts": {cell: cell for cell in samples},
            "seconds": 1.0,
        }
        made.append(Launch(meta, samples))
    return made


@pytest.fixture(scope="session")
def make() -> Make:
    return launches


METER = {
    "meter": "cpu-seconds",
    "version": "1",
    "kind": "cpu-seconds",
    "domains": ["cpu"],
    "watts_per_cpu": 4.0,
    "factor": 2.0,
    "source": "t",
}


@pytest.fixture
def meter() -> dict[str, Any]:
    return METER


@pytest.fixture
def derive() -> Callable[..., Any]:
    from bench.derive import Stop, derive_comparison

    def run(launches: list[Launch], *, threads: int = 1, batch: int = 1, stop: Any = None, meter: Any = METER) -> Any:
        return derive_comparison(
            launches, "base", "base-record", threads=threads, batch=batch, stop=stop or Stop(0.02), meter=meter
        )

    return run
