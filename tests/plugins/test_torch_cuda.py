"""The torch backend on a card, against a stand-in for one: no card is needed, and none was ever used.

The stand-in keeps tensors in the processor's memory and lets a call's results count as ready only after a wait.
"""

import types

import numpy as np
import pytest
import torch
from bench_torch import TorchBackend, devices
from bench_torch.devices import Cuda, CudaMemory, cuda_number, device_of
from bench_torch.program import load_program

import bench

NUMBER = 1


class Card:
    """Two cards: what is asked of them, and how many calls they have not finished yet."""

    def __init__(self):
        self.log, self.pending, self.clock_ms = [], 0, 0.0
        self.allocated = self.peak = 1000

    def submit(self, milliseconds=2.0):
        self.pending += 1
        self.clock_ms += milliseconds

    def synchronize(self, index=None):
        assert index in (None, NUMBER)
        self.log.append("wait")
        self.pending = 0


class Event:
    def __init__(self, card):
        self.card, self.at = card, None

    def record(self):
        self.at = self.card.clock_ms

    def synchronize(self):
        self.card.synchronize()

    def elapsed_time(self, later):
        assert not self.card.pending, "read before the card was done"
        return later.at - self.at


@pytest.fixture
def card(monkeypatch, exported_cnn, exported_attention):
    """Two CUDA cards as torch shows them; `cuda:1` computes on the processor. The files are exported before."""
    card, cuda = Card(), torch.cuda
    stand_ins = {
        "is_available": lambda: True,
        "device_count": lambda: 2,
        "init": lambda: card.log.append("init"),
        "set_device": lambda index: card.log.append(f"device {index}"),
        "synchronize": card.synchronize,
        "Event": lambda enable_timing: Event(card),
        "get_device_name": lambda index: f"Stub 700 ({index})",
        "get_device_capability": lambda index: (9, 0),
        "memory_allocated": lambda index: card.allocated,
        "max_memory_allocated": lambda index: card.peak,
        "reset_peak_memory_stats": lambda index: setattr(card, "peak", card.allocated),
    }
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(cuda, name, stand_in)
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 90000)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    made = Cuda.__init__

    def init(self, index):
        made(self, index)
        assert self.device == torch.device("cuda", index)
        self.device = torch.device("cpu")

    monkeypatch.setattr(Cuda, "__init__", init)
    place = Cuda.place
    monkeypatch.setattr(Cuda, "place", lambda self, tensor: card.log.append("copy") or place(self, tensor).clone())
    before = torch.backends.cuda.matmul.allow_tf32
    yield card
    torch.backends.cuda.matmul.allow_tf32 = before


def opened(artifact, card, **options):
    """Open on the second card; every call of the program is submitted to the stand-in."""
    session = TorchBackend(**options).open(artifact, device=f"cuda:{NUMBER}", threads=1)
    call = session._call

    def submitting(tensors):
        inner = call(tensors)

        def submit():
            card.submit()
            return inner()

        return submit

    session._call = submitting
    return session


def expected(exported, batch):
    with torch.inference_mode():
        return exported.module(**{k: torch.from_numpy(v) for k, v in exported.make(batch).items()}).numpy()


@pytest.mark.parametrize("batch", [1, 3])
def test_outputs_are_the_modules_and_there_when_a_call_returns(exported, card, batch):
    session = opened(exported.torch, card)
    call = session.bind(exported.make(batch))
    assert card.pending == 0
    result = call()[0]
    assert card.pending == 0, "the call returned before the card was done"
    np.testing.assert_allclose(result, expected(exported, batch), atol=1e-6)
    np.testing.assert_allclose(session.run(exported.make(batch))["output"], result, atol=1e-6)


def test_inputs_go_to_the_card_once_before_any_call(exported_attention, card):
    call = opened(exported_attention.torch, card).bind(exported_attention.make(2))
    assert card.log.count("copy") == 2
    for _ in range(3):
        call()
    assert card.log.count("copy") == 2
    assert card.log.count("wait") == 3


def test_synchronize_waits_for_the_card(exported_cnn, card):
    session = opened(exported_cnn.torch, card)
    card.submit()
    session.synchronize()
    assert card.pending == 0


