"""The torch backend runs a module in memory as its exported program would run, and leaves it as it was."""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'joulebench[torch]'")


class Counting(torch.nn.Module):  # type: ignore[misc,name-defined]
    """Two outputs, dropout, running averages and a buffer that counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drop = torch.nn.BatchNorm1d(3), torch.nn.Dropout(0.5)
        self.frozen = torch.nn.BatchNorm1d(3).eval()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Any) -> Any:
        self.calls += 1
        return self.drop(self.norm(x)), x.sum(1)


def run(module: Any) -> Any:
    from bench_torch.module import run_module

    return run_module(module, {"x": np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)})


def test_outputs_are_those_of_evaluation_named_as_a_sessions() -> None:
    found = run(Counting().train())
    again = run(Counting().train())
    assert {name: value.shape for name, value in found.items()} == {"output_0": (4, 3), "output_1": (4,)}
    assert all(np.array_equal(found[name], again[name]) for name in found)
    assert found["output_0"].dtype == np.float32


def test_the_module_stays_as_it_was() -> None:
    module = Counting().train()
    module.frozen.eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    run(module)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert (module.training, module.norm.training, module.frozen.training) == (True, True, False)


def test_a_module_that_cannot_be_copied_is_run_itself_and_put_back() -> None:
    class Stubborn(Counting):
        def __deepcopy__(self, memo: Any) -> Any:
            raise RuntimeError("there is only one of me")

    module = Stubborn().train()
    assert run(module)["output_1"].shape == (4,)
    assert (module.training, module.norm.training) == (True, True)


def test_a_single_output_is_called_output() -> None:
    class Single(torch.nn.Module):  # type: ignore[misc,name-defined]
        def forward(self, x: Any) -> Any:
            return x.half()

    found = run(Single())
    assert (list(found), found["output"].dtype) == (["output"], np.float32)
