"""Checks of the torch and onnxruntime backends on a card, then the suite `cuda`; one JSON object of both.

`on_gpu.sh` runs it on a machine with a card and no network; `--device cpu` runs the same checks on a processor, which
says that the script works and nothing of cards.

A check is 1 where it holds, 0 where it does not; why not, and what could not run, is written to the error stream.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import bench
from bench.cards import card_of
from bench.machine import machine_facts

BACKENDS: Mapping[str, Mapping[str, Any]] = {
    "torch": {},
    "torch-compile": {"compile": True},
    "onnxruntime": {},
}
TOLERANCE = 1e-3
WINDOW_S = 20.0
WAITS = 0.8  # a call that waits takes at least this share of the card's own time for it
READINGS = ("latency", "energy", "memory", "startup", "quality")


def main() -> None:
    """Run it."""
    arguments = _arguments()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in BACKENDS:
            try:
                figures |= {f"{name}/{key}": value for key, value in checks(name, arguments.device, Path(folder))}
            except Exception as error:  # noqa: BLE001 - one backend's failure must not cost the others' figures
                figures[f"{name}/opens"] = 0.0
                _say(f"{name}: {type(error).__name__}: {error}")
        figures |= joules(arguments.device, arguments.window)
        if not arguments.checks_only:
            place = arguments.results or Path(folder) / "results"
            figures |= suite(arguments.suite, place)
    document = {"figures": figures, "machine": {**machine_facts(), **about(arguments.device)}}
    text = json.dumps(document)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text if arguments.json else "\n".join(f"{name:<64}{value:.6g}" for name, value in figures.items()))
    sys.exit(0 if all(value for name, value in figures.items() if "/ok_" in name or name.endswith("/opens")) else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--device", default="cuda:0", help="the device to check (cuda:0)")
    parser.add_argument("--suite", default="cuda", help="the suite to run after the checks (cuda)")
    parser.add_argument("--results", type=Path, help="where the suite's records go; a temporary folder if left out")
    parser.add_argument("--out", type=Path, help="write the JSON object to this file, too")
    parser.add_argument("--window", type=float, default=WINDOW_S, help="seconds of a window in which joules are read")
    parser.add_argument("--checks-only", action="store_true", help="leave the suite out")
    return parser.parse_args()


def checks(name: str, device: str, folder: Path) -> Iterator[tuple[str, float]]:
    """Yield figures of one backend: whether its outputs are the processor's, its calls wait, its memory is seen."""
    backend, artifact = _backend(name), _artifact(name, folder)
    inputs = {"image": np.random.default_rng(0).standard_normal((64, 1, 28, 28)).astype(np.float32)}
    watch = backend.watch_memory(device)
    base = None if watch is None else (watch.resident_bytes(), watch.reset_peak())[0]
    session = backend.open(artifact, device=device, threads=1)
    found, wanted = session.run(inputs), _backend(name).open(artifact, device="cpu", threads=1).run(inputs)
    worst = max(float(np.abs(found[key] - wanted[key]).max()) for key in wanted)
    yield "max_difference", worst
    yield "ok_outputs", float(worst <= TOLERANCE)
    call = session.bind(inputs)
    yield "ok_same_twice", float(np.array_equal(np.asarray(_host(call()[0])), np.asarray(_host(call()[0]))))
    yield from _times(session, call)
    if watch is not None and base is not None and watch.missing is None:
        peak = (watch.peak_bytes() or 0) - base
        yield "device_memory_B", float(peak)
        yield "ok_device_memory", float(peak > 0)
    elif watch is not None:
        _say(f"{name}: no memory of the device: {watch.missing}")
    assignment = session.facts().get("assignment")
    if assignment is not None:
        _say(f"{name}: {json.dumps(assignment)}")
        yield "operators_on_card", float(sum(assignment.get("CUDAExecutionProvider", {}).values()))
        yield "operators_on_processor", float(sum(assignment.get("CPUExecutionProvider", {}).values()))
    session.close()


def _times(session: Any, call: Callable[[], Any], calls: int = 50) -> Iterator[tuple[str, float]]:
    """Yield the fastest call's seconds and, where the backend tells it, the card's own; a call must not be shorter."""
    for _ in range(10):
        call()
    seconds = []
    for _ in range(calls):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    yield "call_s", min(seconds)
    own = session.facts().get("device_call_s")
    if own is not None:
        yield "device_call_s", float(own)
        yield "ok_waits", float(np.median(seconds) >= WAITS * own)


def joules(device: str, seconds: float) -> dict[str, float]:
    """Return watts of the card at rest and under work, read by the meter `nvml` bound to it; empty on a processor."""
    if not device.startswith("cuda"):
        return {}
    from bench_power import Nvml

    index = int(device.partition(":")[2] or 0)
    meter = Nvml(cuda=index)
    reason = meter.available()
    if reason:
        _say(f"nvml: {reason}")
        return {"nvml/ok_available": 0.0}
    idle, busy = _watts(meter, seconds, None), _watts(meter, seconds, device)
    return {
        "nvml/ok_available": 1.0,
        "nvml/idle_W": idle,
        "nvml/busy_W": busy,
        "nvml/ok_busy_above_idle": float(busy > idle),
    }


