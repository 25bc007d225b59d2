"""A suite that starts a program as a backend: refused without --allow-code, a red row when the program breaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """bench: 1
name: program
matrix:
  task: [toy]
  recipe: [none]
  backend: [command: {program: "PYTHON -c input();print(1)", format: onnx}]
measure: {repeat: 1s}
"""


def _bench(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "program.yaml").write_text(SUITE.replace("PYTHON", sys.executable))
    command = [sys.executable, "-m", "bench", "run", "program.yaml", "-o", "out", *words]
    environment = {**os.environ, "BENCH_CACHE": str(folder / "cache")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_program_needs_to_be_allowed(tmp_path: Path) -> None:
    refused = _bench(tmp_path)
    assert refused.returncode == 2
    assert "this suite starts a program as a backend" in refused.stderr
    assert "--allow-code" in refused.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_garbage_is_a_failed_record_with_its_reason(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="the route to a program that opens onnx goes through onnx-export")
    ended = _bench(tmp_path, "--allow-code")
    assert ended.returncode == 3, ended.stderr
    (record,) = map(json.loads, (tmp_path / "out" / "records.jsonl").read_text().splitlines())
    assert record["status"] == "failed"
    assert "what is no object: 1" in record["reason"]
