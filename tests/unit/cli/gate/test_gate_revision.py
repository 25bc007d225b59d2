"""A git revision as a baseline: another checkout, another environment, the same core; launches are invented here."""

import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bench.cli import run_command, setup
from bench.errors import BenchError
from bench.run import spawn_child
from bench.run.gate.revision import checked_out, resolve

DESCRIBE = setup._describe


@pytest.fixture
def repository(gated: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The developer's folder under git, one commit deep; builds run in processes, since files keep their names here."""
    monkeypatch.setattr(setup, "_describe", DESCRIBE)
    monkeypatch.setattr(run_command, "spawn_child", spawn_child)
    git("init", "-q")
    plain(gated)
    commit("first")
    return gated


def git(*words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *who, *words], check=True, capture_output=True, text=True).stdout


def commit(message: str) -> None:
    Path(".gitignore").write_text("cache/\ngate/\n__pycache__/\n")
    git("add", "-A")
    git("commit", "-q", "-m", message)


def plain(gated: Any) -> None:
    """Give the plugins names that stay."""
    for path in gated.base.glob("*_[0-9].py"):
        path.rename(path.with_name(f"{path.stem[:-2]}_x.py"))


def edit(name: str, old: str, new: str) -> None:
    text = Path(name).read_text()
    assert old in text
    Path(name).write_text(text.replace(old, new))


def test_a_slower_artifact_than_the_commit_s_fails_and_nothing_is_left_behind(repository: Any) -> None:
    edit("step_x.py", "EXTRA, PAD, WRONG = 0,", "EXTRA, PAD, WRONG = 1,")
    result = repository.gate("--against", "HEAD")
    assert result.exit_code == 1, (result.output, result.exception)
    assert repository.metric(result, "latency")["outcome"] == "fail"
    assert repository.outcomes(result, "none")["latency"] == "pass"
    assert len(git("worktree", "list").splitlines()) == 1
    assert git("status", "--porcelain").split() == ["M", "step_x.py"]
    assert [each for each in (repository.base / "cache" / "work").iterdir() if each.is_dir()] == []


def test_what_did_not_change_is_one_artifact_on_one_runtime(repository: Any) -> None:
    result = repository.gate("--against", "HEAD")
    assert result.exit_code == 0, (result.output, result.exception)
    assert "nothing to time" in repository.metric(result, "latency")["why"]
    assert repository.machine.launches == []
    assert repository.metric(result, "outputs")["outcome"] == "pass"


def test_another_runtime_of_the_same_artifact_is_timed_in_its_own_checkout(repository: Any) -> None:
    edit("house_x.py", "y = x @ w\n", "y = x @ w + 0\n")
    result = repository.gate("--against", "HEAD")
    assert result.exit_code == 0, (result.output, result.exception)
    assert repository.machine.launches
    assert repository.metric(result, "latency")["kind"] == "paired"


def test_a_plugin_and_a_cell_that_did_not_exist_yet_are_new(repository: Any) -> None:
    Path("later.py").write_text(
        Path("step_x.py").read_text().replace('"work"', '"later"').replace("def work", "def later")
    )
    edit("gated.yaml", "[none, work]", "[none, work, later]")
    result = repository.gate("--against", "HEAD", "-p", "later.py")
    assert result.exit_code == 0, (result.output, result.exception)
    assert repository.outcomes(result, "later") == {"baseline": "warn"}
    assert repository.outcomes(result, "work")["size"] == "pass"


@pytest.mark.parametrize(
    ("words", "said"),
    [("no-such-branch", "nor a git revision"), ("--help", "nor a git revision"), ("HEAD", "does not exist at HEAD")],
)
def test_what_is_no_revision_or_has_no_suite_says_so(repository: Any, words: str, said: str) -> None:
    Path("other.yaml").write_text(Path("gated.yaml").read_text())
    if words == "HEAD":
        Path("gated.yaml").rename("kept.yaml")
        git("rm", "-q", "--cached", "gated.yaml")
        commit("no suite")
        Path("kept.yaml").rename("gated.yaml")
    error = repository.gate(f"--against={words}").exception
    assert isinstance(error, BenchError)
    assert said in str(error)
    assert error.exit_code == 2


