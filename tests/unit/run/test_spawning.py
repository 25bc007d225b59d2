"""Workers in an environment: the same protocol, the code that runs, and a stranger's core told at hello."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.envs import Environment, adopt, core_digest, of_offer
from bench.envs.look import look_into
from bench.errors import Unsupported, WorkerError
from bench.offer import Offer
from bench.plan import Catalogue
from bench.run import Settings, spawn_child
from bench.run.source import code_of, environment_of, runtime_of
from bench.run.spawning import mismatch, spawn_for
from bench.store import Cache
from bench.wire import PROTOCOL

PLUGIN = """
import sys
import bench
class Numbers:
    def __init__(self):
        raise bench.Unsupported(f"{sys.executable} {bench.__file__}")
"""


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(Cache(tmp_path / "cache"), spawn_child)


@pytest.fixture
def offer(tmp_path: Path) -> Offer:
    file = tmp_path / "plugin.py"
    file.write_text(PLUGIN)
    return Offer("backend", "numbers", f"{file}:Numbers", needs=("numpy",), environment=("numpy==0.1",))


def wrapper(path: Path, before: str = "") -> Path:
    path.write_text(f'#!/bin/sh\n{before}\nexec {sys.executable} "$@"\n')
    path.chmod(0o755)
    return path


def test_an_offer_whose_requirements_are_met_here_starts_here(settings: Settings, offer: Offer) -> None:
    met = Offer("backend", "numbers", offer.target, needs=("numpy",), environment=("numpy>=1",))
    assert spawn_for(met, settings) is spawn_child
    assert Catalogue((met,)).missing(met) is None
    assert environment_of(met) is None


def test_without_an_environment_the_command_is_told(settings: Settings, offer: Offer) -> None:
    reason = Catalogue((offer,)).missing(offer)
    assert reason is not None
    assert reason.startswith("run 'bench env build numbers'")
    with pytest.raises(Unsupported, match="bench env build numbers"):
        spawn_for(offer, settings)


def test_a_worker_starts_there_with_the_code_that_runs(tmp_path: Path, settings: Settings, offer: Offer) -> None:
    adopt(of_offer(offer), str(wrapper(tmp_path / "python")))
    assert Catalogue((offer,)).missing(offer) is None
    worker = spawn_for(offer, settings)(1, None)
    try:
        said = worker.request("hello", {}, timeout_s=60.0).data
        with pytest.raises(Unsupported) as caught:
            worker.request("import", {"target": offer.target, "options": {}, "needs": ["numpy"]}, timeout_s=60.0)
    finally:
        worker.close()
    assert (said["version"], said["core"], said["protocol"]) == (bench.__version__, core_digest(), PROTOCOL)
    assert str(tmp_path / "cache" / "envs" / "code" / f"bench-{core_digest()}") in str(caught.value)


def test_a_worker_of_another_version_is_caught_at_hello(tmp_path: Path, settings: Settings, offer: Offer) -> None:
    other = tmp_path / "other"
    shutil.copytree(Path(bench.__file__).parent, other / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    init = other / "bench" / "__init__.py"
    init.write_text(init.read_text().replace(f'__version__ = "{bench.__version__}"', '__version__ = "0.0.1"'))
    adopt(of_offer(offer), str(wrapper(tmp_path / "python", f"export PYTHONPATH={other}")))
    with pytest.raises(WorkerError, match=f"another joulebench: version 0.0.1 there, {bench.__version__} here"):
        spawn_for(offer, settings)(1, None)


def test_what_was_installed_after_it_was_noted_is_caught(tmp_path: Path, settings: Settings, offer: Offer) -> None:
    python = wrapper(tmp_path / "python")
    adopt(of_offer(offer), str(python))
    installed = tmp_path / "site" / "more-1.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: more\nVersion: 1\n")
    wrapper(python, f"export PYTHONPATH=$PYTHONPATH:{installed.parent}")
    with pytest.raises(WorkerError, match=r"'numbers' has changed .*: more==1 is there; bench env adopt numbers "):
        spawn_for(offer, settings)(1, None)
    adopt(of_offer(offer), str(python))
    spawn_for(offer, settings)(1, None).close()


def test_what_is_installed_is_told_alike_from_inside_and_outside() -> None:
    # In a process of its own, as a worker's hello: here the tests may have imported what brings packages along.
    code = "import json; from bench.envs.here import packages_here; print(json.dumps(packages_here()))"
    told = subprocess.run([sys.executable, "-s", "-P", "-c", code], check=True, capture_output=True, text=True).stdout
    assert list(look_into(Path(sys.executable), []).packages) == json.loads(told)


def test_the_same_version_with_other_code_is_caught_too() -> None:
    said = {"protocol": PROTOCOL, "version": bench.__version__, "core": core_digest()}
    assert mismatch(said) is None
    assert mismatch({**said, "core": "0" * 16}) == f"code of the core {'0' * 16} there, {core_digest()} here"
    assert mismatch({"version": bench.__version__}) == f"protocol none there, {PROTOCOL} here"


def test_in_one_process_there_is_no_other_environment(tmp_path: Path, settings: Settings, offer: Offer) -> None:
    adopt(of_offer(offer), str(wrapper(tmp_path / "python")))
    alone = Settings(settings.cache, spawn_child, in_process=True)
    with pytest.raises(Unsupported, match="not in this process"):
        spawn_for(offer, alone)


def test_what_is_installed_there_is_part_of_what_identifies_the_runtime(
    tmp_path: Path, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = runtime_of(offer)
    adopted = adopt(of_offer(offer), str(wrapper(tmp_path / "python")))
    assert code_of(offer)["needs"] == {"environment": adopted.id}
    assert runtime_of(offer) != before
    changed = Environment(**{**vars(adopted), "packages": (*adopted.packages, "more==1")})
    monkeypatch.setattr("bench.run.source.serving", lambda _: changed)
    assert code_of(offer)["needs"] == {"environment": changed.id} != {"environment": adopted.id}


def test_other_kinds_work_in_this_environment_only() -> None:
    meter = Offer("meter", "watts", "a:b", needs=("numpy",), environment=("numpy==0.1",))
    reason = Catalogue((meter,)).missing(meter)
    assert reason is not None
    assert reason.startswith("meter 'watts' works in this environment only: numpy is ")


def test_a_converter_of_modules_works_in_this_environment_only() -> None:
    offer = Offer("converter", "out", "a:b", ("module",), ("toy",), needs=("numpy",), environment=("numpy==0.1",))
    assert str(Catalogue((offer,)).missing(offer)).startswith("converter 'out' works in this environment only")