def _watts(meter: Any, seconds: float, device: str | None) -> float:
    import torch

    matrix = torch.ones(4096, 4096, device=device) if device else None
    token, began = meter.start(), time.perf_counter()
    while time.perf_counter() - began < seconds:
        if matrix is None:
            time.sleep(0.1)
        else:
            torch.mm(matrix, matrix)
            torch.cuda.synchronize()
    reading = meter.stop(token)
    if reading.value is None:
        _say(f"nvml: {reading.reason}")
        return 0.0
    return float(reading.value) / float(reading.facts.get("seconds") or time.perf_counter() - began)


def suite(name: str, place: Path) -> dict[str, float]:
    """Run a suite with the command itself and return its records' figures."""
    command = [sys.executable, "-m", "bench", "run", name, "-o", str(place)]
    ended = subprocess.run(command, stdout=sys.stderr, check=False)
    records = place / "records.jsonl"
    lines = records.read_text(encoding="utf-8").splitlines() if records.exists() else []
    figures = figures_of([json.loads(line) for line in lines])
    measured = float(figures["suite/cells_ok"] > 0)  # a suite of which no cell was measured proves nothing
    return {"suite/exit_code": float(ended.returncode), "suite/ok_measured": measured, **figures}


def figures_of(records: list[dict[str, Any]]) -> dict[str, float]:
    """Return readings and ratios of records by cell; how many cells were measured, and how many could not run."""
    latest = {each["id"]: each for each in records}
    figures = {
        "suite/cells": float(len(latest)),
        "suite/cells_ok": float(sum(each["status"] == "ok" for each in latest.values())),
    }
    for record in latest.values():
        name = _cell(record["cell"])
        if record["status"] != "ok":
            _say(f"{name}: {record['status']}: {record['reason']}")
            continue
        for key in READINGS:
            value = record["readings"].get(key, {}).get("value")
            if value is not None:
                figures[f"{name}/{key}"] = float(value)
        for key, ratio in record["ratios"].items():
            figures[f"{name}/{key}_ratio"] = float(ratio["value"])
    return figures


def _cell(cell: Mapping[str, Any]) -> str:
    steps = "+".join(each["name"] for each in cell["recipe"]) or "none"
    options = ",".join(str(each) for each in (cell.get("backend_options") or {}))
    backend = f"{cell['backend']}({options})" if options else cell["backend"]
    return f"{cell['task']}/{steps}/{backend}/batch{cell['batch']}"


def about(device: str) -> dict[str, Any]:
    """Return what runs here: the card, and the versions of the frameworks."""
    import onnxruntime
    import torch
    from bench_power import bench_machine

    cards = dict(bench_machine())
    return {
        **cards,
        "device": device,
        "card": card_of(cards, device),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "onnxruntime": onnxruntime.__version__,
        "providers": onnxruntime.get_available_providers(),
    }


def _backend(name: str) -> Any:
    if name == "onnxruntime":
        from bench_onnxruntime import OnnxRuntimeBackend

        return OnnxRuntimeBackend()
    from bench_torch import TorchBackend

    return TorchBackend(**BACKENDS[name])


class _Context:
    """What a converter needs to know."""

    def __init__(self, workdir: Path) -> None:
        self.workdir, self.seed, self.device = workdir, 0, "cpu"

    def example(self, batch: int = 1) -> Mapping[str, Any]:
        return {"image": np.zeros((batch, 1, 28, 28), np.float32)}

    def log(self, message: str) -> None:
        """Nothing is kept."""

    def note(self, **facts: Any) -> None:
        """Nothing is kept."""


def _artifact(name: str, folder: Path) -> bench.Artifact:
    """Return a small convolutional network with seeded weights, as a file of the backend's format."""
    from bench_torch import torch_export

    context: Any = _Context(folder)
    path = folder / "model.pt2"
    if not path.exists():
        torch_export(_network(), context)
    program = bench.Artifact.of(path, "torch")
    if name != "onnxruntime":
        return program
    from bench_onnxruntime import onnx_export

    return bench.Artifact.of(onnx_export(program, context), "onnx")


def _network() -> Any:
    import torch

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = torch.nn.Conv2d(1, 16, 3), torch.nn.Conv2d(16, 32, 3, stride=2)
            self.classify = torch.nn.Linear(32, 10)

        def forward(self, image: Any) -> Any:
            return self.classify(torch.relu(self.second(torch.relu(self.first(image)))).mean((2, 3)))

    torch.manual_seed(0)
    return Network().eval()


def _host(value: Any) -> Any:
    return value.detach().cpu() if hasattr(value, "detach") else value


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
