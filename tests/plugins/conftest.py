"""Two small networks, a context to export them with, and their .pt2 and ONNX files, made once a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench


@dataclass
class ExportContext:
    """What a converter is given: a folder and example inputs; keeps what it is told."""

    workdir: Path
    make: Callable[[int], Mapping[str, Any]]
    seed: int = 0
    device: str = "cpu"
    lines: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def example(self, batch: int = 1) -> Mapping[str, Any]:
        return self.make(batch)

    def log(self, message: str) -> None:
        self.lines.append(message)

    def note(self, **facts: Any) -> None:
        self.facts.update(facts)


@dataclass(frozen=True)
class Exported:
    """A network with its files."""

    module: Any
    make: Callable[[int], Mapping[str, Any]]
    torch: bench.Artifact
    onnx: bench.Artifact


def images(batch: int) -> Mapping[str, Any]:
    return {"image": np.random.default_rng(batch).standard_normal((batch, 1, 12, 12)).astype(np.float32)}


def sentences(batch: int) -> Mapping[str, Any]:
    mask = np.ones((batch, 10), np.int64)
    mask[:, 7:] = 0
    return {"input_ids": np.random.default_rng(batch).integers(0, 40, (batch, 10)), "attention_mask": mask}


def cnn() -> Any:
    """Two convolutions with batch normalisation (running statistics that matter) and a linear layer."""
    import torch

    class Cnn(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Conv2d(1, 8, 3, padding=1, bias=False)
            self.norm = torch.nn.BatchNorm2d(8)
            self.second = torch.nn.Conv2d(8, 16, 3, stride=2, groups=2)
            self.classify = torch.nn.Linear(16, 10)

        def forward(self, image: Any) -> Any:
            hidden = torch.relu(self.norm(self.first(image)))
            return self.classify(torch.relu(self.second(hidden)).mean((2, 3)))

    torch.manual_seed(0)
    net = Cnn()
    net.norm.running_mean.uniform_(-0.5, 0.5)
    net.norm.running_var.uniform_(0.5, 2.0)
    return net.eval()


def attention() -> Any:
    """Embedding, masked scaled-dot-product attention with four heads, pooled over the words in the mask."""
    import torch
    from torch.nn import functional

    class Attention(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Embedding(40, 32)
            self.mix = torch.nn.Linear(32, 96)
            self.norm = torch.nn.LayerNorm(32)
            self.classify = torch.nn.Linear(32, 5)

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            words = self.embed(input_ids)
            batch, length, width = words.shape
            heads = (each.reshape(batch, length, 4, 8).transpose(1, 2) for each in self.mix(words).chunk(3, -1))
            allowed = attention_mask[:, None, None, :].to(torch.bool)
            mixed = functional.scaled_dot_product_attention(*heads, attn_mask=allowed)
            hidden = self.norm(words + mixed.transpose(1, 2).reshape(batch, length, width))
            weight = attention_mask.unsqueeze(-1).to(hidden.dtype)
            return self.classify((hidden * weight).sum(1) / weight.sum(1))

    torch.manual_seed(1)
    return Attention().eval()


@pytest.fixture(scope="session")
def export_context() -> Callable[..., ExportContext]:
    return ExportContext


@pytest.fixture(scope="session")
def exported_cnn(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return _exported(cnn(), images, tmp_path_factory.mktemp("cnn"))


@pytest.fixture(scope="session")
def exported_attention(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return _exported(attention(), sentences, tmp_path_factory.mktemp("attention"))


@pytest.fixture(params=["cnn", "attention"])
def exported(request: pytest.FixtureRequest) -> Exported:
    """Each of the two networks in turn."""
    found: Exported = request.getfixturevalue(f"exported_{request.param}")
    return found


def _exported(module: Any, make: Callable[[int], Mapping[str, Any]], folder: Path) -> Exported:
    from bench_onnxruntime import onnx_export
    from bench_torch import torch_export

    context = ExportContext(folder, make)
    program = bench.Artifact.of(torch_export(module, context), "torch")
    return Exported(module, make, program, bench.Artifact.of(onnx_export(program, context), "onnx"))
