"""Depthwise-separable convolutional network for small images.

Blocks after Howard et al. 2017, "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications"
(arXiv:1704.04861).
"""

from __future__ import annotations

import torch
from torch import nn


def _conv(into: int, out: int, *, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Return convolution, batch norm and ReLU; padded so that stride 1 keeps the image size."""
    convolution = nn.Conv2d(into, out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out), nn.ReLU())


class Separable(nn.Module):
    """A 3 x 3 depthwise convolution, then a 1 x 1 convolution that mixes channels."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.depthwise = _conv(into, into, kernel=3, stride=stride, groups=into)
        self.pointwise = _conv(into, out, kernel=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return [n, out, height / stride, width / stride]."""
        return self.pointwise(self.depthwise(x))


class DSCNN(nn.Module):
    """Stem and four separable blocks: [n, 1, 28, 28] to [n, classes] logits; 36 k parameters at width 32.

    `shallow` keeps the two blocks that widen, and has them halve the image.
    """

    def __init__(self, width: int = 32, classes: int = 10, *, shallow: bool = False) -> None:
        super().__init__()
        self.stem = _conv(1, width, kernel=3, stride=2)
        blocks = (
            [Separable(width, 2 * width, 2), Separable(2 * width, 4 * width, 2)]
            if shallow
            else [
                Separable(width, 2 * width, 1),
                Separable(2 * width, 2 * width, 2),
                Separable(2 * width, 4 * width, 1),
                Separable(4 * width, 4 * width, 2),
            ]
        )
        self.blocks = nn.Sequential(*blocks)
        self.classifier = nn.Linear(4 * width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits, [n, classes]."""
        return self.classifier(self.blocks(self.stem(x)).mean((2, 3)))
