"""A stand-in for torch_xla, as lazy as the real one, over the tensors of torch's own CPU.

What is called is traced. `sync` executes what was traced if somebody still holds a result of it, compiles graphs that
it has not seen, and returns before the device is done, with `wait=True` too; `wait_device_ops` waits.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import TensorWeakRef


class Lazy(TorchDispatchMode):
    """The runtime: what is traced, what it counted, and whether the device is still at work."""

    def __init__(self, hardware: str = "CPU") -> None:
        super().__init__()
        self.hardware = hardware
        self.executed = self.compiled = 0
        self.running = False
        self.fallbacks: dict[str, int] = {}
        self._results: list[Any] = []
        self._graph: list[Any] = []
        self._seen: set[Any] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if func is torch.ops.aten.detach.default:  # another name for what is there
            return found
        # Loading a program computes with tensors that are none: they never reach a device.
        tensors = [each for each in tree_leaves(found) if type(each) in (torch.Tensor, torch.nn.Parameter)]
        self._results += [TensorWeakRef(each) for each in tensors]
        self._graph.append((str(func), tuple(tuple(each.shape) for each in tensors)))
        return found

    def sync(self, wait: bool = False) -> None:
        graph, held = tuple(self._graph), any(each() is not None for each in self._results)
        self._graph, self._results = [], []
        if held:
            self.compiled += graph not in self._seen
            self._seen.add(graph)
            self.executed, self.running = self.executed + 1, True

    def wait_device_ops(self) -> None:
        self.running = False

    def metric_data(self, name: str) -> Any:
        count = {"ExecuteTime": self.executed, "CompileTime": self.compiled}[name]
        return (count, count * 2e9, ()) if count else None


@contextmanager
def installed(monkeypatch: pytest.MonkeyPatch, lazy: Lazy) -> Iterator[Lazy]:
    """Let it be torch_xla for as long as the block lasts."""
    for name in ("PJRT_DEVICE", "NPROC", "TPU_SKIP_MDS_QUERY"):
        monkeypatch.setenv(name, "")
    names = ("torch_xla", "torch_xla.core", "torch_xla.core.xla_model", "torch_xla.debug", "torch_xla.debug.metrics")
    made: dict[str, Any] = {each: ModuleType(each) for each in names}
    for name, module in made.items():
        monkeypatch.setitem(sys.modules, name, module)
        parent, _, own = name.rpartition(".")
        if parent:
            setattr(made[parent], own, module)
    top, model, metrics = (made[names[index]] for index in (0, 2, 4))
    top.__version__, top.sync, top.device = "2.9.0", lazy.sync, lambda: torch.device("cpu")
    model.wait_device_ops, model.xla_device_hw = lazy.wait_device_ops, lambda _: lazy.hardware
    metrics.metric_data, metrics.counter_names = lazy.metric_data, lambda: ["CachedCompile", *lazy.fallbacks]
    metrics.counter_value = lazy.fallbacks.__getitem__
    with lazy:
        yield lazy
