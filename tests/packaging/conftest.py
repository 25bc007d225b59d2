"""What packaging tests share: the checkout, a copy of it, the wheel built from it."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTENT = ("bench", "plugins", "suites", "reports")
ABOUT = ("pyproject.toml", "README.md", "LICENSE", ".gitignore")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture
def copy_of_checkout(tmp_path: Path) -> Path:
    """Return a copy of everything that goes into a wheel."""
    place = tmp_path / "checkout"
    place.mkdir()
    for name in CONTENT:
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ABOUT:
        shutil.copyfile(ROOT / name, place / name)
    return place


def build_wheel(source: Path, place: Path) -> Path:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--no-index"]
    ended = subprocess.run([*command, "-w", str(place), str(source)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    (wheel,) = place.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def wheel_names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())
