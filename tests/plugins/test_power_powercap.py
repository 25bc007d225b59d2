"""Eight powercap trees: every domain counted once, said so, and read exactly."""

import importlib.util
import os
from pathlib import Path

import pytest
from bench_power import powercap
from bench_power.powercap import PowercapMeter
from bench_power.powercap_zones import classified, found
from bench_power.sysfs_files import read_number

import bench

spec = importlib.util.spec_from_file_location("power_trees", Path(__file__).with_name("power_trees.py"))
trees = importlib.util.module_from_spec(spec)
spec.loader.exec_module(trees)

# Watts per domain, and what the reading's value sums.
GOLDEN = {
    trees.client: ({"package": 50.0, "dram": 5.0, "platform": 80.0}, ["package", "dram"]),
    trees.two_sockets: ({"package": 190.0, "dram": 23.0}, ["package", "dram"]),
    trees.dies: ({"package": 115.0, "dram": 11.0}, ["package", "dram"]),
    trees.mirrored_dies: ({"package": 100.0}, ["package"]),
    trees.amd: ({"package": 65.0}, ["package"]),
    trees.mmio_duplicate: ({"package": 50.0}, ["package"]),
}


def meter(tree):
    return PowercapMeter(tree.root, clock=tree.clock, load=trees.NoLoad(), read=tree.read)


def window(meter, tree, seconds=10.0):
    token = meter.start()
    tree.clock.sleep_s(seconds)
    return meter.stop(token)


@pytest.mark.parametrize("make", GOLDEN, ids=lambda each: each.__name__)
def test_sums_are_exact(make, tmp_path):
    tree = make(tmp_path)
    watts, headline = GOLDEN[make]
    made = meter(tree)
    assert made.available() is None
    reading = window(made, tree)
    assert reading.verdict == "valid", reading.reason
    seconds = reading.facts["window_s"]
    got = {name: joules / seconds for name, joules in reading.facts["by_domain"].items()}
    assert got == pytest.approx(watts, rel=1e-5)
    assert reading.facts["domains"] == headline
    assert reading.value / seconds == pytest.approx(sum(watts[each] for each in headline), rel=1e-5)


def test_package_50_and_platform_80_are_never_130(tmp_path):
    tree = trees.Tree(tmp_path, {"intel-rapl:0": ("package-0", 50.0, 1.0), **trees.PSYS}).write()
    reading = window(meter(tree), tree)
    per_second = {name: joules / reading.facts["window_s"] for name, joules in reading.facts["by_domain"].items()}
    assert per_second == pytest.approx({"package": 50.0, "platform": 80.0}, rel=1e-5)
    assert reading.value / reading.facts["window_s"] == pytest.approx(50.0, rel=1e-5)


def test_a_platform_alone_is_the_reading(tmp_path):
    tree = trees.Tree(tmp_path, dict(trees.PSYS)).write()
    reading = window(meter(tree), tree)
    assert reading.facts["domains"] == ["platform"]
    assert reading.value / reading.facts["window_s"] == pytest.approx(80.0, rel=1e-5)


def test_memory_mapped_zones_serve_where_nothing_else_does(tmp_path):
    tree = trees.Tree(tmp_path, dict(trees.MMIO)).write()
    assert [each.role for each in meter(tree).describe()] == ["summed"]


