"""What people trip on: one error instead of a table of them, reasons under the table, folders that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bench.cli import cli
from bench.cli.run_command import refuse_another
from bench.cli.table import doubts, summary
from bench.errors import BenchError
from bench.reading import Reading
from bench.record import Record
from bench.store import RunFolder
from bench.suite import load
from bench.suite.cell import Cell


def record(name: str, reasons: list[str], status: str = "ok") -> Record:
    validity = {"verdict": "suspect" if reasons else "valid", "reasons": reasons}
    why = reasons[0] if status != "ok" else None
    return Record(name, status, Cell("s", "toy", (), "torch"), "g", reason=why, validity=validity)  # type: ignore[arg-type]


def test_reasons_stand_under_the_table_once_with_the_ids_of_their_cells() -> None:
    records = [record(f"id{n}", [f"other work took {n}0% of the processor time"]) for n in range(1, 9)]
    records.append(record("lost", ["segfault\nsecond line"], "failed"))
    records.append(record("good", []))
    assert doubts(records) == (
        "suspect: other work took 10% of the processor time (for one)\n"
        "    id1, id2, id3, id4, id5, id6 and 2 more\n"
        "failed: segfault\n"
        "    lost\n"
    )
    assert "good\ttoy" in summary(records)


def test_scenarios_have_columns_where_there_are_some() -> None:
    cell = Cell("s", "toy", (), "torch", scenario="server", scenario_options={"p99": 0.005})
    rate = {"throughput": Reading("1/s", "measured", 90.0, 80.0, 100.0, 9)}
    highest = {"max_rate": Reading("1/s", "measured", 200.0, 150.0, 250.0, 9)}
    made = [Record(name, "ok", cell, "g", readings=each) for name, each in (("a", rate), ("b", rate | highest))]
    head, first, second, plain = (each.split("\t") for each in summary([*made, record("c", [])]).splitlines())
    assert head[3:8] == ["scenario", "recipe", "quality", "per second", "latency p50"]
    assert first[3:7] == ["server(p99=5 ms)", "none", "unavailable", "90 ± 10"]
    assert second[6] == "200 ± 50"
    assert (plain[3], plain[6]) == ("single-stream", "")
    assert "scenario" not in summary([record("c", [])])


def test_a_reason_cannot_drive_the_terminal() -> None:
    assert "\x1b" not in doubts([record("x", ["\x1b[2Jgone"])])


@pytest.mark.parametrize(
    "arguments", [["run", "smoke", "-o", ""], ["try", "m.onnx", "-o", ""], ["report", "x", "-o", ""]]
)
def test_the_empty_folder_is_refused(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert "name a folder" in result.output


def test_a_file_is_no_folder_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(cli, ["report", "x", "-o", str(tmp_path / "file")])
    assert (result.exit_code, "is a file" in result.output) == (2, True)


def test_a_folder_holds_the_run_of_one_suite(tmp_path: Path) -> None:
    text = "bench: 1\nname: {}\nmatrix:\n  task: [toy]\n  backend: [torch]\n"
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(text.format(name))
    first, second = (load(tmp_path / f"{name}.yaml", vocabulary=None, env={}) for name in ("a", "b"))
    folder = RunFolder(tmp_path)
    refuse_another(folder, first)
    folder.write_facts({"suite": {"name": "a"}})
    refuse_another(folder, first)
    with pytest.raises(BenchError, match="holds a run of the suite 'a', not of 'b'"):
        refuse_another(folder, second)


@pytest.mark.parametrize(
    ("make", "options", "says"),
    [
        (True, ["--data", "none.npz"], "no such file: none.npz"),
        (True, ["--budget", "fast"], "--budget fast: expected a time"),
        (True, ["--backend", "onnx"], "no backend is called 'onnx'"),
        (False, [], "no such file: m.onnx"),
    ],
)
def test_what_is_wrong_with_a_try_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: bool, options: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if make:
        Path("m.onnx").write_bytes(b"")
    result = CliRunner().invoke(cli, ["try", "m.onnx", *options])
    assert isinstance(result.exception, BenchError)
    assert says in str(result.exception)
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (None, "no .npz file of plain arrays"),
        ({"wrong": 4}, "the data hold wrong (4, 8); the model wants input"),
        ({"input": 4, "labels": 3}, "3 labels for 4 examples"),
    ],
)
def test_data_that_do_not_fit_are_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: dict[str, int] | None, says: str
) -> None:
    torch = pytest.importorskip("torch", reason="the model of this test is a torch module")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    torch.export.save(torch.export.export(torch.nn.Linear(8, 2), (torch.zeros(2, 8),)), "m.pt2")
    if data is None:
        Path("d.npz").write_text("hello")
    else:
        shapes = {name: (n,) if name == "labels" else (n, 8) for name, n in data.items()}
        np.savez("d.npz", **{name: np.zeros(shape, dtype=np.float32) for name, shape in shapes.items()})
    result = CliRunner().invoke(cli, ["try", "m.pt2", "--data", "d.npz", "--backend", "torch", "--in-process"])
    assert isinstance(result.exception, BenchError), result.output
    assert says in str(result.exception)
