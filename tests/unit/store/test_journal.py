"""The launch journal: what was measured is kept whole, small, and readable whatever happens to one file."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.store import Journal, Launch

RECORDINGS = Path(__file__).parents[3] / "benchmarks" / "recordings"


def launch(rounds: int = 3, n: int = 7, sides: int = 2, seed: int = 0) -> Launch:
    rng = np.random.default_rng(seed)
    samples = {f"cell{k}": rng.integers(900_000, 2_000_000, (rounds, n + 5)) for k in range(sides)}
    header = {"import_ns": 5, "load_ns": 6, "first_ns": 7, "facts": {}}
    meta = {
        "n": n,
        "rounds": rounds,
        "seconds": 1.5,
        "artifacts": dict.fromkeys(samples, "sha256:x"),
        "headers": dict.fromkeys(samples, header),
        "outputs": {cell: ["y"] for cell in samples},
        "load": {"before": 1.5},
        "text": "<b> \u2028",
    }
    return Launch(meta, samples)


def rewrite(path: Path, *, keep_digest: bool = False, **changed: Any) -> None:
    """Write a file with other parts, as an editor or a bug would; without the digest it is one of an older version."""
    with np.load(path) as archive:
        parts = {name: archive[name] for name in archive.files if keep_digest or name != "digest"}
    texts = {name: np.frombuffer(json.dumps(value).encode(), np.uint8) for name, value in changed.items()}
    np.savez_compressed(path, **{**parts, **texts})


def equal(left: Launch, right: Launch) -> bool:
    same = all(np.array_equal(left.samples[cell], right.samples[cell]) for cell in left.samples)
    return left.meta == right.meta and left.sides == right.sides and same


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 5), st.integers(1, 20), st.integers(1, 4), st.integers(0, 99))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, rounds: int, n: int, sides: int, seed: int) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal"))
    wanted = launch(rounds, n, sides, seed)
    journal.append("c", wanted)
    (found,) = journal.read("c")
    assert equal(found, wanted)
    assert all(each.dtype == np.int64 for each in found.samples.values())


def issued(**plan: Any) -> Launch:
    """Return a launch of a server's queries."""
    plain = launch()
    known = {"name": "server", "rounds": 1, "queries": 4, "confidence": 0.99, "asked": 9, "rate": 5.0}
    scenario = {"plan": {**known, **plan}, "seconds": 1.0, "durations_ns": {key: [7] for key in plain.samples}}
    queries = {cell: np.array([[5, 6, 7, 8]]) for cell in plain.samples}
    return Launch({**plain.meta, "scenario": scenario}, plain.samples, queries)


def test_the_queries_of_a_scenario_are_kept(tmp_path: Path) -> None:
    journal, wanted = Journal(tmp_path), issued()
    journal.append("c", wanted)
    (found,) = journal.read("c")
    assert equal(found, wanted)
    assert {cell: each.tolist() for cell, each in found.queries.items()} == {
        "cell0": [[5, 6, 7, 8]],
        "cell1": [[5, 6, 7, 8]],
    }


