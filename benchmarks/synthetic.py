"""Invented records with the shape of real ones, for judging the leaderboard: never to be read as results.

python benchmarks/synthetic.py 200 -o site/        # look at a page of 200
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.reading import Reading
from bench.record import Ratio, Record
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
MACHINES = (
    ("Cortex-A76", "estimated", "cpu-seconds", ["package"]),
    ("Xeon Platinum 8480", "measured", "powercap", ["package"]),
    ("Xeon shared", "derived", "powercap", ["package", "dram"]),
    ("Virtual CPU", "unavailable", "", []),
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


def records(n: int, *, seed: int = 0, per_group: int = ROWS_PER_GROUP, hostile: bool = False) -> list[Record]:
    """Return n invented records in groups of `per_group`, the same for a seed; each group has its baseline.

    With `hostile`, the strings of HOSTILE stand in names, options, reasons and machines.
    """
    out: list[Record] = []
    for index in range(0, n, per_group):
        out += _group(index // per_group, min(per_group, n - index), random.Random(f"{seed}-{index}"))
    return [_poisoned(each, HOSTILE[at % len(HOSTILE)]) for at, each in enumerate(out)] if hostile else out


def _group(index: int, size: int, draw: random.Random) -> list[Record]:
    task, machine = TASKS[index % len(TASKS)], MACHINES[index // 2 % len(MACHINES)]
    backend = ("onnxruntime", "torch")[index % 2]
    base = _record(index, 0, (), (1.0, 0.0, 1.0, 1.0), task, machine, backend, draw, "")
    recipes = _recipes(draw)
    rest = [_record(index, at, *next(recipes), task, machine, backend, draw, base.id) for at in range(1, size)]
    return [base, *rest]


def _recipes(draw: random.Random) -> Iterator[tuple[tuple[Step, ...], tuple[float, float, float, float]]]:
    for name, options, *shares in METHODS:
        yield (Step(name, options),), (shares[0], shares[1], shares[2], shares[3])
    while True:
        chosen = draw.sample(METHODS, draw.choice((1, 2, 2, 3)))
        steps = tuple(Step(name, {**options, "seed": draw.randrange(1000)}) for name, options, *_ in chosen)
        shares = [1.0, 0.0, 1.0, 1.0]
        for _, _, latency, lost, size, dense in chosen:
            shares = [shares[0] * latency, shares[1] + lost, shares[2] * size, shares[3] * dense]
        yield steps, (shares[0], shares[1], shares[2], shares[3])


def _record(
    group: int,
    at: int,
    steps: tuple[Step, ...],
    shares: tuple[float, float, float, float],
    task: tuple[str, str, float, float, int, int],
    machine: tuple[str, str, str, list[str]],
    backend: str,
    draw: random.Random,
    against: str,
) -> Record:
    cell = Cell("mobile", task[0], steps, backend)
    name, shared = f"{group:04x}{at:06x}", _shared(group, machine, backend)
    fate = draw.random()
    if at > 6 and fate < 0.04:
        status = draw.choice(("unsupported", "failed", "timeout", "oom"))
        detail = "Traceback (most recent call last):\n  …\nRuntimeError: no kernel" if status == "failed" else None
        return Record(name, status, cell, reason=_reason(status, backend), detail=detail, **shared)  # type: ignore[arg-type]
    verdict = (
        ("suspect", ["latency drifted by 14% from the first launches to the last"])
        if at and fate > 0.94
        else ("valid", [])
    )
    readings, ratios = _readings(task, shares, machine, draw), _ratios(shares, machine, draw, against)
    lost = readings["quality"].facts["drop"]["value"]
    limits = {
        "quality_drop": {"limit": 0.01, "value": lost, "ok": lost <= 0.01},
        "latency_p90": {"limit": 0.03, "value": readings["latency"].value, "ok": True},
    }
    return Record(
        name, "ok", cell, artifact=f"sha256:{draw.getrandbits(256):064x}", launches=draw.randrange(5, 14),
        validity={"verdict": verdict[0], "reasons": verdict[1]}, readings=readings, ratios=ratios if at else {}, limits=limits,
        audit={"claimed": "int8", "stored": "int8", "executed": "int8", "verdict": "effective"} if at else {},
        compression={"seconds": 4.1 + 30 * draw.random()} if at else {},
        lineage=tuple({"step": each.name, "seconds": round(draw.random(), 3), "format": "onnx"} for each in steps),
        steps=tuple({"plugin": f"bench_{each.name}", "version": "0.1.0"} for each in steps),
        reproduce=f"bench reproduce {name}", **shared,
    )  # fmt: skip


def _shared(group: int, machine: tuple[str, str, str, list[str]], backend: str) -> dict[str, Any]:
    facts = {"system": "Linux", "kernel": "6.1.0", "architecture": "x86_64", "processor": machine[0], "cores": 4,
             "cores_usable": 2, "memory_bytes": 8 << 30, "governor": "performance", "virtual": False}  # fmt: skip
    return {
        "group": f"{group:012x}", "run": "mobile-2026-01-01", "started": "2026-01-01T11:00:00Z", "machine": facts,
        "versions": {"joulebench": "0.1.0", backend: "1.27.0", "numpy": "2.4.0"},
    }  # fmt: skip


def _readings(task: Any, shares: Any, machine: Any, draw: random.Random) -> dict[str, Reading]:
    _, metric, quality, seconds, parameters, flops = task
    latency, lost, size, dense = shares
    value = seconds * latency * draw.uniform(0.95, 1.07)
    noise = draw.uniform(0.004, 0.03)
    drop = quality * lost * draw.uniform(0.5, 1.5)
    n, half = 1000, 0.004 * draw.uniform(0.3, 1.2)
    score = quality - drop
    width = 1.96 * (score * (1 - score) / n) ** 0.5
    facts = {"metric": metric, "higher_is_better": True,
             "drop": {"value": drop, "low": drop - half, "high": drop + half, "gained": 3, "lost": 9}}  # fmt: skip
    quantiles = {name: [value * k, value * k * (1 - noise), value * k * (1 + noise)]
                 for name, k in (("p50", 1.0), ("p90", 1.06), ("p99", 1.31))}  # fmt: skip
    stored = int(parameters * 4 * size) + draw.randrange(2000)
    return {
        "quality": Reading("1", "measured", score, score - width, min(1.0, score + width), n, "held-out", facts=facts),
        "latency": Reading("s", "measured", value, value * (1 - noise), value * (1 + noise), 1400, "wall",
                           facts={"quantiles": quantiles, "floor": value * 0.97, "launches": 7, "per": "query"}),
        "energy": _energy(value, machine, draw),
        "memory": Reading("B", "measured", stored * 1.4 + 2e6, stored * 1.38 + 2e6, stored * 1.43 + 2e6, 7, "VmHWM"),
        "size": Reading.counted(stored, "B"),
        "size_compressed": Reading.counted(int(stored * (0.35 + 0.55 * dense)), "B", level=10),
        "parameters": Reading.counted(parameters, "count"),
        "nonzero": Reading.counted(int(parameters * dense), "count"),
        "flops": Reading.counted(flops, "FLOP", convention="2 x MACs"),
    }  # fmt: skip


def _energy(seconds: float, machine: Any, draw: random.Random) -> Reading:
    _, klass, meter, domains = machine
    if klass == "unavailable":
        return Reading.missing("J", "no energy meter can read here: a virtual machine hides its counters")
    joules, factor = seconds * 9.0 * draw.uniform(0.93, 1.08), 2.3 if klass == "estimated" else 1.03
    facts = {"per": "inference", "kind": "counter" if klass != "estimated" else "model", "meter_version": "1", "domains": domains,
             "window_s": 2.0, "n_windows": 7, "n_invalid": 0, "gross": joules, "net": joules * 0.8, "idle_w": 1.9}  # fmt: skip
    return Reading("J", klass, joules, joules / factor, joules * factor, 7, meter, facts=facts)


def _ratios(shares: Any, machine: Any, draw: random.Random, against: str) -> dict[str, Ratio]:
    value, half = shares[0] * draw.uniform(0.985, 1.015), draw.uniform(0.004, 0.02)
    found = {"latency": Ratio(value, value * (1 - half), value * (1 + half), against, "paired-floor", 7),
             "size": Ratio(shares[2], shares[2], shares[2], against, "counted", 1, "counted")}  # fmt: skip
    if machine[1] != "unavailable":
        found["energy"] = Ratio(value, value * 0.97, value * 1.03, against, "paired", 7, machine[1])
    return found


def _reason(status: str, backend: str) -> str:
    return {
        "unsupported": f"no route from litert to {backend}: run 'bench env build litert'",
        "failed": "RuntimeError: no kernel for this operator",
        "timeout": "longer than 15 min; raise measure.timeout",
        "oom": "out of memory: needs more than 4 GB",
    }[status]


def _poisoned(record: Record, text: str) -> Record:
    cell = record.cell
    steps = (*cell.recipe, Step(text, {text: text}))
    hostile = Cell(cell.suite, f"{cell.task} {text}" if len(text) < 100 else cell.task, steps, cell.backend, text)
    words = {"verdict": record.validity["verdict"], "reasons": [text]}
    return Record(**{**vars(record), "id": f"{record.id}{text}", "cell": hostile, "validity": words, "detail": text,
                     "reason": text, "machine": {"processor": text, text: text}, "lineage": ({text: text},), "run": text,
                     "reproduce": text, "steps": ()})  # fmt: skip


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
