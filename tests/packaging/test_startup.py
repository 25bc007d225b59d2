"""Starting costs what click costs; plugins are light until they are used."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "pydantic", "jinja2", "onnxruntime", "onnx", "scipy", "psutil", "ruamel.yaml")


def _loaded(code: str) -> str:
    script = f"import sys\n{code}\nprint('loaded:', sorted(set({HEAVY}) & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return ended.stdout.splitlines()[-1]


@pytest.mark.parametrize("option", ["--help", "-h", "--version"])
def test_help_loads_nothing_heavy(option: str) -> None:
    code = f"""
sys.argv = ["bench", {option!r}]
from bench.cli import main
try:
    main()
except SystemExit as ended:
    assert ended.code == 0
"""
    assert _loaded(code) == "loaded: []"


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert _loaded("import bench") == "loaded: []"


def test_the_probe_can_fail() -> None:
    assert _loaded("import numpy") == "loaded: ['numpy']"


def test_first_party_plugins_are_light() -> None:
    code = (
        "import importlib.metadata\n"
        "found = [each.load() for each in importlib.metadata.entry_points(group='bench')]\n"
        "assert len(found) >= 7"
    )
    assert _loaded(code) == "loaded: []"


def test_every_public_name_of_the_door_opens() -> None:
    import bench

    assert {name for name in bench.__all__ if not hasattr(bench, name)} == set()
    assert set(bench.__all__) <= set(dir(bench))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        bench.nonsense  # noqa: B018 - reading it is the test
