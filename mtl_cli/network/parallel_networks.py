"""Finds the weights and the owner of each network in a layer of several networks."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import keras

from mtl_cli.layers import ParallelDense, ParallelMLP, Route, Routing
from mtl_cli.layers.parallel_norms import ParallelBatchNorm, ParallelLayerNorm
from mtl_cli.layers.routing import SHARED
from mtl_cli.layers.star import StarDense, StarMLP

Index = tuple[slice, ...]
# A part of a layer: a layer itself, or a variable.
LayerPart: TypeAlias = keras.Layer | keras.Variable
ALL = slice(None)  # all positions of an axis
# The layers, apart from gates, that compute networks side by side.
LAYERS_OF_NETWORKS = (ParallelDense, ParallelMLP, StarDense, StarMLP)
# Names of layers that compute one or several networks per task, in the order of the
# tasks. Gates, and layers with an attribute `owners`, know their tasks. The networks of
# all other layers of the sharing scheme belong to no task.
LAYERS_PER_TASK = re.compile(r"(bottoms|specific_experts)$")


@dataclass(frozen=True)
class NetworkPiece:
    """A piece of a weight that belongs to one of the networks that a layer computes.

    Attributes:
        network: the number of the network, from 0; -1 if all networks share the piece.
        name: the name of the piece, such as `0.kernel`: the kernel of the first layer.
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
            # A part with one network, in a layer of several gates, serves all gates.
            num = part.num if hasattr(part, "num") else part.shape[0]
            is_shared = num == 1 and len(layer.routes) > 1
            for piece in pieces_of_part(part, prefix):
                yield replace(piece, network=-1) if is_shared else piece
    elif isinstance(layer, LAYERS_OF_NETWORKS):
        yield from pieces_of_part(layer, "")
    else:
        for i, variable in enumerate(layer.weights):
            yield NetworkPiece(0, str(i), variable, (ALL,) * len(variable.shape))


def input_kernels(layer: keras.Layer) -> list[keras.Variable]:
    """Returns the kernels whose rows belong to the columns of the layer's input."""
    if isinstance(layer, ParallelDense):
        return [layer.kernel]
    if isinstance(layer, ParallelMLP):
        return [layer.stack[0].kernel] if layer.units else []
    if not isinstance(layer, Routing) or not layer.reads_rows:
        return []
    return [kernel for part in layer.input_parts() for kernel in input_kernels(part)]


def pieces_of_part(part: LayerPart, prefix: str) -> Iterator[NetworkPiece]:
    """Splits a part of a layer into pieces that belong to one network each.

    The part is a layer that computes several networks, or a variable whose first axis
    has one entry per network. The prefix is the start of the pieces' names.
    """
    if isinstance(part, ParallelMLP | StarMLP):
        # `0.kernel` is the kernel of each first layer.
        for i, layer in enumerate(x for x in part.stack if x.weights):
            if isinstance(layer, ParallelBatchNorm | ParallelLayerNorm):
                for variable in layer.weights:
                    yield from pieces_of_part(variable, f"{i}.{variable.name}")
            else:
                yield from pieces_of_part(layer, f"{i}.")
    elif isinstance(part, ParallelDense):
        yield from pieces_of_dense(part, prefix)
    elif isinstance(part, StarDense):
        for name, inner_part in part.parts().items():
            yield from pieces_of_part(inner_part, f"{prefix}{name}")
    else:
        for number in range(part.shape[0]):
            index = (slice(number, number + 1), *(ALL,) * (len(part.shape) - 1))
            yield NetworkPiece(number, prefix, part, index)


def pieces_of_dense(layer: ParallelDense, prefix: str) -> Iterator[NetworkPiece]:
    """Splits dense layers into one kernel and one bias each.

    The kernels of all layers that read the same input, a group, lie side by side.
    """
    per_group = layer.num // layer.groups
    for number in range(layer.num):
        group, number_in_group = divmod(number, per_group)
        start = number_in_group * layer.units
        columns = slice(start, start + layer.units)
        kernel = (slice(group, group + 1), ALL, columns)
        yield NetworkPiece(number, f"{prefix}kernel", layer.kernel, kernel)
        if layer.use_bias:
            bias = (slice(number, number + 1), ALL, ALL)
            yield NetworkPiece(number, f"{prefix}bias", layer.bias, bias)


def network_owners(
    layer: keras.Layer, tasks: Sequence[str], own_tasks: Sequence[str]
) -> list[str]:
    """Returns the owner of each network that a layer computes.

    The owner is a task, or a task and a number if the task has several networks in the
    layer. A network that belongs to no task has only a number, from 1.

    Args:
        layer: a layer of the scheme or of the towers.
        tasks: the names of the tasks, in the order of the network's outputs.
        own_tasks: the tasks that the layer's name holds.
    """
    if isinstance(layer, Routing):
        owners = [
            str(i) if route.owner is None else owner_name(route.owner, tasks)
            for i, route in enumerate(layer.routes, 1)
        ]
        return numbered(owners, layer.networks_per_route)
    num = num_networks(layer)
    if own_tasks:
        return numbered(own_tasks, max(num // len(own_tasks), 1))
    if isinstance(layer, ParallelDense) and layer.owners is not None:
        owners = [owner_name(owner, tasks) for owner in layer.owners]
        # Number the networks of each owner: `click 1`, `click 2`, `buy 1`.
        return [f"{x} {owners[: i + 1].count(x)}" for i, x in enumerate(owners)]
    if not LAYERS_PER_TASK.search(layer.name):
        return [str(i + 1) for i in range(num)]
    per_task = num // len(tasks)
    if not layer.name.endswith("experts"):
        return [tasks[i // per_task] for i in range(num)]
    return [f"{tasks[i // per_task]} {i % per_task + 1}" for i in range(num)]


def expert_names(route: Route, tasks: Sequence[str]) -> list[str]:
    """Returns a name for each expert that a gate weighs, such as `expert 1`.

    The name of a specific expert of another task holds the name of that task.
    """
    names = []
    for expert in route.experts:
        if expert.owner == SHARED:
            names.append(f"expert {expert.number}")
            continue
        is_own = expert.owner == route.owner
        owner = "" if is_own else f"{owner_name(expert.owner, tasks)} "
        names.append(f"specific expert {owner}{expert.number}")
    return names


def owner_name(owner: int | str, tasks: Sequence[str]) -> str:
    """Returns the name of an owner, which may be the index of a task."""
    return owner if isinstance(owner, str) else tasks[owner]


def numbered(owners: Sequence[str], per_owner: int) -> list[str]:
    """Names the networks of owners that have several in a row: `click 1`, `click 2`.

    If each owner has one network, the network has the name of its owner.
    """
    if per_owner == 1:
        return list(owners)
    return [f"{owner} {i + 1}" for owner in owners for i in range(per_owner)]
