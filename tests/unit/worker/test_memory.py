"""Whose memory is read: the process's, or that of the device which the backend watches."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import bench
from bench.derive.readings import memory
from bench.worker.handler import _status
from bench.worker.measuring import Measuring
from bench.worker.meters import Meters


class Watch:
    """A device's memory: 100 bytes before, 700 at most while opening, 400 at most in the calls."""

    meter, method, missing = "stub", "as the stub has it", None

    def __init__(self, readings):
        self.readings = iter(readings)
        self.resets = 0

    def resident_bytes(self):
        return 100

    def peak_bytes(self):
        return next(self.readings)

    def reset_peak(self):
        self.resets += 1
        return True


class Backend:
    def __init__(self, watch):
        self.watch, self.asked = watch, []

    def watch_memory(self, device):
        self.asked.append(device)
        return self.watch

    def open(self, artifact, *, device, threads):
        return SimpleNamespace(bind=lambda inputs: lambda: [inputs["x"]], facts=dict, close=lambda: None)


@pytest.fixture
def opened(tmp_path: Path):
    def header(backend, device="cuda:0"):
        np.savez(tmp_path / "x.npz", x=np.ones(3))
        (tmp_path / "model").write_bytes(b"m")
        measuring = Measuring(Meters())
        measuring.backend = backend
        artifact = bench.Artifact.of(tmp_path / "model", "f").to_json()
        return measuring.open(
            artifact=artifact, inputs=str(tmp_path / "x.npz"), device=device, threads=1, warm=False
        ).data

    import gc

    yield header
    gc.enable()
    gc.unfreeze()


def launches(*headers):
    return [SimpleNamespace(meta={"headers": {"cell": dict(each)}}) for each in headers]


def test_a_devices_peak_is_above_what_it_held_before(opened) -> None:
    watch = Watch([700, 400])
    header = opened(Backend(watch))
    assert (header["base_bytes"], header["load_peak_bytes"], header["inference_peak_bytes"]) == (100, 600, 300)
    assert watch.resets == 2
    reading = memory(launches(header, header), "cell")
    assert (reading.value, reading.meter, reading.facts["method"]) == (300, "stub", "as the stub has it")


def test_a_device_that_cannot_be_read_gives_its_reason(opened) -> None:
    watch = Watch([None, None])
    watch.missing = "others compute there"
    reading = memory(launches(opened(Backend(watch))), "cell")
    assert (reading.value, reading.reason) == (None, "others compute there")


@pytest.mark.parametrize("backend", [Backend(None), SimpleNamespace(open=Backend(None).open)])
def test_without_a_watch_it_is_the_processs_memory(opened, backend) -> None:
    header = opened(backend, "cpu")
    assert "memory" not in header
    assert memory(launches(header), "cell").meter in ("VmHWM", None)


def test_a_full_card_is_out_of_memory() -> None:
    assert _status(RuntimeError(), "CUDA out of memory. Tried to allocate 2 GiB") == "oom"
