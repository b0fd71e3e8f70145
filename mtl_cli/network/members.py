"""The networks that one layer computes side by side, and the weights of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mtl_cli.layers import Gates, ParallelDense, ParallelMLP
from mtl_cli.layers.parallel import ParallelBatchNorm

Index = tuple[slice, ...]
ALL = slice(None)


@dataclass(frozen=True)
class Member:
    """A piece of the weights of one of the networks that a layer computes."""

    number: int
    piece: str
    variable: Any
    index: Index


def num_members(layer: Any) -> int:
    """Returns how many networks a layer computes side by side."""
    if isinstance(layer, Gates):
        return int(layer.logits.num)
    return int(layer.num) if isinstance(layer, ParallelDense | ParallelMLP) else 1


def members_of(layer: Any) -> Iterator[Member]:
    """Yields the pieces of a layer's weights, each of one network."""
    if isinstance(layer, Gates):
        yield from pieces_of_mlp(layer.hidden)
        yield from pieces_of_dense(layer.logits, "logits.")
    elif isinstance(layer, ParallelMLP):
        yield from pieces_of_mlp(layer)
    elif isinstance(layer, ParallelDense):
        yield from pieces_of_dense(layer, "")
    else:
        for i, variable in enumerate(layer.weights):
            yield Member(0, str(i), variable, (ALL,) * len(variable.shape))


def pieces_of_mlp(mlp: ParallelMLP) -> Iterator[Member]:
    """Yields the pieces of networks with several layers."""
    for i, layer in enumerate(x for x in mlp.stack if x.weights):
        if isinstance(layer, ParallelBatchNorm):
            for variable in layer.norm.weights:
                units = variable.shape[0] // mlp.num
                for number in range(mlp.num):
                    columns = slice(number * units, (number + 1) * units)
                    piece = f"{i}.{variable.name}"
                    yield Member(number, piece, variable, (columns,))
        else:
            yield from pieces_of_dense(layer, f"{i}.")


def pieces_of_dense(layer: ParallelDense, prefix: str) -> Iterator[Member]:
    """Yields the kernel and the bias of each of the dense layers side by side."""
    per_group = layer.num // layer.groups
    for number in range(layer.num):
        group, first = number // per_group, number % per_group * layer.units
        columns = slice(first, first + layer.units)
        kernel = (slice(group, group + 1), ALL, columns)
        yield Member(number, f"{prefix}kernel", layer.kernel, kernel)
        if layer.use_bias:
            bias = (slice(number, number + 1), ALL, ALL)
            yield Member(number, f"{prefix}bias", layer.bias, bias)
