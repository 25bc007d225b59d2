"""Invented records with the shape of real ones, for judging the leaderboard: never to be read as results.

python benchmarks/synthetic.py 200 -o site/        # look at a page of 200
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.reading import Class, Reading
from bench.record import Ratio, Record, Status
from bench.suite.cell import Cell, Step

GENERATED = "2026-01-01 12:00"
ROWS_PER_GROUP = 200
TASKS = (
    ("mnist-dscnn", "accuracy", 0.981, 0.00031, 23_756, 5_400_000),
    ("mnist-resnet8", "accuracy", 0.986, 0.00102, 77_360, 24_900_000),
    ("minilm", "mean reciprocal rank", 0.742, 0.0213, 22_713_216, 2_740_000_000),
    ("magika", "accuracy", 0.987, 0.0018, 1_240_000, 31_000_000),
)
# name, options, share of latency, share of quality lost, share of bytes, share of non-zeros
METHODS: tuple[tuple[str, dict[str, Any], float, float, float, float], ...] = (
    ("quantize", {"mode": "dynamic"}, 0.83, 0.0005, 0.29, 0.98),
    ("quantize", {"mode": "static", "calibrate": 256}, 0.52, 0.004, 0.27, 0.97),
    ("quantize", {"mode": "fp16"}, 1.08, 0.0, 0.51, 1.0),
    ("prune", {"sparsity": 0.5, "finetune": 1}, 1.0, 0.003, 1.0, 0.51),
    ("prune", {"sparsity": 0.8, "finetune": 1}, 1.0, 0.017, 1.0, 0.21),
    ("prune", {"sparsity": 0.5, "structured": True, "finetune": 1}, 0.61, 0.009, 0.44, 1.0),
    ("distill", {"student": "half", "temperature": 4.0}, 0.41, 0.011, 0.27, 1.0),
)
BACKENDS = ("onnxruntime", "torch")
MACHINES: tuple[tuple[str, Class, str, tuple[str, ...]], ...] = (
    ("Cortex-A76", "estimated", "cpu-seconds", ("package",)),
    ("Xeon Platinum 8480", "measured", "powercap", ("package",)),
    ("Xeon shared", "derived", "powercap", ("package", "dram")),
    ("Virtual CPU", "unavailable", "", ()),
)
HOSTILE = (
    "<script>window.__ran=1</script>",
    "</script><script>window.__ran=2</script>",
    "<img src=x onerror=window.__ran=3>",
    '"><svg onload=window.__ran=4>',
    "' onmouseover='window.__ran=5",
    "javascript:window.__ran=6",
    "{{ 7*7 }}{% raw %}${7*7}",
    "</style><style>*{display:none}</style>",
    "<!--<script>",
    "]]><script>window.__ran=7</script>",
    '=HYPERLINK("http://evil.example","x")',
    "model-\u202egpj.exe",
    "nul\x00bell\x07esc\x1b[31mred",
    "line\u2028sep\u2029par",
    "zero\u200bwidth\ufefftext",
    "a" * 3000,
    "lone \ud800 surrogate",
    "模型 量化",
    "نموذج مضغوط",
    "&lt;b&gt;&amp;",
    "<iframe srcdoc='<script>parent.__ran=8</script>'>",
    "<a href='javascript:window.__ran=9'>x</a>",
    "\\u003cscript\\u003ewindow.__ran=10\\u003c/script\\u003e",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=window.__ran=11>",
    "`${window.__ran=12}`",
    "__proto__",
    "constructor",
)


REASONS = {
    "unsupported": "no route from litert to this backend: run 'bench env build litert'",
    "failed": "RuntimeError: no kernel for this operator",
    "timeout": "longer than 15 min; raise measure.timeout",
    "oom": "out of memory: needs more than 4 GB",
}
Steps = tuple[Step, ...]
Shares = tuple[float, float, float, float]


@dataclass(frozen=True)
class Setting:
    """What the records of one group share."""

    index: int
    task: tuple[str, str, float, float, int, int]
    machine: tuple[str, Class, str, tuple[str, ...]]
    backend: str
    draw: random.Random


def records(n: int, *, seed: int = 0, per_group: int = ROWS_PER_GROUP, hostile: bool = False) -> list[Record]:
    """Return n invented records in groups of `per_group`, the same for a seed; each group has its baseline.

    With `hostile`, the strings of HOSTILE stand in names, options, reasons and machines.
    """
    out: list[Record] = []
    for index in range(0, n, per_group):
        out += _group(index // per_group, min(per_group, n - index), random.Random(f"{seed}-{index}"))
    return [_poisoned(each, HOSTILE[at % len(HOSTILE)]) for at, each in enumerate(out)] if hostile else out


def _group(index: int, size: int, draw: random.Random) -> list[Record]:
    setting = Setting(index, TASKS[index % len(TASKS)], MACHINES[index // 2 % len(MACHINES)], BACKENDS[index % 2], draw)
    base = _record(setting, 0, (), (1.0, 0.0, 1.0, 1.0), "")
    recipes = _recipes(draw)
    return [base, *(_record(setting, at, *next(recipes), base.id) for at in range(1, size))]


def _recipes(draw: random.Random) -> Iterator[tuple[Steps, Shares]]:
    for name, options, *shares in METHODS:
        yield (Step(name, options),), (shares[0], shares[1], shares[2], shares[3])
    while True:
        chosen = draw.sample(METHODS, draw.choice((1, 2, 2, 3)))
        steps = tuple(Step(name, {**options, "seed": draw.randrange(1000)}) for name, options, *_ in chosen)
        shares = [1.0, 0.0, 1.0, 1.0]
        for _, _, latency, lost, size, dense in chosen:
            shares = [shares[0] * latency, shares[1] + lost, shares[2] * size, shares[3] * dense]
        yield steps, (shares[0], shares[1], shares[2], shares[3])


def _record(setting: Setting, at: int, steps: Steps, shares: Shares, against: str) -> Record:
    cell = Cell("mobile", setting.task[0], steps, setting.backend)
    name, fate = f"{setting.index:04x}{at:06x}", setting.draw.random()
    if at > 6 and fate < 0.04:
        return _outage(setting, name, cell)
    draw = setting.draw
    readings = _readings(setting, shares)
    lost = readings["quality"].facts["drop"]["value"]
    limits = {
        "quality_drop": {"limit": 0.01, "value": lost, "ok": lost <= 0.01},
        "latency_p90": {"limit": 0.03, "value": readings["latency"].value, "ok": True},
    }
    drifted = {"verdict": "suspect", "reasons": ["latency drifted by 14% from the first launches to the last"]}
    made: dict[str, Any] = {
        "ratios": _ratios(setting, shares, against),
        "audit": {"claimed": "int8", "stored": "int8", "executed": "int8", "verdict": "effective"},
        "compression": {"seconds": 4.1 + 30 * draw.random(), "break_even": _break_even(setting, shares)},
        "lineage": tuple({"step": each.name, "seconds": round(draw.random(), 3), "format": "onnx"} for each in steps),
        "steps": tuple({"plugin": f"bench_{each.name}", "version": "0.1.0"} for each in steps),
    }
    return Record(
        name,
        "ok",
        cell,
        artifact=f"sha256:{draw.getrandbits(256):064x}",
        launches=draw.randrange(5, 14),
        validity=drifted if at and fate > 0.94 else {"verdict": "valid", "reasons": []},
        readings=readings,
        limits=limits,
        reproduce=f"bench reproduce {name}",
        **(made if at else {}),
        **_shared(setting),
    )


def _outage(setting: Setting, name: str, cell: Cell) -> Record:
    status: Status = setting.draw.choice(("unsupported", "failed", "timeout", "oom"))
    detail = "Traceback (most recent call last):\n  …\nRuntimeError: no kernel" if status == "failed" else None
    return Record(name, status, cell, reason=REASONS[status], detail=detail, **_shared(setting))


def _shared(setting: Setting) -> dict[str, Any]:
    facts = {
        "system": "Linux",
        "kernel": "6.1.0",
        "architecture": "x86_64",
        "processor": setting.machine[0],
        "cores": 4,
        "cores_usable": 2,
        "memory_bytes": 8 << 30,
        "governor": "performance",
        "virtual": False,
    }
    return {
        "group": f"{setting.index:012x}",
        "run": "mobile-2026-01-01",
        "started": "2026-01-01T11:00:00Z",
        "machine": facts,
        "versions": {"joulebench": "0.1.0", setting.backend: "1.27.0", "numpy": "2.4.0"},
    }


def _readings(setting: Setting, shares: Shares) -> dict[str, Reading]:
    seconds, parameters, flops = setting.task[3:]
    latency, _, size, dense = shares
    draw = setting.draw
    value, noise = seconds * latency * draw.uniform(0.95, 1.07), draw.uniform(0.004, 0.03)
    low, high = value * (1 - noise), value * (1 + noise)
    quantiles = {name: [value * k, low * k, high * k] for name, k in (("p50", 1.0), ("p90", 1.06), ("p99", 1.31))}
    facts = {"quantiles": quantiles, "floor": value * 0.97, "launches": 7, "per": "query"}
    stored = int(parameters * 4 * size) + draw.randrange(2000)
    peak = stored * 1.4 + 2e6
    return {
        "quality": _quality(setting, shares),
        "latency": Reading("s", "measured", value, low, high, 1400, "wall", facts=facts),
        "energy": _energy(setting, value),
        "memory": Reading("B", "measured", peak, peak * 0.99, peak * 1.02, 7, "VmHWM"),
        "size": Reading.counted(stored, "B"),
        "size_compressed": Reading.counted(int(stored * (0.35 + 0.55 * dense)), "B", level=10),
        "parameters": Reading.counted(parameters, "count"),
        "nonzero": Reading.counted(int(parameters * dense), "count"),
        "flops": Reading.counted(flops, "FLOP", convention="2 x MACs"),
    }


def _quality(setting: Setting, shares: Shares, n: int = 1000) -> Reading:
    _, metric, quality, *_ = setting.task
    drop = quality * shares[1] * setting.draw.uniform(0.5, 1.5)
    half, score = 0.004 * setting.draw.uniform(0.3, 1.2), quality - drop
    width = 1.96 * (score * (1 - score) / n) ** 0.5
    lost = {"value": drop, "low": drop - half, "high": drop + half, "gained": 3, "lost": 9}
    facts = {"metric": metric, "higher_is_better": True, "drop": lost}
    return Reading("1", "measured", score, score - width, min(1.0, score + width), n, "held-out", facts=facts)


def _energy(setting: Setting, seconds: float) -> Reading:
    _, class_, meter, domains = setting.machine
    if class_ == "unavailable":
        return Reading.missing("J", "no energy meter can read here: a virtual machine hides its counters")
    joules, factor = seconds * 9.0 * setting.draw.uniform(0.93, 1.08), 2.3 if class_ == "estimated" else 1.03
    facts = {
        "per": "inference",
        "kind": "counter" if class_ != "estimated" else "model",
        "meter_version": "1",
        "domains": list(domains),
        "period_s": 0.001,
        "window_s": 2.0,
        "n_windows": 7,
        "n_invalid": 0,
        "share": 0.99,
        "steal": 0.0,
        "uncertainty": {"total_j": joules * (factor - 1)},
        **({"coefficients": {"watts_per_cpu": 9.0, "factor": factor}} if class_ == "estimated" else {}),
        "gross": joules,
        "net": joules * 0.8,
        "idle_w": 1.9,
    }
    return Reading("J", class_, joules, joules / factor, joules * factor, 7, meter, facts=facts)


def _ratios(setting: Setting, shares: Shares, against: str) -> dict[str, Ratio]:
    value, half = shares[0] * setting.draw.uniform(0.985, 1.015), setting.draw.uniform(0.004, 0.02)
    found = {
        "latency": Ratio(value, value * (1 - half), value * (1 + half), against, "paired-floor", 7),
        "size": Ratio(shares[2], shares[2], shares[2], against, "counted", 1, "counted"),
    }
    if setting.machine[1] != "unavailable":
        found["energy"] = Ratio(value, value * 0.97, value * 1.03, against, "paired", 7, setting.machine[1])
    return found


def _break_even(setting: Setting, shares: Shares) -> dict[str, Any]:
    """Return a break-even as good as the setting's joules: an estimate claims nothing."""
    served, class_ = {"device": "cpu", "processor": setting.machine[0]}, setting.machine[1]
    places = {"made_on": [{"device": "cuda:0", "processor": "Xeon"}], "served_on": served}
    saved_s = setting.task[3] * (1 - shares[0])
    value = 20.0 / saved_s if saved_s > 0 else None
    ends = {"inferences": value, "low": value and value * 0.9, "high": value and value * 1.1}
    none = {**dict.fromkeys(ends), "verdict": "no demonstrated saving"}
    in_time = {**ends, "verdict": "saves processor time"} if value else none
    found: dict[str, Any] = {**ends, "verdict": "saves"} if value else none
    if class_ in ("estimated", "unavailable"):
        words = "estimated only" if class_ == "estimated" else "unavailable"
        found = {**none, "verdict": words, "reason": "no demonstrated saving: energy here is estimated"}
    timed = {**in_time, "class": "derived", "basis": "processor time"}
    return {**found, "class": class_, "basis": "energy", "processor_time": timed, **places}


def _poisoned(record: Record, text: str) -> Record:
    """Return the record with a hostile string wherever a stranger's text can stand."""
    cell = record.cell
    task = f"{cell.task} {text}" if len(text) < 100 else cell.task
    everywhere: dict[str, Any] = dict.fromkeys(("detail", "reason", "run", "started", "artifact", "reproduce"), text)
    return replace(
        record,
        id=f"{record.id}{text}",
        cell=Cell(cell.suite, task, (*cell.recipe, Step(text, {text: text})), cell.backend, text),
        validity={"verdict": record.validity["verdict"], "reasons": [text]},
        machine={"processor": text, text: text},
        versions={cell.backend: text},
        lineage=({text: text},),
        steps=(),
        **everywhere,
    )


def main() -> None:
    """Write a page of invented records and print where it is."""
    from bench.publish import write_site

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int)
    parser.add_argument("-o", type=Path, default=Path("site"))
    parser.add_argument("--per-group", type=int, default=9)
    parser.add_argument("--hostile", action="store_true")
    asked = parser.parse_args()
    found = records(asked.n, per_group=asked.per_group, hostile=asked.hostile)
    print(write_site(found, asked.o, title="Invented results", generated=GENERATED))


if __name__ == "__main__":
    main()
