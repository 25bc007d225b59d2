"""Power rails and fuel gauges in fake sysfs trees."""

import pickle

import pytest
from bench_power.sysfs import Battery, batteries, battery_meter, hwmon_meter, rails


class Clock:
    """Time, and whatever moves with it."""

    def __init__(self):
        self.time_s, self.moved = 100.0, lambda now: None

    def now_s(self):
        return self.time_s

    wall_s = now_s

    def sleep_s(self, seconds):
        self.time_s += max(0.0, seconds)
        self.moved(self.time_s)


class NoLoad:
    def read(self):
        return None


def files(folder, **contents):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        (folder / name).write_text(f"{text}\n")
    return folder


def chip(root, index, name, channels):
    folder = files(root / f"hwmon{index}", name=name)
    for channel, (label, millivolts, milliamps) in enumerate(channels, 1):
        inputs = {f"in{channel}_label": label, f"in{channel}_input": millivolts, f"curr{channel}_input": milliamps}
        files(folder, **inputs)
    return folder


ORIN_NX = [("VDD_IN", 5000, 1400), ("VDD_CPU_GPU_CV", 5000, 500), ("VDD_SOC", 5000, 400)]


def test_the_rail_that_feeds_the_board_is_the_reading_and_the_rest_is_inside(tmp_path):
    chip(tmp_path, 0, "ina3221", ORIN_NX)
    files(tmp_path / "hwmon1", name="nvme", in1_input=1, curr1_input=1)
    used, zones = rails(tmp_path)
    assert [(each.name, each.domain) for each in used] == [("VDD_IN", "board")]
    assert used[0].read_w() == pytest.approx(7.0)
    assert {each.name: each.role for each in zones} == {
        "VDD_IN": "summed",
        "VDD_CPU_GPU_CV": "inside",
        "VDD_SOC": "inside",
    }


def test_without_such_a_rail_all_are_summed_over_both_chips(tmp_path):
    chip(tmp_path, 0, "ina3221", [("VDD_GPU_SOC", 19000, 200), ("VDD_CPU_CV", 19000, 100)])
    chip(tmp_path, 1, "ina3221", [("VDDQ_VDD2_1V8AO", 5000, 100)])
    used, zones = rails(tmp_path)
    assert sum(each.read_w() for each in used) == pytest.approx(3.8 + 1.9 + 0.5)
    assert {each.domain for each in used} == {"rails"}
    assert all(each.role == "summed" for each in zones)


def test_a_chip_that_computes_power_is_believed_and_a_channel_switched_off_is_not_there(tmp_path):
    files(tmp_path / "hwmon0", name="ina226", power1_input=2_500_000, in1_input=12_000)
    files(chip(tmp_path, 1, "ina3221", [("VDD_A", 5000, 100), ("VDD_B", 5000, 900)]), in2_enable=0)
    used, _ = rails(tmp_path)
    assert {each.name: each.read_w() for each in used} == pytest.approx({"ina226 channel 1": 2.5, "VDD_A": 0.5})


def test_limits_come_from_the_critical_current(tmp_path):
    files(chip(tmp_path, 0, "ina3221", ORIN_NX), curr1_crit=5000)
    used, _ = rails(tmp_path)
    assert used[0].power_limit_w == pytest.approx(25.0)


def test_a_rail_travels_to_another_process_and_fails_as_an_oserror(tmp_path):
    folder = chip(tmp_path, 0, "ina3221", ORIN_NX)
    rail = pickle.loads(pickle.dumps(rails(tmp_path)[0][0]))
    assert rail.read_w() == pytest.approx(7.0)
    (folder / "curr1_input").write_text("-\n")
    with pytest.raises(OSError, match="curr1_input"):
        rail.read_w()


def test_no_rails(tmp_path):
    assert rails(tmp_path) == ([], ())
    assert rails(tmp_path / "absent") == ([], ())


def test_the_rails_are_sampled_ten_times_a_second(tmp_path):
    assert "no power sensor" in hwmon_meter(tmp_path).available()
    chip(tmp_path, 0, "ina3221", ORIN_NX)
    meter = hwmon_meter(tmp_path)
    assert meter.available() is None
    assert meter.period_s() == pytest.approx(0.1)


def battery(root, name="BAT0", **more):
    contents = {"type": "Battery", "status": "Discharging", "energy_now": 40_000_000} | more
    return files(root / name, **{key: text for key, text in contents.items() if text is not None})


def test_only_this_machines_discharging_batteries_count(tmp_path):
    battery(tmp_path)
    battery(tmp_path, "BAT1", status="Charging")
    battery(tmp_path, "mouse", scope="Device")
    files(tmp_path / "AC", type="Mains", online=0)
    assert [each.name for each in batteries(tmp_path)] == ["BAT0"]


def test_what_leaves_the_battery_counts_up(tmp_path):
    folder = battery(tmp_path)
    (gauge,) = batteries(tmp_path)
    before = gauge.read_j()
    (folder / "energy_now").write_text("39000000\n")
    assert gauge.read_j() - before == pytest.approx(3600.0)
    (folder / "status").write_text("Charging\n")
    with pytest.raises(OSError, match="Charging"):
        gauge.read_j()


def test_charge_is_taken_at_the_voltage_of_each_step(tmp_path):
    folder = battery(tmp_path, energy_now=None, charge_now=3_000_000, voltage_now=12_000_000)
    gauge = Battery(folder, 60.0)
    before = gauge.read_j()
    files(folder, charge_now=2_900_000, voltage_now=11_000_000)
    assert gauge.read_j() - before == pytest.approx(0.1 * 3600 * 11.5)


@pytest.fixture
def discharging(tmp_path):
    """9 W out of a gauge that moves every 10 s by whole 10 mWh."""
    folder, clock = battery(tmp_path), Clock()

    def move(now):
        drawn_uwh = int(9.0 * (now // 10 * 10) / 3600 * 100) * 10_000
        (folder / "energy_now").write_text(str(40_000_000 - drawn_uwh))

    clock.moved = move
    return tmp_path, clock


def test_ten_minutes_of_a_gauge(discharging):
    root, clock = discharging
    meter = battery_meter(root, clock=clock, load=NoLoad())
    assert meter.available() is None
    token = meter.start()
    for _ in range(700):
        clock.sleep_s(1.0)
    reading = meter.stop(token)
    assert reading.facts["kind"] == "gauge"
    assert reading.value / reading.facts["window_s"] == pytest.approx(9.0, rel=0.02)
    assert reading.low <= 9.0 * reading.facts["window_s"] <= reading.high


def test_less_than_ten_minutes_has_no_value(discharging):
    root, clock = discharging
    meter = battery_meter(root, clock=clock, load=NoLoad())
    token = meter.start()
    clock.sleep_s(300.0)
    reading = meter.stop(token)
    assert reading.value is None
    assert "600 s" in reading.reason
    assert meter.window_s(0.05, mean_w=9.0) >= 600.0


def test_plugging_in_during_a_window_makes_it_invalid(discharging):
    root, clock = discharging
    meter = battery_meter(root, clock=clock, load=NoLoad())
    token = meter.start()
    clock.sleep_s(700.0)
    (root / "BAT0" / "status").write_text("Charging\n")
    reading = meter.stop(token)
    assert (reading.value, reading.verdict) == (None, "invalid")
    assert "Charging" in reading.reason


def test_mains(tmp_path):
    battery(tmp_path, status="Full")
    meter = battery_meter(tmp_path)
    assert "no counter" in meter.available()
    assert meter.stop(meter.start()).value is None