def test_a_suite_that_cannot_be_read_then_says_where(repository: Any) -> None:
    edit("gated.yaml", "task: [house]", "task: [hose]")
    commit("mistake")
    edit("gated.yaml", "task: [hose]", "task: [house]")
    error = repository.gate("--against", "HEAD").exception
    assert isinstance(error, BenchError)
    assert "cannot be built at" in str(error)
    assert "Did you mean 'house'?" in str(error)


def wheel(folder: Path, version: str) -> None:
    """Write the wheel of a package that is installed nowhere."""
    folder.mkdir(exist_ok=True)
    info = f"gatedruntime-{version}.dist-info"
    with zipfile.ZipFile(folder / f"gatedruntime-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr("gatedruntime.py", f"VERSION = '{version}'\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: gatedruntime\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


def test_a_runtime_pinned_otherwise_then_gets_an_environment_of_its_own(
    repository: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(repository.base / "wheels", "1.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(repository.base / "wheels"))
    uses = "import gatedruntime  # noqa: F401\nimport bench\n"
    Path("requirements.txt").write_text("gatedruntime==1.0  # the runtime\n")
    Path("house_x.py").write_text(Path("house_x.py").read_text().replace("import bench\n", uses, 1))
    commit("with a runtime")
    Path("requirements.txt").unlink()
    edit("house_x.py", uses, "import bench\n")
    result = repository.gate("--against", "HEAD")
    assert result.exit_code == 0, (result.output, result.exception)
    assert any("gatedruntime 1.0" in each for each in result.report["notes"])
    assert repository.machine.launches, "another runtime is timed, though the artifact is the same"


def test_an_environment_that_pip_cannot_make_is_an_honest_error(
    repository: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    Path("requirements.txt").write_text("gatedruntime==9.9\n")
    commit("with a runtime that is gone")
    Path("requirements.txt").unlink()
    error = repository.gate("--against", "HEAD").exception
    assert isinstance(error, BenchError)
    assert "gatedruntime==9.9" in str(error)
    assert "cannot be built" in str(error)
    assert not list((repository.base / "cache" / "envs").glob("*"))
    assert os.environ["PIP_NO_INDEX"] == "1"


def test_the_worktree_of_a_gate_that_was_killed_is_forgotten_and_no_other(repository: Any) -> None:
    gone, away = repository.base / "cache" / "work" / "tmpgone" / "tree", repository.base.parent / "elsewhere"
    for place in (gone, away):
        git("worktree", "add", "--detach", "-q", str(place), "HEAD")
    for place in (gone.parent, away):  # swept, as the folder of a dead process is; and a disk that is not there now
        shutil.rmtree(place)
    with checked_out(Path("gated.yaml"), "HEAD", repository.base / "cache" / "work") as checkout:
        assert (checkout.tree / "gated.yaml").is_file()
    listed = git("worktree", "list", "--porcelain")
    assert str(gone) not in listed
    assert str(away) in listed


@pytest.mark.parametrize("revision", ["HEAD~1", "--upload-pack=touch hacked", "-h", "HEAD; touch hacked", "", "@{-9}"])
def test_a_shallow_clone_and_a_name_like_an_option_are_errors_with_a_cure(repository: Any, revision: str) -> None:
    edit("gated.yaml", "name: gated", "name: gated2")
    commit("second")
    git("clone", "-q", "--depth", "1", f"file://{repository.base}", "shallow")
    with pytest.raises(BenchError, match="nor a git revision") as caught:
        resolve(Path("shallow/gated.yaml"), revision)
    assert "fetch-depth: 0" in str(caught.value.cure)
    assert not list(repository.base.rglob("hacked"))
