"""Finds the weights of each network in a layer that computes several networks.

- A *network* is, for example, one expert, gate or tower. A single Keras layer can
  compute several networks side by side.
- A *part* of such a layer is an inner layer or a variable; see `Routing.parts`.
- A *piece* is the slice of a variable that belongs to one network.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import keras

from mtl_cli.layers import (
    ParallelDense,
    ParallelMLP,
    Routing,
    StarDense,
    StarMLP,
    TargetAttention,
)
from mtl_cli.layers.members import MemberInputs

Index = tuple[slice, ...]
ALL = slice(None)  # all positions of an axis
ALL_NETWORKS = -1  # `NetworkPiece.network` of a piece that all networks share
# The layers, apart from gates, that compute networks side by side.
LAYERS_OF_NETWORKS = (ParallelDense, ParallelMLP, StarDense, StarMLP)


@dataclass(frozen=True)
class NetworkPiece:
    """A piece of a weight that belongs to one network, such as the kernel of an expert.

    Attributes:
        network: the index of the network in its layer; or `ALL_NETWORKS`.
        name: such as `0.kernel` for the kernel of the first layer.
        variable: the weight that holds the piece.
        index: the slices of the weight, one per axis.
    """

    network: int
    name: str
    variable: keras.Variable
    index: Index


def num_networks(layer: keras.Layer) -> int:
    """Counts the networks that a layer computes side by side; 1 for other layers."""
    return int(layer.num) if isinstance(layer, LAYERS_OF_NETWORKS) else 1


def pieces_of(layer: keras.Layer) -> Iterator[NetworkPiece]:
    """Splits the weights of a layer into pieces that belong to one network each."""
    if isinstance(layer, Routing):
        for prefix, part in layer.parts().items():
            is_variable = isinstance(part, keras.Variable)
            num = part.shape[0] if is_variable else part.num
            # If a layer has several gates, a part with one network serves all gates.
            is_shared = num == 1 and len(layer.routes) > 1
            for piece in pieces_of_part(part, prefix):
                yield replace(piece, network=ALL_NETWORKS) if is_shared else piece
    elif isinstance(layer, LAYERS_OF_NETWORKS):
        yield from pieces_of_part(layer, "")
    elif isinstance(layer, TargetAttention):  # one network per set of embeddings
        yield from pieces_of_part(layer.mlp, "")
    elif isinstance(layer, MemberInputs):  # its networks are the members
        yield from pieces_of_part(layer.scale, "scale")
    else:
        for i, variable in enumerate(layer.weights):
            yield NetworkPiece(0, str(i), variable, (ALL,) * len(variable.shape))


def pieces_by_scenario(layer: keras.Layer) -> Iterator[tuple[NetworkPiece, int | None]]:
    """Splits the pieces of a layer once more, if they have entries for each scenario.

    Such a weight names the axis of its scenarios, `scenario_axis`.

    Yields: a piece, and the index of its scenario; None for all scenarios.
    """
    for piece in pieces_of(layer):
        axis: int | None = getattr(piece.variable, "scenario_axis", None)
        if axis is None:
            yield piece, None
            continue
        for scenario in range(piece.variable.shape[axis]):
            index = list(piece.index)
            index[axis] = slice(scenario, scenario + 1)
            yield replace(piece, index=tuple(index)), scenario


def input_layers(layer: keras.Layer) -> list[ParallelDense | StarDense]:
    """Returns the dense layers inside a layer that read its input."""
    if isinstance(layer, ParallelDense | StarDense):
        return [layer]
    if isinstance(layer, ParallelMLP | StarMLP):
        return layer.stack[:1]
    if not isinstance(layer, Routing) or not layer.reads_rows:
        return []
    return [dense for part in layer.input_parts() for dense in input_layers(part)]


def input_kernels(layer: keras.Layer) -> list[keras.Variable]:
    """Returns the kernels that the input of a layer is multiplied with.

    The second last axis of such a kernel belongs to the columns of the input.
    """
    kernels = []
    for dense in input_layers(layer):
        if isinstance(dense, StarDense):
            kernels += [dense.shared.kernel, dense.scenario_kernel]
        else:
            kernels.append(dense.kernel)
    return kernels


def pieces_of_part(
    part: keras.Layer | keras.Variable, prefix: str
) -> Iterator[NetworkPiece]:
    """Splits a part of a layer into pieces that belong to one network each.

    The first axis of a variable has one entry per network. `prefix` is the start of the
    pieces' names, and the whole name of a variable's pieces.
    """
    if isinstance(part, ParallelMLP | StarMLP):
        # The layers with weights are numbered from 0: `0.kernel` is the kernel of the
        # first layer.
        for i, layer in enumerate(layer for layer in part.stack if layer.weights):
            yield from pieces_of_part(layer, f"{prefix}{i}.")
    elif isinstance(part, ParallelDense):
        yield from pieces_of_dense(part, prefix)
    elif isinstance(part, StarDense):
        for name, inner_part in part.parts().items():
            yield from pieces_of_part(inner_part, f"{prefix}{name}")
    elif isinstance(part, keras.Layer):  # a normalisation
        for variable in part.weights:
            yield from pieces_of_part(variable, f"{prefix}{variable.name}")
    else:
        for network in range(part.shape[0]):
            index = (slice(network, network + 1), *(ALL,) * (len(part.shape) - 1))
            yield NetworkPiece(network, prefix, part, index)


def pieces_of_dense(layer: ParallelDense, prefix: str) -> Iterator[NetworkPiece]:
    """Splits a layer of several dense layers into one kernel and one bias for each.

    The kernels of the dense layers that read the same input lie side by side in one
    matrix.
    """
    num_per_group = layer.num // layer.groups
    for network in range(layer.num):
        group, index_in_group = divmod(network, num_per_group)
        start = index_in_group * layer.units
        columns = slice(start, start + layer.units)
        kernel_index = (slice(group, group + 1), ALL, columns)
        yield NetworkPiece(network, f"{prefix}kernel", layer.kernel, kernel_index)
        if layer.feature_factors is not None:
            index = (slice(network, network + 1), ALL)
            name = f"{prefix}feature_factors"
            yield NetworkPiece(network, name, layer.feature_factors, index)
        if layer.use_bias:
            bias_index = (slice(network, network + 1), ALL, ALL)
            yield NetworkPiece(network, f"{prefix}bias", layer.bias, bias_index)
