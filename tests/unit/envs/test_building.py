"""Building: whole or not at all, whoever is killed and however many build at once."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.envs import Environment, Wanted, build, every, find, remove
from bench.envs.found import MARKER
from bench.errors import BenchError

BUILDER = Path(__file__).parent / "builder.py"
KILLS = 10
PATIENCE_S = 120.0


def builder(folder: Path, wanted: Wanted) -> subprocess.Popen[str]:
    command = [sys.executable, str(BUILDER), str(folder), wanted.requirements[0].partition(" @ ")[2]]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=dict(os.environ))


def answer(environment: Environment) -> str:
    command = [environment.python, "-c", "import bench_tiny; print(bench_tiny.ANSWER)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_it_is_built_once_and_found_again(wanted: Wanted, tmp_path: Path) -> None:
    said: list[str] = []
    first = build(wanted, folder=tmp_path, installer="pip", say=said.append)
    assert answer(first) == "42"
    assert [each.partition(" @ ")[0] for each in first.packages] == ["bench-tiny"]
    assert first.size_bytes > 0
    assert build(wanted, folder=tmp_path, installer="pip", say=said.append) == first == find(wanted, tmp_path)
    assert len(said) == 1
    assert every(tmp_path) == [first]


def test_scripts_start_the_interpreter_where_it_came_to_lie(wanted: Wanted, tmp_path: Path) -> None:
    built = build(wanted, folder=tmp_path, installer="pip")
    script = Path(built.python).parent / "bench-tiny"
    assert script.read_text().splitlines()[0] == f"#!{built.python}"
    assert ".new-" not in (Path(built.python).parents[1] / "pyvenv.cfg").read_text()


def test_other_requirements_are_another_environment(wanted: Wanted, tmp_path: Path) -> None:
    build(wanted, folder=tmp_path, installer="pip")
    assert find(Wanted("tiny", ("bench-tiny==2.0",)), tmp_path) is None


def test_what_cannot_be_installed_leaves_nothing_and_says_why(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"(?s)bench-no-such-thing cannot be installed.*No matching distribution"):
        build(Wanted("odd", ("bench-no-such-thing",)), folder=tmp_path, installer="pip")
    assert [each.name for each in tmp_path.iterdir() if not each.name.endswith(".lock")] == []


def test_requirements_that_do_not_bring_the_import_names_are_no_environment(wanted: Wanted, tmp_path: Path) -> None:
    lacking = Wanted("tiny", wanted.requirements, ("bench_tiny", "bench_other"))
    with pytest.raises(BenchError, match="bench_other still cannot be found"):
        build(lacking, folder=tmp_path, installer="pip")
    assert every(tmp_path) == []


@pytest.mark.parametrize("content", [None, "{", "[]", '{"name": "tiny"}'])
def test_a_folder_without_a_whole_marker_is_built_anew(wanted: Wanted, tmp_path: Path, content: str | None) -> None:
    half = tmp_path / wanted.folder_name
    (half / "bin").mkdir(parents=True)
    (half / "bin" / "python").symlink_to(sys.executable)
    if content is not None:
        (half / MARKER).write_text(content)
    stale = tmp_path / f".new-{wanted.folder_name}-abc"
    stale.mkdir()
    assert find(wanted, tmp_path) is None
    assert answer(build(wanted, folder=tmp_path, installer="pip")) == "42"
    assert not stale.exists()


def test_an_environment_whose_interpreter_is_gone_is_built_anew(wanted: Wanted, tmp_path: Path) -> None:
    first = build(wanted, folder=tmp_path, installer="pip")
    Path(first.python).unlink()
    assert find(wanted, tmp_path) is None
    assert answer(build(wanted, folder=tmp_path, installer="pip")) == "42"


def test_what_is_removed_is_gone(wanted: Wanted, tmp_path: Path) -> None:
    built = build(wanted, folder=tmp_path, installer="pip")
    assert remove(built, tmp_path) == built.size_bytes
    assert find(wanted, tmp_path) is None
    assert not Path(built.python).exists()


def test_two_builders_at_once_build_one(wanted: Wanted, tmp_path: Path) -> None:
    both = [builder(tmp_path, wanted) for _ in range(2)]
    printed = [each.communicate(timeout=PATIENCE_S)[0].splitlines() for each in both]
    assert [each.returncode for each in both] == [0, 0]
    assert printed[0][-1] == printed[1][-1]
    assert sum(line.startswith("building ") for lines in printed for line in lines) == 1
    found = find(wanted, tmp_path)
    assert found is not None
    assert answer(found) == "42"


@pytest.mark.slow
def test_a_builder_killed_at_any_moment_leaves_no_half_environment(wanted: Wanted, tmp_path: Path) -> None:
    began = time.monotonic()
    first = builder(tmp_path, wanted)
    first.communicate(timeout=PATIENCE_S)
    assert first.returncode == 0
    whole_s = time.monotonic() - began
    dice, cut_short = random.Random(6), 0
    for turn in range(KILLS):
        folder = tmp_path / str(turn)
        victim = builder(folder, wanted)
        time.sleep(dice.uniform(0.1, 0.9) * whole_s)
        victim.kill()
        victim.communicate(timeout=PATIENCE_S)
        left = find(wanted, folder)
        assert left is None or answer(left) == "42"
        cut_short += left is None
        assert answer(build(wanted, folder=folder, installer="pip")) == "42"
        assert not list(folder.glob(".new-*"))
    assert cut_short, "no kill came in time: the test says nothing"


UV = """#!/bin/sh
printf '%s\\n' "$@" > "$UV_LOG"
exec {python} -m pip --python "$5" install --quiet "$6"
"""


def test_uv_installs_where_it_is_installed(wanted: Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in with uv's own arguments, which lets pip do the work: whether uv would understand them is not shown."""
    tools, log = tmp_path / "tools", tmp_path / "uv.log"
    tools.mkdir()
    (tools / "uv").write_text(UV.format(python=sys.executable))
    (tools / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("UV_LOG", str(log))
    environment = build(wanted, folder=tmp_path / "envs")
    said = log.read_text().splitlines()
    assert said[:4] == ["pip", "install", "--quiet", "--python"]
    assert said[5:] == list(wanted.requirements)
    assert answer(environment) == "42"