def test_queries_are_set_aside_with_their_side(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    wanted = issued()
    samples = {**wanted.samples, "c": wanted.samples["cell0"]}
    names = {**{key: {**wanted.meta[key], "c": wanted.meta[key]["cell0"]} for key in ("artifacts", "headers")}}
    outputs, durations = (
        {**each, "c": each["cell0"]} for each in (wanted.meta["outputs"], {"cell0": [7], "cell1": [7]})
    )
    scenario = {**wanted.meta["scenario"], "durations_ns": durations}
    meta = {**wanted.meta, **names, "outputs": outputs, "scenario": scenario}
    journal.append("c", Launch(meta, samples, {**wanted.queries, "c": wanted.queries["cell0"]}))
    journal.set_aside("c", ["cell1"])
    (found,) = journal.read("c")
    assert set(found.queries) == set(found.samples) == {"c", "cell0"}


@pytest.mark.parametrize(
    "plan", [{"queries": 5}, {"rounds": 2}, {"rate": 0}, {"name": "burst"}, {"confidence": None}, {"queries": "4"}]
)
def test_queries_that_were_not_planned_are_no_launch(tmp_path: Path, plan: dict[str, Any]) -> None:
    journal, said = Journal(tmp_path), []
    journal.append("c", issued(**plan))
    assert journal.read("c", said.append) == []
    assert "left out" in said[0]


def test_launches_keep_their_order_and_their_numbers(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    paths = [journal.append("c", launch(seed=seed)) for seed in range(12)]
    assert [each.name for each in paths] == [f"{number:05d}.npz" for number in range(1, 13)]
    paths[3].unlink()
    assert journal.append("c", launch(seed=99)).name == "00013.npz"
    assert len(journal.read("c")) == 12
    assert equal(journal.read("c")[-1], launch(seed=99))


def test_comparisons_do_not_mix(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append("a", launch(seed=1))
    journal.append("b", launch(seed=2))
    journal.set_aside("a", ["cell0", "cell1"])
    assert journal.read("a") == []
    assert equal(journal.read("b")[0], launch(seed=2))
    assert journal.read("nothing") == []


def test_any_damage_to_a_file_costs_that_launch_only(tmp_path: Path) -> None:
    journal, dice = Journal(tmp_path), random.Random(0)
    first, second = (journal.append("c", launch(seed=seed)) for seed in (1, 2))
    whole = first.read_bytes()
    damaged = [b"", b"\0" * 100, b"PK\x03\x04", *(whole[: dice.randrange(len(whole))] for _ in range(40))]
    for _ in range(150):
        changed = bytearray(whole)
        changed[dice.randrange(len(changed))] ^= dice.randrange(1, 256)
        damaged.append(bytes(changed))
    for data in damaged:
        first.write_bytes(data)
        found = journal.read("c")
        assert equal(found[-1], launch(seed=2))
        assert len(found) <= 2
    assert second.exists()


def test_a_file_half_written_is_no_launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    journal.append("c", launch())

    def torn(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", torn)
    with pytest.raises(KeyboardInterrupt):
        journal.append("c", launch(seed=5))
    monkeypatch.undo()
    assert len(journal.read("c")) == 1
    assert [each.name for each in (tmp_path / "c").iterdir()] == ["00001.npz"]


@pytest.mark.parametrize(("kind", "limit"), [("light-ort", 5.0), ("heavy-ort", 5.0), ("light-torch", 6.0)])
def test_real_launches_take_at_most_five_bytes_a_call(tmp_path: Path, kind: str, limit: float) -> None:
    """Whole files over the calls in them; of the short blocks of `light-torch` a third are tails, not calls."""
    recordings = sorted(RECORDINGS.glob(f"{kind}-*.npz"))[:6]
    assert recordings, f"no recordings of {kind} in benchmarks/recordings"
    journal, stored, calls = Journal(tmp_path), 0, 0
    for path in recordings:
        with np.load(path) as archive:
            about = json.loads(str(archive["meta"]))
            names = [name for name in archive.files if name.startswith("d_")]
            samples = {f"{index:012x}": archive[name] for index, name in enumerate(names)}
        stored += journal.append("c", Launch({"n": about["n"], "rounds": about["R"]}, samples)).stat().st_size
        calls += sum(each.size - 5 * len(each) for each in samples.values())
    assert stored / calls <= limit


def test_launches_whose_texts_are_numpy_text_still_load(tmp_path: Path) -> None:
    """As the first versions wrote them."""
    wanted, journal = launch(), Journal(tmp_path)
    path = journal.append("c", wanted)
    with np.load(path) as archive:
        parts = {name: archive[name] for name in archive.files if name != "digest"}
    texts = {name: np.array(parts[name].tobytes().decode()) for name in ("meta", "sides")}
    np.savez_compressed(path, **{**parts, **texts})
    (found,) = journal.read("c")
    assert equal(found, wanted)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("artifacts", None),
        ("artifacts", {"cell0": 3, "cell1": "x"}),
        ("headers", None),
        ("headers", {"cell0": {}}),
        ("outputs", None),
        ("outputs", {"cell0": "y", "cell1": "y"}),
        ("n", None),
        ("n", 10**6),
        ("n", "7"),
        ("n", True),
        ("rounds", 2),
        ("seconds", "x"),
        ("seconds", -1.0),
        ("metered_s", []),
        ("energy", {"cell0": 5}),
        ("energy", {"cell0": {"value": 1.0}}),
        ("energy", {"cell0": {"class": "measured", "unit": "J", "value": "much"}}),
        ("watch", [1]),
        ("watch", {"busy_s": "x"}),
        ("idle", {"reading": 3}),
    ],
)
def test_a_launch_whose_metadata_cannot_be_used_is_one_launch_less(tmp_path: Path, name: str, value: Any) -> None:
    journal, notes = Journal(tmp_path), []
    path = journal.append("c", launch(seed=1))
    journal.append("c", launch(seed=2))
    meta = {**launch(seed=1).meta, name: value}
    rewrite(path, meta={key: each for key, each in meta.items() if each is not None})
    (found,) = journal.read("c", notes.append)
    assert equal(found, launch(seed=2))
    assert len(notes) == 1
    assert notes[0].startswith("00001.npz of the journal is left out: ")


def test_what_was_changed_after_it_was_written_is_no_launch(tmp_path: Path) -> None:
    journal, notes = Journal(tmp_path), []
    path = journal.append("c", launch())
    rewrite(path, keep_digest=True)
    assert len(journal.read("c")) == 1
    rewrite(path, keep_digest=True, meta={**launch().meta, "seconds": 1.0})
    assert journal.read("c", notes.append) == []
    assert "changed after it was written" in notes[0]
    rewrite(path, meta=launch().meta)  # as an older version wrote it
    assert equal(journal.read("c")[0], launch())


@pytest.mark.parametrize("wall", [0, -5])
def test_a_block_of_zeros_is_no_latency(tmp_path: Path, wall: int) -> None:
    journal = Journal(tmp_path)
    wanted = launch()
    wanted.samples["cell1"][1, :7] = wall
    path = journal.append("c", wanted)
    rewrite(path)
    assert journal.read("c") == []


def test_a_call_below_the_clocks_step_is_a_call(tmp_path: Path) -> None:
    journal, wanted = Journal(tmp_path), launch()
    wanted.samples["cell1"][1, 3] = 0
    journal.append("c", wanted)
    assert len(journal.read("c")) == 1


def test_files_that_are_not_the_journals_are_left_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append("c", launch(seed=1))
    for name in ("1abc.npz", "00002.npz.tmp", "000003.npz", "x"):
        (tmp_path / "c" / name).write_bytes(b"x")
    assert journal.append("c", launch(seed=2)).name == "00002.npz"
    assert len(journal.read("c")) == 2


def test_what_is_set_aside_is_kept_and_its_number_not_given_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    path = journal.append("c", launch(seed=1))
    whole = path.read_bytes()
    for _ in range(2):
        journal.set_aside("c", ["cell0", "cell1"])
        assert journal.read("c") == []
    assert path.with_name("00001.npz.old").read_bytes() == whole
    assert journal.append("c", launch(seed=2)).name == "00002.npz"


def test_cells_that_are_not_set_aside_keep_their_samples_and_their_baseline(tmp_path: Path) -> None:
    journal, wanted = Journal(tmp_path), launch(sides=3)
    path = journal.append("cell0", wanted)
    whole = path.read_bytes()
    journal.set_aside("cell0", ["cell0", "cell1"])
    (left,) = journal.read("cell0")
    assert left.sides == ["cell0", "cell2"]
    assert left.meta["superseded"] == ["cell0", "cell1"]
    assert all(np.array_equal(left.samples[cell], wanted.samples[cell]) for cell in left.sides)
    assert path.with_name("00001.npz.old").read_bytes() == whole
    journal.set_aside("cell0", ["cell2"])
    assert journal.read("cell0") == []
    assert path.with_name("00001.npz.old").read_bytes() == whole
    assert path.with_name("00001.npz.old-2").exists()
