"""The core alone, in an environment of its own: small, and able to render a leaderboard."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.reading import Reading
from bench.record import Ratio, Record
from bench.suite.cell import Cell, Step

LARGEST_BYTES = 100_000_000

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory, wheel: Path, root: Path) -> Path:
    """Install the wheel without extras; return the environment's folder."""
    place = tmp_path_factory.mktemp("core") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python"), "--disable-pip-version-check"]
    command = [*pip, "install", "--quiet", "-c", str(root / "constraints.txt"), str(wheel)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return place


def _bench(core: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BENCH_", "PYTHON"))}
    environment = {**clean, "BENCH_CACHE": str(cwd / "cache")}
    command = [str(core / "bin" / "bench"), *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def _records() -> list[Record]:
    base = Cell("mobile", "a-task", (), "onnxruntime")
    small = Cell("mobile", "a-task", (Step("quantize", {"mode": "dynamic"}),), "onnxruntime")
    latency = Reading("s", "measured", 0.003, 0.0029, 0.0031, 900, "wall")
    ratio = Ratio(0.52, 0.51, 0.53, "r0", "paired-floor", 6)
    return [
        Record("r0", "ok", base, group="g", readings={"latency": latency}, launches=6),
        Record("r1", "ok", small, group="g", readings={"latency": latency}, ratios={"latency": ratio}, launches=6),
    ]


def test_it_is_small(core: Path) -> None:
    sizes = {each: each.lstat().st_size for each in core.rglob("*") if each.is_file() and not each.is_symlink()}
    largest = sorted(sizes, key=lambda each: -sizes[each])[:5]
    assert sum(sizes.values()) <= LARGEST_BYTES, [(each.name, sizes[each]) for each in largest]


def test_it_holds_no_framework(core: Path) -> None:
    names = ("torch", "onnx", "onnxruntime", "scipy", "mlxtend")
    code = f"from importlib.util import find_spec; print([each for each in {names} if find_spec(each)])"
    ended = subprocess.run([str(core / "bin" / "python"), "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_it_renders_a_report(core: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    lines = [json.dumps(each.to_json()) for each in _records()]
    (run / "records.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ended = _bench(core, "report", str(run), "-o", "site", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    page = (tmp_path / ended.stdout.strip()).read_text(encoding="utf-8")
    assert "a-task" in page


def test_what_is_missing_is_named_with_its_cure(core: Path, tmp_path: Path) -> None:
    ended = _bench(core, "list", "compressors", "--json", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    offers = json.loads(ended.stdout)["compressors"]
    assert offers
    for each in offers:
        cure = "run 'bench env build " if each["environment"] else "not installed here: pip install 'joulebench["
        assert cure in each["missing"]


def test_suites_are_found_by_name_and_planned(core: Path, tmp_path: Path) -> None:
    ended = _bench(core, "plan", "smoke", "--json", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    cells = json.loads(ended.stdout)["cells"]
    assert cells
    assert all("not installed here" in each["reason"] for each in cells)


def test_the_doctor_measures_the_noise_floor(core: Path, tmp_path: Path) -> None:
    ended = _bench(core, "doctor", "--json", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    states = {each["subject"]: each["state"] for each in found["findings"]}
    assert states["noise"] in ("ok", "note")
    assert found["noise"]["launches"] >= 4
    assert [each["seconds"] for each in found["noise"]["gate"]] == [10, 30, 60]
