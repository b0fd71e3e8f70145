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
from mtl_cli.layers import Routing
from mtl_cli.network.parallel_networks import num_networks


def network_owners(
    layer: keras.Layer, tasks: Sequence[str], tasks_in_name: list[str]
) -> list[str]:
    """Returns a name for the owner of each network that a layer computes.

    An owner with several networks in the layer gets a number for each: `click 1`,
    `click 2`. A network without an owner has only a number, from 1. The networks of an
    owner for several scenarios have the same name, see `network_scenarios`.
    `tasks_in_name` are the tasks in the layer's name, see `parse_layer_name`.
    """
    num = num_networks(layer)
    num_scenarios = getattr(layer, "num_scenarios", 1)
    if isinstance(layer, Routing):
        owners = [
            str(number) if route.owner is None else owner_name(route.owner, tasks)
            for number, route in enumerate(layer.routes, 1)
        ]
        return neighbours(owners, layer.networks_per_route, num_scenarios)
    if tasks_in_name:
        if num < len(tasks_in_name):  # a single network serves several tasks
            return tasks_in_name[:1]
        return neighbours(tasks_in_name, num // len(tasks_in_name), num_scenarios)
    owner_of_networks = getattr(layer, "owners", None)
    if owner_of_networks is None and layer.name.endswith("specific_experts"):
        # The experts of the first task come first.
        owner_of_networks = [i * len(tasks) // num for i in range(num)]
    if owner_of_networks is not None:
        return with_numbers([owner_name(owner, tasks) for owner in owner_of_networks])
    if layer.name.endswith("bottoms"):  # one network per task
        return neighbours(tasks, num // len(tasks))
    numbers = range(1, num // num_scenarios + 1)
    return [str(number) for number in numbers] * num_scenarios


def neighbours(
    owners: Sequence[str], num_per_owner: int, num_scenarios: int = 1
) -> list[str]:
    """Names networks by their owners; the networks of an owner are neighbours.

    If an owner has one network for a scenario, the network has the name of the owner.
    Otherwise, the names have numbers: `click 1`, `click 2`, `buy 1`, `buy 2`.
    """
    num_per_scenario = num_per_owner // num_scenarios
    names = []
    for owner in owners:
        names_of_owner = [owner] * num_per_scenario
        if num_per_scenario > 1:
            names_of_owner = with_numbers(names_of_owner)
        names += names_of_owner * num_scenarios
    return names


def with_numbers(owners: Sequence[str]) -> list[str]:
    """Numbers the networks of each owner: `click 1`, `buy 1`, `click 2`."""
    counts: Counter[str] = Counter()
    names = []
    for owner in owners:
        counts[owner] += 1
        names.append(f"{owner} {counts[owner]}")
    return names


def network_scenarios(
    layer: keras.Layer, num_networks: int, tasks_in_name: Sequence[str]
) -> list[int | None]:
    """Returns the index of the scenario that each network of a layer is for.

    The index is None for networks that serve all scenarios.
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


def task_of_owner(owner: str, tasks: Collection[str]) -> str | None:
    """Returns the task of an owner such as `click` or `click 1`; None if it has none.

    `click 1` is a network of the task `click`, or a task that has this name itself.
    """
    without_number = re.sub(r" \d+$", "", owner)
    return next((name for name in (owner, without_number) if name in tasks), None)
