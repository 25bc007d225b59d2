"""The wheel holds the core, the first-party plugins, the shelf, and nothing else."""

import zipfile
from pathlib import Path

import pytest


def _files(folder: Path) -> set[str]:
    found = (each for each in folder.rglob("*") if each.is_file() and "__pycache__" not in each.parts)
    return {each.relative_to(folder).as_posix() for each in found}


def test_only_the_core_and_plugins_lie_at_the_top(wheel_names: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel_names}
    strangers = {top for top in tops if not (top == "bench" or top.startswith(("bench_", "joulebench-")))}
    assert not strangers


@pytest.mark.parametrize(("folder", "place"), [("bench", "bench/"), ("plugins", "")])
def test_every_source_file_is_there(root: Path, wheel_names: set[str], folder: str, place: str) -> None:
    wanted = {place + name for name in _files(root / folder) if folder == "bench" or name.startswith("bench_")}
    assert wanted
    assert wanted <= wheel_names


@pytest.mark.parametrize("shelf", ["suites", "reports"])
def test_the_shelf_is_there(root: Path, wheel_names: set[str], shelf: str) -> None:
    wanted = {f"bench/_shelf/{shelf}/{name}" for name in _files(root / shelf)}
    assert wanted
    assert wanted <= wheel_names


def test_every_package_is_typed(wheel_names: set[str]) -> None:
    packages = {name.split("/")[0] for name in wheel_names if name.endswith("/__init__.py")}
    assert packages
    assert {f"{each}/py.typed" for each in packages} <= wheel_names


def test_the_licence_the_command_and_the_pytest_plugin_are_there(wheel: Path, wheel_names: set[str]) -> None:
    (licence,) = (name for name in wheel_names if name.endswith(".dist-info/licenses/LICENSE"))
    (entries,) = (name for name in wheel_names if name.endswith(".dist-info/entry_points.txt"))
    with zipfile.ZipFile(wheel) as archive:
        assert "Apache License" in archive.read(licence).decode()
        text = archive.read(entries).decode()
    assert "bench = bench.cli:main" in text
    assert "[pytest11]\nbench = bench.testing.pytest_plugin" in text
