"""The doctor: what can be measured here, what cannot, and what to do about it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench.machine import load_facts, machine_facts

State = Literal["ok", "note", "problem"]
BUSY_LOAD = 0.3


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: what was looked at, what was seen, and the cure when there is one."""

    subject: str
    state: State
    seen: str
    cure: str = ""


def examine_machine() -> list[Finding]:
    """Look at processor, governor, load, memory limits and the clock."""
    facts, load = machine_facts(), load_facts()
    virtual = "virtual machine" if facts["virtual"] else "no hypervisor seen"
    seen = f"{facts['processor']}, {facts['cores_usable']} usable of {facts['cores']} cores, {virtual}"
    return [Finding("processor", "ok", seen), _governor(facts), _load(load, facts), _quota(facts), _clock()]


def _governor(facts: Mapping[str, Any]) -> Finding:
    governor = facts["governor"]
    if governor is None:
        return Finding("governor", "note", "not readable here (usual in virtual machines); clock changes go unseen")
    if governor != "performance":
        return Finding("governor", "note", str(governor), "sudo cpupower frequency-set -g performance")
    return Finding("governor", "ok", governor)


def _load(load: Mapping[str, Any], facts: Mapping[str, Any]) -> Finding:
    share = float(load["load_1min"] or 0.0) / int(facts["cores_usable"])
    seen = f"{load['load_1min'] or 0:.2f} on {facts['cores_usable']} cores"
    if share > BUSY_LOAD:
        return Finding("load", "note", seen, "ratios stay usable beside other work, absolute latencies do not: stop it")
    return Finding("load", "ok", seen)


def _quota(facts: Mapping[str, Any]) -> Finding:
    quota = facts["cpu_quota"]
    if quota is None:
        return Finding("cgroup quota", "ok", "none")
    return Finding(
        "cgroup quota", "note", f"{quota:g} cores", "calls are throttled in bursts above it: raise the quota"
    )


def _clock() -> Finding:
    """Read the clock's smallest step over a thousand pairs of reads."""
    steps = []
    for _ in range(1000):
        first = time.perf_counter_ns()
        steps.append(time.perf_counter_ns() - first)
    return Finding("clock", "ok", f"two reads are {sorted(steps)[500]} ns apart")


def examine_meters(reasons: Mapping[str, str | None], classes: Mapping[str, str]) -> list[Finding]:
    """Say which meters can read here; without a measuring one, that every joule will be an estimate."""
    findings = [
        Finding(
            f"meter {name}", "note" if why else "ok", why or f"can read here, class {classes.get(name, 'measured')}"
        )
        for name, why in reasons.items()
    ]
    if not any(why is None and classes.get(name) != "estimated" for name, why in reasons.items()):
        what = "no meter can read joules on this machine: energy will be 'estimated' from processor seconds, and say so"
        findings.append(Finding("energy", "note", what))
    return findings


def examine_offers(missing: Mapping[str, str | None], problems: Sequence[str]) -> list[Finding]:
    """Say which backends and tasks lack a package, and which plugins did not load."""
    findings = [Finding(name, "note" if why else "ok", why or "installed") for name, why in missing.items()]
    return findings + [Finding("plugin", "problem", text) for text in problems]
