"""Which card is meant, whether its joules can be told apart, and who else uses it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import psutil

from bench_power.nvml_library import asked, handle, maybe, text

SPLIT = (
    "card {index} is split into instances (MIG): its counter and sensor are those of the whole card, whoever uses it. "
    "Measure on a card that is not split, or read the machine with another meter"
)
ORDER = (
    "CUDA numbers the cards of this machine by speed and NVML by their place on the bus: set "
    "CUDA_DEVICE_ORDER=PCI_BUS_ID, as a run's workers have it, or give NVML's number as `device`"
)


def nvml_number(cuda: int, environment: Mapping[str, str] = os.environ) -> int:
    """Return NVML's number of the card that CUDA calls `cuda` in this process. Raises OSError where that is not sure.

    Source: CUDA C++ programming guide, "CUDA environment variables".
    """
    count = asked(lambda nvml: nvml.nvmlDeviceGetCount())
    if count > 1 and environment.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
        raise OSError(ORDER)
    shown = environment.get("CUDA_VISIBLE_DEVICES")
    entries = [str(each) for each in range(count)] if shown is None else [each.strip() for each in shown.split(",")]
    if cuda >= len(entries) or not entries[cuda]:
        raise OSError(f"there is no cuda:{cuda} here: CUDA sees {len([each for each in entries if each])} cards")
    return _by_name(entries[cuda], count)


def card_names(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the names of the cards that CUDA sees in a run's workers, in its order; empty where NVML shows none."""
    wanted = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", **environment}
    names: list[str] = []
    try:
        for cuda in range(int(asked(lambda nvml: nvml.nvmlDeviceGetCount()))):
            names.append(name_of(nvml_number(cuda, wanted)))  # noqa: PERF401 - what was named before an error stays
    except OSError:  # no NVML, or fewer visible to CUDA than there are
        return names
    return names


def _by_name(name: str, count: int) -> int:
    """Return the number of a card by its number or by the beginning of its UUID."""
    if name.startswith("MIG-"):
        raise OSError(SPLIT.format(index=name))
    if name.isdecimal():
        return int(name)
    found = [index for index in range(count) if uuid(index).startswith(name)]
    if len(found) != 1:
        raise OSError(f"CUDA_VISIBLE_DEVICES names {name[:60]!r}, which is {len(found)} cards of this machine")
    return found[0]


def name_of(index: int) -> str:
    """Return a card's name."""
    return text(asked(lambda nvml: nvml.nvmlDeviceGetName(handle(index))))


def uuid(index: int) -> str:
    """Return a card's UUID."""
    return text(asked(lambda nvml: nvml.nvmlDeviceGetUUID(handle(index))))


def check_whole(indices: Iterable[int]) -> None:
    """Raise OSError for a card that is split: nobody can tell whose joules are whose."""
    for index in indices:
        if _is_split(index):
            raise OSError(SPLIT.format(index=index))


def others(indices: Iterable[int]) -> int:
    """Return how many processes beside this one and its run's workers compute on these cards.

    Workers of one run hold the card together and work one at a time. A container sees its own processes under other
    numbers than the driver does: then only more processes than are ours are others for sure.
    """
    users, ours = {pid for index in indices for pid in _users(index)}, _ours()
    return len(users - ours) if users & ours else max(0, len(users) - len(ours))


def _is_split(index: int) -> bool:
    mode = maybe(lambda nvml: nvml.nvmlDeviceGetMigMode(handle(index)))
    return bool(mode and mode[0])


def _users(index: int) -> list[int]:
    processes = maybe(lambda nvml: nvml.nvmlDeviceGetComputeRunningProcesses(handle(index)))
    return [int(each.pid) for each in processes or ()]


def _ours() -> set[int]:
    """Return this process, those it started, and the other workers of its run."""
    try:
        own, parent = psutil.Process(), psutil.Process(os.getppid())
        mine = {own.pid, *(each.pid for each in own.children(recursive=True))}
        return mine | {each.pid for each in parent.children() if "bench.worker" in each.cmdline()}
    except psutil.Error:
        return {os.getpid()}
