"""A card's memory: buffers that a call finds there, and how much the runtime holds."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnxruntime

NO_NVML = "the memory of a card is read by NVML: pip install 'joulebench[energy]'"
NO_NUMBER = "CUDA may number the cards otherwise than NVML: set CUDA_DEVICE_ORDER=PCI_BUS_ID"
OTHERS = "others compute on the card, and its driver does not tell whose memory is whose"


class OnCard:
    """An output in the card's memory; made into an array, it is copied."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        """Return a copy on the processor."""
        del copy
        return np.asarray(self.value.numpy(), dtype)


def bound_on_card(
    session: Any, feed: Mapping[str, Any], buffers: Mapping[str, Any] | None, outputs: list[str], card: int
) -> Callable[[], Any]:
    """Return the call on inputs that were copied to the card; its outputs stay there, and are there when it returns.

    Outputs of known shape are written into the same memory by every call; else the runtime makes new ones.
    """
    binding, kept = session.io_binding(), {}
    for name, value in feed.items():
        kept[name] = onnxruntime.OrtValue.ortvalue_from_numpy(value, "cuda", card)
        binding.bind_ortvalue_input(name, kept[name])
    if buffers is None:
        for name in outputs:
            binding.bind_output(name, "cuda", card)
    else:
        for name, value in buffers.items():
            kept[name] = onnxruntime.OrtValue.ortvalue_from_numpy(value, "cuda", card)
            binding.bind_ortvalue_output(name, kept[name])
    fixed = None if buffers is None else [OnCard(kept[name]) for name in buffers]
    run, wait = session.run_with_iobinding, binding.synchronize_outputs

    def call(_kept: Any = kept) -> Any:
        run(binding)
        wait()
        return fixed or [OnCard(each) for each in binding.get_outputs()]

    return call


class CardMemory:
    """What this process holds on a card, read by NVML: the runtime's arena, which only grows, and kernels' work spaces.

    CUDA's own context is set up before the first reading, so it is in the base. NVML knows no peak; as the arena gives
    nothing back before its session ends, what is held after the calls is the most that was.
    """

    meter = "NVML"
    method = "memory held on the card after the calls (the runtime's arena only grows), minus that before opening"

    def __init__(self, card: int) -> None:
        self.missing: str | None = None
        self._handle: Any = None
        with contextlib.suppress(Exception):  # what keeps the card from working is told when the session opens
            self._context = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(1, np.float32), "cuda", card)
        try:
            self._nvml: Any = importlib.import_module("pynvml")
            self._nvml.nvmlInit()
            self._handle = self._found(card)
        except ImportError:
            self.missing = NO_NVML
        except Exception as error:  # noqa: BLE001 - the binding's errors have a common base in its newer versions only
            self.missing = f"the memory of the card cannot be read by NVML: {error}"[:300]

    def resident_bytes(self) -> int | None:
        """Return the bytes that this process holds on the card now; None where that cannot be told."""
        if self._handle is None:
            return None
        users = self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
        mine = [each.usedGpuMemory for each in users if each.pid == os.getpid()]
        if mine and mine[0] is not None:
            return int(mine[0])
        if len(users) > 1:
            self.missing = OTHERS
            return None
        return int(self._nvml.nvmlDeviceGetMemoryInfo(self._handle).used)

    def peak_bytes(self) -> int | None:
        """Return the bytes held now: the arena gives nothing back while its session is open."""
        return self.resident_bytes()

    def reset_peak(self) -> bool:
        """Do nothing: there is no peak to reset. False where nothing can be read."""
        return self._handle is not None

    def _found(self, card: int) -> Any:
        """Return NVML's handle of the card that CUDA calls by this number in this process."""
        nvml, shown = self._nvml, os.environ.get("CUDA_VISIBLE_DEVICES")
        name = str(card) if shown is None else shown.split(",")[card].strip()
        if not name.isdecimal():
            return nvml.nvmlDeviceGetHandleByUUID(name)
        if nvml.nvmlDeviceGetCount() > 1 and os.environ.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
            self.missing = NO_NUMBER
            return None
        return nvml.nvmlDeviceGetHandleByIndex(int(name))
