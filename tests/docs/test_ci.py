"""The action and the workflows in the documentation: their scripts run here as the hosts would run them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bench.gate.render import write_all
from bench.gate.verdicts import CellVerdict, GateReport, MetricVerdict, Place

from .conftest import ROOT, blocks

ACTION = ROOT / "action.yml"
GITHUB = ROOT / "docs" / "how-to" / "ci-gate-github.md"
GITLAB = ROOT / "docs" / "how-to" / "ci-gate-gitlab.md"
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
# What a stranger may choose: names of branches, of suites in their fork, of files.
NASTY = "x\"; touch pwned; $(touch pwned) `touch pwned` ' && touch pwned #"
SHA = "a" * 40
STUB = """#!{python}
import json, os, pathlib, shutil, sys
with open(os.environ["STUB_LOG"], "a", encoding="utf-8") as log:
    log.write(json.dumps([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]) + "\\n")
{body}
"""
BENCH = """
if sys.argv[1] == "gate":
    (folder,) = [each.partition("=")[2] for each in sys.argv if each.startswith("--output=")]
    if "STUB_REPORTS" in os.environ:
        shutil.copytree(os.environ["STUB_REPORTS"], folder)
    sys.exit(int(os.environ.get("STUB_CODE", "0")))
if sys.argv[1] == "export":
    pathlib.Path(sys.argv[sys.argv.index("-o") + 1]).write_text("<!-- joulebench-gate: mobile -->\\nverdict\\n")
"""
GH = """
if sys.argv[-1].startswith("[.[]"):
    print(os.environ.get("STUB_PULL", ""))
elif sys.argv[-1].startswith(".[]"):
    print(os.environ.get("STUB_COMMENT", ""), end="")
