"""The networks that one layer computes side by side, and the weights of each."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from mtl_cli.layers import ParallelDense, ParallelMLP, Routing
from mtl_cli.layers.parallel import ParallelBatchNorm, ParallelLayerNorm
from mtl_cli.layers.star import StarDense, StarMLP

Index = tuple[slice, ...]
ALL = slice(None)


@dataclass(frozen=True)
class NetworkPiece:
    """A piece of the weights of one of the networks that a layer computes.

    Attributes:
        network: the number of the network; -1 if all networks share the piece.
        name: the name of the piece.
        variable: the weight that holds the piece.
        index: the place of the piece in the weight.
    """

    network: int
    name: str
    variable: Any
    index: Index


def num_networks(layer: Any) -> int:
    """Returns how many networks a layer computes side by side."""
    if isinstance(layer, Routing):
        return len(layer.routes) * layer.networks_per_route
    return int(layer.num) if is_networks(layer) else 1


def is_networks(layer: Any) -> bool:
    """Whether a layer computes networks side by side, and is no gate."""
    kinds = ParallelDense | ParallelMLP | StarDense | StarMLP
    return isinstance(layer, kinds)


def pieces_of(layer: Any) -> Iterator[NetworkPiece]:
    """Yields the pieces of a layer's weights, each of one network."""
    if isinstance(layer, Routing):
        for prefix, inner in layer.parts().items():
            num = inner.num if hasattr(inner, "num") else inner.shape[0]
            is_shared = num == 1 < len(layer.routes)
            for piece in pieces_of_part(inner, prefix):
                yield replace(piece, network=-1) if is_shared else piece
    elif is_networks(layer):
        yield from pieces_of_part(layer, "")
    else:
        for i, variable in enumerate(layer.weights):
            yield NetworkPiece(0, str(i), variable, (ALL,) * len(variable.shape))


def input_kernels(layer: Any) -> list[Any]:
    """Returns the kernels whose rows belong to the columns of the layer's input."""
    if isinstance(layer, ParallelDense):
        return [layer.kernel]
    if isinstance(layer, ParallelMLP):
        return [layer.stack[0].kernel] if layer.units else []
    if not isinstance(layer, Routing) or not layer.reads_rows:
        return []
    return [kernel for inner in layer.input_parts() for kernel in input_kernels(inner)]


def pieces_of_part(part: Any, prefix: str) -> Iterator[NetworkPiece]:
    """Yields the pieces of networks, or of a variable whose first axis counts them."""
    if isinstance(part, ParallelMLP | StarMLP):
        yield from pieces_of_mlp(part)
    elif isinstance(part, ParallelDense):
        yield from pieces_of_dense(part, prefix)
    elif isinstance(part, StarDense):
        for name, inner in part.parts().items():
            yield from pieces_of_part(inner, f"{prefix}{name}")
    else:
        for number in range(part.shape[0]):
            index = (slice(number, number + 1), *(ALL,) * (len(part.shape) - 1))
            yield NetworkPiece(number, prefix, part, index)


def pieces_of_mlp(mlp: ParallelMLP | StarMLP) -> Iterator[NetworkPiece]:
    """Yields the pieces of networks with several layers."""
    for i, layer in enumerate(x for x in mlp.stack if x.weights):
        if isinstance(layer, ParallelBatchNorm):
            for variable in layer.norm.weights:
                units = variable.shape[0] // mlp.num
                for number in range(mlp.num):
                    columns = slice(number * units, (number + 1) * units)
                    piece = f"{i}.{variable.name}"
                    yield NetworkPiece(number, piece, variable, (columns,))
        elif isinstance(layer, ParallelLayerNorm):
            for variable in layer.weights:
                yield from pieces_of_part(variable, f"{i}.{variable.name}")
        else:
            yield from pieces_of_part(layer, f"{i}.")


def pieces_of_dense(layer: ParallelDense, prefix: str) -> Iterator[NetworkPiece]:
    """Yields the kernel and the bias of each of the dense layers side by side."""
    per_group = layer.num // layer.groups
    for number in range(layer.num):
        group, first = number // per_group, number % per_group * layer.units
        columns = slice(first, first + layer.units)
        kernel = (slice(group, group + 1), ALL, columns)
        yield NetworkPiece(number, f"{prefix}kernel", layer.kernel, kernel)
        if layer.use_bias:
            bias = (slice(number, number + 1), ALL, ALL)
            yield NetworkPiece(number, f"{prefix}bias", layer.bias, bias)
