"""Settings of a run, and how its workers are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.store import Cache
from bench.suite.cell import Step
from bench.suite.measure import EnergyClass
from bench.wire import Child, Limits, Worker

Spawn = Callable[[int, int | None], Worker]
MEMORY_SHARE = 0.8


@dataclass(frozen=True)
class Settings:
    """How a run measures. Times in seconds, sizes in bytes; `ci_width` is the full width of the 95 % interval.

    `metering` is the meter whose windows give joules ("auto": the first that can read here; None: none), each window
    `window_s` long (None: as long as the meter needs). `meter` holds the facts of the estimator that stands in where
    there are no windows. `parallel` workers may run at once where nothing is timed. `energy` is the weakest class of
    joules that may be ranked ("any": all of them). `in_process`: workers are no processes, but run in this one.
    `meters` are the targets of those that may be read in workers, wherever these start.
    """

    cache: Cache
    spawn: Spawn
    ci_width: float | None = 0.02
    budget_s: float = 25.0
    min_launches: int = 5
    rounds: int = 6
    timeout_s: float = 900.0
    idle_s: float = 0.0
    memory_bytes: int | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    meter: Mapping[str, Any] | None = None
    metering: Step | None = None
    window_s: float | None = None
    seed: int = 0
    parallel: int = 1
    energy: EnergyClass = "any"
    in_process: bool = False
    meters: tuple[str, ...] = ()


def spawn_child(threads: int, memory_bytes: int | None) -> Worker:
    """Start a worker process whose frameworks see one thread count and no hub, before they are imported."""
    return Child(Limits(memory_bytes, environment(threads)))


def environment(threads: int) -> dict[str, str]:
    """Return the variables that fix a worker's threads; with more than one, waiting threads sleep, not spin."""
    count = str(threads)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    quiet = {"KMP_BLOCKTIME": "0", "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    # Cards are numbered as nvidia-smi and NVML number them, so that `cuda:1` is the card whose joules are read.
    order = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    return {**dict.fromkeys(names, count), **quiet, **offline, **order, "PYTHONHASHSEED": "0"}


def memory_for_workers() -> int:
    """Return the default limit of one worker: four fifths of the memory available now, cgroup limit included."""
    import psutil

    from bench.machine import memory_limit_bytes

    available = int(psutil.virtual_memory().available)
    limit = memory_limit_bytes()
    return int(MEMORY_SHARE * min(available, limit or available))
