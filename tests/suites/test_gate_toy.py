"""The gate on the toy task for real: processes, onnxruntime and a plugin that is edited between two gates."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = """
import onnx
import bench

NOTE = "x"


@bench.compressor("note", accepts="onnx")
def note(artifact, ctx):
    \"\"\"Write a note into the model.\"\"\"
    model = onnx.load(str(artifact.path))
    model.doc_string = NOTE
    path = ctx.workdir / "noted.onnx"
    onnx.save(model, str(path))
    return path
"""
SUITE = """bench: 1
name: gated-toy
matrix: {task: [toy], recipe: [note], backend: [onnxruntime]}
measure: {rounds: 3, idle: 0s}
gate: {quality: -10 pp}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pytest.importorskip("onnxruntime", reason="the suite of this test runs on onnxruntime, of the extra `mobile`")
    (tmp_path / "note.py").write_text(PLUGIN)
    (tmp_path / "toy.yaml").write_text(SUITE)
    return tmp_path


def gate(folder: Path, *words: str) -> int:
    command = [sys.executable, "-m", "bench", "gate", "toy.yaml", "-p", "note.py", "-o", "out", *words]
    known = {**os.environ, "BENCH_CACHE": str(folder / "cache")}
    return subprocess.run(command, cwd=folder, env=known, capture_output=True, check=False).returncode


def test_a_byte_more_is_seen_and_what_is_as_fast_is_not_failed(folder: Path) -> None:
    assert gate(folder, "--update") == 0
    cells = json.loads((folder / "bench-baseline.json").read_text())["cells"].values()
    size = next(each["counts"]["size"] for each in cells if "note" in each["name"])
    (folder / "budget.yaml").write_text(f"size: {size} B\n")
    assert gate(folder, "--budget", "budget.yaml") == 0
    (folder / "note.py").write_text(PLUGIN.replace('"x"', '"xy"'))
    assert gate(folder, "--budget", "budget.yaml", "--exact") == 1
    code = gate(folder, "--minutes", "0.3")
    report = json.loads((folder / "out" / "gate.json").read_text())
    (cell,) = (each for each in report["cells"] if "note" in each["name"])
    latency = next(each for each in cell["metrics"] if each["metric"] == "latency")
    assert (code, report["self_test"]["fit"]) == (0, True), report
    assert latency["outcome"] in ("pass", "inconclusive")
    assert cell["launches"] == latency["channels"]["floor"]["launches"] > 0
    assert len(list((folder / "out" / "journal").rglob("*.npz"))) > cell["launches"]
