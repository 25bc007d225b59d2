"""The machine: facts stored with every record, and the fingerprint that decides what may be ranked together."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.errors import BenchError

X86 = frozenset({"x86_64", "amd64", "i386", "i686"})
# Any of these adds four products of 8 bits in 32.
VNNI = frozenset({"avx512_vnni", "avx_vnni", "avx_vnni_int8", "amx_int8"})


def machine_facts() -> dict[str, Any]:
    """Return what this machine is: processor, cores, memory, kernel, Python. No host name, no user, no paths."""
    import psutil

    return {
        "system": platform.system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "processor": processor_name(),
        "cores": os.cpu_count() or 1,
        "cores_usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory_bytes": int(psutil.virtual_memory().total),
        "memory_limit_bytes": memory_limit_bytes(),
        "cpu_quota": cgroup_quota(),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "virtual": "hypervisor" in (_read("/proc/cpuinfo") or ""),
        "python": platform.python_version(),
    }


def on_processor(device: str) -> bool:
    """Whether a cell's device is the processor: `cpu`, or the kind `CPU` of a runtime of several (`xla:CPU`)."""
    kind, _, which = device.rstrip("?").partition(":")
    return kind == "cpu" or which == "CPU"


def load_facts() -> dict[str, Any]:
    """Return what changes from launch to launch: load average, processor pressure (PSI), steal seconds."""
    import psutil

    pressure = _read("/proc/pressure/cpu")
    some = pressure.splitlines()[0].split() if pressure else []
    return {
        "load_1min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "psi_some_avg10": next((float(each[6:]) for each in some if each.startswith("avg10=")), None),
        "steal_s": getattr(psutil.cpu_times(), "steal", None),
    }


def fingerprint(facts: dict[str, Any]) -> str:
    """Return the id of the kind of machine: results of different fingerprints are never ranked together."""
    names = ("system", "architecture", "processor", "cores_usable", "memory_bytes", "cpu_quota", "virtual")
    text = json.dumps({name: facts.get(name) for name in names}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def processor_name() -> str:
    """Return the processor's name as the system gives it."""
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        if line.lower().startswith(("model name", "hardware", "cpu model")):
            return " ".join(line.split(":", 1)[1].split())
    return platform.processor() or platform.machine()


def saturates_int8(cpuinfo: str | None = None, architecture: str | None = None) -> bool:
    """Return whether this processor's products of uint8 and int8 lose sums: x86 without VNNI.

    There two products are added in 16 bits (`vpmaddubsw`), which 255 * 127 + 255 * 127 does not fit. True on an x86
    that does not say what it has. The arguments replace /proc/cpuinfo's text and the machine's name.
    """
    if (architecture or platform.machine()).lower() not in X86:
        return False
    text = (_read("/proc/cpuinfo") or "") if cpuinfo is None else cpuinfo
    lines = (line.partition(":") for line in text.splitlines())
    flags: set[str] = set().union(*(value.split() for name, _, value in lines if name.strip() == "flags"))
    return not flags & VNNI


# What decides how an artifact is made, by the name an offer gives it in its fact "machine"; part of the cache's key.
TRAITS: Mapping[str, Callable[[], Any]] = {"saturates-int8": saturates_int8, "processor": processor_name}


def traits_of(names: Iterable[str]) -> dict[str, Any]:
    """Return this machine's traits of those names. Raises BenchError for a name that is none."""
    asked = list(names)
    for name in asked:
        if name not in TRAITS:
            raise BenchError(f"no trait of a machine is called '{name}'", cure=f"known: {', '.join(TRAITS)}")
    return {name: TRAITS[name]() for name in asked}


def cgroup_quota() -> float | None:
    """Return the processor quota of this cgroup in cores, or None without one."""
    text = _read("/sys/fs/cgroup/cpu.max")
    if not text or text.split()[0] == "max":
        return None
    quota, period = text.split()[:2]
    return int(quota) / int(period)


def memory_limit_bytes() -> int | None:
    """Return the memory limit of this cgroup in bytes, or None without one."""
    text = _read("/sys/fs/cgroup/memory.max")
    return int(text) if text and text.isdigit() else None


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
