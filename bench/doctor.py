"""The doctor: what can be measured here, what cannot, and what to do about it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench.gate.rule import GateLimits, smallest_change
from bench.machine import load_facts, machine_facts, saturates_int8
from bench.reading import Reading
from bench.run.noise import Noise
from bench.units import format_quantity

State = Literal["ok", "note", "problem"]
BUSY_LOAD = 0.3
GATE_S = (10, 30, 60)


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
    rest = [_governor(facts), _load(load, facts), _quota(facts), _clock()]
    return [Finding("processor", "ok", seen), examine_int8(saturates_int8()), *rest]


def examine_int8(saturates: bool) -> Finding:
    """Say whether int8 models keep their quality here as they are, or need weights of 7 bits."""
    if not saturates:
        return Finding("int8", "ok", "sums of 8-bit products are exact")
    seen = (
        "no VNNI: sums of uint8 x int8 products saturate, full-range int8 models lose quality here and gain less speed"
    )
    cure = "quantize uses weights of 7 bits here (reduce_range); measure int8 for a newer processor on one"
    return Finding("int8", "note", seen, cure)


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


def gate_promises(noise: Noise) -> list[dict[str, Any]]:
    """Return for each of GATE_S the launches that fit, and the smallest relative slow-down that a gate of a cell fails.

    With 80 % power, by the gate's own rule and limits; None where no slow-down could be told from noise.
    """
    promises = []
    for seconds in GATE_S:
        launches = noise.affordable(seconds)
        change = smallest_change(noise.careful_sd, launches, GateLimits(), 1) if launches else None
        promises.append({"seconds": seconds, "launches": launches, "smallest_change": change})
    return promises


def examine_noise(noise: Noise, promises: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Say how much two identical artifacts differ here, and what a gate can promise in how many seconds."""
    scatter = f"floor {100 * noise.floor_sd:.2f} %, processor time {100 * noise.work_sd:.2f} %"
    what = f"{noise.launches} launches of two copies of a call of {format_quantity(noise.call_s, 's')}"
    seen = f"{what} differ by {scatter} (standard deviation), {format_quantity(noise.launch_s, 's')} a launch"
    valid = noise.validity["verdict"] == "valid"
    doubt = "" if valid else f"; latencies here are {noise.validity['verdict']}: {'; '.join(noise.validity['reasons'])}"
    cure = "" if valid else "stop other work; what cannot be stopped costs a gate time, not truth"
    return [Finding("noise", "ok" if valid else "note", seen + doubt, cure), *map(_promise, promises)]


def _promise(promise: Mapping[str, Any]) -> Finding:
    subject, change = f"gate {promise['seconds']} s", promise["smallest_change"]
    if change is None:
        seen = f"no slow-down can be told from noise by {promise['launches']} launches"
        return Finding(subject, "note", seen, "give a gate more time, or the machine less to do")
    seen = f"a slow-down of {100 * change:.1f} % or more fails 4 times in 5 ({promise['launches']} launches, one cell)"
    return Finding(subject, "ok", seen)


def examine_meters(
    reasons: Mapping[str, str | None],
    classes: Mapping[str, str],
    answers: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Finding]:
    """Say which meters can read here; without a measuring one, that every joule will be an estimate.

    `answers` are what the meters say of their period, of the window that a precision takes, and of their zones.
    """
    findings = [
        Finding(
            f"meter {name}",
            "note" if why else "ok",
            why or f"can read here, class {classes.get(name, 'measured')}{_timing((answers or {}).get(name, {}))}",
        )
        for name, why in reasons.items()
    ]
    findings += [each for name, answer in (answers or {}).items() for each in examine_zones(name, answer)]
    if not any(why is None and classes.get(name) != "estimated" for name, why in reasons.items()):
        what = "no meter can read joules on this machine: energy will be 'estimated' from processor seconds, and say so"
        findings.append(Finding("energy", "note", what))
    return findings


def _timing(answer: Mapping[str, Any]) -> str:
    """Return how often a meter has a new value, and how long windows must be; empty where it does not say."""
    period, fine, usual = (answer.get(name) for name in ("period_s", "fine_s", "window_s"))
    if period is None or usual is None:
        return ""
    takes = f"takes windows of {format_quantity(fine, 's')}" if fine is not None else "is given by no length of window"
    often = f"a new value every {format_quantity(period, 's')}"
    return f"; {often}; 1 % {takes}; a run's windows last {format_quantity(usual, 's')}"


def examine_zones(meter: str, answer: Mapping[str, Any]) -> list[Finding]:
    """Say of each zone that a meter lists what is made of it, and what the sum is; none without zones."""
    zones = answer["zones"]
    findings = [
        Finding(
            f"{meter} {each['place']}",
            "note" if each["role"] == "unreadable" else "ok",
            f"{each['name']}, domain {each['domain']}: {each['role']}; {each['why']}",
        )
        for each in zones
    ]
    summed, apart = ([str(each["name"]) for each in zones if each["role"] == role] for role in ("summed", "apart"))
    beside = f"; apart: {', '.join(apart)}" if apart else ""
    if zones and answer["reason"]:
        findings.append(Finding(f"{meter} sum", "note", f"none: {answer['reason']}"))
    elif zones:
        findings.append(Finding(f"{meter} sum", "ok", f"{' + '.join(summed or apart)}{beside if summed else ''}"))
    return findings


def examine_timing(meter: str, answer: Mapping[str, Any]) -> list[Finding]:
    """Say how often a meter has a new value and how long its windows are; nothing where it does not say."""
    said = _timing(answer).removeprefix("; ")
    return [Finding(f"{meter} windows", "ok", said)] if said else []


def examine_watts(meter: str, reading: Reading) -> Finding:
    """Say what a short window read, domain by domain."""
    if reading.value is None:
        return Finding(f"{meter} now", "note", f"no watts: {reading.reason}")
    seconds = float(reading.facts["window_s"])
    parts = {name: joules / seconds for name, joules in reading.facts.get("by_domain", {}).items()}
    shown = ", ".join(f"{name} {format_quantity(watts, 'W')}" for name, watts in parts.items())
    sum_ = f"{' + '.join(map(str, reading.facts['domains']))} = {format_quantity(reading.value / seconds, 'W')}"
    return Finding(f"{meter} now", "ok", f"{shown}; {sum_}")


def examine_environments(states: Sequence[Mapping[str, Any]], free_bytes: float) -> list[Finding]:
    """Say which environments are there, and of those that are missing the command and the disk it takes."""
    findings = []
    for each in states:
        subject, size = f"environment {each['name']}", each["size_bytes"]
        if each["state"] == "missing":
            takes = f"about {format_quantity(size, 'B')}" if size else "an unknown part"
            seen = f"missing: {each['why']}; takes {takes} of {format_quantity(free_bytes, 'B')} free"
            findings.append(Finding(subject, "note", seen, str(each["command"])))
        elif each["state"] == "here":
            findings.append(Finding(subject, "ok", "not needed: its requirements are met in this environment"))
        else:
            notes = f"; {'; '.join(each['notes'])}" if each["notes"] else ""
            disk = f", {format_quantity(size, 'B')}" if size else ""
            seen = f"{each['state']}, Python {each['python']}{disk}: {each['interpreter']}{notes}"
            findings.append(Finding(subject, "ok", seen))
    return findings


def examine_offers(missing: Mapping[str, str | None], problems: Sequence[str]) -> list[Finding]:
    """Say which backends and tasks lack a package, and which plugins did not load."""
    findings = [Finding(name, "note" if why else "ok", why or "installed") for name, why in missing.items()]
    return findings + [Finding("plugin", "problem", text) for text in problems]