"""


@dataclass
class Host:
    """A folder with stubs of `bench`, `python` and `gh` first on the path, and the files a host hands to a step."""

    folder: Path

    def __post_init__(self) -> None:
        self.bin, self.work = self.folder / "bin", self.folder / "work"
        for each in (self.bin, self.work):
            each.mkdir()
        for name, body in {"bench": BENCH, "python": "", "gh": GH}.items():
            path = self.bin / name
            path.write_text(STUB.format(python=sys.executable, body=body), encoding="utf-8")
            path.chmod(0o755)

    def run(self, script: str, env: Mapping[str, str], *, stubs: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a script as GitHub runs `shell: bash`."""
        named = {name: str(self.folder / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "STUB_LOG")}
        path = os.pathsep.join([str(self.bin)] * stubs + [str(Path(sys.executable).parent), os.environ["PATH"]])
        variables = {**os.environ, **named, "GITHUB_WORKSPACE": str(self.work), **env, "PATH": path}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        return subprocess.run(command, cwd=self.work, env=variables, capture_output=True, text=True, check=False)

    def text(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def asked(self) -> list[list[str]]:
        return [json.loads(line) for line in self.text("STUB_LOG").splitlines()]

    @property
    def unharmed(self) -> bool:
        return not list(self.folder.rglob("pwned"))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    failed = MetricVerdict("size", "budget", "fail", "one byte over", "B", "counted", place=Place("suites/x.yaml", 3))
    write_all(GateReport("mobile", "main", (CellVerdict("1", "toy", (failed,)),)), tmp_path / "reports")
    return tmp_path / "reports"


def read(text: str) -> Any:
    return YAML(typ="safe").load(text)


def workflows() -> list[Any]:
    return [read(each) for each in blocks(GITHUB, "yaml")]


def steps() -> Iterator[dict[str, Any]]:
    yield from read(ACTION.read_text(encoding="utf-8"))["runs"]["steps"]
    for each in workflows():
        for job in each["jobs"].values():
            yield from job["steps"]


def step(name: str) -> dict[str, Any]:
    return next(each for each in steps() if each.get("name") == name)


def filled(env: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Return a step's variables as the host fills them in; an expression without a value here is a KeyError."""
    return {name: EXPRESSION.sub(lambda found: values[found[1]], str(text)) for name, text in env.items()}


def gate(host: Host, stub: Mapping[str, str] | None = None, **inputs: str) -> subprocess.CompletedProcess[str]:
    declared = read(ACTION.read_text(encoding="utf-8"))["inputs"]
    values = {f"inputs.{name}": str(each.get("default", "")) for name, each in declared.items()}
    values |= {"inputs.suite": "suites/mobile.yaml", "inputs.against": SHA}
    values |= {f"inputs.{name}": text for name, text in inputs.items()}
    found = step("Gate")
    return host.run(found["run"], {**filled(found["env"], values), **(stub or {})})


def test_no_expression_stands_inside_a_script() -> None:
    scripts = [each["run"] for each in steps() if "run" in each]
    assert len(scripts) == 4
    assert not [each for each in scripts if "${{" in each]


def test_actions_are_pinned_by_a_major_tag_and_no_secret_is_asked_for() -> None:
    used = [each["uses"] for each in steps() if "uses" in each]
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+@v\d+", each) for each in used), used
    for text in (ACTION.read_text(encoding="utf-8"), GITHUB.read_text(encoding="utf-8")):
        assert "secrets." not in text
        assert "pull_request_target" not in text


def test_the_gate_needs_no_write_permission_and_the_comment_checks_nothing_out() -> None:
    first, second = workflows()
    assert first["permissions"] == {"contents": "read"}
    assert "write" not in str(first)
    assert second["permissions"] == {"actions": "read", "pull-requests": "write"}
    assert not [each for each in second["jobs"]["comment"]["steps"] if "checkout" in each.get("uses", "")]
    assert second["on"]["workflow_run"]["workflows"] == [first["name"]]


def test_every_input_is_explained() -> None:
    declared = read(ACTION.read_text(encoding="utf-8"))["inputs"]
    page = GITHUB.read_text(encoding="utf-8")
    assert [name for name in declared if f"`{name}`" not in page] == []
    with_ = workflows()[0]["jobs"]["gate"]["steps"][1]["with"]
    assert set(with_) <= set(declared)


def test_the_gate_step(host: Host, reports: Path) -> None:
    ended = gate(host, {"STUB_REPORTS": str(reports), "STUB_CODE": "1"}, plugins="a.py\nb c.py\n")
    assert ended.returncode == 1
    (words,) = host.asked
    said = f"--against={SHA} --minutes=10 --inconclusive=warn --format=github --output=bench-gate"
    assert words == ["bench", "gate", *said.split(), "--plugin=a.py", "--plugin=b c.py", "--", "suites/mobile.yaml"]
    assert "## Gate: FAIL" in host.text("GITHUB_STEP_SUMMARY")
    assert host.text("GITHUB_OUTPUT") == "exit-code=1\nfolder=bench-gate\n"


def test_a_gate_without_reports_still_says_its_code(host: Host) -> None:
    assert gate(host, {"STUB_CODE": "2"}).returncode == 2
    assert host.text("GITHUB_OUTPUT").startswith("exit-code=2\n")
    assert host.text("GITHUB_STEP_SUMMARY") == ""


def test_a_good_gate_is_green(host: Host) -> None:
    assert gate(host).returncode == 0


def test_no_input_is_code(host: Host) -> None:
    gate(host, suite=NASTY, against=NASTY, minutes=NASTY, inconclusive=NASTY, plugins=NASTY, folder="f\nexit-code=0")
    assert host.unharmed
    ((*_, last),) = host.asked
    assert last == NASTY
    assert host.text("GITHUB_OUTPUT").splitlines()[1:] == ["folder=fexit-code=0"]


def test_a_suite_that_looks_like_an_option_is_none(host: Host) -> None:
    gate(host, suite="--update")
    assert host.asked[0][-2:] == ["--", "--update"]


def test_installing_takes_no_code_from_its_input(host: Host) -> None:
    found = step("Install")
    values = {"inputs.extras": NASTY, "github.action_path": "/actions/joulebench"}
    assert host.run(found["run"], filled(found["env"], values)).returncode == 0
    assert host.asked[0][-1] == f"/actions/joulebench[{NASTY}]"
    assert host.unharmed


def comment(host: Host, **stub: str) -> subprocess.CompletedProcess[str]:
    values = dict.fromkeys(EXPRESSION.findall(str(step("Comment")["env"])), NASTY)
    values |= {"github.repository": "own/repo", "github.event.workflow_run.head_sha": SHA}
    return host.run(step("Comment")["run"], {**filled(step("Comment")["env"], values), **stub})


def test_the_comment_is_rendered_by_trusted_code_and_written_once(host: Host) -> None:
    assert host.run(step("Render")["run"], step("Render")["env"]).returncode == 0
    assert ["bench", "export", "bench-gate/gate.json", "--format", "gate-md", "-o", "comment.md"] in host.asked
    ended = comment(host, STUB_PULL="7")
    assert ended.returncode == 0, ended.stderr
    assert host.asked[-1][1:5] == ["api", "--method", "POST", "repos/own/repo/issues/7/comments"]
    assert f"head={NASTY}:{NASTY}" in host.asked[2]
    assert host.unharmed


def test_a_comment_that_is_there_is_changed(host: Host) -> None:
    (host.work / "comment.md").write_text("<!-- joulebench-gate: mobile -->\nx\n", encoding="utf-8")
    assert comment(host, STUB_PULL="7", STUB_COMMENT="41\n42\n").returncode == 0
    assert host.asked[-1][1:5] == ["api", "--method", "PATCH", "repos/own/repo/issues/comments/41"]


def test_a_pull_request_that_went_on_gets_no_comment(host: Host) -> None:
    (host.work / "comment.md").write_text("x\n", encoding="utf-8")
    ended = comment(host)
    assert ended.returncode == 0
    assert "no open pull request" in ended.stdout
    assert len(host.asked) == 1


def gitlab(host: Host, **env: str) -> subprocess.CompletedProcess[str]:
    (text,) = blocks(GITLAB, "yaml")
    job = read(text)["bench-gate"]
    assert job["artifacts"]["reports"]["junit"] == "bench-gate/gate.xml"
    assert job["artifacts"]["when"] == "always"
    variables = {**job["variables"], "CI_MERGE_REQUEST_DIFF_BASE_SHA": SHA, "CI_PROJECT_DIR": str(host.work), **env}
    return host.run("\n".join(job["script"]), variables)


@pytest.mark.parametrize("code", ["0", "1", "5"])
def test_the_job_on_gitlab(host: Host, reports: Path, code: str) -> None:
    assert gitlab(host, STUB_REPORTS=str(reports), STUB_CODE=code).returncode == int(code)
    assert [each[:2] for each in host.asked] == [["python", "-m"], ["bench", "gate"], ["bench", "export"]]
    assert (host.work / "bench-gate" / "gate.xml").exists()


def test_no_name_on_gitlab_is_code(host: Host) -> None:
    gitlab(host, SUITE=NASTY, CI_MERGE_REQUEST_DIFF_BASE_SHA=NASTY)
    assert host.unharmed
    assert host.asked[1][-1] == NASTY


@pytest.mark.slow
def test_the_gate_step_with_the_real_command(host: Host) -> None:
    suite = "bench: 1\nname: toys\nmatrix: {task: [toy], backend: [onnxruntime]}\nlimits: {size: 1 kB}\n"
    (host.work / "toys.yaml").write_text(suite, encoding="utf-8")
    update = [sys.executable, "-m", "bench", "gate", "toys.yaml", "--update"]
    ended = subprocess.run(update, cwd=host.work, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    # As it is, but for timing: this is about the step, and exact metrics decide in no time.
    real = f'#!/bin/sh\nshift\nexec "{sys.executable}" -m bench gate --exact "$@"\n'
    (host.bin / "bench").write_text(real, encoding="utf-8")
    ended = gate(host, suite="toys.yaml", against="bench-baseline.json")
    assert ended.returncode == 1, ended.stderr
    assert "::error file=toys.yaml,line=4" in ended.stdout
    assert "## Gate: FAIL" in host.text("GITHUB_STEP_SUMMARY")
    assert (host.work / "bench-gate" / "gate.xml").exists()
