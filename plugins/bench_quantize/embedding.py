"""Int8 embedding tables: the rows asked for are dequantised, never the table."""

from __future__ import annotations

from typing import Any

import torch

from bench_quantize import linear


class Int8Embedding(torch.nn.Module):
    """An embedding whose rows are int8, each with its own float32 scale (symmetric, zero point 0)."""

    def __init__(self, table: torch.Tensor) -> None:
        super().__init__()
        rows = table.detach().double().numpy()
        scale = linear.symmetric_scale(abs(rows).max(axis=1, keepdims=True))
        self.register_buffer("rows", torch.from_numpy(linear.quantize(rows, scale)))
        self.register_buffer("scale", torch.from_numpy(scale).float())

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the vectors of the ids: shape [*ids.shape, width]."""
        rows = torch.nn.functional.embedding(ids, self.rows)
        return rows.float() * torch.nn.functional.embedding(ids, self.scale)

    @property
    def weight(self) -> torch.Tensor:
        """The whole table in float32, for models that read a row of it directly."""
        return self.rows.float() * self.scale


def replace_embeddings(model: Any) -> int:
    """Replace the plain embeddings of `model` in place by int8 ones; return how many. A shared one stays shared."""
    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, torch.nn.Embedding) and child.max_norm is None
    ]
    tables = {child: Int8Embedding(child.weight) for _, _, child in found}
    for parent, name, child in found:
        setattr(parent, name, tables[child])
    return len(tables)
