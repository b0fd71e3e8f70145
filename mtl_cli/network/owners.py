"""Names the owners of the networks that a layer computes, such as `click`."""

import re
from collections.abc import Sequence

import keras

from mtl_cli.layers import ParallelDense, Route, Routing
from mtl_cli.layers.routing import SHARED
from mtl_cli.network.parallel_networks import num_networks

# Names of layers that compute one or several networks per task, in the order of the
# tasks. Gates, and layers with an attribute `owners`, know their tasks. The networks of
# all other layers of the sharing scheme belong to no task.
LAYERS_PER_TASK = re.compile(r"(bottoms|specific_experts)$")


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
