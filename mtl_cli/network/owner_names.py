"""Names the owner of each network in a layer of several networks, such as `click 1`.

A *network* is, for example, one expert, gate or tower, see `parallel_networks.py`. The
*owner* of a network is usually the task that the network is for.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence

import keras

from mtl_cli.config.run_config import Config
from mtl_cli.core.owners import SHARED, owner_name, task_owner_name
from mtl_cli.layers import ParallelDense, ParallelMLP, Routing
from mtl_cli.network.parallel_networks import num_networks

# The ends of the names of layers that compute networks for each task. The networks of
# the first task come first, then the networks of the second task, and so on.
BOTTOMS = "bottoms"  # one network per task
SPECIFIC_EXPERTS = "specific_experts"  # one or several networks per task


def network_owners(
    layer: keras.Layer, tasks: Sequence[str], tasks_in_name: list[str]
) -> list[str]:
    """Returns a name for the owner of each network that a layer computes.

    An owner with several networks in the layer gets a number for each: `click 1`,
    `click 2`. A network without an owner has only a number, from 1. The networks of an
    owner for several scenarios have the same name, see `network_scenarios`.

    Args:
        layer: a layer of the sharing scheme or of the towers.
        tasks: the names of all tasks, in the order of the network's outputs.
        tasks_in_name: the tasks in the layer's name, see `parse_layer_name`; [] if the
            name has no tasks.
    """
    if isinstance(layer, Routing):
        return route_owners(layer, tasks)
    num = num_networks(layer)
    num_scenarios = getattr(layer, "num_scenarios", 1)
    if num_scenarios > 1:
        return scenario_owners(num, num_scenarios, tasks_in_name)
    if tasks_in_name:
        if num < len(tasks_in_name):  # a single network serves several tasks
            return tasks_in_name[:1]
        return names_with_numbers(tasks_in_name, num // len(tasks_in_name))
    stores_owners = isinstance(layer, ParallelDense | ParallelMLP)
    if stores_owners and layer.owners is not None:
        return stored_owners(layer.owners, tasks)
    if layer.name.endswith(BOTTOMS):
        return names_with_numbers(tasks, num // len(tasks))
    if layer.name.endswith(SPECIFIC_EXPERTS):
        # Experts have a number even if each task has only one.
        per_task = range(1, num // len(tasks) + 1)
        return [f"{task} {number}" for task in tasks for number in per_task]
    return names_from_one_to(num)


def scenario_owners(
    num: int, num_scenarios: int, tasks_in_name: Sequence[str]
) -> list[str]:
    """Returns a name for the owner of each of `num` networks for single scenarios.

    The networks of a task for the first scenario come first. `tasks_in_name` is empty
    if the networks serve all tasks.
    """
    num_per_scenario = num // num_scenarios
    if not tasks_in_name:
        return names_from_one_to(num_per_scenario) * num_scenarios
    num_per_task = num_per_scenario // len(tasks_in_name)
    return [
        name
        for task in tasks_in_name
        for name in names_with_numbers([task], num_per_task) * num_scenarios
    ]


def route_owners(layer: Routing, tasks: Sequence[str]) -> list[str]:
    """Returns a name for the owner of each gate in a layer of gates."""
    owners = [
        str(number) if route.owner is None else owner_name(route.owner, tasks)
        for number, route in enumerate(layer.routes, 1)
    ]
    num_per_scenario = layer.networks_per_route // layer.num_scenarios
    return [
        name
        for owner in owners
        for name in names_with_numbers([owner], num_per_scenario) * layer.num_scenarios
    ]


def network_scenarios(
    layer: keras.Layer, num_networks: int, tasks_in_name: Sequence[str]
) -> list[int | None]:
    """Returns the index of the scenario that each network of a layer is for.

    The index is None for networks that serve all scenarios. `network_owners` describes
    `tasks_in_name`.
    """
    num_scenarios = getattr(layer, "num_scenarios", 1)
    if num_scenarios == 1:
        return [None] * num_networks
    num_owners = len(layer.routes if isinstance(layer, Routing) else tasks_in_name) or 1
    num_neighbours = num_networks // (num_owners * num_scenarios)
    return [i // num_neighbours % num_scenarios for i in range(num_networks)]


def embedding_owners(config: Config) -> list[str]:
    """Returns the owner of each set of embeddings, in the order of the sets.

    A sharing scheme has one set of embeddings for all tasks, with the owner "", or one
    set per task and perhaps a shared set.
    """
    # With a single task, both kinds of scheme may have one set. So the number of sets
    # for two tasks tells which kind this is.
    if config.model.num_encodings(2) == 1:
        return [""]
    tasks = list(config.chosen_tasks)
    num_sets = config.model.num_encodings(len(tasks))
    return [*map(task_owner_name, tasks), SHARED][:num_sets]


def stored_owners(owners: Sequence[int | str], tasks: Sequence[str]) -> list[str]:
    """Returns names for the owners that a layer stores, one owner per network.

    The networks of an owner need not be neighbours: `click 1`, `buy 1`, `click 2`.
    """
    counts: Counter[str] = Counter()
    names = []
    for owner in owners:
        name = owner_name(owner, tasks)
        counts[name] += 1
        names.append(f"{name} {counts[name]}")
    return names


def names_from_one_to(num: int) -> list[str]:
    """Returns the names of networks that have only a number: `1`, `2`, `3`."""
    return [str(number) for number in range(1, num + 1)]


def names_with_numbers(owners: Sequence[str], num_per_owner: int) -> list[str]:
    """Names networks by their owners; the networks of an owner are neighbours.

    If each owner has one network, the network has the name of its owner. Otherwise the
    names have numbers: `click 1`, `click 2`, `buy 1`, `buy 2`.
    """
    if num_per_owner == 1:
        return list(owners)
    numbers = range(1, num_per_owner + 1)
    return [f"{owner} {number}" for owner in owners for number in numbers]


def task_of_owner(owner: str, tasks: Collection[str]) -> str | None:
    """Returns the task of an owner such as `click` or `click 1`; None if it has none.

    `click 1` is a network of the task `click`, or a task that has this name itself.
    """
    without_number = re.sub(r" \d+$", "", owner)
    return next((name for name in (owner, without_number) if name in tasks), None)
