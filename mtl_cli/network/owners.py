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


class Owners:
    """The owners of networks.

    Args:
        tasks: the names of the tasks, in the order of the network's outputs.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        self.tasks = tasks

    def of_layer(self, layer: keras.Layer, own_tasks: Sequence[str] = ()) -> list[str]:
        """Returns the owner of each network that a layer computes.

        The owner is a task, or a task and a number if the task has several networks in
        the layer. A network that belongs to no task has only a number, from 1.

        Args:
            layer: a layer of the scheme or of the towers.
            own_tasks: the tasks that the layer's name holds.
        """
        if isinstance(layer, Routing):
            owners = [self._owner(r.owner, i + 1) for i, r in enumerate(layer.routes)]
            return numbered(owners, layer.networks_per_route)
        num = num_networks(layer)
        if own_tasks:
            return numbered(own_tasks, max(num // len(own_tasks), 1))
        if isinstance(layer, ParallelDense) and layer.owners is not None:
            owners = [self._owner(owner, 0) for owner in layer.owners]
            # Number the networks of each owner: `click 1`, `click 2`, `buy 1`.
            return [f"{x} {owners[: i + 1].count(x)}" for i, x in enumerate(owners)]
        if not LAYERS_PER_TASK.search(layer.name):
            return [str(i + 1) for i in range(num)]
        per_task = num // len(self.tasks)
        if not layer.name.endswith("experts"):
            return [self.tasks[i // per_task] for i in range(num)]
        return [f"{self.tasks[i // per_task]} {i % per_task + 1}" for i in range(num)]

    def of_experts(self, route: Route) -> list[str]:
        """Returns a name for each expert that a gate weighs, such as `expert 1`.

        The name of a specific expert of another task holds the name of that task.
        """
        names = []
        for expert in route.experts:
            if expert.owner == SHARED:
                names.append(f"expert {expert.number}")
                continue
            is_own = expert.owner == route.owner
            owner = "" if is_own else f"{self._owner(expert.owner, 0)} "
            names.append(f"specific expert {owner}{expert.number}")
        return names

    def _owner(self, owner: int | str | None, number: int) -> str:
        """Returns the name of a network's owner, or its number if it has no owner.

        Args:
            owner: the number of the task that owns the network, from 0; the name of
                another owner; or None.
            number: the number of the network in its layer, from 1.
        """
        if owner is None:
            return str(number)
        return owner if isinstance(owner, str) else self.tasks[owner]


def numbered(owners: Sequence[str], per_owner: int) -> list[str]:
    """Names the networks of owners that have several in a row: `click 1`, `click 2`.

    If each owner has one network, the network has the name of its owner.
    """
    if per_owner == 1:
        return list(owners)
    return [f"{owner} {i + 1}" for owner in owners for i in range(per_owner)]
