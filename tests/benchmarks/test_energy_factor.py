"""The script that tries the estimates' factors: tables are read strictly, a machine is judged by the others."""

import csv
import importlib
import sys
from pathlib import Path

import pytest

SCRIPTS = str(Path(__file__).resolve().parents[2] / "benchmarks")
RAPL = ("cpu_name", "cores_used", "cpu_load", "rapl_energy", "duration", "rapl_power")
SPEC = ("CPU Description", "Chips", "Total Threads", "avg. watts @ 100%", "avg. watts @ active idle", "Published")
XEON, EPYC = "Intel(R) Xeon(R) CPU E3-1240 V2 @ 3.40GHz", "AMD EPYC 8024P 8-Core Processor"


@pytest.fixture(scope="module")
def factor():
    before = list(sys.path)
    sys.path.insert(0, SCRIPTS)
    try:
        yield importlib.import_module("energy_factor")
    finally:
        sys.path[:] = before


def write(path, columns, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])


def rapl(folder, name, watts, columns=RAPL, threads=8):
    loads = (0.0, 50.0, 100.0)
    rows = [(name, threads, load, each * 30 / 3.6e6, 30.0, -1.0) for load, each in zip(loads, watts, strict=True)]
    write(folder / name[:4] / f"compare_cpu_load_and_RAPL-all_cores-{name}.csv", columns, rows)


@pytest.fixture
def folders(tmp_path):
    rapl(tmp_path / "rapl", XEON, (6.0, 20.0, 48.0))
    rapl(tmp_path / "rapl", EPYC, (18.0, 43.0, 46.0), threads=16)
    (tmp_path / "rapl" / "compare_cpu_load_and_RAPL-all_cores-x-tasks.csv").write_text("\n")
    rows = [("Intel Xeon E3-1240 v2", 1, 8, 60.0, 20.0, "Jan-2016"), ("AMD EPYC 7742", 1, 128, "NC", 51.4, "Jan-2020")]
    rows += [("Old", 2, 4, 100.0, 80.0, "Dec-2008"), ("AMD EPYC 8024P", 1, 16, 80.0, 30.0, "Dec-2023")]
    write(tmp_path / "spec" / "SPECpower-2026-01-01.csv", SPEC, rows)
    write(tmp_path / "spec" / "SPECpower-2020-01-01.csv", ("of", "another", "form"), [(1, 2, 3)])
    return ["--rapl", str(tmp_path / "rapl"), "--specpower", str(tmp_path / "spec")]


def test_power_is_energy_over_time_of_whole_machines(factor, folders):
    points, refused = factor.rapl_points(Path(folders[1]))
    assert refused == []
    assert [round(each.watts, 6) for each in points if each.machine == XEON] == [6.0, 20.0, 48.0]
    assert {(each.machine, each.threads, each.design_w) for each in points} == {(XEON, 8, 69.0), (EPYC, 16, 90.0)}


def test_the_newest_results_are_read_and_those_not_complete_left_out(factor, folders):
    found = factor.servers(Path(folders[3]))
    assert [(each.machine, each.full_w, each.year, each.design_w) for each in found] == [
        ("Intel Xeon E3-1240 v2", 60.0, 2016, 69.0),
        ("Old", 100.0, 2008, None),
        ("AMD EPYC 8024P", 80.0, 2023, 90.0),
    ]


def test_every_figure_is_there(factor, folders, capsys):
    assert factor.main([*folders, "--json"]) == 0
    printed = capsys.readouterr().out
    for name in ("machines", "mape_pct", "coverage_rapl_pct", "coverage_specpower_pct", "rapl_cpu_seconds_needs"):
        assert f'"{name}"' in printed


def test_a_machine_is_judged_by_the_factor_of_the_others(factor):
    points = [("calm", 1.0 + each / 100, 1.0) for each in range(20)] + [("wild", 3.0, 1.0), ("wild", 1.1, 1.0)]
    case = factor.Case.of("x", 2.0, points)
    assert case.needs(without="wild") == pytest.approx(1.18)
    assert case.needs(without="calm") == pytest.approx(3.0)
    assert (case.held_pct("wild", 1.18), case.left_out_pct()) == (50.0, 75.0)
    assert case.stated_pct() == pytest.approx(100 * 21 / 22)
    half = factor.Case.of("y", 2.0, [("a", 1.0, 2.0), ("b", 1.0, 2.0)])
    assert (half.mape_pct(), half.needs()) == (pytest.approx(100.0), pytest.approx(2.0))


def test_what_is_counted_twice_is_refused(factor, folders, tmp_path, capsys):
    rapl(tmp_path / "rapl" / "twice", XEON, (6.0, 60.0, 97.0))
    assert factor.main(folders) == 0
    assert "97 W of a design power of 69 W" in capsys.readouterr().err


def test_a_table_of_another_form_is_an_error(factor, folders, tmp_path, capsys):
    rapl(tmp_path / "rapl" / "odd", XEON, (6.0, 20.0, 48.0), ("cpu_name", *"abcde"))
    assert factor.main(folders) == 2
    assert ".csv:1: lacks the columns cores_used, cpu_load" in capsys.readouterr().err


def test_one_machine_is_too_few(factor):
    with pytest.raises(factor.BadTable, match="too few"):
        factor.Case.of("y", 2.0, [("a", 1.0, 2.0)])


def test_no_number_and_no_file_say_where(factor, folders, tmp_path, capsys):
    rapl(tmp_path / "rapl" / "odd", XEON, (6.0, 20.0, 48.0))
    odd = next((tmp_path / "rapl" / "odd").rglob("*.csv"))
    odd.write_text(odd.read_text().replace("50.0", "half"))
    assert factor.main(folders) == 2
    assert ".csv:3: cpu_load is 'half', expected a number" in capsys.readouterr().err
    assert factor.main(["--rapl", str(tmp_path / "spec"), *folders[2:]]) == 2
    assert "give a checkout of codecarbon's" in capsys.readouterr().err
