"""The artifact cache: content by digest, never anything else under that name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.artifact import Artifact, digest_of
from bench.store import Cache, cache_folder
from bench.store.cache import key_of


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def artifact(folder: Path, content: bytes = b"weights", name: str = "model.onnx") -> Artifact:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return Artifact.of(path, "onnx", ({"step": "x", "seconds": 1.0, "train_s": 0.0},))


def tree(folder: Path) -> Artifact:
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a.bin").write_bytes(b"a" * 10)
    (folder / "b.bin").write_bytes(b"b")
    return Artifact.of(folder, "saved")


def test_put_and_recall(cache: Cache, tmp_path: Path) -> None:
    original = artifact(tmp_path)
    kept = cache.put(original)
    assert kept.path != original.path
    assert kept.path.suffix == ".onnx"
    assert (kept.digest, kept.lineage) == (original.digest, original.lineage)
    cache.remember("ab12", {"artifact": kept.to_json(), "n": 1})
    facts = Cache(cache.folder).recall("ab12")
    assert facts is not None
    assert Artifact.from_json(facts["artifact"]) == kept
    assert cache.recall("cd34") is None


def test_the_same_content_lies_once(cache: Cache, tmp_path: Path) -> None:
    first, second = cache.put(artifact(tmp_path / "1")), cache.put(artifact(tmp_path / "2"))
    assert first.path == second.path
    assert cache.put(first) == first


def test_a_folder_is_an_artifact_too(cache: Cache, tmp_path: Path) -> None:
    kept = cache.put(tree(tmp_path / "model"))
    cache.remember("ab", {"artifact": kept.to_json()})
    assert digest_of(kept.path) == kept.digest
    assert cache.recall("ab") is not None
    (kept.path / "inner" / "a.bin").write_bytes(b"c" * 10)
    assert cache.recall("ab") is None


@pytest.mark.parametrize("damage", [b"", b"short", b"WEIGHTS", b"weights and more"])
def test_a_damaged_object_is_not_recalled_and_is_replaced(cache: Cache, tmp_path: Path, damage: bytes) -> None:
    kept = cache.put(artifact(tmp_path))
    cache.remember("ab", {"artifact": kept.to_json()})
    assert cache.recall("ab") is not None
    kept.path.write_bytes(damage)
    os.utime(kept.path, ns=(1, 1))
    assert cache.recall("ab") is None
    assert digest_of(cache.put(artifact(tmp_path / "again")).path) == kept.digest
    assert cache.recall("ab") is not None


def test_a_lost_object_is_not_recalled(cache: Cache, tmp_path: Path) -> None:
    kept = cache.put(artifact(tmp_path))
    cache.remember("ab", {"artifact": kept.to_json()})
    kept.path.unlink()
    assert cache.recall("ab") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "\x00"])
def test_damaged_facts_are_forgotten(cache: Cache, text: str) -> None:
    cache.remember("ab12", {"n": 1})
    next((cache.folder / "facts").rglob("*.json")).write_text(text)
    assert cache.recall("ab12") is None


WRITER = """
import sys
from pathlib import Path
from bench.artifact import Artifact
from bench.store import Cache
cache, work = Cache(Path(sys.argv[1])), Path(sys.argv[2])
for number in range(30):
    path = work / f"{number}.bin"
    path.write_bytes(bytes([number]) * 50_000)
    kept = cache.put(Artifact.of(path, "bin"))
    cache.remember(f"{number:04d}", {"artifact": kept.to_json()})
    assert cache.recall(f"{number:04d}") is not None
"""


def test_two_writers_do_not_disturb_each_other(cache: Cache, tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("one", "two")]
    for place in places:
        place.mkdir()
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(cache.folder), str(place)]) for place in places]
    assert [each.wait(timeout=120) for each in writers] == [0, 0]
    objects = [each for each in (cache.folder / "objects").rglob("*") if each.is_file()]
    assert len(objects) == 30
    assert all(digest_of(each) == f"sha256:{each.stem}" for each in objects)
    assert not list((cache.folder / "objects").rglob(".new-*"))


def test_an_interrupted_put_leaves_nothing_under_the_name(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.store.cache._flush", stop)
    with pytest.raises(KeyboardInterrupt):
        cache.put(artifact(tmp_path))
    monkeypatch.undo()
    kept = cache.put(artifact(tmp_path))
    assert digest_of(kept.path) == kept.digest


def test_clear_removes_everything_it_keeps(cache: Cache, tmp_path: Path) -> None:
    cache.remember("ab", {"artifact": cache.put(artifact(tmp_path)).to_json()})
    for name in ("data", "described", "work", "outcomes"):
        (cache.folder / name / "x").mkdir(parents=True)
        (cache.folder / name / "x" / "f").write_bytes(b"12345")
    assert cache.clear() > 20
    assert list(cache.folder.iterdir()) == []
    assert cache.clear() == 0


def test_keys_depend_on_everything_but_the_order_of_names() -> None:
    assert key_of({"a": 1, "b": [1, 2]}) == key_of({"b": [1, 2], "a": 1})
    values = [{"a": 1}, {"a": 2}, {"a": "1"}, {"b": 1}, [1, 2], [2, 1], None, {}, []]
    assert len({key_of(each) for each in values}) == len(values)


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCH_CACHE", "~/somewhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "somewhere"
    monkeypatch.delenv("BENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "joulebench"


def test_facts_are_plain_json_with_a_checksum(cache: Cache) -> None:
    cache.remember("ab", {"x": [1, None, "é"]})
    path = next((cache.folder / "facts").rglob("*.json"))
    kept = json.loads(path.read_text())
    assert kept == {"x": [1, None, "é"], "checksum": kept["checksum"]}
    assert cache.recall("ab") == {"x": [1, None, "é"]}


@pytest.mark.parametrize("edited", [{"x": 2}, {"x": 1, "y": 1}, {"x": 1, "checksum": None}, {"checksum": "0" * 64}])
def test_edited_facts_are_forgotten(cache: Cache, edited: dict[str, object]) -> None:
    cache.remember("ab12", {"x": 1})
    path = next((cache.folder / "facts").rglob("*.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), **edited}))
    assert cache.recall("ab12") is None


def test_facts_under_another_key_are_forgotten(cache: Cache) -> None:
    cache.remember("ab12", {"x": 1})
    cache.remember("ab34", {"x": 2})
    one, two = sorted((cache.folder / "facts").rglob("*.json"))
    one.write_bytes(two.read_bytes())
    assert cache.recall("ab12") is None


@pytest.mark.parametrize("named", [3, None, "x", [], {"path": 1}, {"path": "/", "format": "x"}, {"size_bytes": 1}])
def test_an_artifact_that_is_none_is_forgotten(cache: Cache, tmp_path: Path, named: object) -> None:
    whole = cache.put(artifact(tmp_path)).to_json()
    facts = {"artifact": {**whole, **named} if isinstance(named, dict) and "format" not in named else named}
    cache.remember("ab12", facts)
    assert cache.recall("ab12") is None
