"""Which device is meant, and whether it is there: asked of the PCI bus, before torch_xla or libtpu is loaded.

libtpu asks a metadata server for what it runs on, and waits for it where there is none: it is touched only when a TPU
was asked for and one is there.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

import bench

KINDS = ("CPU", "TPU")
GOOGLE = "0x1ae0"  # PCI vendor
# PCI devices of TPU v2 to v7x, as torch_xla 2.9 lists them (torch_xla/_internal/tpu.py).
TPU_CHIPS = frozenset({"0x0027", "0x005e", "0x0063", "0x006f", "0x0056", "0x0062", "0x0076"})
PCI = Path("/sys/bus/pci/devices")


def kind_of(device: str, pci: Path = PCI) -> str:
    """Return "CPU" or "TPU" for `xla:CPU` or `xla:TPU`. Raises Unsupported for another device, or a TPU not there."""
    name, _, kind = device.partition(":")
    if name != "xla" or kind not in KINDS:
        raise bench.Unsupported(
            f"backend 'xla' runs on xla:CPU and xla:TPU, not on '{device}'", cure="choose device 'xla:CPU' or 'xla:TPU'"
        )
    if kind == "TPU" and not tpu_chips(pci):
        raise bench.Unsupported("there is no TPU here: none is on the PCI bus", cure="choose device 'xla:CPU'")
    return kind


def tpu_chips(pci: Path = PCI) -> int:
    """Return how many TPU chips are on the PCI bus."""
    return sum(_read(each / "vendor") == GOOGLE and _read(each / "device") in TPU_CHIPS for each in _folders(pci))


def prepare(kind: str, threads: int, environment: MutableMapping[str, str] | None = None) -> None:
    """Set the variables that the runtime reads when its client is made, once a process.

    On the CPU its pool has as many threads as the cell; the metadata server is not asked.
    """
    environment = os.environ if environment is None else environment
    environment["PJRT_DEVICE"] = kind
    if kind == "CPU":
        environment["NPROC"] = str(threads)
        environment.setdefault("TPU_SKIP_MDS_QUERY", "1")


def _folders(pci: Path) -> list[Path]:
    try:
        return sorted(pci.iterdir())
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
