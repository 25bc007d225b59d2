"""joulebench: the door for plugin authors.

Everything a plugin needs is an attribute of this package, loaded when it is first used: `import bench` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.artifact import Artifact
    from bench.authoring import backend, compressor, converter, counter, meter, metric, offers_of, task
    from bench.encoding import StoredWeights, encoded_bytes
    from bench.errors import BadInput, BenchError, Unsupported, did_you_mean
    from bench.execution import Operation, executed
    from bench.grading import class_labels, label_ranks
    from bench.hooks import hookimpl
    from bench.machine import saturates_int8
    from bench.measure.energy import CounterMeter, EnergySource, Engine, PowerSource, Zone
    from bench.measure.energy.sampler import SampledMeter
    from bench.model_task import ModelInput, ModelTask
    from bench.offer import Bounds, Offer, Option
    from bench.protocols import Arrays, Backend, Context, MemoryWatch, Metric, Score, Session, Task, TrainableTask
    from bench.reading import Reading

__version__ = "0.1.0"
__all__ = [
    "Arrays",
    "Artifact",
    "Backend",
    "BadInput",
    "BenchError",
    "Bounds",
    "Context",
    "CounterMeter",
    "EnergySource",
    "Engine",
    "MemoryWatch",
    "Metric",
    "ModelInput",
    "ModelTask",
    "Offer",
    "Operation",
    "Option",
    "PowerSource",
    "Reading",
    "SampledMeter",
    "Score",
    "Session",
    "StoredWeights",
    "Task",
    "TrainableTask",
    "Unsupported",
    "Zone",
    "backend",
    "class_labels",
    "compressor",
    "converter",
    "counter",
    "did_you_mean",
    "encoded_bytes",
    "executed",
    "hookimpl",
    "label_ranks",
    "meter",
    "metric",
    "offers_of",
    "saturates_int8",
    "task",
]

_HOMES = {
    "bench.artifact": ("Artifact",),
    "bench.authoring": ("backend", "compressor", "converter", "counter", "meter", "metric", "offers_of", "task"),
    "bench.encoding": ("StoredWeights", "encoded_bytes"),
    "bench.errors": ("BadInput", "BenchError", "Unsupported", "did_you_mean"),
    "bench.execution": ("Operation", "executed"),
    "bench.grading": ("class_labels", "label_ranks"),
    "bench.hooks": ("hookimpl",),
    "bench.machine": ("saturates_int8",),
    "bench.measure.energy": ("CounterMeter", "EnergySource", "Engine", "PowerSource", "Zone"),
    "bench.measure.energy.sampler": ("SampledMeter",),
    "bench.model_task": ("ModelInput", "ModelTask"),
    "bench.offer": ("Bounds", "Offer", "Option"),
    "bench.protocols": (
        "Arrays",
        "Backend",
        "Context",
        "MemoryWatch",
        "Metric",
        "Score",
        "Session",
        "Task",
        "TrainableTask",
    ),
    "bench.reading": ("Reading",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
