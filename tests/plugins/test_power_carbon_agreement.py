"""The same fake powercap tree read by this project and by codecarbon: one truth over ten seconds, in virtual time."""

import math

import pytest
from bench_power.powercap import PowercapMeter

RANGE_UJ = 262_143_328_850
TAU_S = 1e-3
PACKAGE_W, DRAM_W, PSYS_W = 50.0, 7.0, 80.0


class Tree:
    """A client's zones on a clock that moves when it is looked at; files change every millisecond."""

    def __init__(self, root, began_uj=0):
        self.now, self.began_uj, self.shown = 100.0, began_uj, -1
        self.zones = {}
        for place, name, watts in (
            ("intel-rapl:0", "package-0", PACKAGE_W),
            ("intel-rapl:0/intel-rapl:0:0", "dram", DRAM_W),
            ("intel-rapl:1", "psys", PSYS_W),
        ):
            folder = root / "intel-rapl" / place
            folder.mkdir(parents=True)
            (folder / "name").write_text(name + "\n")
            (folder / "max_energy_range_uj").write_text(f"{RANGE_UJ}\n")
            self.zones[folder / "energy_uj"] = watts
        self._show()

    def now_s(self):
        self.sleep_s(2e-5)
        return self.now

    def wall_s(self):
        return self.now

    def sleep_s(self, seconds):
        self.now += seconds
        if math.floor(self.now / TAU_S) != self.shown:
            self._show()

    def _show(self):
        self.shown = math.floor(self.now / TAU_S)
        for file, watts in self.zones.items():
            file.write_text(f"{(self.began_uj + round(watts * self.shown * TAU_S * 1e6)) % RANGE_UJ}\n")


class Nobody:
    def read(self):
        return None


@pytest.mark.parametrize("began_uj", [0, RANGE_UJ - 5_250_000_000], ids=["plain", "wraps"])
def test_ten_seconds_agree_within_a_percent(tmp_path, began_uj):
    from codecarbon.core.rapl import RAPLFile
    from codecarbon.core.units import Time

    tree = Tree(tmp_path, began_uj)
    zone = tmp_path / "intel-rapl" / "intel-rapl:0"
    meter = PowercapMeter(tmp_path, clock=tree, load=Nobody())
    meter.period_s()
    theirs = RAPLFile("package-0", str(zone / "energy_uj"), str(zone / "max_energy_range_uj"))
    token = meter.start()
    theirs.start()
    began = tree.now
    tree.sleep_s(10.0)
    theirs.delta(Time.from_seconds(tree.now - began))
    reading = meter.stop(token)
    ours_w = reading.facts["by_domain"]["package"] / reading.facts["window_s"]
    assert ours_w == pytest.approx(PACKAGE_W, rel=1e-4)
    assert ours_w == pytest.approx(theirs.energy_delta.kWh * 3.6e6 / 10.0, rel=0.01)
    assert reading.value / reading.facts["window_s"] == pytest.approx(PACKAGE_W + DRAM_W, rel=1e-4), "never psys too"
