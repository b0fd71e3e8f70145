"""Finds out which rows of a kernel read which feature."""

import itertools
from typing import Any

from mtl_cli.columns.layout import Layout
from mtl_cli.config.run_config import Config
from mtl_cli.config.start_from import Part
from mtl_cli.layers import Routing
from mtl_cli.network.build import Network
from mtl_cli.network.parallel_networks import input_kernels


class FeatureRows:
    """The rows of each feature in the kernels that read features.

    Such a kernel reads x, the input of the encoder, or an encoding, the output of the
    encoder.

    Args:
        network: the network of the configuration.
        config: the configuration.
        layout: the layout of the features.
    """

    def __init__(self, network: Network, config: Config, layout: Layout) -> None:
        self.encodings = network.encodings
        self.x = config.encoder.columns(layout)  # the feature of each column of x
        self.encoding = self._columns_of_encoding(config)

    @property
    def order(self) -> str:
        """The names of all features, in the order of their columns in x."""
        return ", ".join(dict.fromkeys(self.x))

    def of_layer(self, part: Part, layer: Any) -> list[tuple[str, slice]]:
        """Returns the rows of each feature in the kernels that read a layer's input.

        The list is empty for a layer that does not read features.
        """
        if not input_kernels(layer):
            return []
        if part == "encoder":  # a gate reads more than x
            return [] if isinstance(layer, Routing) else row_slices(self.x)
        reads = all(map(self._reads_encoding, layer._inbound_nodes[0].input_tensors))
        return row_slices(self.encoding) if reads else []

    def _columns_of_encoding(self, config: Config) -> list[str]:
        """Returns a name for each column of an encoding.

        All columns without a name of their own share one name: it lists all features.
        """
        width = config.encoder.deep_units[-1:]
        deep = [f"deep {i}" for i in range(width[0])] if width else self.x
        interactions = config.encoder.interaction_columns()
        if interactions is None:
            return [" ".join(self.x)] * self.encodings[0].shape[-1]
        return [*deep, *interactions]

    def _reads_encoding(self, tensor: Any) -> bool:
        """Whether a tensor holds encodings, unchanged but stacked, picked or scaled."""
        if any(tensor is encoding for encoding in self.encodings):
            return True
        operation, inputs = producer(tensor)
        if isinstance(operation, Routing) and not operation.are_shares:
            return True  # factors of the columns
        width = len(self.encoding)
        if getattr(operation, "weights", None) or tensor.shape[-1] != width:
            return False
        return bool(inputs) and all(map(self._reads_encoding, inputs))


def producer(tensor: Any) -> tuple[Any, list[Any]]:
    """Returns the operation that gives a tensor of a network, and its inputs."""
    history = tensor._keras_history
    node = history.operation._inbound_nodes[history.node_index]
    return history.operation, list(node.input_tensors)


def row_slices(names: list[str]) -> list[tuple[str, slice]]:
    """Returns each name with the slice of neighbouring positions that have the name.

    A second slice of a name, such as the ramps of a feature with ids, is `NAME 2`.
    """
    slices: dict[str, slice] = {}
    start = 0
    for name, group in itertools.groupby(names):
        stop = start + len(list(group))
        slices[f"{name} 2" if name in slices else name] = slice(start, stop)
        start = stop
    return list(slices.items())
