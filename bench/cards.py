"""CUDA cards as the driver counts them: whether one is here, asked without a framework and without starting one."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Mapping
from typing import Any

DRIVER = "libcuda.so.1"


def why_no_card(device: str, load: Callable[[str], Any] = ctypes.CDLL) -> str | None:
    """Return why a device like `cuda:1` is not here, or None where it is, or where that cannot be asked (not Linux).

    Source: CUDA driver API, `cuInit` and `cuDeviceGetCount`; both obey CUDA_VISIBLE_DEVICES and set up no context.
    """
    index = card_number(device)
    if index is None or sys.platform != "linux":
        return None
    name = device.rstrip("?")
    try:
        driver = load(DRIVER)
    except OSError:
        return f"there is no '{name}' here: NVIDIA's driver ({DRIVER}) is not installed"
    count = ctypes.c_int(0)
    error = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    if error:
        return f"there is no '{name}' here: NVIDIA's driver finds no card (error {error})"
    if index >= count.value:
        return f"there is no '{name}' here: the driver shows {count.value} cards, numbered from 0"
    return None


def card_number(device: str) -> int | None:
    """Return CUDA's number of the card that a device means, 0 for `cuda`; None for other devices."""
    kind, _, number = device.rstrip("?").partition(":")
    return int(number or 0) if kind == "cuda" and (not number or number.isdecimal()) else None


def card_of(machine: Mapping[str, Any], device: str) -> str | None:
    """Return the name of a device's card as the machine's facts have it; None for other devices or where unknown."""
    index, cards = card_number(device), machine.get("cards")
    known = cards if isinstance(cards, (list, tuple)) else ()
    return str(known[index]) if index is not None and index < len(known) else None
