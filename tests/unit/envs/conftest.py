"""A package of one module as a wheel, and environments that need it: nothing is fetched from anywhere."""

from __future__ import annotations

import sysconfig
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.envs import Environment, Wanted, build
from bench.envs.found import MARKER, keep
from bench.envs.look import look_into
from bench.offer import Offer

PLUGIN = '''
import bench


@bench.backend("tiny", accepts="onnx", needs=("bench_tiny",), environment=("bench-tiny @ {url}",))
class Tiny:
    """Opens nothing; says which bench_tiny it found."""

    def __init__(self) -> None:
        import bench_tiny

        self.answer = bench_tiny.ANSWER

    def open(self, artifact, *, device, threads):
        raise bench.Unsupported(f"bench_tiny says {{self.answer}}")
'''


@pytest.fixture(autouse=True)
def no_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep installers off every index; the core's own requirements are given by `reaching` where a worker starts."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("bench.envs.building.base_requirements", list)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wheels") / "bench_tiny-1.0-py3-none-any.whl"
    info = "bench_tiny-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bench_tiny.py", "ANSWER = 42\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: bench-tiny\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/entry_points.txt", "[console_scripts]\nbench-tiny = bench_tiny:main\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def wanted(wheel: Path) -> Wanted:
    return Wanted("tiny", (f"bench-tiny @ {wheel.as_uri()}",), ("bench_tiny",), ("tiny",))


@pytest.fixture
def plugin(wheel: Path, tmp_path: Path) -> Path:
    path = tmp_path / "plugin.py"
    path.write_text(PLUGIN.format(url=wheel.as_uri()))
    return path


@pytest.fixture
def offer(wheel: Path, plugin: Path) -> Offer:
    return Offer(
        "backend",
        "tiny",
        f"{plugin}:Tiny",
        accepts=("onnx",),
        needs=("bench_tiny",),
        environment=(f"bench-tiny @ {wheel.as_uri()}",),
    )


@pytest.fixture
def reaching() -> Callable[[Environment], Environment]:
    """Let an environment find numpy and psutil where this interpreter has them, unfetched, and note that of it."""

    def reach(environment: Environment) -> Environment:
        (there,) = Path(environment.python).parents[1].glob("lib/python*/site-packages")
        ours = {sysconfig.get_paths()[name] for name in ("purelib", "platlib")}
        lines = [f"import site; site.addsitedir({each!r})\n" for each in sorted(ours)]
        (there / "zz-outer.pth").write_text("".join(lines))
        packages = look_into(Path(environment.python), []).packages
        keep(noted := replace(environment, packages=packages), there.parents[2] / MARKER)
        return noted

    return reach


@pytest.fixture
def built(wanted: Wanted, reaching: Callable[[Environment], Environment]) -> Environment:
    return reaching(build(wanted, installer="pip"))
