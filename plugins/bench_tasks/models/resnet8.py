"""Eight-layer residual network for small images, in the shape of MLPerf Tiny's image classification model.

Residual blocks after He et al. 2016, "Deep Residual Learning for Image Recognition" (arXiv:1512.03385).
"""

from __future__ import annotations

import torch
from torch import nn


def _conv(into: int, out: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(into, out, kernel, stride, padding=kernel // 2, bias=False), nn.BatchNorm2d(out)]


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut, which is a 1 x 1 convolution where the shape changes."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*_conv(into, out, 3, stride), nn.ReLU(), *_conv(out, out, 3))
        same = stride == 1 and into == out
        self.shortcut = nn.Identity() if same else nn.Sequential(*_conv(into, out, 1, stride))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return [n, out, height / stride, width / stride]."""
        return torch.relu(self.body(x) + self.shortcut(x))


class ResNet8(nn.Module):
    """Stem and three residual blocks: [n, 1, 28, 28] to [n, classes] logits; 78 k parameters at width 16.

    `shallow` leaves out the first block, which neither widens nor halves the image.
    """

    def __init__(self, width: int = 16, classes: int = 10, *, shallow: bool = False) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_conv(1, width, 3), nn.ReLU())
        first = [] if shallow else [Residual(width, width, 1)]
        self.blocks = nn.Sequential(*first, Residual(width, 2 * width, 2), Residual(2 * width, 4 * width, 2))
        self.classifier = nn.Linear(4 * width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits, [n, classes]."""
        return self.classifier(self.blocks(self.stem(x)).mean((2, 3)))
