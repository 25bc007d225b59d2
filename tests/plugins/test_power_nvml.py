"""NVIDIA cards: the real nvidia-ml-py against a stand-in of NVIDIA's library, built here, in the stub's own time."""

import json
import os
import shutil
import struct
import subprocess
import sys
import types
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def stub(tmp_path_factory):
    """Compile the stand-in; its folder goes into LD_LIBRARY_PATH."""
    folder = tmp_path_factory.mktemp("nvml")
    compiler = shutil.which("gcc") or shutil.which("cc")
    assert compiler, "a C compiler is needed for these tests: install gcc"
    library = folder / "libnvidia-ml.so.1"
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wno-stringop-truncation", "-o", str(library)]
    subprocess.run([compiler, *flags, str(HERE / "nvml_stub.c"), "-lm"], check=True)
    return folder


@pytest.fixture
def windows(stub, tmp_path):
    """Ask the meter in a process that finds the stand-in; return what it printed."""

    def ask(*arguments, library=stub, cuda=None, **options):
        clock = tmp_path / "clock"
        clock.write_bytes(struct.pack("d", 1000.0))
        told = {f"BENCH_STUB_{name.upper()}": str(value) for name, value in options.items()}
        told |= {f"CUDA_{name.upper()}": value for name, value in (cuda or {}).items()}
        environment = {**os.environ, "LD_LIBRARY_PATH": str(library), "BENCH_STUB_CLOCK": str(clock), **told}
        run = subprocess.run(
            [sys.executable, str(HERE / "nvml_windows.py"), *map(str, arguments)],
            env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    return ask


def error_pct(reading):
    return abs(reading["value"] / reading["window_s"] / reading["truth_w"] - 1) * 100


@pytest.mark.parametrize("tau_s", [0.02, 0.1])
def test_a_second_of_the_counter_is_within_half_a_percent(windows, tau_s):
    for reading in windows("counter", *[1.0] * 8, tau_s=tau_s):
        assert error_pct(reading) <= 0.5
        assert (reading["class"], reading["kind"], reading["meter"]) == ("measured", "counter", "nvml")
        assert reading["period_s"] == pytest.approx(tau_s, rel=0.02)
        assert reading["share"] is None, "the processor's load says nothing about whose work a card did"


def test_bursts_lie_within_what_is_stated(windows):
    for reading in windows("counter", *[1.03] * 8, trace="bursts"):
        stated = reading["uncertainty"]["total_j"] / reading["value"] * 100
        assert error_pct(reading) <= stated


def test_half_a_period_is_never_a_silent_zero(windows):
    for reading in windows("counter", *[0.05] * 12):
        if reading["class"] == "unavailable":
            assert reading["reason"]
        else:
            assert reading["value"] > 0
            assert reading["low"] <= reading["truth_w"] * reading["window_s"] <= reading["high"]


def test_a_lost_card_makes_an_invalid_window(windows):
    (reading,) = windows("counter", 2.0, lost_s=1003.0)
    assert reading["class"] == "unavailable"
    assert "GPU is lost" in reading["reason"]


@pytest.mark.parametrize(("lacks", "sensor"), [("counter", "instant power"), ("counter,instant", "average power")])
def test_a_card_without_a_counter_falls_back_and_says_so(windows, lacks, sensor):
    (reading,) = windows("samples", 30.0, lacks=lacks)
    assert error_pct(reading) <= 0.5
    assert (reading["class"], reading["kind"]) == ("measured", "power")
    assert "no energy counter" in reading["fallback"]
    assert reading["sensor"] == sensor


def test_it_says_what_it_sees(windows):
    seen = windows("look")
    assert (seen["reason"], seen["cards"]) == (None, {"energy": 1, "power": 1, "driver": "999.0"})
    assert "there is no card 9: NVML shows 1" in seen["ninth"]


def test_without_a_driver_it_says_what_is_missing(windows, tmp_path):
    (tmp_path / "libnvidia-ml.so.1").write_bytes(b"not a library")
    assert "It comes with NVIDIA's driver" in windows("look", library=tmp_path)["reason"]


PCI = {"device_order": "PCI_BUS_ID"}


def test_a_cells_card_alone_is_read_not_the_sum_of_all(windows):
    one, both = windows("card", 1, cards=2, cuda=PCI), windows("whole", cards=2)
    assert (one["domains"], both["domains"]) == (["gpu:1"], ["gpu:0", "gpu:1"])
    assert one["value"] / one["window_s"] == pytest.approx(250, rel=0.005)
    assert both["value"] / both["window_s"] == pytest.approx(500, rel=0.005)


@pytest.mark.parametrize(
    ("visible", "number", "domain"),
    [(None, 2, "gpu:2"), ("2,0", 0, "gpu:2"), ("2,0", 1, "gpu:0"), ("GPU-b0f", 0, "gpu:1")],
)
def test_cudas_number_is_translated_into_nvmls(windows, visible, number, domain):
    told = PCI if visible is None else {**PCI, "visible_devices": visible}
    assert windows("card", number, cards=3, cuda=told)["domains"] == [domain]


@pytest.mark.parametrize(
    ("cuda", "number", "says"),
    [
        ({"device_order": "FASTEST_FIRST"}, 0, "set CUDA_DEVICE_ORDER=PCI_BUS_ID"),
        ({**PCI, "visible_devices": "1"}, 1, "there is no cuda:1 here: CUDA sees 1 cards"),
        ({**PCI, "visible_devices": ""}, 0, "CUDA sees 0 cards"),
        ({**PCI, "visible_devices": "GPU-none"}, 0, "which is 0 cards of this machine"),
        ({**PCI, "visible_devices": "MIG-1234"}, 0, "is split into instances (MIG)"),
        ({**PCI, "visible_devices": "7"}, 0, "there is no card 7"),
    ],
)
def test_a_card_that_is_not_sure_is_not_guessed(windows, cuda, number, says):
    assert says in windows("card", number, cards=2, cuda=cuda)["reason"]


def test_a_split_card_is_refused(windows):
    assert "card 0 is split into instances (MIG)" in windows("look", mig=1)["reason"]


@pytest.mark.parametrize(
    ("users", "others"),
    [("", None), ("self", None), ("self,4194301", 1), ("self,4194301,4194302", 2), ("4194301", None)],
)
def test_who_else_computes_on_the_card_is_said(windows, users, others):
    """One number that is nobody's here may be ours, seen from outside a container: two for one process are not."""
    reading = windows("whole", users=users)
    assert reading.get("others") == others
    if others:
        assert reading["validity"]["verdict"] == "suspect"
        assert f"{others} other process" in reading["validity"]["reasons"][0]
    else:
        assert "validity" not in reading


def test_the_real_zeus_reads_the_same_cards(windows):
    """Where zeus is installed: its own device layer on the stand-in, under our windows."""
    pytest.importorskip("zeus", reason="the extra `zeus` is not installed")
    reading = windows("zeus", cards=2)
    assert (reading["made"], reading["class"], reading["domains"]) == ("CounterMeter", "measured", ["gpu:0", "gpu:1"])
    assert reading["value"] / reading["window_s"] == pytest.approx(500, rel=0.005)
    assert windows("zeus", lacks="counter") == {"made": "SampledMeter"}


def test_cards_are_named_in_cudas_order(monkeypatch):
    from bench_power import bench_machine, nvml_cards

    names = ["Stub 700", "Stub 900"]
    nvml = types.SimpleNamespace(
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetName=lambda index: names[index],
        nvmlDeviceGetUUID=lambda index: f"GPU-{index}",
    )
    monkeypatch.setattr(nvml_cards, "asked", lambda question: question(nvml))
    monkeypatch.setattr(nvml_cards, "handle", lambda index: index)
    assert nvml_cards.card_names({}) == names
    assert nvml_cards.card_names({"CUDA_VISIBLE_DEVICES": "1,0"}) == names[::-1]
    assert nvml_cards.card_names({"CUDA_VISIBLE_DEVICES": "1"}) == names[1:]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert bench_machine() == {"cards": names}

    def broken(question):
        raise OSError("NVML does not start")

    monkeypatch.setattr(nvml_cards, "asked", broken)
    assert bench_machine() == {}
