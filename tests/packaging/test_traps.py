"""The traps of the layout: each of these went wrong once in a trial, silently."""

import importlib.metadata
import importlib.util
import tomllib
import zipfile
from pathlib import Path

import pytest

from .conftest import build_wheel


def _project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def _plugin_folders(root: Path) -> set[str]:
    return {each.name for each in (root / "plugins").iterdir() if (each / "__init__.py").exists()}


def test_a_readme_among_the_plugins_stays_out_of_site_packages(copy_of_checkout: Path, tmp_path: Path) -> None:
    (copy_of_checkout / "plugins" / "README.md").write_text("about plugins", encoding="utf-8")
    (copy_of_checkout / "plugins" / "bench_new").mkdir()
    (copy_of_checkout / "plugins" / "bench_new" / "__init__.py").write_text("", encoding="utf-8")
    with zipfile.ZipFile(build_wheel(copy_of_checkout, tmp_path)) as archive:
        names = set(archive.namelist())
    assert "bench_new/__init__.py" in names
    assert "README.md" not in names


def test_an_ignored_folder_would_be_missing_so_content_is_never_ignored(copy_of_checkout: Path, tmp_path: Path) -> None:
    ignore = copy_of_checkout / ".gitignore"
    with zipfile.ZipFile(build_wheel(copy_of_checkout, tmp_path / "a")) as archive:
        assert any(name.startswith("bench/_shelf/reports/") for name in archive.namelist())
    ignore.write_text(ignore.read_text(encoding="utf-8") + "reports/\n", encoding="utf-8")
    with zipfile.ZipFile(build_wheel(copy_of_checkout, tmp_path / "b")) as archive:
        assert not any(name.startswith("bench/_shelf/reports/") for name in archive.namelist())


def test_tests_run_in_importlib_mode(pytestconfig: pytest.Config, root: Path) -> None:
    assert pytestconfig.getoption("importmode") == "importlib"
    assert "--import-mode=importlib" in _project(root)["tool"]["pytest"]["ini_options"]["addopts"]


def test_what_is_tested_is_what_is_installed() -> None:
    import bench

    assert importlib.metadata.version("joulebench") == bench.__version__


def test_the_installation_knows_every_plugin_folder(root: Path) -> None:
    installed = {each.value.split(".")[0] for each in importlib.metadata.entry_points(group="bench")}
    unknown = _plugin_folders(root) - installed
    assert not unknown, f"install again (pip install -e .), then these are found: {unknown}"
    assert all(importlib.util.find_spec(name) for name in _plugin_folders(root))


def test_every_plugin_folder_is_declared_typed_and_on_a_floor(root: Path) -> None:
    project, floors = _project(root), (root / ".importlinter").read_text(encoding="utf-8")
    folders = _plugin_folders(root)
    declared = project["project"]["entry-points"]["bench"].values()
    assert {each.split(".")[0] for each in declared} == folders
    assert folders <= set(project["tool"]["mypy"]["packages"])
    for name in folders:
        assert floors.count(f"    {name}\n") == 3, f"{name} belongs into three lists of .importlinter"


def test_versions_agree(root: Path) -> None:
    import bench

    assert _project(root)["project"]["version"] == bench.__version__
