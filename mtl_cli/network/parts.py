"""The parts of a network: which part each layer, and so each weight, belongs to."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from mtl_cli.config.start_from import Part
from mtl_cli.core.tensors import Tensor
from mtl_cli.layers import FusedEmbedding, Routing
from mtl_cli.network.build import Network

# A layer that computes one network for each of some tasks, named by the tasks' numbers:
# `towers_0_2`, `towers_0_2_logits`.
OF_SOME_TASKS = re.compile(r"([a-z]+s)((?:_\d+)+)(?:_([a-z]\w*))?")


class OwnNetworks(NamedTuple):
    """The words in the name of a layer that computes one network per task.

    Attributes:
        kind: what the networks are, in the plural: `towers`.
        tasks: the names of the tasks.
        layer: the layer's place in the networks, such as `logits`; "" if the name does
            not say.
    """

    kind: str
    tasks: list[str]
    layer: str


def own_networks(layer_name: str, tasks: Sequence[str]) -> OwnNetworks | None:
    """Returns which tasks' networks a layer computes; None if its name does not say."""
    match = OF_SOME_TASKS.fullmatch(layer_name)
    numbers = [int(number) for number in match[2].split("_")[1:]] if match else []
    if match is None or max(numbers) >= len(tasks):
        return None
    names = [tasks[number] for number in numbers]
    return OwnNetworks(match[1], names, match[3] or "")


def part_of_layers(network: Network) -> dict[str, Part]:
    """Returns the part of each layer that has weights, by the layer's name.

    The structure of the network decides. Embedding tables are `embeddings`. All other
    layers that the encodings depend on are the `encoder`. Between the encodings and the
    tasks' hidden vectors, gates are `gates`, and all other layers, bottom networks too,
    are `experts`. Layers after the hidden vectors are `towers`.
    """
    encoder = layers_before(network.encodings)
    sharing = layers_before([network.hidden])
    parts: dict[str, Part] = {}
    for layer in network.logits.layers:
        if not layer.weights:
            continue
        if isinstance(layer, FusedEmbedding):
            parts[layer.name] = "embeddings"
        elif layer.name in encoder:
            parts[layer.name] = "encoder"
        elif layer.name not in sharing:
            parts[layer.name] = "towers"
        else:
            parts[layer.name] = "gates" if isinstance(layer, Routing) else "experts"
    return parts


def layers_before(tensors: list[Tensor]) -> set[str]:
    """Returns the names of all layers that some tensors of a network depend on."""
    names: set[str] = set()
    waiting = list(tensors)
    while waiting:
        layer = waiting.pop()._keras_history.operation
        if layer.name not in names:
            names.add(layer.name)
            waiting += [x for node in layer._inbound_nodes for x in node.input_tensors]
    return names


def freeze(network: Network, parts: Sequence[Part]) -> list[str]:
    """Keeps training from moving the weights of some parts.

    The moving averages of batch normalisation do not change either.

    Returns: a warning for each part without weights.
    """
    part_of = part_of_layers(network)
    for layer in network.logits.layers:
        if part_of.get(layer.name) in parts:
            layer.trainable = False
    return [
        f"start_from.freeze: this network has no weights in its {part}"
        for part in parts
        if part not in part_of.values()
    ]
