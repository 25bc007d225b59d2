"""The registry: one door for everybody, nobody left out silently, nothing broken takes the rest with it."""

import importlib.metadata
import json
import types
from pathlib import Path
from typing import Any

import pytest

from bench.errors import PluginError
from bench.offer import Offer
from bench.registry import cached_describe, load_registry
from bench.worker.loading import describe_file

HOUSE = Path(__file__).parents[1] / "one_file" / "house.py"
FIRST_PARTY = {"quantize", "prune", "distill", "torch", "onnxruntime", "power", "tasks"}


class Entry:
    """An entry point whose module is made on the spot."""

    def __init__(self, name: str, code: str, value: str = "") -> None:
        self.name, self.code, self.value = name, code, value or f"module_{name}"
        self.dist = types.SimpleNamespace(name=f"dist-{name}", version="1.2.3")

    def load(self) -> types.ModuleType:
        module = types.ModuleType(self.value)
        exec(compile(self.code, self.value, "exec"), module.__dict__)
        return module


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> Any:
    found: list[Entry] = []
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: found if group == "bench" else [])
    monkeypatch.delenv("BENCH_PLUGINS", raising=False)
    return found


def plugin(name: str, kind: str = "compressor") -> str:
    return f"import bench\n@bench.{kind}({name!r})\ndef step(model, ctx): return model\n"


def local_describe(file: str) -> list[dict[str, Any]]:
    return [json.loads(json.dumps(each.to_json())) for each in describe_file(file)]


def test_our_own_plugins_come_through_the_same_door() -> None:
    named = {each.name for each in importlib.metadata.entry_points(group="bench")}
    assert named >= FIRST_PARTY


def test_loading_ours_gives_offers_with_plugin_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENCH_PLUGINS", raising=False)
    registry = load_registry()
    assert set(registry.plugins) >= FIRST_PARTY
    assert registry.problems == ()
    assert all(each.plugin and each.version for each in registry.offers)
    assert {each.kind for each in registry.offers} >= {"task", "compressor", "converter", "backend", "counter"}


def test_empty_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_PLUGINS", "")
    registry = load_registry()
    assert (registry.offers, registry.problems, dict(registry.plugins)) == ((), (), {})


def test_a_choice_of_plugins_and_a_name_that_is_none(entries: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    entries += [Entry("quantize", plugin("q")), Entry("prune", plugin("p"))]
    monkeypatch.setenv("BENCH_PLUGINS", " prune , quantise ,")
    registry = load_registry()
    assert [each.name for each in registry.offers] == ["p"]
    assert registry.problems == ("BENCH_PLUGINS names 'quantise', not installed here. Did you mean 'quantize'?",)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise ImportError('no torch')", "ImportError: no torch"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def bench_compressors(): raise ValueError('late')", "ValueError: late"),
        ("def bench_compressors(): return ['quantize']", "bench_compressors returns offers, not str"),
        ("def bench_tasks(): return 3", "not iterable"),
    ],
)
def test_a_broken_plugin_is_named_and_left_out(entries: Any, code: str, says: str) -> None:
    entries += [Entry("broken", code), Entry("fine", plugin("p"))]
    registry = load_registry()
    assert [(each.name, each.plugin, each.version) for each in registry.offers] == [("p", "fine", "1.2.3")]
    (problem,) = registry.problems
    assert "plugin 'broken' (module_broken) did not load" in problem
    assert says in problem
    assert "broken" not in registry.plugins
    with pytest.raises(PluginError, match="broken"):
        load_registry(strict=True)


def test_two_packages_with_one_name_are_told(entries: Any) -> None:
    entries += [
        Entry("quantize", plugin("ours")),
        Entry("quantize", plugin("theirs"), "stranger"),
        Entry("quantize", plugin("ours")),
    ]
    registry = load_registry()
    assert [each.name for each in registry.offers] == ["ours"]
    (problem,) = registry.problems
    assert problem == "two packages call their plugin 'quantize': module_quantize is used, stranger left out"


def test_a_misspelt_hook_fails_loudly(entries: Any) -> None:
    entries.append(Entry("typo", "import bench\n@bench.hookimpl\ndef bench_compresors(): return []\n"))
    with pytest.raises(PluginError, match="bench_compresors") as caught:
        load_registry()
    assert "hooks.md" in str(caught.value)


def test_offers_by_hook_and_by_decorator(entries: Any) -> None:
    offer = "bench.Offer('backend', 'b', 'm:b', accepts=('onnx',))"
    code = f"import bench\n@bench.hookimpl\ndef bench_backends(): return [{offer}]\n"
    entries.append(Entry("both", code + plugin("p")))
    found = {(each.kind, each.name, each.plugin) for each in load_registry().offers}
    assert found == {("compressor", "p", "both"), ("backend", "b", "both")}


def test_a_one_file_plugin(entries: Any) -> None:
    registry = load_registry([str(HOUSE)], describe=local_describe)
    assert all((each.plugin, each.target.partition(":")[0]) == ("house.py", str(HOUSE)) for each in registry.offers)
    assert all(each.digest.startswith("sha256:") and each.version == each.digest[7:19] for each in registry.offers)
    assert {each.name for each in registry.offers if each.kind == "task"} == {"house"}


def test_mistakes_with_p_are_named(entries: Any, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"-p nowhere\.py: no such file"):
        load_registry(["nowhere.py"], describe=local_describe)
    with pytest.raises(PluginError, match="no such file"):
        load_registry([str(tmp_path)], describe=local_describe)
    empty = tmp_path / "empty.py"
    empty.write_text("x = 1\n")
    with pytest.raises(PluginError, match="offers nothing") as caught:
        load_registry([str(empty)], describe=local_describe)
    assert "decorate" in str(caught.value)
    with pytest.raises(PluginError, match="cannot be described"):
        load_registry([str(empty)])


def test_a_file_is_described_once_for_each_content(tmp_path: Path) -> None:
    file, asked = tmp_path / "p.py", []
    file.write_text("one")

    def describe(path: str) -> list[dict[str, Any]]:
        asked.append(Path(path).read_text())
        return [Offer("compressor", f"n{len(asked)}", "m:x").to_json()]

    cached = cached_describe(describe, tmp_path / "described")
    first = cached(str(file))
    assert json.loads(json.dumps(list(cached(str(file))))) == json.loads(json.dumps(list(first)))
    file.write_text("two")
    cached(str(file))
    assert asked == ["one", "two"]
    for each in (tmp_path / "described").iterdir():
        each.write_text("{ damaged")
    assert next(iter(cached(str(file))))["name"] == "n3"
    assert not list((tmp_path / "described").glob("*.tmp"))


def test_a_failed_description_is_not_cached(tmp_path: Path) -> None:
    file = tmp_path / "p.py"
    file.write_text("one")

    def describe(path: str) -> list[dict[str, Any]]:
        raise PluginError("does not load")

    cached = cached_describe(describe, tmp_path / "described")
    for _ in range(2):
        with pytest.raises(PluginError):
            cached(str(file))
