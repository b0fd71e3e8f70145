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
ALL_NETWORKS = -1  # in place of the number of a network: all networks share the piece
# The layers, apart from gates, that compute networks side by side.
LAYERS_OF_NETWORKS = (ParallelDense, ParallelMLP, StarDense, StarMLP)
# Names of layers that compute one or several networks per task, in the order of the
# tasks. Gates, and layers with an attribute `owners`, know their tasks. The networks of
# all other layers of the sharing scheme belong to no task.
LAYERS_PER_TASK = re.compile(r"(bottoms|specific_experts)$")


@dataclass(frozen=True)
class NetworkPiece:
    """A piece of a weight that belongs to one network, such as the kernel of an expert.

    Attributes:
        network: the number of the network, from 0; or `ALL_NETWORKS`.
        name: the name of the piece, such as `0.kernel` for the kernel of the first
            layer.
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
            num_in_part = part.shape[0] if is_variable else part.num
            # A part with one network, in a layer of several gates, serves all gates.
            is_shared = num_in_part == 1 and len(layer.routes) > 1
            for piece in pieces_of_part(part, prefix):
                yield replace(piece, network=ALL_NETWORKS) if is_shared else piece
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
        # Layers with weights are numbered from 0: `0.kernel` is the kernel of the first
        # layer.
        layers = [layer for layer in part.stack if layer.weights]
        for i, layer in enumerate(layers):
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

    The layers that read the same input are a group. The kernels of a group lie side by
    side.
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

    The owner is usually a task, or a task and a number if the task has several networks
    in the layer. A network that belongs to no task has only a number, from 1. Gates
    and dense layers may name other owners, such as a group of tasks.

    Args:
        layer: a layer of the sharing scheme or of the towers.
        tasks: the names of the tasks, in the order of the network's outputs.
        own_tasks: the tasks whose numbers are in the layer's name; empty if the name
            holds no numbers of tasks.
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
        # Number the networks of each owner: `click 1`, `buy 1`, `click 2`, `buy 2`.
        return [
            f"{owner} {owners[: i + 1].count(owner)}" for i, owner in enumerate(owners)
        ]
    if not LAYERS_PER_TASK.search(layer.name):
        return [str(i + 1) for i in range(num)]
    per_task = num // len(tasks)
    if layer.name.endswith("experts"):  # numbered, even if a task has only one
        return [f"{tasks[i // per_task]} {i % per_task + 1}" for i in range(num)]
    return [tasks[i // per_task] for i in range(num)]


def expert_names(route: Route, tasks: Sequence[str]) -> list[str]:
    """Returns a name for each expert that a gate weighs, such as `expert 1`.

    If a specific expert does not belong to the gate's owner, its name holds the name of
    its own owner: `specific expert buy 1`.
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
    """Returns the name of an owner: the name itself, or the task with this index."""
    return owner if isinstance(owner, str) else tasks[owner]


def numbered(owners: Sequence[str], per_owner: int) -> list[str]:
    """Names the networks of owners that have several in a row: `click 1`, `click 2`.

    If each owner has one network, the network has the name of its owner.
    """
    if per_owner == 1:
        return list(owners)
    return [f"{owner} {i + 1}" for owner in owners for i in range(per_owner)]
