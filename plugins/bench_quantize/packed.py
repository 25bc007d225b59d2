"""Stored weights inside a torch module: packed indices as buffers, decoded when the layer asks for its weight."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import bench
from bench_quantize.packing import pack, unpacking
from bench_quantize.stored import Stored

Encode = Callable[[str, Any], Stored]


class Weight(torch.nn.Module):
    """A stored weight: `forward()` returns it in float32, in few operators, as a program's text weighs too.

    `packed` uint8 [blocks, bytes] holds one, two or four indices a byte. Where blocks have scales, `table` [256,
    indices in a byte] turns a byte into levels at once; else `unpack` turns it into indices, and `table` [levels, 1]
    is the layer's own. With `learn` the latter, or the scales, are parameters: one gradient a level (Han et al. 2016).
    """

    table: Any
    scale: Any

    def __init__(self, stored: Stored, tables: Tables, *, learn: bool = False) -> None:
        super().__init__()
        self.shape, self.length = stored.shape, stored.indices.shape[1]
        self.count, self.padded = stored.count, stored.indices.size != stored.count
        self.register_buffer("packed", torch.from_numpy(pack(stored.indices, stored.stored_bits)))
        self.unpack, table = tables.of(stored)
        scaled = stored.scale is not None
        self._hold("table", table, learn and not scaled)
        self._hold("scale", _column(stored.scale), learn)
        self._hold("zero", _column(stored.zero), False)

    def forward(self) -> torch.Tensor:
        """Return the weight: shape `self.shape`, float32."""
        indices = self.packed.int()
        if self.unpack is not None:
            indices = torch.nn.functional.embedding(indices, self.unpack)
        value = torch.nn.functional.embedding(indices, self.table)
        if self.zero is not None:
            value = value - self.zero
        if self.scale is not None:
            value = value * self.scale
        if value[0].numel() != self.length:
            value = value.flatten(1)[:, : self.length]
        if self.padded:
            value = value.flatten()[: self.count]
        return value.reshape(self.shape)

    def settle(self) -> None:
        """End learning: parameters become buffers."""
        for name in ("table", "scale"):
            value = self._parameters.pop(name, None)
            if value is not None:
                self.register_buffer(name, value.detach().clone())

    def _hold(self, name: str, value: Any, learn: bool) -> None:
        if learn and value is not None:
            self.register_parameter(name, torch.nn.Parameter(value.clone()))
        else:
            self.register_buffer(name, value)


class Tables:
    """What layers share: equal tables are one tensor, so that a program stores them once."""

    def __init__(self) -> None:
        self._made: dict[Any, Any] = {}

    def of(self, stored: Stored) -> tuple[Any, Any]:
        """Return (`unpack` or None, `table`) of a weight."""
        width, levels = stored.stored_bits, torch.from_numpy(stored.table.astype(np.float32))
        unpack = self._made.setdefault(width, torch.from_numpy(unpacking(width))) if width < 8 else None
        if stored.scale is None:
            return unpack, levels[:, None]
        key = (width, stored.table.tobytes())
        if key not in self._made:
            padded = torch.nn.functional.pad(levels, (0, (1 << width) - len(levels)))
            self._made[key] = padded[:, None] if unpack is None else padded[unpack.long()]
        return None, self._made[key]


def _column(values: Any) -> Any:
    return None if values is None else torch.from_numpy(values.copy())[:, :, None]


def weights_of(model: Any) -> Iterator[tuple[str, Any, str]]:
    """Yield (full name, module, parameter name) of the weights that can be stored: float, more than one axis.

    Recurrent layers keep lists of their weights and are left out.
    """
    for place, module in model.named_modules():
        if not isinstance(module, torch.nn.RNNBase):
            for name, each in module.named_parameters(recurse=False):
                if each.dim() > 1 and each.is_floating_point():
                    yield f"{place}.{name}".strip("."), module, name


def install(model: Any, encode: Encode, *, learn: bool = False) -> dict[str, Stored]:
    """Replace the weights of `model` in place by stored ones; return them by name, a weight two layers share once.

    `encode(name, array)` says how. Raises Unsupported when there is no weight.
    """
    found = list(weights_of(model))
    if not found:
        raise bench.Unsupported(
            "the model has no weight of more than one axis in float",
            cure="a quantised module holds its weights packed: leave out one of the two steps",
        )
    tables = Tables()
    kept: dict[Any, Weight] = {}
    stored: dict[str, Stored] = {}
    for name, module, attribute in found:
        parameter = getattr(module, attribute)
        if parameter not in kept:
            stored[name] = encode(name, parameter.detach().float().cpu().numpy())
            kept[parameter] = Weight(stored[name], tables, learn=learn)
    for _, module, attribute in found:
        weight = kept[getattr(module, attribute)]
        delattr(module, attribute)
        module.add_module(f"stored_{attribute}", weight)
        module.__class__ = _storing(type(module), attribute)
    return stored


def settle(model: Any) -> None:
    """End the learning of every stored weight of `model`."""
    for each in model.modules():
        if isinstance(each, Weight):
            each.settle()


def _storing(kind: type, attribute: str) -> type:
    """Return the subclass of `kind` whose `attribute` is decoded from `stored_<attribute>`."""
    decode = property(lambda self: getattr(self, f"stored_{attribute}")())
    return type(kind.__name__, (kind,), {attribute: decode})
