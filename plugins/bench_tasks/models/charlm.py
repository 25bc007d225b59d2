"""Character language model: a decoder-only transformer.

Pre-norm layers after Radford et al. 2019, "Language Models are Unsupervised Multitask Learners".
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

INITIAL_DEVIATION = 0.02


class Attention(nn.Module):
    """Multi-head self-attention that sees no later character: [n, time, width] to the same shape."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Attend to each character itself and to those before it."""
        n, time, width = x.shape
        q, k, v = (
            each(x).view(n, time, self.heads, width // self.heads).transpose(1, 2)
            for each in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.output(mixed.transpose(1, 2).reshape(n, time, width))


class Layer(nn.Module):
    """One decoder layer: attention and a two-layer network, each on normalised input and added to it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, 4 * width)
        self.outer = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output, shaped like its input."""
        x = x + self.attention(self.attention_norm(x))
        return x + self.outer(functional.gelu(self.inner(self.norm(x))))


class CharLM(nn.Module):
    """Numbers of characters, [n, time] int64, to logits of the next character at each place, [n, time, vocabulary]."""

    def __init__(
        self, vocabulary: int = 76, context: int = 128, width: int = 64, heads: int = 4, layers: int = 4
    ) -> None:
        super().__init__()
        self.characters = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.classifier = nn.Linear(width, vocabulary)
        for each in self.modules():
            if isinstance(each, nn.Linear | nn.Embedding):
                nn.init.normal_(each.weight, std=INITIAL_DEVIATION)
            if isinstance(each, nn.Linear):
                nn.init.zeros_(each.bias)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return logits; at most `context` characters are taken."""
        x = self.characters(ids) + self.positions.weight[: ids.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return self.classifier(self.norm(x))
