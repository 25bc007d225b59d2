"""Devices: where a program's tensors lie, and what it takes until its results are there.

A card computes while Python goes on, so a call that is timed ends with a wait for everything the process submitted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

import torch

import bench

CUDA = re.compile(r"cuda(?::(\d+))?")
EVENT_CALLS = 20


class Device(Protocol):
    """What a session asks of the place it computes on."""

    def place(self, tensor: Any) -> Any:
        """Return the tensor as it lies on the device."""

    def move(self, program: Any) -> Any:
        """Return the exported program with its state, and the devices it names itself, moved there."""

    def waiting(self, call: Callable[[], Any]) -> Callable[[], Any]:
        """Return the call, ended by a wait for its results."""

    def wait(self) -> None:
        """Wait until the device has done all that was submitted."""

    def facts(self, call: Callable[[], Any] | None) -> dict[str, Any]:
        """Return what is known of the device, and how long it works on a call."""


def device_of(name: str) -> Device:
    """Return a device by its name in a suite. Raises Unsupported with the reason when it is not here."""
    if name == "cpu":
        return Cpu()
    return Cuda(cuda_number(name))


def cuda_number(name: str) -> int:
    """Return the number of a card that is here: 1 of `cuda:1`, 0 of `cuda`. Raises Unsupported with the reason."""
    found = CUDA.fullmatch(name)
    if not found:
        cure = "choose device cpu or cuda, or a backend for that device"
        raise bench.Unsupported(f"backend 'torch' runs on cpu and cuda, not on '{name}'", cure=cure)
    if not torch.backends.cuda.is_built():
        cure = "install a torch that was built for CUDA (docs/how-to/cuda.md)"
        raise bench.Unsupported(f"torch {torch.__version__} was built without CUDA: no '{name}' here", cure=cure)
    index, count = int(found[1] or 0), torch.cuda.device_count() if torch.cuda.is_available() else 0
    if index >= count:
        cure = "look at nvidia-smi, at the driver's version and at CUDA_VISIBLE_DEVICES"
        raise bench.Unsupported(f"there is no '{name}' here: torch sees {count} CUDA cards", cure=cure)
    return index


class Cpu:
    """The processor: operators are done when they return."""

    def place(self, tensor: Any) -> Any:
        """Return the tensor: it is there."""
        return tensor

    def move(self, program: Any) -> Any:
        """Return the program: it is there."""
        return program

    def waiting(self, call: Callable[[], Any]) -> Callable[[], Any]:
        """Return the call itself."""
        return call

    def wait(self) -> None:
        """Return at once."""

    def facts(self, call: Callable[[], Any] | None) -> dict[str, Any]:
        """Return nothing: the processor stands with the machine."""
        del call
        return {}


class Cuda:
    """One NVIDIA card, by CUDA's number in this process."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.device = torch.device("cuda", index)
        torch.cuda.set_device(index)
        # Convolutions would be computed with 10 bits of mantissa, unasked; a ratio would then compare precisions.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False

    def place(self, tensor: Any) -> Any:
        """Return a copy of the tensor in the card's memory."""
        return tensor.to(self.device)

    def move(self, program: Any) -> Any:
        """Return the program with its state on the card, and every device that an operator names."""
        from torch.export.passes import move_to_device_pass

        return move_to_device_pass(program, str(self.device))

    def waiting(self, call: Callable[[], Any]) -> Callable[[], Any]:
        """Return the call, ended by a wait for all streams of this process on the card; results stay there."""
        wait, index = torch.cuda.synchronize, self.index

        def waited() -> Any:
            result = call()
            wait(index)
            return result

        return waited

    def wait(self) -> None:
        """Wait for all streams of this process on the card."""
        torch.cuda.synchronize(self.index)

    def facts(self, call: Callable[[], Any] | None) -> dict[str, Any]:
        """Return the card, what drives it, and with a call the seconds that the card itself needs for one."""
        major, minor = torch.cuda.get_device_capability(self.index)
        found = {
            "device_name": torch.cuda.get_device_name(self.index),
            "capability": f"{major}.{minor}",
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "tf32": torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32,
        }
        return found if call is None else {**found, "device_call_s": self.seconds(call)}

    def seconds(self, call: Callable[[], Any], calls: int = EVENT_CALLS) -> float:
        """Return seconds between two events on the card around some calls, by call: what it takes there.

        Gaps in which the card waits for Python are in it, the way of the last result to Python is not.
        """
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record()
        for _ in range(calls):
            call()
        last.record()
        last.synchronize()
        return float(first.elapsed_time(last)) / 1e3 / calls


class CudaMemory:
    """What torch's allocator gave out on a card: tensors and work spaces, without CUDA's own context."""

    meter = "torch.cuda"
    method = "max_memory_allocated, reset before the window, minus what was allocated before"
    missing: str | None = None

    def __init__(self, index: int) -> None:
        self.index = index
        torch.cuda.init()

    def resident_bytes(self) -> int | None:
        """Return what is allocated now."""
        return int(torch.cuda.memory_allocated(self.index))

    def peak_bytes(self) -> int | None:
        """Return the most that was allocated at once since the last reset."""
        return int(torch.cuda.max_memory_allocated(self.index))

    def reset_peak(self) -> bool:
        """Let the peak begin at what is allocated now."""
        torch.cuda.synchronize(self.index)
        torch.cuda.reset_peak_memory_stats(self.index)
        return True
