"""One-dimensional convolutional network for windows of sensor readings.

Convolutions over time after Wang, Yan and Oates 2017, "Time Series Classification from Scratch with Deep Neural
Networks" (arXiv:1611.06455): convolution, batch norm and ReLU, then the mean over time.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn


class CNN1D(nn.Module):
    """Three convolutions that halve the time axis: [n, channels, time] to [n, classes] logits; 43 k at width 32.

    `shallow` leaves out the last convolution.
    """

    def __init__(self, channels: int = 6, width: int = 32, classes: int = 7, *, shallow: bool = False) -> None:
        super().__init__()
        widths = [channels, width, 2 * width] + ([] if shallow else [3 * width])
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(nn.Conv1d(into, out, 5, 2, padding=2, bias=False), nn.BatchNorm1d(out), nn.ReLU())
                for into, out in pairwise(widths)
            )
        )
        self.classifier = nn.Linear(widths[-1], classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits, [n, classes]."""
        return self.classifier(self.blocks(x).mean(2))