@pytest.mark.parametrize(
    ("make", "roles"),
    [
        (trees.client, ["summed", "inside", "inside", "summed", "apart"]),
        (trees.two_sockets, ["summed"] * 4),
        (trees.dies, ["summed"] * 4),
        (trees.mirrored_dies, ["summed", "duplicate", "summed"]),
        (trees.amd, ["summed", "inside"]),
        (trees.mmio_duplicate, ["summed", "inside", "duplicate"]),
        (trees.unreadable, ["unreadable", "inside", "unreadable"]),
        (trees.container, []),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_every_zone_is_listed_with_what_is_made_of_it(make, roles, tmp_path):
    zones = meter(make(tmp_path)).describe()
    assert sorted(each.role for each in zones) == sorted(roles)
    assert all(each.why and each.name and each.place for each in zones)


def test_a_nested_dump_reads_like_the_flat_tree(tmp_path):
    for place, name in (("intel-rapl:0", "package-0"), ("intel-rapl:0/intel-rapl:0:0", "dram")):
        zone = tmp_path / "intel-rapl" / place
        zone.mkdir(parents=True)
        (zone / "name").write_text(name)
        (zone / "energy_uj").write_text("12345678")
    assert [(each.name, each.role) for each in PowercapMeter(tmp_path).describe()] == [
        ("package-0", "summed"),
        ("dram", "summed"),
    ]


def test_links_up_the_tree_are_not_followed(tmp_path):
    tree = trees.client(tmp_path)
    (tmp_path / "intel-rapl:0" / "subsystem").symlink_to(tmp_path)
    (tmp_path / "intel-rapl:0" / "intel-rapl-loop").symlink_to(tmp_path)
    assert len(meter(tree).describe()) == 5


def test_a_package_inside_a_package_is_never_added_to_it(tmp_path):
    zones = {"intel-rapl:0": ("package-0", 50.0, 7.0), "intel-rapl:0:0": ("package-0-die-1", 20.0, 3.0)}
    tree = trees.Tree(tmp_path, zones).write()
    made = meter(tree)
    assert [(each.place, each.role) for each in made.describe()] == [
        ("intel-rapl:0", "summed"),
        ("intel-rapl:0:0", "inside"),
    ]
    assert window(made, tree).facts["by_domain"].keys() == {"package"}


@pytest.mark.parametrize("name", ["intel-rapl:0:0", "intel-rapl:1"])
def test_a_link_to_a_zone_is_no_second_one(tmp_path, name):
    tree = trees.Tree(tmp_path, {"intel-rapl:0": ("package-0", 50.0, 7.0)}).write()
    inner = tmp_path / "intel-rapl:0" if name.count(":") > 1 else tmp_path
    (inner / name).symlink_to(tmp_path / "intel-rapl:0")
    assert sorted(each.role for each in meter(tree).describe()) == ["duplicate", "summed"]


@pytest.mark.parametrize("content", ["notanumber", "-5", None])
@pytest.mark.parametrize("label", ["package-0", "core"])
def test_a_zone_is_read_before_it_is_called_good(tmp_path, label, content):
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    (zone / "name").write_text(label)
    if content is None:
        os.mkfifo(zone / "energy_uj")
    else:
        (zone / "energy_uj").write_text(content)
    ((_, judged),) = classified(found(tmp_path), read_number)
    assert judged.role == "unreadable"
    assert str(zone / "energy_uj") in judged.why


def test_unreadable_zones_give_the_reason_and_the_cure(tmp_path):
    tree = trees.unreadable(tmp_path)
    made = meter(tree)
    reason = made.available()
    assert "package-0" in reason
    assert 'SUBSYSTEM=="powercap"' in reason
    assert "chmod g+r %S%p/energy_uj" in reason
    reading = window(made, tree)
    assert (reading.class_, reading.value) == ("unavailable", None)
    assert "udev" in reading.reason


def test_nothing_is_dropped_from_the_headline_in_silence(tmp_path):
    tree = trees.Tree(tmp_path, trees.PACKAGE | trees.DRAM, locked=("intel-rapl:0:2",)).write()
    made = meter(tree)
    assert "dram" in made.available()
    assert window(made, tree).value is None


def test_a_locked_platform_does_not_cost_the_package(tmp_path):
    tree = trees.Tree(tmp_path, trees.PACKAGE | trees.PSYS, locked=("intel-rapl:1",)).write()
    made = meter(tree)
    assert made.available() is None
    assert window(made, tree).facts["by_domain"].keys() == {"package"}


@pytest.mark.parametrize("root", ["absent", "container"])
def test_without_a_tree_it_says_why(root, tmp_path):
    if root == "container":
        trees.container(tmp_path / root)
    made = PowercapMeter(tmp_path / root)
    assert "containers hide it" in made.available()
    assert made.describe() == ()
    reading = made.stop(made.start())
    assert (reading.class_, reading.value) == ("unavailable", None)


@pytest.mark.parametrize(("limits", "watts"), [((95, 119), 119), ((0, 0), None), ((4095, 4095), None), ((), None)])
def test_the_limit_is_the_greatest_that_means_anything(tmp_path, limits, watts):
    tree = trees.Tree(tmp_path, dict(trees.PACKAGE), limit_w=None).write()
    for index, limit in enumerate(limits):
        (tmp_path / "intel-rapl:0" / f"constraint_{index}_power_limit_uw").write_text(str(limit * 1_000_000))
    (source,) = meter(tree).meter.sources
    assert source.power_limit_w == watts


def test_memory_takes_the_limit_of_its_package(tmp_path):
    sources = {each.domain: each for each in meter(trees.client(tmp_path)).meter.sources}
    assert sources["dram"].power_limit_w == sources["package"].power_limit_w == 150.0
    assert sources["platform"].quantum_j == 1.0


def test_a_wrap_in_the_window_is_unwrapped(tmp_path):
    tree = trees.Tree(tmp_path, {"intel-rapl:0": ("package-0", 50.0, 0.0)})
    top = tree.range_uj * 1e-6
    tree.zones["intel-rapl:0"] = ("package-0", 50.0, top - 50.0 * (tree.clock.time_s + 1.0))
    reading = window(meter(tree.write()), tree)
    assert reading.value / reading.facts["window_s"] == pytest.approx(50.0, rel=1e-4)


def test_the_first_files_read_are_the_kernels(tmp_path):
    """Without a stand-in the number comes from the file itself, and garbage is a failed read."""
    tree = trees.client(tmp_path)
    source = next(each for each in PowercapMeter(tmp_path).meter.sources if each.domain == "package")
    assert source.read_j() == pytest.approx(tree.energy_uj("intel-rapl:0") * 1e-6)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("no number\n")
    with pytest.raises(OSError, match="no number"):
        source.read_j()


def test_it_is_a_meter_and_carries_its_provenance(tmp_path):
    tree = trees.client(tmp_path)
    reading = window(meter(tree), tree)
    assert (reading.unit, reading.class_, reading.meter) == ("J", "measured", powercap.NAME)
    needed = {"kind", "meter_version", "domains", "by_domain", "period_s", "window_s", "n_windows", "n_invalid"}
    assert needed | {"share", "steal", "uncertainty"} <= set(reading.facts)
    parts = {"total_j", "edges_j", "quantum_j", "ripple_j", "gaps_j", "calibration_j"}
    assert set(reading.facts["uncertainty"]) == parts
    assert bench.Reading.from_json(reading.to_json()) == reading
    assert meter(tree).period_s() == pytest.approx(1e-3, rel=0.05)
    assert 0.1 < meter(tree).window_s(0.01, mean_w=50.0) < 10
