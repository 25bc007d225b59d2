"""benchmarks/on_gpu: the script that proves the CUDA backends elsewhere, as far as it can be tried without a card."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the script compares torch with itself, of the extra `mobile`")
pytest.importorskip("onnxruntime", reason="the script compares onnxruntime with itself, of the extra `mobile`")
SCRIPTS = Path(__file__).resolve().parents[2] / "benchmarks"
SCRIPT = SCRIPTS / "on_gpu.sh"


def run(script, *words, **environment):
    command = ["bash", str(script), "--python", sys.executable, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


@pytest.fixture(scope="module")
def on_gpu():
    spec = importlib.util.spec_from_file_location("on_gpu", SCRIPTS / "on_gpu.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_shellcheck_has_nothing_to_say():
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed (Debian: apt install shellcheck)")
    ended = subprocess.run(["shellcheck", str(SCRIPT)], capture_output=True, text=True, check=False)
    assert ended.stdout == ""


@pytest.fixture
def carried(tmp_path):
    """The script as it is carried to another machine, a wheel beside it."""
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "joulebench-0.1.0-py3-none-any.whl").touch()
    for name in ("on_gpu.sh", "on_gpu.py"):
        shutil.copy(SCRIPTS / name, tmp_path)
    return tmp_path / "on_gpu.sh"


def test_a_dry_run_says_what_is_missing_and_what_would_be_done(carried, tmp_path):
    fake = tmp_path / "modules"
    fake.mkdir()
    (fake / "torch.py").write_text(
        "__version__ = '9.9'\nclass cuda:\n  is_available = lambda: True\n  device_count = lambda: 2\n"
    )
    (fake / "onnxruntime.py").write_text(
        "__version__ = '9.8'\nimport os\nget_available_providers = lambda: os.environ['PROVIDERS'].split()\n"
    )
    there = run(carried, "--dry-run", PYTHONPATH=str(fake), PROVIDERS="CUDAExecutionProvider CPUExecutionProvider")
    assert there.returncode == 0, there.stderr
    assert "ok       torch 9.9 sees 2 CUDA cards" in there.stdout
    assert "ok       onnxruntime 9.8 has CUDAExecutionProvider, CPUExecutionProvider" in there.stdout
    assert "would    on_gpu.py --device cuda:0 --json --out on_gpu.json" in there.stdout
    assert "/venv, which sees the packages of" in there.stdout
    missing = run(carried, "--dry-run", PYTHONPATH=str(fake), PROVIDERS="CPUExecutionProvider")
    assert missing.returncode == 1
    assert "missing  onnxruntime 9.8 has CPUExecutionProvider" in missing.stdout
    assert sorted(each.name for each in tmp_path.iterdir()) == ["modules", "on_gpu.py", "on_gpu.sh", "wheels"]


def test_without_wheels_and_without_joulebench_the_cure_is_said(tmp_path):
    alone = Path(shutil.copy(SCRIPTS / "on_gpu.sh", tmp_path))
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "$@"\n')
    bare.chmod(0o755)
    ended = run(alone, "--python", str(bare))
    assert ended.returncode == 2
    assert "missing  wheels/joulebench-*.whl beside this script (on_gpu.sh --pack makes them)" in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--colour"], "unknown option '--colour'"),
        (["--device"], "--device takes a value"),
        (["--python", "no-such-python"], "there is no 'no-such-python'"),
    ],
)
def test_wrong_words_are_named(words, says):
    ended = run(SCRIPT, *words)
    assert (ended.returncode, says in ended.stderr) == (2, True)


def test_help():
    ended = run(SCRIPT, "--help")
    assert ended.returncode == 0
    assert all(each in ended.stdout for each in ("--pack", "--dry-run", "--device", "--out"))


@pytest.mark.slow
def test_the_checks_hold_on_a_processor_and_one_object_is_written(tmp_path):
    out = tmp_path / "out.json"
    ended = run(SCRIPT, "--device", "cpu", "--checks-only", "--out", str(out), BENCH_CACHE=str(tmp_path / "cache"))
    assert ended.returncode == 0, ended.stderr
    document = json.loads(ended.stdout)
    assert document == json.loads(out.read_text())
    assert set(document) == {"figures", "machine"}
    assert {each.partition("/")[0] for each in document["figures"]} == {"torch", "torch-compile", "onnxruntime"}
    assert all(value == 1 for name, value in document["figures"].items() if "/ok_" in name)
    assert (document["machine"]["card"], document["machine"]["device"]) == (None, "cpu")


def test_a_backend_that_does_not_open_costs_its_own_figures(on_gpu, monkeypatch, capsys):
    def checks(name, device, folder):
        if name == "torch":
            raise RuntimeError("no kernel image")
        yield "ok_outputs", 1.0

    monkeypatch.setattr(on_gpu, "checks", checks)
    monkeypatch.setattr(sys, "argv", ["on_gpu.py", "--json", "--device", "cpu", "--checks-only"])
    with pytest.raises(SystemExit) as ended:
        on_gpu.main()
    told = capsys.readouterr()
    assert ended.value.code == 1
    assert json.loads(told.out)["figures"] == {
        "torch/opens": 0.0,
        "torch-compile/ok_outputs": 1.0,
        "onnxruntime/ok_outputs": 1.0,
    }
    assert "torch: RuntimeError: no kernel image" in told.err


def test_figures_of_records(on_gpu, capsys):
    cell = {"task": "t", "recipe": [{"name": "quantize"}], "backend": "torch", "batch": 64}
    ok = {
        "id": "a",
        "status": "ok",
        "cell": {**cell, "backend_options": {"compile": True}},
        "readings": {"latency": {"value": 0.5}, "energy": {"value": None}},
        "ratios": {"latency": {"value": 0.25}},
    }
    gone = {"id": "b", "status": "unsupported", "reason": "no card", "cell": cell}
    assert on_gpu.figures_of([{**ok, "ratios": {}}, ok, gone]) == {
        "suite/cells": 2,
        "suite/cells_ok": 1,
        "t/quantize/torch(compile)/batch64/latency": 0.5,
        "t/quantize/torch(compile)/batch64/latency_ratio": 0.25,
    }
    assert "t/quantize/torch/batch64: unsupported: no card" in capsys.readouterr().err


def test_a_suite_of_which_nothing_was_measured_is_no_proof(on_gpu, monkeypatch, tmp_path):
    monkeypatch.setattr(on_gpu.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 3))
    assert on_gpu.suite("cuda", tmp_path) == {
        "suite/exit_code": 3,
        "suite/ok_measured": 0,
        "suite/cells": 0,
        "suite/cells_ok": 0,
    }