def test_a_session_works_on_the_card_it_was_given_in_exact_float32(exported_cnn, card):
    session = opened(exported_cnn.torch, card)
    assert f"device {NUMBER}" in card.log
    session.bind(exported_cnn.make(1))
    facts = session.facts()
    assert (facts["device_name"], facts["capability"], facts["tf32"]) == ("Stub 700 (1)", "9.0", False)
    assert torch.backends.cudnn.allow_tf32 is False


def test_the_cards_own_time_is_between_events_and_by_call(exported_cnn, card):
    session = opened(exported_cnn.torch, card)
    assert "device_call_s" not in session.facts(), "nothing is bound yet"
    session.bind(exported_cnn.make(1))
    assert session.facts()["device_call_s"] == pytest.approx(2e-3)


def test_the_memory_that_counts_is_the_cards(card):
    watch = TorchBackend().watch_memory(f"cuda:{NUMBER}")
    assert isinstance(watch, CudaMemory)
    assert watch.resident_bytes() == 1000
    card.allocated, card.peak = 5000, 9000
    assert watch.peak_bytes() == 9000
    card.submit()
    assert watch.reset_peak()
    assert (watch.peak_bytes(), card.pending) == (5000, 0)
    assert TorchBackend().watch_memory("cpu") is None


@pytest.mark.parametrize(("name", "says"), [("cuda:2", "torch sees 2 CUDA cards"), ("cuda:a", "not on 'cuda:a'")])
def test_a_card_that_is_not_there_is_unsupported(card, name, says):
    with pytest.raises(bench.Unsupported, match=says):
        cuda_number(name)
    with pytest.raises(bench.Unsupported, match=says):
        TorchBackend().watch_memory(name)


def test_cuda_alone_is_the_first_card(card):
    assert (cuda_number("cuda"), device_of("cuda").index) == (0, 0)


def test_a_driver_that_does_not_answer_is_no_card(card, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(bench.Unsupported, match="torch sees 0 CUDA cards") as caught:
        cuda_number("cuda:0")
    assert "nvidia-smi" in caught.value.cure


def test_a_torch_without_cuda_says_so(exported_cnn, monkeypatch):
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: False)
    with pytest.raises(bench.Unsupported, match=r"was built without CUDA: no 'cuda:0' here"):
        TorchBackend().open(exported_cnn.torch, device="cuda:0", threads=1)


def test_a_package_is_for_the_processor(card, tmp_path):
    path = tmp_path / "package.pt2"
    path.write_bytes(b"")
    with pytest.raises(bench.Unsupported, match=r"compiled for the processor here, not for 'cuda:1'"):
        TorchBackend(package=True).open(bench.Artifact.of(path, "torch-package"), device="cuda:1", threads=1)


class Making(torch.nn.Module):
    """Makes a tensor on the device that it was traced on, and holds a constant."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))
        self.register_buffer("shift", torch.ones(3))

    def forward(self, x):
        return x * self.weight + self.shift + torch.arange(3, device=x.device)


def test_a_program_moves_with_its_state_and_what_it_makes():
    """`meta` stands for the card: the only other device that every torch has."""
    program = torch.export.export(Making(), (torch.ones(2, 3),))
    fake = types.SimpleNamespace(device=torch.device("meta"))
    moved = Cuda.move(fake, program)
    assert {each.device.type for each in (*moved.state_dict.values(), *moved.constants.values())} == {"meta"}
    named = [node.kwargs["device"] for node in moved.graph.nodes if "device" in node.kwargs]
    assert named, "the program names a device"
    assert {str(each) for each in named} == {"meta"}


def test_a_program_on_the_processor_is_left_as_it_is(exported_cnn):
    program = load_program(exported_cnn.torch.path)
    assert devices.Cpu().move(program) is program


def test_halves_computed_on_a_card_are_not_called_float32(monkeypatch):
    from bench_torch import profile

    monkeypatch.setattr(profile, "_has_instructions", lambda dtype: False)
    x = torch.ones(4, 4, dtype=torch.bfloat16)
    found = {
        on_card: {
            *profile.profiled(lambda: x @ x, on_card=on_card)["products"],
        }
        for on_card in (False, True)
    }
    assert found == {False: {"float32"}, True: {"bfloat16"}}
