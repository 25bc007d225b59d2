"""MiniLM-L6 sentence encoder in plain torch.

Wang et al. 2020, "MiniLM: Deep Self-Attention Distillation" (arXiv:2002.10957); the encoder layer is BERT's, Devlin et
al. 2019 (arXiv:1810.04805); mean pooling and unit length after Reimers and Gurevych 2019 (arXiv:1908.10084).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

WIDTH, HEADS, INNER, LAYERS = 384, 12, 1536, 6
VOCABULARY, POSITIONS, EPSILON = 30_522, 512, 1e-12


class Attention(nn.Module):
    """Multi-head self-attention with an output projection: [n, tokens, WIDTH] to the same shape."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = HEADS  # fewer once heads are pruned
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.output = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        """Attend to the visible tokens only; `visible` is boolean, [n, 1, 1, tokens]."""
        n, tokens, _ = x.shape
        q, k, v = (
            each(x).view(n, tokens, self.heads, WIDTH // HEADS).transpose(1, 2)
            for each in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=visible)
        return self.output(mixed.transpose(1, 2).reshape(n, tokens, self.heads * (WIDTH // HEADS)))


class Layer(nn.Module):
    """One encoder layer: attention and a two-layer network, each added to its input and then normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.attention_norm = nn.LayerNorm(WIDTH, EPSILON)
        self.inner = nn.Linear(WIDTH, INNER)
        self.outer = nn.Linear(INNER, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, EPSILON)

    def forward(self, x: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        """Return the layer's output, shaped like its input."""
        x = self.attention_norm(x + self.attention(x, visible))
        return self.norm(x + self.outer(functional.gelu(self.inner(x))))


class MiniLM(nn.Module):
    """Token numbers to unit-length sentence embeddings, [n, WIDTH]; 22.6 M parameters with all LAYERS."""

    def __init__(self, layers: int = LAYERS) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(POSITIONS, WIDTH)
        self.segments = nn.Embedding(2, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, EPSILON)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Embed sentences; `ids` and `mask` are int64, [n, tokens], mask 1 for a token and 0 for padding."""
        visible = mask[:, None, None, :].bool()
        x = self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]] + self.segments.weight[0])
        for layer in self.layers:
            x = layer(x, visible)
        weight = mask[:, :, None].to(x.dtype)
        return functional.normalize((x * weight).sum(1) / weight.sum(1), dim=1)


_TOP = {
    "words": "embeddings.word_embeddings",
    "positions": "embeddings.position_embeddings",
    "segments": "embeddings.token_type_embeddings",
    "norm": "embeddings.LayerNorm",
}
_IN_LAYER = {
    "attention.query": "attention.self.query",
    "attention.key": "attention.self.key",
    "attention.value": "attention.self.value",
    "attention.output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "inner": "intermediate.dense",
    "outer": "output.dense",
    "norm": "output.LayerNorm",
}


def published_name(parameter: str) -> str:
    """Return the name that the published checkpoint gives to one of this module's parameters."""
    stem, _, kind = parameter.rpartition(".")
    if stem.startswith("layers."):
        _, number, inner = stem.split(".", 2)
        return f"encoder.layer.{number}.{_IN_LAYER[inner]}.{kind}"
    return f"{_TOP[stem]}.{kind}"
