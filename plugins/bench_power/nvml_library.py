"""The one door to NVIDIA's library through nvidia-ml-py: whatever it complains about is an OSError here."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def library() -> Any:
    """Import and start the binding. Raises OSError with the cure."""
    try:
        import pynvml
    except ImportError:
        raise OSError("nvidia-ml-py is not installed: pip install nvidia-ml-py") from None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise OSError(f"NVML does not start: {error}. It comes with NVIDIA's driver") from None
    return pynvml


def asked(question: Callable[[Any], Any]) -> Any:
    """Ask NVML; its errors become OSError."""
    nvml = library()
    try:
        return question(nvml)
    except nvml.NVMLError as error:
        raise OSError(f"NVML: {error}") from None


def maybe(question: Callable[[Any], Any]) -> Any:
    """Ask NVML; None where the card or the driver does not know such a thing."""
    try:
        return asked(question)
    except OSError:
        return None


@lru_cache(maxsize=64)
def handle(index: int) -> Any:
    """Return the handle of a card by NVML's number."""
    return asked(lambda nvml: nvml.nvmlDeviceGetHandleByIndex(index))


def text(value: str | bytes) -> str:
    """Return what older bindings give as bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value
