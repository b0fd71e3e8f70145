"""Assigns each layer of a network, and so each weight, to a part of the network."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import keras

from mtl_cli.config.start_from import Part
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.tensors import Tensor
from mtl_cli.layers import FusedEmbedding, Routing
from mtl_cli.network.network import Network

# The name of a layer that computes one network per task holds the numbers of the tasks,
# from 0: `towers_0_2` and `towers_0_2_logits` belong to the first and the third task.
NAME_WITH_TASKS = re.compile(r"([a-z]+s)((?:_\d+)+)(?:_([a-z]\w*))?")


class NameWithTasks(NamedTuple):
    """The name of a layer that computes one network per task: `towers_0_2_logits`.

    Here the kind is `towers`, and the suffix `logits`.
    """

    kind: str
    tasks: list[str]
    suffix: str


def parse_layer_name(layer_name: str, tasks: Sequence[str]) -> NameWithTasks | None:
    """Parses the name of a layer; None if the name does not hold numbers of tasks."""
    match = NAME_WITH_TASKS.fullmatch(layer_name)
    if match is None:
        return None
    numbers = [int(number) for number in match[2].removeprefix("_").split("_")]
    if max(numbers) >= len(tasks):
        return None
    return NameWithTasks(match[1], [tasks[i] for i in numbers], match[3] or "")


def part_of_layers(network: Network) -> dict[str, Part]:
    """Returns {name of a layer: its part}, for all layers with weights.

    The part follows from the position of the layer in the network:

    - `embeddings`: embedding tables
    - `encoder`: the other layers that the encodings are computed from
    - `gates`: gates between the encodings and the hidden vectors of the tasks
    - `experts`: the other layers between the encodings and the hidden vectors, bottom
      networks included
    - `towers`: layers after the hidden vectors
    """
    encoder = layers_before(network.encodings)
    up_to_hidden = layers_before([network.hidden])
    parts: dict[str, Part] = {}
    for layer in network.logits.layers:
        if not layer.weights:
            continue
        if isinstance(layer, FusedEmbedding):
            parts[layer.name] = "embeddings"
        elif layer.name in encoder:
            parts[layer.name] = "encoder"
        elif layer.name not in up_to_hidden:
            parts[layer.name] = "towers"
        else:
            parts[layer.name] = "gates" if isinstance(layer, Routing) else "experts"
    return parts


def in_order_of_creation(layers: Iterable[keras.Layer]) -> list[keras.Layer]:
    """Sorts layers of one class that Keras has numbered: `dense_2`, then `dense_10`."""
    return sorted(layers, key=lambda layer: (len(layer.name), layer.name))


def layers_before(tensors: list[Tensor]) -> set[str]:
    """Returns the names of all layers that the given tensors are computed from."""
    names: set[str] = set()
    to_visit = list(tensors)
    while to_visit:
        layer = to_visit.pop()._keras_history.operation
        if layer.name not in names:
            names.add(layer.name)
            for node in layer._inbound_nodes:  # one node for each call of the layer
                to_visit += node.input_tensors
    return names


def freeze(network: Network, parts: Sequence[Part]) -> None:
    """Makes training leave the weights of some parts as they are.

    The moving averages of batch normalisation do not change either.
    """
    part_by_layer = part_of_layers(network)
    for layer in network.logits.layers:
        if part_by_layer.get(layer.name) in parts:
            layer.trainable = False
    if not network.logits.trainable_variables:
        names = ", ".join(dict.fromkeys(part_by_layer.values()))
        raise ConfigError(
            f"start_from.freeze: this network has only {names}, so nothing is left to "
            "train; remove a part from the list"
        )
