"""A two-layer perceptron."""

from __future__ import annotations

import torch
from torch import nn


class TwoLayer(nn.Module):
    """One hidden layer with ReLU: [n, features] to [n, classes] logits."""

    def __init__(self, features: int = 16, hidden: int = 64, classes: int = 4) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, hidden)
        self.output = nn.Linear(hidden, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits, [n, classes]."""
        return self.output(torch.relu(self.hidden(x)))
